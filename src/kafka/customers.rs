//! The topic of customers: what it must be, its making, and who writes to it. One partition, compacted: of each key the
//! newest record stays.
//!
//! Records go out of any transaction, for they are true whatever becomes of one. Who reads them takes `Log`. Knows nothing
//! of what they mean.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer};

use super::grants::check_topic_grant;
use super::limits::Inquiry;
use super::making::{Making, make_topic};
use super::receipts::Receipts;
use super::tended::Tended;
use super::topic_id::topic_id;
use super::{Access, Disposition, Error, Options, TopicId, check_topics};

const WRITING: &str = "saying which customers are seen";
/// How long a queue that is full is waited for at once.
const QUEUE_WAIT: Duration = Duration::from_millis(50);

/// What is wrong with a topic of customers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomersFault {
    /// There is none, and it could not be made.
    Unmade {
        /// Its name.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// It has several partitions.
    Partitions {
        /// Its name.
        topic: String,
        /// How many it has.
        partitions: i32,
    },
    /// It forgets what it was told.
    NotCompacted {
        /// Its name.
        topic: String,
        /// Its `cleanup.policy`.
        policy: String,
    },
    /// It was deleted and created anew while it was read.
    Replaced(String),
}

impl fmt::Display for CustomersFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CustomersFault::Unmade { topic, reason } => write!(
                f,
                "topic {topic:?}, in which the processes of the group tell each other which customers they see, does not \
                 exist, and could not be made ({reason}): create it with one partition and cleanup.policy compact, grant \
                 Create on it, or do without that check by source.customers_topic = \"\""
            ),
            CustomersFault::Partitions { topic, partitions } => write!(
                f,
                "topic {topic:?} has {partitions} partitions, and source.customers_topic needs one: name another, or \
                 create it with one partition and cleanup.policy compact"
            ),
            CustomersFault::NotCompacted { topic, policy } => write!(
                f,
                "topic {topic:?} of source.customers_topic has cleanup.policy {policy:?}, and would forget which customers \
                 were seen: set its cleanup.policy to compact"
            ),
            CustomersFault::Replaced(topic) => write!(
                f,
                "topic {topic:?} of source.customers_topic was deleted and created anew: start again, and the processes \
                 say anew which customers they have"
            ),
        }
    }
}

/// The id of the topic of customers, which is made where there is none; `None`: its broker tells no ids.
///
/// # Errors
/// A broker that does not answer, or does not let it be made; a topic that is not as it must be.
pub fn customers_topic(
    properties: &BTreeMap<String, String>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<TopicId>, Error> {
    let counts = match check_topics(properties, &[(topic, Access::Write)], timeout) {
        Err(Error::TopicMissing(_)) => make(properties, topic, timeout)?,
        found => found?.0,
    };
    check_shape(properties, topic, &counts, timeout)?;
    // One who may only write would learn of nobody's customers.
    for access in [Access::Write, Access::Read] {
        check_topic_grant(properties, topic, access, timeout)?;
    }
    topic_id(properties, topic, timeout)
}

/// That a topic of that many partitions may be one of customers.
///
/// # Errors
/// A topic that is not as it must be, or a broker that does not answer.
pub fn check_shape(
    properties: &BTreeMap<String, String>,
    topic: &str,
    counts: &[i32],
    timeout: Duration,
) -> Result<(), Error> {
    let topic = topic.to_owned();
    if counts != [1] {
        let partitions = counts.first().copied().unwrap_or(0);
        return Err(Error::Customers(CustomersFault::Partitions { topic, partitions }));
    }
    match Inquiry::open(properties, timeout)?.of_topic(&topic, "cleanup.policy")? {
        // By compaction and age it forgets as well.
        Ok(policy) if policy != "compact" => {
            Err(Error::Customers(CustomersFault::NotCompacted { topic, policy }))
        }
        Ok(_) => Ok(()),
        Err(reason) => {
            tracing::warn!(topic, reason, "whether the topic of customers compacts is not known");
            Ok(())
        }
    }
}

fn make(
    properties: &BTreeMap<String, String>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<i32>, Error> {
    let settings = [("cleanup.policy", "compact".to_owned())];
    let what = "making the topic of customers";
    let making = Making { name: topic, partitions: 1, settings: &settings, what };
    match make_topic(properties, &making, timeout) {
        Ok(()) => {}
        Err(error) if error.disposition() == Disposition::Retry => return Err(error),
        Err(error) => {
            let (topic, reason) = (topic.to_owned(), error.to_string());
            return Err(Error::Customers(CustomersFault::Unmade { topic, reason }));
        }
    }
    tracing::info!(topic, "a topic of customers is made");
    // Brokers may know of it a little later: the caller asks again.
    match check_topics(properties, &[(topic, Access::Write)], timeout) {
        Err(Error::TopicMissing(_)) => Err(Error::Leaderless(vec![0])),
        found => found.map(|(counts, _)| counts),
    }
}

/// Writes to a topic of customers; shared by threads.
pub struct CustomersWriter {
    config: ClientConfig,
    topic: String,
    timeout: Duration,
    producer: Mutex<Option<Tended<Receipts>>>,
}

impl CustomersWriter {
    /// One that has not spoken to the broker yet.
    pub fn new(properties: &BTreeMap<String, String>, topic: &str, timeout: Duration) -> Self {
        let mut config = Options::client(properties);
        config.set("acks", "all");
        config.set("compression.type", "lz4");
        config.set("message.timeout.ms", timeout.as_millis().to_string());
        CustomersWriter { config, topic: topic.to_owned(), timeout, producer: Mutex::new(None) }
    }

    /// Writes records, key and value, and waits until the broker has them. After an error any of them may be written.
    ///
    /// # Errors
    /// A broker that does not answer in time, or does not let this user write.
    pub fn write(&self, records: impl Iterator<Item = (String, String)>) -> Result<(), Error> {
        let mut producer = self.producer.lock().expect("no holder panics");
        let made = match producer.take() {
            Some(made) => made,
            None => Tended::new(&self.config, Receipts::default()).map_err(Error::Client)?,
        };
        self.write_by(&made, records).map_err(|error| self.explained(&made, error))?;
        // After an error another one is made: this one may still hold what was given up.
        *producer = Some(made);
        Ok(())
    }

    fn write_by(
        &self,
        producer: &Tended<Receipts>,
        records: impl Iterator<Item = (String, String)>,
    ) -> Result<(), Error> {
        for (key, value) in records {
            let mut record =
                BaseRecord::to(&self.topic).partition(0).key(key.as_str()).payload(value.as_str());
            let mut waits = self.timeout.as_millis() / QUEUE_WAIT.as_millis();
            while let Err((cause, back)) = producer.send(record) {
                let is_full = cause.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if !is_full || waits == 0 {
                    return Err(Error::Request { what: WRITING, cause });
                }
                waits -= 1;
                record = back;
                // This empties the queue of what was answered.
                let _ = producer.flush(QUEUE_WAIT);
            }
        }
        producer.flush(self.timeout).map_err(Error::request(WRITING))?;
        match producer.context().refused() {
            Some((_, code)) => {
                let cause = KafkaError::MessageProduction(code);
                Err(Error::Request { what: WRITING, cause })
            }
            None => Ok(()),
        }
    }

    fn explained(&self, producer: &Tended<Receipts>, error: Error) -> Error {
        match producer.context().refused().map(|(_, code)| code).or(error.code()) {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Error::Unauthorised { topic: self.topic.clone(), access: Access::Write }
            }
            _ => error.explained(producer.context().trouble.last()),
        }
    }
}
