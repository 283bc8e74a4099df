//! A warm copy: the files of another process's newest checkpoint, kept on this machine under their names in the store.
//!
//! It is no state, and nothing is decided by it: a restore takes from it what it would fetch, by digest.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::bucket::object_name;
use super::restore::sync;
use super::{Error, Shelf};
use crate::format::KeptFile;

/// What a file is called while it is fetched.
const UNFINISHED: &str = ".part";

/// What a look at the store brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Followed {
    /// Number of the commit whose checkpoint is here whole.
    pub number: u64,
    /// Bytes that were fetched for it.
    pub bytes: u64,
}

impl Shelf<'_> {
    /// Brings a directory up to the newest checkpoint: fetches what it lacks, and removes what that one does not name. `None`:
    /// there is none. `goes_on` is asked at each piece.
    ///
    /// # Errors
    /// As of a restore; what was fetched stays.
    pub fn follow(
        &self,
        directory: &Path,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Option<Followed>, Error> {
        let Some(newest) = self.until(|_| true)?.pop() else { return Ok(None) };
        fs::create_dir_all(directory).map_err(Error::file("make", directory))?;
        let mut bytes = 0_u64;
        for file in &newest.files {
            let place = directory.join(object_name(file));
            if is_here(file, &place) {
                continue;
            }
            let unfinished = directory.join(UNFINISHED);
            match fs::remove_file(&unfinished) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::file("remove", &unfinished)(cause));
                }
                _ => {}
            }
            self.wait(self.fetch(file, &unfinished, &mut |_| {
                if goes_on() { Ok(()) } else { Err(Error::GivenUp) }
            }))?;
            fs::rename(&unfinished, &place).map_err(Error::file("rename", &place))?;
            bytes = bytes.saturating_add(file.bytes);
        }
        let named: BTreeSet<String> = newest.files.iter().map(object_name).collect();
        for entry in fs::read_dir(directory).map_err(Error::file("list", directory))? {
            let entry = entry.map_err(Error::file("list", directory))?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                let path = entry.path();
                fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            }
        }
        sync(directory)?;
        Ok(Some(Followed { number: newest.number, bytes }))
    }
}

/// Whether a warm copy has a file: it was held against its digest when it came.
fn is_here(file: &KeptFile, place: &Path) -> bool {
    fs::metadata(place).is_ok_and(|metadata| metadata.len() == file.bytes)
}

/// Takes a file from a warm copy, if it is there. Tables never change, and are linked; the others the database writes on, and
/// they are short.
pub(super) fn take(near: &Path, file: &KeptFile, to: &Path) -> bool {
    let from: PathBuf = near.join(object_name(file));
    if !is_here(file, &from) {
        return false;
    }
    let is_table = Path::new(&file.name).extension().is_some_and(|extension| extension == "sst");
    if is_table {
        return fs::hard_link(&from, to).is_ok();
    }
    let copied = fs::copy(&from, to).is_ok_and(|bytes| bytes == file.bytes)
        && File::open(to).and_then(|file| file.sync_all()).is_ok();
    if !copied {
        let _ = fs::remove_file(to);
    }
    copied
}
