//! What outlives a run, or does not fit its memory: opening a lasting state, making a temporary one.
//!
//! A lasting state counts its runs: each run over an input is a file of the state's cursor. Where a run did not come to
//! its end and the next one is given the same input, it goes on at the last commit.

use std::path::Path;
use std::sync::Arc;

use super::handover::Note;
use super::last_line::LastLine;
use super::mark::Mark;
use super::pieces::Delivered;
use super::{Limits, Outputs, store_failure};
use crate::daemon::cli::AggregateArguments;
use crate::daemon::{CommandError, unbound};
use crate::definition::Plan;
use crate::engine::{CommitId, CommitRecord, Cursor, DigestKey, OutboxEntry, Processor, Start};
use crate::file::{Source, TemporaryFolder};
use crate::format::state::{Identity, LeftOut};
use crate::store::{self, Store};

/// In place of a consumer group.
const GROUP: &str = "odometer aggregate";

/// Where changes go.
pub(super) enum Storage {
    /// All state is in memory.
    Memory,
    /// It is kept for a later run.
    Lasting(Store),
    /// It is gone after this run.
    Temporary(Temporary),
}

impl Storage {
    /// The store, where there is one.
    pub(super) fn store(&self) -> Option<&Store> {
        match self {
            Storage::Memory => None,
            Storage::Lasting(store) => Some(store),
            Storage::Temporary(temporary) => Some(&temporary.store),
        }
    }

    /// The store, to be written.
    pub(super) fn store_mut(&mut self) -> Option<&mut Store> {
        match self {
            Storage::Memory => None,
            Storage::Lasting(store) => Some(store),
            Storage::Temporary(temporary) => Some(&mut temporary.store),
        }
    }
}

/// What a run starts from.
pub(super) struct Opened {
    /// The state.
    pub(super) start: Start,
    /// Where reading begins.
    pub(super) cursor: Cursor,
    /// Where changes go.
    pub(super) storage: Storage,
    /// The commit from which on this run tells: the last one that other outputs told of.
    pub(super) told: CommitRecord,
    /// What of the outbox other outputs hold.
    pub(super) delivered: Delivered,
}

impl Opened {
    /// Opens the state that the arguments name, or begins an empty one in memory.
    pub(super) fn new(
        arguments: &AggregateArguments,
        plan: &Arc<Plan>,
        source: &Source,
        outputs: &Outputs,
    ) -> Result<Self, CommandError> {
        let Some(directory) = &arguments.state else { return Self::in_memory() };
        let identity =
            Identity { binding: unbound::binding(GROUP), digest_key: DigestKey(random()?) };
        let options = store::Options::new(Limits::of(arguments).store_bytes);
        let store = Store::open(directory, &options, plan, || identity).map_err(store_failure)?;
        unbound::check(&store, GROUP, "name a directory of its own with --state")?;
        for LeftOut { tenant, code, .. } in store.view().left_out().map_err(store_failure)? {
            tracing::warn!(
                tenant,
                metric = code,
                "the state has periods of a metric that no --metrics file defines: they stay open, and what this run reads \
                 is not counted for it, now or later"
            );
        }
        Self::lasting(store, source, outputs, arguments.format.has_ids())
    }

    fn in_memory() -> Result<Self, CommandError> {
        let cursor = Cursor { file: 1, offset: 0, line: 0 };
        let start = Start {
            digest_key: DigestKey(random()?),
            last: CommitRecord::genesis(CommitId(random()?), cursor),
            delivered: 0,
            is_offset_behind: false,
            stored: None,
        };
        Ok(Opened {
            told: start.last,
            start,
            cursor,
            storage: Storage::Memory,
            delivered: Delivered::default(),
        })
    }

    fn lasting(
        mut store: Store,
        source: &Source,
        outputs: &Outputs,
        has_ids: bool,
    ) -> Result<Self, CommandError> {
        let directory = store.directory().to_owned();
        let mark = Mark::read(&directory);
        let mut commits = store.commits().map_err(store_failure)?;
        let noted = Note::newest_commit(&directory)?;
        check_notes((mark.as_ref(), noted), commits.last(), &directory)?;
        if commits.is_empty() {
            let cursor = Cursor { file: 0, offset: 0, line: 0 };
            let genesis = CommitRecord::genesis(CommitId(random()?), cursor);
            store.begin(&genesis).map_err(store_failure)?;
            commits.push(genesis);
        }
        let finished = Note::finished(&directory)?;
        let has_finished = |last: &CommitRecord| finished == Some(last.number);
        let is_finished = commits.len() == 1 || commits.last().is_some_and(has_finished);
        if let [_, .., last] = commits.as_slice()
            && is_finished
        {
            // Commits before the last visible one are forgotten.
            store.trim(last.outbox_last, last.number).map_err(store_failure)?;
            commits = vec![*last];
        }
        let (Some(&visible), Some(&last)) = (commits.first(), commits.last()) else {
            unreachable!("a genesis was added where there was no commit")
        };
        let delivered = Note::complete(&directory, outputs, visible.outbox_last)?;
        let cut_off = mark.filter(|mark| !is_finished && mark.run == last.cursor.file);
        let cursor = next_cursor(&store, cut_off, source, last.cursor, has_ids)?;
        let start = Start {
            digest_key: store.identity().digest_key,
            last,
            delivered: visible.outbox_last,
            is_offset_behind: visible != last,
            stored: Some(store.index().map_err(store_failure)?),
        };
        // What is all in other outputs is not told of with these.
        let told = match delivered.untold_since {
            Some(since) => commits.iter().find(|commit| commit.number == since).copied(),
            None => delivered.is_whole(&last).then_some(last),
        };
        let told = told.unwrap_or(visible);
        Ok(Opened { start, cursor, storage: Storage::Lasting(store), told, delivered })
    }
}

