//! Putting a checkpoint: the files that the one before did not have, then the manifest.

use std::collections::BTreeSet;
use std::path::Path;

use object_store::{ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::io::AsyncReadExt as _;

use super::files::{Known, PIECE_BYTES};
use super::pace::Pace;
use super::{Error, Shelf};
use crate::engine::{Binding, CommitId};
use crate::format::{KeptFile, Manifest};

/// A file that is longer goes in pieces, of which some may be under way at once.
const WHOLE_BYTES_MAX: u64 = 8 << 20;
const UNDER_WAY_MAX: usize = 4;

/// What the process knows to be there: that of the checkpoint that it put last, or began from. Collecting spares what that
/// has, until the next one is put.
pub struct Base {
    files: BTreeSet<String>,
    known: Known,
    pace: Pace,
}

impl Base {
    /// Nothing is known to be there. At most so many bytes a second are sent; `None`: as many as go.
    #[must_use]
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Base { files: BTreeSet::new(), known: Known::default(), pace: Pace::new(bytes_per_second) }
    }

    /// The state began from that checkpoint.
    pub fn begin_from(&mut self, manifest: &Manifest) {
        self.files = manifest.files.iter().map(|file| file.sha256.clone()).collect();
    }
}

/// What was put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    /// What is there now.
    pub manifest: Manifest,
    /// How many bytes of files were sent; all others were there.
    pub bytes_sent: u64,
}

impl Shelf<'_> {
    /// Puts what lies in a directory, which nobody changes, as the state of a chain of commits whose last one has that number.
    ///
    /// May be called again after an error, and after a process that broke off in it: what was sent is sent again, over itself.
    ///
    /// # Errors
    /// A store that does not answer; another checkpoint of that commit.
    pub fn put(
        &self,
        base: &mut Base,
        directory: &Path,
        binding: &Binding,
        (number, commits): (u64, Vec<CommitId>),
    ) -> Result<Put, Error> {
        let files = base.known.look(directory)?;
        let manifest = Manifest { binding: binding.clone(), number, commits, files };
        self.wait(async {
            let mut bytes_sent = 0;
            let mut sent = BTreeSet::new();
            for file in &manifest.files {
                if base.files.contains(&file.sha256) || !sent.insert(file.sha256.as_str()) {
                    continue;
                }
                self.send(&mut base.pace, &directory.join(&file.name), file).await?;
                bytes_sent += file.bytes;
            }
            self.put_manifest(&manifest).await?;
            base.begin_from(&manifest);
            Ok(Put { manifest: manifest.clone(), bytes_sent })
        })
    }

    async fn send(&self, pace: &mut Pace, from: &Path, file: &KeptFile) -> Result<(), Error> {
        let to = self.file(&file.sha256);
        let failed = || Error::store("putting", &to);
        let mut source = tokio::fs::File::open(from).await.map_err(Error::file("open", from))?;
        if file.bytes <= WHOLE_BYTES_MAX {
            let mut content = Vec::new();
            source.read_to_end(&mut content).await.map_err(Error::file("read", from))?;
            pace.wait(content.len()).await;
            self.store().put(&to, PutPayload::from(content)).await.map_err(failed())?;
            return Ok(());
        }
        let upload = self.store().put_multipart(&to).await.map_err(failed())?;
        let mut upload = WriteMultipart::new(upload);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = source.read(&mut piece).await.map_err(Error::file("read", from));
            let bytes = match read {
                Ok(bytes) => bytes,
                Err(error) => {
                    // What was sent of it is nothing that anybody sees.
                    let _ = upload.abort().await;
                    return Err(error);
                }
            };
            if bytes == 0 {
                break;
            }
            pace.wait(bytes).await;
            upload.wait_for_capacity(UNDER_WAY_MAX).await.map_err(failed())?;
            upload.write(&piece[..bytes]);
        }
        upload.finish().await.map_err(failed())?;
        Ok(())
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<(), Error> {
        let path = self.manifest(manifest);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store().put_opts(&path, manifest.encode().into(), options).await {
            Ok(_) => Ok(()),
            // By an earlier try whose answer was lost, or that broke off behind it.
            Err(object_store::Error::AlreadyExists { .. }) => {
                if self.read_manifest(&path).await? == *manifest {
                    return Ok(());
                }
                Err(Error::Taken { path: path.to_string() })
            }
            Err(cause) => Err(Error::store("putting", &path)(cause)),
        }
    }
}
