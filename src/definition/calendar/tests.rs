//! Borders worked out by hand (all those of the golden worlds), then properties against a naive oracle that walks
//! dates and seconds with `jiff`'s civil types.

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::*;

// Reading the tables.

/// `zone unit [anchor [anchor_month]]`.
fn calendar(text: &str) -> Calendar {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |place: usize| words.get(place).map_or(1, |word| word.parse().unwrap());
    Calendar::new(unit(words[1]), words[0], number(2), number(3)).unwrap()
}

fn unit(text: &str) -> PeriodUnit {
    match text {
        "minute" => PeriodUnit::Minute,
        "hour" => PeriodUnit::Hour,
        "day" => PeriodUnit::Day,
        "week" => PeriodUnit::Week,
        "month" => PeriodUnit::Month,
        "quarter" => PeriodUnit::Quarter,
        "year" => PeriodUnit::Year,
        length => PeriodUnit::Fixed(Span::parse(length).unwrap()),
    }
}

/// An RFC 3339 instant, whose seconds and `Z` may be left out, as may the time of day.
fn instant(text: &str) -> EventTime {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => text.to_owned(),
    };
    EventTime::parse_rfc3339(&whole).unwrap_or_else(|| panic!("{text} is no instant"))
}

fn period(text: &str) -> Period {
    let (start, end) = text.split_once("..").unwrap();
    Period { start: instant(start), end: instant(end) }
}

fn shown(period: Period) -> String {
    format!("{}..{}", period.start, period.end)
}

/// The period of `time`, and that each of its two borders is the other period's too.
fn check(calendar_text: &str, time: &str, expected: &str) {
    let calendar = calendar(calendar_text);
    let found = calendar.period_at(instant(time));
    assert_eq!(shown(found), shown(period(expected)), "{calendar_text} at {time}");
    assert_tiles(&calendar, instant(time));
}

fn check_bucket(calendar_text: &str, every: &str, time: &str, expected: &str) {
    let calendar = calendar(calendar_text);
    let outer = calendar.period_at(instant(time));
    let found = calendar.bucket_at(outer, unit(every), instant(time));
    assert_eq!(shown(found), shown(period(expected)), "{every} of {calendar_text} at {time}");
}

fn check_bucket_count(calendar_text: &str, every: &str, time: &str, expected: u64) {
    let calendar = calendar(calendar_text);
    let count = calendar.bucket_count(calendar.period_at(instant(time)), unit(every));
    assert_eq!(count, expected, "{every} of {calendar_text} at {time}");
}

fn assert_tiles(calendar: &Calendar, time: EventTime) -> Period {
    let period = calendar.period_at(time);
    let just_before = |end: EventTime| end.saturating_sub(Span::from_micros(1));
    assert!(period.contains(time), "{calendar}: {} lacks {time}", shown(period));
    assert_eq!(calendar.period_at(period.start), period, "{calendar}, start of {time}");
    assert_eq!(calendar.period_at(just_before(period.end)), period, "{calendar}, end of {time}");
    assert_eq!(calendar.period_at(period.end).start, period.end, "{calendar}, after {time}");
    assert_eq!(
        calendar.period_at(just_before(period.start)).end,
        period.start,
        "{calendar}, before {time}"
    );
    period
}

// Rule 6.1: days and longer.

#[test]
fn day_starts_at_local_midnight() {
    check("UTC day", "2026-03-01T23:59:59.999999Z", "2026-03-01..2026-03-02");
    check("Asia/Kolkata day", "2026-03-01T18:30", "2026-03-01T18:30..2026-03-02T18:30");
    check("America/New_York day", "2026-03-31T02:00", "2026-03-30T04:00..2026-03-31T04:00");
}

#[test]
fn day_lasts_23_or_25_hours() {
    check("Europe/Berlin day", "2026-03-29T11:00", "2026-03-28T23:00..2026-03-29T22:00");
    check("Europe/Berlin day", "2026-10-25T01:00", "2026-10-24T22:00..2026-10-25T23:00");
    check("Africa/Cairo day", "2026-10-29T20:30", "2026-10-28T21:00..2026-10-29T22:00");
    check("Africa/Cairo day", "2026-10-29T21:30", "2026-10-28T21:00..2026-10-29T22:00");
    check("Africa/Cairo day", "2026-10-29T22:00", "2026-10-29T22:00..2026-10-30T22:00");
}

