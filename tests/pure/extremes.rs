//! Numbers and nestings as large as a record can hold them, wherever a metric looks at a property: each is told at
//! once what the rules say of it, by the oracle and by the engine. What expanded an exponent would not end.

use odometer::model::RejectReason;

use crate::driver::{self, Style};
use crate::oracle::{Options, Oracle, Outcome, Record};
use crate::worlds;

/// Bytes of the longest record (rule 1.1).
const RECORD_BYTES_MAX: usize = 1 << 20;

const METRICS: [&str; 5] = ["plain", "reckoned", "filtered", "grouped", "distinct"];

const DEFINITIONS: &str = r#"{"metrics": [
  {"code": "plain", "event_type": "t", "aggregation": "sum", "value": "properties.x"},
  {"code": "reckoned", "event_type": "t", "aggregation": "sum", "value": "2 * properties.x + 1"},
  {"code": "filtered", "event_type": "t", "aggregation": "count", "filter": "properties.x > 0"},
  {"code": "grouped", "event_type": "t", "aggregation": "count", "group_by": ["x"]},
  {"code": "distinct", "event_type": "t", "aggregation": "unique_count", "value": "properties.x"}
]}"#;

fn event(property: &str) -> String {
    format!(
        r#"{{"id":"1","type":"t","customer":"c","time":"2026-03-01T10:00:00Z","properties":{{"x":{property}}}}}"#
    )
}

/// What each metric made of one event: its value, why it refused, or `-` where it passed the event over.
fn told(outcome: &Outcome) -> String {
    if let [refusal] = outcome.rejects.as_slice()
        && refusal.metric.is_none()
    {
        return refusal.reason.name().to_owned();
    }
    let words = METRICS.map(|metric| {
        let is_this = |one: Option<&str>| one == Some(metric);
        let reason = outcome.rejects.iter().find(|one| is_this(one.metric.as_deref()));
        let total = outcome.provisionals.iter().find(|(key, _)| is_this(Some(&key.metric)));
        match (reason, total) {
            (Some(refusal), None) => refusal.reason.name().to_owned(),
            (None, Some((_, total))) => total.value.clone().expect("no result is null"),
            (None, None) => "-".to_owned(),
            (Some(_), Some(_)) => panic!("{metric} counted and refused"),
        }
    });
    words.join(" ")
}

/// Holds the oracle against `right`, and the engine against the oracle.
fn check(record: &str, right: &str) {
    let start: String = record.chars().take(140).collect();
    let options = Options { keep_open: true, ..Options::default() };
    let definitions = worlds::definitions(DEFINITIONS);
    let outcome = Oracle::run(&definitions, &Record::lines(record.as_bytes()), options.clone());
    assert_eq!(told(&outcome), right, "{start}");
    for style in [Style::plain(None), Style::stored(None, 100)] {
        driver::check(&start, (DEFINITIONS, record.as_bytes(), &options), &outcome, &style, 1);
    }
}

const BEYOND: &str = "out_of_range out_of_range bad_filter bad_group out_of_range";
const NOTHING: &str = "0 1 - 1 1";
const ONE: &str = "1 3 1 1 1";

#[test]
fn exponents_of_any_size_are_told_at_once() {
    check(&event("1e999999999999"), BEYOND);
    check(&event("-1e999999999999"), BEYOND);
    check(&event(&format!("1e{}", "9".repeat(100_000))), BEYOND);
    check(&event("1e-999999999999"), NOTHING);
    check(&event("-1e-999999999999"), NOTHING);
    check(&event("0e999999999999"), NOTHING);
    check(&event(&format!("1e-{}", "9".repeat(100_000))), NOTHING);
    check(&event(&format!("1e{}", "0".repeat(100_000))), ONE);
    check(&event(&format!("{}e-100000", "9".repeat(100_000))), ONE);
    check(&event(&format!("0.{}1e100001", "0".repeat(100_000))), ONE);
}

#[test]
fn numbers_of_any_length_are_told_at_once() {
    let digits = "9".repeat(100_000);
    check(&event(&digits), BEYOND);
    check(&event(&format!("-{digits}.{digits}")), BEYOND);
    check(&event(&format!("0.{digits}")), ONE);
    check(&event(&format!("0.{}1", "0".repeat(100_000))), NOTHING);
}

#[test]
fn texts_of_any_length_are_told_at_once() {
    let digits = "9".repeat(100_000);
    let beyond = "out_of_range out_of_range bad_filter bad_group 1";
    check(&event(&format!("\"{digits}\"")), beyond);
    check(&event(&format!("\"-{digits}.{digits}\"")), beyond);
    check(&event(&format!("\"0.{digits}\"")), "1 3 1 bad_group 1");
    check(&event("\"1e999999999999\""), "bad_value bad_value - 1 1");
}

#[test]
fn nestings_of_any_depth_are_told_at_once() {
    let nested = |levels: usize| event(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    check(&nested(98), "bad_value bad_value - bad_group bad_value");
    check(&nested(99), RejectReason::Malformed.name());
    check(&nested(100_000), RejectReason::Malformed.name());
    check(&event(&"[".repeat(100_000)), RejectReason::Malformed.name());
    check(&"{\"x\":".repeat(100_000), RejectReason::Malformed.name());
}

#[test]
fn longest_record_is_told_at_once() {
    let room = RECORD_BYTES_MAX - event("").len();
    for length in [room - 1, room] {
        check(&event(&"9".repeat(length)), BEYOND);
        check(&event(&format!("0.{}", "9".repeat(length - 2))), ONE);
        check(&event(&format!("1e-{}", "9".repeat(length - 3))), NOTHING);
    }
    check(&event(&"9".repeat(room + 1)), RejectReason::TooLarge.name());
}
