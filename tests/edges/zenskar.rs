//! Zenskar's aggregates, made over HTTP while the daemon works: events in Zenskar's form come to the totals that its queries
//! would give, as totals and as estimates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::daemon::{Daemon, Scene, address_in, answer_with, get, wait_until};

const ORGANISATION: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";

/// Customer, time, data.
const EVENTS: [(&str, &str, &str); 8] = [
    ("c1", "2026-03-01T00:00:00Z", r#"{"x":10,"region":"eu","ok":true,"user":"a"}"#),
    ("c1", "2026-03-01T12:00:00Z", r#"{"x":2.5,"region":"us","ok":false,"user":"b"}"#),
    ("c1", "2026-03-02 01:00:00", r#"{"x":-4,"region":"eu","ok":"true","user":"a"}"#),
    ("c1", "2026-03-02T02:00:00Z", r#"{"x":"7.25","ok":true,"user":"c"}"#),
    ("c1", "2026-03-05T10:00:00Z", r#"{"region":"us","ok":false,"user":null}"#),
    ("c1", "2026-03-31T23:59:59Z", r#"{"x":0.5,"region":"eu","ok":true,"user":"a"}"#),
    ("c1", "2026-04-01T00:00:00Z", r#"{"x":100,"region":"eu","ok":true,"user":"d"}"#),
    ("c2", "2026-03-03T08:00:00Z", r#"{"x":5,"region":"us","ok":true,"user":"a"}"#),
];

/// What queries write for the customer and the period.
const BOUNDS: &str = "customer_id = '{{customer.external_id}}' AND timestamp >= '{{start_date}}' \
                      AND timestamp < '{{end_date}}'";

/// Queries, and `customer month [group] value` of each total.
fn cases() -> Vec<(String, &'static str)> {
    let flat =
        |item: &str| format!("SELECT {item} AS quantity FROM raw_metric_usage WHERE {BOUNDS}");
    let filtered = |condition: &str| format!("{} AND ({condition})", flat("COUNT(*)"));
    let daily = |inner: &str| {
        format!(
            "(SELECT toStartOfDay(timestamp) AS day, {inner} AS m FROM raw_metric_usage WHERE {BOUNDS} GROUP BY day)"
        )
    };
    vec![
        (flat("COUNT(*)"), "c1 03 6, c1 04 1, c2 03 1"),
        (flat("COUNT(data.x)"), "c1 03 5, c1 04 1, c2 03 1"),
        (flat("COUNT(DISTINCT data.user)"), "c1 03 3, c1 04 1, c2 03 1"),
        (flat("uniq(data.user)"), "c1 03 3, c1 04 1, c2 03 1"),
        (flat("SUM(data.x)"), "c1 03 16.25, c1 04 100, c2 03 5"),
        (flat("MIN(data.x)"), "c1 03 -4, c1 04 100, c2 03 5"),
        (flat("MAX(JSONExtractFloat(data, 'x'))"), "c1 03 10, c1 04 100, c2 03 5"),
        (flat("AVG(data.x)"), "c1 03 3.25, c1 04 100, c2 03 5"),
        (flat("sumIf(data.x, data.ok = 'true')"), "c1 03 13.75, c1 04 100, c2 03 5"),
        (flat("SUM(data.x) FILTER (WHERE data.region = 'eu')"), "c1 03 6.5, c1 04 100"),
        (flat("avgIf(data.x, data.region = 'eu')"), "c1 03 2.166666666666666667, c1 04 100"),
        (flat("argMax(data.x, timestamp)"), "c1 03 0.5, c1 04 100, c2 03 5"),
        (flat("quantile(0.5)(data.x)"), "c1 03 2.5, c1 04 100, c2 03 5"),
        (
            flat("100.0 * countIf(data.ok = 'true') / COUNT(*)"),
            "c1 03 66.666666666666666667, c1 04 100, c2 03 100",
        ),
        (
            flat("CASE WHEN SUM(data.x) > 15 THEN SUM(data.x) - 15 ELSE 0 END"),
            "c1 03 1.25, c1 04 85, c2 03 0",
        ),
        (filtered("data.region <> 'eu'"), "c1 03 2, c2 03 1"),
        (filtered("data.x BETWEEN 0 AND 10"), "c1 03 4, c2 03 1"),
        (format!("SELECT SUM(m) FROM {}", daily("MAX(data.x)")), "c1 03 17.75, c1 04 100, c2 03 5"),
        (
            "SELECT data.region AS dimension, SUM(data.x) AS quantity FROM usage GROUP BY 1"
                .to_owned(),
            "c1 03 - 7.25, c1 03 eu 6.5, c1 03 us 2.5, c1 04 eu 100, c2 03 us 5",
        ),
        (
            "SELECT data.region, data.user, COUNT(*) FROM usage WHERE data.x > 0 GROUP BY 1, 2"
                .to_owned(),
            "c1 03 - c 1, c1 03 eu a 2, c1 03 us b 1, c1 04 eu d 1, c2 03 us a 1",
        ),
        (
            "SELECT SUM(data.x) FROM usage WHERE timestamp < '{{end_date}}'".to_owned(),
            "c1 03 16.25, c1 04 116.25, c2 03 5, c2 04 5",
        ),
    ]
}

fn event((customer, time, data): (&str, &str, &str)) -> String {
    format!(
        "{{\"slug\":\"usage\",\"customer_id\":\"{customer}\",\"timestamp\":\"{time}\",\"data\":{data}}}\n"
    )
}

fn call(address: &str, line: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let headers = format!("organisation: {ORGANISATION}\r\n");
    let (status, answer) = answer_with(address, line, &headers, &text);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

fn started() -> (Scene, Daemon, String) {
    let scene =
        Scene::new(r#"{"metrics":[{"code":"anchor","event_type":"never","aggregation":"count"}]}"#);
    let names = format!(
        "tenants = [{{ tenant = \"default\", zenskar_organisation = \"{ORGANISATION}\" }}]\n"
    );
    let text = Scene::configuration("", "127.0.0.1:0")
        .replace("kind = \"file\"", "kind = \"file\"\nformat = \"zenskar\"");
    scene.write("odometer.toml", &(text + &names));
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    (scene, daemon, address)
}

fn made(address: &str, query: &str) -> String {
    let body = json!({"name": query, "dataschema": "", "aggregation_query": query, "cust_agg_query": "",
        "visual_query_builder": {}, "datasource": ""});
    let (status, made) = call(address, "POST /aggregates", &body);
    assert_eq!(status, 200, "{query}: {made}");
    made["id"].as_str().expect("an id").to_owned()
}

fn estimate(address: &str, id: &str, (customer, from, to): (&str, &str, &str)) -> (u16, Value) {
    let query = format!("aggregate_id={id}&customer_id={customer}&start_date={from}&end_date={to}");
    call(address, &format!("GET /aggregates/estimates?{query}"), &Value::Null)
}

/// `[group] value` of each field of an estimate.
fn fields(estimate: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let fields = estimate["value"]["fields"].as_array().expect("a list").iter();
    let fields = fields.map(|field| {
        let mut parts = match &field["dimension"] {
            Value::Object(columns) => columns.values().map(text).collect(),
            _ if field.get("dimension").is_none() => Vec::new(),
            dimension => vec![text(dimension)],
        };
        parts.push(field["quantity"].to_string());
        parts.join(" ")
    });
    fields.collect()
}

/// The newest totals of each metric, as the cases write them.
fn totals(scene: &Scene) -> BTreeSet<(String, String)> {
    let mut newest: BTreeMap<(String, String), (u64, String)> = BTreeMap::new();
    for total in scene.lines("totals") {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let mut key =
            vec![text(&total["customer"]), text(&total["period"]["start"])[5..7].to_owned()];
        key.extend(total["group"].as_object().expect("an object").values().map(text));
        let revision = total["revision"].as_u64().expect("a number");
        let known = newest.entry((text(&total["metric"]), key.join(" "))).or_default();
        if revision > known.0 {
            *known = (revision, text(&total["value"]));
        }
    }
    newest
        .into_iter()
        .map(|((metric, key), (_, value))| (metric, format!("{key} {value}")))
        .collect()
}

#[test]
fn queries_give_the_totals_that_zenskar_would() {
    let (scene, daemon, address) = started();
    let cases = cases();
    let ids: Vec<String> = cases.iter().map(|(query, _)| made(&address, query)).collect();
    scene.append("in/a.ndjson", &EVENTS.map(event).concat());
    let read = |count: u64| {
        wait_until(&scene, "all is read", || {
            let (_, page) = get(&address, "/v1/usage?metric=anchor");
            page["as_of"][0]["read"] == count
        });
    };
    read(8);
    let expected_of = |expected: &str, begin: &str| -> Vec<String> {
        let own = expected.split(", ").filter_map(|total| total.strip_prefix(begin));
        own.map(|rest| rest.trim_start().to_owned()).collect()
    };
    for ((query, expected), id) in cases.iter().zip(&ids) {
        for customer in ["c1", "c2"] {
            let (status, told) = estimate(&address, id, (customer, "2026-03-01", "2026-04-01"));
            assert_eq!((status, &told["complete"]), (200, &true.into()), "{query}: {told}");
            let mut found = fields(&told);
            found.sort_unstable();
            assert_eq!(found, expected_of(expected, &format!("{customer} 03")), "{query}: {told}");
        }
    }
    let (_, told) = estimate(&address, &ids[0], ("c1", "2026-03-01", "2026-04-01"));
    assert_eq!(told["organisation_id"], ORGANISATION);
    assert_eq!(
        (&told["aggregate_id"], &told["customer_id"]),
        (&ids[0].as_str().into(), &"c1".into())
    );
    assert_eq!(
        (&told["start_date"], &told["end_date"]),
        (&"2026-03-01".into(), &"2026-04-01".into())
    );
    assert_eq!(told["as_of"][0]["read"], 8);
    // A count and a sum add up over two months; others do not.
    let both = |place: usize| estimate(&address, &ids[place], ("c1", "2026-03-01", "2026-05-01"));
    assert_eq!(fields(&both(0).1), ["7"]);
    assert_eq!(fields(&both(4).1), ["116.25"]);
    let by_region = both(18).1;
    assert_eq!(fields(&by_region), ["eu 106.5", "us 2.5", "- 7.25"], "{by_region}");
    for place in [2, 5, 6, 7, 11, 12, 13, 17, 20] {
        let (status, told) = both(place);
        assert_eq!(
            (status, &told["detail"][0]["loc"]),
            (422, &json!(["query", "end_date"])),
            "{told}"
        );
        let message = told["detail"][0]["msg"].as_str().expect("a text");
        assert!(message.contains("2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z"), "{message}");
    }
    let (status, told) = estimate(&address, &ids[0], ("c1", "2026-03-02", "2026-04-02"));
    assert_eq!((status, told["detail"].as_array().map(Vec::len)), (422, Some(2)), "{told}");
    let (status, told) = estimate(&address, &ids[0], ("nobody", "2026-03-01", "2026-04-01"));
    assert_eq!((status, &told["value"]), (200, &json!({"fields": []})), "{told}");
    let (status, told) = estimate(&address, ORGANISATION, ("c1", "2026-03-01", "2026-04-01"));
    assert_eq!((status, told), (404, json!({"detail": "Aggregate not found"})));
    // An event far ahead closes all.
    let later =
        r#"{"slug":"other","customer_id":"c9","timestamp":"2026-05-02T00:00:00Z","data":{}}"#;
    scene.append("in/a.ndjson", &format!("{later}\n"));
    read(9);
    let expected = ids.iter().zip(&cases).flat_map(|(id, (_, totals))| {
        totals.split(", ").map(|total| (id.clone(), total.to_owned()))
    });
    let expected: BTreeSet<(String, String)> = expected.collect();
    wait_until(&scene, "all is closed", || totals(&scene).len() == expected.len());
    daemon.terminate(&scene);
    assert_eq!(totals(&scene), expected, "{ids:?}");
}