/// Where reading begins; notes what is read from there on. `mark` is that of a run that was cut off.
fn next_cursor(
    store: &Store,
    mark: Option<Mark>,
    source: &Source,
    last: Cursor,
    has_ids: bool,
) -> Result<Cursor, CommandError> {
    if !has_ids && mark.as_ref().is_some_and(|mark| mark.is_unknown() && !source.is_ordinary()) {
        return Err(would_count_again(store));
    }
    if let Some(mark) = mark.filter(|mark| mark.is_at(source)) {
        if mark.is_of(source) && is_read_up_to(last, store, source)? {
            let line = last.line;
            tracing::info!(line, "an earlier run over this input was cut off: going on");
            return Ok(last);
        }
        if !has_ids {
            return Err(would_count_again(store));
        }
        tracing::warn!(
            "an earlier run over this input was cut off, and what it had read has changed since: reading from the \
             beginning, where what was counted is found to be a duplicate by its id"
        );
    }
    let cursor = Cursor { file: last.file + 1, offset: 0, line: 0 };
    Mark::of(source, cursor.file).write(store.directory())?;
    Ok(cursor)
}

/// What was counted of an input that cannot be gone on with would be counted again.
fn would_count_again(store: &Store) -> CommandError {
    CommandError::failed(format!(
        "an earlier run on state directory {} was cut off, and its input is not the file that it was: events of this \
         format bear no id, so that what was counted would count again; begin anew in an empty state directory",
        store.directory().display()
    ))
}

/// Whether an input still has what was read of it last.
fn is_read_up_to(end: Cursor, store: &Store, source: &Source) -> Result<bool, CommandError> {
    LastLine::noted(store)?.map_or(Ok(false), |line| line.is_before(end, source))
}

/// A run is noted after the commits of all before it, and its end after its own: a state that knows less has lost some.
fn check_notes(
    (mark, noted): (Option<&Mark>, Option<u64>),
    last: Option<&CommitRecord>,
    directory: &Path,
) -> Result<(), CommandError> {
    let known = last.map(|last| last.cursor.file + 1);
    let lacks_run = mark.is_some_and(|mark| known.is_none_or(|known| mark.run > known));
    let lacks_commit = noted > last.map(|last| last.number);
    if lacks_run || lacks_commit {
        return Err(CommandError::failed(format!(
            "state directory {} is damaged: commits of earlier runs are missing; restore it from a copy, or begin anew in \
             an empty one",
            directory.display()
        )));
    }
    Ok(())
}

/// A store that is gone with the run, and the folder it lies in.
pub(super) struct Temporary {
    // Closed before its folder goes: fields are dropped in this order.
    store: Store,
    is_empty: bool,
    folder: TemporaryFolder,
}

impl Temporary {
    /// An empty store in the directory for temporary files.
    pub(super) fn create(limits: Limits, plan: &Arc<Plan>) -> Result<Self, CommandError> {
        let folder = TemporaryFolder::create().map_err(|error| {
            let directory = std::env::temp_dir();
            let what = format!(
                "cannot create a folder for what memory does not hold in {} (TMPDIR)",
                directory.display()
            );
            CommandError::failed_by(what, error)
        })?;
        let identity =
            Identity { binding: unbound::binding(GROUP), digest_key: DigestKey(random()?) };
        let options = store::Options::temporary(limits.store_bytes);
        let store = Store::open(&folder.path().join("store"), &options, plan, || identity);
        let store = store.map_err(|error| spill_failure(error, &folder))?;
        Ok(Temporary { store, is_empty: true, folder })
    }

    /// Writes a commit whose outbox entries were taken before: the first one is all state there is.
    pub(super) fn write(
        &mut self,
        record: &CommitRecord,
        processor: &mut Processor,
    ) -> Result<(), CommandError> {
        let written = if std::mem::replace(&mut self.is_empty, false) {
            self.store.spill(record, processor)
        } else {
            let no_entries = |entry: &OutboxEntry| panic!("the outbox was taken before: {entry:?}");
            self.store.commit(record, processor, &no_entries)
        };
        written.map_err(|error| spill_failure(error, &self.folder))
    }
}

/// A full disk is to be named by what the operator can change.
fn spill_failure(error: store::Error, folder: &TemporaryFolder) -> CommandError {
    match error {
        store::Error::DiskFull(_) => CommandError::failed(format!(
            "cannot write what memory does not hold to {}: the disk is full; let TMPDIR name a \
             folder on a larger one, or give more with --memory-limit",
            folder.path().display()
        )),
        error => store_failure(error),
    }
}

/// Sixteen random bytes.
pub(super) fn random() -> Result<[u8; 16], CommandError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::failed(format!("no randomness to be had: {error}")))?;
    Ok(bytes)
}
