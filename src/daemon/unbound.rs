//! States that belong to no consumer group: what they are known by, and whether one is what it is taken for.

use super::CommandError;
use crate::engine::Binding;
use crate::store::Store;

/// What a state of files belongs to; `owner` stands in place of a consumer group. No group of Kafka can be meant by it, since
/// its topic is empty.
pub(super) fn binding(owner: &str) -> Binding {
    Binding {
        cluster: String::new(),
        group: owner.to_owned(),
        topic: String::new(),
        partition: 0,
        partitions: 1,
    }
}

/// Whether a state is that of `owner`; else `advice` says what to do.
pub(super) fn check(store: &Store, owner: &str, advice: &str) -> Result<(), CommandError> {
    let found = &store.identity().binding;
    if *found == binding(owner) {
        return Ok(());
    }
    let Binding { group, topic, partition, .. } = found;
    let of_topic = if topic.is_empty() {
        String::new()
    } else {
        format!(", topic {topic:?}, partition {partition}")
    };
    let directory = store.directory().display();
    Err(CommandError::failed(format!(
        "state directory {directory} belongs to something else (group {group:?}{of_topic}): {advice}"
    )))
}
