//! An output that grows while it is read: what is acknowledged in it stays, what is not is cut off and written again.
//!
//! ```text
//! open (cut back to what is acknowledged) ─► append ... ─► settle (on disk) ─► written (to be acknowledged) ─► rotate
//! ```
//! A full file is renamed, `totals.ndjson` to `totals.000001.ndjson`, only once all of it is acknowledged: from then on it
//! never changes. `parts` tells such a part from what somebody else put there. A file is locked by who writes it.

mod parts;
#[cfg(test)]
mod tests;

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) use self::parts::finished_parts;
pub(in crate::file) use self::parts::is_or_is_part_of;
pub use self::parts::part_path;
use super::error::{Error, Step};
use super::output;
use crate::format::state::WrittenFile;

/// When a file is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rotation {
    /// Past so many bytes.
    pub bytes_max: Option<u64>,
    /// When a UTC day is over.
    pub is_daily: bool,
}

/// An output file that grows.
pub struct Appender {
    path: PathBuf,
    name: String,
    file: File,
    rotation: Rotation,
    written: WrittenFile,
}

impl Appender {
    /// Opens the file for this process alone, and cuts off what is not acknowledged. `None`: nothing ever was; then the
    /// file must be empty or not there.
    ///
    /// # Errors
    /// A file that cannot be written, that another process writes, that holds what somebody else wrote, or that lacks what
    /// was acknowledged; somebody else's file with the name of a part to come.
    pub fn open(
        path: &Path,
        rotation: Rotation,
        acknowledged: Option<&WrittenFile>,
    ) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed = |error| Error::at(Step::Create, &name)(error);
        let (file, metadata) = take(path).map_err(failed)?;
        let mut written = judge(path, rotation, acknowledged, Some(&metadata)).map_err(failed)?;
        let found = metadata.len();
        if found == 0 && written.bytes > 0 {
            tracing::warn!(
                path = name,
                bytes = written.bytes,
                "the output file is gone or was emptied; it is begun anew: what was acknowledged in it is not written again"
            );
            written = WrittenFile { bytes: 0, day: None, ..written };
        }
        if found > written.bytes {
            let cut_bytes = found - written.bytes;
            tracing::info!(
                path = name,
                cut_bytes,
                "what was not acknowledged is cut off and written again"
            );
            file.set_len(written.bytes).map_err(failed)?;
        }
        Ok(Appender { path: path.to_owned(), name, file, rotation, written })
    }

    /// Whether [`Appender::open`] would take the file; nothing is changed, and nothing made. Returns whether it is there.
    ///
    /// # Errors
    /// As [`Appender::open`], but for what making the file would find.
    pub fn would_open(
        path: &Path,
        rotation: Rotation,
        acknowledged: Option<&WrittenFile>,
    ) -> io::Result<bool> {
        check_kind(path)?;
        let file = match OpenOptions::new().append(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            outcome => Some(outcome?),
        };
        // Where a file system has no locks the daemon does without them, and says so.
        if let Some(Err(TryLockError::WouldBlock)) = file.as_ref().map(File::try_lock) {
            return Err(in_use());
        }
        let found = file.as_ref().map(File::metadata).transpose()?;
        judge(path, rotation, acknowledged, found.as_ref())?;
        Ok(file.is_some())
    }

    /// Adds bytes; `day`: the UTC day from the epoch.
    ///
    /// # Errors
    /// The disk.
    pub fn append(&mut self, bytes: &[u8], day: u32) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.file.write_all(bytes).map_err(Error::at(Step::Write, &self.name))?;
        self.written.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        self.written.day.get_or_insert(day);
        Ok(())
    }

    /// Brings every byte to the disk.
    ///
    /// # Errors
    /// The disk.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::at(Step::Write, &self.name))
    }

    /// What may be acknowledged once it is settled.
    pub fn written(&self) -> &WrittenFile {
        &self.written
    }

    /// Whether the file is full.
    pub fn is_full(&self, day: u32) -> bool {
        let is_large = self.rotation.bytes_max.is_some_and(|most| self.written.bytes >= most);
        let is_old = self.rotation.is_daily && self.written.day.is_some_and(|first| first < day);
        self.written.bytes > 0 && (is_large || is_old)
    }

    /// Gives the full file its last name, and begins the next one, which is to be acknowledged before anything is written
    /// to it. All of the full one has been acknowledged, and that lasts.
    ///
    /// # Errors
    /// The disk.
    pub fn rotate(&mut self) -> Result<(), Error> {
        let finished = part_path(&self.path, self.written.part);
        if fs::symlink_metadata(&finished).is_ok() {
            return Err(Error::at(Step::Publish, &self.name)(parts::refusal(&finished)));
        }
        output::put_in_place(&self.path, &finished)
            .map_err(Error::at(Step::Publish, &self.name))?;
        self.begin_next()
    }

    /// Begins a new file where somebody moved this one away. Returns whether it did: the new one is to be acknowledged
    /// before anything is written to it.
    ///
    /// # Errors
    /// The disk.
    pub fn follow_moves(&mut self) -> Result<bool, Error> {
        let failed = |error| Error::at(Step::Write, &self.name)(error);
        let own = self.file.metadata().map_err(failed)?;
        match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (own.dev(), own.ino()) => Ok(false),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            Ok(_) | Err(_) => {
                tracing::warn!(
                    path = self.name,
                    "the output file was moved away; a new one is begun"
                );
                self.written.part -= 1;
                self.begin_next().map(|()| true)
            }
        }
    }

    fn begin_next(&mut self) -> Result<(), Error> {
        let failed = |error| Error::at(Step::Create, &self.name)(error);
        let is_there = self.path.exists();
        let (file, metadata) = take(&self.path).map_err(failed)?;
        let found = metadata.len();
        if !is_there {
            // Who was let read the one before reads on.
            let before = self.file.metadata().map_err(failed)?;
            output::set_mode(&self.path, before.mode() & 0o777).map_err(failed)?;
        }
        if found > 0 {
            return Err(failed(io::Error::other(format!(
                "it holds {found} bytes that this state has not written: move it away"
            ))));
        }
        self.file = file;
        self.written = WrittenFile {
            path: self.name.clone(),
            part: self.written.part + 1,
            bytes: 0,
            day: None,
            inode: Some(metadata.ino()),
        };
        Ok(())
    }
}

