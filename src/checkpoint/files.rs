//! The files of a checkpoint that lies on this machine: what they are called, how long they are, and what they hold.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Error;
use crate::format::KeptFile;

/// How much is read at a time.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// What tables were found to hold: they never change, and lie in each checkpoint of a state under one name and inode. What
/// else there is is short, and looked at anew.
#[derive(Default)]
pub(super) struct Known(BTreeMap<Table, String>);

/// Name, inode, length, and when it was written: seconds and nanoseconds.
type Table = (String, u64, u64, i64, i64);

/// What tables are called.
const TABLE: &str = ".sst";

impl Known {
    /// Every file of a directory, in order of name. What is no longer there is forgotten.
    pub(super) fn look(&mut self, directory: &Path, by: &str) -> Result<Vec<KeptFile>, Error> {
        let entries = fs::read_dir(directory).map_err(Error::file("list", directory))?;
        let (mut files, mut known) = (Vec::new(), BTreeMap::new());
        for entry in entries {
            let entry = entry.map_err(Error::file("list", directory))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(Error::file("look at", &path))?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|_| std::io::Error::other("its name is no UTF-8"));
            let name = name.map_err(Error::file("keep", &path))?;
            let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
            let key = (name.clone(), metadata.ino(), metadata.len(), seconds, nanos);
            let sha256 = match self.0.get(&key).filter(|_| name.ends_with(TABLE)) {
                Some(digest) => digest.clone(),
                None => digest_of(&path)?,
            };
            known.insert(key, sha256.clone());
            files.push(KeptFile { name, bytes: metadata.len(), sha256, by: by.to_owned() });
        }
        self.0 = known;
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }
}

/// A digest as manifests have it.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn digest_of(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::file("open", path))?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece).map_err(Error::file("read", path))? {
            0 => return Ok(hex(&digest.finalize())),
            bytes => digest.update(&piece[..bytes]),
        }
    }
}
