//! The sink: outbox entries and offsets in one Kafka transaction.
//!
//! The truth about a transaction is the committed offset and its metadata, never a return code: after any error, and
//! after a commit that took longer than a request may, the producer is dropped and a new one of the same transactional id
//! is made, whose epoch ends whatever the old one left open. Only then are the committed offsets asked.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset};

use super::client::missing_topic;
use super::limits::{Limits, TopicLimit};
use super::receipts::Receipts;
use super::tended::Tended;
use super::{Access, Disposition, Error, Options, Topics};
use crate::engine::Visible;
use crate::format::{Outgoing, OutgoingKind, encode_metadata, kind_name, partition_of_customer};

/// How long it is asked for topics that may be gone.
const TOPICS_WAIT: Duration = Duration::from_secs(3);

/// What one task puts into a transaction.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its partition.
    pub partition: i32,
    /// The offset that is committed.
    pub offset: i64,
    /// What its metadata says; its sequence is that of the last entry.
    pub visible: Visible,
    /// The entries.
    pub entries: Vec<Outgoing>,
}

/// The entries of a transaction, task by task.
pub type Outgoings = Vec<Delivery>;

/// A transactional producer.
pub struct Sink {
    config: ClientConfig,
    properties: BTreeMap<String, String>,
    producer: Option<Tended<Receipts>>,
    topics: Topics,
    limits: Limits,
    totals_partitions: u32,
    transaction_timeout: Duration,
    request_timeout: Duration,
}

/// Ends what a producer of that transactional id left open, also one that none is made of any more.
///
/// # Errors
/// Settings that make no client, or a broker that does not answer.
pub fn take_up(options: &Options, id: &str) -> Result<(), Error> {
    let mut config = options.producer();
    config.set("transactional.id", id);
    producer_of_new_epoch(&config, options.request_timeout).map(drop)
}

pub(super) fn producer_of_new_epoch(
    config: &ClientConfig,
    timeout: Duration,
) -> Result<Tended<Receipts>, Error> {
    let producer = Tended::new(config, Receipts::default()).map_err(Error::Client)?;
    producer
        .init_transactions(timeout)
        .map_err(Error::request("taking up the transactional id"))
        .map_err(|error| match error.code() {
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => unauthorised(config),
        // What is to be done about it is said with it.
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => error,
        _ => error.explained(producer.context().trouble.last()),
    })?;
    Ok(producer)
}

fn unauthorised(config: &ClientConfig) -> Error {
    Error::UnauthorisedId(config.get("transactional.id").unwrap_or_default().to_owned())
}

impl Sink {
    /// A sink that has not spoken to the broker yet.
    pub fn new(options: &Options, totals_partitions: u32) -> Self {
        Sink {
            config: options.producer(),
            properties: options.sink.clone(),
            producer: None,
            topics: options.topics.clone(),
            limits: options.limits.clone(),
            totals_partitions,
            transaction_timeout: options.transaction_timeout,
            request_timeout: options.request_timeout,
        }
    }

    /// Whether the next step must be [`Sink::renew`].
    pub fn is_in_doubt(&self) -> bool {
        self.producer.is_none()
    }

