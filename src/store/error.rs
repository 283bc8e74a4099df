//! What goes wrong with a store.

use std::path::{Path, PathBuf};

use super::directory::{self, BEHEADED};
use crate::format::state::{Corrupt, DictionaryFault};

/// Why a store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be made or read.
    #[error("state directory {}: {}", place(.0), .1)]
    Directory(PathBuf, #[source] std::io::Error),
    /// Another process has it open.
    #[error("state directory {} is in use by another process: stop that one first", place(.0))]
    InUse(PathBuf),
    /// It holds something else.
    #[error("state directory {} cannot be used: {}; name another directory, or an empty one", place(.0), .1)]
    Foreign(PathBuf, String),
    /// Another version of this program wrote it.
    #[error(
        "state directory {}: {}; nothing is wrong with it: have the version that wrote it go on, or name another directory",
        place(.0), .1
    )]
    OtherForm(PathBuf, String),
    /// An entry is not what it should be.
    #[error("state directory {}: {}", place(.0), .1)]
    Corrupt(PathBuf, #[source] Corrupt),
    /// Metrics changed their meaning in place.
    #[error("state directory {}: {}", place(.0), listed(.1))]
    Definitions(PathBuf, Vec<DictionaryFault>),
    /// It goes by definitions that the plan does not have: of a later revision.
    #[error(
        "state directory {}: it was made by definitions of revision {of_state}, and those that are known are of revision \
         {known}",
        place(.directory)
    )]
    Ahead {
        /// Where it is.
        directory: PathBuf,
        /// Revision that the state was made by.
        of_state: u64,
        /// The plan's.
        known: u64,
    },
    /// The file that says which of the others belong to it is missing.
    #[error(
        "state directory {} is damaged: {BEHEADED}; restore it from a copy, or begin anew in an empty one",
        place(.0)
    )]
    Beheaded(PathBuf),
    /// No room is left on the disk.
    #[error("state directory {}: the disk is full: make room; the state is as of its last commit", place(.0))]
    DiskFull(PathBuf),
    /// What is on disk is not what was written.
    #[error(
        "state directory {} is damaged: {}; restore it from a copy, or begin anew in an empty one",
        place(.0), .1
    )]
    Damaged(PathBuf, #[source] rocksdb::Error),
    /// The same of a log: which of them, the database does not say.
    #[error(
        "state directory {} is damaged: {} in {}; restore it from a copy, or begin anew in an empty one",
        place(.0), .2, .1
    )]
    DamagedLog(PathBuf, String, #[source] rocksdb::Error),
    /// The database failed.
    #[error("state directory {}: {}", place(.0), .1)]
    Failed(PathBuf, #[source] rocksdb::Error),
}

/// What may be done about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// The disk does not do its work now: close the state, and open it again after a pause.
    Retry,
    /// What is there is not what was written: nothing may rest on it.
    Damaged,
    /// Trying again cannot help.
    Halt,
}

/// How the system's errors of a disk that is full, read-only or failing are worded.
const PASSING: [&str; 6] = [
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "Read-only file system",
    "Input/output error",
    "Stale file handle",
];
/// The same of a file that should be there.
const MISSING: &str = "No such file or directory";

fn place(directory: &Path) -> std::path::Display<'_> {
    directory.display()
}

fn listed(faults: &[DictionaryFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    pub(super) fn open(directory: &Path, error: rocksdb::Error) -> Self {
        // Of another process, or of this one.
        let words = ["Resource temporarily unavailable", "lock hold by current process"];
        let text = error.to_string();
        if words.iter().any(|words| text.contains(words)) {
            return Error::InUse(directory.into());
        }
        let is_named = text.contains(&*directory.to_string_lossy());
        match Error::failed(directory, error) {
            Error::Damaged(directory, error) if !is_named => {
                let logs = directory::logs_in(&directory).join(" or ");
                Error::DamagedLog(directory, logs, error)
            }
            other => other,
        }
    }

    pub(super) fn failed(directory: &Path, error: rocksdb::Error) -> Self {
        if error.to_string().contains("No space left on device") {
            return Error::DiskFull(directory.into());
        }
        match error.kind() {
            // It says so as well of a file whose size it cannot ask for.
            rocksdb::ErrorKind::Corruption if !is_passing(error.as_ref()) => {
                Error::Damaged(directory.into(), error)
            }
            // A state that is in use, or was found, lacks one of its files.
            _ if error.to_string().contains(MISSING) => Error::Damaged(directory.into(), error),
            _ => Error::Failed(directory.into(), error),
        }
    }

    /// What may be done about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::DiskFull(_) => Disposition::Retry,
            Error::Failed(_, error) if is_passing(error.as_ref()) => Disposition::Retry,
            Error::Directory(_, error) if is_of_disk(error) => Disposition::Retry,
            Error::Corrupt(..)
            | Error::Damaged(..)
            | Error::DamagedLog(..)
            | Error::Beheaded(_) => Disposition::Damaged,
            Error::Directory(..)
            | Error::InUse(_)
            | Error::Foreign(..)
            | Error::OtherForm(..)
            | Error::Definitions(..)
            | Error::Ahead { .. }
            | Error::Failed(..) => Disposition::Halt,
        }
    }

    /// What is damaged, without where and without what to do about it; of another error its own text.
    pub fn damage(&self) -> String {
        match self {
            Error::Corrupt(_, corrupt) => corrupt.to_string(),
            Error::Damaged(_, error) => error.to_string(),
            Error::DamagedLog(_, logs, error) => format!("{error} in {logs}"),
            Error::Beheaded(_) => BEHEADED.to_owned(),
            Error::Directory(..)
            | Error::InUse(_)
            | Error::Foreign(..)
            | Error::OtherForm(..)
            | Error::Definitions(..)
            | Error::Ahead { .. }
            | Error::DiskFull(_)
            | Error::Failed(..) => self.to_string(),
        }
    }
}

/// Whether an error is of a disk that is full, read-only or failing: another time it may take what is written.
pub fn is_of_disk(error: &std::io::Error) -> bool {
    is_passing(&error.to_string())
}

fn is_passing(text: &str) -> bool {
    PASSING.iter().any(|words| text.contains(words))
}
