//! The topic of definitions: one partition, compacted, read whole, and written by one producer at a time.
//!
//! ```text
//! begin (a new epoch of one fixed transactional id: whoever wrote before is fenced) ─► read to the end ─► write
//! ```
//! So who writes has read all that was written before: of two listeners neither can lose what the other one wrote. Knows
//! nothing of what the records mean.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::receipts::Receipts;
use super::sink::producer_of_new_epoch;
use super::tended::Tended;
use super::trouble::Trouble;
use super::{Access, Error, Options, check_topics};

const READING: &str = "reading the topic of definitions";
const WRITING: &str = "writing a definition";
const PARTITION: i32 = 0;
/// How long one look at the log waits.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// The topic, read up to somewhere.
pub struct DefinitionTopic {
    name: String,
    consumer: BaseConsumer<Trouble>,
    writer: ClientConfig,
    timeout: Duration,
    /// The offset that is read next.
    next: i64,
}

/// Who may write now, until somebody else begins.
pub struct DefinitionWriter {
    producer: Tended<Receipts>,
    timeout: Duration,
}

impl DefinitionTopic {
    /// Opens the topic; nothing is read yet. `properties` are librdkafka's, `group` begins the transactional id.
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
        if counts != [1] {
            let partitions = counts.first().copied().unwrap_or(0);
            return Err(Error::DefinitionPartitions { topic: name.to_owned(), partitions });
        }
        let mut config = Options::client(properties);
        // The client assigns nothing without a group. It never subscribes nor commits.
        config.set("group.id", group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("check.crcs", "true");
        // The end of the log is told soon; between two calls nothing is fetched.
        config.set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer<Trouble> =
            config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        let mut writer = Options::client(properties);
        writer.set("transactional.id", format!("{group}-definitions:{name}"));
        writer.set("enable.idempotence", "true");
        writer.set("acks", "all");
        writer.set("transaction.timeout.ms", timeout.as_millis().max(10_000).to_string());
        Ok(DefinitionTopic { name: name.to_owned(), consumer, writer, timeout, next: 0 })
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
        let config = Options::client(properties);
        let client: AdminClient<Trouble> =
            config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        let topic = NewTopic::new(name, 1, TopicReplication::Fixed(-1));
        let topic = topic.set("cleanup.policy", "compact");
        let options =
            AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system gives what a runtime needs");
        let made = runtime.block_on(client.create_topics([&topic], &options));
        let failed = |code| Error::Request {
            what: "making the topic of definitions",
            cause: KafkaError::AdminOp(code),
        };
        match made.map_err(Error::request("making the topic of definitions"))?.first() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)) | Ok(_)) | None => Ok(()),
            Some(Err((_, code))) => Err(failed(*code)),
        }
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
            .map_err(|cause| {
                Error::Request { what: READING, cause }.explained(self.consumer.context().last())
            })?;
        if end < self.next || first > self.next {
            return Err(Error::DefinitionsLost { topic: self.name.clone(), next: self.next, end });
        }
        if self.next == end {
            return Ok(Vec::new());
        }
        self.assign(self.next)?;
        let read = self.read_until(end);
        // Nothing is fetched until the next call.
        self.consumer.unassign().map_err(Error::request(READING))?;
        let values = read?;
        self.next = end;
        Ok(values)
    }

    fn read_until(&self, end: i64) -> Result<Vec<Vec<u8>>, Error> {
        let silences_max = self.timeout.as_millis() / POLL_WAIT.as_millis();
        let mut values = Vec::new();
        let mut silences = 0;
        loop {
            match self.consumer.poll(POLL_WAIT) {
                Some(Ok(message)) if message.offset() < end => {
                    silences = 0;
                    values.extend(message.payload().map(<[u8]>::to_vec));
                    if message.offset() + 1 == end {
                        return Ok(values);
                    }
                }
                // What came since, and ends of transactions.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(values),
                Some(Err(cause)) if is_final(&cause) => {
                    return Err(Error::Request { what: READING, cause });
                }
                Some(Err(_)) | None if silences < silences_max => silences += 1,
                Some(Err(_)) | None => {
                    let cause = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                    let error = Error::Request { what: READING, cause };
                    return Err(error.explained(self.consumer.context().last()));
                }
            }
        }
    }

    fn assign(&self, offset: i64) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, PARTITION, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(Error::request(READING))
    }

    /// Fences whoever wrote before. What that one wrote is read after this.
    ///
    /// # Errors
    /// A broker that does not answer, or does not let this user write.
    pub fn begin(&self) -> Result<DefinitionWriter, Error> {
        let producer = producer_of_new_epoch(&self.writer, self.timeout)?;
        Ok(DefinitionWriter { producer, timeout: self.timeout })
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl DefinitionWriter {
    /// Writes a record in a transaction of its own. After an error it may be written or not: who begins anew and reads to
    /// the end knows.
    ///
    /// # Errors
    /// Whatever was not as it should be.
    pub fn write(self, topic: &str, key: &str, value: &str) -> Result<(), Error> {
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
                _ => error.explained(producer.context().trouble.last()),
            }
        })
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
