//! Totals byte for byte. These texts are promises to readers of the sink: they may grow fields, not
//! change.

use serde_json::Value;

use super::*;
use crate::model::{Amount, EventTime, Period, Provenance, Ratio};

fn at(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).expect("an instant")
}

/// So many tenths.
fn tenths(count: u64) -> Amount {
    Ratio { numerator: Amount::from_integer(count), denominator: 10 }.to_amount()
}

fn names() -> MetricNames<'static> {
    MetricNames {
        tenant: "default",
        code: "llm_tokens",
        version: 1,
        generation: 1,
        group: vec!["model", "region"],
    }
}

fn total() -> PeriodTotal {
    PeriodTotal {
        metric: 0,
        version: 0,
        customer: "acme".into(),
        group: [Some("m1".into()), Some("eu".into())].into(),
        period: Period { start: at("2026-02-28T23:00:00Z"), end: at("2026-03-31T22:00:00Z") },
        timezone: "Europe/Berlin".into(),
        kind: TotalKind::Final,
        revision: 1,
        value: Some(tenths(12_345)),
        previous: None,
        delta: Some(tenths(12_345)),
        events: 42,
        event_times: Some((at("2026-03-01T08:00:00Z"), at("2026-03-31T09:12:13.5Z"))),
        provenance: Provenance::Unasked,
    }
}

const USAGE: TotalSource<'_> = TotalSource::Topic { topic: "usage", partition: 3 };

fn check(
    names: &MetricNames<'_>,
    total: &PeriodTotal,
    source: TotalSource<'_>,
    expected: (&str, &str),
) {
    let TotalRecord { key, body } = TotalRecord::new(names, total, source);
    assert_eq!(key, expected.0);
    assert_eq!(body, expected.1);
    let read: Value = serde_json::from_str(&body).expect("the body is JSON");
    assert_eq!(read["customer"], *total.customer);
    assert_eq!(read["metric"], names.code);
}

#[test]
fn final_total_is_written_as_the_interface_shows_it() {
    let body = concat!(
        r#"{"id":"39b23f23075c824f6156537742285985","kind":"final","tenant":"default","#,
        r#""metric":"llm_tokens","metric_version":1,"metric_generation":1,"customer":"acme","#,
        r#""group":{"model":"m1","region":"eu"},"period":{"start":"2026-02-28T23:00:00Z","#,
        r#""end":"2026-03-31T22:00:00Z","timezone":"Europe/Berlin"},"revision":1,"#,
        r#""value":"1234.5","previous":null,"delta":"1234.5","events":42,"#,
        r#""first_event_at":"2026-03-01T08:00:00Z","last_event_at":"2026-03-31T09:12:13.5Z","#,
        r#""source":{"topic":"usage","partition":3}}"#,
    );
    let key = "default/llm_tokens/acme/model=m1&region=eu/2026-02-28T23%3A00%3A00Z";
    check(&names(), &total(), USAGE, (key, body));
}

#[test]
fn names_are_escaped_in_the_body_and_encoded_in_the_key() {
    let names = MetricNames {
        tenant: "t/1",
        code: "a \u{e9}",
        version: 12,
        generation: 2,
        group: vec!["%", "x.y", "z&w"],
    };
    let total = PeriodTotal {
        customer: "\"\\\u{1}\n".into(),
        group: [None, Some("=&/".into()), Some("".into())].into(),
        period: Period { start: at("1970-01-01T00:00:00.5Z"), end: at("1970-01-02T00:00:00Z") },
        timezone: "UTC".into(),
        kind: TotalKind::Correction,
        revision: 3,
        value: None,
        previous: Some(tenths(5)),
        delta: Some(Amount::ZERO.minus(tenths(5))),
        events: 0,
        event_times: None,
        ..total()
    };
    let source = TotalSource::Files { pattern: "data/\"*\".ndjson" };
    let key = "t%2F1/a%20%C3%A9~2/%22%5C%01%0A/%25&x.y=%3D%26%2F&z%26w=/1970-01-01T00%3A00%3A00.5Z";
    let body = concat!(
        r#"{"id":"549d1bfd08fc57b45bae9647fa53e876","kind":"correction","tenant":"t/1","#,
        r#""metric":"a é","metric_version":12,"#,
        r#""metric_generation":2,"customer":"\"\\\u0001\n","#,
        r#""group":{"%":null,"x.y":"=&/","z&w":""},"period":{"start":"1970-01-01T00:00:00.5Z","#,
        r#""end":"1970-01-02T00:00:00Z","timezone":"UTC"},"revision":3,"#,
        r#""value":null,"previous":"0.5","delta":"-0.5","events":0,"#,
        r#""first_event_at":null,"last_event_at":null,"#,
        r#""source":{"files":"data/\"*\".ndjson"}}"#,
    );
    check(&names, &total, source, (key, body));
}

