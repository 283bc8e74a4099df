//! Lago's calls as its pages and clients make them.

use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use super::{Given, ready, sent, served, served_with};
use crate::admin::{Dialects, LagoErrors};
use crate::dialect::Defaults;
use crate::model::EventTime;
use crate::telemetry::Series;

fn with(act: impl FnOnce(SocketAddr)) {
    served(Series::new(EventTime::EARLIEST), ready(), act);
}

fn call(address: SocketAddr, request: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = sent(address, request, "", &text);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn metric(code: &str) -> Value {
    json!({"billable_metric": {"name": "Storage", "code": code, "description": "GB", "aggregation_type": "sum_agg",
        "field_name": "gb", "recurring": false, "filters": [{"key": "region", "values": ["us", "eu"]}], "unknown": 1}})
}

#[test]
fn billable_metric_is_made_found_changed_and_deleted() {
    with(|address| {
        let path = "/api/v1/billable_metrics";
        let (status, made) = call(address, &format!("POST {path}"), &metric("a.b/c"));
        assert_eq!(status, 200, "{made}");
        let made = &made["billable_metric"];
        assert_eq!(made["code"], "a.b/c");
        assert_eq!(made["created_at"], "2026-03-10T12:00:00Z");
        assert_eq!(made["filters"], json!([{"key": "region", "values": ["eu", "us"]}]));
        assert_eq!((&made["group"], &made["weighted_interval"]), (&json!({}), &Value::Null));
        let one = format!("GET {path}/a.b/c");
        assert_eq!(call(address, &one, &Value::Null), (200, json!({"billable_metric": made})));
        let change = json!({"billable_metric": {"name": "Disk", "rounding_function": "ceil"}});
        let (status, changed) = call(address, &format!("PUT {path}/a.b/c"), &change);
        assert_eq!(status, 200, "{changed}");
        let changed = &changed["billable_metric"];
        assert_eq!(
            (&changed["name"], &changed["rounding_function"]),
            (&"Disk".into(), &"ceil".into())
        );
        assert_eq!((&changed["lago_id"], &changed["field_name"]), (&made["lago_id"], &"gb".into()));
        // Natively it is the same metric, at its second version.
        let (_, native) = call(address, "GET /v1/metrics/a.b%2Fc", &Value::Null);
        assert_eq!((&native["version"], &native["origin"]), (&2.into(), &"lago".into()));
        assert_eq!(native["rounding"]["function"], "ceil");
        let (status, deleted) = call(address, &format!("DELETE {path}/a.b/c"), &Value::Null);
        assert_eq!((status, &deleted["billable_metric"]["name"]), (200, &"Disk".into()));
        let gone =
            json!({"status": 404, "error": "Not Found", "code": "billable_metric_not_found"});
        assert_eq!(call(address, &one, &Value::Null), (404, gone.clone()));
        assert_eq!(call(address, &format!("PUT {path}/a.b/c"), &change), (404, gone.clone()));
        assert_eq!(call(address, &format!("DELETE {path}/a.b/c"), &Value::Null), (404, gone));
        assert_eq!(
            call(address, &format!("POST {path}"), &metric("a.b/c")).0,
            200,
            "the code is free"
        );
    });
}

#[test]
fn what_bodies_do_not_say_configuration_does() {
    let lago = Defaults {
        period: Some("week".to_owned()),
        grace: Some("1h".to_owned()),
        ..Defaults::default()
    };
    let dialects = Dialects { lago, lago_errors: LagoErrors::Server, ..Dialects::default() };
    let given = Given { dialects, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), |address| {
        let path = "/api/v1/billable_metrics";
        assert_eq!(call(address, &format!("POST {path}"), &metric("m")).0, 200);
        let native = || call(address, "GET /v1/metrics/m", &Value::Null).1;
        assert_eq!((&native()["period"], &native()["grace"]), (&"week".into(), &"1h".into()));
        let body = json!({"billable_metric": {"rounding_function": "ceil"}});
        assert_eq!(call(address, &format!("PUT {path}/m"), &body).0, 200);
        assert_eq!((&native()["period"], &native()["grace"]), (&"week".into(), &"1h".into()));
        assert_eq!(native()["rounding"]["function"], "ceil");
        // The words of Lago's servers.
        let (status, answer) = call(address, &format!("POST {path}"), &json!({}));
        let words =
            "BadRequest: param is missing or the value is empty or invalid: billable_metric";
        assert_eq!((status, answer), (400, json!({"status": 400, "error": words})));
        let (status, answer) = call(address, &format!("POST {path}"), &metric("m"));
        let body = json!({"status": 422, "error": "Unprocessable Entity", "code": "validation_errors",
            "error_details": {"code": ["value_already_exist"]}});
        assert_eq!((status, answer), (422, body));
    });
}

