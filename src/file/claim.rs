//! Files and folders that belong to one process for as long as it lives, whatever ends it.
//!
//! Each is locked by its owner. The system lifts the lock with the process, so that what a killed one left behind can
//! be told from what is in use, also across containers: the next process that makes one of that name removes it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the name of an output that waits.
const PART_ENDING: &str = ".odometer-part";

/// How much of an output's name is in that of what waits for it: a name has at most 255 bytes.
const NAME_CHARS_MAX: usize = 48;

/// Begins the name of a temporary folder.
const FOLDER_BEGINNING: &str = "odometer-spill-";

/// The file in a temporary folder that its owner holds locked.
const OWNER_NAME: &str = "owner";

/// Where temporary files go.
pub(super) fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}

/// A file that waits beside `place`, and its path. Those that killed processes left there are removed.
pub(super) fn beside(place: &Path) -> io::Result<(PathBuf, File)> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    // No more of it than leaves room for the rest.
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let beginning = format!(".{name}.");
    let directory = place.parent().unwrap_or(Path::new("/"));
    for left in named(directory, &beginning, PART_ENDING) {
        if let Some(_lock) = lock_of_none(&left) {
            drop(fs::remove_file(&left));
        }
    }
    create(|| directory.join(format!("{beginning}{}{PART_ENDING}", unique())))
}

/// A file that is gone with the process, and has no name by then.
pub(super) fn nameless(directory: &Path) -> io::Result<File> {
    let (path, file) = create(|| directory.join(format!(".odometer.{}{PART_ENDING}", unique())))?;
    fs::remove_file(path)?;
    Ok(file)
}

/// A folder that is removed with everything in it at the end of a run; one that a killed process left behind is removed
/// by the next.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    _owner: File,
}

impl TemporaryFolder {
    /// An empty one in the directory for temporary files.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create() -> io::Result<Self> {
        let directory = temporary_directory();
        for left in named(&directory, FOLDER_BEGINNING, "") {
            if let Some(_lock) = lock_of_none(&left.join(OWNER_NAME)) {
                drop(fs::remove_dir_all(&left));
            }
        }
        let path = loop {
            let path = directory.join(format!("{FOLDER_BEGINNING}{}", unique()));
            // What it holds is nobody else's to read.
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => break created.map(|()| path)?,
            }
        };
        let owner = create(|| path.join(OWNER_NAME)).map(|(_, owner)| owner);
        let owner = owner.inspect_err(|_| drop(fs::remove_dir(&path)))?;
        Ok(TemporaryFolder { path, _owner: owner })
    }

    /// Where there is room for what its owner likes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What stays behind is removed by the next one.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// A new, locked file. `path` gives another name at each call.
fn create(path: impl Fn() -> PathBuf) -> io::Result<(PathBuf, File)> {
    loop {
        let path = path();
        let created = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            created => created?,
        };
        // A file system without locks: nothing there is ever taken for left behind.
        drop(file.try_lock());
        // Another process may have taken it for left behind before it was locked.
        if file.metadata()?.nlink() > 0 {
            return Ok((path, file));
        }
    }
}

/// The lock of a file that nobody holds.
fn lock_of_none(path: &Path) -> Option<File> {
    let file = OpenOptions::new().write(true).open(path).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

fn named(directory: &Path, beginning: &str, ending: &str) -> Vec<PathBuf> {
    let is_meant = |name: &OsStr| {
        let name = name.to_string_lossy();
        name.starts_with(beginning) && name.ends_with(ending)
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| is_meant(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// Not twice in this process, and hardly in two.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", process::id())
}
