//! What patterns find: ordinary files, each once, in order of name.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use crate::file::output::directory_of;
use crate::format::state::FollowedFile;

/// A pattern of paths: `*`, `?`, `[...]`, and `**` for any depth of directories.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    compiled: glob::Pattern,
}

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{reason} at character {place}")]
pub struct PatternFault {
    reason: &'static str,
    place: usize,
}

const MATCHING: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Brackets that do not close, or `**` beside something else.
    pub fn new(text: &str) -> Result<Self, PatternFault> {
        match glob::Pattern::new(text) {
            Ok(compiled) => Ok(Pattern { text: text.to_owned(), compiled }),
            Err(error) => Err(PatternFault { reason: error.msg, place: error.pos + 1 }),
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it would find what lies at that path, however the two are written: from the working directory, or whole.
    pub fn leads_to(&self, path: &Path) -> bool {
        let (Ok(path), Ok(here)) = (std::path::absolute(path), std::env::current_dir()) else {
            return self.finds(path);
        };
        let whole = if self.text.starts_with('/') {
            self.text.clone()
        } else {
            format!("{}/{}", glob::Pattern::escape(&here.display().to_string()), self.text)
        };
        // Steps that lead nowhere, as `absolute` takes them out of a path.
        let whole = whole.replace("/./", "/");
        glob::Pattern::new(&whole).is_ok_and(|whole| whole.matches_path_with(&path, MATCHING))
    }

    /// Whether it would find that path.
    pub fn finds(&self, path: &Path) -> bool {
        self.compiled.matches_path_with(path, MATCHING)
    }

    /// The directory that all paths which it can find lie below.
    fn base(&self) -> &Path {
        let literal = self.text.find(['*', '?', '[']).unwrap_or(self.text.len());
        let directory = self.text[..literal].rfind('/').map_or(".", |end| &self.text[..end]);
        Path::new(if directory.is_empty() { "/" } else { directory })
    }
}

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
            troubles.insert(pattern.text.clone(), reason);
            continue;
        }
        let paths = glob::glob_with(&pattern.text, MATCHING).expect("it was read as a pattern");
        for path in paths {
            let looked = path
                .map_err(|error| (error.path().display().to_string(), error.error().to_string()));
            match looked.and_then(|path| look(&path)) {
                Ok(Some(file)) => {
                    let name = found.entry((file.device, file.inode)).or_insert(file.clone());
                    if file.path < name.path {
                        *name = file;
                    }
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
