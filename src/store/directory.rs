//! What lies in a state directory before its database is opened.

use std::path::Path;

use super::Error;

/// What is said of a directory that [`is_beheaded`].
pub(super) const BEHEADED: &str = "the file CURRENT of its database is missing";

/// Whether a directory holds a database.
pub fn exists(directory: &Path) -> bool {
    directory.join("CURRENT").exists()
}

/// Whether a directory holds a database of which the file is missing that says what belongs to it.
pub fn is_beheaded(directory: &Path) -> bool {
    names_in(directory).is_ok_and(|names| lacks_its_head(&names))
}

/// A state directory holds nothing but a state: what else is in it must not be mixed with one. Makes it where there is none.
pub(super) fn check(directory: &Path) -> Result<(), Error> {
    let failed = |error| Error::Directory(directory.into(), error);
    if !directory.exists() {
        return std::fs::create_dir_all(directory).map_err(failed);
    }
    let names = names_in(directory).map_err(failed)?;
    let is_database = names.iter().any(|name| name == "CURRENT");
    let other = names.iter().find(|name| !is_of_beginning(name));
    let Some(other) = other.filter(|_| !is_database) else { return Ok(()) };
    if lacks_its_head(&names) {
        return Err(Error::Beheaded(directory.into()));
    }
    let text = format!("it is not empty and holds no state, but {other:?}");
    Err(Error::Foreign(directory.into(), text))
}

pub(super) fn names_in(directory: &Path) -> std::io::Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Names of the logs of a database, in order.
pub(super) fn logs_in(directory: &Path) -> Vec<String> {
    let is_log = |name: &String| Path::new(name).extension().is_some_and(|ending| ending == "log");
    let names = names_in(directory).unwrap_or_default();
    let mut logs: Vec<String> = names.into_iter().filter(is_log).collect();
    logs.sort();
    logs
}

fn lacks_its_head(names: &[String]) -> bool {
    !names.iter().any(|name| name == "CURRENT")
        && names.iter().any(|name| name.starts_with("MANIFEST-"))
        && !names.iter().all(|name| is_of_beginning(name))
}

/// Whether a database makes the file before it has written anything: all there is where it was killed as it began. The
/// file CURRENT comes next, and then the first log. A file system of its own has a folder before that.
fn is_of_beginning(name: &str) -> bool {
    let names = ["LOCK", "000000.dbtmp", "IDENTITY", "MANIFEST-000001", "000001.dbtmp"];
    names.contains(&name) || name.starts_with("LOG") || name == "lost+found"
}
