//! What a group has committed for a topic, asked by one who is no member of it.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::trouble::{self, Trouble};
use super::{Error, Options};
use crate::engine::Committed;
use crate::format::decode_metadata;

/// The group's committed offsets with their metadata, in the order asked; what an open transaction would commit is none yet.
///
/// # Errors
/// A broker that does not answer, or does not let the group be read with.
pub fn committed_offsets(
    options: &Options,
    partitions: &[i32],
) -> Result<Vec<Option<Committed>>, Error> {
    let mut config = Options::client(&options.source);
    // In the group it needs no further grant; it never subscribes nor commits, and so is no member of it.
    config.set("group.id", &options.group);
    config.set("enable.auto.commit", "false");
    // Else a transaction that was left open would keep back the answer.
    config.set("isolation.level", "read_uncommitted");
    let client: BaseConsumer<Trouble> =
        config.create_with_context(Trouble::default()).map_err(Error::Client)?;
    let topic = &options.topics.source;
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let answer = client
        .committed_offsets(asked, options.request_timeout)
        .map_err(Error::request("asking for the committed offsets"))
        .map_err(|error| error.explained(trouble::last_said(&client)))?;
    partitions.iter().map(|partition| found(&answer, topic, *partition)).collect()
}

/// What an answer says of a partition.
pub(super) fn found(
    answer: &TopicPartitionList,
    topic: &str,
    partition: i32,
) -> Result<Option<Committed>, Error> {
    let Some(element) = answer.find_partition(topic, partition) else { return Ok(None) };
    element.error().map_err(Error::request("asking for a committed offset"))?;
    Ok(match element.offset() {
        Offset::Offset(offset) => {
            let text = element.metadata();
            let metadata = decode_metadata(text).ok_or_else(|| text.to_owned());
            Some(Committed { offset, metadata })
        }
        _ => None,
    })
}
