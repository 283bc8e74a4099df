//! A topic as it stands: every committed record from its beginning to the end that it has when it is opened, partition
//! by partition.
//!
//! For who looks at a topic once, or from time to time at what has come since then. The client is in no group and commits
//! nothing, so that it disturbs nobody; what is appended meanwhile is not read before it is asked for. Knows nothing of what the records mean.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::trouble::Trouble;
use super::{Access, Error, Options, check_topics};

const READING: &str = "reading the topic";

/// A topic that is read once.
pub struct Log {
    consumer: BaseConsumer<Trouble>,
    topic: String,
    /// Up to where each partition was asked for, by number.
    ends: Vec<i64>,
    timeout: Duration,
    /// Partitions that were not begun yet.
    waiting: VecDeque<Extent>,
    /// The one that is being read.
    current: Option<Extent>,
    /// Offsets of partitions that were read to their end.
    passed: u64,
    /// Offsets of all.
    length: u64,
    /// Whether every partition began with its first offset when that was last asked for.
    is_whole: bool,
}

/// What is still to be read of a partition.
#[derive(Clone, Copy)]
struct Extent {
    partition: i32,
    next: i64,
    end: i64,
}

impl Extent {
    fn length(self) -> u64 {
        u64::try_from(self.end - self.next).unwrap_or(0)
    }
}

/// A record of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogRecord {
    /// The partition's number.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// Its key, where it has one.
    pub key: Option<Vec<u8>>,
    /// Its value, where it has one.
    pub value: Option<Vec<u8>>,
}

/// What one look at the log brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogStep {
    /// The next record.
    Record(LogRecord),
    /// Nothing yet.
    Nothing,
    /// All was read.
    End,
}