/// What is acknowledged of the file that bears the name now, where this state may go on in it.
fn judge(
    path: &Path,
    rotation: Rotation,
    acknowledged: Option<&WrittenFile>,
    found: Option<&Metadata>,
) -> io::Result<WrittenFile> {
    let name = path.display().to_string();
    let (inode, bytes) = (found.map(Metadata::ino), found.map_or(0, Metadata::len));
    let known = acknowledged.filter(|known| known.path == name);
    let fresh = WrittenFile { path: name, part: 1, bytes: 0, day: None, inode };
    let mut written = known.map_or(fresh, |known| WrittenFile { inode, ..known.clone() });
    if let Some(known) = known
        && parts::is_finished(path, found, known)?
    {
        // It was full, and renamed after all of it had been acknowledged.
        written = WrittenFile { part: written.part + 1, bytes: 0, day: None, ..written };
    }
    if rotation != Rotation::default()
        && let Some(part) = parts::foreign(path, written.part)?
    {
        return Err(parts::refusal(&part));
    }
    if known.is_none() && bytes > 0 {
        return Err(io::Error::other(format!(
            "it holds {bytes} bytes that this state has not written: move it away, or name another file"
        )));
    }
    // One that is gone or empty is begun anew.
    if bytes > 0 && bytes < written.bytes {
        return Err(io::Error::other(format!(
            "it has {bytes} bytes, and {} were acknowledged: somebody cut it; put it back, or move it away",
            written.bytes
        )));
    }
    Ok(written)
}

fn in_use() -> io::Error {
    io::Error::other("another process writes to it: end that one, or name another file")
}

/// Before it is opened: a pipe that nobody reads is not open before somebody does.
fn check_kind(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            Err(io::Error::other("it is no ordinary file: name one, or \"-\""))
        }
        // What is wrong with it otherwise is told by whoever opens it.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Opens a file, new or not, for this process alone.
fn take(path: &Path) -> io::Result<(File, Metadata)> {
    loop {
        check_kind(path)?;
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let own = file.metadata()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(in_use());
            }
            Err(TryLockError::Error(error)) => tracing::warn!(
                path = %path.display(),
                %error,
                "the output file cannot be locked: nothing keeps a second process from writing to it"
            ),
        }
        // Its owner may have renamed it before it was locked.
        match fs::metadata(path) {
            Ok(found) if (found.dev(), found.ino()) == (own.dev(), own.ino()) => {
                return Ok((file, found));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}
