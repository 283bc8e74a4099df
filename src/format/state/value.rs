//! Cells and chains as values.

use super::bytes::{Corrupt, Reader, Writer};
use super::part::{read_part, read_part_value};
use crate::definition::{AggregationKind, Metric, MetricPlan, Slot, Timeline};
use crate::engine::{
    Aggregate, Carry, Cell, Extent, Operations, Part, PartKey, PartValue, Published, Recurring,
    Stamp, Weighted,
};
use crate::model::{EventTime, Period, Quantity};

const VERSION: u8 = 1;

/// Mark of a cell that must be published again.
const IS_OWED: u8 = 1;
/// Mark of a cell whose marks are followed by the smallest and the greatest offset of its events, 8 bytes each.
const HAS_OFFSETS: u8 = 2;

/// Value of a plain cell.
pub(super) fn encode_cell(cell: &Cell) -> Vec<u8> {
    let mut writer = Writer(vec![VERSION]);
    write_cell(&mut writer, cell);
    writer.0
}

/// Value of a recurring chain.
pub(super) fn encode_chain(chain: &Recurring) -> Vec<u8> {
    let mut writer = Writer(vec![VERSION]);
    writer.time(chain.kept_from);
    write_carry(&mut writer, &chain.base);
    writer.u32(u32::try_from(chain.cells.len()).expect("few periods are kept"));
    for cell in &chain.cells {
        writer.time(cell.slot.period.end);
        write_cell(&mut writer, cell);
    }
    writer.0
}

fn write_cell(writer: &mut Writer, cell: &Cell) {
    writer.time(cell.slot.period.start).u64(cell.events);
    writer.option(cell.times.bounds(), |writer, (first, last)| {
        writer.time(first).time(last);
    });
    writer.option(cell.published.as_deref(), |writer, published| {
        writer.u64(published.revision).u64(published.events);
        writer.option(published.value, |writer, value| {
            writer.amount(value);
        });
    });
    let offsets = cell.offsets.bounds();
    let owed = if cell.is_owed { IS_OWED } else { 0 };
    writer.u8(owed | if offsets.is_some() { HAS_OFFSETS } else { 0 });
    if let Some((first, last)) = offsets {
        writer.bytes(&first.to_be_bytes()).bytes(&last.to_be_bytes());
    }
    write_aggregate(writer, &cell.aggregate);
}

/// A cell of a metric's period that ends at `end`, without its parts.
///
/// # Errors
/// Bytes that no cell was written as, or a period that the metric no longer has.
pub fn decode_cell(
    bytes: &[u8],
    metric: &MetricPlan,
    timeline: &Timeline,
    end: EventTime,
) -> Result<Cell, Corrupt> {
    let mut reader = Reader::new(bytes, "a cell");
    check_version(&mut reader)?;
    let cell = read_cell(&mut reader, metric, timeline, end)?;
    reader.end()?;
    Ok(cell)
}

/// A recurring chain, without its parts.
///
/// # Errors
/// Bytes that no chain was written as, or a period that the metric no longer has.
pub fn decode_chain(
    bytes: &[u8],
    metric: &MetricPlan,
    timeline: &Timeline,
) -> Result<Recurring, Corrupt> {
    let mut reader = Reader::new(bytes, "a chain");
    check_version(&mut reader)?;
    let kept_from = reader.time()?;
    let base = read_carry(&mut reader)?;
    let count = reader.u32()?;
    let mut cells = Vec::new();
    for _ in 0..count {
        let end = reader.time()?;
        cells.push(read_cell(&mut reader, metric, timeline, end)?);
    }
    reader.end()?;
    Ok(Recurring { base, cells, kept_from, scheduled: None, retired: Vec::new() })
}

pub(super) fn check_version(reader: &mut Reader<'_>) -> Result<(), Corrupt> {
    match reader.u8()? {
        VERSION => Ok(()),
        _ => reader.corrupt("of a version that this program does not know"),
    }
}

fn read_cell(
    reader: &mut Reader<'_>,
    metric: &MetricPlan,
    timeline: &Timeline,
    end: EventTime,
) -> Result<Cell, Corrupt> {
    let cell = read_cell_as(reader, end, |period| {
        slot_ending(timeline, end).filter(|slot| slot.period == period)
    })?;
    check_kind(reader, metric.version(cell.slot), &cell.aggregate)?;
    Ok(cell)
}

