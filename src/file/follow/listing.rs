//! What patterns find: ordinary files, each once, in order of name.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::pattern::Pattern;
use crate::file::output::directory_of;
use crate::format::state::FollowedFile;

/// A file that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl Found {
    fn of(path: &Path, metadata: &Metadata) -> Option<Self> {
        Some(Found {
            path: path.to_str()?.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }
}

/// Every file that a pattern finds. What cannot be looked at stands in `troubles`.
pub(super) fn list(patterns: &[Pattern], troubles: &mut BTreeMap<String, String>) -> Vec<Found> {
    let mut found: BTreeMap<(u64, u64), Found> = BTreeMap::new();
    for pattern in patterns {
        let base = pattern.base();
        if let Err(error) = fs::read_dir(base) {
            let shown = std::path::absolute(base).unwrap_or(base.to_owned());
            let shown = shown.display();
            let reason = match error.kind() {
                ErrorKind::NotFound => {
                    format!("there is no directory {shown}: make it, or correct the pattern")
                }
                _ => format!("directory {shown} cannot be read: {error}"),
            };
            troubles.insert(pattern.text().to_owned(), reason);
            continue;
        }
        for path in pattern.paths(troubles) {
            match look(&path) {
                Ok(Some(file)) => {
                    let name = found.entry((file.device, file.inode)).or_insert(file.clone());
                    if file.path < name.path {
                        *name = file;
                    }
                }
                Ok(None) if pattern.is_one_path() && path.is_dir() => {
                    let name = path.display();
                    let reason = format!("it is a directory: name the files in it, as {name}/*");
                    troubles.insert(pattern.text().to_owned(), reason);
                }
                Ok(None) => {}
                Err((path, reason)) => {
                    troubles.insert(path, reason);
                }
            }
        }
    }
    let mut files: Vec<Found> = found.into_values().collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// The ordinary file at a path; nothing where it went away meanwhile, or is a directory.
fn look(path: &Path) -> Result<Option<Found>, (String, String)> {
    let name = path.display().to_string();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(None),
        Ok(metadata) if !metadata.is_file() => {
            Err((name, "it is no ordinary file: only files can be followed".to_owned()))
        }
        Ok(metadata) => match Found::of(path, &metadata) {
            Some(found) => Ok(Some(found)),
            None => Err((name, "its name is no UTF-8: rename it".to_owned())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err((name, error.to_string())),
    }
}

/// A file that is no longer where it was, under another name in the same directory.
pub(super) fn renamed(known: &FollowedFile) -> Option<Found> {
    let path = Path::new(&known.path);
    let is_it = |found: &Found| found.device == known.device && found.inode == known.inode;
    if let Ok(Some(found)) = look(path)
        && is_it(&found)
    {
        return Some(found);
    }
    let entries = fs::read_dir(directory_of(path)).ok()?;
    entries.flatten().find_map(|entry| {
        let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
        Found::of(&entry.path(), &metadata).filter(is_it)
    })
}
