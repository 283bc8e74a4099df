//! The store: one task's state in one RocksDB.
//!
//! Carries out `Load`, `Scan`, `Store`, `Trim` and `Expire`; the bytes are `format::state`'s. It decides nothing
//! about totals, and knows no topic or file.

mod claims;
mod directory;
mod entries;
mod error;
mod notes;
mod openings;
mod options;
mod periods;
mod read;
mod rebuilt;
mod replan;
mod spill;
mod survey;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{DB, Direction, IteratorMode, WriteBatch, WriteOptions};

pub use directory::{exists, is_beheaded};
pub use error::{Disposition, Error, is_of_disk};
pub use options::Options;
pub use read::Numbered;
pub use survey::{Survey, SurveyedMetric};
pub use view::{Ask, Page, View};

use self::claims::Claims;
use self::entries::Entries;
use self::options::database_options;
use crate::definition::Plan;
use crate::engine::{Binding, CommitId, CommitRecord, OutboxEntry, Processor};
use crate::format::state::{
    self, BatchEncoder, Dictionary, FollowedFile, Identity, IdentityError, Operation, Written,
};

/// Past how many keys a range is forgotten as one.
const SINGLE_DELETIONS_MAX: u64 = 1_000;

/// One task's state.
pub struct Store {
    db: Arc<DB>,
    directory: PathBuf,
    plan: Arc<Plan>,
    dictionary: Dictionary,
    identity: Identity,
    is_durable: bool,
    expire_from: Vec<u8>,
    /// The day up to which the look at all ids that is under way began to forget; `None`: it began in an earlier run, or
    /// has not begun.
    expire_begun: Option<u32>,
    record: Option<(i64, [u8; 16])>,
    /// Of files whose note changed, to be stored with the next commit; `None`: it goes.
    followed: BTreeMap<u32, Option<FollowedFile>>,
    /// How far output files are visible, to be stored when that is next trimmed.
    written: Option<Written>,
    /// Which customers are claimed, where that is kept book of.
    claims: Option<Claims>,
    /// First outbox entry, and first commit, that this process has not forgotten yet.
    kept: (u64, u64),
}

impl Store {
    /// Opens the state in `directory`; makes it where there is none, with the identity that `fresh` gives.
    ///
    /// # Errors
    /// A directory that cannot be used, is in use, holds something else, whose metrics changed their meaning in place, or
    /// which knows of definitions that the plan does not have yet.
    pub fn open(
        directory: &Path,
        options: &Options,
        plan: &Arc<Plan>,
        fresh: impl FnOnce() -> Identity,
    ) -> Result<Self, Error> {
        directory::check(directory)?;
        let db = DB::open(&database_options(options, directory), directory)
            .map_err(|error| Error::open(directory, error))?;
        options::bound_ranges(&db).map_err(|error| Error::failed(directory, error))?;
        let identity = match read_identity(&db, directory)? {
            Some(identity) if options.is_durable => {
                openings::note(&db, directory)?;
                identity
            }
            Some(identity) => identity,
            None => fresh(),
        };
        Self::on(db, directory, plan, identity, options.is_durable)
    }

