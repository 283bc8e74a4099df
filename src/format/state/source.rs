//! How far a source partition has come whose events are re-keyed into the task's own, as a value.
//!
//! ```text
//! 0: nothing was heard of it yet | 1: it never had an event, and was idle | 2, then the instant it has reached (8)
//! ```

use super::bytes::{Corrupt, Reader, Writer};
use crate::engine::{Mark, Progress};

const UNHEARD: u8 = 0;
const QUIET: u8 = 1;
const REACHED: u8 = 2;

/// Value of what is known of a source partition.
pub(super) fn encode_source(progress: Option<Progress>) -> Vec<u8> {
    let mut writer = Writer::default();
    write_progress(&mut writer, progress);
    writer.0
}

/// What is known of a source partition, from the entry's key and value.
///
/// # Errors
/// Bytes that no such entry was written as.
pub fn decode_source(key: &[u8], value: &[u8]) -> Result<Mark, Corrupt> {
    let mut number = Reader::new(key.get(1..).unwrap_or_default(), "a source partition's key");
    let partition = number.u32()?;
    number.end()?;
    let mut reader = Reader::new(value, "a source partition");
    let progress = read_progress(&mut reader)?;
    reader.end()?;
    Ok(Mark { partition, progress })
}

pub(in crate::format) fn write_progress(writer: &mut Writer, progress: Option<Progress>) {
    match progress {
        None => writer.u8(UNHEARD),
        Some(Progress::Quiet) => writer.u8(QUIET),
        Some(Progress::Reached(at)) => writer.u8(REACHED).time(at),
    };
}

pub(in crate::format) fn read_progress(
    reader: &mut Reader<'_>,
) -> Result<Option<Progress>, Corrupt> {
    Ok(match reader.u8()? {
        UNHEARD => None,
        QUIET => Some(Progress::Quiet),
        REACHED => Some(Progress::Reached(reader.time()?)),
        _ => return reader.corrupt("of a kind that this program does not know"),
    })
}
