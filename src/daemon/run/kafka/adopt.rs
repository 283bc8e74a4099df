//! `odometer state adopt`: has the group go on from the state that is here, where its own offset was lost or moved by hand.
//!
//! ```text
//! facts as at a start ─► what of the outbox is in the topics ─► the decision as if that were committed ─► Resume: commit it
//! ```
//! What was delivered is otherwise known from the offset alone. Here it is read from the topics of totals and rejects: which
//! entries of the outbox are there. Nothing is adopted that a start would not go on with.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arrived::{Reading, Visibility};
use super::by_hand::{alone, binding, decided, named, words};
use super::takeover::{self, local_state};
use super::{setup, trial};
use crate::daemon::CommandError;
use crate::daemon::run::setup::lock_directory;
use crate::engine::{
    self, Binding, CommitId, CommitRecord, Cursor, Decision, Facts, LocalState, Noted, Visible,
};
use crate::kafka::Outsider;
use crate::settings::{KafkaFlow, Settings};
use crate::store::{self, Store};

/// What RocksDB may have in memory.
const MEMORY_BYTES: usize = 64 << 20;

/// What is asked for.
pub(in crate::daemon) struct Ask<'a> {
    pub(in crate::daemon) settings: &'a Settings,
    pub(in crate::daemon) flow: &'a KafkaFlow,
    /// The task, as its folder is called.
    pub(in crate::daemon) task: &'a str,
    /// Whether the log is the one that was read, though the state is of another cluster, group, topic or partition, or the
    /// last record that was read is not there.
    pub(in crate::daemon) rebinds: bool,
    /// Whether the state goes on at the beginning of a log that begins behind its cursor.
    pub(in crate::daemon) passes_gap: bool,
}

/// An adoption that nothing speaks against.
pub(in crate::daemon) struct Adoption {
    outsider: Outsider,
    directory: PathBuf,
    wanted: Binding,
    changes: Changes,
    /// What is committed for the group; `None`: its offset names a commit of the state already.
    offset: Option<(i64, Visible)>,
    /// What it does, in words.
    words: String,
    /// No daemon has the states meanwhile.
    _lock: File,
}

/// What of a state is changed before the group goes on from it.
#[derive(Clone, Default)]
struct Changes {
    is_bound_anew: bool,
    forgets_record: bool,
    /// A commit whose cursor is at the beginning of the log.
    moved: Option<CommitRecord>,
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
    let Ask { settings, flow, task, rebinds, passes_gap } = *ask;
    let (topic, partition) = named(flow, task)?;
    let lock = lock_directory(settings)?;
    let options = trial::options(flow, &topic);
    let wanted = binding(&options, partition, |why| refused(task, why))?;
    let directory = setup::state_directory(&settings.state.directory, &wanted.topic, partition);
    let store = Store::look(&directory, &Arc::default()).map_err(failed)?;
    let outsider = alone(settings, &options, |why| refused(task, why))?;
    let (log_start, log_end) = outsider.log_bounds(partition).map_err(words)?;
    let committed = outsider.committed(partition).map_err(words)?;
    let Some(store) = store else {
        let gap = committed.filter(|one| passes_gap && one.offset < log_start);
        let Some(genesis) = gap.and_then(|one| one.metadata.ok()).filter(|one| one.is_genesis)
        else {
            return Err(refused(task, &format!("there is no state in {}", directory.display())));
        };
        return Ok(Found::Ready(Box::new(Adoption {
            words: format!("{task}: nothing was counted yet; it begins at offset {log_start}"),
            offset: Some((log_start, genesis)),
            changes: Changes::default(),
            outsider,
            directory,
            wanted,
            _lock: lock,
        })));
    };
    let found = &store.identity().binding;
    let is_foreign = found != &wanted;
    if is_foreign && !(rebinds && found.partitions == wanted.partitions) {
        return Err(refused(task, &foreign(found, &wanted, task)));
    }
    let local =
        local_state(&store, &options, partition, (log_start, log_end)).map_err(start_words)?;
    let commits = store.commits().map_err(failed)?;
    let is_before = |last: &CommitRecord| passes_gap && last.cursor.offset < log_start;
    let taken = |last: &CommitRecord| !local.is_genesis || is_before(last);
    let Some(last) = commits.last().copied().filter(taken) else {
        return Err(refused(
            task,
            "the state holds nothing yet: a start goes by source.start_from",
        ));
    };
    let changes = Changes {
        is_bound_anew: is_foreign,
        forgets_record: rebinds && !matches!(local.noted, Noted::Nothing | Noted::Same),
        moved: is_before(&last).then(|| moved(&last, log_start)),
    };
    let last = changes.moved.unwrap_or(last);
    let mut local = LocalState { binding: wanted.clone(), cursor: last.cursor, ..local };
    if changes.forgets_record {
        local.noted = Noted::Nothing;
    }
    if let Some(moved) = &changes.moved {
        local.chain.push(moved.id);
        local.is_genesis = false;
    }
    let may_go_on = |local: LocalState, offset, visible| {
        let committed = Some(engine::Committed { offset, metadata: Ok(visible) });
        may_go_on((&wanted, local), committed, (log_start, log_end), task)
    };
    let offset = if let Some((offset, visible)) =
        committed.and_then(|one| Some((one.offset, one.metadata.ok()?)))
    {
        if !local.chain.contains(&visible.commit) {
            return Err(refused(
                task,
                &format!(
                    "the group's offset names commit {}, which this state does not have: totals of it are visible that \
                     this state does not know",
                    visible.commit
                ),
            ));
        }
        may_go_on(local, offset, visible)?;
        if !changes.are_any() {
            return Ok(Found::Settled(format!(
                "{task}: the group's offset names commit {} of this state already; a start goes on with it",
                visible.commit
            )));
        }
        None
    } else {
        let visible = visible_of(&store, flow, task, (&wanted, is_foreign), &last)?;
        may_go_on(local, last.cursor.offset, visible)?;
        Some((last.cursor.offset, visible))
    };
    drop(store);
    let words = told(&wanted, &directory, &changes, &last, offset.as_ref());
    let adoption = Adoption { outsider, directory, wanted, changes, offset, words, _lock: lock };
    Ok(Found::Ready(Box::new(adoption)))
}

