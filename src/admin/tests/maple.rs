//! Maple's calls where recorded exchanges do not reach: at the same time, with bodies that are none, and while nothing can be
//! kept.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use super::{ready, sent, served};
use crate::model::EventTime;
use crate::telemetry::Series;

const PATH: &str = "/api/v1/companies/cmp_1/billable_metrics";

fn with(act: impl FnOnce(SocketAddr)) {
    served(Series::new(EventTime::EARLIEST), ready(), act);
}

fn call(address: SocketAddr, request: &str, headers: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = sent(address, request, headers, body.to_string());
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn metric(name: &str) -> Value {
    json!({"name": name, "item_id": "i", "metering_rule": {"aggregator": "COUNT"}})
}

fn found(address: SocketAddr) -> Vec<Value> {
    let (status, page) = call(address, &format!("POST {PATH}/find"), "", &json!({}));
    assert_eq!(status, 200, "{page}");
    page["results"].as_array().expect("a list").clone()
}

/// Many of one call at the same time, each by a connection of its own.
fn at_once(address: SocketAddr, request: &str, body: &Value) -> BTreeSet<(u16, String)> {
    thread::scope(|scope| {
        let one = || {
            let (status, answer) = call(address, request, "idempotency-key: k\r\n", body);
            (status, answer.to_string())
        };
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    })
}

#[test]
fn calls_of_one_key_at_the_same_time_are_one() {
    with(|address| {
        let answers = at_once(address, &format!("POST {PATH}"), &metric("M"));
        assert_eq!(answers.len(), 1, "{answers:?}");
        let (status, made) = answers.into_iter().next().expect("one");
        assert_eq!((status, found(address).len()), (200, 1), "{made}");
    });
    with(|address| {
        let (_, made) = call(address, &format!("POST {PATH}"), "", &metric("M"));
        let one = format!("PATCH {PATH}/{}", made["id"].as_str().expect("an id"));
        let change = json!({"name": "N", "state": "ARCHIVED"});
        let answers = at_once(address, &one, &change);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(found(address)[0]["state"], "ARCHIVED");
    });
}

#[test]
fn changes_at_the_same_time_lose_nothing() {
    with(|address| {
        let (_, made) = call(address, &format!("POST {PATH}"), "", &metric("M"));
        let one = format!("PATCH {PATH}/{}", made["id"].as_str().expect("an id"));
        let changes = [
            json!({"name": "N"}),
            json!({"description": "d"}),
            json!({"external_name": "E"}),
            json!({"is_billable": false}),
            json!({"state": "ARCHIVED"}),
        ];
        thread::scope(|scope| {
            for change in &changes {
                scope.spawn(|| {
                    let (status, answer) = call(address, &one, "", change);
                    // What came behind the archiving is refused.
                    assert!(status == 200 || answer["error"]["code"] == "archived", "{answer}");
                });
            }
        });
        let metric = &found(address)[0];
        assert_eq!(metric["state"], "ARCHIVED", "{metric}");
    });
}

#[test]
fn bodies_that_are_none_are_refused_in_the_words_of_maple() {
    with(|address| {
        let request = format!("POST {PATH}");
        let error = |body: &[u8]| {
            let (status, answer) = sent(address, &request, "", body);
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let keys: Vec<&String> =
                answer["error"].as_object().expect("an error").keys().collect();
            assert_eq!(keys, ["code", "message", "path"]);
            (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
        };
        let text = metric(&"x".repeat(1 << 20)).to_string();
        assert_eq!(error(text.as_bytes()), (413, "too_large".to_owned()));
        assert_eq!(error(b"{\"name\":\"\xff\"}"), (400, "invalid_json".to_owned()));
        assert_eq!(error("[".repeat(500_000).as_bytes()), (400, "invalid_json".to_owned()));
        let items = "{\"type\":\"XOR\"},".repeat(10_000);
        let text = format!(
            r#"{{"name":"M","item_id":"i","metering_rule":{{"aggregator":"COUNT","rule":{{"type":"AND","items":[{items}{{}}]}}}}}}"#
        );
        assert_eq!(error(text.as_bytes()), (422, "unknown_value".to_owned()));
        let (_, answer) = sent(address, &request, "", &text);
        assert!(answer.len() < 10_000 && answer.contains("and 9980 more"), "{answer}");
        let many: Value = (0..10_000).map(|number| (format!("k{number}"), Value::Null)).collect();
        let mut body = metric("M");
        body.as_object_mut().expect("an object").extend(many.as_object().expect("one").clone());
        assert_eq!(call(address, &request, "", &body).0, 200, "a header has its bounds");
        assert_eq!(found(address).len(), 1);
    });
}

#[test]
fn call_that_could_not_be_done_is_not_remembered() {
    with(|address| {
        let request = format!("POST {PATH}");
        let key = "idempotency-key: k\r\n";
        let (status, told) = call(address, &request, key, &metric("away"));
        assert_eq!((status, &told["error"]["code"]), (503, &"unavailable".into()), "{told}");
        assert!(found(address).is_empty());
        assert_eq!(call(address, &request, key, &metric("M")).0, 200, "its key is free");
    });
}

#[test]
fn names_that_are_no_text_are_not_found_in_anybodys_words() {
    with(|address| {
        for (path, words) in [
            ("/v1/metrics/%FF", "\"not_found\""),
            ("/api/v1/billable_metrics/%FF", "\"resource_not_found\""),
            ("/api/v1/companies/cmp_1/billable_metrics/%FF", "\"path\":null"),
            ("/api/v1/companies/cmp_%FF/billable_metrics/m", "\"path\":null"),
        ] {
            let (status, answer) = sent(address, &format!("GET {path}"), "", "");
            assert_eq!(status, 404, "{path}: {answer}");
            assert!(answer.contains(words), "{path}: {answer}");
        }
    });
}

#[test]
fn what_was_made_otherwise_is_found_where_maple_can_say_it() {
    with(|address| {
        for body in [
            json!({"code": "sum", "tenant": "cmp_1", "aggregation": "sum", "value": "properties.v",
                "filter": "properties.x > 1 AND NOT properties.y = 'a'"}),
            json!({"code": "half", "tenant": "cmp_1", "aggregation": "sum", "value": "properties.v / 2"}),
        ] {
            let (status, made) = call(address, "POST /v1/metrics", "", &body);
            assert_eq!(status, 201, "{made}");
        }
        let results = found(address);
        let ids: Vec<&Value> = results.iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, ["sum"]);
        let (status, one) = call(address, &format!("GET {PATH}/sum"), "", &json!({}));
        assert_eq!((status, &one), (200, &results[0]));
        assert_eq!(one["metering_rule"]["rule"]["comparator"]["type"], "AND", "{one}");
        let (status, told) =
            call(address, &format!("PATCH {PATH}/sum"), "", &json!({"name": "Other"}));
        assert_eq!((status, &told["error"]["code"]), (409, &"made_otherwise".into()), "{told}");
        assert_eq!(call(address, &format!("GET {PATH}/half"), "", &json!({})).0, 404);
    });
}
