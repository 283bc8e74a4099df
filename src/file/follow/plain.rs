//! A plain file that is open, with those of its bytes that its prints are taken of.
//!
//! ```text
//! 0        head        1024 ...   counted from    offset      end
//! ├─────────────────────┤         ├─── tail ────────┼─ unfinished ┤
//! ```
//! Of a line that has no end yet no more is kept than its last part, however long it becomes.
//! Prints are taken of the bytes that were read, never of what stands in the file by the time they are asked for: a file
//! that was rewritten meanwhile would else be known by its new content at its old place.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::print::{self, PRINT_BYTES};
use crate::format::state::{FollowedFile, Print};

/// Past how many bytes of an unfinished line its beginning is let go.
const UNFINISHED_BYTES_MAX: usize = 1 << 20;

/// One open file.
pub(super) struct Plain {
    file: File,
    /// Its first bytes, at the most [`PRINT_BYTES`].
    head: Vec<u8>,
    /// Those from `recent_from` up to where it was read: the last counted ones, and what is not counted; of a long line only
    /// the last ones.
    recent: Vec<u8>,
    recent_from: u64,
    /// The first bytes of a line that is not counted, where `recent` begins behind them.
    half_head: Vec<u8>,
    /// Up to where it is counted, and the print of what stands before that.
    counted: (u64, Print),
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
        let counted = (known.offset, known.tail.clone());
        let half_head = Vec::new();
        Ok(is_it.then_some(Plain { file, head, recent, recent_from, half_head, counted }))
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
        if self.recent.len() > UNFINISHED_BYTES_MAX {
            // The chunk is all that may hold the line's end.
            let from = at.saturating_sub(PRINT_BYTES).max(self.recent_from);
            self.half_head = self.half_head().to_vec();
            self.recent.drain(..index(from - self.recent_from));
            self.recent_from = from;
        }
        Ok(())
    }

    /// Everything before `offset` is counted. Returns the prints of that: of its beginning and of its end.
    pub(super) fn count(&mut self, offset: u64) -> (Print, Print) {
        let head = &self.head[..index(offset.min(length(&self.head)))];
        let head = print::of_bytes(head);
        if offset == self.counted.0 {
            return (head, self.counted.1.clone());
        }
        self.half_head.clear();
        let (from, end) = (self.recent_from, self.end());
        assert!((from..=end).contains(&offset), "{offset} was not read, but {from} to {end}");
        let tail_from = offset.saturating_sub(PRINT_BYTES).max(from);
        if tail_from > from {
            // No more room than it takes: many files are open.
            self.recent = self.recent[index(tail_from - from)..].to_vec();
            self.recent_from = tail_from;
        }
        let tail = &self.recent[..index(offset - tail_from)];
        self.counted = (offset, print::of_bytes(tail));
        (head, self.counted.1.clone())
    }

    /// The first bytes behind what is counted, as far as they were read.
    fn half_head(&self) -> &[u8] {
        match self.counted.0.checked_sub(self.recent_from) {
            Some(place) => {
                let behind = &self.recent[index(place)..];
                &behind[..behind.len().min(index(PRINT_BYTES))]
            }
            None => &self.half_head,
        }
    }

    /// Whether the first and the last of what was read and is not counted still stand there. The first: lines are written over
    /// the zeros of a file that was made at its full length.
    pub(super) fn has_unfinished(&self, offset: u64) -> io::Result<bool> {
        let head = self.half_head();
        let found = print::stretch(&self.file, offset, offset + length(head))?;
        if found.is_none_or(|found| found != head) {
            return Ok(false);
        }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::print::{self, PRINT_BYTES};
    use super::{FollowedFile, MetadataExt, Plain, UNFINISHED_BYTES_MAX};

    const CHUNK_BYTES: usize = 256 << 10;

    #[test]
    fn of_a_line_without_end_only_the_last_part_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("long.ndjson");
        let mut text = b"first\n".to_vec();
        text.resize(10 * UNFINISHED_BYTES_MAX, b'x');
        text.extend_from_slice(b"\nnext");
        fs::write(&path, &text).expect("it is written");
        let metadata = fs::metadata(&path).expect("it is there");
        let known = FollowedFile {
            path: path.display().to_string(),
            device: metadata.dev(),
            inode: metadata.ino(),
            ..FollowedFile::default()
        };
        let mut plain = Plain::open(&known).expect("it opens").expect("it is that file");
        let (mut read, mut counted) = (0, 0);
        while read < text.len() {
            let mut chunk = vec![0; CHUNK_BYTES];
            plain.read(&mut chunk).expect("it is read");
            let line_break = chunk.iter().rposition(|byte| *byte == b'\n');
            counted = line_break.map_or(counted, |place| read + place + 1);
            read += chunk.len();
            let (head, tail) = plain.count(counted as u64);
            let print_bytes = usize::try_from(PRINT_BYTES).expect("small");
            let tail_from = counted.saturating_sub(print_bytes);
            assert_eq!(head, print::of_bytes(&text[..counted.min(print_bytes)]), "at {read}");
            assert_eq!(tail, print::of_bytes(&text[tail_from..counted]), "at {read}");
            assert!(plain.has_unfinished(counted as u64).expect("it is read"), "at {read}");
            assert_eq!(plain.counted.0, counted as u64);
            assert!(plain.recent.len() <= UNFINISHED_BYTES_MAX, "at {read}");
        }
        assert_eq!(counted, text.len() - "next".len());
    }
}
