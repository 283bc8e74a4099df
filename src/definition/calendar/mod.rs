//! Calendars: how a metric's time is cut into periods, dates and buckets (rules 4.4, 4.5, 6.1, 6.2, 6.4).
//!
//! A pure function of the unit, the zone's bundled rules and the anchor. It knows nothing of versions, of customers'
//! calendars (that is the timeline's), or of which events there are.

mod buckets;
mod date;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt;

use self::date::{Date, Month};
use self::zone::Zone;
use crate::model::{EventTime, Period, Span};

const EPOCH: EventTime = EventTime::from_micros(0);
const MINUTE: Span = Span::from_seconds(60);
const HOUR: Span = Span::from_seconds(3_600);
const DAY: Span = Span::from_seconds(86_400);

/// Monday 1969-12-29, which the weeks are counted from, as a number of days since the epoch.
const FIRST_MONDAY: i64 = -3;

/// Instants further from the epoch than this (146,000 years) are taken for it, so that no sum can overflow.
const MICROS_MAX: i64 = 1 << 62;

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

impl PeriodUnit {
    /// Whether periods start on a day of month that may be chosen (rule 6.2).
    pub fn takes_anchor(self) -> bool {
        matches!(self, PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year)
    }

    /// Whether the month that one of its periods starts in may be chosen (rule 6.2).
    pub fn takes_anchor_month(self) -> bool {
        matches!(self, PeriodUnit::Quarter | PeriodUnit::Year)
    }
}

/// As definitions write it: `month`, `15m`.
impl fmt::Display for PeriodUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeriodUnit::Minute => f.write_str("minute"),
            PeriodUnit::Hour => f.write_str("hour"),
            PeriodUnit::Day => f.write_str("day"),
            PeriodUnit::Week => f.write_str("week"),
            PeriodUnit::Month => f.write_str("month"),
            PeriodUnit::Quarter => f.write_str("quarter"),
            PeriodUnit::Year => f.write_str("year"),
            PeriodUnit::Fixed(length) => length.fmt(f),
        }
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

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CalendarError::UnknownZone(name) => {
                write!(f, "no time zone is named {name:?}; an IANA name such as Europe/Berlin is")
            }
            CalendarError::Anchor(day) => write!(f, "anchor {day} is not a day from 1 to 31"),
            CalendarError::AnchorMonth(month) => {
                write!(f, "anchor_month {month} is not a month from 1 to 12")
            }
        }
    }
}

impl std::error::Error for CalendarError {}

/// A unit, a zone and an anchor. Two calendars are equal where these are.
#[derive(Clone, Debug)]
pub struct Calendar {
    unit: PeriodUnit,
    zone: Zone,
    anchor: u8,
    anchor_month: u8,
}

impl Calendar {
    /// `zone` is an IANA name. Anchors are ignored where the unit takes none.
    ///
    /// # Errors
    ///
    /// An unknown zone, or an anchor out of range (also one that is ignored).
    ///
    /// # Panics
    ///
    /// Where a fixed length is not positive: [`PeriodUnit::Fixed`] has at least a second.
    pub fn new(
        unit: PeriodUnit,
        zone: &str,
        anchor: u8,
        anchor_month: u8,
    ) -> Result<Self, CalendarError> {
        let found = Zone::new(zone).ok_or_else(|| CalendarError::UnknownZone(zone.to_owned()))?;
        if !(1..=31).contains(&anchor) {
            return Err(CalendarError::Anchor(anchor));
        }
        if !(1..=12).contains(&anchor_month) {
            return Err(CalendarError::AnchorMonth(anchor_month));
        }
        if let PeriodUnit::Fixed(length) = unit {
            assert!(length > Span::ZERO, "a period's length is positive, not {length}");
        }
        let anchor = if unit.takes_anchor() { anchor } else { 1 };
        let anchor_month = if unit.takes_anchor_month() { anchor_month } else { 1 };
        Ok(Calendar { unit, zone: found, anchor, anchor_month })
    }

    /// The unit.
    pub fn unit(&self) -> PeriodUnit {
        self.unit
    }

    /// IANA name of the zone.
    pub fn zone_name(&self) -> &str {
        self.zone.name()
    }

    /// Day of month that periods start on (1 where the unit takes none).
    pub fn anchor(&self) -> u8 {
        self.anchor
    }

    /// Month that one period starts in (1 where the unit takes none).
    pub fn anchor_month(&self) -> u8 {
        self.anchor_month
    }

    /// The natural period that holds `time`.
    pub fn period_at(&self, time: EventTime) -> Period {
        self.unit_at(self.unit, time)
    }

    /// When a local date begins (rule 6.1): `date` is written as `2026-03-01`.
    pub fn date_start(&self, date: &str) -> Option<EventTime> {
        let midnight = EventTime::parse_rfc3339(&format!("{date}T00:00:00Z"))?;
        let days = midnight.micros().div_euclid(DAY.micros());
        Some(self.zone.start_of(Date::from_number(days)))
    }

