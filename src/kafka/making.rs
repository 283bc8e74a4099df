//! Topics that this program makes by itself, where there are none.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::trouble::Trouble;
use super::{Error, Options};

/// What a topic is to be; copies as many as the broker makes of any.
#[derive(Clone, Debug)]
pub(super) struct Making<'m> {
    /// Its name.
    pub(super) name: &'m str,
    /// How many partitions.
    pub(super) partitions: i32,
    /// Its own settings.
    pub(super) settings: &'m [(&'m str, String)],
    /// What it is for, in errors.
    pub(super) what: &'static str,
}

/// Makes a topic; that it is there is no failure.
///
/// # Errors
/// A broker that does not answer, or does not let this user make it.
pub(super) fn make_topic(
    properties: &BTreeMap<String, String>,
    making: &Making<'_>,
    timeout: Duration,
) -> Result<(), Error> {
    let Making { name, partitions, settings, what } = *making;
    let config = Options::client(properties);
    let client: AdminClient<Trouble> =
        config.create_with_context(Trouble::default()).map_err(Error::Client)?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
    let options =
        AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives what a runtime needs");
    let made = runtime.block_on(client.create_topics([&topic], &options));
    match made.map_err(Error::request(what))?.first() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)) | Ok(_)) | None => Ok(()),
        Some(Err((_, RDKafkaErrorCode::TopicAuthorizationFailed))) => {
            Err(Error::Unmade(name.to_owned()))
        }
        Some(Err((_, code))) => Err(Error::Request { what, cause: KafkaError::AdminOp(*code) }),
    }
}