/// Whether a start would go on with a state, were that committed.
fn may_go_on(
    (binding, local): (&Binding, LocalState),
    committed: Option<engine::Committed>,
    (log_start, log_end): (i64, i64),
    task: &str,
) -> Result<(), CommandError> {
    let facts = Facts {
        binding: binding.clone(),
        local: Some(local),
        unfit: None,
        // The state that is here is the one that is meant.
        checkpoints: Vec::new(),
        committed,
        log_start,
        log_end,
        start_from: None,
    };
    match engine::decide(&facts) {
        Decision::Resume { .. } => Ok(()),
        Decision::Halt(halt) => Err(refused(task, &halt.of_task(task))),
        Decision::Begin { .. } | Decision::Adopt { .. } | Decision::Restore { .. } => {
            unreachable!("the offset names a commit of the state")
        }
    }
}

/// A commit that goes on at that offset, with all that the last one has.
fn moved(last: &CommitRecord, offset: i64) -> CommitRecord {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the system gives random bytes");
    CommitRecord {
        id: CommitId(id),
        parent: Some(last.id),
        number: last.number + 1,
        cursor: Cursor::at_offset(offset),
        ..*last
    }
}

/// What of a state's outbox is visible, by the topics of totals and rejects.
fn visible_of(
    store: &Store,
    flow: &KafkaFlow,
    task: &str,
    (wanted, is_foreign): (&Binding, bool),
    last: &CommitRecord,
) -> Result<Visible, CommandError> {
    for topic in [&flow.sink.topic, &flow.rejects_topic] {
        decided(flow, topic, |why| refused(task, why))?;
    }
    let known = store.commits().map_err(failed)?.first().map_or(0, |first| first.outbox_last);
    let reading = Reading { known, made: last.outbox_last, of: wanted };
    let Visibility { through: sequence, records } = reading.visibility(store, flow)?;
    if records > sequence && !is_foreign {
        return Err(refused(
            task,
            &format!(
                "the topics of totals and rejects have {records} records of it, and of those that the state made no more \
                 than {sequence} can be there: it is older than what is visible, or another group's are among them"
            ),
        ));
    }
    Ok(Visible {
        commit: last.id,
        is_genesis: false,
        sequence,
        watermark: last.watermark,
        partitions: wanted.partitions,
    })
}

impl Changes {
    fn are_any(&self) -> bool {
        self.is_bound_anew || self.forgets_record || self.moved.is_some()
    }
}

/// What an adoption does, in words.
fn told(
    wanted: &Binding,
    directory: &Path,
    changes: &Changes,
    last: &CommitRecord,
    offset: Option<&(i64, Visible)>,
) -> String {
    let Binding { group, topic, partition, .. } = wanted;
    let mut words = format!(
        "group {group}, {topic} partition {partition}: offset {} with commit {} of {}",
        last.cursor.offset,
        last.number,
        directory.display()
    );
    let said = [
        (changes.is_bound_anew, ", which is bound to it from now on"),
        (
            changes.forgets_record,
            ", whatever the log has in place of the last record that was read",
        ),
        (changes.moved.is_some(), ", the beginning of the log, without what was deleted before it"),
    ];
    words.extend(said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words));
    words.extend(offset.map(|(_, visible)| {
        let waiting = last.outbox_last - visible.sequence;
        format!("; {waiting} totals and rejects that are not in their topics are delivered at the next start")
    }));
    words
}

impl Adoption {
    /// What it would do, in words.
    pub(in crate::daemon) fn words(&self) -> String {
        self.words.clone()
    }

    /// Changes the state where that is asked for, and commits its offset.
    ///
    /// # Errors
    /// The disk; a broker that refuses or does not answer: then the same may be asked for again.
    pub(in crate::daemon) fn carry_out(self) -> Result<(), CommandError> {
        let Adoption { outsider, directory, wanted, changes, offset, .. } = self;
        if changes.are_any() {
            let options = store::Options::new(MEMORY_BYTES);
            let fresh = || unreachable!("a state is there");
            let mut store =
                Store::open(&directory, &options, &Arc::default(), fresh).map_err(failed)?;
            if changes.is_bound_anew {
                store.bind(wanted.clone()).map_err(failed)?;
            }
            if changes.forgets_record {
                store.forget_record().map_err(failed)?;
            }
            if let Some(moved) = &changes.moved {
                store.move_cursor(moved).map_err(failed)?;
            }
        }
        match offset {
            Some((offset, visible)) => {
                outsider.commit(wanted.partition, offset, &visible).map_err(words)
            }
            None => Ok(()),
        }
    }
}

fn foreign(found: &Binding, wanted: &Binding, task: &str) -> String {
    found.foreign_to(wanted).expect("they differ").of_task(task)
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
