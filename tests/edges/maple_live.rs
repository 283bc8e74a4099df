//! Metrics that are made by Maple's calls while the daemon works, and events in Maple's form: the totals are those that Maple
//! would bill.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::daemon::{Scene, address_in, request, wait_until};

const PATH: &str = "/api/v1/companies/cmp_1/billable_metrics";

/// `n` and `s` as numbers and texts, `b` and `plan` not everywhere.
const EVENTS: &str = r#"{"customer_id":"c","item_id":"call","transaction_id":"t1","timestamp":"2026-03-02T08:00:00Z","properties":{"n":5,"s":"abc","b":true,"plan":"pro"}}
{"customer_identifier":"c","item_id":"call","transaction_id":"t2","timestamp":"2026-03-02T08:00:01Z","properties":{"n":"5","s":"a,b","plan":"trial"}}
{"customer_id":"c","item_id":"call","transaction_id":"t1","timestamp":"2026-03-02T08:00:00Z","properties":{"n":5,"s":"abc","b":true,"plan":"pro"}}
{"customer_id":"c","item_id":"call","transaction_id":"t3","timestamp":"2026-03-02T08:00:02Z","properties":{"n":5.0,"s":"xabcx","b":false}}
{"customer_id":"c","item_id":"call","transaction_id":"t4","timestamp":"2026-03-02T08:00:03Z","properties":{"n":7.5}}
{"customer_id":"c","item_id":"call","transaction_id":"t5","timestamp":"2026-03-02T08:00:04Z","properties":{"n":"5.0","s":"5.0","plan":"pro"}}
{"customer_id":"d","item_id":"call","transaction_id":"t1","timestamp":"2026-03-02T08:00:05Z","properties":{"n":1,"s":"-","plan":"free"}}
{"customer_id":"c","item_id":"other","transaction_id":"t6","timestamp":"2026-04-03T00:00:00Z","properties":{}}
"#;

fn compared(name: &str, property: &str, value: &Value) -> Value {
    json!({"type": name, "left_item": {"item_type": "PROPERTY", "property": property},
        "right_item": {"item_type": "VALUE", "value": value}})
}

fn asked(name: &str, property: &str) -> Value {
    json!({"type": name, "left_item": {"property": property}})
}

fn joined(name: &str, items: &[Value]) -> Value {
    let items: Vec<Value> =
        items.iter().map(|item| json!({"item_type": "COMPARATOR", "comparator": item})).collect();
    json!({"type": name, "items": items})
}

/// Comparators, and how many of the customer's five events each matches.
fn comparators() -> Vec<(Value, u32)> {
    let text = |text: &str| Value::from(text);
    let plan = |value: &str| compared("EQUALS", "plan", &text(value));
    vec![
        // A text equals the same text, and a number of its value.
        (compared("EQUALS", "n", &text("5")), 3),
        (compared("NOT_EQUALS", "n", &text("5")), 2),
        (compared("EQUALS", "b", &text("true")), 1),
        (compared("NOT_EQUALS", "b", &text("true")), 1),
        // Order is that of numbers.
        (compared("GREATER_THAN", "n", &text("5")), 1),
        (compared("GREATER_THAN_OR_EQUAL", "n", &text("5")), 5),
        (compared("LESS_THAN", "n", &text("6")), 4),
        (compared("LESS_THAN_OR_EQUAL", "n", &text("5")), 4),
        (compared("IN", "plan", &text("pro, free")), 2),
        (compared("NOT_IN", "plan", &text("pro")), 1),
        (compared("IN", "n", &json!(["5", "7.5"])), 4),
        (compared("CONTAINS", "s", &text("abc")), 2),
        (compared("NOT_CONTAINS", "s", &text("abc")), 2),
        (compared("STARTS_WITH", "s", &text("a")), 2),
        (compared("ENDS_WITH", "s", &text("x")), 1),
        (asked("EXISTS", "plan"), 3),
        (asked("NOT_EXISTS", "plan"), 2),
        (joined("AND", &[asked("IS_SET", "plan"), compared("EQ", "n", &text("5"))]), 2),
        (joined("OR", &[plan("trial"), compared(">", "n", &text("7"))]), 2),
        // What is missing is unknown, and so is its opposite.
        (joined("NOT", &[plan("pro")]), 1),
        (joined("NOT", &[joined("OR", &[plan("pro"), asked("NOT_EXISTS", "plan")])]), 1),
    ]
}

