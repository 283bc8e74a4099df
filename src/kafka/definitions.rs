//! The topic of definitions: one partition, compacted, read whole, and written by one producer at a time.
//!
//! ```text
//! begin (a new epoch of one fixed transactional id: whoever wrote before is fenced) ─► write a mark ─► read up to it ─► write
//! ```
//! So who writes has read all that was written before, whatever the client holds to be the end of the log: of two listeners
//! neither can lose what the other one wrote. Knows nothing of what the records mean.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::making::{Making, make_topic};
use super::receipts::Receipts;
use super::sink::producer_of_new_epoch;
use super::tended::Tended;
use super::trouble::Trouble;
use super::{Access, Disposition, Error, Options, check_topics};
use crate::registry::RECORD_BYTES_MAX;

const READING: &str = "reading the topic of definitions";
const WRITING: &str = "writing a definition";
const PARTITION: i32 = 0;
/// Key of the marks; the newest alone outlasts compaction.
const MARK: &[u8] = b"mark";
/// How long one look at the log waits.
/// How large a record may be in transit: that of a metric, with what deletes it.
const MESSAGE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;
const POLL_WAIT: Duration = Duration::from_millis(100);

/// What is wrong with the topic of definitions.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsFault {
    /// It has several partitions, in which records have no order.
    #[error(
        "topic {topic:?} has {partitions} partitions, and definitions need one: name another topic in metrics.topic, or \
         create it with one partition and cleanup.policy compact"
    )]
    Partitions {
        /// Its name.
        topic: String,
        /// How many it has.
        partitions: i32,
    },
    /// It lost what was read of it.
    #[error(
        "topic {topic:?} was read up to offset {next}, and its log reaches to {end}: it was deleted and created anew, or \
         lost records; stop every process, bring the topic back from a copy, and start again"
    )]
    Lost {
        /// Its name.
        topic: String,
        /// The offset that was to be read next.
        next: i64,
        /// One past the last offset of the log.
        end: i64,
    },
    /// A state was made by definitions that have not been read.
    #[error(
        "the state was made by definitions of revision {of_state}, and those that are known are of revision {known}: where \
         that stays so, the topic that metrics.topic names lost records"
    )]
    Behind {
        /// Revision that the state was made by.
        of_state: u64,
        /// Revision that is known.
        known: u64,
    },
}

impl DefinitionsFault {
    pub(super) const fn disposition(&self) -> Disposition {
        match self {
            DefinitionsFault::Partitions { .. } | DefinitionsFault::Lost { .. } => {
                Disposition::Halt
            }
            // What is missing may be under way from another process.
            DefinitionsFault::Behind { .. } => Disposition::Retry,
        }
    }
}

/// The topic, read up to somewhere.
pub struct DefinitionTopic {
    name: String,
    consumer: BaseConsumer<Trouble>,
    writer: ClientConfig,
    timeout: Duration,
    /// The offset behind the last record that was read.
    next: i64,
    /// End of the log up to which all was read: behind `next` there are ends of transactions before it.
    known_end: i64,
    /// Values that were read and not handed out yet.
    read: Vec<Vec<u8>>,
}

/// What a look at the log brought.
enum Looked {
    /// A record, whose value is kept.
    Record,
    /// A mark of that name.
    Mark(Vec<u8>),
    /// Nothing is behind what was read.
    End,
    /// Nothing yet.
    Nothing,
}

/// Who may write now, until somebody else begins.
pub struct DefinitionWriter {
    producer: Tended<Receipts>,
    timeout: Duration,
}

impl DefinitionTopic {
    /// Opens the topic; nothing is read yet. `properties` are librdkafka's, which want a `group` that is never joined.
    ///
    /// # Errors
    /// A broker that does not answer; a topic that is not there, not authorised, or has several partitions.
    pub fn open(
        properties: &BTreeMap<String, String>,
        name: &str,
        group: &str,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let (counts, _) = check_topics(properties, &[(name, Access::Read)], timeout)?;
        Self::check_partitions(name, &counts)?;
        let mut config = Options::client(properties);
        // The client assigns nothing without a group. It never subscribes nor commits.
        config.set("group.id", group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("check.crcs", "true");
        let consumer: BaseConsumer<Trouble> =
            config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        let mut writer = Options::client(properties);
        // One for all that write to the topic, of whatever group they are.
        writer.set("transactional.id", name);
        writer.set("enable.idempotence", "true");
        writer.set("acks", "all");
        // Records say much the same in every version.
        writer.set("compression.type", "zstd");
        writer.set("message.max.bytes", MESSAGE_BYTES_MAX.to_string());
        writer.set("transaction.timeout.ms", timeout.as_millis().max(10_000).to_string());
        let topic = DefinitionTopic {
            name: name.to_owned(),
            consumer,
            writer,
            timeout,
            next: 0,
            known_end: 0,
            read: Vec::new(),
        };
        topic.go_on()?;
        Ok(topic)
    }

    /// Has the client fetch from behind the last record that was read. What it fetched and told before is dropped: it may have
    /// told of an end that the log no longer has, and tells of each end once.
    fn go_on(&self) -> Result<(), Error> {
        let from = if self.next == 0 { Offset::Beginning } else { Offset::Offset(self.next) };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, PARTITION, from)
            .and_then(|()| self.consumer.assign(&list))
            .map_err(Error::request(READING))
    }

    /// Records have an order in one partition alone.
    ///
    /// # Errors
    /// Another number of partitions.
    pub fn check_partitions(name: &str, counts: &[i32]) -> Result<(), Error> {
        if counts == [1] {
            return Ok(());
        }
        let partitions = counts.first().copied().unwrap_or(0);
        Err(Error::Definitions(DefinitionsFault::Partitions { topic: name.to_owned(), partitions }))
    }

