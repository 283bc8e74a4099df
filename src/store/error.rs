//! What goes wrong with a store.

use std::path::{Path, PathBuf};

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
    /// An entry is not what it should be.
    #[error("state directory {}: {}", place(.0), .1)]
    Corrupt(PathBuf, #[source] Corrupt),
    /// Metrics changed their meaning in place.
    #[error("state directory {}: {}", place(.0), listed(.1))]
    Definitions(PathBuf, Vec<DictionaryFault>),
    /// No room is left on the disk.
    #[error(
        "state directory {}: the disk is full: make room and start again; the state is as of its last commit",
        place(.0)
    )]
    DiskFull(PathBuf),
    /// What is on disk is not what was written.
    #[error(
        "state directory {} is damaged: {}; restore it from a copy, or begin anew in an empty one",
        place(.0), .1
    )]
    Damaged(PathBuf, #[source] rocksdb::Error),
    /// The database failed.
    #[error("state directory {}: {}", place(.0), .1)]
    Failed(PathBuf, #[source] rocksdb::Error),
}

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
        Error::failed(directory, error)
    }

    pub(super) fn failed(directory: &Path, error: rocksdb::Error) -> Self {
        if error.to_string().contains("No space left on device") {
            return Error::DiskFull(directory.into());
        }
        match error.kind() {
            rocksdb::ErrorKind::Corruption => Error::Damaged(directory.into(), error),
            _ => Error::Failed(directory.into(), error),
        }
    }
}
