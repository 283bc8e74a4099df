//! Bringing a checkpoint back: each file is held against its digest before the state directory is there.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};

use super::files::hex;
use super::pace::Pace;
use super::{Error, Shelf};
use crate::format::{KeptFile, Manifest};

/// What a directory is called while it is brought back.
const UNFINISHED: &str = "restoring";

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes that are here.
    pub bytes: u64,
    /// Bytes that will be.
    pub of: u64,
}

impl Shelf<'_> {
    /// Brings a checkpoint's files into a directory, which must not be there: it appears whole, or not at all. What an earlier
    /// call left that broke off is thrown away.
    ///
    /// # Errors
    /// A store that does not answer, a file that is not what was put, a disk that does not take it.
    pub fn restore(
        &self,
        manifest: &Manifest,
        directory: &Path,
        bytes_per_second: Option<u64>,
        told: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        let unfinished = beside(directory);
        match fs::remove_dir_all(&unfinished) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &unfinished)(cause));
            }
            _ => {}
        }
        fs::create_dir_all(&unfinished).map_err(Error::file("make", &unfinished))?;
        let mut pace = Pace::new(bytes_per_second);
        let of = manifest.files.iter().map(|file| file.bytes).sum();
        let mut progress = Progress { bytes: 0, of };
        for file in &manifest.files {
            let mut add = |bytes: u64| {
                progress.bytes += bytes;
                told(progress);
            };
            self.wait(self.fetch(&mut pace, file, &unfinished.join(&file.name), &mut add))?;
        }
        sync(&unfinished)?;
        fs::rename(&unfinished, directory).map_err(Error::file("make", directory))?;
        directory.parent().map_or(Ok(()), sync)
    }

    async fn fetch(
        &self,
        pace: &mut Pace,
        file: &KeptFile,
        to: &Path,
        told: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let path = self.file(&file.sha256);
        let got = self.store().get(&path).await.map_err(Error::store("reading", &path))?;
        let mut stream = got.into_stream();
        let mut out = File::create_new(to).map_err(Error::file("make", to))?;
        let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(Error::store("reading", &path))?;
            pace.wait(piece.len()).await;
            digest.update(&piece);
            out.write_all(&piece).map_err(Error::file("write", to))?;
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(length);
            told(length);
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

fn beside(directory: &Path) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    directory.with_file_name(name)
}

fn sync(directory: &Path) -> Result<(), Error> {
    let opened = File::open(directory).map_err(Error::file("open", directory))?;
    opened.sync_all().map_err(Error::file("write", directory))
}
