//! What stands in files, by the calls of other systems.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Given, ready, sent, served_with};
use crate::admin::{TenantNames, Tenants};
use crate::model::EventTime;
use crate::telemetry::Series;

/// Zenskar's name of the tenant.
const ORGANISATION: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
const NATIVE: &str = r#"{"metrics": [
    {"code": "sum", "tenant": "cmp_1", "aggregation": "sum", "value": "properties.v", "period": "day"},
    {"code": "half", "tenant": "cmp_1", "aggregation": "sum", "value": "properties.v / 2"},
    {"code": "here", "aggregation": "count"},
    {"code": "avg", "aggregation": "avg", "value": "properties.v"}]}"#;
const LAGO: &str = r#"{"dialect": "lago", "metrics": [
    {"name": "Calls", "code": "calls/all", "aggregation_type": "sum_agg", "field_name": "n", "extra": 1}]}"#;
const MAPLE: &str = r#"{"dialect": "maple", "defaults": {"tenant": "cmp_1"}, "metrics": [
    {"id": "bm_7", "name": "Calls", "item_id": "call", "is_billable": false, "external_name": "C",
     "metering_rule": {"aggregator": "COUNT"}}]}"#;
const ZENSKAR: &str = r#"{"dialect": "zenskar", "defaults": {"tenant": "cmp_1"}, "metrics": [
    {"id": "0f8fad5b-d9cb-469f-a165-70867728950e", "name": "Calls", "dataschema": "d",
     "aggregation_query": "SELECT COUNT(*) FROM raw_metric_sms", "cust_agg_query": "",
     "visual_query_builder": {}, "datasource": "s"}]}"#;

fn with(act: impl FnOnce(SocketAddr)) {
    let files = vec![
        ("native.json", NATIVE),
        ("lago.json", LAGO),
        ("maple.json", MAPLE),
        ("zenskar.json", ZENSKAR),
    ];
    let names = TenantNames {
        tenant: "cmp_1".to_owned(),
        lago_organization: None,
        maple_company: None,
        zenskar_organisation: Some(ORGANISATION.to_owned()),
    };
    let given = Given { files, tenants: Tenants(vec![names]), ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), act);
}

/// Status and JSON of an answer.
fn call(address: SocketAddr, request: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) =
        sent(address, request, &format!("organisation: {ORGANISATION}\r\n"), &text);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn values<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|one| one[key].as_str().expect("a text")).collect()
}

#[test]
fn lago_lists_what_files_have_and_refuses_to_change_it() {
    let path = "/api/v1/billable_metrics";
    let mut ids = Vec::new();
    for _ in 0..2 {
        with(|address| {
            let (status, page) = call(address, &format!("GET {path}"), &Value::Null);
            assert_eq!((status, &page["meta"]["total_count"]), (200, &2.into()), "{page}");
            assert_eq!(values(&page["billable_metrics"], "code"), ["calls/all", "here"]);
            let (status, one) = call(address, &format!("GET {path}/calls/all"), &Value::Null);
            let one = &one["billable_metric"];
            assert_eq!((status, one), (200, &page["billable_metrics"][0]));
            assert_eq!((&one["name"], &one["field_name"]), (&"Calls".into(), &"n".into()));
            assert_eq!(one["created_at"], "1970-01-01T00:00:00Z");
            ids.push(values(&page["billable_metrics"], "lago_id").join(" "));
            let wanted = json!({"status": 409, "error": "Conflict", "code": "read_only",
                "error_details": {"file": ["lago.json"]}});
            let changed = json!({"billable_metric": {"name": "Other"}});
            let made = json!({"billable_metric":
                {"name": "C", "code": "calls/all", "aggregation_type": "count_agg"}});
            for (request, body) in [
                (format!("PUT {path}/calls/all"), &changed),
                (format!("DELETE {path}/calls/all"), &Value::Null),
            ] {
                assert_eq!(call(address, &request, body), (409, wanted.clone()), "{request}");
            }
            let (status, told) = call(address, &format!("POST {path}"), &made);
            assert_eq!(
                (status, &told["error_details"]["code"][0]),
                (422, &"value_already_exists".into())
            );
            let (status, told) = call(address, &format!("PUT {path}/here"), &changed);
            let file = &told["error_details"]["file"][0];
            assert_eq!((status, file), (409, &"native.json".into()), "{told}");
            assert_eq!(call(address, &format!("GET {path}/avg"), &Value::Null).0, 404);
            let own = json!({"billable_metric":
                {"name": "O", "code": "own", "aggregation_type": "count_agg"}});
            assert_eq!(call(address, &format!("POST {path}"), &own).0, 200);
            let (_, page) = call(address, &format!("GET {path}?per_page=1"), &Value::Null);
            assert_eq!(page["meta"]["total_count"], 3, "{page}");
            assert_eq!(values(&page["billable_metrics"], "code"), ["own"], "newest first");
        });
    }
    assert_eq!(ids[0], ids[1], "another start, the same ids");
}

