//! A Kafka topic as the place where records go, keyed by customer as Java's default partitioner does it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::super::signals::StopSignal;
use super::super::{CommandError, clock};

/// How long a broker may take to answer at all.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long to wait where librdkafka's queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// How often the end of delivery is looked for.
const FLUSH_PAUSE: Duration = Duration::from_millis(200);

/// A topic that records are sent to.
pub(super) struct Topic {
    name: String,
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
    stop: StopSignal,
}

/// Hears from librdkafka what became of each record.
#[derive(Clone, Default)]
struct Deliveries(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    /// The first failure.
    failure: Option<KafkaError>,
    /// What was told of since a record arrived last.
    told: BTreeSet<String>,
}

impl Deliveries {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> Option<KafkaError> {
        self.heard().failure.clone()
    }
}

/// Tells each kind of error once until something arrives: librdkafka says it at every try.
impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        if self.heard().told.insert(error.to_string()) {
            tracing::warn!(%error, reason, "kafka");
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut heard = self.heard();
        match result {
            Ok(_) => heard.told.clear(),
            Err((error, _)) => {
                heard.failure.get_or_insert_with(|| error.clone());
            }
        }
    }
}

impl Topic {
    /// Connects to the broker.
    ///
    /// # Errors
    /// A setting that librdkafka does not take, or a broker that does not answer.
    pub(super) fn open(
        broker: &str,
        name: &str,
        properties: &[(String, String)],
        stop: StopSignal,
    ) -> Result<Self, CommandError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", broker)
            .set("client.id", "odometer-generate")
            // Java's own, so that other producers put a customer's records into the same partition.
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("queue.buffering.max.kbytes", "65536");
        for (key, value) in properties {
            config.set(key, value);
        }
        let deliveries = Deliveries::default();
        let producer: ThreadedProducer<Deliveries> =
            config.create_with_context(deliveries.clone()).map_err(|error| {
                CommandError::Faults(vec![format!("--property: librdkafka refuses it: {error}")])
            })?;
        producer.client().fetch_metadata(Some(name), ANSWER_MAX).map_err(|error| {
            CommandError::failed_by(format!("reaching the Kafka broker {broker}"), error)
        })?;
        Ok(Topic { name: name.to_owned(), producer, deliveries, stop })
    }

    /// Sends one record; waits where too many are on their way.
    pub(super) fn put(&mut self, record: &[u8], customer: u64) -> Result<(), CommandError> {
        let key = format!("customer-{customer}");
        let mut message = BaseRecord::to(&self.name).key(&key).payload(record);
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), unsent)) => {
                    self.check()?;
                    if self.stop.is_raised() {
                        let words = format!("stopped while records to topic {} waited", self.name);
                        return Err(CommandError::failed(words));
                    }
                    clock::pause(QUEUE_PAUSE);
                    message = unsent;
                }
                Err((error, _)) => return Err(self.failed(error)),
            }
        }
    }

    /// Waits until every record has arrived, or one has not for too long.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        loop {
            let outcome = self.producer.flush(FLUSH_PAUSE);
            self.check()?;
            match outcome {
                Ok(()) => return Ok(()),
                Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {
                    if self.stop.is_raised() {
                        let left = self.producer.in_flight_count();
                        let name = &self.name;
                        return Err(CommandError::failed(format!(
                            "stopped while {left} records to topic {name} had not arrived"
                        )));
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn check(&self) -> Result<(), CommandError> {
        self.deliveries.failure().map_or(Ok(()), |error| Err(self.failed(error)))
    }

    fn failed(&self, error: KafkaError) -> CommandError {
        CommandError::failed_by(format!("sending to topic {}", self.name), error)
    }
}
