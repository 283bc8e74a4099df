//! `period`, `timezone` and the anchors: a metric's calendar (rules 6.1, 6.2).

use super::reader::{Faulty, Field, Table};
use crate::definition::{Calendar, PeriodUnit};
use crate::model::Span;

const UNITS: [(&str, PeriodUnit); 7] = [
    ("minute", PeriodUnit::Minute),
    ("hour", PeriodUnit::Hour),
    ("day", PeriodUnit::Day),
    ("week", PeriodUnit::Week),
    ("month", PeriodUnit::Month),
    ("quarter", PeriodUnit::Quarter),
    ("year", PeriodUnit::Year),
];

const SECONDS_PER_DAY: i64 = 86_400;

/// A calendar unit or a fixed length.
pub(super) fn unit(field: &Field<'_>) -> Result<PeriodUnit, Faulty> {
    let text = field.str_quietly().unwrap_or_default();
    if let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == text) {
        return Ok(*unit);
    }
    let (least, greatest) = (Span::from_seconds(1), Span::from_seconds(366 * SECONDS_PER_DAY));
    match Span::parse(text) {
        Some(length) if (least..=greatest).contains(&length) => Ok(PeriodUnit::Fixed(length)),
        _ => Err(field.fault(format!(
            "expected minute, hour, day, week, month, quarter, year or a length from 1s to 366d \
             such as \"15m\", found {}",
            field.value()
        ))),
    }
}

/// A metric's period.
pub(super) fn unit_of(table: &Table<'_>) -> Result<PeriodUnit, Faulty> {
    Ok(table.optional("period", unit)?.unwrap_or(PeriodUnit::Month))
}

/// A metric's calendar, with its period already read.
pub(super) fn calendar(
    table: &Table<'_>,
    unit: Result<PeriodUnit, Faulty>,
) -> Result<Calendar, Faulty> {
    let zone = table.optional("timezone", timezone);
    let anchor = table.optional("anchor", |field| {
        let day = anchor(field);
        match unit? {
            unit if unit.takes_anchor() => day,
            other => Err(unfit(field, "month, quarter and year", other)),
        }
    });
    let anchor_month = table.optional("anchor_month", |field| {
        let month = anchor_month(field);
        match unit? {
            unit if unit.takes_anchor_month() => month,
            other => Err(unfit(field, "quarter and year", other)),
        }
    });
    let (unit, zone) = (unit?, zone?.unwrap_or_else(|| "UTC".to_owned()));
    let (anchor, anchor_month) = (anchor?.unwrap_or(1), anchor_month?.unwrap_or(1));
    Calendar::new(unit, &zone, anchor, anchor_month).map_err(|error| table.fault(error.to_string()))
}

fn unfit(field: &Field<'_>, units: &str, other: PeriodUnit) -> Faulty {
    field.fault(format!("goes with periods {units}, not with {other}: leave it out"))
}

/// An IANA name that the bundled rules know.
pub(super) fn timezone(field: &Field<'_>) -> Result<String, Faulty> {
    let name = field.str()?;
    Calendar::new(PeriodUnit::Day, name, 1, 1).map_err(|error| field.fault(error.to_string()))?;
    Ok(name.to_owned())
}

/// Day of month.
pub(super) fn anchor(field: &Field<'_>) -> Result<u8, Faulty> {
    field.whole_number(1, 31).map(i8::unsigned_abs)
}

/// Month of the year.
pub(super) fn anchor_month(field: &Field<'_>) -> Result<u8, Faulty> {
    field.whole_number(1, 12).map(i8::unsigned_abs)
}