#[test]
fn day_without_midnight_starts_after_the_gap() {
    check("America/Sao_Paulo day", "2018-11-04T02:59:59Z", "2018-11-03T03:00..2018-11-04T03:00");
    check("America/Sao_Paulo day", "2018-11-04T03:00", "2018-11-04T03:00..2018-11-05T02:00");
    check("Asia/Beirut day", "2026-03-28T21:59:59Z", "2026-03-27T22:00..2026-03-28T22:00");
    check("Asia/Beirut day", "2026-03-28T22:00", "2026-03-28T22:00..2026-03-29T21:00");
}

#[test]
fn day_with_two_midnights_starts_at_the_earlier() {
    check("America/Havana day", "2026-11-01T04:30", "2026-11-01T04:00..2026-11-02T05:00");
    check("America/Havana day", "2026-11-01T05:30", "2026-11-01T04:00..2026-11-02T05:00");
    // One minute past midnight the clock went back to 23:01 of the day before.
    check("America/St_Johns day", "2009-11-01T02:30", "2009-11-01T02:30..2009-11-02T03:30");
    check("America/St_Johns day", "2009-11-01T03:00", "2009-11-01T02:30..2009-11-02T03:30");
    check("America/St_Johns month", "2009-11-01T03:00", "2009-11-01T02:30..2009-12-01T03:30");
}

#[test]
fn skipped_day_has_no_period() {
    check("Pacific/Apia day", "2011-12-30T09:59:59Z", "2011-12-29T10:00..2011-12-30T10:00");
    check("Pacific/Apia day", "2011-12-30T10:00", "2011-12-30T10:00..2011-12-31T10:00");
    check("Pacific/Apia week", "2011-12-30T10:00", "2011-12-26T10:00..2012-01-01T10:00");
    check("Pacific/Apia month 30", "2011-12-30T09:59:59Z", "2011-11-30T10:00..2011-12-30T10:00");
    check("Pacific/Apia month 30", "2011-12-30T10:00", "2011-12-30T10:00..2012-01-29T10:00");
    check("Pacific/Apia month 31", "2011-12-30T10:00", "2011-12-30T10:00..2012-01-30T10:00");
    check("Pacific/Kwajalein day", "1993-08-21T11:59", "1993-08-20T12:00..1993-08-21T12:00");
    check("Pacific/Kwajalein day", "1993-08-21T12:00", "1993-08-21T12:00..1993-08-22T12:00");
}

#[test]
fn repeated_day_is_one_period() {
    // Kwajalein had September 30 of 1969 twice.
    check("Pacific/Kwajalein day", "1969-09-30T14:00", "1969-09-29T13:00..1969-10-01T12:00");
    check("Pacific/Kwajalein year", "1969-09-30T14:00", "1968-12-31T13:00..1970-01-01T12:00");
}

#[test]
fn week_starts_on_monday() {
    check("America/New_York week", "2026-03-02T04:59:59Z", "2026-02-23T05:00..2026-03-02T05:00");
    check("America/New_York week", "2026-03-02T05:00", "2026-03-02T05:00..2026-03-09T04:00");
    check("UTC week", "1970-01-01", "1969-12-29..1970-01-05");
}

#[test]
fn month_quarter_and_year_start_on_their_first_day() {
    check("Europe/Berlin month", "2026-03-29T00:30", "2026-02-28T23:00..2026-03-31T22:00");
    check("UTC month", "2023-02-10", "2023-02-01..2023-03-01");
    check("UTC month", "2024-02-29", "2024-02-01..2024-03-01");
    check("America/New_York quarter", "2026-05-05", "2026-04-01T04:00..2026-07-01T04:00");
    check("Australia/Lord_Howe year", "2026-05-05", "2025-12-31T13:00..2026-12-31T13:00");
}