/// A cell in the slot that is found for its period.
pub(super) fn read_cell_as(
    reader: &mut Reader<'_>,
    end: EventTime,
    slot_of: impl FnOnce(Period) -> Option<Slot>,
) -> Result<Cell, Corrupt> {
    let start = reader.time()?;
    let Some(slot) = slot_of(Period { start, end }) else {
        return reader.corrupt(&format!("from {start} to {end}, which is no period of its metric"));
    };
    let events = reader.u64()?;
    let times = read_times(reader)?;
    let published = reader.option(|reader| {
        let (revision, events) = (reader.u64()?, reader.u64()?);
        let value = reader.option(Reader::amount)?;
        Ok(Box::new(Published { revision, value, events }))
    })?;
    let marks = reader.u8()?;
    if marks & !(IS_OWED | HAS_OFFSETS) != 0 {
        return reader.corrupt("with marks that no cell has");
    }
    let is_owed = marks & IS_OWED != 0;
    let offsets =
        if marks & HAS_OFFSETS == 0 { Extent::NOTHING } else { read_offsets(reader, events)? };
    let aggregate = read_aggregate(reader)?;
    Ok(Cell { slot, aggregate, events, times, offsets, published, is_owed, is_changed: false })
}

fn read_times(reader: &mut Reader<'_>) -> Result<Extent<EventTime>, Corrupt> {
    let times = reader.option(|reader| Ok((reader.time()?, reader.time()?)))?;
    let Some((first, last)) = times else { return Ok(Extent::NOTHING) };
    match Extent::between(first, last) {
        Some(times) => Ok(times),
        None => reader.corrupt("whose last event was before its first"),
    }
}

fn read_offsets(reader: &mut Reader<'_>, events: u64) -> Result<Extent<i64>, Corrupt> {
    let (first, last) =
        (reader.array().map(i64::from_be_bytes)?, reader.array().map(i64::from_be_bytes)?);
    match Extent::between(first, last) {
        Some(offsets) if first >= 0 && events > 0 => Ok(offsets),
        _ => reader.corrupt("with offsets that its events cannot have"),
    }
}

/// Versions and calendars are found again by the period's end: its last instant lies in it whatever begins there.
pub(super) fn slot_ending(timeline: &Timeline, end: EventTime) -> Option<Slot> {
    let last = EventTime::from_micros(end.micros().checked_sub(1)?);
    timeline.slot_at(last).filter(|slot| slot.period.end == end)
}

fn check_kind(reader: &Reader<'_>, metric: &Metric, aggregate: &Aggregate) -> Result<(), Corrupt> {
    let wanted = std::mem::discriminant(&Aggregate::new(metric));
    if wanted == std::mem::discriminant(aggregate) {
        Ok(())
    } else {
        reader.corrupt("of another aggregation than its metric's")
    }
}

/// Puts one stored part of a plain cell back. `name` is what follows the cell's prefix in the key.
///
/// # Errors
/// Bytes that no part was written as.
pub fn restore_cell_part(
    cell: &mut Cell,
    metric: &Metric,
    name: &[u8],
    value: &[u8],
) -> Result<(), Corrupt> {
    let part = read_part(&mut Reader::new(name, "a part's key"))?;
    let inner = metric.inner.as_ref().map(|inner| inner.aggregation);
    let value = read_part_value(value)?;
    check_part(&cell.aggregate, &part, &value, inner)?;
    cell.aggregate.restore(part, value, inner);
    Ok(())
}

fn check_part(
    aggregate: &Aggregate,
    part: &Part,
    value: &PartValue,
    inner: Option<AggregationKind>,
) -> Result<(), Corrupt> {
    if is_part_of(aggregate, part, value, inner) {
        Ok(())
    } else {
        Err(Corrupt(format!("a part {:?} that its aggregation has not", part.key)))
    }
}

fn is_part_of(
    aggregate: &Aggregate,
    part: &Part,
    value: &PartValue,
    inner: Option<AggregationKind>,
) -> bool {
    let has_bucket = part.bucket.is_some();
    match (aggregate, &part.key, value) {
        (Aggregate::Inner(_), PartKey::Whole, PartValue::Whole(whole)) => {
            let wanted = inner.map(|kind| std::mem::discriminant(&Aggregate::of_kind(kind)));
            has_bucket && wanted == Some(std::mem::discriminant(whole))
        }
        (Aggregate::Inner(_), key, value) => {
            let plain = Part { bucket: None, key: key.clone() };
            let of_bucket = inner.map(Aggregate::of_kind);
            has_bucket && of_bucket.is_some_and(|one| is_part_of(&one, &plain, value, None))
        }
        (Aggregate::Unique(_), PartKey::Member(_), PartValue::Present)
        | (Aggregate::Percentile(_), PartKey::Value(_), PartValue::Count(_)) => !has_bucket,
        (Aggregate::Operations(kept), PartKey::Operation(..), PartValue::Operation(_)) => {
            !has_bucket && kept.is_keeping_all()
        }
        (Aggregate::Operations(kept), PartKey::Member(_), PartValue::Newest(..)) => {
            !has_bucket && !kept.is_keeping_all()
        }
        _ => false,
    }
}

