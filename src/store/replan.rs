//! What a plan makes of a state: numbers of its metrics, and whether all that is counted keeps its meaning.
//!
//! Asked at a start, and where definitions change while the task works.

use std::path::Path;
use std::sync::Arc;

use rocksdb::{DB, Direction, IteratorMode};

use super::{Error, Store};
use crate::definition::Plan;
use crate::format::state::{self, ChangedCalendar, Corrupt, Dictionary};

impl Store {
    /// From now on entries are read and written by another plan. What changed under the one before must be stored.
    ///
    /// # Errors
    /// A plan that gives what is counted another meaning, or the disk; then the plan before still stands.
    pub fn replan(&mut self, plan: &Arc<Plan>) -> Result<(), Error> {
        let (dictionary, calendars) = understood(&self.db, &self.directory, plan)?;
        let dictionary = std::mem::replace(&mut self.dictionary, dictionary);
        let before = std::mem::replace(&mut self.plan, Arc::clone(plan));
        let outcome = self.check_periods(&calendars);
        if outcome.is_err() {
            (self.plan, self.dictionary) = (before, dictionary);
        }
        outcome
    }
}

/// The plan's metrics by the numbers that a state knows them by, and the customers whose calendars changed.
pub(super) fn understood(
    db: &DB,
    directory: &Path,
    plan: &Plan,
) -> Result<(Dictionary, Vec<ChangedCalendar>), Error> {
    let mut dictionary = read_dictionary(db, directory, plan)?;
    let stored = db.get([state::CALENDARS]).map_err(|error| Error::failed(directory, error))?;
    let calendars = dictionary
        .take_calendars(plan, stored.as_deref())
        .map_err(|corrupt| Error::Corrupt(directory.into(), corrupt))?;
    Ok((dictionary, calendars))
}

/// Where a state goes by definitions of a later revision than the plan's, what is missing is no fault of the plan: it comes yet.
pub(super) fn or_ahead(db: &DB, directory: &Path, plan: &Plan, error: Error) -> Error {
    if !matches!(error, Error::Definitions(..)) {
        return error;
    }
    let known = plan.revision();
    match last_revision(db, directory) {
        Ok(Some(of_state)) if of_state > known => {
            Error::Ahead { directory: directory.into(), of_state, known }
        }
        Ok(_) => error,
        Err(failed) => failed,
    }
}

/// Revision of the plan that the last commit was made by.
fn last_revision(db: &DB, directory: &Path) -> Result<Option<u64>, Error> {
    let greatest = state::commit_key(u64::MAX);
    let last = db.iterator(IteratorMode::From(&greatest, Direction::Reverse)).next();
    let Some((key, value)) = last.transpose().map_err(|error| Error::failed(directory, error))?
    else {
        return Ok(None);
    };
    if key.first() != Some(&state::COMMIT) {
        return Ok(None);
    }
    let record = state::decode_commit(&value);
    let record = record.map_err(|corrupt| Error::Corrupt(directory.into(), corrupt))?;
    Ok(Some(record.plan_revision))
}

/// The numbers alone.
pub(super) fn read_dictionary(db: &DB, directory: &Path, plan: &Plan) -> Result<Dictionary, Error> {
    let corrupt = |corrupt| Error::Corrupt(directory.into(), corrupt);
    let mut stored: Vec<(u32, Box<[u8]>)> = Vec::new();
    let from = IteratorMode::From(&[state::DICTIONARY], Direction::Forward);
    for entry in db.iterator(from) {
        let (key, value) = entry.map_err(|error| Error::failed(directory, error))?;
        if key.first() != Some(&state::DICTIONARY) {
            break;
        }
        let number: [u8; 4] = key[1..].try_into().map_err(|_| {
            corrupt(Corrupt("a dictionary entry's key of another length".to_owned()))
        })?;
        stored.push((u32::from_be_bytes(number), value));
    }
    let entries = stored.iter().map(|(number, bytes)| (*number, bytes.as_ref()));
    match Dictionary::new(plan, entries) {
        Ok(Ok(dictionary)) => Ok(dictionary),
        Ok(Err(faults)) => Err(Error::Definitions(directory.into(), faults)),
        Err(fault) => Err(corrupt(fault)),
    }
}
