//! How often a state was opened: by it a start knows that its tables are all there.
//!
//! What a start finds in logs it puts in a table, and the list of tables (RocksDB's MANIFEST) may lose its end unnoticed, and
//! with it the last of them; later logs would be read on top of what was before. So each start notes its number, in turn
//! under two keys, once what logs had is in tables: the note of a start is in a later table, or log, than that of the start
//! before. Where the two do not follow each other, what came with one of them is gone.
//!
//! A table that is made while the task is at work has a log behind it that names the one before: there RocksDB itself
//! finds the gap.

use std::path::Path;

use rocksdb::{DB, WriteBatch, WriteOptions};

use super::Error;
use crate::format::state::{self, Corrupt};

/// Notes one more opening of a state.
pub(super) fn note(db: &DB, directory: &Path) -> Result<(), Error> {
    let failed = |error| Error::failed(directory, error);
    let number = check(db, directory)?.map_or(0, |last| last.saturating_add(1));
    let mut batch = WriteBatch::default();
    put(&mut batch, number);
    let mut options = WriteOptions::default();
    options.set_sync(true);
    db.write_opt(batch, &options).map_err(failed)
}

/// The first opening, of a state that begins.
pub(super) fn begin(batch: &mut WriteBatch) {
    put(batch, 0);
}

fn put(batch: &mut WriteBatch, number: u64) {
    batch.put(state::opening_key(number), number.to_be_bytes());
}

/// The last opening that was noted; `None`: none was, by a version that did not yet.
pub(super) fn check(db: &DB, directory: &Path) -> Result<Option<u64>, Error> {
    let corrupt = |text: String| Error::Corrupt(directory.into(), Corrupt(text));
    let mut noted = [None, None];
    for (place, noted) in (0..).zip(&mut noted) {
        let stored = db.get(state::opening_key(place));
        let Some(bytes) = stored.map_err(|error| Error::failed(directory, error))? else {
            continue;
        };
        let number: Result<[u8; 8], _> = bytes.as_slice().try_into();
        let number =
            number.map_err(|_| corrupt("a note of an opening of another length".into()))?;
        *noted = Some(u64::from_be_bytes(number));
    }
    match noted {
        [None, None] => Ok(None),
        [Some(0), None] => Ok(Some(0)),
        [Some(even), Some(odd)] if even.abs_diff(odd) == 1 => Ok(Some(even.max(odd))),
        [even, odd] => {
            let words =
                |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
            Err(corrupt(format!(
                "tables are missing that its MANIFEST should name: of the last two starts it knows {} and {}",
                words(even),
                words(odd)
            )))
        }
    }
}
