//! What a start would hold against what it finds, for who tries a configuration beforehand: it reads, and changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::destinations;
use super::identity::known_ids;
use super::setup;
use crate::definition::{Definitions, Plan};
use crate::engine::{Binding, Committed, Halt, StartFrom};
use crate::kafka::{self, TopicShape};
use crate::settings::{KafkaFlow, Settings, Topic};
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
pub(in crate::daemon) fn options(flow: &KafkaFlow, topic: &Topic) -> kafka::Options {
    let limits = setup::limits_of(flow.sink.message_bytes_max());
    setup::options(flow, topic, 0, "check", limits)
}

/// Tasks of which something is counted in the state directory.
pub(in crate::daemon) type States = BTreeSet<(String, i32)>;

/// Whether a start would take the states that are there, and the topics that they delivered to; those states.
///
/// # Errors
/// Why it would not.
pub(in crate::daemon) fn of_states(
    settings: &Settings,
    flow: &KafkaFlow,
    definitions: &Definitions,
    told: &Told,
) -> Result<States, String> {
    let directory = &settings.state.directory;
    let words = |error: crate::daemon::CommandError| error.to_string();
    known_ids(directory, &flow.source.group_id).map_err(words)?;
    let [totals, rejects] = &told.written;
    let written = [(flow.sink.topic.as_str(), totals), (flow.rejects_topic.as_str(), rejects)];
    destinations::agree(directory, &told.cluster, written).map_err(words)?;
    let mut states = States::new();
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
            let view = View::open(&place, &plan).map_err(failed)?;
            let Some(found) = view.identity().map_err(failed)? else { continue };
            if let Some(halt) = found.binding.foreign_to(&wanted) {
                return Err(format!("{} partition {partition}: {halt}", topic.name));
            }
            // One with its genesis alone is no state yet.
            let last = view.last_commit().map_err(failed)?;
            if last.is_some_and(|last| last.number > 0) {
                states.insert((topic.name.clone(), partition));
            }
        }
    }
    Ok(states)
}

/// Whether a start would know where each partition of a topic begins; how many begin anew.
///
/// # Errors
/// The first that it would not know it of, and why.
pub(in crate::daemon) fn of_beginnings(
    start_from: Option<StartFrom>,
    topic: &str,
    states: &States,
    committed: &[Option<Committed>],
) -> Result<usize, String> {
    let mut anew = 0;
    for (partition, committed) in (0..).zip(committed) {
        let has_state = states.contains(&(topic.to_owned(), partition));
        let halt = match (committed, has_state, start_from) {
            (None, true, _) => Halt::OffsetGone,
            (None, false, None) => Halt::NothingToStartFrom,
            (None, false, Some(_)) => {
                anew += 1;
                continue;
            }
            (Some(Committed { offset, metadata: Err(metadata) }), _, _) => {
                Halt::ForeignOffset { offset: *offset, metadata: metadata.clone() }
            }
            // Whether the state is the one that it names is seen at the start: a daemon may be at work on both.
            (Some(Committed { metadata: Ok(_), .. }), _, _) => continue,
        };
        return Err(format!("{topic} partition {partition}: {halt}"));
    }
    Ok(anew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{CommitId, Visible};

    fn beginnings(
        start_from: Option<StartFrom>,
        states: &[i32],
        committed: &[Option<Committed>],
    ) -> Result<usize, String> {
        let states = states.iter().map(|partition| ("usage".to_owned(), *partition)).collect();
        of_beginnings(start_from, "usage", &states, committed)
    }

    fn committed() -> Committed {
        let (commit, partitions) = (CommitId([7; 16]), 2);
        let visible =
            Visible { commit, is_genesis: false, sequence: 1, watermark: None, partitions };
        Committed { offset: 5, metadata: Ok(visible) }
    }

    #[test]
    fn only_what_has_neither_state_nor_offset_begins_anew() {
        let earliest = Some(StartFrom::Earliest);
        assert_eq!(beginnings(earliest, &[], &[None, None]), Ok(2));
        assert_eq!(beginnings(earliest, &[0], &[Some(committed()), None]), Ok(1));
        assert_eq!(beginnings(None, &[0], &[Some(committed()), Some(committed())]), Ok(0));
        let told =
            beginnings(None, &[0], &[Some(committed()), None]).expect_err("it would be a guess");
        for words in ["usage partition 1: neither a state", "source.start_from is unset"] {
            assert!(told.contains(words), "no {words} in: {told}");
        }
    }

    #[test]
    fn state_without_an_offset_and_an_offset_of_others_are_told() {
        let told = beginnings(Some(StartFrom::Earliest), &[0], &[None]).expect_err("it is gone");
        assert!(told.contains("the group has no committed offset"), "{told}");
        let foreign = Some(Committed { offset: 5, metadata: Err("a tool".to_owned()) });
        let told = beginnings(None, &[], &[foreign]).expect_err("it is not ours");
        assert!(told.contains("was not committed by odometer"), "{told}");
    }
}
