//! How large an entry may be: the least of what the client sends and of what the sink's topics take. And what else
//! topics say of their settings.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;

use super::trouble::Trouble;
use super::{Disposition, Error, Options};

const ASKING: &str = "asking for settings";
/// What librdkafka takes as `message.max.bytes`.
const MESSAGE_BYTES: std::ops::RangeInclusive<usize> = 1000..=1_000_000_000;

/// What one topic takes at most, or why that is not known.
pub type TopicLimit = Result<usize, String>;

/// How large an entry may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The client's own `message.max.bytes`.
    pub client: usize,
    /// `max.message.bytes` of the topic of totals.
    pub totals: TopicLimit,
    /// The same of the topic of rejects.
    pub rejects: TopicLimit,
}

impl Limits {
    /// The least of all that are known.
    pub fn message_bytes_max(&self) -> usize {
        let topics = [&self.totals, &self.rejects].into_iter().flatten().copied();
        let least = topics.fold(self.client, usize::min);
        least.clamp(*MESSAGE_BYTES.start(), *MESSAGE_BYTES.end())
    }
}

/// Asks a topic for its `max.message.bytes`. That it may not be asked, or says nothing, is an answer.
///
/// # Errors
/// A broker that does not answer.
pub fn topic_limit(
    properties: &BTreeMap<String, String>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicLimit, Error> {
    let told = Inquiry::open(properties, timeout)?.of_topic(topic, "max.message.bytes")?;
    Ok(told.and_then(|text| text.parse().map_err(|_| format!("the broker tells {text:?}"))))
}

/// Asks for settings. Why one is not known is an answer too.
pub struct Inquiry {
    client: AdminClient<Trouble>,
    timeout: Duration,
}

impl Inquiry {
    /// By the user whom the properties name.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(properties: &BTreeMap<String, String>, timeout: Duration) -> Result<Self, Error> {
        let made = Options::client(properties).create_with_context(Trouble::default());
        Ok(Inquiry { client: made.map_err(Error::Client)?, timeout })
    }

    /// A setting of a topic.
    ///
    /// # Errors
    /// A broker that does not answer.
    pub fn of_topic(&self, topic: &str, name: &str) -> Result<Result<String, String>, Error> {
        self.ask(&ResourceSpecifier::Topic(topic), name)
    }

    /// The same of a broker, which is found by a topic that is there.
    ///
    /// # Errors
    /// A broker that does not answer.
    pub fn of_broker(&self, topic: &str, name: &str) -> Result<Result<String, String>, Error> {
        let metadata = self.client.inner().fetch_metadata(Some(topic), self.timeout);
        let metadata = metadata.map_err(Error::request(ASKING))?;
        // Which one has answered is not always told: one that was asked by its address alone has no id.
        let Some(broker) = metadata.brokers().first().map(MetadataBroker::id) else {
            return Ok(Err("the cluster tells of no broker".to_owned()));
        };
        self.ask(&ResourceSpecifier::Broker(broker), name)
    }

    fn ask(&self, of: &ResourceSpecifier<'_>, name: &str) -> Result<Result<String, String>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("the system gives what a thread waits with");
        let options = AdminOptions::new().request_timeout(Some(self.timeout));
        let answer = runtime.block_on(self.client.describe_configs([of], &options));
        let answer = answer.and_then(|found| match found.into_iter().next() {
            Some(Err(code)) => Err(KafkaError::AdminOp(code)),
            Some(Ok(found)) => Ok(Some(found)),
            None => Ok(None),
        });
        match answer {
            Ok(found) => Ok(understood(found.as_ref(), name)),
            Err(cause) => refused(cause)
                .map_err(|error| error.explained(self.client.inner().context().last())),
        }
    }
}

fn understood(found: Option<&ConfigResource>, name: &str) -> Result<String, String> {
    let entry = found.and_then(|found| found.get(name));
    let text = entry.and_then(|entry| entry.value.as_deref());
    let text = text.ok_or(
        "the broker does not tell it: that takes the operation DescribeConfigs on what has it",
    )?;
    Ok(text.to_owned())
}

/// A broker that does not answer is asked again; one that refuses will not tell.
fn refused(cause: KafkaError) -> Result<Result<String, String>, Error> {
    // The code stands where the client's own look for one does not.
    let cause = match cause {
        KafkaError::AdminOp(code) => KafkaError::Global(code),
        cause => cause,
    };
    let error = Error::Request { what: ASKING, cause };
    match error.code() {
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Ok(Err("it may not be asked: that takes the operation DescribeConfigs on the topic"
                .to_owned()))
        }
        Some(RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            Ok(Err("it may not be asked: that takes the operation DescribeConfigs on the cluster"
                .to_owned()))
        }
        // A broker that does not know the question at all.
        Some(RDKafkaErrorCode::UnsupportedVersion) => Ok(Err(error.to_string())),
        _ if error.disposition() == Disposition::Retry => Err(error),
        _ => Ok(Err(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(client: usize, totals: TopicLimit, rejects: TopicLimit) -> usize {
        Limits { client, totals, rejects }.message_bytes_max()
    }

    #[test]
    fn least_limit_that_is_known_holds() {
        let unknown = || Err("unknown".to_owned());
        assert_eq!(limits(1_000_000, Ok(1_048_588), Ok(50_000)), 50_000);
        assert_eq!(limits(1_000_000, Ok(70_000), unknown()), 70_000);
        assert_eq!(limits(1_000_000, unknown(), unknown()), 1_000_000);
        assert_eq!(limits(1_000_000, Ok(1_048_588), Ok(1_048_588)), 1_000_000);
        assert_eq!(
            limits(1_000_000, Ok(0), Ok(1_048_588)),
            1000,
            "the least that the client takes"
        );
    }

    #[test]
    fn broker_that_refuses_the_question_is_not_asked_again() {
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        let answer = refused(KafkaError::AdminOp(code)).expect("an answer");
        assert!(answer.expect_err("no limit").contains("DescribeConfigs"));
        let answer = refused(KafkaError::AdminOp(RDKafkaErrorCode::UnsupportedVersion));
        assert!(answer.expect("an answer").is_err());
        assert!(refused(KafkaError::AdminOp(RDKafkaErrorCode::RequestTimedOut)).is_err());
        assert!(refused(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)).is_err());
    }
}
