//! What the golden worlds do not show of the oracle: first values, open periods, idle ticks, two inputs.

use odometer::format::{EventFormat, decode};
use odometer::model::{Disposition, Document, EventTime};

use crate::oracle::{Options, Oracle, Outcome, Record, WatermarkClock};

const DAILY: &str = r#"{"metrics": [{"code": "t", "aggregation": "count", "period": "day"}]}"#;

const SEATS: &str = r#"{"metrics": [{"code": "t", "aggregation": "sum", "period": "month",
    "recurring": true, "value": "properties.v"}]}"#;

/// One line for each event: time, customer and value.
fn lines(events: &[(&str, &str, i64)]) -> String {
    let lines = events.iter().enumerate().map(|(place, (time, customer, value))| {
        format!(
            r#"{{"id":{place},"type":"t","customer":"{customer}","time":"{time}","properties":{{"v":{value}}}}}"#
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn run(definitions: &str, events: &[(&str, &str, i64)], options: Options) -> Outcome {
    let definitions = crate::worlds::definitions(definitions);
    let text = lines(events);
    Oracle::run(&definitions, &Record::lines(text.as_bytes()), options)
}

fn instant(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).expect("an instant")
}

/// `customer start value` of some totals.
fn short<'t>(
    totals: impl IntoIterator<Item = (&'t crate::oracle::TotalKey, &'t crate::oracle::Total)>,
) -> String {
    let texts = totals.into_iter().map(|(key, total)| {
        let start = key.start.to_string();
        format!("{} {} {}", key.customer, &start[..10], total.value.as_deref().unwrap_or("null"))
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[test]
fn first_value_is_what_the_period_had_when_it_became_due() {
    let events = [
        ("2026-03-01T10:00:00Z", "c", 0),
        ("2026-03-02T00:00:00Z", "c", 0),
        ("2026-03-01T11:00:00Z", "c", 0),
        ("2026-03-01T12:00:00Z", "d", 0),
    ];
    let outcome = run(DAILY, &events, Options::default());
    assert_eq!(short(&outcome.totals), "c 2026-03-01 2, c 2026-03-02 1, d 2026-03-01 1");
    assert_eq!(short(&outcome.first_values), "c 2026-03-01 1, c 2026-03-02 1");
}

#[test]
fn open_periods_are_provisional() {
    let events = [("2026-01-10T00:00:00Z", "c", 5), ("2026-03-02T00:00:00Z", "d", 1)];
    let outcome = run(SEATS, &events, Options { keep_open: true, ..Options::default() });
    assert_eq!(short(&outcome.totals), "c 2026-01-01 5, c 2026-02-01 5");
    assert_eq!(short(&outcome.provisionals), "c 2026-03-01 5, d 2026-03-01 1");
    assert_eq!(outcome.first_values, outcome.totals);
}

#[test]
fn idle_partition_follows_the_clock() {
    let events = [("2026-03-01T10:00:00Z", "c", 0), ("2026-03-01T11:00:00Z", "c", 0)];
    let ticks = vec![
        (0, instant("2026-03-05T00:00:00Z")),
        (1, instant("2026-03-02T00:00:59.999999Z")),
        (2, instant("2026-03-02T00:01:00Z")),
    ];
    let options = Options { idle_ticks: ticks, keep_open: true, ..Options::default() };
    let outcome = run(DAILY, &events, options);
    assert_eq!(short(&outcome.first_values), "c 2026-03-01 2");
    assert_eq!(outcome.watermark, Some(instant("2026-03-02T00:00:00Z")));
}

#[test]
fn late_events_that_undo_each_other_leave_a_total_each() {
    // As if each had come alone (rule 7.4): February has a total since the first of the two.
    let events = [
        ("2026-03-02T00:00:00Z", "d", 1),
        ("2026-01-10T00:00:00Z", "c", 5),
        ("2026-01-11T00:00:00Z", "c", -5),
    ];
    let outcome = run(SEATS, &events, Options { dedup_window: days(90), ..Options::default() });
    assert_eq!(short(&outcome.totals), "c 2026-01-01 0, c 2026-02-01 0, d 2026-03-01 1");
    assert_eq!(short(&outcome.first_values), "d 2026-03-01 1");
}

#[test]
fn carried_event_is_closed_past_the_greatest_time() {
    // The idle clock went past all events; the late one lands where no event time has been (rules 7.1, 7.3).
    let seats = SEATS.replace(r#""month""#, r#""day", "late": "carry""#);
    let events = [("2026-03-01T10:00:00Z", "d", 1), ("2026-03-02T10:00:00Z", "c", 5)];
    let ticks = vec![(1, instant("2026-03-05T12:00:00Z"))];
    let outcome = run(&seats, &events, Options { idle_ticks: ticks, ..Options::default() });
    let days = "d 2026-03-01 1, d 2026-03-02 1, d 2026-03-03 1, d 2026-03-04 1";
    assert_eq!(short(&outcome.totals), format!("c 2026-03-05 5, {days}"));
}

#[test]
fn what_an_end_of_input_closed_is_corrected_by_a_later_one() {
    let events = [
        ("2026-02-10T00:00:00Z", "c", 5),
        ("2026-03-02T00:00:00Z", "d", 1),
        ("2026-02-20T00:00:00Z", "c", -5),
    ];
    let options = Options { watermark_delay: days(40), ..Options::default() };
    let once = run(SEATS, &events, options.clone());
    assert_eq!(short(&once.totals), "c 2026-02-01 0, d 2026-03-01 1");
    let twice = run(SEATS, &events, Options { input_ends: vec![2], ..options });
    assert_eq!(short(&twice.totals), "c 2026-02-01 0, c 2026-03-01 0, d 2026-03-01 1");
    assert_eq!(short(&twice.first_values), "c 2026-02-01 5, c 2026-03-01 5, d 2026-03-01 1");
}

#[test]
fn watermark_may_follow_the_records() {
    let definitions = crate::worlds::definitions(DAILY);
    let text = lines(&[("2026-03-09T10:00:00Z", "c", 0), ("2026-03-01T11:00:00Z", "c", 0)]);
    let stamp = Some(instant("2026-03-02T00:00:00Z"));
    let lines = Record::lines(text.as_bytes());
    let records: Vec<Record<'_>> =
        lines.iter().map(|record| Record { timestamp: stamp, ..*record }).collect();
    let options = Options {
        watermark_clock: WatermarkClock::Record,
        max_future_skew: days(30),
        keep_open: true,
        ..Options::default()
    };
    let outcome = Oracle::run(&definitions, &records, options);
    assert_eq!(outcome.watermark, stamp);
    assert_eq!(short(&outcome.totals), "c 2026-03-01 1");
    assert_eq!(short(&outcome.provisionals), "c 2026-03-09 1");
}

fn days(count: i64) -> odometer::model::Span {
    odometer::model::Span::from_seconds(count * 86_400)
}

/// Rule 7.4: with `correct` the last revisions are those of a run over the same counted events in order of
/// time; all they may add is totals of nothing, which once were of something.
#[test]
fn corrected_totals_are_those_of_a_sorted_run() {
    for seed in 0..12 {
        let world = crate::worlds::RandomWorld::new(seed);
        let text = world.definitions.replace(r#""late":"carry""#, r#""late":"correct""#);
        let text = text.replace(r#""late":"drop""#, r#""late":"correct""#);
        let definitions = crate::worlds::definitions(&text);
        let options = Options { dedup_window: days(30_000), ..Options::default() };
        let records = Record::lines(&world.events);
        let outcome = Oracle::run(&definitions, &records, options.clone());

        let read = records.iter().zip(&outcome.dispositions);
        let counted = read.filter(|(_, disposition)| **disposition == Disposition::Counted);
        let mut sorted: Vec<Record<'_>> = counted.map(|(record, _)| *record).collect();
        sorted.sort_by_key(|record| time_of(*record));
        let again = Oracle::run(&definitions, &sorted, options);

        for (key, total) in &again.totals {
            assert_eq!(outcome.totals.get(key), Some(total), "seed {seed}: {key:?}");
        }
        for (key, total) in &outcome.totals {
            let is_same = again.totals.contains_key(key);
            assert!(is_same || total.events == 0, "seed {seed}: {key:?} {total:?}");
        }
    }
}

fn time_of(record: Record<'_>) -> EventTime {
    let mut document = Document::default();
    let event = decode(record.bytes, &mut document, &EventFormat::native(), "default");
    event.expect("the event was counted").time
}