// Rule 6.1: minutes and hours.

#[test]
fn repeated_hour_is_two_periods() {
    check("Europe/Berlin hour", "2026-10-25T00:30", "2026-10-25T00:00..2026-10-25T01:00");
    check("Europe/Berlin hour", "2026-10-25T01:30", "2026-10-25T01:00..2026-10-25T02:00");
    check("Europe/Berlin hour", "2026-10-25T01:59:59Z", "2026-10-25T01:00..2026-10-25T02:00");
}

#[test]
fn half_hour_change_leaves_half_an_hour() {
    let zone = "Australia/Lord_Howe hour";
    check(zone, "2026-10-03T15:29", "2026-10-03T14:30..2026-10-03T15:30");
    check(zone, "2026-10-03T15:40", "2026-10-03T15:30..2026-10-03T16:00");
    check(zone, "2027-04-03T14:45", "2027-04-03T14:00..2027-04-03T15:00");
    check(zone, "2027-04-03T15:10", "2027-04-03T15:00..2027-04-03T15:30");
    check(zone, "2027-04-03T15:40", "2027-04-03T15:30..2027-04-03T16:30");
}

#[test]
fn hours_and_minutes_follow_the_local_clock() {
    check("Asia/Kolkata hour", "2026-10-25T00:20", "2026-10-24T23:30..2026-10-25T00:30");
    check("Asia/Kathmandu hour", "2026-10-25T00:20", "2026-10-25T00:15..2026-10-25T01:15");
    check("UTC hour", "2026-03-01T09:59:59.999999Z", "2026-03-01T09:00..2026-03-01T10:00");
    check("UTC hour", "2026-03-01T10:00", "2026-03-01T10:00..2026-03-01T11:00");
    // Monrovia was 44 minutes and 30 seconds behind until 1972-01-07.
    check(
        "Africa/Monrovia minute",
        "1971-05-05T00:00:29Z",
        "1971-05-04T23:59:30Z..1971-05-05T00:00:30Z",
    );
    check(
        "Africa/Monrovia hour",
        "1972-01-07T00:44:29Z",
        "1972-01-06T23:44:30Z..1972-01-07T00:44:30Z",
    );
    check("Africa/Monrovia hour", "1972-01-07T00:44:30Z", "1972-01-07T00:44:30Z..1972-01-07T01:00");
}

#[test]
fn change_of_name_alone_is_no_change_of_the_clock() {
    // London's summer time of 1968 became a standard time of the same offset in October, and lasted three years more.
    let clock = Zone::new("Europe/London").unwrap().clock_at(instant("1968-05-01"));
    assert_eq!(clock.offset, HOUR);
    assert_eq!(clock.until, instant("1971-10-31T02:00"));
}

#[test]
fn fixed_length_is_counted_from_the_epoch() {
    check("Asia/Kathmandu 15m", "2026-03-01T00:00", "2026-03-01T00:00..2026-03-01T00:15");
    check("Asia/Kathmandu 15m", "2026-03-01T00:15", "2026-03-01T00:15..2026-03-01T00:30");
    check("UTC 7h", "2026-03-01T00:15", "2026-02-28T22:00..2026-03-01T05:00");
    check("Australia/Lord_Howe 1d", "2026-03-01T00:15", "2026-03-01..2026-03-02");
    check("UTC 366d", "1970-01-01", "1970-01-01..1971-01-02");
}

// Rule 6.2.

#[test]
fn anchor_returns_after_a_shorter_month() {
    check("UTC month 31", "2026-01-30", "2025-12-31..2026-01-31");
    check("UTC month 31", "2026-01-31", "2026-01-31..2026-02-28");
    check("UTC month 31", "2026-02-27", "2026-01-31..2026-02-28");
    check("UTC month 31", "2026-02-28", "2026-02-28..2026-03-31");
    check("UTC month 31", "2026-04-29", "2026-03-31..2026-04-30");
    check("UTC month 31", "2026-04-30", "2026-04-30..2026-05-31");
    check(
        "America/New_York month 15",
        "2026-03-15T03:59:59Z",
        "2026-02-15T05:00..2026-03-15T04:00",
    );
}

