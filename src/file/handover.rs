//! An output that is whole but perhaps not yet in its place: what is enough to tell, and to put it there, after its
//! process was killed in between.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Error, Step};
use super::output::put_in_place;

/// One output, on its way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handover {
    /// Where it waited.
    part: PathBuf,
    /// Where it belongs.
    place: PathBuf,
    /// The file itself, which keeps these when it is renamed.
    device: u64,
    inode: u64,
    length: u64,
}

impl Handover {
    pub(super) fn of(file: &File, part: &Path, place: &Path) -> io::Result<Self> {
        let found = file.metadata()?;
        let (part, place) = (part.to_owned(), place.to_owned());
        Ok(Handover { part, place, device: found.dev(), inode: found.ino(), length: found.len() })
    }

    /// Where it belongs.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Whether it still is somewhere: in its place, or waiting.
    pub fn is_there(&self) -> bool {
        self.is_at(&self.place) || self.is_at(&self.part)
    }

    /// Whether nothing was written to it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Puts it in its place; `false` where it is there already.
    ///
    /// # Errors
    /// The disk.
    pub fn complete(&self) -> Result<bool, Error> {
        if self.is_at(&self.place) {
            return Ok(false);
        }
        let name = self.place.display().to_string();
        put_in_place(&self.part, &self.place).map_err(Error::at(Step::Publish, &name))?;
        Ok(true)
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| {
            (found.dev(), found.ino(), found.len()) == (self.device, self.inode, self.length)
        })
    }
}
