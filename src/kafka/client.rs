//! Settings of the clients, and what is asked of a cluster before it is used.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::limits::Limits;
use super::trouble::{self, Trouble};
use super::{Access, Error, TopicId};

const ASKING: &str = "asking for the topic's partitions";
/// How members of the group share its partitions.
pub(super) const ASSIGNOR: &str = "cooperative-sticky";

/// How one worker talks to Kafka.
#[derive(Clone, Debug)]
pub struct Options {
    /// librdkafka's settings for the source.
    pub source: BTreeMap<String, String>,
    /// librdkafka's settings for the sink: the source's, with those of the sink over them.
    pub sink: BTreeMap<String, String>,
    /// Consumer group.
    pub group: String,
    /// Names this process in transactional ids; stays the same from start to start.
    pub instance: String,
    /// Whether the process is a static member of the group under that name.
    pub is_static: bool,
    /// Number of the worker in the process.
    pub worker: usize,
    /// Topics.
    pub topics: Topics,
    /// Id of the source topic when the process started, where its broker tells it.
    pub topic_id: Option<TopicId>,
    /// How long an entry may be.
    pub limits: Limits,
    /// How long the broker keeps an unfinished transaction.
    pub transaction_timeout: Duration,
    /// How long an answer is waited for.
    pub request_timeout: Duration,
}

/// Names of topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    /// Where events are read.
    pub source: String,
    /// Where totals go.
    pub totals: String,
    /// Where rejects go.
    pub rejects: String,
}

impl Options {
    pub(super) fn client(properties: &BTreeMap<String, String>) -> ClientConfig {
        let mut config = plain();
        for (key, value) in properties {
            config.set(key, value);
        }
        // Of a client that answers questions and is not polled they would pile up.
        config.set("statistics.interval.ms", "0");
        config
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = plain();
        // Lower than librdkafka's full second, or a short queue starves the worker; settable.
        config.set("fetch.queue.backoff.ms", "10");
        config.set("queued.max.messages.kbytes", "65536");
        // By it the processes of a group know each other.
        config.set("client.id", self.client_id());
        for (key, value) in &self.source {
            config.set(key, value);
        }
        config.set("group.id", &self.group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("partition.assignment.strategy", ASSIGNOR);
        config.set("enable.partition.eof", "true");
        config.set("check.crcs", "true");
        if self.is_static {
            let member = format!("{}-{}-{}", self.instance, self.topics.source, self.worker);
            config.set("group.instance.id", member);
        }
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = plain();
        config.set("linger.ms", "5");
        config.set("compression.type", "lz4");
        for (key, value) in &self.sink {
            config.set(key, value);
        }
        // Also a batch: the broker holds it, not its entries, against what the topic takes.
        config.set("message.max.bytes", self.limits.message_bytes_max().to_string());
        config.set("transactional.id", self.transactional_id());
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string());
        config
    }

    /// The name of this process's consumers, unless the operator gives them another.
    pub fn client_id(&self) -> String {
        let given = self.source.get("client.id");
        given.cloned().unwrap_or_else(|| format!("odometer-{}", self.instance))
    }

    /// Group, instance, topic and worker: two processes never share one, and a process comes back under its own. How long
    /// the first two are tells where each ends, for all may have hyphens; ids made by earlier versions had no lengths.
    pub fn transactional_id(&self) -> String {
        let Options { group, instance, worker, topics, .. } = self;
        let (topic, group_bytes, instance_bytes) = (&topics.source, group.len(), instance.len());
        format!("{group}-{instance}-{topic}-{worker}:{group_bytes}:{instance_bytes}")
    }
}

/// That a connection was ended for the lack of TLS or SASL is no more than a notice to the client.
fn plain() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "odometer");
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