    /// Opens the state in `directory` to be looked at, whether or not its task has it open, and holds the same against it;
    /// nothing can be written. `None`: a start would begin a new one there.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn look(directory: &Path, plan: &Arc<Plan>) -> Result<Option<Self>, Error> {
        if !exists(directory) {
            return if directory.exists() {
                directory::check(directory).map(|()| None)
            } else {
                Ok(None)
            };
        }
        let db = survey::open(directory)?;
        let Some(identity) = read_identity(&db, directory)? else { return Ok(None) };
        openings::check(&db, directory)?;
        Self::on(db, directory, plan, identity, true).map(Some)
    }

    fn on(
        db: DB,
        directory: &Path,
        plan: &Arc<Plan>,
        identity: Identity,
        is_durable: bool,
    ) -> Result<Self, Error> {
        let (dictionary, calendars) = replan::understood(&db, directory, plan)
            .map_err(|error| replan::or_ahead(&db, directory, plan, error))?;
        let expire_from =
            db.get([state::EXPIRY]).map_err(|error| Error::failed(directory, error))?;
        let expire_from = expire_from.unwrap_or_else(|| vec![state::ID]);
        let store = Store {
            db: Arc::new(db),
            directory: directory.into(),
            plan: Arc::clone(plan),
            dictionary,
            identity,
            is_durable,
            expire_from,
            expire_begun: None,
            record: None,
            followed: BTreeMap::new(),
            written: None,
            claims: None,
            kept: (0, 0),
        };
        (store.check_periods(&calendars))
            .map_err(|error| replan::or_ahead(&store.db, directory, plan, error))?;
        Ok(store)
    }

    /// What the state is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has the state belong to something else from now on.
    ///
    /// # Errors
    /// The disk.
    pub fn bind(&mut self, binding: Binding) -> Result<(), Error> {
        self.identity.binding = binding;
        let mut batch = WriteBatch::default();
        batch.put([state::IDENTITY], state::encode_identity(&self.identity));
        self.write(batch)
    }

    /// Writes the genesis of a fresh state, with what the state is.
    ///
    /// # Errors
    /// The disk.
    pub fn begin(&mut self, genesis: &CommitRecord) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put([state::IDENTITY], state::encode_identity(&self.identity));
        batch.put(state::commit_key(genesis.number), state::encode_commit(genesis));
        openings::begin(&mut batch);
        self.write(batch)
    }

    /// Writes a commit with everything that changed since the last one, in one atomic, durable step.
    ///
    /// # Errors
    /// The disk; then nothing of the commit is stored, and the processor is of no further use.
    pub fn commit(
        &mut self,
        record: &CommitRecord,
        processor: &mut Processor,
        encode_outbox: &dyn Fn(&OutboxEntry) -> Vec<u8>,
    ) -> Result<(), Error> {
        let mut encoder = BatchEncoder::new(&self.dictionary, encode_outbox);
        processor.write_changes(&mut encoder);
        let mut batch = batch_of(encoder.finish(record));
        if let Some((offset, digest)) = self.record {
            batch.put([state::RECORD], [&offset.to_be_bytes()[..], &digest[..]].concat());
        }
        for (number, file) in &self.followed {
            let key = state::followed_key(*number);
            match file {
                Some(file) => batch.put(key, state::encode_followed(file)),
                None => batch.delete(key),
            }
        }
        if let Some(claims) = &self.claims {
            claims.write(&mut batch, record.number);
        }
        self.write(batch)?;
        self.dictionary.is_stored();
        self.followed.clear();
        if let Some(claims) = &mut self.claims {
            claims.is_stored();
        }
        Ok(())
    }

    fn write(&self, batch: WriteBatch) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        if self.is_durable {
            options.set_sync(true);
        } else {
            options.disable_wal(true);
        }
        self.db.write_opt(batch, &options).map_err(|error| self.failed(error))
    }

    /// Writes that nothing waits for: lost ones are made again.
    fn write_lazily(&self, batch: WriteBatch) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.disable_wal(!self.is_durable);
        self.db.write_opt(batch, &options).map_err(|error| self.failed(error))
    }

    /// Forgets outbox entries up to `through`, and commits before `visible`.
    ///
    /// # Errors
    /// The disk.
    pub fn trim(&mut self, through: u64, visible: u64) -> Result<(), Error> {
        let kept = (through + 1, visible);
        let mut forgotten = self::forgotten(self.kept.0, kept.0, state::outbox_key);
        forgotten.extend(self::forgotten(self.kept.1, kept.1, state::commit_key));
        let mut batch = batch_of(forgotten);
        if let Some(written) = self.written.take() {
            batch.put([state::WRITTEN], state::encode_written(&written));
        }
        self.write_lazily(batch)?;
        self.kept = kept;
        Ok(())
    }

    /// Forgets ids of days up to `day`, a slice of the store at each call, which goes on where the last one ended, in an
    /// earlier run too. Returns whether all ids were looked at for that day: where the look began with an earlier one, it
    /// begins again at its end.
    ///
    /// # Errors
    /// The disk.
    pub fn expire(&mut self, day: u32, entries_max: usize) -> Result<bool, Error> {
        let mut batch = WriteBatch::default();
        if self.expire_from == [state::ID] {
            self.expire_begun = Some(day);
        }
        let from = IteratorMode::From(&self.expire_from, Direction::Forward);
        let mut next = None;
        for (count, entry) in self.db.iterator(from).enumerate() {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            if key.first() != Some(&state::ID) {
                break;
            }
            if count == entries_max {
                next = Some(key.to_vec());
                break;
            }
            let stored: [u8; 4] = value
                .as_ref()
                .try_into()
                .map_err(|_| self.corrupt(state::Corrupt("an id without its day".to_owned())))?;
            if u32::from_be_bytes(stored) <= day {
                batch.delete(key);
            }
        }
        match &next {
            Some(key) => batch.put([state::EXPIRY], key),
            None => batch.delete([state::EXPIRY]),
        }
        self.write_lazily(batch)?;
        let is_whole = next.is_none() && self.expire_begun == Some(day);
        self.expire_from = next.unwrap_or_else(|| vec![state::ID]);
        Ok(is_whole)
    }

    /// Bytes of the state on disk and in write buffers.
    pub fn bytes(&self) -> Option<u64> {
        let tables = self.db.property_int_value("rocksdb.total-sst-files-size").ok()??;
        let buffers = self.db.property_int_value("rocksdb.cur-size-all-mem-tables").ok()??;
        Some(tables + buffers)
    }

    /// The error of an outbox entry that cannot be read.
    pub fn corrupt_outbox(&self, sequence: u64) -> Error {
        self.corrupt(state::Corrupt(format!("an outbox entry {sequence} that cannot be read")))
    }

    /// Entries as they stand.
    fn now(&self) -> Entries<'_> {
        let Store { db, directory, plan, dictionary, .. } = self;
        Entries { db, snapshot: None, directory, plan, dictionary }
    }

    fn failed(&self, error: rocksdb::Error) -> Error {
        Error::failed(&self.directory, error)
    }

    fn corrupt(&self, corrupt: state::Corrupt) -> Error {
        Error::Corrupt(self.directory.clone(), corrupt)
    }

    /// The commits that are kept, oldest first: those since the last one known to be visible.
    ///
    /// # Errors
    /// The disk, or a record that cannot be read.
    pub fn commits(&self) -> Result<Vec<CommitRecord>, Error> {
        let mut commits = Vec::new();
        for entry in self.now().with_prefix(&[state::COMMIT])? {
            commits.push(state::decode_commit(&entry.1).map_err(|corrupt| self.corrupt(corrupt))?);
        }
        let parents = commits.iter().skip(1).map(|commit: &CommitRecord| commit.parent);
        let ids = commits.iter().map(|commit| Some(commit.id));
        if !ids.zip(parents).all(|(before, parent): (Option<CommitId>, _)| before == parent) {
            let text = "commit records that do not follow each other".to_owned();
            return Err(self.corrupt(state::Corrupt(text)));
        }
        Ok(commits)
    }
}