    /// Makes the topic where there is none.
    ///
    /// # Errors
    /// A broker that does not answer, or does not let this user make it.
    pub fn make(
        properties: &BTreeMap<String, String>,
        name: &str,
        timeout: Duration,
    ) -> Result<(), Error> {
        let settings = [
            ("cleanup.policy", "compact".to_owned()),
            ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
        ];
        let what = "making the topic of definitions";
        make_topic(properties, &Making { name, partitions: 1, settings: &settings, what }, timeout)
    }

    /// The values of all records since the last call, up to the end that the log has now.
    ///
    /// # Errors
    /// A broker that does not answer in time, or a log that is shorter than it was.
    pub fn read(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        // Of a reader of committed records the end is where the first open transaction begins.
        let (first, end) = self
            .consumer
            .fetch_watermarks(&self.name, PARTITION, self.timeout)
            .map_err(|cause| self.explained(cause))?;
        if end < self.next || (self.next > 0 && first > self.next) {
            let (topic, next) = (self.name.clone(), self.next);
            return Err(Error::Definitions(DefinitionsFault::Lost { topic, next, end }));
        }
        if end > self.known_end {
            self.go_on()?;
        }
        let mut silence = Silence::new(self.timeout);
        while self.known_end < end {
            match self.look()? {
                Looked::Record | Looked::Mark(_) if self.next < end => {}
                // What is left are ends of transactions.
                Looked::Record | Looked::Mark(_) | Looked::End => self.known_end = end,
                Looked::Nothing => silence.check(self)?,
            }
        }
        Ok(std::mem::take(&mut self.read))
    }

    /// Takes back what was handed out and cannot be used: it comes again with the next call.
    pub fn take_back(&mut self, values: Vec<Vec<u8>>) {
        self.read.splice(..0, values);
    }

    /// Reads up to a mark.
    fn read_to(&mut self, mark: &str) -> Result<(), Error> {
        let mut silence = Silence::new(self.timeout);
        loop {
            match self.look()? {
                Looked::Mark(found) if found == mark.as_bytes() => return Ok(()),
                Looked::Record | Looked::Mark(_) => {}
                Looked::End | Looked::Nothing => silence.check(self)?,
            }
        }
    }

    fn look(&mut self) -> Result<Looked, Error> {
        match self.consumer.poll(POLL_WAIT) {
            Some(Ok(message)) => {
                self.next = message.offset() + 1;
                let value = message.payload().map(<[u8]>::to_vec);
                if message.key() == Some(MARK) {
                    return Ok(Looked::Mark(value.unwrap_or_default()));
                }
                self.read.extend(value);
                Ok(Looked::Record)
            }
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Looked::End),
            Some(Err(cause)) if is_final(&cause) => Err(Error::Request { what: READING, cause }),
            Some(Err(_)) | None => Ok(Looked::Nothing),
        }
    }

    fn explained(&self, cause: KafkaError) -> Error {
        Error::Request { what: READING, cause }.explained(self.consumer.context().last())
    }

    /// Fences whoever wrote before, and reads all that was written. Returns the values since the last call.
    ///
    /// # Errors
    /// A broker that does not answer, or does not let this user write.
    pub fn begin(&mut self) -> Result<(DefinitionWriter, Vec<Vec<u8>>), Error> {
        let producer = producer_of_new_epoch(&self.writer, self.timeout)?;
        let writer = DefinitionWriter { producer, timeout: self.timeout };
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random bytes");
        let mark = format!("{:032x}", u128::from_be_bytes(bytes));
        writer.write_record(&self.name, MARK, &mark)?;
        self.read_to(&mark)?;
        Ok((writer, std::mem::take(&mut self.read)))
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl DefinitionWriter {
    /// Writes a record in a transaction of its own. After an error it may be written or not: who begins anew knows.
    ///
    /// # Errors
    /// Whatever was not as it should be.
    pub fn write(self, topic: &str, key: &str, value: &str) -> Result<(), Error> {
        self.write_record(topic, key.as_bytes(), value)
    }

    fn write_record(&self, topic: &str, key: &[u8], value: &str) -> Result<(), Error> {
        let producer = &self.producer;
        producer.begin_transaction().map_err(Error::request(WRITING))?;
        let record = BaseRecord::to(topic).partition(PARTITION).key(key).payload(value);
        producer.send(record).map_err(|(cause, _)| Error::Request { what: WRITING, cause })?;
        producer.commit_transaction(self.timeout).map_err(|cause| {
            let error = Error::Request { what: WRITING, cause };
            match producer.context().refused() {
                Some((_, RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                    Error::Unauthorised { topic: topic.to_owned(), access: Access::Write }
                }
                Some((_, RDKafkaErrorCode::MessageSizeTooLarge)) => Error::Request {
                    what: WRITING,
                    cause: KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge),
                },
                _ => error.explained(producer.context().trouble.last()),
            }
        })
    }
}

/// How often nothing may come.
struct Silence {
    left: u128,
}

impl Silence {
    fn new(timeout: Duration) -> Self {
        Silence { left: timeout.as_millis() / POLL_WAIT.as_millis() }
    }

    fn check(&mut self, topic: &DefinitionTopic) -> Result<(), Error> {
        let cause = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        let left = self.left.checked_sub(1).ok_or_else(|| topic.explained(cause))?;
        self.left = left;
        Ok(())
    }
}

fn is_final(cause: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        cause.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::OffsetOutOfRange
                | Code::AutoOffsetReset
                | Code::BadMessage
        )
    )
}
