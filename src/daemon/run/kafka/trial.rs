//! What a start would hold against what it finds, for who tries a configuration beforehand: it reads, and changes nothing.

use std::sync::Arc;

use super::destinations;
use super::identity::known_ids;
use super::setup;
use crate::definition::{Definitions, Plan};
use crate::engine::Binding;
use crate::kafka::{self, Limits, TopicShape};
use crate::settings::{KafkaFlow, Settings};
use crate::store::{self, View};

/// What the broker says that a state directory must agree with.
pub(in crate::daemon) struct Told {
    pub(in crate::daemon) cluster: String,
    /// How many partitions each source topic has, in their order.
    pub(in crate::daemon) partitions: Vec<i32>,
    /// What the topics of totals and of rejects are.
    pub(in crate::daemon) written: [TopicShape; 2],
}

/// The settings of a worker's clients that no worker has.
pub(in crate::daemon) fn options(flow: &KafkaFlow) -> Option<kafka::Options> {
    let unknown = || Err("not asked for".to_owned());
    let client = flow.sink.message_bytes_max();
    let limits = Limits { client, totals: unknown(), rejects: unknown() };
    let topic = flow.source.topics.first()?;
    Some(setup::options(flow, topic, 0, "check", limits))
}

/// Whether a start would take the states that are there, and the topics that they delivered to; how many there are.
///
/// # Errors
/// Why it would not.
pub(in crate::daemon) fn of_states(
    settings: &Settings,
    flow: &KafkaFlow,
    definitions: &Definitions,
    told: &Told,
) -> Result<usize, String> {
    let directory = &settings.state.directory;
    let words = |error: crate::daemon::CommandError| error.to_string();
    known_ids(directory, &flow.source.group_id).map_err(words)?;
    let [totals, rejects] = &told.written;
    let written = [(flow.sink.topic.as_str(), totals), (flow.rejects_topic.as_str(), rejects)];
    destinations::agree(directory, &told.cluster, written).map_err(words)?;
    let mut count = 0;
    for (topic, partitions) in flow.source.topics.iter().zip(&told.partitions) {
        let plan = Arc::new(Plan::new(definitions.of_topic(&topic.name)));
        for partition in 0..*partitions {
            let wanted = Binding {
                cluster: told.cluster.clone(),
                group: flow.source.group_id.clone(),
                topic: topic.name.clone(),
                partition,
                partitions: *partitions,
            };
            let place = setup::state_directory(directory, &topic.name, partition);
            if !store::exists(&place) {
                continue;
            }
            let failed = |error: store::Error| error.to_string();
            let found =
                View::open(&place, &plan).and_then(|view| view.identity()).map_err(failed)?;
            // One whose process was killed as it began is nothing yet.
            let Some(found) = found else { continue };
            if let Some(halt) = found.binding.foreign_to(&wanted) {
                return Err(format!("{} partition {partition}: {halt}", topic.name));
            }
            count += 1;
        }
    }
    Ok(count)
}
