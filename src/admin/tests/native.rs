//! Definitions over the native API.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{ready, sent, served};
use crate::model::EventTime;
use crate::telemetry::Series;

fn with(act: impl FnOnce(SocketAddr)) {
    served(Series::new(EventTime::EARLIEST), ready(), act);
}

/// Status and JSON of an answer.
fn call(address: SocketAddr, request: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = sent(address, request, "", &text);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn tokens() -> Value {
    json!({"code": "tokens", "aggregation": "sum", "value": "properties.n", "period": "day"})
}

#[test]
fn metric_is_made_read_changed_and_deleted() {
    with(|address| {
        let (status, made) = call(address, "POST /v1/metrics", &tokens());
        assert_eq!(status, 201, "{made}");
        let wanted = json!({
            "code": "tokens", "aggregation": "sum", "value": "properties.n", "period": "day",
            "tenant": "default", "version": 1, "generation": 1, "effective_from": null,
            "created_at": "2026-03-10T12:00:00Z", "updated_at": "2026-03-10T12:00:00Z",
            "origin": "api",
        });
        let mut metric = made.clone();
        let change = metric.as_object_mut().and_then(|metric| metric.shift_remove("change"));
        assert_eq!(metric, wanted);
        assert_eq!(change.expect("it is told")["outcome"], "created");
        assert_eq!(call(address, "GET /v1/metrics/tokens", &Value::Null), (200, wanted));
        let keys = json!({"value": "properties.m", "version": 1});
        let (status, changed) = call(address, "PATCH /v1/metrics/tokens", &keys);
        assert_eq!(status, 200, "{changed}");
        let told =
            json!({"outcome": "versioned", "version": 2, "counts_from": "2026-03-11T00:00:00Z"});
        assert_eq!(changed["change"], told);
        assert_eq!(changed["effective_from"], "2026-03-10T12:10:00Z");
        // A dry run is answered and refused as the call would be, and keeps nothing.
        let dry = json!({"filter": "properties.x = 1"});
        let (status, tried) = call(address, "PATCH /v1/metrics/tokens?dry_run=true", &dry);
        assert_eq!((status, &tried["filter"], &tried["version"]), (200, &dry["filter"], &3.into()));
        assert_eq!(tried["change"]["dry_run"], true);
        assert_eq!(tried["change"]["earliest"], "2026-03-10T12:10:00Z");
        let early = json!({"filter": "TRUE", "effective_from": "2026-03-10T12:09:00Z"});
        let (status, refused) = call(address, "PATCH /v1/metrics/tokens?dry_run=true", &early);
        assert_eq!(
            (status, &refused["error"]["faults"][0]["path"]),
            (422, &"effective_from".into())
        );
        let other = json!({"code": "other", "aggregation": "count"});
        let (status, tried) = call(address, "POST /v1/metrics?dry_run=true", &other);
        assert_eq!((status, &tried["change"]["outcome"]), (200, &"created".into()), "{tried}");
        assert_eq!(call(address, "GET /v1/metrics/other", &Value::Null).0, 404);
        assert_eq!(call(address, "POST /v1/metrics?dry_run=true", &tokens()).0, 409);
        assert_eq!(call(address, "POST /v1/metrics?dry_run=yes", &other).0, 422);
        let foreign = json!({"dialect": "lago", "metrics": [{"name": "T", "code": "tokens", "aggregation_type": "count_agg"}]});
        let (status, refused) = call(address, "PATCH /v1/metrics/tokens?dry_run=true", &foreign);
        assert_eq!((status, &refused["error"]["faults"][0]["path"]), (422, &"dialect".into()));
        assert_eq!(call(address, "GET /v1/metrics/tokens", &Value::Null).1["version"], 2);
        let (status, stale) = call(address, "PATCH /v1/metrics/tokens", &keys);
        assert_eq!((status, &stale["error"]["code"]), (409, &"conflict".into()), "{stale}");
        let (status, versions) = call(address, "GET /v1/metrics/tokens/versions", &Value::Null);
        assert_eq!(status, 200);
        assert_eq!(versions["versions"][0]["definition"]["value"], "properties.n");
        assert_eq!(versions["versions"][1]["counts_from"], "2026-03-11T00:00:00Z");
        assert_eq!(call(address, "DELETE /v1/metrics/tokens?version=1", &Value::Null).0, 409);
        assert_eq!(call(address, "DELETE /v1/metrics/tokens", &Value::Null).0, 204);
        assert_eq!(call(address, "GET /v1/metrics/tokens", &Value::Null).0, 404);
        let (status, deleted) = call(address, "GET /v1/metrics/tokens/versions", &Value::Null);
        assert_eq!((status, &deleted["deleted_at"]), (200, &"2026-03-10T12:00:00Z".into()));
        let audit = deleted["audit"].as_array().expect("a list");
        let last = audit.last().expect("a line");
        assert_eq!((&last["what"], &last["who"]), (&"deleted".into(), &"local".into()));
        let (status, again) = call(address, "POST /v1/metrics", &tokens());
        assert_eq!((status, &again["generation"]), (201, &2.into()));
        let (_, versions) = call(address, "GET /v1/metrics/tokens/versions", &Value::Null);
        assert_eq!((&versions["generation"], &versions["deleted_at"]), (&2.into(), &Value::Null));
        let first = "GET /v1/metrics/tokens/versions?generation=1";
        assert_eq!(call(address, first, &Value::Null), (200, deleted));
        let third = "GET /v1/metrics/tokens/versions?generation=3";
        assert_eq!(call(address, third, &Value::Null).0, 404);
    });
}

#[test]
fn a_metric_may_have_the_name_of_a_call() {
    with(|address| {
        let named = json!({"code": "validate", "aggregation": "count"});
        assert_eq!(call(address, "POST /v1/metrics", &named).0, 201);
        let (status, read) = call(address, "GET /v1/metrics/validate", &Value::Null);
        assert_eq!((status, &read["code"]), (200, &"validate".into()), "{read}");
        let (status, changed) =
            call(address, "PATCH /v1/metrics/validate", &json!({"name": "Validations"}));
        assert_eq!((status, &changed["name"]), (200, &"Validations".into()), "{changed}");
        let (status, told) = call(address, "POST /v1/metrics/validate", &named);
        assert_eq!((status, told["meaning"].is_string()), (200, true), "{told}");
        let versions = call(address, "GET /v1/metrics/validate/versions", &Value::Null);
        assert_eq!(versions.0, 200, "{versions:?}");
        assert_eq!(call(address, "DELETE /v1/metrics/validate", &Value::Null).0, 204);
        assert_eq!(call(address, "GET /v1/metrics/validate", &Value::Null).0, 404);
        let (status, told) = call(address, "POST /v1/metrics/other", &named);
        let text = told["error"]["message"].to_string();
        assert_eq!(
            (status, text.contains("takes GET and PATCH and DELETE,")),
            (405, true),
            "{told}"
        );
        let (status, told) = call(address, "PUT /v1/metrics/validate", &named);
        let text = told["error"]["message"].to_string();
        let all = "takes POST,";
        assert_eq!((status, text.contains(all)), (405, true), "{told}");
    });
}

#[test]
fn metrics_are_listed_by_pages() {
    with(|address| {
        for code in ["b", "a/b c", "d.e"] {
            let body = json!({"code": code, "aggregation": "count"});
            assert_eq!(call(address, "POST /v1/metrics", &body).0, 201);
        }
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = format!("GET /v1/metrics?limit=2{cursor}");
            let (status, page) = call(address, &request, &Value::Null);
            assert_eq!(status, 200, "{page}");
            let metrics = page["metrics"].as_array().expect("a list").clone();
            seen.extend(metrics.iter().map(|metric| metric["code"].as_str().map(str::to_owned)));
            let Some(next) = page["next"].as_str() else { break };
            let next: Vec<String> = next.bytes().map(|byte| format!("%{byte:02X}")).collect();
            cursor = format!("&cursor={}", next.concat());
        }
        let codes: Vec<_> = seen.into_iter().flatten().collect();
        assert_eq!(codes, ["a/b c", "b", "d.e"]);
        let (status, one) = call(address, "GET /v1/metrics/a%2Fb%20c", &Value::Null);
        assert_eq!((status, &one["code"]), (200, &"a/b c".into()));
        let (status, page) = call(address, "GET /v1/metrics?tenant=other", &Value::Null);
        assert_eq!((status, page), (200, json!({"metrics": [], "next": null})));
        for query in ["limit=0", "colour=red", "cursor=x"] {
            assert_eq!(call(address, &format!("GET /v1/metrics?{query}"), &Value::Null).0, 422);
        }
    });
}

