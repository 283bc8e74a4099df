//! A plain file that is open, with those of its bytes that its prints are taken of.
//!
//! ```text
//! 0        head        1024 ...   counted from    offset      end
//! ├─────────────────────┤         ├─── tail ────────┼─ unfinished ┤
//! ```
//! Prints are taken of the bytes that were read, never of what stands in the file by the time they are asked for: a file
//! that was rewritten meanwhile would else be known by its new content at its old place.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::print::{self, PRINT_BYTES};
use crate::format::state::{FollowedFile, Print};

/// One open file.
pub(super) struct Plain {
    file: File,
    /// Its first bytes, at the most [`PRINT_BYTES`].
    head: Vec<u8>,
    /// Those from `recent_from` up to where it was read: the last counted ones, and all that are not counted.
    recent: Vec<u8>,
    recent_from: u64,
}

/// The file of a path, if it still is the one that is known.
pub(super) fn open_known(path: &str, known: &FollowedFile) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome?,
    };
    let metadata = file.metadata()?;
    let is_it = (metadata.dev(), metadata.ino()) == (known.device, known.inode);
    Ok(is_it.then_some(file))
}

impl Plain {
    /// Opens a file, to go on behind what is counted. `None`: by now something else has its name, or stands in it.
    pub(super) fn open(known: &FollowedFile) -> io::Result<Option<Self>> {
        let Some(file) = open_known(&known.path, known)? else { return Ok(None) };
        let recent_from = known.offset.saturating_sub(known.tail.bytes);
        let head = print::stretch(&file, 0, known.head.bytes)?;
        let recent = print::stretch(&file, recent_from, known.offset)?;
        let (Some(head), Some(recent)) = (head, recent) else { return Ok(None) };
        let is_it = print::fits(&known.head, &head) && print::fits(&known.tail, &recent);
        Ok(is_it.then_some(Plain { file, head, recent, recent_from }))
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    fn end(&self) -> u64 {
        self.recent_from + length(&self.recent)
    }

    /// Fills `chunk` with what comes next; shorter where the file ends.
    pub(super) fn read(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        let at = self.end();
        let count = loop {
            match self.file.read_at(chunk, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        chunk.truncate(count);
        self.recent.extend_from_slice(chunk);
        if length(&self.head) == at {
            let room = PRINT_BYTES.saturating_sub(at).min(length(chunk));
            self.head.extend_from_slice(&chunk[..index(room)]);
        }
        Ok(())
    }

    /// Everything before `offset` is counted. Returns the prints of that: of its beginning and of its end.
    pub(super) fn count(&mut self, offset: u64) -> (Print, Print) {
        let (from, end) = (self.recent_from, self.end());
        assert!((from..=end).contains(&offset), "{offset} was not read, but {from} to {end}");
        let tail_from = offset.saturating_sub(PRINT_BYTES).max(from);
        if tail_from > from {
            // No more room than it takes: many files are open.
            self.recent = self.recent[index(tail_from - from)..].to_vec();
            self.recent_from = tail_from;
        }
        let head = &self.head[..index(offset.min(length(&self.head)))];
        let tail = &self.recent[..index(offset - tail_from)];
        (print::of_bytes(head), print::of_bytes(tail))
    }

    /// Whether the last of what was read and is not counted still stands there.
    pub(super) fn has_unfinished(&self, offset: u64) -> io::Result<bool> {
        let end = self.end();
        let from = end.saturating_sub(PRINT_BYTES).max(offset);
        let read = &self.recent[index(from - self.recent_from)..];
        Ok(print::stretch(&self.file, from, end)?.is_some_and(|found| found == read))
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory is no larger")
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).expect("it is of bytes in memory")
}
