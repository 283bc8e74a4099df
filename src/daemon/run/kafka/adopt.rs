//! `odometer state adopt`: has the group go on from the state that is here, where its own offset was lost or moved by hand.
//!
//! ```text
//! facts as at a start ─► what of the outbox is in the topics ─► the decision as if that were committed ─► Resume: commit it
//! ```
//! What was delivered is otherwise known from the offset alone. Here it is read from the topics of totals and rejects: which
//! entries of the outbox are there. Nothing is adopted that a start would not go on with.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::by_hand::{alone, binding, decided, named, words};
use super::takeover::{self, local_state};
use super::{setup, trial};
use crate::daemon::CommandError;
use crate::daemon::readback::{Console, Records, Value};
use crate::daemon::run::setup::lock_directory;
use crate::engine::{self, Binding, CommitRecord, Decision, Facts, LocalState, Visible};
use crate::format::{Outgoing, OutgoingKind};
use crate::kafka::Outsider;
use crate::settings::{KafkaFlow, Settings};
use crate::store::{self, Store};

/// What RocksDB may have in memory.
const MEMORY_BYTES: usize = 64 << 20;
/// Bytes of outbox entries that are read at once.
const PART_BYTES: usize = 4 << 20;

/// What is asked for.
pub(in crate::daemon) struct Ask<'a> {
    pub(in crate::daemon) settings: &'a Settings,
    pub(in crate::daemon) flow: &'a KafkaFlow,
    /// The task, as its folder is called.
    pub(in crate::daemon) task: &'a str,
    /// Whether the state may be of another cluster, group, topic or partition, and is then bound to this one.
    pub(in crate::daemon) rebinds: bool,
}

/// An adoption that nothing speaks against.
pub(in crate::daemon) struct Adoption {
    outsider: Outsider,
    directory: PathBuf,
    wanted: Binding,
    /// Whether the state is bound to something else.
    is_foreign: bool,
    last: CommitRecord,
    visible: Visible,
    /// No daemon has the states meanwhile.
    _lock: File,
}

/// What is found of a task.
pub(in crate::daemon) enum Found {
    /// The group's offset names a commit of the state already: a start goes on with it.
    Settled(String),
    /// It may be adopted.
    Ready(Box<Adoption>),
}

/// Looks at everything that speaks for or against an adoption; commits nothing.
///
/// # Errors
/// What speaks against it, in words.
pub(in crate::daemon) fn find(ask: &Ask<'_>) -> Result<Found, CommandError> {
    let Ask { settings, flow, task, rebinds } = *ask;
    let (topic, partition) = named(flow, task)?;
    let lock = lock_directory(settings)?;
    let options = trial::options(flow, &topic);
    let wanted = binding(&options, partition, |why| refused(task, why))?;
    let directory = setup::state_directory(&settings.state.directory, &wanted.topic, partition);
    let store = Store::look(&directory, &Arc::default()).map_err(failed)?;
    let Some(store) = store else {
        return Err(refused(task, &format!("there is no state in {}", directory.display())));
    };
    let outsider = alone(settings, &options, |why| refused(task, why))?;
    let found = &store.identity().binding;
    let is_foreign = found != &wanted;
    if is_foreign && !(rebinds && found.partitions == wanted.partitions) {
        return Err(refused(task, &foreign(found, &wanted, task)));
    }
    let (log_start, log_end) = outsider.log_bounds(partition).map_err(words)?;
    let local =
        local_state(&store, &options, partition, (log_start, log_end)).map_err(start_words)?;
    let local = LocalState { binding: wanted.clone(), ..local };
    let commits = store.commits().map_err(failed)?;
    let Some(last) = commits.last().copied().filter(|_| !local.is_genesis) else {
        return Err(refused(
            task,
            "the state holds nothing yet: a start goes by source.start_from",
        ));
    };
    let committed = outsider.committed(partition).map_err(words)?;
    if let Some(Ok(visible)) = committed.map(|committed| committed.metadata) {
        if local.chain.contains(&visible.commit) {
            return Ok(Found::Settled(format!(
                "{task}: the group's offset names commit {} of this state already; a start goes on with it",
                visible.commit
            )));
        }
        return Err(refused(
            task,
            &format!(
                "the group's offset names commit {}, which this state does not have: totals of it are visible that \
                 this state does not know",
                visible.commit
            ),
        ));
    }
    for topic in [&flow.sink.topic, &flow.rejects_topic] {
        decided(flow, topic, |why| refused(task, why))?;
    }
    let known = commits.first().map_or(0, |first| first.outbox_last);
    let reading = Reading { known, made: last.outbox_last, of: &wanted };
    let Visibility { through: sequence, records } = reading.visibility(&store, flow)?;
    if records > sequence && !is_foreign {
        return Err(refused(
            task,
            &format!(
                "the topics of totals and rejects have {records} records of it, and of those that the state made no more \
                 than {sequence} can be there: it is older than what is visible, or another group's are among them"
            ),
        ));
    }
    let visible = Visible {
        commit: last.id,
        is_genesis: false,
        sequence,
        watermark: last.watermark,
        partitions: wanted.partitions,
    };
    let committed = engine::Committed { offset: last.cursor.offset, metadata: Ok(visible) };
    let facts = Facts {
        binding: wanted.clone(),
        local: Some(local),
        damage: None,
        // The state that is here is the one that is meant.
        checkpoints: Vec::new(),
        committed: Some(committed),
        log_start,
        log_end,
        start_from: None,
    };
    match engine::decide(&facts) {
        Decision::Resume { .. } => {}
        Decision::Halt(halt) => return Err(refused(task, &halt.of_task(task))),
        Decision::Begin { .. } | Decision::Adopt { .. } | Decision::Restore { .. } => {
            unreachable!("the offset names a commit of the state")
        }
    }
    drop(store);
    let adoption = Adoption { outsider, directory, wanted, is_foreign, last, visible, _lock: lock };
    Ok(Found::Ready(Box::new(adoption)))
}

