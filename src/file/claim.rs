//! Files and folders that belong to one process for as long as it lives, whatever ends it.
//!
//! Each is locked by its owner. The system lifts the lock with the process, so that what a killed one left behind can
//! be told from what is in use, also across containers: the next process that makes one in the same directory, whatever
//! its name, removes it. What was handed over bears another name, for another process may be going to put it in its
//! place: only an output of that same place removes it.
//!
//! ```text
//! .totals.4711-0.odometer-part    waits, and is of no use without its process
//! .totals.4711-0.odometer-whole   is handed over
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ends the name of an output that waits.
const PART_ENDING: &str = ".odometer-part";

/// Ends the name of one that is handed over.
const WHOLE_ENDING: &str = ".odometer-whole";

/// Stands for the name of the output where it has none.
const NAMELESS: &str = "odometer";

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
    let directory = super::output::directory_of(place);
    remove_left(directory, &name);
    create(|| directory.join(format!(".{name}.{}{PART_ENDING}", unique())))
}

/// A file that is gone with the process, and has no name by then.
pub(super) fn nameless(directory: &Path) -> io::Result<File> {
    remove_left(directory, NAMELESS);
    let (path, file) = create(|| directory.join(format!(".{NAMELESS}.{}{PART_ENDING}", unique())))?;
    fs::remove_file(path)?;
    Ok(file)
}

/// Gives a file that waits the name of one that is handed over.
pub(super) fn hand_over(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(name) = name.strip_suffix(PART_ENDING) else { return Ok(path.to_owned()) };
    let whole = path.with_file_name(format!("{name}{WHOLE_ENDING}"));
    fs::rename(path, &whole)?;
    Ok(whole)
}

/// Removes what killed processes left in a directory: all that waited, and of what they handed over that of `name`,
/// since that is about to be replaced.
fn remove_left(directory: &Path, name: &str) {
    let is_left = |file: &str| {
        output_of(file, PART_ENDING).is_some() || output_of(file, WHOLE_ENDING) == Some(name)
    };
    for left in named(directory, is_left) {
        if let Some(_lock) = lock_of_none(&left) {
            drop(fs::remove_file(&left));
        }
    }
}

/// The name of the output that waits in a file of this name.
fn output_of<'n>(file: &'n str, ending: &str) -> Option<&'n str> {
    let (output, unique) = file.strip_prefix('.')?.strip_suffix(ending)?.rsplit_once('.')?;
    let (process, number) = unique.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(process) && is_number(number)).then_some(output)
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
        for left in named(&directory, |name| name.starts_with(FOLDER_BEGINNING)) {
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

fn named(directory: &Path, is_meant: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let meant = entries.filter(|entry| is_meant(&entry.file_name().to_string_lossy()));
    meant.map(|entry| entry.path()).collect()
}

/// Not twice in this process, and hardly in two.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", process::id())
}