#[test]
fn one_period_starts_in_the_anchor_month() {
    check("UTC quarter 29 2", "2024-02-29", "2024-02-29..2024-05-29");
    check("UTC quarter 29 2", "2025-02-27", "2024-11-29..2025-02-28");
    check("UTC quarter 29 2", "2025-02-28", "2025-02-28..2025-05-29");
    check("UTC quarter 29 2", "2026-02-27", "2025-11-29..2026-02-28");
    check("UTC quarter 29 2", "2026-02-28", "2026-02-28..2026-05-29");
    check("UTC year 29 2", "2024-02-29", "2024-02-29..2025-02-28");
    check("UTC year 29 2", "2025-02-28", "2025-02-28..2026-02-28");
    check("UTC year 29 2", "2026-02-28", "2026-02-28..2027-02-28");
    check("UTC quarter 1 12", "2026-01-05", "2025-12-01..2026-03-01");
    check("UTC year 31 12", "2026-12-30", "2025-12-31..2026-12-31");
}

#[test]
fn anchor_is_ignored_where_the_unit_takes_none() {
    assert_eq!(calendar("UTC week 15 3"), calendar("UTC week"));
    assert_eq!(calendar("UTC month 15 3"), calendar("UTC month 15"));
    assert_ne!(calendar("UTC month 15"), calendar("UTC month 16"));
    assert_ne!(calendar("UTC year 1 2"), calendar("UTC year 1 3"));
    assert_ne!(calendar("UTC day"), calendar("Europe/London day"));
}

#[test]
fn faulty_calendar_is_refused() {
    let make = |zone, anchor, month| Calendar::new(PeriodUnit::Year, zone, anchor, month).err();
    for zone in ["", "Mars/Olympus", "../etc/passwd", "Etc/Unknown", "+02:00"] {
        assert_eq!(make(zone, 1, 1), Some(CalendarError::UnknownZone(zone.to_owned())));
    }
    for day in [0, 32, 255] {
        assert_eq!(make("UTC", day, 1), Some(CalendarError::Anchor(day)));
    }
    for month in [0, 13] {
        assert_eq!(make("UTC", 1, month), Some(CalendarError::AnchorMonth(month)));
    }
    assert_eq!(make("europe/berlin", 31, 12), None);
}

#[test]
fn calendar_is_told_to_people() {
    let told = |text| calendar(text).to_string();
    assert_eq!(told("UTC hour"), "hour, UTC");
    assert_eq!(told("Europe/Berlin 90m"), "90m, Europe/Berlin");
    assert_eq!(told("America/New_York month 15"), "month on the 15th, America/New_York");
    assert_eq!(told("UTC quarter 2 2"), "quarter on the 2nd from February, UTC");
    assert_eq!(told("europe/berlin year 31 10"), "year on the 31st from October, Europe/Berlin");
    assert_eq!(told("UTC month 11"), "month on the 11th, UTC");
    assert_eq!(told("UTC month 23"), "month on the 23rd, UTC");
}

// The borders of time.

#[test]
fn every_calendar_holds_to_the_last_instant() {
    let units = ["minute", "hour", "day", "week", "month", "quarter", "year", "366d", "1s"];
    let zones = ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin", "Africa/Casablanca"];
    for (zone, unit) in zones.into_iter().flat_map(|zone| units.map(|unit| (zone, unit))) {
        for anchors in ["1 1", "31 12", "29 2"] {
            let calendar = calendar(&format!("{zone} {unit} {anchors}"));
            for time in [EventTime::EARLIEST, EventTime::LATEST, instant("9999-12-31T23:59:59Z")] {
                let period = assert_tiles(&calendar, time);
                assert!((1..=367).contains(&calendar.dates_in(period)));
                assert!(calendar.bucket_count(period, PeriodUnit::Minute) >= 1);
            }
            for time in [i64::MIN, i64::MAX].map(EventTime::from_micros) {
                let _ = calendar.period_at(time);
            }
        }
    }
}

