//! When events happen: a function of the record's number, never of the wall clock.

use crate::model::{EventTime, Span};

/// How busy each hour of a UTC day is, in shares of their sum.
const HOURS: [u64; 24] =
    [4, 3, 2, 2, 2, 3, 5, 8, 11, 13, 13, 12, 11, 12, 13, 13, 12, 11, 9, 8, 7, 6, 5, 5];

const MICROS_PER_HOUR: u64 = 3_600_000_000;
const MICROS_PER_SECOND: u128 = 1_000_000;

/// Work of a day: the sum over its microseconds of how busy each is.
const WORK_PER_DAY: u64 = work_before(24);

/// Work of the hours before one of a day.
const fn work_before(hour: usize) -> u64 {
    let (mut sum, mut at) = (0, 0);
    while at < hour {
        sum += HOURS[at] * MICROS_PER_HOUR;
        at += 1;
    }
    sum
}

/// Fraction bits of a step.
const STEP_BITS: u32 = 20;

/// When the record of a number happens, before it is delayed on its way.
#[derive(Clone, Debug)]
pub(super) enum EventClock {
    /// A number of records over a span of time, more of them by day than by night.
    Spread {
        /// Work from the epoch to the first record.
        origin: u64,
        /// Work between two records, in 2^-20.
        step: u128,
    },
    /// So many a second.
    Steady {
        /// Time of record 0.
        origin: EventTime,
        /// Records a second.
        rate: u64,
    },
}

impl EventClock {
    /// `count` records over `span` from `start` on.
    pub(super) fn spread(start: EventTime, span: Span, count: u64) -> Self {
        let origin = work_until(start);
        let whole = work_until(start.saturating_add(span)) - origin;
        EventClock::Spread {
            origin,
            step: (u128::from(whole) << STEP_BITS) / u128::from(count.max(1)),
        }
    }

    /// `rate` records a second from `start` on, for ever.
    pub(super) fn steady(start: EventTime, rate: u64) -> Self {
        EventClock::Steady { origin: start, rate }
    }

    /// The time of the record `number`; `jitter` places it between its neighbours. Grows with the number.
    pub(super) fn time(&self, number: u64, jitter: u32) -> EventTime {
        match self {
            EventClock::Spread { origin, step } => {
                let fraction = (step * u128::from(jitter)) >> u32::BITS;
                let work = (step * u128::from(number) + fraction) >> STEP_BITS;
                time_after(origin.saturating_add(u64::try_from(work).unwrap_or(u64::MAX)))
            }
            EventClock::Steady { origin, rate } => {
                let micros = u128::from(number) * MICROS_PER_SECOND / u128::from(*rate);
                origin.saturating_add(Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)))
            }
        }
    }
}

/// Work from the epoch to an instant after it.
fn work_until(time: EventTime) -> u64 {
    let micros = u64::try_from(time.micros()).expect("events happen after the epoch");
    let (hours, past) = (micros / MICROS_PER_HOUR, micros % MICROS_PER_HOUR);
    let hour = usize::try_from(hours % 24).expect("a day has 24 hours");
    hours / 24 * WORK_PER_DAY + work_before(hour) + past * HOURS[hour]
}

/// The inverse of [`work_until`].
fn time_after(work: u64) -> EventTime {
    let (days, mut rest) = (work / WORK_PER_DAY, work % WORK_PER_DAY);
    let mut micros = days * 24 * MICROS_PER_HOUR;
    for busy in HOURS {
        let of_hour = busy * MICROS_PER_HOUR;
        if rest < of_hour {
            micros += rest / busy;
            break;
        }
        rest -= of_hour;
        micros += MICROS_PER_HOUR;
    }
    EventTime::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::EventClock;
    use crate::model::{EventTime, Span};

    #[test]
    fn records_cover_the_span_in_order() {
        let start = EventTime::parse_rfc3339("2026-01-26T07:30:00Z").expect("an instant");
        let span = Span::from_seconds(200_000);
        let clock = EventClock::spread(start, span, 1_000);
        assert_eq!(clock.time(0, 0), start);
        let mut before = start;
        for number in 0..1_000 {
            for jitter in [0, u32::MAX / 3, u32::MAX] {
                let time = clock.time(number, jitter);
                assert!(before <= time && time < start.saturating_add(span), "{number}: {time}");
                before = time;
            }
        }
        assert!(before > start.saturating_add(Span::from_seconds(199_000)), "{before}");
    }

    #[test]
    fn a_steady_clock_keeps_its_rate() {
        let clock = EventClock::steady(EventTime::from_micros(5), 3);
        let micros: Vec<i64> = (0..4).map(|number| clock.time(number, 9).micros()).collect();
        assert_eq!(micros, [5, 333_338, 666_671, 1_000_005]);
    }
}
