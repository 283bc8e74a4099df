//! Copies of records into an internal topic, and the offsets of what was copied, in one Kafka transaction.
//!
//! As of the sink, the truth about a transaction is the committed offset, never a return code: after any error, and after a
//! commit that took longer than a request may, the producer is gone, and [`Rekeyer::renew`] comes next.

use std::time::Duration;

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::receipts::Receipts;
use super::sink::producer_of_new_epoch;
use super::tended::Tended;
use super::{Access, Error, Options};

/// A record for the internal topic.
#[derive(Clone, Copy, Debug)]
pub struct Copy<'r> {
    /// Its partition.
    pub partition: i32,
    /// The source record's value.
    pub value: Option<&'r [u8]>,
    /// Headers: name and value.
    pub headers: &'r [(&'r str, &'r [u8])],
}

/// How far a source partition was copied.
#[derive(Clone, Debug)]
pub struct Advance {
    /// Its number.
    pub partition: i32,
    /// The offset that is committed.
    pub offset: i64,
    /// With this metadata.
    pub metadata: String,
}

/// A transactional producer of copies.
pub struct Rekeyer {
    config: ClientConfig,
    producer: Option<Tended<Receipts>>,
    /// Since the transaction that is open began, by the caller's clock.
    begun: Option<Duration>,
    source: String,
    into: String,
    message_bytes_max: usize,
    transaction_timeout: Duration,
    request_timeout: Duration,
}

impl Rekeyer {
    /// One that has not spoken to the broker yet; `options` are those of the stage's worker.
    pub fn new(options: &Options, into: &str) -> Self {
        Rekeyer {
            config: options.producer(),
            producer: None,
            begun: None,
            source: options.topics.source.clone(),
            into: into.to_owned(),
            message_bytes_max: options.limits.message_bytes_max(),
            transaction_timeout: options.transaction_timeout,
            request_timeout: options.request_timeout,
        }
    }

    /// Whether the next step must be [`Rekeyer::renew`].
    pub fn is_in_doubt(&self) -> bool {
        self.producer.is_none()
    }

    /// Since when a transaction is open, by the caller's clock.
    pub fn begun(&self) -> Option<Duration> {
        self.begun
    }

    /// Drops the producer with what it has open: nothing of that becomes visible.
    pub fn abandon(&mut self) {
        self.producer = None;
        self.begun = None;
    }

    /// Makes a producer of a new epoch: what the one before left open is ended, one way or the other. After this the
    /// committed offsets tell which.
    ///
    /// # Errors
    /// Settings that make no client, or a broker that does not answer.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.abandon();
        self.producer = Some(producer_of_new_epoch(&self.config, self.request_timeout)?);
        Ok(())
    }

    /// Adds a copy to the transaction; begins one where none is open.
    ///
    /// # Errors
    /// Anything at all that was not as it should be: [`Rekeyer::renew`] comes next.
    pub fn send(&mut self, copy: Copy<'_>, clock: &dyn Fn() -> Duration) -> Result<(), Error> {
        self.open(clock())?;
        let producer = self.producer.as_ref().expect("a transaction is open");
        let sent = self.try_send(producer, copy, clock);
        sent.inspect_err(|_| self.abandon())
    }

    /// Commits the transaction, with how far the copies bring each source partition; one of offsets alone where none is
    /// open. On success all of it is visible.
    ///
    /// # Errors
    /// Anything at all that was not as it should be: [`Rekeyer::renew`] comes next.
    pub fn commit(
        &mut self,
        advances: &[Advance],
        member: &ConsumerGroupMetadata,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), Error> {
        self.open(clock())?;
        let producer = self.producer.take().expect("a transaction is open");
        self.begun = None;
        let asked = clock();
        let refused = |error| self.named(error, producer.context().refused());
        self.try_commit(&producer, advances, member).map_err(refused)?;
        if clock().saturating_sub(asked) > self.request_timeout {
            // It may have been answered late by an attempt that was repeated: ask what is committed.
            return Err(Error::Request {
                what: "committing the transaction in time",
                cause: KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut),
            });
        }
        self.producer = Some(producer);
        Ok(())
    }

    fn open(&mut self, now: Duration) -> Result<(), Error> {
        let producer = self.producer.as_ref().expect("a producer in doubt is renewed first");
        if self.begun.is_none() {
            let begun = producer.begin_transaction();
            if let Err(error) = begun.map_err(Error::request("beginning a transaction")) {
                self.abandon();
                return Err(error);
            }
            self.begun = Some(now);
        }
        Ok(())
    }

    fn try_send(
        &self,
        producer: &Tended<Receipts>,
        copy: Copy<'_>,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), Error> {
        let headers = OwnedHeaders::new_with_capacity(copy.headers.len());
        let headers = copy.headers.iter().fold(headers, |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        let mut record: BaseRecord<'_, (), [u8]> =
            BaseRecord::to(&self.into).partition(copy.partition).headers(headers);
        if let Some(value) = copy.value {
            record = record.payload(value);
        }
        let begun = clock();
        loop {
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err((cause, back)) => {
                    let code = cause.rdkafka_error_code();
                    if code == Some(RDKafkaErrorCode::MessageSizeTooLarge) {
                        return Err(self.too_large());
                    }
                    let is_full = code == Some(RDKafkaErrorCode::QueueFull);
                    if !is_full || clock().saturating_sub(begun) > self.transaction_timeout {
                        return Err(Error::Request { what: "sending a copy", cause });
                    }
                    record = back;
                    // This empties the queue of what was answered.
                    let _ = producer.flush(Duration::from_millis(50));
                }
            }
        }
    }

    fn try_commit(
        &self,
        producer: &Tended<Receipts>,
        advances: &[Advance],
        member: &ConsumerGroupMetadata,
    ) -> Result<(), Error> {
        let mut offsets = TopicPartitionList::new();
        for Advance { partition, offset, metadata } in advances {
            let mut element = offsets.add_partition(&self.source, *partition);
            element
                .set_offset(Offset::Offset(*offset))
                .map_err(Error::request("naming an offset"))?;
            element.set_metadata(metadata);
        }
        producer
            .send_offsets_to_transaction(&offsets, member, self.request_timeout)
            .map_err(Error::request("adding offsets to the transaction"))?;
        producer
            .commit_transaction(self.transaction_timeout)
            .map_err(Error::request("committing the transaction"))
    }

    /// Names the topic of an error that no further try can mend.
    fn named(&self, error: Error, refused: Option<(String, RDKafkaErrorCode)>) -> Error {
        let code = refused.map(|(_, code)| code).or_else(|| error.code());
        match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => self.too_large(),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Error::Unauthorised { topic: self.into.clone(), access: Access::Write }
            }
            Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => Error::UnauthorisedId(
                self.config.get("transactional.id").unwrap_or_default().to_owned(),
            ),
            _ => error,
        }
    }

    fn too_large(&self) -> Error {
        let (topic, limit) = (self.into.clone(), self.message_bytes_max.to_string());
        Error::EntryTooLarge { topic, limit }
    }
}