#[test]
fn last_periods_stick_out() {
    let last = EventTime::LATEST.to_string();
    check("UTC year", &last, "9998-01-01..9999-01-01");
    check("UTC year 31 12", &last, "9998-12-31..9999-12-31");
    check("Etc/GMT+12 year 31 12", &last, "9998-12-31T12:00..9999-12-31T12:00");
    check("Etc/GMT-14 year", &last, "9998-12-31T10:00..9999-12-31T10:00");
    check("Europe/Berlin month", "9999-12-15", "9999-11-30T23:00..9999-12-31T23:00");
    check("Europe/Berlin day", "9999-07-15", "9999-07-14T22:00..9999-07-15T22:00");
}

// Rule 4.4.

fn check_dates(calendar_text: &str, span: &str, expected: i64) {
    let calendar = calendar(calendar_text);
    assert_eq!(calendar.dates_in(period(span)), expected, "{calendar_text} {span}");
}

#[test]
fn dates_are_counted_from_the_first_to_the_last() {
    check_dates("UTC month", "2023-02-01..2023-03-01", 28);
    check_dates("Europe/Berlin month", "2026-02-28T23:00..2026-03-31T22:00", 31);
    check_dates("Europe/Berlin month", "2026-03-31T22:00..2026-04-01T04:00", 1);
    check_dates("Europe/Berlin month", "2026-03-31T21:00..2026-04-01T04:00", 2);
    check_dates("America/New_York month", "2026-03-31T22:00..2026-04-01T04:00", 1);
    check_dates("UTC day", "2026-03-31T22:00..2026-03-31T22:00:01Z", 1);
}

#[test]
fn skipped_date_counts_too() {
    check_dates("Pacific/Apia month", "2011-12-01T10:00..2011-12-31T10:00", 31);
    check_dates("Pacific/Apia week", "2011-12-26T10:00..2012-01-01T10:00", 7);
    check_dates("Pacific/Apia day", "2011-12-29T10:00..2011-12-30T10:00", 1);
    check_dates("Pacific/Apia day", "2011-12-30T10:00..2011-12-31T10:00", 1);
}

#[test]
fn date_is_clipped_to_the_period() {
    let check = |calendar_text: &str, time: &str, expected: i64| {
        let calendar = calendar(calendar_text);
        let period = calendar.period_at(instant(time));
        assert_eq!(calendar.date_index(period, instant(time)), expected, "{time}");
    };
    check("America/New_York month", "2026-03-31T02:00", 29);
    check("UTC month", "2023-05-26T23:59:59Z", 25);
    check("Pacific/Apia month", "2011-12-30T09:59:59Z", 28);
    check("Pacific/Apia month", "2011-12-30T10:00", 30);
    // The local date is October 31, the period November's.
    check("America/St_Johns month", "2009-11-01T03:00", 0);
    let may = period("2023-05-01..2023-06-01");
    assert_eq!(calendar("UTC month").date_index(may, instant("2023-04-30")), 0);
    assert_eq!(calendar("UTC month").date_index(may, instant("2023-06-15")), 30);
}

#[test]
fn period_that_ends_on_the_date_before_its_first_has_one_date() {
    // 00:00:30 of November 1, and thirty-one seconds later 23:01:01 of October 31.
    check_dates("America/St_Johns day", "2009-11-01T02:30:30Z..2009-11-01T02:31:01Z", 1);
}

// Rule 4.5.

#[test]
fn bucket_is_a_local_unit_with_the_anchor() {
    let month = "Europe/Berlin month";
    check_bucket(month, "day", "2026-03-29T21:59", "2026-03-28T23:00..2026-03-29T22:00");
    check_bucket(month, "day", "2026-03-29T22:00", "2026-03-29T22:00..2026-03-30T22:00");
    check_bucket("UTC quarter 15", "month", "2026-02-14", "2026-01-15..2026-02-15");
    check_bucket("UTC quarter 15", "month", "2026-02-15", "2026-02-15..2026-03-15");
    check_bucket("UTC year 15 2", "quarter", "2026-02-14", "2025-11-15..2026-02-15");
    check_bucket("UTC month", "day", "2026-03-01", "2026-03-01..2026-03-02");
}