#[test]
fn source_says_the_offsets_where_they_are_asked_for() {
    let source_of = |provenance, source| {
        let body = TotalRecord::new(&names(), &PeriodTotal { provenance, ..total() }, source).body;
        let (_, source) = body.split_once(r#","source":"#).expect("a source");
        source.strip_suffix('}').expect("the body's end").to_owned()
    };
    assert_eq!(
        source_of(Provenance::Offsets(Some((17, 912))), USAGE),
        r#"{"topic":"usage","partition":3,"first_offset":17,"last_offset":912}"#
    );
    assert_eq!(
        source_of(Provenance::Offsets(Some((0, 0))), USAGE),
        r#"{"topic":"usage","partition":3,"first_offset":0,"last_offset":0}"#
    );
    assert_eq!(
        source_of(Provenance::Offsets(None), USAGE),
        r#"{"topic":"usage","partition":3,"first_offset":null,"last_offset":null}"#
    );
    // Files have lines, which are not kept.
    let files = TotalSource::Files { pattern: "u.ndjson" };
    assert_eq!(source_of(Provenance::Offsets(None), files), r#"{"files":"u.ndjson"}"#);
}

#[test]
fn ungrouped_total_has_an_empty_group() {
    let names = MetricNames { group: Vec::new(), ..names() };
    let total =
        PeriodTotal { group: [].into(), kind: TotalKind::Provisional, revision: 0, ..total() };
    let TotalRecord { key, body } = TotalRecord::new(&names, &total, USAGE);
    assert_eq!(key, "default/llm_tokens/acme//2026-02-28T23%3A00%3A00Z");
    assert!(body.contains(r#""kind":"provisional""#), "{body}");
    assert!(body.contains(r#""group":{},"#), "{body}");
    assert!(body.contains(r#""revision":0,"#), "{body}");
}

#[test]
fn id_is_a_function_of_key_and_revision_alone() {
    let id_of = |total: &PeriodTotal| {
        let body = TotalRecord::new(&names(), total, USAGE).body;
        let read: Value = serde_json::from_str(&body).expect("the body is JSON");
        read["id"].as_str().expect("a text").to_owned()
    };
    let other = PeriodTotal {
        value: None,
        events: 7,
        timezone: "UTC".into(),
        kind: TotalKind::Correction,
        ..total()
    };
    assert_eq!(id_of(&total()), "39b23f23075c824f6156537742285985");
    assert_eq!(id_of(&other), id_of(&total()));
    assert_ne!(id_of(&PeriodTotal { revision: 2, ..total() }), id_of(&total()));
}

#[test]
#[should_panic(expected = "a group value for each dimension")]
fn names_of_another_metric_are_a_broken_invariant() {
    let names = MetricNames { group: Vec::new(), ..names() };
    TotalRecord::new(&names, &total(), USAGE);
}

fn row(names: &MetricNames<'_>, total: &PeriodTotal) -> [String; TOTAL_COLUMNS.len()] {
    total_row(&TotalRecord::new(names, total, USAGE).body).expect("a total's body")
}

#[test]
fn body_of_a_reject_is_no_row() {
    assert_eq!(total_row(r#"{"reason":"late"}"#), None);
    assert_eq!(total_row("x"), None);
}

#[test]
fn row_is_quoted_where_csv_needs_it() {
    assert_eq!(
        csv_line(row(&names(), &total())),
        concat!(
            r#"default,llm_tokens,acme,"{""model"":""m1"",""region"":""eu""}","#,
            "2026-02-28T23:00:00Z,2026-03-31T22:00:00Z,final,1,1234.5,42\n",
        ),
    );
    let names = MetricNames { group: Vec::new(), code: "a,b", ..names() };
    let total = PeriodTotal { group: [].into(), value: None, customer: "a\r\nb".into(), ..total() };
    assert_eq!(
        csv_line(row(&names, &total)),
        concat!(
            "default,\"a,b\",\"a\r\nb\",,",
            "2026-02-28T23:00:00Z,2026-03-31T22:00:00Z,final,1,,42\n",
        ),
    );
    assert_eq!(
        csv_line(TOTAL_COLUMNS),
        "tenant,metric,customer,group,start,end,kind,revision,value,events\n"
    );
}
