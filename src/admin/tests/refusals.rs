//! Refusals that no handler has a say in, in the words of each system.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Given, ready, sent, served_with};
use crate::admin::access::Denied;
use crate::admin::words::Words;
use crate::admin::{Hash, Key, Role};
use crate::model::EventTime;
use crate::telemetry::Series;

/// What stands there for a status.
type Code = fn(u16) -> Value;

/// A call that makes a metric, and how a refusal is recognised there: the place of its status or code, and of its text.
struct Way {
    request: &'static str,
    body: &'static str,
    words: Words,
    /// Pointers into the answer (RFC 6901).
    code: Option<(&'static str, Code)>,
    text: &'static str,
}

fn named(status: u16) -> Value {
    Value::from(match status {
        429 => "too_many_failures",
        503 => "unavailable",
        _ => "timeout",
    })
}

const WAYS: [Way; 4] = [
    Way {
        request: "POST /v1/metrics",
        body: r#"{"code":"away","aggregation":"count"}"#,
        words: Words::Native,
        code: Some(("/error/code", named)),
        text: "/error/message",
    },
    Way {
        request: "POST /api/v1/billable_metrics",
        body: r#"{"billable_metric":{"name":"M","code":"away","aggregation_type":"count_agg"}}"#,
        words: Words::Lago,
        code: Some(("/status", Value::from)),
        text: "/error",
    },
    Way {
        request: "POST /api/v1/companies/cmp_default/billable_metrics",
        body: r#"{"name":"away","item_id":"i","metering_rule":{"aggregator":"COUNT"}}"#,
        words: Words::Maple,
        code: Some(("/error/code", named)),
        text: "/error/message",
    },
    Way {
        request: "POST /aggregates",
        body: r#"{"name":"away","dataschema":"","cust_agg_query":"","visual_query_builder":{},"datasource":"",
            "aggregation_query":"SELECT COUNT(*) FROM raw_metric_sms"}"#,
        words: Words::Zenskar,
        code: None,
        text: "/detail",
    },
];

fn with(keys: Vec<Key>, act: impl FnOnce(SocketAddr)) {
    let given = Given { keys, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), act);
}

fn call(address: SocketAddr, way: &Way) -> (u16, String) {
    let headers = "organisation: 3c90c3cc-0d44-4b50-8888-8dd25736052a\r\nx-api-key: guessed\r\n";
    sent(address, way.request, headers, way.body)
}

#[track_caller]
fn check(way: &Way, (status, answer): (u16, String), expected: u16) {
    let told: Value =
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{answer}: {error}"));
    assert_eq!(status, expected, "{}: {told}", way.request);
    if let Some((place, code)) = way.code {
        assert_eq!(told.pointer(place), Some(&code(status)), "{}: {told}", way.request);
    }
    let text = told.pointer(way.text).and_then(Value::as_str);
    assert!(text.is_some_and(|text| text.len() > 3), "{}: {told}", way.request);
}

#[test]
fn a_change_that_cannot_be_kept_is_unavailable() {
    with(Vec::new(), |address| {
        for way in &WAYS {
            let told = call(address, way);
            assert!(told.1.contains("the broker is away"), "{}: {}", way.request, told.1);
            check(way, told, 503);
        }
    });
}

#[test]
fn an_address_that_tries_keys_has_to_wait() {
    let key = Key {
        name: "own".to_owned(),
        tenant: None,
        role: Role::Define,
        expires_at: None,
        hash: Hash::Sha256([7; 32]),
    };
    with(vec![key], |address| {
        let first: Vec<u16> = (0..10).map(|_| call(address, &WAYS[0]).0).collect();
        assert_eq!(first, [401; 10]);
        for way in &WAYS {
            check(way, call(address, way), 429);
            let denial = way.words.denial(Denied::TooMany(7));
            assert_eq!(denial.headers()["retry-after"], "7", "{}", way.request);
        }
        assert_eq!(sent(address, "GET /healthz", "", "").0, 200, "what needs no key is answered");
    });
}

#[test]
fn what_takes_too_long_is_told_as_that() {
    for way in &WAYS {
        let answer = way.words.too_late();
        let status = answer.status().as_u16();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let body = runtime.block_on(axum::body::to_bytes(answer.into_body(), 10_000));
        let text = String::from_utf8(body.expect("it is there").to_vec()).expect("text");
        check(way, (status, text), 504);
    }
}

#[test]
fn the_greatest_page_number_is_answered() {
    with(Vec::new(), |address| {
        let request = format!("GET /api/v1/billable_metrics?page={}", usize::MAX);
        let (status, answer) = sent(address, &request, "", "");
        assert!(status == 200 && answer.contains(r#""next_page":null"#), "{answer}");
    });
}