#[test]
fn changes_of_several_fields_at_once_are_all_made() {
    with(|address| {
        let path = "/api/v1/billable_metrics";
        assert_eq!(call(address, &format!("POST {path}"), &metric("m")).0, 200);
        let put = |fields: Value| {
            let body = json!({ "billable_metric": fields });
            let (status, answer) = call(address, &format!("PUT {path}/m"), &body);
            assert_eq!(status, 200, "{answer}");
        };
        for round in 0..20 {
            let (name, words) = (format!("name {round}"), format!("words {round}"));
            thread::scope(|scope| {
                scope.spawn(|| put(json!({ "name": name })));
                scope.spawn(|| put(json!({ "description": words })));
                scope.spawn(|| put(json!({ "rounding_precision": round - 10 })));
            });
            let (_, answer) = call(address, &format!("GET {path}/m"), &Value::Null);
            let made = &answer["billable_metric"];
            assert_eq!((&made["name"], &made["description"]), (&name.into(), &words.into()));
            assert_eq!(made["rounding_precision"], round - 10);
        }
    });
}

#[test]
fn lists_have_pages_newest_first() {
    with(|address| {
        for code in ["a", "b", "c"] {
            assert_eq!(call(address, "POST /api/v1/billable_metrics", &metric(code)).0, 200);
        }
        let page = |query: &str| {
            call(address, &format!("GET /api/v1/billable_metrics{query}"), &Value::Null).1
        };
        let codes = |page: &Value| -> Vec<String> {
            let metrics = page["billable_metrics"].as_array().expect("a list").iter();
            metrics.filter_map(|metric| metric["code"].as_str().map(str::to_owned)).collect()
        };
        let all = page("");
        assert_eq!(codes(&all), ["c", "b", "a"]);
        let meta = json!({"current_page": 1, "next_page": null, "prev_page": null, "total_pages": 1, "total_count": 3});
        assert_eq!(all["meta"], meta);
        let second = page("?page=2&per_page=2");
        assert_eq!(codes(&second), ["a"]);
        let meta = json!({"current_page": 2, "next_page": null, "prev_page": 1, "total_pages": 2, "total_count": 3});
        assert_eq!(second["meta"], meta);
        assert_eq!(page("?page=1&per_page=2")["meta"]["next_page"], 2);
        let beyond = page("?page=99&per_page=x");
        assert_eq!(codes(&beyond), Vec::<String>::new());
        let meta = json!({"current_page": 99, "next_page": null, "prev_page": null, "total_pages": 1, "total_count": 3});
        assert_eq!(beyond["meta"], meta);
    });
}

#[test]
fn errors_have_the_words_of_the_pages() {
    with(|address| {
        let path = "POST /api/v1/billable_metrics";
        let bad = json!({"status": 400, "error": "Bad Request"});
        for body in
            [json!({}), json!([]), json!({"billable_metric": {}}), json!({"billable_metric": 1})]
        {
            assert_eq!(call(address, path, &body), (400, bad.clone()), "{body}");
        }
        assert_eq!(sent(address, path, "", "{").0, 400);
        let custom = json!({"billable_metric": {"name": "n", "code": "c", "aggregation_type": "custom_agg"}});
        let forbidden = json!({"status": 403, "error": "Forbidden", "code": "feature_unavailable"});
        assert_eq!(call(address, path, &custom), (403, forbidden));
        assert_eq!(call(address, path, &metric("m")).0, 200);
        let faulty = json!({"billable_metric": {"code": "m", "aggregation_type": "sum_agg"}});
        let (status, told) = call(address, path, &faulty);
        assert_eq!(
            (status, &told["code"], &told["error"]),
            (422, &"validation_errors".into(), &"Unprocessable entity".into())
        );
        assert_eq!(told["error_details"]["code"], json!(["value_already_exists"]), "{told}");
        assert_eq!(told["error_details"]["name"], json!(["value_is_mandatory"]), "{told}");
        assert_eq!(told["error_details"]["field_name"], json!(["value_is_mandatory"]), "{told}");
        let unknown = json!({"status": 404, "error": "Not Found", "code": "resource_not_found"});
        assert_eq!(call(address, "GET /api/v1/plans", &Value::Null), (404, unknown));
    });
}

#[test]
fn expressions_are_worked_out() {
    with(|address| {
        let path = "POST /api/v1/billable_metrics/evaluate_expression";
        let event = json!({"code": "c", "timestamp": 1, "properties": {"x": "1.23", "n": 10}});
        let of = |expression: &str| {
            call(address, path, &json!({"expression": expression, "event": event}))
        };
        let value = |text: &str| (200, json!({"expression_result": {"value": text}}));
        assert_eq!(of("event.properties.n * 2 + 1"), value("21.0"));
        assert_eq!(of("(123 - event.properties.x)/10"), value("12.177"));
        assert_eq!(of("concat(event.properties.x,'t')"), value("1.23t"));
        let details = |(status, told): (u16, Value)| (status, told["error_details"].clone());
        assert_eq!(details(of("")), (422, json!({"expression": ["value_is_mandatory"]})));
        let nothing = call(address, path, &Value::Null);
        assert_eq!(details(nothing), (422, json!({"expression": ["value_is_mandatory"]})));
        assert_eq!(sent(address, path, "", "{").0, 400);
        assert_eq!(details(of("1 +")), (422, json!({"expression": ["invalid_expression"]})));
        assert_eq!(
            details(of("event.properties.none + 1")),
            (422, json!({"event": ["invalid_event"]}))
        );
        let without = call(address, path, &json!({"expression": "1 + 1"}));
        assert_eq!(details(without), (422, json!({"event": ["invalid_event"]})));
    });
}

