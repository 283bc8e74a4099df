//! Commit records as values.

use super::bytes::{Corrupt, Reader, Writer};
use crate::engine::{CommitId, CommitRecord, Counters, Cursor};

/// Without a plan's revision: 0.
const VERSION: u8 = 1;
/// The plan's revision comes last.
const VERSION_WITH_REVISION: u8 = 2;

/// Value of a commit record. Where definitions never change it is of version 1.
pub fn encode_commit(record: &CommitRecord) -> Vec<u8> {
    let has_revision = record.plan_revision > 0;
    let version = if has_revision { VERSION_WITH_REVISION } else { VERSION };
    let mut writer = Writer(vec![version]);
    writer.bytes(&record.id.0);
    writer.option(record.parent, |writer, parent| {
        writer.bytes(&parent.0);
    });
    writer.u64(record.number).u32(record.cursor.file);
    writer.bytes(&record.cursor.offset.to_be_bytes()).u64(record.cursor.line);
    writer.u64(record.outbox_last);
    for time in [record.watermark, record.latest_time, record.too_old_before] {
        writer.option(time, |writer, time| {
            writer.time(time);
        });
    }
    let Counters { read, counted, duplicate, unmatched, late, invalid } = record.counters;
    for counter in [read, counted, duplicate, unmatched, late, invalid] {
        writer.u64(counter);
    }
    if has_revision {
        writer.u64(record.plan_revision);
    }
    writer.0
}

/// Inverse of [`encode_commit`].
///
/// # Errors
/// Bytes that no commit record was written as.
pub fn decode_commit(bytes: &[u8]) -> Result<CommitRecord, Corrupt> {
    let mut reader = Reader::new(bytes, "a commit record");
    let version = reader.u8()?;
    if ![VERSION, VERSION_WITH_REVISION].contains(&version) {
        return reader.corrupt("of a version that this program does not know");
    }
    let id = CommitId(reader.array()?);
    let parent = reader.option(|reader| reader.array().map(CommitId))?;
    let number = reader.u64()?;
    let file = reader.u32()?;
    let offset = reader.array().map(i64::from_be_bytes)?;
    let cursor = Cursor { file, offset, line: reader.u64()? };
    let outbox_last = reader.u64()?;
    let watermark = reader.option(Reader::time)?;
    let latest_time = reader.option(Reader::time)?;
    let too_old_before = reader.option(Reader::time)?;
    let counters = Counters {
        read: reader.u64()?,
        counted: reader.u64()?,
        duplicate: reader.u64()?,
        unmatched: reader.u64()?,
        late: reader.u64()?,
        invalid: reader.u64()?,
    };
    let plan_revision = if version == VERSION { 0 } else { reader.u64()? };
    reader.end()?;
    Ok(CommitRecord {
        id,
        parent,
        number,
        cursor,
        outbox_last,
        watermark,
        latest_time,
        too_old_before,
        plan_revision,
        counters,
    })
}
