//! Records and the events or faults in them (rules 1.1 to 1.3, 1.8).

use proptest::prelude::*;

use crate::format::{
    EventFormat, Fault, FieldPath, RECORD_BYTES_MAX, TimeUnit, decode, event_of, parse,
};
use crate::model::{Document, Event, EventTime, RejectReason};

/// The event in one line, or the fault: reason, tenant where known, and the words.
fn read_as(record: &[u8], format: &EventFormat) -> String {
    match decode(record, &mut Document::default(), format, "default") {
        Ok(event) => show(&event),
        Err(Fault { reason, tenant, detail }) => {
            format!("{} of {}: {detail}", reason.name(), tenant.as_deref().unwrap_or("-"))
        }
    }
}

fn show(event: &Event<'_>) -> String {
    let Event { tenant, id, event_type, customer, time, properties } = event;
    let members = properties.members();
    let names: Vec<_> =
        members.map(|(key, value)| format!("{}={}", key.raw(), value.raw())).collect();
    format!("{tenant} {id} {event_type} {customer} {time} {}", names.join(","))
}

fn check(record: &str, expected: &str) {
    assert_eq!(read_as(record.as_bytes(), &EventFormat::native()), expected, "{record}");
}

/// A record whose members after `"id":"a"` and so on are replaced by those given.
fn with(members: &str) -> String {
    let sound = r#""id":"a","type":"t","customer":"c","time":5,"properties":{}"#;
    format!("{{{sound},{members}}}")
}

