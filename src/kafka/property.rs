//! Whether librdkafka takes a property.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// Why librdkafka does not take that property with that value, in its words, which may hold the value; `None`: it does.
pub fn refused_property(name: &str, value: &str) -> Option<String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, reason, _, _)) => Some(reason),
        Err(error) => Some(error.to_string()),
    }
}
