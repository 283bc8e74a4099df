//! Which input a lasting state is being fed with: a note beside the state, so that a run that was cut off can go on.
//!
//! An input is known again by its path and its beginning, and by the last record read of it (`last_line`). Without the
//! note, or with another input, the next run reads its input from the beginning: what was counted before is then found to
//! be a duplicate by its id.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file_failure;
use crate::daemon::CommandError;
use crate::file::{Input, Options, Source, Spool, Target};

const NAME: &str = "aggregate.json";

/// Of the fields. A note of another version is as good as none.
const VERSION: u32 = 1;

/// How much of an input's beginning tells it from another one.
const HEAD_BYTES: usize = 64 << 10;

/// An input, as one run was given it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    version: u32,
    /// The run: the file of the state's cursor.
    pub(super) run: u32,
    /// Absolute path; empty where the input is no ordinary file.
    path: String,
    /// How many plain bytes its beginning had.
    head_bytes: usize,
    /// SHA-256 of these, in hex.
    head: String,
}

impl Mark {
    /// The mark of an input.
    pub(super) fn of(source: &Source, run: u32) -> Self {
        let path = path_of(source).unwrap_or_default();
        let head = if path.is_empty() { Vec::new() } else { head_of(source) };
        Mark { version: VERSION, run, path, head_bytes: head.len(), head: digest(&head) }
    }

    /// What the state's last run was given; `None` where that is not known.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        let mark: Self = serde_json::from_slice(&fs::read(directory.join(NAME)).ok()?).ok()?;
        (mark.version == VERSION).then_some(mark)
    }

    /// Whether that input stood where this one does.
    pub(super) fn is_at(&self, source: &Source) -> bool {
        path_of(source).is_some_and(|path| path == self.path)
    }

    /// Whether that input was no ordinary file, of which nothing is known.
    pub(super) fn is_unknown(&self) -> bool {
        self.path.is_empty()
    }

    /// Whether that input began as this one does.
    pub(super) fn is_of(&self, source: &Source) -> bool {
        head_of(source).get(..self.head_bytes).is_some_and(|head| digest(head) == self.head)
    }

    /// Notes it for the next run.
    pub(super) fn write(&self, directory: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_vec(self).expect("plain fields are JSON");
        let mut spool = Spool::create(&Target::File(directory.join(NAME))).map_err(file_failure)?;
        spool.write(&text).and_then(|()| spool.publish()).map_err(file_failure)
    }
}

/// The absolute path of an ordinary file.
fn path_of(source: &Source) -> Option<String> {
    let Source::File(path) = source else { return None };
    let path = fs::canonicalize(path).ok().filter(|path| path.is_file())?;
    Some(path.to_string_lossy().into_owned())
}

/// The first plain bytes; none where it cannot be read, which the run itself will find and tell.
fn head_of(source: &Source) -> Vec<u8> {
    let mut head = Vec::new();
    let read = Input::open(source, Options { chunk_bytes: HEAD_BYTES })
        .and_then(|mut input| input.read_chunk(&mut head));
    if read.is_err() {
        head.clear();
    }
    head
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two digits a byte.
fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: what is written by one version is read by those after it.
    const VERSION_1: &str = include_str!("../../../tests/data/formats/aggregate-1.json");

    #[test]
    fn version_1_is_read_and_written() {
        let mark = Mark {
            version: 1,
            run: 3,
            path: "/data/events.ndjson".to_owned(),
            head_bytes: 5,
            head: digest(b"hello"),
        };
        assert_eq!(serde_json::from_str::<Mark>(VERSION_1).expect("it can be read"), mark);
        assert_eq!(serde_json::to_string(&mark).expect("plain data"), VERSION_1.trim_end());
    }

    #[test]
    fn other_versions_are_as_good_as_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let put =
            |text: &str| fs::write(folder.path().join(NAME), text).expect("it can be written");
        put(VERSION_1);
        assert!(Mark::read(folder.path()).is_some());
        for other in ["\"version\":2,", ""] {
            put(&VERSION_1.replace("\"version\":1,", other));
            assert_eq!(Mark::read(folder.path()), None, "{other}");
        }
    }
}
