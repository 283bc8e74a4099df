//! All that an output holds which another process may be writing: its finished parts in order, then the file itself.
//!
//! The file is opened before its parts are looked for, so that one that is renamed meanwhile is read once, as what it
//! was; what is added to it from then on is not read. Knows nothing of lines.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::append::finished_parts;
use super::error::{Error, Step};
use super::input::{Input, Options, Source};
use crate::format::state::Compression;

/// An output that is read back.
pub struct History {
    parts: VecDeque<PathBuf>,
    /// And how long it was.
    newest: Option<(PathBuf, File, u64)>,
    length_bytes: u64,
}

impl History {
    /// Finds the parts of the output that bears this name.
    ///
    /// # Errors
    /// Where neither the file nor a part of it is there, or they cannot be looked at.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed = |error| Error::at(Step::Open, &name)(error);
        let newest = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let own = newest.as_ref().map(File::metadata).transpose().map_err(failed)?;
        let mut length_bytes = own.as_ref().map_or(0, fs::Metadata::len);
        let mut parts = VecDeque::new();
        for (_, part) in finished_parts(path).map_err(failed)? {
            let found = fs::metadata(&part).map_err(failed)?;
            let is_newest = own
                .as_ref()
                .is_some_and(|own| (own.dev(), own.ino()) == (found.dev(), found.ino()));
            if !is_newest {
                length_bytes += found.len();
                parts.push_back(part);
            }
        }
        if newest.is_none() && parts.is_empty() {
            return Err(failed(io::Error::from(io::ErrorKind::NotFound)));
        }
        let bytes = own.as_ref().map_or(0, fs::Metadata::len);
        let newest = newest.map(|file| (path.to_owned(), file, bytes));
        Ok(History { parts, newest, length_bytes })
    }

    /// How long all of it was when it was opened.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// The next file, and its name; `None` after the last.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn next_file(&mut self) -> Result<Option<(PathBuf, Input)>, Error> {
        if let Some(part) = self.parts.pop_front() {
            let input = Input::open(&Source::File(part.clone()), Options::default())?;
            return Ok(Some((part, input)));
        }
        let Some((path, file, bytes)) = self.newest.take() else { return Ok(None) };
        let input = Input::of_file(&path, file, bytes, Compression::of_name(&path))?;
        Ok(Some((path, input)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &Path) -> Vec<String> {
        let mut history = History::open(path).expect("there is something");
        let mut texts = Vec::new();
        while let Some((_, mut input)) = history.next_file().expect("readable") {
            let mut chunk = Vec::new();
            input.read_chunk(&mut chunk).expect("readable");
            texts.push(String::from_utf8(chunk).expect("text"));
        }
        texts
    }

    #[test]
    fn parts_come_in_order_before_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rejects.ndjson");
        assert!(History::open(&path).is_err());
        let texts_of = |names: &[&str]| {
            for name in names {
                fs::write(folder.path().join(name), name).expect("a file");
            }
            texts(&path)
        };
        let parts = ["rejects.000002.ndjson", "rejects.000001.ndjson"];
        assert_eq!(texts_of(&parts), [parts[1], parts[0]]);
        let found = texts_of(&["rejects.ndjson", "rejects.1000000.ndjson", "rejects.x.ndjson"]);
        assert_eq!(found, [parts[1], parts[0], "rejects.1000000.ndjson", "rejects.ndjson"]);
    }

    #[test]
    fn file_that_is_rotated_meanwhile_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rejects.ndjson");
        fs::write(&path, "a").expect("a file");
        let mut history = History::open(&path).expect("it is there");
        let mut grown = fs::OpenOptions::new().append(true).open(&path).expect("it is there");
        io::Write::write_all(&mut grown, b"later").expect("it grows");
        fs::rename(&path, folder.path().join("rejects.000001.ndjson")).expect("a move");
        fs::write(&path, "b").expect("a file");
        let (_, mut input) = history.next_file().expect("readable").expect("one");
        let mut chunk = Vec::new();
        input.read_chunk(&mut chunk).expect("readable");
        assert_eq!(chunk, b"a");
        assert!(history.next_file().expect("readable").is_none());
    }
}
