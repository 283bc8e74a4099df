//! The oracle's own calendars: natural periods, buckets and local dates (rules 6.1, 6.2, 4.4, 4.5).
//!
//! It asks jiff for two things only, the offset at an instant and the next change of a zone, and does
//! the rest by the letter of the rules: a day begins at the first instant whose local date has come.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use odometer::definition::PeriodUnit;
use odometer::model::{EventTime, Period};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A unit, a zone and an anchor.
#[derive(Clone, Debug)]
pub struct OracleCalendar {
    /// What a period is.
    pub unit: PeriodUnit,
    /// IANA name of the zone.
    pub zone_name: String,
    /// Day of month that months, quarters and years start on.
    pub anchor: u8,
    /// Month that a quarter or year starts in.
    pub anchor_month: u8,
    zone: TimeZone,
}

impl OracleCalendar {
    /// Anchors are ignored where the unit takes none.
    pub fn new(unit: PeriodUnit, zone_name: &str, anchor: u8, anchor_month: u8) -> Self {
        let takes_anchor =
            matches!(unit, PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year);
        let takes_month = matches!(unit, PeriodUnit::Quarter | PeriodUnit::Year);
        OracleCalendar {
            unit,
            zone_name: zone_name.to_owned(),
            anchor: if takes_anchor { anchor } else { 1 },
            anchor_month: if takes_month { anchor_month } else { 1 },
            zone: TimeZone::get(zone_name).expect("the definition reader checked the zone"),
        }
    }

    /// The natural period that holds `time`.
    pub fn period_at(&self, time: EventTime) -> Period {
        self.natural(self.unit, time)
    }

    /// The bucket inside `period` that holds `time` (rule 4.5).
    pub fn bucket_at(&self, period: Period, every: PeriodUnit, time: EventTime) -> Period {
        let whole = match every {
            PeriodUnit::Fixed(length) => {
                let into = time.since(period.start).micros();
                let start = period.start.micros() + into - into.rem_euclid(length.micros());
                span(start, start + length.micros())
            }
            unit => self.natural(unit, time),
        };
        Period { start: whole.start.max(period.start), end: whole.end.min(period.end) }
    }

    /// How many buckets the period has.
    pub fn bucket_count(&self, period: Period, every: PeriodUnit) -> u64 {
        if let PeriodUnit::Fixed(length) = every {
            let (whole, each) = (period.length().micros(), length.micros());
            return u64::try_from((whole + each - 1) / each).expect("periods are not empty");
        }
        let mut count = 0;
        let mut at = period.start;
        while at < period.end {
            at = self.bucket_at(period, every, at).end;
            count += 1;
        }
        count
    }

    /// D of rule 4.4: the dates from the first to the last local date of the period.
    pub fn dates_in(&self, period: Period) -> i64 {
        (self.last_date(period) - self.date_at(period.start) + 1).max(1)
    }

    /// Place of the local date of `time` among the dates of the period, from 0, clipped.
    pub fn date_index(&self, period: Period, time: EventTime) -> i64 {
        (self.date_at(time) - self.date_at(period.start)).clamp(0, self.dates_in(period) - 1)
    }

    fn last_date(&self, period: Period) -> i64 {
        self.date_at(EventTime::from_micros(period.end.micros() - 1))
    }

    /// Number of the local date at `time`, counted from 1970-01-01.
    fn date_at(&self, time: EventTime) -> i64 {
        let seconds = time.micros().div_euclid(MICROS_PER_SECOND);
        (seconds + self.offset_at(seconds)).div_euclid(SECONDS_PER_DAY)
    }

    fn natural(&self, unit: PeriodUnit, time: EventTime) -> Period {
        match unit {
            PeriodUnit::Minute => self.clock_piece(60, time),
            PeriodUnit::Hour => self.clock_piece(3600, time),
            PeriodUnit::Day => self.latest_begun(time, self.date_at(time) + 1, 1, |date| date),
            PeriodUnit::Week => {
                let date = self.date_at(time) + 7;
                // Day 4, January 5th 1970, was a Monday.
                self.latest_begun(time, date - (date - 4).rem_euclid(7), 7, |date| date)
            }
            PeriodUnit::Month => self.months(1, time),
            PeriodUnit::Quarter => self.months(3, time),
            PeriodUnit::Year => self.months(12, time),
            PeriodUnit::Fixed(length) => {
                let start = time.micros() - time.micros().rem_euclid(length.micros());
                span(start, start + length.micros())
            }
        }
    }