impl Adoption {
    /// What it would do, in words.
    pub(in crate::daemon) fn words(&self) -> String {
        let Adoption { directory, wanted, last, visible, .. } = self;
        let waiting = last.outbox_last - visible.sequence;
        let bound = if self.is_foreign { ", which is bound to it from now on" } else { "" };
        format!(
            "group {}, {} partition {}: offset {} with commit {} of {}{bound}; {waiting} totals and rejects that are \
             not in their topics are delivered at the next start",
            wanted.group,
            wanted.topic,
            wanted.partition,
            last.cursor.offset,
            last.number,
            directory.display()
        )
    }

    /// Binds the state where it is of something else, and commits its offset.
    ///
    /// # Errors
    /// The disk; a broker that refuses or does not answer: then the same may be asked for again.
    pub(in crate::daemon) fn carry_out(self) -> Result<(), CommandError> {
        let Adoption { outsider, directory, wanted, is_foreign, last, visible, .. } = self;
        if is_foreign {
            let options = store::Options::new(MEMORY_BYTES);
            let fresh = || unreachable!("a state is there");
            let mut store =
                Store::open(&directory, &options, &Arc::default(), fresh).map_err(failed)?;
            store.bind(wanted.clone()).map_err(failed)?;
        }
        outsider.commit(wanted.partition, last.cursor.offset, &visible).map_err(words)
    }
}

fn foreign(found: &Binding, wanted: &Binding, task: &str) -> String {
    found.foreign_to(wanted).expect("they differ").of_task(task)
}

/// What is read of the topics of totals and rejects.
struct Reading<'a> {
    /// Sequence of the last entry that is known to be visible.
    known: u64,
    /// Sequence of the last one that was made.
    made: u64,
    /// Whose.
    of: &'a Binding,
}

/// What of a task's outbox is visible.
struct Visibility {
    /// All up to that sequence.
    through: u64,
    /// So many records of the task are in the topics; older ones may be gone.
    records: u64,
}

/// Where a total or a reject says that it comes from.
#[derive(Deserialize)]
struct Sourced {
    source: PlaceOfRecord,
}

#[derive(Deserialize)]
struct PlaceOfRecord {
    topic: Option<String>,
    partition: Option<i32>,
}

impl Reading<'_> {
    /// Entries become visible in their order: all up to the last one that is found.
    fn visibility(&self, store: &Store, flow: &KafkaFlow) -> Result<Visibility, CommandError> {
        let waiting = self.waiting(store)?;
        let mut found = Visibility { through: self.known, records: 0 };
        for (topic, is_total) in [(&flow.sink.topic, true), (&flow.rejects_topic, false)] {
            let (mut console, mut count) = (Console::new(), 0);
            Records::of_topic(flow, topic)?.each(&mut |record| {
                count += 1;
                console.show(record.progress, count, "records");
                let Value::Whole(body) = record.value else { return Ok(true) };
                found.records += u64::from(self.is_own(body));
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let name = (is_total, text(record.key.unwrap_or_default()), text(body));
                if let Some(sequence) = waiting.get(&name) {
                    found.through = found.through.max(*sequence);
                }
                Ok(true)
            })?;
        }
        Ok(found)
    }

    /// Entries that may be visible or not, by whether they are totals, key and body: their sequence.
    fn waiting(&self, store: &Store) -> Result<HashMap<(bool, String, String), u64>, CommandError> {
        let mut waiting = HashMap::new();
        let mut next = self.known + 1;
        while next <= self.made {
            for (sequence, bytes) in store.outbox(next, self.made, PART_BYTES).map_err(failed)? {
                let entry = Outgoing::decode(&bytes);
                let entry = entry.ok_or_else(|| failed(store.corrupt_outbox(sequence)))?;
                let is_total = matches!(entry.kind, OutgoingKind::Total(_));
                waiting.entry((is_total, entry.key, entry.body)).or_insert(sequence);
                next = sequence + 1;
            }
        }
        Ok(waiting)
    }

    fn is_own(&self, body: &[u8]) -> bool {
        serde_json::from_slice(body).is_ok_and(|Sourced { source }: Sourced| {
            source.topic.as_ref() == Some(&self.of.topic)
                && source.partition == Some(self.of.partition)
        })
    }
}

fn refused(task: &str, why: &str) -> CommandError {
    CommandError::failed(format!("{task} is not adopted: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn start_words(error: takeover::Error) -> CommandError {
    CommandError::failed(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
