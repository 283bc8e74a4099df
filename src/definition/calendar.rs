//! Calendars: how a metric's time is cut into periods (rules 6.1, 6.2, 6.4). STUB

use crate::model::{EventTime, Period, Span};

/// What a period is (rule 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PeriodUnit {
    /// Minute of the local clock.
    Minute,
    /// Hour of the local clock.
    Hour,
    /// Local day.
    Day,
    /// Local week, from Monday.
    Week,
    /// Local month.
    Month,
    /// Three local months.
    Quarter,
    /// Twelve local months.
    Year,
    /// A fixed length counted from the epoch; 1 second to 366 days.
    Fixed(Span),
}

/// As definitions write it: `month`, `15m`.
impl std::fmt::Display for PeriodUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PeriodUnit::Minute => "minute",
            PeriodUnit::Hour => "hour",
            PeriodUnit::Day => "day",
            PeriodUnit::Week => "week",
            PeriodUnit::Month => "month",
            PeriodUnit::Quarter => "quarter",
            PeriodUnit::Year => "year",
            PeriodUnit::Fixed(length) => return length.fmt(f),
        })
    }
}

/// Why no calendar could be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CalendarError {
    /// The bundled rules know no zone of that name.
    UnknownZone(String),
    /// Not 1 to 31.
    Anchor(u8),
    /// Not 1 to 12.
    AnchorMonth(u8),
}

/// A unit, a zone and an anchor.
#[derive(Clone, Debug)]
pub struct Calendar {}

impl Calendar {
    /// `zone` is an IANA name. Anchors are ignored where the unit takes none.
    pub fn new(
        unit: PeriodUnit,
        zone: &str,
        anchor: u8,
        anchor_month: u8,
    ) -> Result<Self, CalendarError> {
        todo!()
    }
    /// The unit.
    pub fn unit(&self) -> PeriodUnit {
        todo!()
    }
    /// IANA name of the zone.
    pub fn zone_name(&self) -> &str {
        todo!()
    }
    /// Day of month that periods start on (1 where the unit takes none).
    pub fn anchor(&self) -> u8 {
        todo!()
    }
    /// Month that one period starts in (1 where the unit takes none).
    pub fn anchor_month(&self) -> u8 {
        todo!()
    }
    /// The natural period that holds `time`.
    pub fn period_at(&self, time: EventTime) -> Period {
        todo!()
    }
    /// Number of local dates from the first to the last date of `period`, dates that the zone skipped included:
    /// the D of rule 4.4.
    pub fn dates_in(&self, period: Period) -> i64 {
        todo!()
    }
    /// Place of `time`'s local date among the dates of `period`, 0 to D-1, clipped (rule 4.4).
    pub fn date_index(&self, period: Period, time: EventTime) -> i64 {
        todo!()
    }
    /// The bucket of length `every` inside `period` that holds `time`: a calendar unit with this calendar's zone and
    /// anchor cut at the period's borders, or a fixed length counted from the period's start (rule 4.5).
    pub fn bucket_at(&self, period: Period, every: PeriodUnit, time: EventTime) -> Period {
        todo!()
    }
    /// How many buckets of length `every` the period has.
    pub fn bucket_count(&self, period: Period, every: PeriodUnit) -> u64 {
        todo!()
    }
}
