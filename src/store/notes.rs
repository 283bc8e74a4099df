//! What a state knows of where its events come from and its totals go to, beside what it counted.

use std::collections::BTreeMap;
use std::path::Path;

use rocksdb::WriteBatch;
use rocksdb::checkpoint::Checkpoint;

use super::{Error, Store};
use crate::engine::CommitRecord;
use crate::format::state::{self, FollowedFile, Written};

impl Store {
    /// Notes the last record read, to be stored with the next commit: at a start it tells whether the log is still the
    /// one that was read.
    pub fn note_record(&mut self, offset: i64, digest: [u8; 16]) {
        self.record = Some((offset, digest));
    }

    /// The last record read before the last commit: offset and digest.
    ///
    /// # Errors
    /// The disk.
    pub fn noted_record(&self) -> Result<Option<(i64, [u8; 16])>, Error> {
        let stored = self.db.get([state::RECORD]).map_err(|error| self.failed(error))?;
        let Some(bytes) = stored else { return Ok(None) };
        let split = bytes.split_first_chunk::<8>();
        match split.map(|(offset, digest)| (i64::from_be_bytes(*offset), digest.try_into())) {
            Some((offset, Ok(digest))) => Ok(Some((offset, digest))),
            _ => Err(self
                .corrupt(state::Corrupt("a note of the last record of another length".to_owned()))),
        }
    }

    /// Forgets it: the next start goes on whatever the log has there.
    ///
    /// # Errors
    /// The disk.
    pub fn forget_record(&mut self) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.delete([state::RECORD]);
        self.write(batch)
    }

    /// Writes a commit of which the last one has everything but the cursor.
    ///
    /// # Errors
    /// The disk.
    pub fn move_cursor(&mut self, record: &CommitRecord) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put(state::commit_key(record.number), state::encode_commit(record));
        self.write(batch)
    }

    /// Notes files that are followed, to be stored with the next commit: it is then one step to count their lines and to
    /// know that they are counted. `None`: the file is not known any more.
    pub fn note_followed(&mut self, files: impl IntoIterator<Item = (u32, Option<FollowedFile>)>) {
        self.followed.extend(files);
    }

    /// The files that were followed as of the last commit, by number.
    ///
    /// # Errors
    /// The disk, or a note that cannot be read.
    pub fn followed(&self) -> Result<BTreeMap<u32, FollowedFile>, Error> {
        let mut files = BTreeMap::new();
        for (key, value) in self.now().with_prefix(&[state::FOLLOWED])? {
            let number =
                state::number_of_followed(&key).map_err(|corrupt| self.corrupt(corrupt))?;
            let file = state::decode_followed(&value).map_err(|corrupt| self.corrupt(corrupt))?;
            files.insert(number, file);
        }
        Ok(files)
    }

    /// Stores at once, and for good, how far output files are visible.
    ///
    /// # Errors
    /// The disk.
    pub fn acknowledge(&self, written: &Written) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put([state::WRITTEN], state::encode_written(written));
        self.write(batch)
    }

    /// Notes how far output files are visible, to be stored in the step that forgets the entries in them.
    pub fn note_written(&mut self, written: Written) {
        self.written = Some(written);
    }

    /// How far output files were visible when entries were last forgotten.
    ///
    /// # Errors
    /// The disk, or a note that cannot be read.
    pub fn written(&self) -> Result<Written, Error> {
        let stored = self.db.get([state::WRITTEN]).map_err(|error| self.failed(error))?;
        stored.map_or(Ok(Written::default()), |bytes| {
            state::decode_written(&bytes).map_err(|corrupt| self.corrupt(corrupt))
        })
    }

    /// Makes a copy of the state as it is now in a directory that is not there yet, on the same file system: of tables links
    /// alone, so that it costs no more than what has not become a table yet.
    ///
    /// # Errors
    /// The disk.
    pub fn copy_to(&self, directory: &Path) -> Result<(), Error> {
        let checkpoint = Checkpoint::new(&self.db).map_err(|error| self.failed(error))?;
        checkpoint.create_checkpoint(directory).map_err(|error| self.failed(error))
    }

    /// Makes everything last that was written so far.
    ///
    /// # Errors
    /// The disk.
    pub fn sync(&self) -> Result<(), Error> {
        self.db.flush_wal(true).map_err(|error| self.failed(error))
    }
}