#[test]
fn native_event_is_read() {
    check(
        r#"{"id":"e1","type":"llm_call","customer":"acme","time":"2026-03-01T08:00:00Z","properties":{"v":1.50},"tenant":"t"}"#,
        "t e1 llm_call acme 2026-03-01T08:00:00Z v=1.50",
    );
    check(
        r#" {"x":[{"id":7}],"time":1772352000.5,"customer":5.0,"type":1e3,"id":-0,"tenant":7} "#,
        "7 -0 1e3 5.0 2026-03-01T08:00:00.5Z ",
    );
    check(&with(r#""tenant":null,"properties":null"#), "default a t c 1970-01-01T00:00:05Z ");
}

#[test]
fn escapes_are_read_in_keys_and_texts() {
    check(
        r#"{"\u0069d":"a\u0000\"","t\u0079pe":"\ud83d\ude00","customer":"\u00e9","time":"\u0035"}"#,
        "default a\0\" 😀 é 1970-01-01T00:00:05Z ",
    );
}

#[test]
fn last_of_a_repeated_key_counts() {
    check(
        &with(r#""properties":{"v":5},"properties":{"v":7},"\u0069d":"b""#),
        "default b t c 1970-01-01T00:00:05Z v=7",
    );
    check(&with(r#""id":null"#), "missing_field of default: id is missing");
}

#[test]
fn fields_are_looked_at_in_order() {
    check(
        r#"{"tenant":"","type":true}"#,
        r#"bad_field of -: tenant is ""; it should be absent, null, a string of 1 to 512 bytes, or a number"#,
    );
    check("{}", "missing_field of default: id is missing");
    check(r#"{"tenant":"x","id":"","type":true}"#, "missing_field of x: id is missing");
    check(r#"{"id":"a","type":null,"customer":true}"#, "missing_field of default: type is missing");
    check(r#"{"id":"a","type":"t","time":true}"#, "missing_field of default: customer is missing");
    check(
        r#"{"id":"a","type":"t","customer":"c","properties":1}"#,
        "missing_field of default: time is missing",
    );
    check(&with(r#""time":"","properties":"x""#), "missing_field of default: time is missing");
    check(
        &with(r#""properties":"","x":1"#),
        r#"bad_field of default: properties is ""; it should be an object"#,
    );
    check(
        &with(r#""time":"2026-03-01","properties":[]"#),
        r#"bad_field of default: time is "2026-03-01"; it should be RFC 3339 with an offset or seconds since 1970, in the years 1970 to 9998"#,
    );
}

#[test]
fn wrong_kinds_are_bad_fields() {
    for value in ["true", "false", "[]", "{}", "[null]"] {
        for field in ["tenant", "id", "type", "customer", "time"] {
            let record = with(&format!(r#""{field}":{value}"#));
            let outcome = read_as(record.as_bytes(), &EventFormat::native());
            assert!(outcome.starts_with("bad_field of "), "{record}: {outcome}");
        }
    }
    for value in ["true", "1", r#""{}""#, "[]"] {
        let record = with(&format!(r#""properties":{value}"#));
        let outcome = read_as(record.as_bytes(), &EventFormat::native());
        assert!(outcome.starts_with("bad_field of default: properties"), "{record}: {outcome}");
    }
}

#[test]
fn texts_hold_512_bytes() {
    for field in ["tenant", "id", "type", "customer"] {
        for (text, is_sound) in [
            (format!(r#""{}""#, "é".repeat(256)), true),
            (format!(r#""{}x""#, "é".repeat(256)), false),
            (format!(r#""{}""#, r"\u00e9".repeat(256)), true),
            (format!(r#""{}x""#, r"\u00e9".repeat(256)), false),
            ("1".repeat(512), true),
            ("1".repeat(513), false),
        ] {
            let record = with(&format!(r#""{field}":{text}"#));
            let outcome = read_as(record.as_bytes(), &EventFormat::native());
            assert_eq!(!outcome.starts_with("bad_field"), is_sound, "{record}: {outcome}");
        }
    }
}

#[test]
fn long_values_are_cut_in_the_words() {
    let id = "é".repeat(300);
    check(
        &with(&format!(r#""id":"{id}""#)),
        &format!(
            r#"bad_field of default: id is "{}..." (600 bytes); it should be a string of 1 to 512 bytes, or a number"#,
            "é".repeat(64)
        ),
    );
}

#[test]
fn malformed_record_has_no_tenant() {
    check("", "malformed of -: byte 0: the text ends inside a value, or has none");
    check("[]", "malformed of -: the record is JSON but no object");
    check("null", "malformed of -: the record is JSON but no object");
    check(
        r#"{"tenant":"x",}"#,
        "malformed of -: byte 14: a key in double quotes should stand here",
    );
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    check(&deep, "malformed of -: byte 104: nested deeper than 100 levels");
    let outcome = read_as(b"{\"x\":\"\xff\"}", &EventFormat::native());
    assert_eq!(outcome, "malformed of -: byte 6: the bytes are not UTF-8");
}

#[test]
fn record_holds_one_mebibyte() {
    let padded = |bytes: usize| {
        let record = with(r#""x":"""#);
        let padding = "x".repeat(bytes - record.len());
        record.replace(r#""x":"""#, &format!(r#""x":"{padding}""#))
    };
    check(&padded(RECORD_BYTES_MAX), "default a t c 1970-01-01T00:00:05Z ");
    let detail = "the record has 1048577 bytes; at most 1048576 are read";
    check(&padded(RECORD_BYTES_MAX + 1), &format!("too_large of -: {detail}"));
    // Looked at before anything else.
    let garbage = vec![0xFF; RECORD_BYTES_MAX + 1];
    let outcome = read_as(&garbage, &EventFormat::native());
    assert_eq!(outcome, format!("too_large of -: {detail}"));
    assert_eq!(Fault::no_value().reason, RejectReason::Malformed);
}

#[test]
fn batch_of_events_is_held_at_once() {
    let records: Vec<String> = (0..4).map(|id| with(&format!(r#""id":{id}"#))).collect();
    let mut documents = vec![Document::default(); 4];
    let texts: Vec<&str> = records
        .iter()
        .zip(&mut documents)
        .map(|(record, document)| parse(record.as_bytes(), document).expect("sound"))
        .collect();
    let format = EventFormat::native();
    let read = |(text, document)| event_of(text, document, &format, "default").expect("sound");
    let events: Vec<Event<'_>> = texts.into_iter().zip(&documents).map(read).collect();
    let ids: Vec<&str> = events.iter().map(|event| &*event.id).collect();
    assert_eq!(ids, ["0", "1", "2", "3"]);
}

#[test]
fn other_formats_name_other_paths() {
    let format = EventFormat {
        id: FieldPath::key("identifier"),
        event_type: FieldPath::key("event_name"),
        customer: FieldPath::key("payload").inside("who").inside("id"),
        time: FieldPath::key("millis"),
        time_unit: TimeUnit::Milliseconds,
        properties: FieldPath::key("payload"),
        ..EventFormat::native()
    };
    let read = |record: &str| read_as(record.as_bytes(), &format);
    assert_eq!(
        read(
            r#"{"identifier":"a","event_name":"e","millis":1500,"payload":{"who":{"id":"c"},"v":1}}"#
        ),
        r#"default a e c 1970-01-01T00:00:01.5Z who={"id":"c"},v=1"#,
    );
    let missing = "missing_field of default: payload.who.id is missing";
    assert_eq!(read(r#"{"identifier":"a","event_name":"e","payload":{"who":"c"}}"#), missing);
    assert_eq!(read(r#"{"identifier":"a","event_name":"e","payload":7}"#), missing);
    assert_eq!(read(r#"{"identifier":"a","event_name":"e"}"#), missing);
}

#[test]
fn times_are_micros() {
    let record = with(r#""time":"2023-11-16T18:15:46.6805909+00:00""#);
    let mut document = Document::default();
    let event = decode(record.as_bytes(), &mut document, &EventFormat::native(), "default");
    assert_eq!(event.expect("sound").time, EventTime::from_micros(1_700_158_546_680_590));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read_as(&bytes, &EventFormat::native());
    }

    #[test]
    fn any_object_is_decoded_without_a_panic(
        members in prop::collection::vec(
            r#""(tenant|id|type|customer|time|properties|x)":("[a0-9é\\n]{0,8}"|-?[0-9]{1,3}(\.[0-9])?(e[0-9]{1,9})?|null|true|\{\}|\[1\])"#,
            0..8,
        )
    ) {
        let _ = read_as(format!("{{{}}}", members.join(",")).as_bytes(), &EventFormat::native());
    }
}
