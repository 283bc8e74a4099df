//! Settings of the clients, and what is asked of a cluster before it is used.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::Error;
use super::trouble::{self, Trouble};

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
        config
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = plain();
        // Lower than librdkafka's full second, or a short queue starves the worker; settable.
        config.set("fetch.queue.backoff.ms", "10");
        config.set("queued.max.messages.kbytes", "65536");
        for (key, value) in &self.source {
            config.set(key, value);
        }
        config.set("group.id", &self.group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("partition.assignment.strategy", "cooperative-sticky");
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
        config.set("transactional.id", self.transactional_id());
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("transaction.timeout.ms", self.transaction_timeout.as_millis().to_string());
        config
    }

    /// Group, instance, topic and worker: two processes never share one, and a process comes back under its own.
    pub(super) fn transactional_id(&self) -> String {
        format!("{}-{}-{}-{}", self.group, self.instance, self.topics.source, self.worker)
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
/// A broker that does not answer, or a topic that does not exist.
pub fn check_topics(
    properties: &BTreeMap<String, String>,
    topics: &[&str],
    timeout: Duration,
) -> Result<(Vec<i32>, String), Error> {
    let client: BaseConsumer<Trouble> = Options::client(properties)
        .create_with_context(Trouble::default())
        .map_err(Error::Client)?;
    let mut counts = Vec::new();
    for topic in topics {
        let count = partitions(&client, topic, timeout);
        counts.push(count.map_err(|error| error.explained(trouble::last_said(&client)))?);
    }
    let cluster = client.client().fetch_cluster_id(timeout).ok_or(Error::NoClusterId)?;
    Ok((counts, cluster))
}

/// The number of partitions of a topic.
pub(super) fn partitions<C: rdkafka::consumer::ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    timeout: Duration,
) -> Result<i32, Error> {
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .map_err(Error::request("asking for the topic's partitions"))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found {
        Some(found) if !found.partitions().is_empty() => {
            Ok(i32::try_from(found.partitions().len()).expect("partitions are numbered by i32"))
        }
        _ => Err(Error::TopicMissing(topic.to_owned())),
    }
}
