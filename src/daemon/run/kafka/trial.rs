//! What a start would hold against what it finds, for who tries a configuration beforehand: it reads, and changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::destinations;
use super::identity::known_ids;
use super::setup;
use crate::definition::{Definitions, Plan};
use crate::engine::{Binding, Committed, Halt, StartFrom};
use crate::format::encode_metadata;
use crate::format::rekeyed::{LaneFault, decode_note};
use crate::kafka::{self, TopicShape};
use crate::settings::{KafkaFlow, Settings, Topic};
use crate::store::{self, View};

/// What the broker says that a state directory must agree with.
pub(in crate::daemon) struct Told {
    pub(in crate::daemon) cluster: String,
    /// How many partitions each topic that tasks read has, in their order; none where it is still to be made.
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
    let topics = flow.source.topics.iter().zip(flow.tasks_read());
    for ((written_to, topic), partitions) in topics.zip(&told.partitions) {
        let plan = Arc::new(Plan::new(definitions.of_topic(&written_to.name)));
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
                let halt = halt.of_task(&format!("{}-{partition}", topic.name));
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
        let halt = halt.of_task(&format!("{topic}-{partition}"));
        return Err(format!("{topic} partition {partition}: {halt}"));
    }
    Ok(anew)
}

/// Whether a start would know where each partition of a topic that is re-keyed goes on; how many begin anew.
///
/// # Errors
/// The first that it would not know it of, and why.
pub(in crate::daemon) fn of_lanes(
    start_from: Option<StartFrom>,
    topic: &str,
    committed: &[Option<Committed>],
) -> Result<usize, String> {
    let mut anew = 0;
    for (partition, committed) in (0..).zip(committed) {
        let fault = match committed {
            None if start_from.is_none() => LaneFault::NothingToStartFrom,
            None => {
                anew += 1;
                continue;
            }
            Some(Committed { offset, metadata }) => {
                let text = metadata.as_ref().map_or_else(Clone::clone, encode_metadata);
                if decode_note(&text).is_some() {
                    continue;
                }
                LaneFault::Foreign { offset: *offset, metadata: text }
            }
        };
        return Err(format!("{topic} partition {partition}: {fault}"));
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

    #[test]
    fn lanes_go_on_where_the_stage_left_them_and_nowhere_else() {
        let earliest = Some(StartFrom::Earliest);
        let note = "odometer-rekey/1 progress=- sources=2 source=- partitions=2 into=-".to_owned();
        let noted = Some(Committed { offset: 5, metadata: Err(note) });
        assert_eq!(of_lanes(earliest, "usage", &[noted.clone(), None]), Ok(1));
        assert_eq!(of_lanes(None, "usage", std::slice::from_ref(&noted)), Ok(0));
        let told = of_lanes(None, "usage", &[noted, None]).expect_err("it would be a guess");
        assert!(told.contains("usage partition 1: there is no committed offset"), "{told}");
        let told = of_lanes(earliest, "usage", &[Some(committed())]).expect_err("a task's");
        assert!(told.contains("was not committed by a stage that re-keys"), "{told}");
    }
}
