//! Buckets inside a period (rule 4.5): which one holds an instant, and how many there are.
//!
//! A period may be a piece of a natural one (rule 5.6 c); its buckets are cut at its borders.

use super::{Calendar, HOUR, MINUTE, PeriodUnit, fixed_at};
use crate::model::{EventTime, Period, Span};

impl Calendar {
    /// The bucket of length `every` inside `period` that holds `time`: a calendar unit with this calendar's zone and
    /// anchor cut at the period's borders, or a fixed length counted from the period's start (rule 4.5).
    ///
    /// # Panics
    ///
    /// Where `time` lies outside `period`.
    pub fn bucket_at(&self, period: Period, every: PeriodUnit, time: EventTime) -> Period {
        assert!(period.contains(time), "{time} lies outside {} to {}", period.start, period.end);
        let bucket = match every {
            PeriodUnit::Fixed(length) => fixed_at(period.start, length, time),
            PeriodUnit::Minute
            | PeriodUnit::Hour
            | PeriodUnit::Day
            | PeriodUnit::Week
            | PeriodUnit::Month
            | PeriodUnit::Quarter
            | PeriodUnit::Year => self.unit_at(every, time),
        };
        Period { start: bucket.start.max(period.start), end: bucket.end.min(period.end) }
    }

    /// How many buckets of length `every` the period has; at least 1.
    ///
    /// Fixed lengths, minutes and hours are counted by division (once for each stretch between clock changes); days
    /// and longer one by one.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a period is not empty, a length is positive, and 64 bits hold the quotient"
    )]
    pub fn bucket_count(&self, period: Period, every: PeriodUnit) -> u64 {
        let count = match every {
            PeriodUnit::Fixed(length) => (period.length().micros() - 1) / length.micros() + 1,
            PeriodUnit::Minute => self.clock_units_in(period, MINUTE),
            PeriodUnit::Hour => self.clock_units_in(period, HOUR),
            PeriodUnit::Day
            | PeriodUnit::Week
            | PeriodUnit::Month
            | PeriodUnit::Quarter
            | PeriodUnit::Year => self.date_units_in(period, every),
        };
        u64::try_from(count).expect("a period is not empty, so it has a bucket")
    }

    /// Minutes or hours of the local clock that `period` touches.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "no period has more minutes than 64 bits count"
    )]
    fn clock_units_in(&self, period: Period, length: Span) -> i64 {
        let mut count = 0;
        let mut from = period.start;
        while from < period.end {
            let clock = self.zone.clock_at(from);
            let until = clock.until.min(period.end);
            let first = clock.local_micros(from).div_euclid(length.micros());
            let last = (clock.local_micros(until) - 1).div_euclid(length.micros());
            count += last - first + 1;
            from = until;
        }
        count
    }

    /// Days or longer units that `period` touches: one, and one for each start of a unit inside it.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places of dates are far from the limits of 64 bits"
    )]
    fn date_units_in(&self, period: Period, unit: PeriodUnit) -> i64 {
        let mut count = 1;
        let mut place = self.place_of(unit, self.zone.date_at(period.start)) - 1;
        let mut last_start = period.start;
        loop {
            let start = self.start_of(unit, place);
            if start >= period.end {
                return count;
            }
            // A date that the zone skipped starts where the next one does, and is no bucket.
            if start > last_start {
                count += 1;
                last_start = start;
            }
            place += 1;
        }
    }
}
