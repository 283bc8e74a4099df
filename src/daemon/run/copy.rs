//! Copies of a task's state, for the store of checkpoints: directories beside it, mostly of links.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use crate::engine::CommitId;

/// A copy of a state as of a commit. Its directory goes with it.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) directory: PathBuf,
    /// Number of the commit.
    pub(super) number: u64,
    /// The chain of commits that the state has, oldest first.
    pub(super) commits: Vec<CommitId>,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays is removed when the task is next taken.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Copy {
    /// A copy that is yet to be made, beside the state, under its name and one that no other copy of this process has.
    pub(super) fn beside(state: &Path, number: u64, commits: Vec<CommitId>) -> Self {
        static COPIES: AtomicU64 = AtomicU64::new(0);
        let count = COPIES.fetch_add(1, Ordering::Relaxed);
        let directory = beside(state, &format!("{COPY}{number}-{count}"));
        Copy { directory, number, commits }
    }
}

/// How names of copies go on behind the state's.
const COPY: &str = ".copy-";

fn beside(state: &Path, ending: &str) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    state.with_file_name(name)
}

/// Removes copies of a state that a process left which was killed.
pub(super) fn remove_copies(state: &Path) -> io::Result<()> {
    let prefix = beside(state, COPY);
    let Some(folder) = state.parent().filter(|folder| folder.exists()) else { return Ok(()) };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_copy = path.to_string_lossy().starts_with(&*prefix.to_string_lossy());
        if is_copy {
            tracing::debug!(path = %path.display(), "a copy that was left is removed");
            fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
