//! The last record that was read before a commit: noted with it, and read again at its place before a run goes on there.
//!
//! Beginning and name of an input do not tell that something was put in between: then what stands before the cursor is
//! another record, or the cursor stands in the middle of one.

use sha2::{Digest, Sha256};

use super::{byte_of, file_failure, store_failure};
use crate::daemon::CommandError;
use crate::engine::Cursor;
use crate::file::{Input, Options, Source};
use crate::format::{Line, LineSplitter, RECORD_BYTES_MAX};
use crate::store::Store;

/// What is enough to know a record again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LastLine {
    /// The byte it begins with.
    offset: i64,
    /// The first half of SHA-256 over its length (8 bytes) and as much of it as is kept.
    digest: [u8; 16],
}

impl LastLine {
    pub(super) fn of(line: &Line<'_>) -> Self {
        let sum = Sha256::new().chain_update(line.length.to_be_bytes()).chain_update(line.bytes);
        let sum: [u8; 32] = sum.finalize().into();
        let (digest, _) = sum.split_first_chunk().expect("32 bytes are more than 16");
        let offset = i64::try_from(line.offset).expect("no input has 2^63 bytes");
        LastLine { offset, digest: *digest }
    }

    /// Notes it with the next commit.
    pub(super) fn note(self, store: &mut Store) {
        store.note_record(self.offset, self.digest);
    }

    /// What was noted with the last commit.
    pub(super) fn noted(store: &Store) -> Result<Option<Self>, CommandError> {
        let noted = store.noted_record().map_err(store_failure)?;
        Ok(noted.map(|(offset, digest)| LastLine { offset, digest }))
    }

    /// Whether it is still the last record of an input before a place where a line begins.
    pub(super) fn is_before(self, end: Cursor, source: &Source) -> Result<bool, CommandError> {
        let Ok(from) = u64::try_from(self.offset) else { return Ok(false) };
        let mut left = byte_of(end).saturating_sub(from);
        let mut input = Input::open(source, Options::default()).map_err(file_failure)?;
        if input.skip(from).map_err(file_failure)? != from {
            return Ok(false);
        }
        let mut splitter = LineSplitter::resume(RECORD_BYTES_MAX, 1, from);
        let (mut chunk, mut found) = (Vec::new(), Vec::new());
        while left > 0 {
            input.read_chunk(&mut chunk).map_err(file_failure)?;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            if count == 0 {
                return Ok(false);
            }
            left -= u64::try_from(count).expect("memory is addressed with 64 bits at most");
            let before: Vec<u8> = chunk.drain(..count).collect();
            found.extend(splitter.lines(&before).map(|line| LastLine::of(&line)));
            if found.len() > 1 {
                return Ok(false);
            }
        }
        // It had no line break: nothing may have been added to it.
        if let Some(line) = splitter.finish() {
            found.push(LastLine::of(&line));
            if chunk.is_empty() {
                input.read_chunk(&mut chunk).map_err(file_failure)?;
            }
            return Ok(found == [self] && matches!(chunk.first(), None | Some(b'\n')));
        }
        Ok(found == [self])
    }
}