/// Forgets what has a number from `from` to before `until`: one by one where they are few, for every range that the write
/// buffer holds is sorted anew for each look at the database, and ranges that begin alike are as many squared.
fn forgotten(from: u64, until: u64, key: fn(u64) -> Vec<u8>) -> Vec<Operation> {
    if until.saturating_sub(from) > SINGLE_DELETIONS_MAX {
        return vec![Operation::DeleteRange(key(from), key(until))];
    }
    (from..until).map(|number| Operation::Delete(key(number))).collect()
}

fn batch_of(operations: Vec<Operation>) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for operation in operations {
        match operation {
            Operation::DeleteRange(from, to) => batch.delete_range(from, to),
            Operation::Delete(key) => batch.delete(key),
            Operation::Put(key, value) => batch.put(key, value),
        }
    }
    batch
}

/// What the state is. `None`: the database is empty, as one is whose process was killed before its first write.
fn read_identity(db: &DB, directory: &Path) -> Result<Option<Identity>, Error> {
    let foreign = |text: String| Error::Foreign(directory.into(), text);
    let stored = db.get([state::IDENTITY]).map_err(|error| Error::failed(directory, error))?;
    match stored {
        Some(bytes) => {
            let identity = state::decode_identity(&bytes);
            identity.map(Some).map_err(|error| {
                let text = error.to_string();
                match error {
                    IdentityError::ForeignProgram(_) => foreign(text),
                    IdentityError::ForeignFormat(_) => Error::OtherForm(directory.into(), text),
                    IdentityError::Unreadable(_) => {
                        Error::Corrupt(directory.into(), state::Corrupt(text))
                    }
                }
            })
        }
        None if db.iterator(IteratorMode::Start).next().is_none() => Ok(None),
        None => Err(foreign("it holds a database that is no state of odometer".to_owned())),
    }
}