#[test]
fn bucket_is_cut_at_the_period() {
    check_bucket("UTC month", "week", "2026-03-01", "2026-03-01..2026-03-02");
    check_bucket("UTC month", "week", "2026-03-31", "2026-03-30..2026-04-01");
    check_bucket("UTC day", "month", "2026-03-31", "2026-03-31..2026-04-01");
    check_bucket("UTC hour", "45m", "2026-03-01T10:50", "2026-03-01T10:45..2026-03-01T11:00");
}

#[test]
fn fixed_bucket_is_counted_from_the_start() {
    check_bucket("UTC hour", "15m", "2026-03-01T10:59", "2026-03-01T10:45..2026-03-01T11:00");
    check_bucket("UTC month", "7d", "2026-03-09", "2026-03-08..2026-03-15");
    check_bucket("Asia/Kolkata day", "1h", "2026-03-09", "2026-03-08T23:30..2026-03-09T00:30");
}

#[test]
fn buckets_are_counted() {
    check_bucket_count("UTC hour", "15m", "2026-03-01T10:59", 4);
    check_bucket_count("UTC hour", "45m", "2026-03-01T10:59", 2);
    check_bucket_count("UTC month", "week", "2026-03-15", 6);
    check_bucket_count("UTC month", "week", "2026-02-15", 5);
    check_bucket_count("UTC quarter 15", "month", "2026-03-15", 3);
    check_bucket_count("Europe/Berlin month", "hour", "2026-03-15", 31 * 24 - 1);
    check_bucket_count("Europe/Berlin month", "hour", "2026-10-15", 31 * 24 + 1);
    check_bucket_count("Europe/Berlin year", "minute", "2026-10-15", 365 * 1440);
    check_bucket_count("UTC year", "1s", "2024-10-15", 366 * 86_400);
    // 15:30 to 16:00 is an hour of its own; in April 15:00 to 15:30 is.
    check_bucket_count("Australia/Lord_Howe month", "hour", "2026-10-15", 31 * 24);
    check_bucket_count("Australia/Lord_Howe month", "hour", "2027-04-15", 30 * 24 + 1);
    check_bucket_count("Pacific/Apia month", "day", "2011-12-15", 30);
    check_bucket_count("Pacific/Apia year", "day", "2011-12-15", 364);
    check_bucket_count("UTC day", "year", "2011-12-15", 1);
}

// Properties.

/// Year 1969 to 9990: what the oracle's civil types can walk.
const WALKED: std::ops::Range<i64> = -31_536_000..253_086_000_000;

fn any_unit() -> impl Strategy<Value = PeriodUnit> {
    prop_oneof![
        Just(PeriodUnit::Minute),
        Just(PeriodUnit::Hour),
        Just(PeriodUnit::Day),
        Just(PeriodUnit::Week),
        Just(PeriodUnit::Month),
        Just(PeriodUnit::Quarter),
        Just(PeriodUnit::Year),
        (1_i64..366 * 86_400).prop_map(|seconds| PeriodUnit::Fixed(Span::from_seconds(seconds))),
    ]
}

/// Any calendar in any zone that is bundled, and an instant: mostly of our time, mostly close to a clock change.
fn any_calendar_and_instant() -> impl Strategy<Value = (Calendar, EventTime)> {
    let names: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .filter(|name| Zone::new(name).is_some())
        .collect();
    let second = prop_oneof![3 => 0_i64..2_208_988_800, 1 => WALKED];
    let near = prop::option::weighted(0.8, -90_000_i64..90_000);
    (prop::sample::select(names), any_unit(), 1_u8..=31, 1_u8..=12, second, near, 0_i64..1_000_000)
        .prop_map(|(zone, unit, anchor, anchor_month, second, near, micros)| {
            let rules = rules(&zone);
            let change = rules.following(Timestamp::from_second(second).unwrap()).next();
            let second = match (near, change) {
                (Some(distance), Some(change)) => change.timestamp().as_second() + distance,
                _ => second,
            };
            let time = EventTime::from_micros(second * 1_000_000 + micros);
            (Calendar::new(unit, &zone, anchor, anchor_month).unwrap(), time)
        })
}