#[test]
fn maple_finds_what_files_have_and_refuses_to_change_it() {
    let path = "/api/v1/companies/cmp_1/billable_metrics";
    with(|address| {
        let (status, found) = call(address, &format!("POST {path}/find"), &json!({}));
        assert_eq!(status, 200, "{found}");
        let mut ids = values(&found["results"], "id");
        ids.sort_unstable();
        let zenskar = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(ids, [zenskar, "bm_7", "sum"]);
        let (status, one) = call(address, &format!("GET {path}/bm_7"), &Value::Null);
        assert_eq!((status, &one["state"]), (200, &"ACTIVE".into()));
        assert_eq!((&one["is_billable"], &one["external_name"]), (&false.into(), &"C".into()));
        for (id, file) in [("bm_7", "maple.json"), ("sum", "native.json")] {
            for change in [json!({"name": "Other"}), json!({"state": "ARCHIVED"})] {
                let (status, told) = call(address, &format!("PATCH {path}/{id}"), &change);
                let text = told["error"]["message"].as_str().expect("a text");
                assert_eq!((status, text.contains(file)), (409, true), "{told}");
                assert_eq!(told["error"]["code"], "read_only");
            }
        }
        assert_eq!(call(address, &format!("GET {path}/half"), &Value::Null).0, 404);
    });
}

#[test]
fn zenskar_lists_what_files_have_and_refuses_to_change_it() {
    with(|address| {
        let (status, page) = call(address, "GET /aggregates?limit=100&order=name", &Value::Null);
        assert_eq!((status, &page["total_count"]), (200, &4.into()), "{page}");
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let (status, one) = call(address, &format!("GET /aggregates/{id}"), &Value::Null);
        assert_eq!(
            (status, &one["dataschema"], &one["datasource"]),
            (200, &"d".into(), &"s".into())
        );
        for one in page["results"].as_array().expect("a list") {
            let id = one["id"].as_str().expect("a text");
            let path = format!("/aggregates/{id}");
            let (status, read) = call(address, &format!("GET {path}"), &Value::Null);
            assert_eq!((status, &read["name"]), (200, &one["name"]), "{read}");
            let change = json!({"name": "Other"});
            for (method, body) in [("PATCH", &change), ("DELETE", &Value::Null)] {
                let (status, told) = call(address, &format!("{method} {path}"), body);
                let text = told["detail"].as_str().expect("a text");
                assert_eq!((status, text.contains(".json")), (409, true), "{told}");
            }
            let dates = "start_date=2026-03-01&end_date=2026-04-01";
            let asked =
                format!("GET /aggregates/estimates?aggregate_id={id}&customer_id=c&{dates}");
            assert_ne!(call(address, &asked, &Value::Null).0, 404, "{asked}");
        }
    });
}

#[test]
fn natively_a_change_in_another_systems_form_is_refused_by_the_file_too() {
    with(|address| {
        let body = json!({"dialect": "lago", "metrics":
            [{"name": "O", "code": "calls/all", "aggregation_type": "count_agg"}]});
        let (status, told) = call(address, "PATCH /v1/metrics/calls%2Fall", &body);
        let text = told["error"]["message"].as_str().expect("a text");
        assert_eq!((status, text.contains("lago.json")), (409, true), "{told}");
    });
}
