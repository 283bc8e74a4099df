//! Putting a checkpoint: the files that the one before did not have, then the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use object_store::{ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::io::AsyncReadExt as _;

use super::files::{Known, PIECE_BYTES};
use super::{Error, Shelf};
use crate::engine::{Binding, CommitId};
use crate::format::{KeptFile, Manifest};

/// A file that is longer goes in pieces, of which some may be under way at once.
const WHOLE_BYTES_MAX: u64 = 8 << 20;
const UNDER_WAY_MAX: usize = 4;

/// What the process knows to be there: that of the checkpoint that it put last, or began from. Collecting spares what that
/// has, until the next one is put.
pub struct Base {
    /// Digests, with who put them.
    files: BTreeMap<String, String>,
    known: Known,
    by: u128,
    /// What was visible when the task began, until it is known what its checkpoint has.
    begun_at: Option<CommitId>,
}

impl Base {
    /// The task began where that commit was visible: what the newest checkpoint with it in its chain has is there, and is not
    /// sent. `session`: random, so that no other session has it.
    #[must_use]
    pub fn new(session: [u8; 16], visible: Option<CommitId>) -> Self {
        let by = u128::from_be_bytes(session);
        Base { files: BTreeMap::new(), known: Known::default(), by, begun_at: visible }
    }

    pub(super) fn begin_from(&mut self, manifest: &Manifest) {
        self.begun_at = None;
        let files = manifest.files.iter();
        self.files = files.map(|file| (file.sha256.clone(), file.by.clone())).collect();
    }

    /// What is put from now on is called otherwise than what was put before, also where it is the same.
    pub(super) fn rename(&mut self) {
        self.by = self.by.wrapping_add(1);
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
    /// May be called again after an error: what was sent is sent again, over itself. Where there is a checkpoint of that commit
    /// already, which a session that is no more put without hearing so, it stays, and is returned.
    ///
    /// # Errors
    /// A store that does not answer.
    pub fn put(
        &self,
        base: &mut Base,
        directory: &Path,
        binding: &Binding,
        (number, commits): (u64, Vec<CommitId>),
    ) -> Result<Put, Error> {
        self.look_for_base(base)?;
        let mut files = base.known.look(directory, &format!("{:032x}", base.by))?;
        for file in &mut files {
            if let Some(by) = base.files.get(&file.sha256) {
                file.by.clone_from(by);
            }
        }
        let manifest = Manifest { binding: binding.clone(), number, commits, files };
        self.wait(async {
            let mut bytes_sent = 0;
            let mut sent = BTreeSet::new();
            for file in &manifest.files {
                if base.files.contains_key(&file.sha256) || !sent.insert(file.sha256.as_str()) {
                    continue;
                }
                self.send(&directory.join(&file.name), file).await?;
                bytes_sent += file.bytes;
            }
            let manifest = self.put_manifest(manifest.clone()).await?;
            base.begin_from(&manifest);
            Ok(Put { manifest, bytes_sent })
        })
    }

    fn look_for_base(&self, base: &mut Base) -> Result<(), Error> {
        let Some(visible) = base.begun_at else { return Ok(()) };
        let found = self.until(|manifest| manifest.commits.contains(&visible))?;
        match found.last().filter(|manifest| manifest.commits.contains(&visible)) {
            Some(manifest) => base.begin_from(manifest),
            None => base.begun_at = None,
        }
        Ok(())
    }

    async fn send(&self, from: &Path, file: &KeptFile) -> Result<(), Error> {
        let to = self.file(file);
        let failed = || Error::store("putting", &to);
        let mut source = tokio::fs::File::open(from).await.map_err(Error::file("open", from))?;
        if file.bytes <= WHOLE_BYTES_MAX {
            let mut content = Vec::new();
            source.read_to_end(&mut content).await.map_err(Error::file("read", from))?;
            self.pace().wait(content.len()).await;
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
            self.pace().wait(bytes).await;
            upload.wait_for_capacity(UNDER_WAY_MAX).await.map_err(failed())?;
            upload.write(&piece[..bytes]);
        }
        upload.finish().await.map_err(failed())?;
        Ok(())
    }

    async fn put_manifest(&self, manifest: Manifest) -> Result<Manifest, Error> {
        let path = self.manifest(&manifest);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store().put_opts(&path, manifest.encode().into(), options).await {
            Ok(_) => Ok(manifest),
            // By an earlier try whose answer was lost, or that broke off behind it. Its name has the commit's.
            Err(object_store::Error::AlreadyExists { .. }) => self.read_manifest(&path).await,
            Err(cause) => Err(Error::store("putting", &path)(cause)),
        }
    }
}