    /// Number of local dates from the first to the last date of `period`, dates that the zone skipped included:
    /// the D of rule 4.4; at least 1.
    ///
    /// The first date is that of the first instant, the last that of the last microsecond.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "numbers of days of instants in microseconds are far from the limits of 64 bits"
    )]
    pub fn dates_in(&self, period: Period) -> i64 {
        let last = self.zone.date_at(period.end.saturating_sub(Span::from_micros(1)));
        // A period that a clock set back past midnight cuts short can end on the date before its first.
        (last.number() - self.zone.date_at(period.start).number() + 1).max(1)
    }

    /// Place of `time`'s local date among the dates of `period`, 0 to D-1, clipped (rule 4.4).
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "numbers of days of instants in microseconds are far from the limits of 64 bits"
    )]
    pub fn date_index(&self, period: Period, time: EventTime) -> i64 {
        let first = self.zone.date_at(period.start);
        let place = self.zone.date_at(time).number() - first.number();
        place.clamp(0, self.dates_in(period) - 1)
    }

    /// The natural period of `unit`, with this zone and these anchors, that holds `time`.
    fn unit_at(&self, unit: PeriodUnit, time: EventTime) -> Period {
        let time = EventTime::from_micros(time.micros().clamp(-MICROS_MAX, MICROS_MAX));
        match unit {
            PeriodUnit::Minute => self.clock_unit_at(MINUTE, time),
            PeriodUnit::Hour => self.clock_unit_at(HOUR, time),
            PeriodUnit::Day
            | PeriodUnit::Week
            | PeriodUnit::Month
            | PeriodUnit::Quarter
            | PeriodUnit::Year => self.date_unit_at(unit, time),
            PeriodUnit::Fixed(length) => fixed_at(EPOCH, length, time),
        }
    }

    /// Minutes and hours: multiples of `length` on the local clock, cut at every change of it.
    fn clock_unit_at(&self, length: Span, time: EventTime) -> Period {
        // The unit starts after `time - length`, so a change before that is none of its borders.
        let mut from = time.saturating_sub(length);
        let mut clock = self.zone.clock_at(from);
        while clock.until <= time {
            from = clock.until;
            clock = self.zone.clock_at(from);
        }
        let past = clock.local_micros(time).rem_euclid(length.micros());
        let aligned = time.saturating_sub(Span::from_micros(past));
        Period { start: aligned.max(from), end: aligned.saturating_add(length).min(clock.until) }
    }

    /// Days and longer: from the start of one local date to the start of another.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places of dates and months are far from the limits of 64 bits"
    )]
    fn date_unit_at(&self, unit: PeriodUnit, time: EventTime) -> Period {
        // The date's own place is the right one but for a clock set back past midnight (one too small), an
        // anchor later in the month (one too large) and dates that were skipped (which start where the next one does).
        let mut place = self.place_of(unit, self.zone.date_at(time));
        let mut start = self.start_of(unit, place);
        while time < start {
            place -= 1;
            start = self.start_of(unit, place);
        }
        let mut end = self.start_of(unit, place + 1);
        while end <= time {
            place += 1;
            start = end;
            end = self.start_of(unit, place + 1);
        }
        Period { start, end }
    }

    /// Which of the unit's periods, counted from one near the epoch, the date falls in, anchor aside.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places of dates and months are far from the limits of 64 bits"
    )]
    fn place_of(&self, unit: PeriodUnit, date: Date) -> i64 {
        match months_of(unit) {
            Some(months) => (date.month().number() - self.phase()).div_euclid(months),
            None if unit == PeriodUnit::Week => (date.number() - FIRST_MONDAY).div_euclid(7),
            None => date.number(),
        }
    }

    /// Start of the unit's period of that place. Grows with it, but stays the same over a date that was skipped.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places of dates and months are far from the limits of 64 bits"
    )]
    fn start_of(&self, unit: PeriodUnit, place: i64) -> EventTime {
        let date = match months_of(unit) {
            Some(months) => {
                Month::from_number(place * months + self.phase()).day_or_last(self.anchor)
            }
            None if unit == PeriodUnit::Week => Date::from_number(place * 7 + FIRST_MONDAY),
            None => Date::from_number(place),
        };
        self.zone.start_of(date)
    }

    /// Months from January to the anchor month.
    #[expect(clippy::arithmetic_side_effects, reason = "an anchor month is at least 1")]
    fn phase(&self) -> i64 {
        i64::from(self.anchor_month) - 1
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit
            && self.zone.name() == other.zone.name()
            && self.anchor == other.anchor
            && self.anchor_month == other.anchor_month
    }
}

impl Eq for Calendar {}

/// For people: `month on the 15th, America/New_York`.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.unit)?;
        if self.anchor > 1 {
            write!(f, " on the {}{}", self.anchor, ordinal_ending(self.anchor))?;
        }
        if self.anchor_month > 1 {
            write!(f, " from {}", month_name(self.anchor_month))?;
        }
        write!(f, ", {}", self.zone.name())
    }
}

/// How many months a unit of months has.
fn months_of(unit: PeriodUnit) -> Option<i64> {
    match unit {
        PeriodUnit::Month => Some(1),
        PeriodUnit::Quarter => Some(3),
        PeriodUnit::Year => Some(12),
        PeriodUnit::Minute
        | PeriodUnit::Hour
        | PeriodUnit::Day
        | PeriodUnit::Week
        | PeriodUnit::Fixed(_) => None,
    }
}

/// The stretch that holds `time` among those of `length` counted from `origin`.
fn fixed_at(origin: EventTime, length: Span, time: EventTime) -> Period {
    let past = time.since(origin).micros().rem_euclid(length.micros());
    let start = time.saturating_sub(Span::from_micros(past));
    Period { start, end: start.saturating_add(length) }
}

fn ordinal_ending(number: u8) -> &'static str {
    match (number % 10, number / 10) {
        (1, 0 | 2..) => "st",
        (2, 0 | 2..) => "nd",
        (3, 0 | 2..) => "rd",
        _ => "th",
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "an anchor month is at least 1")]
fn month_name(month: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    NAMES.get(usize::from(month) - 1).expect("an anchor month is 1 to 12")
}
