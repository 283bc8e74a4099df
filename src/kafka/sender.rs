//! Sends records as they are, outside of any transaction: each is acknowledged, and those of a partition stay in order.
//!
//! For events that go to the source once more. What was sent twice is counted once, so that nothing here needs to know
//! what arrived before a failure.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message};

use super::trouble::Trouble;
use super::{Access, Error, Options};

const SENDING: &str = "sending a record";

/// Records of the source may be longer than the client's usual limit; whether they are too long is the topic's to say.
const MESSAGE_BYTES_MAX: &str = "33554432";

/// A record and where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addressed<'r> {
    /// To which topic.
    pub topic: &'r str,
    /// To which partition; `None`: that of its key, as Kafka's Java client finds it.
    pub partition: Option<i32>,
    /// Its key, where it has one.
    pub key: Option<&'r str>,
    /// Its value.
    pub value: &'r [u8],
}

/// Sends records.
pub struct Sender {
    producer: ThreadedProducer<Acknowledgements>,
}

#[derive(Default)]
struct Acknowledgements {
    trouble: Trouble,
    arrived: AtomicU64,
    /// The first that did not arrive: its topic, and why.
    failure: Mutex<Option<(String, KafkaError)>>,
}

impl ClientContext for Acknowledgements {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.trouble.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.error(error, reason);
    }
}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.arrived.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, message)) => {
                let mut failure = self.failure.lock().expect("no holder panics");
                failure.get_or_insert_with(|| (message.topic().to_owned(), error.clone()));
            }
        }
    }
}

impl Sender {
    /// A client that has not spoken to the broker yet; a record that has not arrived after `patience` has failed.
    ///
    /// # Errors
    /// Settings that make no client.
    pub fn open(properties: &BTreeMap<String, String>, patience: Duration) -> Result<Self, Error> {
        let mut config = Options::client(properties);
        for (key, value) in [
            // Java's own, so that other producers put a customer's records into the same partition.
            ("partitioner", "murmur2_random"),
            ("linger.ms", "20"),
            ("queue.buffering.max.kbytes", "65536"),
            ("message.max.bytes", MESSAGE_BYTES_MAX),
        ] {
            if !properties.contains_key(key) {
                config.set(key, value);
            }
        }
        if !properties.contains_key("compression.type")
            && !properties.contains_key("compression.codec")
        {
            config.set("compression.type", "lz4");
        }
        config.set("enable.idempotence", "true");
        config.set("message.timeout.ms", patience.as_millis().to_string());
        let producer =
            config.create_with_context(Acknowledgements::default()).map_err(Error::Client)?;
        Ok(Sender { producer })
    }

    /// Takes one record. `false`: as many as may be are on their way; it is to be given again.
    ///
    /// # Errors
    /// That this one cannot be sent, or that an earlier one has not arrived.
    pub fn send(&self, record: Addressed<'_>) -> Result<bool, Error> {
        self.check()?;
        let mut message = BaseRecord::<str, [u8]>::to(record.topic).payload(record.value);
        message.key = record.key;
        message.partition = record.partition;
        match self.producer.send(message) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((cause, _)) => Err(self.failure(record.topic, cause)),
        }
    }

    /// Waits up to `timeout` until all that was taken has arrived; whether it has.
    ///
    /// # Errors
    /// That one has not, and will not.
    pub fn flush(&self, timeout: Duration) -> Result<bool, Error> {
        let outcome = self.producer.flush(timeout);
        self.check()?;
        match outcome {
            Ok(()) => Ok(true),
            Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => Ok(false),
            Err(cause) => Err(Error::Request { what: SENDING, cause }),
        }
    }

    /// How many have arrived.
    pub fn arrived(&self) -> u64 {
        self.producer.context().arrived.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), Error> {
        let failure = self.producer.context().failure.lock().expect("no holder panics").clone();
        failure.map_or(Ok(()), |(topic, cause)| Err(self.failure(&topic, cause)))
    }

    fn failure(&self, topic: &str, cause: KafkaError) -> Error {
        let topic = topic.to_owned();
        match cause.rdkafka_error_code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Error::Unauthorised { topic, access: Access::Write }
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::TopicMissing(topic)
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Error::RecordTooLarge { topic },
            _ => Error::Request { what: SENDING, cause }
                .explained(self.producer.context().trouble.last()),
        }
    }
}
