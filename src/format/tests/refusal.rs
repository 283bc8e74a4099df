//! Rejects read back: what was refused comes out as it went in.

use proptest::prelude::*;

use crate::format::{
    EventFormat, Original, Refusal, RefusedAt, RejectSource, RejectedRecord, customer_of,
    reject_body,
};
use crate::model::{EventTime, Reject, RejectReason};

const AT: EventTime = EventTime::from_micros(1_772_359_230_500_000);

fn body(record: RejectedRecord<'_>, bytes_max: usize) -> String {
    let reject = Reject {
        reason: RejectReason::BadValue,
        tenant: None,
        metric: Some("to\"kens".to_owned()),
        detail: "a\u{1b}b".to_owned(),
    };
    let source = RejectSource::Topic { topic: "usage", partition: 3, offset: 17 };
    reject_body(&reject, source, record, Some(AT), bytes_max)
}

/// The original of an entry for that record.
fn check(record: &[u8], expected: &[u8]) {
    let body = body(RejectedRecord::Whole(record), 1 << 20);
    let refusal = Refusal::read(body.as_bytes()).expect("an entry");
    assert_eq!(refusal.original, Original::Whole(expected.into()), "{body}");
}

#[test]
fn every_field_comes_back() {
    let body = body(RejectedRecord::Whole(b"{}"), 1 << 20);
    let expected = Refusal {
        reason: RejectReason::BadValue,
        tenant: None,
        metric: Some("to\"kens".into()),
        detail: "a\u{1b}b".into(),
        source: RefusedAt::Topic { topic: "usage".to_owned(), partition: 3, offset: 17 },
        at: Some(AT),
        original: Original::Whole(b"{}".as_slice().into()),
    };
    assert_eq!(Refusal::read(body.as_bytes()), Ok(expected));
}

#[test]
fn original_is_what_was_refused() {
    for record in [
        br#"{"id": "a",  "v": 1.50e3, "v": 2, "s": "\n\u00e9"}"#.as_slice(),
        b"[1]",
        b"1e999999999",
        b"",
        b"{",
        b"no JSON \"at\" all\r\n\x1b",
        b"\xff\xfe\x00",
        b"\xff",
        b"\xff\xff",
        // A string of JSON stays one, also where its content looks like an event.
        br#""{\"id\":\"e\"}""#,
        br#"{"s":"\ud800"}"#,
    ] {
        check(record, record);
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    check(deep.as_bytes(), deep.as_bytes());
    check(b"{\n\"id\":1}", b"{ \"id\":1}");
}

#[test]
fn what_is_not_whole_is_told() {
    let original = |record| {
        let body = body(record, 400);
        Refusal::read(body.as_bytes()).expect("an entry").original.clone().into_owned()
    };
    assert_eq!(original(RejectedRecord::Absent), Original::Absent);
    assert_eq!(original(RejectedRecord::Whole(b"null")), Original::Absent);
    let long = [b'x'; 1000];
    let Original::Cut(bytes) = original(RejectedRecord::Whole(&long)) else { panic!("it is cut") };
    assert!(!bytes.is_empty() && bytes.len() < 400, "{} bytes", bytes.len());
    assert_eq!(original(RejectedRecord::Cut(b"{")), Original::Cut(b"{".to_vec().into()));
}

#[test]
fn what_is_no_entry_says_why() {
    const SOURCE: &str = r#""source":{"file":"f","line":1,"offset":0}"#;
    for (text, words) in [
        (String::new(), "EOF"),
        ("\u{1b}[31m".to_owned(), "expected value"),
        (r#"{"id":"e1","type":"t"}"#.to_owned(), "missing field `reason`"),
        (format!(r#"{{"reason":"odd","detail":"","event":1,{SOURCE}}}"#), "\"odd\" is no reason"),
        (format!(r#"{{"reason":"late","detail":"",{SOURCE}}}"#), "neither event nor"),
        (r#"{"reason":"late","detail":"","event":1,"source":{"topic":"t"}}"#.to_owned(), "neither"),
        (format!(r#"{{"reason":"late","detail":"","event":1,"at":"now",{SOURCE}}}"#), "no instant"),
        (format!(r#"{{"reason":"late","detail":"","event_base64":"AB=C",{SOURCE}}}"#), "no base64"),
    ] {
        let fault = Refusal::read(text.as_bytes()).expect_err("no entry").to_string();
        assert!(fault.contains(words), "{text}: {fault}");
        assert!(!fault.contains('\u{1b}'), "{fault:?}");
    }
    assert!(Refusal::read(b"\xff").is_err());
}

#[test]
fn customer_is_found_whatever_else_is_wrong() {
    let format = EventFormat::native();
    for (record, customer) in [
        (r#"{"customer":"acme"}"#, Some("acme")),
        (r#"{"time":"soon","customer":42}"#, Some("42")),
        (r#"{"customer":""}"#, None),
        (r#"{"customer":["acme"]}"#, None),
        ("[]", None),
        ("{", None),
    ] {
        assert_eq!(customer_of(record.as_bytes(), &format).as_deref(), customer, "{record}");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back(record in proptest::collection::vec(any::<u8>(), 0..64)) {
        let body = body(RejectedRecord::Whole(&record), 1 << 20);
        let refusal = Refusal::read(body.as_bytes()).expect("an entry");
        // A digit or so is JSON by chance; then it is null, or has line breaks around it.
        let plain: Vec<u8> = record.iter().map(|b| if b"\r\n".contains(b) { b' ' } else { *b }).collect();
        let is_same = refusal.original.bytes() == record || refusal.original.bytes() == plain;
        prop_assert!(is_same || refusal.original == Original::Absent || refusal.original.bytes() == plain.trim_ascii());
    }
}