fn rules(zone: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(zone).unwrap()
}

/// The first instant at which the clock shows the date or a later one, found by trying every half minute.
fn naive_start_of(rules: &TimeZone, date: civil::Date) -> EventTime {
    let midnight = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap().as_second();
    let found = (midnight - 16 * 3600..=midnight + 25 * 3600)
        .step_by(30)
        .find(|second| rules.to_datetime(Timestamp::from_second(*second).unwrap()).date() >= date)
        .expect("clocks are at most 16 hours from UTC");
    EventTime::from_micros(found * 1_000_000)
}

/// Whether a period starts on the date, by rule 6.2 as it is written.
fn starts_on(calendar: &Calendar, date: civil::Date) -> bool {
    let month = i64::from(date.month()) - i64::from(calendar.anchor_month());
    let is_anchor = date.day() == calendar.anchor().cast_signed().min(date.days_in_month());
    match calendar.unit() {
        PeriodUnit::Day => true,
        PeriodUnit::Week => date.weekday() == civil::Weekday::Monday,
        PeriodUnit::Month => is_anchor,
        PeriodUnit::Quarter => is_anchor && month % 3 == 0,
        PeriodUnit::Year => is_anchor && month == 0,
        PeriodUnit::Minute | PeriodUnit::Hour | PeriodUnit::Fixed(_) => unreachable!(),
    }
}

/// Walks date by date to the starts around `time`.
fn naive_date_unit(calendar: &Calendar, time: EventTime) -> Period {
    let rules = rules(calendar.zone_name());
    let seconds = time.micros().div_euclid(1_000_000);
    let here = rules.to_datetime(Timestamp::from_second(seconds).unwrap()).date();
    let start_at_or_before = |mut date: civil::Date| loop {
        if starts_on(calendar, date) {
            let start = naive_start_of(&rules, date);
            if start <= time {
                return start;
            }
        }
        date = date.yesterday().unwrap();
    };
    let start_after = |mut date: civil::Date| loop {
        if starts_on(calendar, date) {
            let start = naive_start_of(&rules, date);
            if start > time {
                return start;
            }
        }
        date = date.tomorrow().unwrap();
    };
    Period {
        start: start_at_or_before(here.saturating_add(2.days())),
        end: start_after(here.saturating_sub(2.days())),
    }
}

