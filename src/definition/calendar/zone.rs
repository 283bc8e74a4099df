//! A zone's local clock: its offset at an instant, how long it stands, and when a local date starts.
//!
//! The one place that asks `jiff`, and only for its bundled rules: never for files of the host.
//! It knows nothing of periods.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::date::Date;
use crate::model::{EventTime, Span};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// After 400 years dates, weekdays and so every zone's yearly rule repeat.
const CYCLE_MICROS: i64 = 146_097 * MICROS_PER_DAY;

/// `jiff` knows the years -9999 to 9999. It is asked from 20 cycles before 1970 (-6030) to 20 after it (9970);
/// no zone has changes outside that are not the yearly rule's.
const CYCLES_ASKED: i64 = 20;

/// No clock is this far from UTC (`jiff` allows 25:59:59).
const OFFSET_LIMIT: Span = Span::from_seconds(26 * 3_600);

/// The rules of one IANA zone. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    rules: TimeZone,
}

/// A local clock as it stands from the instant it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Local time minus UTC.
    pub(super) offset: Span,
    /// The instant at which the offset becomes another one.
    pub(super) until: EventTime,
}

impl Clock {
    /// Microseconds of local time since local 1970-01-01T00:00.
    pub(super) fn local_micros(self, time: EventTime) -> i64 {
        time.saturating_add(self.offset).micros()
    }
}

impl Zone {
    /// The zone of that IANA name (in any case of letters), if the bundled rules know it.
    pub(super) fn new(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        // "Etc/Unknown" is a marker, not a place whose clock one could read.
        (!rules.is_unknown() && rules.iana_name().is_some()).then_some(Zone { rules })
    }

    /// Its IANA name.
    pub(super) fn name(&self) -> &str {
        self.rules.iana_name().expect("a zone is only ever made by its name")
    }

    /// The clock from `time` on.
    pub(super) fn clock_at(&self, time: EventTime) -> Clock {
        let (asked, shift) = asked_instant(time);
        let offset = self.rules.to_offset(asked);
        // A change of name or of the summer-time flag alone leaves the clock as it stands.
        let change = self.rules.following(asked).find(|change| change.offset() != offset);
        let until = change
            .map_or(i64::MAX, |change| change.timestamp().as_microsecond().saturating_add(shift));
        let offset = Span::from_seconds(i64::from(offset.seconds()));
        Clock { offset, until: EventTime::from_micros(until) }
    }

    /// The local date at `time`.
    pub(super) fn date_at(&self, time: EventTime) -> Date {
        let (asked, _) = asked_instant(time);
        let offset = Span::from_seconds(i64::from(self.rules.to_offset(asked).seconds()));
        let local = time.saturating_add(offset);
        Date::from_number(local.micros().div_euclid(MICROS_PER_DAY))
    }

    /// The start of a local date by rule 6.1: the first instant at which the local clock shows its midnight or later.
    ///
    /// That is midnight, the earlier one where it is repeated, and the first instant after the gap where it is
    /// skipped. A date that the zone skipped whole starts where the next one does.
    pub(super) fn start_of(&self, date: Date) -> EventTime {
        let midnight = EventTime::from_micros(date.number().saturating_mul(MICROS_PER_DAY));
        // No clock shows midnight before this instant, so the first one found is the first of all.
        let mut from = midnight.saturating_sub(OFFSET_LIMIT);
        loop {
            let clock = self.clock_at(from);
            let start = from.max(midnight.saturating_sub(clock.offset));
            if start < clock.until {
                return start;
            }
            from = clock.until;
        }
    }
}

/// The instant to ask `jiff` for: `time` cut to its second (clocks change at whole ones), less as many cycles of
/// 400 years as bring it into the range; and what was taken off, in microseconds.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "no more is taken off than the instant has, and 20 cycles are a small part of 64 bits"
)]
fn asked_instant(time: EventTime) -> (Timestamp, i64) {
    let cycles_after = time.micros().div_euclid(CYCLE_MICROS) - (CYCLES_ASKED - 1);
    let shift = cycles_after.max(0) * CYCLE_MICROS;
    let micros = (time.micros() - shift).max(-CYCLES_ASKED * CYCLE_MICROS);
    let asked = Timestamp::from_second(micros.div_euclid(MICROS_PER_SECOND))
        .expect("an instant between the years -6030 and 9970 is one that jiff knows");
    (asked, shift)
}
