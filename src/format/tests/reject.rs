//! Rejects byte for byte, whole and cut.

use proptest::prelude::*;
use serde_json::Value;

use crate::format::{RejectSource, RejectedRecord, reject_body};
use crate::model::{EventTime, Reject, RejectReason};

const USAGE: RejectSource<'_> = RejectSource::Topic { topic: "usage", partition: 3, offset: 17 };
const AT: Option<EventTime> = Some(EventTime::from_micros(1_772_359_230_500_000));
const ROOMY: usize = 1 << 20;

fn reject() -> Reject {
    Reject {
        reason: RejectReason::BadValue,
        tenant: Some("default".to_owned()),
        metric: Some("llm_tokens".to_owned()),
        detail: "properties.input is \"x\"; it should be a number".to_owned(),
    }
}

const HEAD: &str = concat!(
    r#"{"reason":"bad_value","tenant":"default","metric":"llm_tokens","#,
    r#""detail":"properties.input is \"x\"; it should be a number","#,
    r#""source":{"topic":"usage","partition":3,"offset":17},"#,
);

#[test]
fn event_held_against_no_clock_has_no_time_of_reading() {
    let body = reject_body(&reject(), USAGE, RejectedRecord::Whole(b"{}"), None, ROOMY);
    assert_eq!(body, format!(r#"{HEAD}"event":{{}},"at":null}}"#));
}

/// What stands after the source.
fn check(record: RejectedRecord<'_>, bytes_max: usize, expected: &str) {
    let body = reject_body(&reject(), USAGE, record, AT, bytes_max);
    assert!(body.len() <= bytes_max.max(400), "{} bytes: {body}", body.len());
    let _: Value = serde_json::from_str(&body).expect("the body is JSON");
    assert_eq!(body.strip_prefix(HEAD), Some(expected), "{body}");
}

#[test]
fn json_is_embedded_as_it_stands() {
    let record = br#"{"id": "a",  "v": 1.50e3, "s": "\n\u00e9"}"#;
    check(
        RejectedRecord::Whole(record),
        ROOMY,
        r#""event":{"id": "a",  "v": 1.50e3, "s": "\n\u00e9"},"at":"2026-03-01T10:00:30.5Z"}"#,
    );
    check(RejectedRecord::Whole(b"[1]"), ROOMY, r#""event":[1],"at":"2026-03-01T10:00:30.5Z"}"#);
}

#[test]
fn line_breaks_between_tokens_become_spaces() {
    check(
        RejectedRecord::Whole(b"{\r\n\t\"id\":\r1}\n"),
        ROOMY,
        "\"event\":{  \t\"id\": 1} ,\"at\":\"2026-03-01T10:00:30.5Z\"}",
    );
}

#[test]
fn text_that_is_no_json_is_a_string() {
    for (record, event) in [
        ("", r#""""#),
        ("{\"a\":\n", r#""{\"a\":\n""#),
        (r#"{"a":"\ud83d"}"#, r#""{\"a\":\"\\ud83d\"}""#),
        ("\u{1}\u{7f}é\u{2028}\t", "\"\\u0001\u{7f}é\u{2028}\\t\""),
    ] {
        let expected = format!(r#""event":{event},"at":"2026-03-01T10:00:30.5Z"}}"#);
        check(RejectedRecord::Whole(record.as_bytes()), ROOMY, &expected);
    }
    let deep = "[".repeat(101) + &"]".repeat(101);
    let expected = format!(r#""event":"{deep}","at":"2026-03-01T10:00:30.5Z"}}"#);
    check(RejectedRecord::Whole(deep.as_bytes()), ROOMY, &expected);
}

#[test]
fn bytes_that_are_not_utf8_are_base64() {
    // RFC 4648, section 10, behind a byte that no UTF-8 holds.
    for (record, base64) in [
        (&b"\xff"[..], "/w=="),
        (b"\xfff", "/2Y="),
        (b"\xfffo", "/2Zv"),
        (b"\xff\xfe\xfd\xfc", "//79/A=="),
        (b"foobar\xff", "Zm9vYmFy/w=="),
    ] {
        let expected = format!(r#""event_base64":"{base64}","at":"2026-03-01T10:00:30.5Z"}}"#);
        check(RejectedRecord::Whole(record), ROOMY, &expected);
    }
}

#[test]
fn record_without_a_value_is_null() {
    check(RejectedRecord::Absent, ROOMY, r#""event":null,"at":"2026-03-01T10:00:30.5Z"}"#);
}

#[test]
fn beginning_is_a_string_and_says_so() {
    let end = r#","at":"2026-03-01T10:00:30.5Z","truncated":true}"#;
    check(RejectedRecord::Cut(br#"{"a":1}"#), ROOMY, &format!(r#""event":"{{\"a\":1}}"{end}"#));
    check(RejectedRecord::Cut("aé".as_bytes()), ROOMY, &format!(r#""event":"aé"{end}"#));
    // Cut inside a character: what is whole stays text.
    check(RejectedRecord::Cut(b"a\xc3"), ROOMY, &format!(r#""event":"a"{end}"#));
    check(RejectedRecord::Cut(b"\xffab"), ROOMY, &format!(r#""event_base64":"/2Fi"{end}"#));
}

#[test]
fn long_record_is_cut_to_the_sinks_limit() {
    let end = r#","at":"2026-03-01T10:00:30.5Z","truncated":true}"#;
    let bytes_max = HEAD.len() + r#""event":"""#.len() + 10 + end.len();
    let cut = |record: &[u8], event: &str| {
        check(RejectedRecord::Whole(record), bytes_max, &format!(r#""event":"{event}"{end}"#));
    };
    let long = "x".repeat(50);
    cut(format!("[\"{long}\"]").as_bytes(), r#"[\"xxxxxxx"#);
    // An escape is not cut, nor is a character.
    cut(format!("xxxxxxxxx\n{long}").as_bytes(), "xxxxxxxxx");
    cut(format!("\u{1}\n\u{1}{long}").as_bytes(), r"\u0001\n");
    cut(format!("xxxxxxxxxé{long}").as_bytes(), "xxxxxxxxx");
    cut(format!("ééééé{long}").as_bytes(), "ééééé");
    let base64 = format!(r#""event_base64":"////"{end}"#);
    for bytes_max in bytes_max + 1..bytes_max + 5 {
        check(RejectedRecord::Whole(&[0xFF; 60]), bytes_max, &base64);
    }
}

#[test]
fn entry_of_exactly_the_limit_is_whole() {
    let record = br#"{"id":"abcdefghijklmnopqrstuvwxyz"}"#;
    let whole = reject_body(&reject(), USAGE, RejectedRecord::Whole(record), AT, ROOMY);
    let at_limit = reject_body(&reject(), USAGE, RejectedRecord::Whole(record), AT, whole.len());
    assert_eq!(at_limit, whole);
    let below = reject_body(&reject(), USAGE, RejectedRecord::Whole(record), AT, whole.len() - 1);
    assert!(below.ends_with(r#""truncated":true}"#), "{below}");
    assert!(below.len() < whole.len());
}

#[test]
fn source_and_names_are_written_where_known() {
    let reject = Reject {
        reason: RejectReason::Malformed,
        tenant: None,
        metric: None,
        detail: "byte 0: \u{8}".to_owned(),
    };
    let source = RejectSource::File { file: "data/\"a\".ndjson", line: 7, offset: 123 };
    assert_eq!(
        reject_body(&reject, source, RejectedRecord::Whole(b"x"), AT, ROOMY),
        concat!(
            r#"{"reason":"malformed","tenant":null,"metric":null,"detail":"byte 0: \b","#,
            r#""source":{"file":"data/\"a\".ndjson","line":7,"offset":123},"#,
            r#""event":"x","at":"2026-03-01T10:00:30.5Z"}"#,
        )
    );
}

#[test]
fn long_detail_is_cut_with_the_record() {
    let reject = Reject { detail: "é".repeat(100_000), ..reject() };
    let body = reject_body(&reject, USAGE, RejectedRecord::Whole(b"{}"), AT, 16_384);
    assert!(body.len() <= 16_384);
    let read: Value = serde_json::from_str(&body).expect("the body is JSON");
    assert_eq!(read["detail"], "é".repeat(512));
    assert_eq!(read["event"], "{}");
    assert_eq!(read["truncated"], true);
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_of_json(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        bytes_max in 350_usize..900,
    ) {
        for record in [RejectedRecord::Whole(&bytes), RejectedRecord::Cut(&bytes)] {
            let body = reject_body(&reject(), USAGE, record, AT, bytes_max);
            prop_assert!(body.len() <= bytes_max);
            prop_assert!(!body.contains(['\n', '\r']));
            let read: Value = serde_json::from_str(&body).expect("the body is JSON");
            prop_assert!(read.get("event").is_some() != read.get("event_base64").is_some());
        }
    }

    #[test]
    fn any_text_comes_back(text in r"\PC{0,20}|[\x00-\x7f]{0,20}") {
        // Nothing that begins so is JSON.
        let record = format!("]{text}");
        let body = reject_body(&reject(), USAGE, RejectedRecord::Whole(record.as_bytes()), AT, ROOMY);
        let read: Value = serde_json::from_str(&body).expect("the body is JSON");
        prop_assert_eq!(&read["event"], &record);
    }
}