/// Aggregators of the property `n`, and their totals.
const AGGREGATORS: [(&str, &str); 9] = [
    ("COUNT", "5"),
    ("SUM", "27.5"),
    ("MAX", "7.5"),
    ("MIN", "5"),
    ("AVERAGE", "5.5"),
    ("UNIQUE_COUNT", "3"),
    ("LAST_REPORTED_IN_PERIOD", "5"),
    ("LAST_REPORTED_IN_HISTORY", "5"),
    ("HISTORICAL_SUM", "27.5"),
];

#[test]
fn metrics_made_by_calls_of_maple_bill_events_of_maple() {
    let scene = Scene::new(r#"{"metrics":[]}"#);
    let text = Scene::configuration("", "127.0.0.1:0")
        .replace("kind = \"file\"", "kind = \"file\"\nformat = \"maple\"\ntenant = \"cmp_1\"")
        .replace("idle_timeout = \"1h\"", "idle_timeout = \"1h\"\nmax_future_skew = \"366d\"");
    scene.write("odometer.toml", &text);
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    let make = |rule: Value| -> String {
        let body = json!({"name": "M", "item_id": "call", "metering_rule": rule});
        let (status, made) = request(&address, &format!("POST {PATH}"), &body.to_string());
        assert_eq!(status, 200, "{made}");
        made["id"].as_str().expect("an id").to_owned()
    };
    let mut expected: BTreeMap<(String, String), String> = BTreeMap::new();
    for (comparator, count) in comparators() {
        let id = make(json!({"aggregator": "COUNT", "rule": {"comparator": comparator}}));
        expected.insert((id, "{}".to_owned()), count.to_string());
    }
    for (aggregator, total) in AGGREGATORS {
        let id = make(json!({"aggregator": aggregator, "property": "n"}));
        expected.insert((id, "{}".to_owned()), total.to_owned());
    }
    let grouped = make(json!({"aggregator": "SUM", "property": "n", "group_keys": ["plan"]}));
    for (plan, total) in [(json!("pro"), "10"), (json!("trial"), "5"), (Value::Null, "12.5")] {
        let group = json!({"plan": plan}).to_string();
        expected.insert((grouped.clone(), group), total.to_owned());
    }
    // One that is archived folds nothing.
    let archived = make(json!({"aggregator": "COUNT"}));
    let archive = format!("PATCH {PATH}/{archived}");
    assert_eq!(request(&address, &archive, r#"{"state":"ARCHIVED"}"#).0, 200);
    scene.append("in/a.ndjson", EVENTS);
    let totals = || -> BTreeMap<(String, String), String> {
        let mut totals = scene.lines("totals");
        totals.retain(|total| {
            total["customer"] == "c" && total["period"]["start"] == "2026-03-01T00:00:00Z"
        });
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let total = |total: &Value| {
            let key = (text(&total["metric"]), total["group"].to_string());
            (key, text(&total["value"]))
        };
        totals.iter().map(total).collect()
    };
    wait_until(&scene, "the month is closed", || totals().len() >= expected.len());
    daemon.terminate(&scene);
    assert_eq!(totals(), expected);
    assert!(scene.lines("totals").iter().all(|total| total["tenant"] == "cmp_1"));
    assert!(scene.lines("totals").iter().any(|total| total["customer"] == "d"));
    assert!(scene.lines("rejects").is_empty(), "{:?}", scene.lines("rejects"));
}
