//! A journal: lines that are on disk before they count, read again at the next start.
//!
//! ```text
//! open ─► the lines so far ─► append (on disk when it returns) ... ─► rewrite (all of it, in one step)
//! ```
//! A last line without its end was never told of: a kill came before, and it is cut off. What the lines say is others'
//! affair.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::{Error, Step};
use super::output::put_in_place;

/// A file of lines that grows.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Up to where it is on disk.
    length: u64,
}

impl Journal {
    /// Opens the file, or makes it; gives the lines that it has.
    ///
    /// # Errors
    /// A file that cannot be read or written, or is no text.
    pub fn open(path: &Path) -> Result<(Self, Vec<String>), Error> {
        let name = path.display().to_string();
        let failed = |error| Error::at(Step::Create, &name)(error);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::at(Step::Read, &name))?;
        bytes.truncate(whole_length(&bytes));
        let length = bytes.len() as u64;
        file.set_len(length).and_then(|()| file.sync_all()).map_err(failed)?;
        let lines = lines_of(bytes, &name)?;
        Ok((Journal { path: path.to_owned(), file, length }, lines))
    }

    /// The lines that it has, which may belong to another process; none where there is no such file.
    ///
    /// # Errors
    /// A file that cannot be read, or is no text.
    pub fn look(path: &Path) -> Result<Vec<String>, Error> {
        let name = path.display().to_string();
        let mut bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(Error::at(Step::Read, &name))?,
        };
        bytes.truncate(whole_length(&bytes));
        lines_of(bytes, &name)
    }

    /// Adds a line, without its end.
    ///
    /// # Errors
    /// The disk: nothing was added.
    pub fn append(&mut self, line: &str) -> Result<(), Error> {
        let failed = Error::at(Step::Write, &self.path.display().to_string());
        let mut bytes = line.as_bytes().to_vec();
        bytes.push(b'\n');
        let outcome = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.sync_data());
        match outcome {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // What is left of it is overwritten by the next one; at a start it is cut off, or was whole.
                let _ = self.file.set_len(self.length);
                Err(failed(error))
            }
        }
    }

    /// These lines in place of all, in one step.
    ///
    /// # Errors
    /// The disk: the lines are those before.
    pub fn rewrite<'l>(&mut self, lines: impl Iterator<Item = &'l str>) -> Result<(), Error> {
        let part = self.path.with_extension("part");
        let name = part.display().to_string();
        let mut text = String::new();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let written = || {
            let mut file = File::create(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            put_in_place(&part, &self.path)?;
            Ok(file)
        };
        let file: io::Result<File> = written();
        file.map_err(Error::at(Step::Write, &name))?;
        let reopened = OpenOptions::new().read(true).write(true).open(&self.path);
        self.file = reopened.map_err(Error::at(Step::Open, &self.path.display().to_string()))?;
        self.length = text.len() as u64;
        Ok(())
    }
}

/// Up to where lines have their end: what comes behind was cut off.
fn whole_length(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn lines_of(bytes: Vec<u8>, name: &str) -> Result<Vec<String>, Error> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let text = format!("byte {} is no UTF-8", error.utf8_error().valid_up_to());
        Error::at(Step::Read, name)(io::Error::other(text))
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        Journal::open(path).expect("it opens").1
    }

    #[test]
    fn lines_are_read_again_but_for_a_half_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let (mut journal, none) = Journal::open(&path).expect("it is made");
        assert!(none.is_empty());
        journal.append("a").expect("it is written");
        journal.append("b").expect("it is written");
        let mut bytes = fs::read(&path).expect("it is there");
        bytes.extend(b"half");
        fs::write(&path, &bytes).expect("it is written");
        assert_eq!(lines(&path), ["a", "b"]);
        let (mut journal, _) = Journal::open(&path).expect("it opens");
        journal.append("c").expect("it is written");
        assert_eq!(lines(&path), ["a", "b", "c"]);
        fs::write(&path, b"a\n\xff\n").expect("it is written");
        let error = Journal::open(&path).expect_err("it is no text").to_string();
        assert!(error.contains("byte 2 is no UTF-8"), "{error}");
    }

    #[test]
    fn rewritten_journal_grows_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.ndjson");
        let (mut journal, _) = Journal::open(&path).expect("it is made");
        for line in ["a", "b", "a"] {
            journal.append(line).expect("it is written");
        }
        journal.rewrite(["b", "a"].into_iter()).expect("it is written");
        journal.append("c").expect("it is written");
        assert_eq!(lines(&path), ["b", "a", "c"]);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left");
    }
}