    fn months(&self, step: i64, time: EventTime) -> Period {
        let (year, month) = year_and_month(self.date_at(time));
        let near = year * 12 + month - 1 + step;
        let first = i64::from(self.anchor_month) - 1;
        let index = near - (near - first).rem_euclid(step);
        let anchor = i64::from(self.anchor);
        self.latest_begun(time, index, step, |index| {
            let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
            first_date_of(year, month) + anchor.min(days_in_month(year, month)) - 1
        })
    }

    /// The period of the greatest index, going down from `index` by `step`, that has begun at `time`.
    fn latest_begun(
        &self,
        time: EventTime,
        mut index: i64,
        step: i64,
        first_date: impl Fn(i64) -> i64,
    ) -> Period {
        while self.begin_of_date(first_date(index)) > time {
            index -= step;
        }
        Period {
            start: self.begin_of_date(first_date(index)),
            end: self.begin_of_date(first_date(index + step)),
        }
    }

    /// The first instant whose local date is `date` or a later one.
    fn begin_of_date(&self, date: i64) -> EventTime {
        let midnight = date * SECONDS_PER_DAY;
        let mut from = midnight - 2 * SECONDS_PER_DAY;
        loop {
            let begin = (midnight - self.offset_at(from)).max(from);
            match self.change_after(from) {
                Some(change) if change <= begin => from = change,
                _ => return EventTime::from_micros(begin * MICROS_PER_SECOND),
            }
        }
    }

    /// The minute or hour of the local clock as it stands, cut where the clock changes.
    fn clock_piece(&self, length: i64, time: EventTime) -> Period {
        let second = time.micros().div_euclid(MICROS_PER_SECOND);
        let local = second + self.offset_at(second);
        let mut start = second - local.rem_euclid(length);
        let mut end = start + length;
        let mut change = self.change_after(start - 1);
        while let Some(at) = change.filter(|at| *at < end) {
            if at <= second {
                start = at;
            } else {
                end = at;
            }
            change = self.change_after(at);
        }
        span(start * MICROS_PER_SECOND, end * MICROS_PER_SECOND)
    }

    /// Seconds east of UTC. Past the zone rules' end the last offset holds.
    fn offset_at(&self, second: i64) -> i64 {
        i64::from(self.zone.to_offset(timestamp(second)).seconds())
    }

    /// The next second after `second` at which the offset changes.
    fn change_after(&self, second: i64) -> Option<i64> {
        let offset = self.offset_at(second);
        let transitions = self.zone.following(timestamp(second));
        // Some transitions change the name of the zone's time alone: no clock changes.
        let changes = transitions.filter(|next| i64::from(next.offset().seconds()) != offset);
        changes.map(|change| change.timestamp().as_second()).next()
    }
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second.min(Timestamp::MAX.as_second())).expect("years 1969 to 9999")
}

fn span(start: i64, end: i64) -> Period {
    Period { start: EventTime::from_micros(start), end: EventTime::from_micros(end) }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap(year)),
        _ => 31,
    }
}

/// Number of January 1st.
fn first_date_of_year(year: i64) -> i64 {
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    365 * (year - 1970) + leap_days - 477
}

fn first_date_of(year: i64, month: i64) -> i64 {
    first_date_of_year(year) + (1..month).map(|before| days_in_month(year, before)).sum::<i64>()
}

fn year_and_month(date: i64) -> (i64, i64) {
    let mut year = 1970 + date.div_euclid(366);
    while first_date_of_year(year + 1) <= date {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| first_date_of(year, *month) <= date);
    (year, month.expect("the date lies in the year"))
}

#[test]
fn days_begin_where_rule_6_1_says() {
    // zone, an instant, begin and end of the local day that holds it
    let cases = [
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
        (
            "America/Sao_Paulo",
            "2018-11-04T03:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z",
        ),
        ("Africa/Cairo", "2026-10-29T21:30:00Z", "2026-10-28T21:00:00Z", "2026-10-29T22:00:00Z"),
        // 00:01 went back to 23:01: the day began at the earlier midnight
        (
            "America/St_Johns",
            "2009-11-01T03:15:00Z",
            "2009-11-01T02:30:00Z",
            "2009-11-02T03:30:00Z",
        ),
    ];
    for (zone, time, start, end) in cases {
        let time = EventTime::parse_rfc3339(time).expect("an instant");
        let day = OracleCalendar::new(PeriodUnit::Day, zone, 1, 1).period_at(time);
        assert_eq!((day.start.to_string().as_str(), day.end.to_string().as_str()), (start, end));
    }
}

#[test]
fn civil_dates_count_from_the_epoch() {
    assert_eq!(first_date_of(1970, 1), 0);
    assert_eq!(first_date_of(2000, 3), 11_017);
    assert_eq!(year_and_month(first_date_of(9999, 12) + 30), (9999, 12));
    assert_eq!(year_and_month(-1), (1969, 12));
}
