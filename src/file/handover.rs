//! An output that is whole but perhaps not yet in its place: what is enough to tell, and to put it there, after its
//! process was killed in between.
//!
//! It is known again by its content, and looked for by its path and by the way that leads to it from a
//! base: so it is found where a folder with all of it was moved, restored from a copy, or mounted elsewhere.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{Error, Step};
use super::output::{place_of, put_in_place};

/// How much of its beginning, and of its end, a file is known by. A total has its id at the beginning of its line.
const EDGE_BYTES: u64 = 64 << 10;

/// One output, on its way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handover {
    /// Where it waited.
    part: PathBuf,
    /// Where it belongs.
    place: PathBuf,
    /// The file itself, which keeps these when it is renamed: by them it is known where there is no digest.
    device: u64,
    inode: u64,
    length: u64,
    /// SHA-256 of its edges, in hex; empty where an earlier version noted it.
    #[serde(default)]
    edges: String,
}

/// Where an output is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    part: PathBuf,
    place: PathBuf,
    is_waiting: bool,
}

impl Handover {
    pub(super) fn of(file: &File, part: &Path, place: &Path) -> io::Result<Self> {
        let found = file.metadata()?;
        let (part, place) = (part.to_owned(), place.to_owned());
        let (device, inode, length) = (found.dev(), found.ino(), found.len());
        let edges = edges_of(file, length)?;
        Ok(Handover { part, place, device, inode, length, edges })
    }

    /// The same, with ways from a base in place of paths, which say where to look for it from there.
    #[must_use]
    pub fn seen_from(&self, base: &Path) -> Self {
        let (part, place) = (way(base, &self.part), way(base, &self.place));
        Handover { part, place, ..self.clone() }
    }

    /// Where it is, in its place or waiting; `base` is what ways begin at.
    pub fn locate(&self, base: &Path) -> Option<Located> {
        let place = place_of(&base.join(&self.place)).ok()?;
        let part = place_of(&base.join(&self.part)).ok()?;
        let located = |is_waiting| Located { part: part.clone(), place: place.clone(), is_waiting };
        if self.is_at(&place) {
            return Some(located(false));
        }
        self.is_at(&part).then(|| located(true))
    }

    fn is_at(&self, path: &Path) -> bool {
        let is_known = |file: &File| -> io::Result<bool> {
            let found = file.metadata()?;
            if found.len() != self.length {
                return Ok(false);
            }
            if self.edges.is_empty() {
                return Ok((found.dev(), found.ino()) == (self.device, self.inode));
            }
            Ok(edges_of(file, self.length)? == self.edges)
        };
        File::open(path).and_then(|file| is_known(&file)).unwrap_or(false)
    }
}

impl Located {
    /// Where it belongs.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Whether it is going to take the place of another one.
    pub fn replaces(&self, other: &Located) -> bool {
        self.is_waiting && self.place == other.place && self.part != other.part
    }

    /// Puts it in its place; `false` where it is there already.
    ///
    /// # Errors
    /// The disk.
    pub fn complete(&self) -> Result<bool, Error> {
        if !self.is_waiting {
            return Ok(false);
        }
        let name = self.place.display().to_string();
        put_in_place(&self.part, &self.place).map_err(Error::at(Step::Publish, &name))?;
        Ok(true)
    }
}

/// Digest of the beginning and the end of a file.
fn edges_of(mut file: &File, length: u64) -> io::Result<String> {
    let mut digest = Sha256::new();
    for from in [0, length.saturating_sub(EDGE_BYTES)] {
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(EDGE_BYTES).read_to_end(&mut bytes)?;
        digest.update(bytes);
    }
    let hex = |byte: &u8| format!("{byte:02x}");
    Ok(digest.finalize().iter().map(hex).collect::<Vec<_>>().concat())
}

/// The way from a directory to a path, both absolute and without links.
fn way(base: &Path, path: &Path) -> PathBuf {
    let mut ups = PathBuf::new();
    for ancestor in base.ancestors() {
        if let Ok(rest) = path.strip_prefix(ancestor) {
            return ups.join(rest);
        }
        ups.push(Component::ParentDir);
    }
    path.to_owned()
}
