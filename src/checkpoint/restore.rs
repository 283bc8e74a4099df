//! Bringing a checkpoint back: each file is held against its digest before the state directory is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};

use super::files::hex;
use super::follow::take;
use super::{Error, Shelf};
use crate::format::{KeptFile, Manifest};

/// What a directory is called while it is brought back.
const UNFINISHED: &str = ".restoring-";

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes that will be.
    pub of: u64,
    /// Bytes that a warm copy had.
    pub near: u64,
}

impl Shelf<'_> {
    /// Brings a checkpoint's files into a directory, which must not be there: it appears whole, or not at all. What an earlier
    /// call left that broke off is thrown away. What a warm copy has, `near`, is taken from there. `goes_on` is told of each piece; where it says no it is given up.
    ///
    /// # Errors
    /// A store that does not answer, a file that is not what was put, a disk that does not take it, [`Error::GivenUp`].
    pub fn restore(
        &self,
        manifest: &Manifest,
        directory: &Path,
        near: Option<&Path>,
        goes_on: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<(), Error> {
        remove_unfinished(directory)?;
        let unfinished = beside(directory);
        fs::create_dir_all(&unfinished).map_err(Error::file("make", &unfinished))?;
        let of = manifest.files.iter().map(|file| file.bytes).sum();
        let mut progress = Progress { bytes: 0, of, near: 0 };
        for file in &manifest.files {
            let to = unfinished.join(&file.name);
            let is_near = near.is_some_and(|near| take(near, file, &to));
            let mut add = |bytes: u64| {
                progress.bytes += bytes;
                progress.near += if is_near { bytes } else { 0 };
                if goes_on(progress) { Ok(()) } else { Err(Error::GivenUp) }
            };
            if is_near {
                add(file.bytes)?;
            } else {
                self.wait(self.fetch(file, &to, &mut add))?;
            }
        }
        sync(&unfinished)?;
        if !goes_on(progress) {
            return Err(Error::GivenUp);
        }
        fs::rename(&unfinished, directory).map_err(Error::file("make", directory))?;
        directory.parent().map_or(Ok(()), sync)
    }

    pub(super) async fn fetch(
        &self,
        file: &KeptFile,
        to: &Path,
        add: &mut dyn FnMut(u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = self.file(file);
        let got = self.store().get(&path).await.map_err(Error::store("reading", &path))?;
        let mut stream = got.into_stream();
        let mut out = File::create_new(to).map_err(Error::file("make", to))?;
        let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(Error::store("reading", &path))?;
            self.pace().wait(piece.len()).await;
            digest.update(&piece);
            out.write_all(&piece).map_err(Error::file("write", to))?;
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(length);
            add(length)?;
        }
        let found = hex(&digest.finalize());
        if found != file.sha256 {
            let reason = format!(
                "its {bytes} bytes have the digest {found}, and {} bytes were put as {}",
                file.bytes, file.name
            );
            return Err(Error::Damaged { path: path.to_string(), reason });
        }
        out.sync_all().map_err(Error::file("write", to))
    }
}

/// A name that no other call of this process has: one that was given up may not have ended yet.
fn beside(directory: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(format!("{UNFINISHED}{}", CALLS.fetch_add(1, Ordering::Relaxed)));
    directory.with_file_name(name)
}

/// Throws away what calls left for this directory. One that was given up and has not ended finds nothing to end in.
fn remove_unfinished(directory: &Path) -> Result<(), Error> {
    let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
        return Ok(());
    };
    if !parent.exists() {
        return Ok(());
    }
    let prefix = format!("{}{UNFINISHED}", name.to_string_lossy());
    for entry in fs::read_dir(parent).map_err(Error::file("list", parent))? {
        let path = entry.map_err(Error::file("list", parent))?.path();
        let is_unfinished =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        if is_unfinished {
            fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

pub(super) fn sync(directory: &Path) -> Result<(), Error> {
    let opened = File::open(directory).map_err(Error::file("open", directory))?;
    opened.sync_all().map_err(Error::file("write", directory))
}
