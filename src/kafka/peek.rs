//! A look at one record that was read before: is the log still the one that it was?

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::trouble::Trouble;
use super::{Error, Options};

/// A record's timestamp in milliseconds, where it has one, and its value.
pub type Peeked = (Option<i64>, Vec<u8>);

/// The record at `offset`: its timestamp and value. `None` where the log no longer holds one at just that offset,
/// though it reaches there.
///
/// # Errors
/// A broker that does not answer in time, or whose disk has damaged the batch that the record is in.
pub fn record_before(
    options: &Options,
    partition: i32,
    offset: i64,
) -> Result<Option<Peeked>, Error> {
    let topic = &options.topics.source;
    let mut config = Options::client(&options.source);
    // The client assigns nothing without a group. In the worker's own it needs no further grant; it never subscribes
    // nor commits, and so is no member of it.
    config.set("group.id", &options.group);
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "error");
    config.set("isolation.level", "read_committed");
    config.set("check.crcs", "true");
    let consumer: BaseConsumer<Trouble> =
        config.create_with_context(Trouble::default()).map_err(Error::Client)?;
    let mut assignment = TopicPartitionList::new();
    let asking = "reading the record before the cursor";
    assignment
        .add_partition_offset(topic, partition, Offset::Offset(offset))
        .and_then(|()| consumer.assign(&assignment))
        .map_err(Error::request(asking))?;
    match consumer.poll(options.request_timeout) {
        Some(Ok(message)) if message.offset() == offset => {
            let value = message.payload().unwrap_or_default().to_vec();
            Ok(Some((message.timestamp().to_millis(), value)))
        }
        Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => Ok(None),
        Some(Err(cause)) if is_damage(&cause) => Err(Error::DamagedBatch {
            topic: topic.clone(),
            place: format!("partition {partition}"),
            reason: consumer.context().last().unwrap_or_else(|| cause.to_string()),
        }),
        // Also that the log does not reach there any more: how far it does is to be asked again.
        Some(Err(cause)) => Err(Error::Request { what: asking, cause }),
        None => Err(Error::Request {
            what: asking,
            cause: KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut),
        }),
    }
}

/// Whether the client says that what the log has there is no sound batch of records.
pub fn is_damage(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::BadMessage | Code::BadCompression))
}
