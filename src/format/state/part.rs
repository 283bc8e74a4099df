//! Parts of aggregates as sub-entries.

use super::bytes::{Corrupt, Reader, Writer};
use super::value::{read_aggregate, write_aggregate};
use crate::engine::{Member, Operation, Part, PartKey, PartValue};

/// Appends a part's name to a key.
pub(super) fn write_part(writer: &mut Writer, part: &Part) {
    writer.option(part.bucket, |writer, start| {
        writer.time(start);
    });
    match &part.key {
        PartKey::Whole => writer.u8(b'w'),
        PartKey::Value(value) => writer.u8(b'v').quantity(*value),
        PartKey::Member(member) => writer.u8(b'm').bytes(member.as_bytes()),
        PartKey::Operation(member, time, order) => {
            let bytes = member.as_bytes();
            let length = u16::try_from(bytes.len()).expect("a member has at most 49 bytes");
            writer.u8(b'o').u16(length).bytes(bytes).time(*time).u64(*order)
        }
    };
}

/// Reads the part's name that a key ends with.
pub(super) fn read_part(reader: &mut Reader<'_>) -> Result<Part, Corrupt> {
    let bucket = reader.option(Reader::time)?;
    let key = match reader.u8()? {
        b'w' => PartKey::Whole,
        b'v' => PartKey::Value(reader.quantity()?),
        b'm' => PartKey::Member(Member::from_bytes(reader.rest())),
        b'o' => {
            let length = usize::from(reader.u16()?);
            let member = Member::from_bytes(reader.take(length)?);
            PartKey::Operation(member, reader.time()?, reader.u64()?)
        }
        _ => return reader.corrupt("of a part of no known kind"),
    };
    reader.end()?;
    Ok(Part { bucket, key })
}

/// A part's value; `None`: the part is to be deleted.
pub(super) fn part_value(value: &PartValue) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    match value {
        PartValue::Absent => return None,
        PartValue::Present => writer.u8(b'p'),
        PartValue::Count(count) => writer.u8(b'c').u64(*count),
        PartValue::Newest(time, order, operation) => {
            writer.u8(b'n').time(*time).u64(*order).u8(operation_byte(*operation))
        }
        PartValue::Operation(operation) => writer.u8(b'o').u8(operation_byte(*operation)),
        PartValue::Whole(aggregate) => {
            writer.u8(b'w');
            write_aggregate(&mut writer, aggregate);
            &mut writer
        }
    };
    Some(writer.0)
}

/// Inverse of [`part_value`].
pub(super) fn read_part_value(bytes: &[u8]) -> Result<PartValue, Corrupt> {
    let mut reader = Reader::new(bytes, "a part's value");
    let value = match reader.u8()? {
        b'p' => PartValue::Present,
        b'c' => PartValue::Count(reader.u64()?),
        b'n' => {
            let (time, order) = (reader.time()?, reader.u64()?);
            PartValue::Newest(time, order, read_operation(&mut reader)?)
        }
        b'o' => PartValue::Operation(read_operation(&mut reader)?),
        b'w' => PartValue::Whole(read_aggregate(&mut reader)?),
        _ => return reader.corrupt("of no known kind"),
    };
    reader.end()?;
    Ok(value)
}

fn operation_byte(operation: Operation) -> u8 {
    match operation {
        Operation::Add => b'+',
        Operation::Remove => b'-',
    }
}

fn read_operation(reader: &mut Reader<'_>) -> Result<Operation, Corrupt> {
    match reader.u8()? {
        b'+' => Ok(Operation::Add),
        b'-' => Ok(Operation::Remove),
        _ => reader.corrupt("with no known operation"),
    }
}