impl Log {
    /// Asks how far the topic reaches; nothing is read yet. `properties` are librdkafka's.
    ///
    /// # Errors
    /// A broker that does not answer in time, or a topic that is not there or not authorised.
    pub fn open(
        properties: &BTreeMap<String, String>,
        group: &str,
        topic: &str,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let (counts, _) = check_topics(properties, &[(topic, Access::Read)], timeout)?;
        let mut config = Options::client(properties);
        // The client assigns nothing without a group. In that of the daemon it needs no further grant; it never
        // subscribes nor commits, and so is no member of it.
        config.set("group.id", group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        // What is deleted meanwhile, as it grew too old, is passed over.
        config.set("auto.offset.reset", "earliest");
        config.set("isolation.level", "read_committed");
        let consumer: BaseConsumer<Trouble> =
            config.create_with_context(Trouble::default()).map_err(Error::Client)?;
        let count = counts.first().copied().unwrap_or(0);
        let mut log = Log {
            consumer,
            topic: topic.to_owned(),
            ends: vec![0; usize::try_from(count).unwrap_or(0)],
            timeout,
            waiting: VecDeque::new(),
            current: None,
            passed: 0,
            length: 0,
            is_whole: true,
        };
        log.go_on()?;
        Ok(log)
    }

    /// Asks anew how far the topic reaches, after [`LogStep::End`]: what was appended since then is read next.
    ///
    /// # Errors
    /// A broker that does not answer in time; nothing is passed over by that.
    pub fn go_on(&mut self) -> Result<(), Error> {
        for (partition, before) in (0..).zip(&mut self.ends) {
            // Of a reader of committed records the end is where the first open transaction begins.
            let bounds = self.consumer.fetch_watermarks(&self.topic, partition, self.timeout);
            let (begin, end) = bounds.map_err(|cause| {
                let error = Error::Request { what: "asking how far the topic reaches", cause };
                error.explained(self.consumer.context().last())
            })?;
            self.is_whole &= begin == 0;
            let extent = Extent { partition, next: begin.max(*before), end };
            if extent.next < end {
                *before = end;
                self.length += extent.length();
                self.waiting.push_back(extent);
            }
        }
        Ok(())
    }

    /// Has a partition be read from that offset on, whatever was read of it, up to the end that it has now.
    ///
    /// # Errors
    /// A broker that does not answer in time: then it is to be called again.
    pub fn seek(&mut self, partition: i32, offset: i64) -> Result<(), Error> {
        self.waiting.retain(|extent| extent.partition != partition);
        if self.current.is_some_and(|extent| extent.partition == partition) {
            self.current = None;
        }
        let place = usize::try_from(partition).ok().and_then(|place| self.ends.get_mut(place));
        if let Some(end) = place {
            *end = offset;
        }
        self.go_on()
    }

    /// One past the last offset up to which a partition was asked for.
    pub fn end(&self, partition: i32) -> i64 {
        let place = usize::try_from(partition).ok();
        place.and_then(|place| self.ends.get(place)).copied().unwrap_or(0)
    }

    /// Whether nothing was removed from the beginning of any partition: compaction leaves the beginning where it is.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many offsets there are between beginning and end: as many as records, or more.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many of them are passed.
    pub fn position(&self) -> u64 {
        let left = self.current.map_or(0, Extent::length);
        self.passed.saturating_sub(left)
    }

    /// Waits up to `timeout` for the next record.
    ///
    /// # Errors
    /// What no waiting mends. A broker that is away shows in [`LogStep::Nothing`] alone; [`Log::silence`] says why.
    pub fn step(&mut self, timeout: Duration) -> Result<LogStep, Error> {
        let extent = if let Some(extent) = self.current {
            extent
        } else if let Some(next) = self.waiting.front().copied() {
            self.begin(next)?
        } else {
            // Else it would fetch ahead what nobody asks for yet.
            self.consumer.unassign().map_err(Error::request(READING))?;
            return Ok(LogStep::End);
        };
        match self.consumer.poll(timeout) {
            // Of a partition that was read before it.
            Some(Ok(message)) if message.partition() != extent.partition => Ok(LogStep::Nothing),
            Some(Ok(message)) if message.offset() < extent.end => {
                let (partition, offset) = (message.partition(), message.offset());
                let [key, value] =
                    [message.key(), message.payload()].map(|bytes| bytes.map(<[u8]>::to_vec));
                let next = offset + 1;
                self.current = (next < extent.end).then_some(Extent { next, ..extent });
                Ok(LogStep::Record(LogRecord { partition, offset, key, value }))
            }
            Some(Ok(_)) => {
                self.current = None;
                Ok(LogStep::Nothing)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if partition == extent.partition {
                    self.current = None;
                }
                Ok(LogStep::Nothing)
            }
            Some(Err(cause)) => self.judged(cause).map(|()| LogStep::Nothing),
            None => Ok(LogStep::Nothing),
        }
    }

    /// That the broker has been silent for too long.
    pub fn silence(&self) -> Error {
        let cause = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        Error::Request { what: READING, cause }.explained(self.consumer.context().last())
    }

    fn begin(&mut self, extent: Extent) -> Result<Extent, Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, extent.partition, Offset::Offset(extent.next))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(Error::request(READING))?;
        // Not before: what could not be begun is tried again.
        self.waiting.pop_front();
        self.passed += extent.length();
        self.current = Some(extent);
        Ok(extent)
    }

    /// Whether an error is one of those that the client gets over by itself.
    fn judged(&self, cause: KafkaError) -> Result<(), Error> {
        use RDKafkaErrorCode as Code;
        match cause.rdkafka_error_code() {
            Some(Code::TopicAuthorizationFailed) => {
                Err(Error::Unauthorised { topic: self.topic.clone(), access: Access::Read })
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Err(Error::TopicMissing(self.topic.clone()))
            }
            Some(
                Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::Resolve
                | Code::AutoOffsetReset
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::OffsetNotAvailable,
            ) => Ok(()),
            _ => Err(Error::Request { what: READING, cause }),
        }
    }
}