#[test]
fn groups_of_the_old_form_are_listed() {
    with(|address| {
        let body = json!({"billable_metric": {"name": "n", "code": "m", "aggregation_type": "count_agg",
            "group": {"key": "cloud", "values": ["aws", "gcp"]}}});
        let (status, made) = call(address, "POST /api/v1/billable_metrics", &body);
        assert_eq!(status, 200, "{made}");
        assert_eq!(
            made["billable_metric"]["group"],
            json!({"key": "cloud", "values": ["aws", "gcp"]})
        );
        let (status, groups) = call(address, "GET /api/v1/billable_metrics/m/groups", &Value::Null);
        assert_eq!((status, &groups["meta"]["total_count"]), (200, &2.into()), "{groups}");
        assert_eq!(groups["groups"][0]["value"], "aws");
        let again = call(address, "GET /api/v1/billable_metrics/m/groups", &Value::Null).1;
        assert_eq!(again, groups, "ids stay");
        // A code that ends so is found first.
        assert_eq!(call(address, "POST /api/v1/billable_metrics", &metric("m/groups")).0, 200);
        let (_, one) = call(address, "GET /api/v1/billable_metrics/m/groups", &Value::Null);
        assert_eq!(one["billable_metric"]["code"], "m/groups");
    });
}

#[test]
fn what_no_body_says_is_changed_natively_and_stays() {
    with(|address| {
        assert_eq!(call(address, "POST /api/v1/billable_metrics", &metric("m")).0, 200);
        let (status, told) = call(address, "PATCH /v1/metrics/m", &json!({"period": "week"}));
        assert_eq!(status, 200, "{told}");
        let (status, found) = call(address, "GET /api/v1/billable_metrics/m", &Value::Null);
        assert_eq!((status, &found["billable_metric"]["name"]), (200, &"Storage".into()));
        let change = json!({"billable_metric": {"name": "Disk"}});
        assert_eq!(call(address, "PUT /api/v1/billable_metrics/m", &change).0, 200);
        let (_, native) = call(address, "GET /v1/metrics/m", &Value::Null);
        assert_eq!((&native["period"], &native["name"]), (&"week".into(), &"Disk".into()));
        let (status, told) =
            call(address, "PATCH /v1/metrics/m", &json!({"value": "properties.x"}));
        assert_eq!((status, &told["error"]["faults"][0]["path"]), (422, &"value".into()), "{told}");
    });
}

#[test]
fn what_was_made_otherwise_is_listed_where_lago_can_say_it() {
    with(|address| {
        let path = "/api/v1/billable_metrics";
        for body in [
            json!({"code": "sum", "aggregation": "sum", "value": "properties.v", "period": "day"}),
            json!({"code": "avg", "aggregation": "avg", "value": "properties.v"}),
        ] {
            assert_eq!(call(address, "POST /v1/metrics", &body).0, 201);
        }
        assert_eq!(call(address, &format!("POST {path}"), &metric("own")).0, 200);
        let (status, page) = call(address, &format!("GET {path}"), &Value::Null);
        assert_eq!((status, &page["meta"]["total_count"]), (200, &2.into()), "{page}");
        let (_, one) = call(address, &format!("GET {path}/sum"), &Value::Null);
        let one = &one["billable_metric"];
        assert_eq!(
            (&one["name"], &one["aggregation_type"], &one["field_name"]),
            (&"sum".into(), &"sum_agg".into(), &"v".into())
        );
        assert_eq!(one["lago_id"].as_str().map(str::len), Some(36));
        assert!(page["billable_metrics"].as_array().expect("a list").contains(one), "{page}");
        assert_eq!(call(address, &format!("GET {path}/avg"), &Value::Null).0, 404);
        let change = json!({"billable_metric": {"name": "Other"}});
        let refused = json!({"status": 405, "error": "Method Not Allowed", "code": "made_by_api"});
        assert_eq!(call(address, &format!("PUT {path}/sum"), &change), (405, refused));
        let (_, native) = call(address, "GET /v1/metrics/sum", &Value::Null);
        assert_eq!((&native["version"], &native["name"]), (&1.into(), &Value::Null));
        assert_eq!(call(address, &format!("DELETE {path}/sum"), &Value::Null).0, 200);
        assert_eq!(call(address, "GET /v1/metrics/sum", &Value::Null).0, 404);
    });
}