    /// Makes a producer of a new epoch: what the one before left open is ended, one way or the other. After this the
    /// committed offsets tell which.
    ///
    /// # Errors
    /// Settings that make no client, or a broker that does not answer.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.producer = None;
        self.producer = Some(producer_of_new_epoch(&self.config, self.request_timeout)?);
        Ok(())
    }

    /// One transaction. On success all of it is visible. On an error nothing is known: [`Sink::renew`] comes next.
    ///
    /// # Errors
    /// Anything at all that was not as it should be.
    pub fn deliver(
        &mut self,
        deliveries: &[Delivery],
        member: &ConsumerGroupMetadata,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), Error> {
        let producer = self.producer.take().expect("a sink in doubt is renewed first");
        self.transact(&producer, deliveries, member, clock)
            .map_err(|error| self.named(error, producer.context().refused()))
            .map_err(|error| self.perhaps_gone(error))?;
        self.producer = Some(producer);
        Ok(())
    }

    fn transact(
        &self,
        producer: &Tended<Receipts>,
        deliveries: &[Delivery],
        member: &ConsumerGroupMetadata,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), Error> {
        let begun = clock();
        producer.begin_transaction().map_err(Error::request("beginning a transaction"))?;
        for delivery in deliveries {
            for outgoing in &delivery.entries {
                self.send(producer, outgoing, clock)?;
            }
        }
        let offsets = self.offsets(deliveries)?;
        producer
            .send_offsets_to_transaction(&offsets, member, self.request_timeout)
            .map_err(Error::request("adding offsets to the transaction"))?;
        producer
            .commit_transaction(self.transaction_timeout)
            .map_err(Error::request("committing the transaction"))?;
        if clock().saturating_sub(begun) > self.request_timeout {
            // It may have been answered late by an attempt that was repeated: ask what is committed.
            return Err(Error::Request {
                what: "committing the transaction in time",
                cause: KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut),
            });
        }
        Ok(())
    }

    /// Names the topic of an error that no further try can mend, and what would mend it.
    fn named(&self, error: Error, refused: Option<(String, RDKafkaErrorCode)>) -> Error {
        let Topics { totals, rejects, .. } = &self.topics;
        let is_telling = |code: RDKafkaErrorCode| {
            use RDKafkaErrorCode as Code;
            matches!(code, Code::MessageSizeTooLarge | Code::TopicAuthorizationFailed)
        };
        let (topic, code) = match refused {
            Some((topic, code)) if is_telling(code) => (topic, Some(code)),
            // The broker refused the transaction itself: its entries were never sent.
            _ => (format!("{totals} or {rejects}"), error.code()),
        };
        match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => self.too_large(topic),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Error::Unauthorised { topic, access: Access::Write }
            }
            Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
                unauthorised(&self.config)
            }
            _ => error,
        }
    }

    /// A topic that is gone refuses nothing: its entries wait in the client until their time is over.
    fn perhaps_gone(&self, error: Error) -> Error {
        if error.disposition() == Disposition::Halt {
            return error;
        }
        let topics = [self.topics.totals.as_str(), self.topics.rejects.as_str()];
        let timeout = self.request_timeout.min(TOPICS_WAIT);
        match missing_topic(&self.properties, topics, timeout) {
            Some(topic) => Error::SinkTopicGone { topic, cause: Box::new(error) },
            None => error,
        }
    }

    fn too_large(&self, topic: String) -> Error {
        let told = |limit: &TopicLimit| match limit {
            Ok(bytes) => bytes.to_string(),
            Err(reason) => format!("not known ({reason})"),
        };
        let limit = match (topic == self.topics.totals, topic == self.topics.rejects) {
            (true, _) => told(&self.limits.totals),
            (_, true) => told(&self.limits.rejects),
            _ => format!("{} and {}", told(&self.limits.totals), told(&self.limits.rejects)),
        };
        Error::EntryTooLarge { topic, limit }
    }

    fn send(
        &self,
        producer: &Tended<Receipts>,
        outgoing: &Outgoing,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), Error> {
        let kind = match outgoing.kind {
            OutgoingKind::Total(kind) => kind_name(kind),
            OutgoingKind::Reject => "reject",
        };
        let headers = OwnedHeaders::new_with_capacity(4)
            .insert(Header { key: "metric", value: Some(&outgoing.metric) })
            .insert(Header { key: "kind", value: Some(kind) })
            .insert(Header { key: "content-type", value: Some("application/json") })
            .insert(Header { key: "schema-version", value: Some("1") });
        let mut record = match outgoing.kind {
            OutgoingKind::Total(_) => {
                let partition = partition_of_customer(
                    &outgoing.tenant,
                    &outgoing.customer,
                    self.totals_partitions,
                );
                BaseRecord::to(&self.topics.totals)
                    .key(&outgoing.key)
                    .partition(i32::try_from(partition).expect("partitions are numbered by i32"))
            }
            OutgoingKind::Reject => BaseRecord::to(&self.topics.rejects),
        };
        record = record.payload(&outgoing.body).headers(headers);
        let begun = clock();
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((cause, back)) => {
                    let code = cause.rdkafka_error_code();
                    if code == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                        return Err(self.too_large(back.topic.to_owned()));
                    }
                    let is_full = code == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || clock().saturating_sub(begun) > self.transaction_timeout {
                        return Err(Error::Request { what: "sending an entry", cause });
                    }
                    record = back;
                    // This empties the queue of what was answered.
                    let _ = producer.flush(Duration::from_millis(50));
                }
            }
        }
    }

    fn offsets(&self, deliveries: &[Delivery]) -> Result<TopicPartitionList, Error> {
        let mut list = TopicPartitionList::new();
        for delivery in deliveries {
            let mut element = list.add_partition(&self.topics.source, delivery.partition);
            element
                .set_offset(Offset::Offset(delivery.offset))
                .map_err(Error::request("naming an offset"))?;
            element.set_metadata(encode_metadata(&delivery.visible));
        }
        Ok(list)
    }
}
