//! Finished parts of an output: their names, and which of them a state has written.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::file::output::directory_of;
use crate::format::state::WrittenFile;

/// How many digits the number of a part has at least.
const DIGITS: usize = 6;

/// The name of a finished part: its number stands before the ending.
pub fn part_path(path: &Path, part: u32) -> PathBuf {
    let (stem, ending) = around_number(path);
    path.with_file_name(format!("{stem}{part:0DIGITS$}{ending}"))
}

/// Whether that is the file of that path, or one of its finished parts.
pub(in crate::file) fn is_or_is_part_of(place: &Path, path: &Path) -> bool {
    let (stem, ending) = around_number(path);
    let is_part = |name: &str| {
        let number = name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(&ending));
        number.is_some_and(|number| {
            number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let name = place.file_name().and_then(|name| name.to_str());
    place == path || (place.parent() == path.parent() && name.is_some_and(is_part))
}

/// What stands before the number and behind it.
fn around_number(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
    (format!("{stem}."), ending.unwrap_or_default())
}

/// Whether the acknowledged file bears its last name already: its process ended between that and noting it. `found` has its
/// first name now, if anything has.
pub(super) fn is_finished(
    path: &Path,
    found: Option<&Metadata>,
    known: &WrittenFile,
) -> io::Result<bool> {
    let part = match fs::metadata(part_path(path, known.part)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        outcome => outcome?,
    };
    let is_whole = part.len() == known.bytes;
    Ok(match known.inode {
        // It has its first name: what has the last one is somebody else's.
        Some(inode) if found.is_some_and(|found| found.ino() == inode) => false,
        Some(inode) if part.ino() == inode => is_whole,
        // All was copied here, or an older release noted it.
        Some(_) | None => is_whole && found.map_or(0, Metadata::len) < known.bytes,
    })
}

/// The first part, by name, from that number on: nobody has finished it for this state.
pub(super) fn foreign(path: &Path, from: u32) -> io::Result<Option<PathBuf>> {
    let later = finished_parts(path)?.into_iter().filter(|(number, _)| *number >= from);
    Ok(later.map(|(_, part)| part).min())
}

/// The finished parts of an output that are there, with their numbers, in order of these.
pub(in crate::file) fn finished_parts(path: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let (before, behind) = around_number(path);
    let number_of = |name: &str| -> Option<u32> {
        let number = name.strip_prefix(&before)?.strip_suffix(&behind)?;
        let is_number = number.len() >= DIGITS && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { number.parse().ok() } else { None }
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory_of(path))? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(number_of);
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// That a part is somebody else's.
pub(super) fn refusal(part: &Path) -> io::Error {
    io::Error::other(format!(
        "{} is there already, and this state has not written it: move it away, or name another file",
        part.display()
    ))
}
