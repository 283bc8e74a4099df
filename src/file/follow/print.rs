//! A stretch of a file's bytes, to be known again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::format::state::Print;

/// How much of a file's beginning, and of what was read last, is kept in mind.
pub(super) const PRINT_BYTES: u64 = 1024;

/// The bytes from `from` to `to`; `None` where the file ends before.
pub(super) fn stretch(file: &File, from: u64, to: u64) -> io::Result<Option<Vec<u8>>> {
    let length = usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    match file.read_exact_at(&mut bytes, from) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the file still has that stretch, which ended at `to`.
pub(super) fn is_there(file: &File, known: &Print, to: u64) -> io::Result<bool> {
    let found = stretch(file, to.saturating_sub(known.bytes), to)?;
    Ok(found.is_some_and(|found| fits(known, &found)))
}

/// Whether a print is that of these bytes; one of no bytes says nothing.
pub(super) fn fits(known: &Print, bytes: &[u8]) -> bool {
    known.bytes == 0 || of_bytes(bytes) == *known
}

/// The print of bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Print {
    let digest = Sha256::digest(bytes);
    let halves = digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 0xF]);
    Print {
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        digest: halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect(),
    }
}