/// Asks for the number of partitions of each topic, in their order, and the id of the cluster.
///
/// # Errors
/// A broker that does not answer, or a topic that does not exist or is not authorised.
pub fn check_topics(
    properties: &BTreeMap<String, String>,
    topics: &[(&str, Access)],
    timeout: Duration,
) -> Result<(Vec<i32>, String), Error> {
    let client: BaseConsumer<Trouble> = Options::client(properties)
        .create_with_context(Trouble::default())
        .map_err(Error::Client)?;
    let mut counts = Vec::new();
    for (topic, access) in topics {
        let count = partitions(&client, topic, *access, timeout);
        counts.push(count.map_err(|error| error.explained(trouble::last_said(&client)))?);
    }
    let cluster = client.client().fetch_cluster_id(timeout).ok_or_else(|| no_cluster(&client))?;
    Ok((counts, cluster))
}

/// Why the cluster's id is not known: most often no broker answers at all.
fn no_cluster(client: &BaseConsumer<Trouble>) -> Error {
    match trouble::last_said(client) {
        Some(reason) => {
            let cause = KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure);
            Error::Unreachable { what: "asking for the cluster's id", cause, reason }
        }
        None => Error::NoClusterId,
    }
}

/// The first of these topics that a broker says is not there.
pub(super) fn missing_topic(
    properties: &BTreeMap<String, String>,
    topics: [&str; 2],
    timeout: Duration,
) -> Option<String> {
    let client: BaseConsumer<Trouble> =
        Options::client(properties).create_with_context(Trouble::default()).ok()?;
    topics.into_iter().find_map(|topic| match partitions(&client, topic, Access::Write, timeout) {
        Err(Error::TopicMissing(topic)) => Some(topic),
        Ok(_) | Err(_) => None,
    })
}

/// The number of partitions of a topic.
pub(super) fn partitions<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    access: Access,
    timeout: Duration,
) -> Result<i32, Error> {
    let metadata = client.fetch_metadata(Some(topic), timeout).map_err(Error::request(ASKING))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    let code = found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
    counted(topic, access, count, code)
}

/// What the answer about a topic means.
fn counted(
    topic: &str,
    access: Access,
    count: usize,
    code: Option<RDKafkaErrorCode>,
) -> Result<i32, Error> {
    use RDKafkaErrorCode as Code;
    match code {
        None if count > 0 => Ok(i32::try_from(count).expect("partitions are numbered by i32")),
        Some(Code::TopicAuthorizationFailed) => {
            Err(Error::Unauthorised { topic: topic.to_owned(), access })
        }
        None | Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::InvalidTopic) => {
            Err(Error::TopicMissing(topic.to_owned()))
        }
        Some(code) => Err(Error::Request { what: ASKING, cause: KafkaError::MetadataFetch(code) }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disposition;
    use super::*;

    fn answer(count: usize, code: Option<RDKafkaErrorCode>) -> Result<i32, (String, Disposition)> {
        let answer = counted("usage", Access::Read, count, code);
        answer.map_err(|error| (error.to_string(), error.disposition()))
    }

    #[test]
    fn topic_that_is_not_authorised_is_not_told_as_missing() {
        let refused = Some(RDKafkaErrorCode::TopicAuthorizationFailed);
        let (text, disposition) = answer(0, refused).expect_err("it is not authorised");
        for words in ["topic \"usage\" is not authorised", "Describe and Read"] {
            assert!(text.contains(words), "no {words} in: {text}");
        }
        assert!(!text.contains("create"), "{text}");
        assert_eq!(disposition, Disposition::Halt);
        let error = counted("totals", Access::Write, 0, refused).expect_err("nor this");
        assert!(error.to_string().contains("Describe and Write"), "{error}");
    }

    #[test]
    fn topic_that_does_not_exist_is_told_as_missing() {
        for code in [None, Some(RDKafkaErrorCode::UnknownTopicOrPartition)] {
            let (text, disposition) = answer(0, code).expect_err("it does not exist");
            assert!(text.contains("topic \"usage\" does not exist: create it"), "{text}");
            assert_eq!(disposition, Disposition::Halt);
        }
    }

    #[test]
    fn topic_without_a_leader_is_asked_for_again() {
        let (_, disposition) =
            answer(2, Some(RDKafkaErrorCode::LeaderNotAvailable)).expect_err("not now");
        assert_eq!(disposition, Disposition::Retry);
        assert_eq!(answer(2, None), Ok(2));
    }
}
