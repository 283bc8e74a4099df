//! Records and the events or faults in them (rules 1.1 to 1.3, 1.8).

use proptest::prelude::*;

use crate::format::{
    EventFormat, Fault, FieldPath, Layout, Origin, RECORD_BYTES_MAX, TimeForm, TimeUnit, decode,
    event_of, events_of, parse,
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
    let Event { tenant, id, scope, event_type, customer, time, properties } = event;
    let members = properties.members();
    let names: Vec<_> =
        members.map(|(key, value)| format!("{}={}", key.raw(), value.raw())).collect();
    let id: Vec<&str> = std::iter::once(id).chain(scope).map(AsRef::as_ref).collect();
    let id = id.join("|");
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
    let path = |text: &str| vec![FieldPath::parse(text).expect("a path")];
    let format = EventFormat::custom(Layout {
        tenant: path("tenant"),
        id: path("identifier"),
        event_type: path("event_name"),
        customer: path("payload.who.\"id\""),
        time: path("millis"),
        time_form: TimeForm { unit: TimeUnit::Milliseconds, takes_zoneless: false },
        properties: path("payload"),
        ..Layout::empty()
    });
    let format = format.expect("nothing is missing");
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

/// What a record holds: a line an event, or its fault.
fn read_all(record: &str, format: &EventFormat, origin: &Origin<'_>) -> Vec<String> {
    let mut document = Document::default();
    let text = parse(record.as_bytes(), &mut document).expect("one JSON text");
    let mut found = Vec::new();
    events_of(text, &document, format, origin, &mut found);
    let lines = found.into_iter().map(|found| {
        let original = std::str::from_utf8(found.original).expect("part of a text");
        assert!(record.contains(original), "{original}");
        match found.event {
            Ok(event) => show(&event),
            Err(Fault { reason, detail, .. }) => format!("{}: {detail}", reason.name()),
        }
    });
    lines.collect()
}

#[track_caller]
fn check_all(format: &EventFormat, record: &str, expected: &[&str]) {
    let origin = Origin { tenant: "t", event_type: None, position: (3, 77) };
    assert_eq!(read_all(record, format, &origin), expected, "{record}");
}

#[test]
fn lago_events_are_read_in_each_of_their_forms() {
    let lago = EventFormat::lago();
    check_all(
        &lago,
        r#"{"organization_id":"o","external_subscription_id":"s","transaction_id":"a","code":"api","timestamp":"1772352000.123","properties":{"v":1},"precise_total_amount_cents":null}"#,
        &["t a|o|s api s 2026-03-01T08:00:00.123Z v=1"],
    );
    let bare = r#"{"transaction_id":"b","code":"api","timestamp":1772352000,"external_subscription_id":"s"}"#;
    let read = "t b||s api s 2026-03-01T08:00:00Z ";
    check_all(&lago, bare, &[read]);
    check_all(&lago, &format!(r#"{{"event":{bare}}}"#), &[read]);
    check_all(
        &lago,
        &format!(r#"{{"events":[{bare},{{"transaction_id":"c"}},7,{bare}]}}"#),
        &[read, "missing_field: code is missing", "malformed: events holds 7: no event", read],
    );
    check_all(&lago, r#"{"events":[]}"#, &["malformed: events is empty: it should hold events"]);
    let many = |count: usize| format!(r#"{{"events":[{}]}}"#, vec![bare; count].join(","));
    check_all(&lago, &many(100), &[read; 100]);
    check_all(
        &lago,
        &many(101),
        &["too_large: events holds 101 events; at most 100 are read of a record"],
    );
    check_all(&lago, r#"{"event":5}"#, &["malformed: event holds 5: no event"]);
    check_all(&lago, "{}", &["missing_field: transaction_id is missing"]);
    // An event may have a key of what wraps others, and what wraps one an empty one of the other.
    for own in
        [r#""events":[]"#, r#""event":"click""#, r#""event":{"x":1}"#, r#""events":[{"x":1}]"#]
    {
        check_all(&lago, &bare.replacen('{', &format!("{{{own},"), 1), &[read]);
    }
    check_all(&lago, &format!(r#"{{"events":null,"event":{bare}}}"#), &[read]);
    check_all(&lago, &format!(r#"{{"events":[{bare}],"event":null}}"#), &[read]);
    // Where any choice would lose an event, none is made.
    let both = "malformed: events and event hold events: send all of a record in one of them";
    check_all(&lago, &format!(r#"{{"event":{bare},"events":[{bare}]}}"#), &[both]);
    for (wrapping, path) in
        [(format!(r#""event":{bare}"#), "event"), (format!(r#""events":[7,{bare}]"#), "events")]
    {
        let fault = format!(
            "malformed: the record is an event, and {path} holds another: send each in a record of its own"
        );
        check_all(&lago, &bare.replacen('{', &format!("{{{wrapping},"), 1), &[&fault]);
    }
    let within = bare.replacen('{', &format!(r#"{{"events":[{bare}],"#), 1);
    let lost =
        "malformed: it is an event, and events holds another: send each in a record of its own";
    check_all(&lago, &format!(r#"{{"events":[{bare},{within}]}}"#), &[read, lost]);
    check_all(&lago, &format!(r#"{{"event":{within}}}"#), &[lost]);
    // Ids of two organizations would be taken for one.
    let beside = "malformed: whose event it is stands beside event, where it is not read: name it in the event";
    check_all(&lago, &format!(r#"{{"organization_id":"o","event":{bare}}}"#), &[beside]);
    check_all(&lago, &format!(r#"{{"organization_id":null,"event":{bare}}}"#), &[read]);
    let wrong = bare.replacen('{', r#"{"organization_id":[],"#, 1);
    check_all(
        &lago,
        &wrong,
        &[
            "bad_field: organization_id is an array; it should be absent, null, a string of 1 to 512 bytes, or a number",
        ],
    );
}

#[test]
fn tenants_of_lago_may_be_called_otherwise_here() {
    let names = [("o-1".to_owned(), "acme".to_owned())].into();
    let organization = || FieldPath::key("organization_id");
    let record = |organization: &str| {
        format!(
            r#"{{"organization_id":"{organization}","external_subscription_id":"s","transaction_id":"a","code":"api","timestamp":"1"}}"#
        )
    };
    let tenant = |format: &EventFormat, text: &str| {
        let mut document = Document::default();
        let event = decode(text.as_bytes(), &mut document, format, "default");
        event.expect("an event").tenant.into_owned()
    };
    let mut lago = EventFormat::lago().with_tenant_from(organization());
    assert_eq!(tenant(&lago, &record("o-1")), "o-1");
    lago.call_tenants(&names);
    assert_eq!(tenant(&lago, &record("o-1")), "acme");
    assert_eq!(tenant(&lago, &record("o-2")), "o-2");
    let mut native = EventFormat::native();
    native.call_tenants(&names);
    assert_eq!(native, EventFormat::native());
}

#[test]
fn maple_ids_are_those_of_a_customer() {
    let maple = EventFormat::maple();
    let event = r#"{"customer_identifier":"c","item_id":"i","transaction_id":"a","timestamp":"2026-03-01T08:00:00Z","properties":{}}"#;
    check_all(&maple, event, &["t a|c i c 2026-03-01T08:00:00Z "]);
    let both = event.replacen('{', r#"{"customer_id":"first","#, 1);
    check_all(&maple, &both, &["t a|first i first 2026-03-01T08:00:00Z "]);
    for empty in ["null", "\"\""] {
        let one = event.replacen('{', &format!("{{\"customer_id\":{empty},"), 1);
        check_all(&maple, &one, &["t a|c i c 2026-03-01T08:00:00Z "]);
        let none = one.replace("\"c\"", empty);
        check_all(&maple, &none, &["missing_field: customer_id or customer_identifier is missing"]);
    }
    let neither = event.replace("customer_identifier", "x");
    check_all(&maple, &neither, &["missing_field: customer_id or customer_identifier is missing"]);
}

#[test]
fn zenskar_events_are_known_by_their_position() {
    let zenskar = EventFormat::zenskar();
    let event = r#"{"customer_id":"c","timestamp":"2026-03-01 08:00:00","data":{"v":1}}"#;
    check_all(&zenskar, event, &["missing_field: slug is missing"]);
    let origin = Origin { tenant: "t", event_type: Some("usage"), position: (3, 77) };
    assert_eq!(read_all(event, &zenskar, &origin), ["t 3:77 usage c 2026-03-01T08:00:00Z v=1"]);
    for (named, said) in [
        ("", "missing_field: slug is missing"),
        (
            &*"x".repeat(513),
            "bad_field: the type that the source names has 513 bytes; it should be a string of 1 to 512 bytes, or a number",
        ),
    ] {
        let origin = Origin { event_type: Some(named), ..origin };
        assert_eq!(read_all(event, &zenskar, &origin), [said]);
    }
    let own = event.replacen('{', r#"{"slug":"api","#, 1);
    assert_eq!(read_all(&own, &zenskar, &origin), ["t 3:77 api c 2026-03-01T08:00:00Z v=1"]);
    let zone = event.replace("08:00:00", "08:00:00.5+01:00");
    assert_eq!(read_all(&zone, &zenskar, &origin), ["t 3:77 usage c 2026-03-01T07:00:00.5Z v=1"]);
    let bad = event.replace("08:00:00", "8 am");
    assert_eq!(
        read_all(&bad, &zenskar, &origin),
        [
            "bad_field: timestamp is \"2026-03-01 8 am\"; it should be RFC 3339 or seconds since 1970, in the years 1970 to 9998"
        ]
    );
}

#[test]
fn wrapped_events_without_ids_are_told_apart() {
    let path = |text: &str| vec![FieldPath::parse(text).expect("a path")];
    let format = EventFormat::custom(Layout {
        event_type: path("t"),
        customer: path("c"),
        time: path("at"),
        wrappings: path("batch.items"),
        ..Layout::empty()
    });
    let format = format.expect("nothing is missing");
    check_all(
        &format,
        r#"{"batch":{"items":[{"t":"x","c":"a","at":1},{"t":"x","c":"a","at":1}]}}"#,
        &["t 3:77:0 x a 1970-01-01T00:00:01Z ", "t 3:77:1 x a 1970-01-01T00:00:01Z "],
    );
    check_all(
        &format,
        &format!(r#"{{"batch":{{"items":[0{}]}}}}"#, ",0".repeat(1 << 14)),
        &["too_large: batch.items holds 16385 events; at most 16384 are read of a record"],
    );
}

#[test]
fn custom_formats_need_what_every_event_has() {
    let fault = EventFormat::custom(Layout::empty()).expect_err("nothing is there");
    assert_eq!(fault, "has no path of customer, nor of time: every event has one");
    let many = (0..15).map(|number| FieldPath::key(&number.to_string())).collect();
    let key = || vec![FieldPath::key("x")];
    let layout = Layout { id: many, customer: key(), time: key(), ..Layout::empty() };
    assert_eq!(
        EventFormat::custom(layout).expect_err("too many"),
        "has 17 paths; at most 16 are read"
    );
}