/// Puts one stored part of a recurring chain back. `name` is what follows the chain's prefix in the key.
///
/// # Errors
/// Bytes that no part was written as, or a part of a cell that the chain does not have.
pub fn restore_chain_part(chain: &mut Recurring, name: &[u8], value: &[u8]) -> Result<(), Corrupt> {
    let mut reader = Reader::new(name, "a part's key");
    let start = reader.option(Reader::time)?;
    let part = read_part(&mut reader)?;
    let Some(start) = start else {
        let is_member = part.bucket.is_none() && matches!(part.key, PartKey::Member(_));
        if !is_member || !matches!(chain.base, Carry::Members(_)) {
            return Err(Corrupt(format!("a part {:?} that its chain's base has not", part.key)));
        }
        chain.base.restore(part);
        return Ok(());
    };
    match chain.cells.iter_mut().find(|cell| cell.slot.period.start == start) {
        Some(cell) => {
            let value = read_part_value(value)?;
            check_part(&cell.aggregate, &part, &value, None)?;
            cell.aggregate.restore(part, value, None);
            Ok(())
        }
        None => Err(Corrupt(format!("a part of a period from {start} that its chain lacks"))),
    }
}

pub(super) fn write_aggregate(writer: &mut Writer, aggregate: &Aggregate) {
    match aggregate {
        Aggregate::Count(count) => writer.u8(b'n').u64(*count),
        Aggregate::Sum(sum) => writer.u8(b's').amount(*sum),
        Aggregate::Min(value) => write_extreme(writer.u8(b'<'), *value),
        Aggregate::Max(value) => write_extreme(writer.u8(b'>'), *value),
        Aggregate::Avg(sum, count) => writer.u8(b'a').amount(*sum).u64(*count),
        Aggregate::Latest(stamp) => write_stamp(writer.u8(b'l'), *stamp),
        Aggregate::First(stamp) => write_stamp(writer.u8(b'f'), *stamp),
        Aggregate::Weighted(sums) => writer.u8(b'w').amount(sums.level).amount(sums.area),
        Aggregate::Prorated(sums) => writer.u8(b'r').amount(sums.level).amount(sums.area),
        Aggregate::Unique(_) => writer.u8(b'u'),
        Aggregate::Operations(operations) => {
            writer.u8(b'o').u8(u8::from(operations.is_keeping_all()))
        }
        Aggregate::Percentile(_) => writer.u8(b'p'),
        Aggregate::Inner(_) => writer.u8(b'i'),
    };
}

pub(super) fn read_aggregate(reader: &mut Reader<'_>) -> Result<Aggregate, Corrupt> {
    Ok(match reader.u8()? {
        b'n' => Aggregate::Count(reader.u64()?),
        b's' => Aggregate::Sum(reader.amount()?),
        b'<' => Aggregate::Min(reader.option(Reader::quantity)?),
        b'>' => Aggregate::Max(reader.option(Reader::quantity)?),
        b'a' => Aggregate::Avg(reader.amount()?, reader.u64()?),
        b'l' => Aggregate::Latest(read_stamp(reader)?),
        b'f' => Aggregate::First(read_stamp(reader)?),
        b'w' => Aggregate::Weighted(Box::new(read_weighted(reader)?)),
        b'r' => Aggregate::Prorated(Box::new(read_weighted(reader)?)),
        b'u' => Aggregate::Unique(Box::default()),
        b'o' if reader.flag()? => Aggregate::Operations(Box::new(Operations::keeping_all())),
        b'o' => Aggregate::Operations(Box::new(Operations::keeping_newest())),
        b'p' => Aggregate::Percentile(Box::default()),
        b'i' => Aggregate::Inner(Box::default()),
        _ => return reader.corrupt("with no known aggregation"),
    })
}

fn write_extreme(writer: &mut Writer, value: Option<Quantity>) -> &mut Writer {
    writer.option(value, |writer, value| {
        writer.quantity(value);
    })
}

fn write_stamp(writer: &mut Writer, stamp: Option<Stamp<Quantity>>) -> &mut Writer {
    writer.option(stamp, |writer, stamp| {
        writer.time(stamp.time).u64(stamp.order).quantity(stamp.value);
    })
}

fn read_stamp(reader: &mut Reader<'_>) -> Result<Option<Stamp<Quantity>>, Corrupt> {
    reader.option(|reader| {
        let (time, order) = (reader.time()?, reader.u64()?);
        Ok(Stamp { time, order, value: reader.quantity()? })
    })
}

fn read_weighted(reader: &mut Reader<'_>) -> Result<Weighted, Corrupt> {
    Ok(Weighted { level: reader.amount()?, area: reader.amount()? })
}

fn write_carry(writer: &mut Writer, carry: &Carry) {
    match carry {
        Carry::Sum(sum) => writer.u8(b's').amount(*sum),
        Carry::Latest(stamp) => write_stamp(writer.u8(b'l'), *stamp),
        Carry::Members(_) => writer.u8(b'm'),
    };
}

pub(super) fn read_carry(reader: &mut Reader<'_>) -> Result<Carry, Corrupt> {
    Ok(match reader.u8()? {
        b's' => Carry::Sum(reader.amount()?),
        b'l' => Carry::Latest(read_stamp(reader)?),
        b'm' => Carry::Members(crate::engine::Active::default()),
        _ => return reader.corrupt("with no known carry"),
    })
}
