//! A compressed file that is open: read once to see whether all of it can be, and then once more to be given out.
//!
//! ```text
//! open ─► check ... ─► (whole: its length and its last bytes are kept in mind) ─► unpack ... ─► end
//! ```
//! It is read as far as it reached when it was opened: what is added meanwhile is another member, for another time.

use std::fs::File;
use std::io;
use std::path::Path;

use super::plain::open_known;
use super::print::{self, PRINT_BYTES};
use crate::file::error::{Error, Step};
use crate::file::input::Input;
use crate::format::state::{Compression, FollowedFile, Print};

/// One open file.
pub(super) struct Packed {
    input: Input,
    compression: Compression,
    /// As far as it is read, in bytes as they are stored.
    bytes: u64,
    /// Plain bytes that were passed, once all of it can be read.
    passed: Option<u64>,
}

/// What unpacking brought.
pub(super) enum Unpacked {
    /// The chunk, of which the first byte stands there.
    Chunk(u64),
    /// Nothing that was not given out by an earlier process.
    Nothing,
    /// It is at its end.
    End,
}

/// Finds out how a file is compressed: by its first bytes, for it may have any name, else by the end of its name. Once and
/// for all: under whatever name it lies later, it holds what it held. Returns whether enough of it is there.
pub(super) fn decide(known: &mut FollowedFile) -> io::Result<bool> {
    let Some(file) = open_known(&known.path, known)? else { return Ok(true) };
    let bytes = file.metadata()?.len().min(4);
    let first = print::stretch(&file, 0, bytes)?.unwrap_or_default();
    known.compression = match Compression::of_bytes(&first) {
        Compression::None => match Compression::of_name(Path::new(&known.path)) {
            Compression::None if Compression::may_begin(&first) => None,
            named => Some(named),
        },
        found => Some(found),
    };
    Ok(known.compression.is_some())
}

/// Whether a file still holds what was found of a compressed one; it may have become longer.
pub(super) fn is_same(file: &File, bytes: u64, known: &FollowedFile) -> io::Result<bool> {
    let Some(end) = known.whole_bytes.or(known.finished_bytes) else { return Ok(true) };
    Ok(bytes >= end && print::is_there(file, &known.tail, end)?)
}

impl Packed {
    /// Opens a file to check it. Before anything of it is counted: what it will be known again by. `None`: by now something
    /// else has its name.
    pub(super) fn open(
        known: &mut FollowedFile,
        compression: Compression,
    ) -> Result<Option<Self>, Error> {
        let failed = Error::at(Step::Open, &known.path);
        let Some((file, bytes)) = opened(known).map_err(failed)? else { return Ok(None) };
        if known.offset == 0 {
            let head = print_of(&file, 0, bytes.min(PRINT_BYTES));
            known.head = head.map_err(Error::at(Step::Read, &known.path))?;
        }
        let input = Input::of_file(Path::new(&known.path), file, bytes, compression)?;
        Ok(Some(Packed { input, compression, bytes, passed: None }))
    }

    /// Whether it is not known yet that all of it can be read.
    pub(super) fn is_in_check(&self) -> bool {
        self.passed.is_none()
    }

    /// Checks the next bytes. Once all can be read notes how it is known again, and begins once more. `None`: by now
    /// something else has its name, or it was cut.
    pub(super) fn check(
        mut self,
        known: &mut FollowedFile,
        chunk: &mut Vec<u8>,
    ) -> Result<Option<Self>, Error> {
        self.input.read_chunk(chunk)?;
        if !chunk.is_empty() {
            chunk.clear();
            return Ok(Some(self));
        }
        let Packed { bytes, compression, .. } = self;
        let failed = Error::at(Step::Open, &known.path);
        let Some((file, found)) = opened(known).map_err(failed)? else { return Ok(None) };
        if found < bytes {
            return Ok(None);
        }
        let tail = print_of(&file, bytes.saturating_sub(PRINT_BYTES), bytes);
        known.tail = tail.map_err(Error::at(Step::Read, &known.path))?;
        known.whole_bytes = Some(bytes);
        let input = Input::of_file(Path::new(&known.path), file, bytes, compression)?;
        Ok(Some(Packed { input, compression, bytes, passed: Some(0) }))
    }

    /// The next plain bytes behind `read_to`.
    pub(super) fn unpack(&mut self, read_to: u64, chunk: &mut Vec<u8>) -> Result<Unpacked, Error> {
        self.input.read_chunk(chunk)?;
        if chunk.is_empty() {
            return Ok(Unpacked::End);
        }
        let passed = self.passed.unwrap_or(0);
        let after = passed + u64::try_from(chunk.len()).unwrap_or(0);
        self.passed = Some(after);
        if after <= read_to {
            chunk.clear();
            return Ok(Unpacked::Nothing);
        }
        let at = passed.max(read_to);
        chunk.drain(..usize::try_from(at - passed).unwrap_or(0));
        Ok(Unpacked::Chunk(at))
    }
}

/// The file and how long it is.
fn opened(known: &FollowedFile) -> io::Result<Option<(File, u64)>> {
    let Some(file) = open_known(&known.path, known)? else { return Ok(None) };
    let bytes = file.metadata()?.len();
    Ok(Some((file, bytes)))
}

fn print_of(file: &File, from: u64, to: u64) -> io::Result<Print> {
    Ok(print::stretch(file, from, to)?.map(|bytes| print::of_bytes(&bytes)).unwrap_or_default())
}