#[test]
fn faulty_bodies_are_told_with_their_paths() {
    with(|address| {
        let (status, told) = sent(address, "POST /v1/metrics", "", "{");
        assert_eq!(status, 400, "{told}");
        assert!(told.contains("expected a JSON object: EOF"), "{told}");
        assert_eq!(sent(address, "POST /v1/metrics", "", "[]").0, 400);
        let deep = "[".repeat(10_000);
        assert_eq!(sent(address, "POST /v1/metrics", "", &deep).0, 400);
        let large = format!("{{\"code\":\"{}\"}}", "x".repeat(1 << 20));
        let (status, told) = sent(address, "POST /v1/metrics", "", &large);
        assert_eq!(status, 413, "{told}");
        let body = json!({"aggregation": "sum", "inner": {"every": "1y"}, "colour": 1});
        let (status, told) = call(address, "POST /v1/metrics", &body);
        assert_eq!(status, 422, "{told}");
        let faults = told["error"]["faults"].as_array().expect("a list");
        let paths: Vec<_> = faults.iter().filter_map(|fault| fault["path"].as_str()).collect();
        for path in ["inner.every", "inner.aggregation", "colour", "code"] {
            assert!(paths.contains(&path), "{path}: {told}");
        }
        assert!(faults.len() >= 4, "all at once: {told}");
        assert_eq!(call(address, "POST /v1/metrics", &tokens()).0, 201);
        let (status, told) = call(address, "POST /v1/metrics", &tokens());
        assert_eq!(status, 409, "{told}");
        for unknown in [json!({"colour": null}), json!({"colour": 1})] {
            let (status, told) = call(address, "PATCH /v1/metrics/tokens", &unknown);
            assert_eq!((status, &told["error"]["faults"][0]["path"]), (422, &"colour".into()));
        }
        let early = json!({"value": "properties.m", "effective_from": "2026-03-01T00:00:00Z"});
        let (status, told) = call(address, "PATCH /v1/metrics/tokens", &early);
        assert_eq!((status, &told["error"]["faults"][0]["path"]), (422, &"effective_from".into()));
        assert_eq!(call(address, "PATCH /v1/metrics/none", &json!({})).0, 404);
        let (status, told) = call(address, "PATCH /v1/metrics/tokens", &json!({"version": "1"}));
        assert_eq!((status, &told["error"]["faults"][0]["path"]), (422, &"version".into()));
        let away = json!({"code": "away", "aggregation": "count"});
        let (status, told) = call(address, "POST /v1/metrics", &away);
        assert_eq!((status, &told["error"]["message"]), (503, &"the broker is away".into()));
    });
}