/// Walks second by second to the borders around `time`.
fn naive_clock_unit(calendar: &Calendar, time: EventTime) -> Period {
    let rules = rules(calendar.zone_name());
    let offset =
        |second| i64::from(rules.to_offset(Timestamp::from_second(second).unwrap()).seconds());
    let length = if calendar.unit() == PeriodUnit::Hour { 3600 } else { 60 };
    let is_border = |second: i64| {
        (second + offset(second)) % length == 0 || offset(second) != offset(second - 1)
    };
    let here = time.micros().div_euclid(1_000_000);
    let start = (here - length..=here).rev().find(|second| is_border(*second)).unwrap();
    let end = (here + 1..=here + length).find(|second| is_border(*second)).unwrap();
    Period {
        start: EventTime::from_micros(start * 1_000_000),
        end: EventTime::from_micros(end * 1_000_000),
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn periods_tile_time((calendar, time) in any_calendar_and_instant()) {
        assert_tiles(&calendar, time);
    }

    #[test]
    fn dates_of_a_period_count_up((calendar, time) in any_calendar_and_instant()) {
        let period = calendar.period_at(time);
        let dates = calendar.dates_in(period);
        let last = period.end.saturating_sub(Span::from_micros(1));
        prop_assert_eq!(calendar.date_index(period, period.start), 0);
        prop_assert_eq!(calendar.date_index(period, last), dates - 1);
        prop_assert!((0..dates).contains(&calendar.date_index(period, time)));

        let date_at = |time: EventTime| {
            let second = Timestamp::from_second(time.micros().div_euclid(1_000_000)).unwrap();
            rules(calendar.zone_name()).to_datetime(second).date()
        };
        let walked = date_at(period.start).until(date_at(last)).unwrap().get_days();
        prop_assert_eq!(dates, i64::from(walked) + 1);
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn period_is_the_one_found_by_walking((calendar, time) in any_calendar_and_instant()) {
        let naive = match calendar.unit() {
            PeriodUnit::Minute | PeriodUnit::Hour => naive_clock_unit(&calendar, time),
            PeriodUnit::Fixed(length) => {
                let past = Span::from_micros(time.micros().rem_euclid(length.micros()));
                let start = time.saturating_sub(past);
                Period { start, end: start.saturating_add(length) }
            }
            PeriodUnit::Day
            | PeriodUnit::Week
            | PeriodUnit::Month
            | PeriodUnit::Quarter
            | PeriodUnit::Year => naive_date_unit(&calendar, time),
        };
        prop_assert_eq!(shown(calendar.period_at(time)), shown(naive), "{} at {}", calendar, time);
    }

    #[test]
    fn buckets_tile_the_period(
        (calendar, time) in any_calendar_and_instant(),
        every in any_unit(),
        start_cut in 0_i64..10_000,
        end_cut in 0_i64..10_000,
    ) {
        let whole = calendar.period_at(time);
        let share = |cut: i64| Span::from_micros(whole.length().micros() / 20_001 * cut);
        let period = Period {
            start: whole.start.saturating_add(share(start_cut)),
            end: whole.end.saturating_sub(share(end_cut)),
        };
        let count = calendar.bucket_count(period, every);
        prop_assume!(count < 3_000);
        let (mut walked, mut from) = (0, period.start);
        while from < period.end {
            let bucket = calendar.bucket_at(period, every, from);
            prop_assert_eq!(bucket.start, from);
            let last = bucket.end.saturating_sub(Span::from_micros(1));
            prop_assert_eq!(calendar.bucket_at(period, every, last), bucket);
            walked += 1;
            from = bucket.end;
        }
        prop_assert_eq!(from, period.end);
        prop_assert_eq!(walked, count);
    }
}

#[test]
fn clocks_of_all_zones_stand_until_they_change() {
    for name in TimeZoneDatabase::bundled().available() {
        let Some(zone) = Zone::new(name.as_str()) else { continue };
        let rules = rules(name.as_str());
        let offset = |time: EventTime| {
            let asked = Timestamp::from_microsecond(time.micros()).unwrap();
            Span::from_seconds(i64::from(rules.to_offset(asked).seconds()))
        };
        let (mut time, last) = (instant("1968-01-01"), instant("2100-01-01"));
        while time < last {
            let clock = zone.clock_at(time);
            let until = clock.until.min(last);
            for part in 0..8 {
                let past = Span::from_micros(until.since(time).micros() / 8 * part);
                assert_eq!(offset(time.saturating_add(past)), clock.offset, "{name} at {time}");
            }
            assert_eq!(offset(until.saturating_sub(Span::from_micros(1))), clock.offset, "{name}");
            assert!(until == last || offset(until) != clock.offset, "{name} at {until}");
            time = until;
        }
    }
}

#[test]
fn dates_begin_at_local_midnight() {
    for (zone, date, start) in [
        ("UTC", "2026-03-01", Some("2026-03-01")),
        ("Europe/Berlin", "2026-03-30", Some("2026-03-29T22:00")),
        ("Pacific/Kiritimati", "2026-03-01", Some("2026-02-28T10:00")),
        ("America/New_York", "2026-03-01", Some("2026-03-01T05:00")),
        // Its clocks skipped midnight that day.
        ("America/Havana", "2026-03-08", Some("2026-03-08T05:00")),
        ("UTC", "2026-02-29", None),
        ("UTC", "2026-3-1", None),
        ("UTC", "", None),
    ] {
        let found = calendar(&format!("{zone} day")).date_start(date);
        assert_eq!(found, start.map(instant), "{zone} {date}");
    }
}
