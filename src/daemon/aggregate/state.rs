//! What outlives a run, or does not fit its memory: opening a lasting state, making a temporary one.
//!
//! A lasting state counts its runs: each run over an input is a file of the state's cursor. Where a run did not come to
//! its end and the next one is given the same input, it goes on at the last commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mark::{Mark, hex};
use super::{Limits, store_failure};
use crate::daemon::CommandError;
use crate::daemon::cli::AggregateArguments;
use crate::definition::Plan;
use crate::engine::{
    Binding, CommitId, CommitRecord, Counters, Cursor, DigestKey, OutboxEntry, Processor, Start,
};
use crate::file::Source;
use crate::format::state::Identity;
use crate::store::{self, Store};

/// In place of a consumer group: no group of Kafka can be meant by it, since its topic is empty.
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
    /// What was counted before this run.
    pub(super) before: Counters,
}

impl Opened {
    /// Opens the state that the arguments name, or begins an empty one in memory.
    pub(super) fn new(
        arguments: &AggregateArguments,
        plan: &Arc<Plan>,
        source: &Source,
    ) -> Result<Self, CommandError> {
        match &arguments.state {
            Some(directory) => Self::lasting(directory, Limits::of(arguments), plan, source),
            None => Self::in_memory(),
        }
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
        Ok(Opened { start, cursor, storage: Storage::Memory, before: Counters::default() })
    }

    fn lasting(
        directory: &Path,
        limits: Limits,
        plan: &Arc<Plan>,
        source: &Source,
    ) -> Result<Self, CommandError> {
        let identity = Identity { binding: binding(), digest_key: DigestKey(random()?) };
        let options = store::Options::new(limits.store_bytes);
        let mut store =
            Store::open(directory, &options, plan, || identity).map_err(store_failure)?;
        check_binding(&store)?;
        let mut commits = store.commits().map_err(store_failure)?;
        if commits.is_empty() {
            let cursor = Cursor { file: 0, offset: 0, line: 0 };
            let genesis = CommitRecord::genesis(CommitId(random()?), cursor);
            store.begin(&genesis).map_err(store_failure)?;
            commits.push(genesis);
        }
        let (visible, last) = match commits.as_slice() {
            [only] => (*only, *only),
            [first, .., last] => (*first, *last),
            [] => unreachable!("a genesis was added where there was no commit"),
        };
        // Commits before the last visible one are forgotten: a run that came to its end leaves one.
        let is_finished = commits.len() == 1;
        let cursor = next_cursor(directory, source, last.cursor, is_finished)?;
        let start = Start {
            digest_key: store.identity().digest_key,
            last,
            delivered: visible.outbox_last,
            is_offset_behind: !is_finished,
            stored: Some(store.index().map_err(store_failure)?),
        };
        let before = last.counters;
        Ok(Opened { start, cursor, storage: Storage::Lasting(store), before })
    }
}

/// Where reading begins; notes what is read from there on.
fn next_cursor(
    directory: &Path,
    source: &Source,
    last: Cursor,
    is_finished: bool,
) -> Result<Cursor, CommandError> {
    let before = Mark::read(directory);
    let is_same = before.is_some_and(|mark| mark.run == last.file && mark.is_of(source));
    if is_same && !is_finished {
        tracing::info!(line = last.line, "an earlier run over this input was cut off: going on");
        return Ok(last);
    }
    let cursor = Cursor { file: last.file + 1, offset: 0, line: 0 };
    Mark::of(source, cursor.file).write(directory)?;
    Ok(cursor)
}

fn binding() -> Binding {
    Binding {
        cluster: String::new(),
        group: GROUP.to_owned(),
        topic: String::new(),
        partition: 0,
        partitions: 1,
    }
}

fn check_binding(store: &Store) -> Result<(), CommandError> {
    let found = &store.identity().binding;
    if *found == binding() {
        return Ok(());
    }
    Err(CommandError::failed(format!(
        "state directory {} belongs to `odometer run` (group {:?}, topic {:?}, partition {}): name \
         a directory of its own with --state",
        store.directory().display(),
        found.group,
        found.topic,
        found.partition
    )))
}

/// A store that is gone with the run, and the directory it lies in.
pub(super) struct Temporary {
    // Closed before its directory goes: fields are dropped in this order.
    store: Store,
    is_empty: bool,
    _directory: TemporaryDirectory,
}

impl Temporary {
    /// An empty store in the directory for temporary files.
    pub(super) fn create(limits: Limits, plan: &Arc<Plan>) -> Result<Self, CommandError> {
        let directory = TemporaryDirectory::create()?;
        let identity = Identity { binding: binding(), digest_key: DigestKey(random()?) };
        let options = store::Options::temporary(limits.store_bytes);
        let store =
            Store::open(&directory.0, &options, plan, || identity).map_err(store_failure)?;
        Ok(Temporary { store, is_empty: true, _directory: directory })
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
        written.map_err(store_failure)
    }
}

/// Removed with everything in it at the end of the run.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn create() -> Result<Self, CommandError> {
        let path = std::env::temp_dir().join(format!("odometer-spill-{}", hex(&random()?)));
        fs::create_dir(&path).map_err(|error| {
            CommandError::failed_by(format!("cannot create {}", path.display()), error)
        })?;
        Ok(TemporaryDirectory(path))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a temporary directory stays behind");
        }
    }
}

/// Sixteen random bytes.
pub(super) fn random() -> Result<[u8; 16], CommandError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::failed(format!("no randomness to be had: {error}")))?;
    Ok(bytes)
}