#[test]
fn validation_says_what_a_definition_means_and_makes_and_keeps_nothing() {
    with(|address| {
        let mut body = tokens();
        let event = json!({"id": "e1", "type": "tokens", "customer": "acme", "time": "2026-03-01T08:00:00Z", "properties": {"n": 2.5}});
        body["events"] = json!([event, event]);
        let (status, told) = call(address, "POST /v1/metrics/validate", &body);
        assert_eq!(status, 200, "{told}");
        assert_eq!(told["totals"][0]["value"], "2.5");
        assert_eq!(told["rejects"][0]["reason"], "duplicate");
        let meaning = told["meaning"].as_str().expect("a text");
        assert!(meaning.contains("sum of properties.n"), "{meaning}");
        assert_eq!(call(address, "GET /v1/metrics/tokens", &Value::Null).0, 404);
        body["topic"] = "nowhere".into();
        for line in ["POST /v1/metrics/validate", "POST /v1/metrics"] {
            let (status, told) = call(address, line, &body);
            assert_eq!(
                (status, &told["error"]["faults"][0]["path"]),
                (422, &"topic".into()),
                "{line}"
            );
            body.as_object_mut().expect("an object").shift_remove("events");
        }
        body.as_object_mut().expect("an object").shift_remove("topic");
        body["aggregation"] = "summ".into();
        assert_eq!(call(address, "POST /v1/metrics/validate", &body).0, 422);
        let (status, told) = call(
            address,
            "POST /v1/metrics/validate",
            &json!({"code": "x", "aggregation": "count", "events": 1}),
        );
        assert_eq!((status, &told["error"]["faults"][0]["path"]), (422, &"events".into()));
    });
}

#[test]
fn request_bears_its_name_in_the_answer() {
    with(|address| {
        use std::io::{Read, Write};
        for (header, wanted) in [("x-request-id: r-7\r\n", "x-request-id: r-7\r\n"), ("", "-4")] {
            let mut stream = super::connected(address);
            let request = "GET /v1/metrics HTTP/1.1\r\nhost: o\r\nconnection: close\r\n";
            write!(stream, "{request}{header}\r\n").expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.contains(wanted), "{answer}");
        }
    });
}
