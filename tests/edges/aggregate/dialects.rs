//! Definitions of other systems over events in those systems' formats: the totals that those systems bill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Outcome, aggregate, newest};
use crate::program::{expect_status, run, write};

/// Totals by Lago's own rounding.
const TOLERANCE: f64 = 1e-5;

fn outcome(definitions: &Value, format: &str, events: &[String]) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "metrics.json", &definitions.to_string());
    let input = write(folder, "events.ndjson", &events.join("\n"));
    let flags = ["--metrics", &metrics, "--input", &input, "--format", format];
    let outcome = aggregate(folder, &flags);
    newest(&outcome.totals);
    outcome
}

/// Events of Lago at these times, with these properties.
fn lago_events(events: &[(&str, Value)]) -> Vec<String> {
    let event = |(number, (time, properties)): (usize, &(&str, Value))| {
        let time = if time.len() == 10 { format!("{time}T00:00:00Z") } else { (*time).to_owned() };
        let event = json!({ "transaction_id": format!("t{number}"), "external_subscription_id": "s", "code": "m",
            "timestamp": time, "properties": properties });
        event.to_string()
    };
    events.iter().enumerate().map(event).collect()
}

/// A file with the metric `m` of Lago.
fn lago(kind: &str, more: &Value) -> Value {
    let mut body = json!({ "name": "M", "code": "m", "aggregation_type": kind, "field_name": "v" });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    json!({ "dialect": "lago", "metrics": [{ "billable_metric": body }] })
}

/// The total of the month that begins then; the other months have totals that are not looked at.
#[track_caller]
fn check(definitions: &Value, events: &[(&str, Value)], month: &str, expected: f64) {
    let outcome = outcome(definitions, "lago", &lago_events(events));
    let of_month = |total: &&Value| {
        total["period"]["start"].as_str().is_some_and(|start| start.starts_with(month))
    };
    let found: Vec<&Value> = outcome.totals.iter().filter(of_month).collect();
    let [total] = found.as_slice() else { panic!("{definitions}: {:?}", outcome.totals) };
    let value: f64 = total["value"].as_str().expect("a value").parse().expect("a number");
    assert!((value - expected).abs() <= TOLERANCE, "{definitions}: {value} is not {expected}");
}

fn v(value: impl Into<Value>) -> Value {
    json!({ "v": value.into() })
}

#[test]
fn levels_weigh_by_time_as_lago_bills_them() {
    let metric = lago("weighted_sum_agg", &json!({ "weighted_interval": "seconds" }));
    check(&metric, &[("2026-03-01", v(1000))], "2026-03", 1000.0);
    check(&metric, &[("2026-03-05", v(1000))], "2026-03", 870.96774);
    check(&metric, &[("2026-03-05", v(3)), ("2026-03-05", v("3"))], "2026-03", 5.22581);
    let of_a_day = [
        ("2026-03-05T00:00:00Z", v(2)),
        ("2026-03-05T01:00:00Z", v(3)),
        ("2026-03-05T01:30:00Z", v(1)),
        ("2026-03-05T02:00:00Z", v(-4)),
        ("2026-03-05T04:00:00Z", v(-2)),
        ("2026-03-05T05:00:00Z", v(10)),
        ("2026-03-05T05:30:00Z", v(-10)),
    ];
    check(&metric, &of_a_day, "2026-03", 0.02218);
}

#[test]
fn recurring_sums_go_on_as_lago_bills_them() {
    let mut events = vec![("2025-12-10", v(2.5)), ("2025-12-10", v("2.5"))];
    events.extend(["03", "09", "20", "31"].map(|day| match day {
        "03" => ("2026-03-03", v(12)),
        "09" => ("2026-03-09", v(12)),
        "20" => ("2026-03-20", v(12)),
        _ => ("2026-03-31", v(12)),
    }));
    check(&lago("sum_agg", &json!({ "recurring": true })), &events, "2026-03", 53.0);
    check(&lago("sum_agg", &json!({ "recurring": false })), &events, "2026-03", 48.0);
    // Lago says of a charge what is said natively of a metric.
    let prorated = json!({ "metrics": [{ "code": "m", "aggregation": "sum", "value": "properties.v",
        "recurring": true, "prorated": true }] });
    let events = [
        ("2026-02-10", v(2.5)),
        ("2026-02-10", v(2.5)),
        ("2026-05-26", v(12)),
        ("2026-05-26", v(12)),
    ];
    check(&prorated, &events, "2026-05", 9.64517);
}

#[test]
fn distinct_values_count_as_lago_bills_them() {
    let (once, recurring) = (
        lago("unique_count_agg", &json!({})),
        lago("unique_count_agg", &json!({ "recurring": true })),
    );
    let events = [("2026-02-10", v("a")), ("2026-03-10", v("b"))];
    check(&recurring, &events, "2026-03", 2.0);
    check(&once, &events, "2026-03", 1.0);
    let operation = |operation: &str| json!({ "v": "a", "operation_type": operation });
    let events = [("2026-03-10", operation("add")), ("2026-03-11", operation("remove"))];
    check(&once, &events, "2026-03", 0.0);
    let events = [("2026-03-10", operation("remove")), ("2026-03-11", operation("add"))];
    check(&once, &events, "2026-03", 1.0);
}

#[test]
fn seats_weigh_by_days_as_lago_bills_them() {
    let metric = lago("recurring_count_agg", &json!({}));
    let operation = |operation: &str| json!({ "v": "a", "operation_type": operation });
    check(
        &metric,
        &[("2026-02-10", operation("add")), ("2026-04-02", operation("remove"))],
        "2026-03",
        1.0,
    );
    check(&metric, &[("2026-03-11", operation("add"))], "2026-03", 21.0 / 31.0);
    let events = [("2026-03-02", operation("add")), ("2026-03-30", operation("remove"))];
    check(&metric, &events, "2026-03", 29.0 / 31.0);
    let mut events: Vec<(&str, Value)> = Vec::new();
    for (day, expected) in [
        (
            [
                "2026-03-05T01:00:00Z",
                "2026-03-05T02:00:00Z",
                "2026-03-05T03:00:00Z",
                "2026-03-05T04:00:00Z",
            ],
            1.0,
        ),
        (
            [
                "2026-03-09T01:00:00Z",
                "2026-03-09T02:00:00Z",
                "2026-03-09T03:00:00Z",
                "2026-03-09T04:00:00Z",
            ],
            2.0,
        ),
        (
            [
                "2026-03-20T01:00:00Z",
                "2026-03-20T02:00:00Z",
                "2026-03-20T03:00:00Z",
                "2026-03-20T04:00:00Z",
            ],
            3.0,
        ),
    ] {
        for (time, name) in day.into_iter().zip(["add", "remove", "add", "remove"]) {
            events.push((time, operation(name)));
        }
        check(&metric, &events, "2026-03", expected / 31.0);
    }
}

#[test]
fn totals_are_rounded_as_lago_rounds_them() {
    for (function, precision, expected) in [
        ("round", json!(2), 123.46),
        ("round", json!(0), 123.0),
        ("round", json!(-2), 100.0),
        ("round", json!(null), 123.0),
        ("ceil", json!(2), 123.46),
        ("ceil", json!(-2), 200.0),
        ("floor", json!(2), 123.45),
        ("floor", json!(-2), 100.0),
    ] {
        let metric = lago(
            "sum_agg",
            &json!({ "rounding_function": function, "rounding_precision": precision }),
        );
        check(&metric, &[("2026-03-01", v(100)), ("2026-03-02", v("23.456"))], "2026-03", expected);
    }
    let kept = lago("sum_agg", &json!({ "rounding_precision": 1 }));
    check(&kept, &[("2026-03-01", v(123.456))], "2026-03", 123.456);
}

#[test]
fn expressions_are_strict_as_lago_is() {
    let metric = lago("sum_agg", &json!({ "expression": "(123 - event.properties.x) / 10" }));
    let x = |value: Value| json!({ "x": value });
    check(&metric, &[("2026-03-01", x(json!(1.23)))], "2026-03", 12.177);
    let events = [
        ("2026-03-01", x(json!("1e2"))),
        ("2026-03-01", x(json!("+3"))),
        ("2026-03-01", x(json!("many"))),
        ("2026-03-01", x(Value::Null)),
        ("2026-03-01", json!({ "v": 5 })),
    ];
    check(&metric, &events, "2026-03", 14.3);
    let outcome = outcome(&metric, "lago", &lago_events(&events));
    assert_eq!(outcome.summary["rejects"], json!({ "bad_value": 3 }), "{:?}", outcome.rejects);
}

/// Value by group.
fn groups(outcome: &Outcome) -> BTreeMap<String, String> {
    let total = |total: &Value| {
        (total["group"].to_string(), total["value"].as_str().expect("a value").to_owned())
    };
    outcome.totals.iter().map(total).collect()
}

#[test]
fn groups_leave_out_what_filters_put_into_one() {
    let events = lago_events(&[
        ("2026-03-01", json!({ "v": 1, "cloud": "aws", "region": "eu" })),
        ("2026-03-01", json!({ "v": 2, "cloud": "aws", "region": "moon" })),
        ("2026-03-01", json!({ "v": 4, "cloud": "gcp", "region": "eu", "zone": "a" })),
        ("2026-03-01", json!({ "v": 8, "cloud": "own" })),
        ("2026-03-01", json!({ "v": 16 })),
    ]);
    let found = |more: Value| {
        groups(&outcome(&lago("sum_agg", &more), "lago", &events))
            .into_iter()
            .map(|(group, value)| format!("{group} {value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(json!({ "group": { "key": "cloud", "values": ["aws", "gcp"] } })),
        [r#"{"cloud":"aws"} 3"#, r#"{"cloud":"gcp"} 4"#]
    );
    assert_eq!(
        found(json!({ "group": { "key": "cloud", "values": [
            { "name": "aws", "key": "region", "values": ["eu"] },
            { "name": "gcp", "key": "zone", "values": ["a"] }] } })),
        [
            r#"{"cloud":"aws","region":"eu","zone":null} 1"#,
            r#"{"cloud":"gcp","region":null,"zone":"a"} 4"#
        ]
    );
    assert_eq!(
        found(json!({ "filters": [{ "key": "cloud", "values": ["aws"] }] })),
        [r#"{"cloud":"aws"} 3"#, r#"{"cloud":null} 28"#]
    );
}

/// The items of Maple's events, which are customers too: each with a value of `p`.
const ITEMS: [(&str, &str); 11] = [
    ("five", "5"),
    ("five-text", "\"5\""),
    ("five-point", "\"5.0\""),
    ("nine", "9"),
    ("word", "\"blue\""),
    ("sign", "\"5%_\""),
    ("yes", "true"),
    ("yes-text", "\"true\""),
    ("list", "[5]"),
    ("null", "null"),
    ("missing", ""),
];

fn maple_events() -> Vec<String> {
    let event = |(name, value): (&str, &str)| {
        let properties = if value.is_empty() { String::new() } else { format!("\"p\":{value}") };
        format!(
            r#"{{"customer_id":"{name}","item_id":"item","transaction_id":"t","timestamp":"2026-03-01T08:00:00Z","properties":{{{properties}}}}}"#
        )
    };
    ITEMS.map(event).to_vec()
}

#[test]
fn comparators_match_what_they_say() {
    let cases: [(&str, &str, &str, &str); 25] = [
        ("EQUALS", "5", "five five-text", ""),
        ("EQUALS", "5.0", "five five-point", ""),
        ("EQUALS", "true", "yes yes-text", ""),
        ("EQUALS", "blue", "word", ""),
        ("NOT_EQUALS", "5", "five-point nine word sign yes yes-text list", ""),
        ("NOT_EQUALS", "true", "five five-text five-point nine word sign list", ""),
        ("GREATER_THAN", "5", "nine", ""),
        ("GREATER_THAN_OR_EQUALS", "5", "five five-text five-point nine", ""),
        ("LESS_THAN", "6", "five five-text five-point", ""),
        ("LESS_THAN_OR_EQUAL", "5", "five five-text five-point", ""),
        ("LESS_THAN", "-1", "", ""),
        ("IN", "5, blue", "five five-text word", ""),
        ("IN", "true,9", "nine yes yes-text", ""),
        ("NOT_IN", "5,blue,true", "five-point nine sign list", ""),
        ("CONTAINS", "lu", "word", "list"),
        ("CONTAINS", "5", "five five-text five-point sign", "list"),
        ("CONTAINS", "%_", "sign", "list"),
        ("NOT_CONTAINS", "5", "nine word yes yes-text", "list"),
        ("NOT_CONTAINS", "%", "five five-text five-point nine word yes yes-text", "list"),
        ("STARTS_WITH", "bl", "word", "list"),
        ("STARTS_WITH", "5%", "sign", "list"),
        ("ENDS_WITH", "ue", "word yes yes-text", "list"),
        ("ENDS_WITH", "%_", "sign", "list"),
        ("EXISTS", "", "five five-text five-point nine word sign yes yes-text list", ""),
        ("NOT_EXISTS", "", "null missing", ""),
    ];
    let metrics: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(number, (name, value, ..))| {
            let comparator = json!({ "type": name, "left_item": { "item_type": "PROPERTY", "property": "p" },
                "right_item": { "item_type": if value.is_empty() { "" } else { "VALUE" }, "value": value } });
            json!({ "id": number.to_string(), "name": name, "item_id": "item",
                "metering_rule": { "aggregator": "COUNT", "rule": { "comparator": comparator } } })
        })
        .collect();
    let definitions = json!({ "dialect": "maple", "metrics": metrics });
    let outcome = outcome(&definitions, "maple", &maple_events());
    let refused = outcome.read_rejects();
    for (number, (name, value, matched, failed)) in cases.iter().enumerate() {
        let number = Value::from(number.to_string());
        let set = |names: &str| {
            names.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let of_metric = outcome.totals.iter().filter(|total| total["metric"] == number);
        let found: BTreeSet<String> =
            of_metric.map(|total| total["customer"].as_str().expect("text").to_owned()).collect();
        assert_eq!(found, set(matched), "{name} {value}");
        let of_metric = refused.iter().filter(|refusal| refusal["metric"] == number);
        let found: BTreeSet<String> = of_metric
            .map(|refusal| {
                assert_eq!(refusal["reason"], "bad_filter");
                refusal["event"]["customer_id"].as_str().expect("text").to_owned()
            })
            .collect();
        assert_eq!(found, set(failed), "{name} {value}");
    }
}

#[test]
fn all_history_counts_where_maple_says_so() {
    let event = |time: &str, value: u64| {
        format!(
            r#"{{"customer_id":"c","item_id":"item","transaction_id":"{time}","timestamp":"{time}T00:00:00Z","properties":{{"v":{value}}}}}"#
        )
    };
    let events = [event("2026-01-05", 2), event("2026-01-06", 3), event("2026-03-02", 4)];
    for (name, expected) in [
        ("LAST_REPORTED_IN_HISTORY", &["3", "3", "4"][..]),
        ("LAST_REPORTED_IN_PERIOD", &["3", "4"]),
        ("HISTORICAL_SUM", &["5", "5", "9"]),
        ("SUM", &["5", "4"]),
    ] {
        let metric = json!({ "name": "M", "item_id": "item",
            "metering_rule": { "aggregator": name, "property": "v" } });
        let definitions = json!({ "dialect": "maple", "metrics": [metric] });
        let outcome = outcome(&definitions, "maple", &events);
        let values: Vec<&str> =
            outcome.totals.iter().map(|total| total["value"].as_str().expect("a value")).collect();
        assert_eq!(values, expected, "{name}");
        assert!(outcome.totals.iter().all(|total| total["metric"] == "M"));
    }
}

#[test]
fn files_of_several_forms_are_checked_as_one_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let lago = write(
        folder,
        "lago.toml",
        "dialect = 'lago'\n[defaults]\ntimezone = 'Europe/Paris'\n[[metrics]]\nname = 'Seats'\ncode = 'seats'\n\
         aggregation_type = 'unique_count_agg'\nfield_name = 'user'\nrecurring = true\n",
    );
    let maple = write(
        folder,
        "maple.yaml",
        "dialect: maple\nmetrics:\n- {name: calls, item_id: item, colour: red, metering_rule: {aggregator: COUNT}}\n",
    );
    let output = run(["check", "--metrics", &lago, "--metrics", &maple]);
    let (stdout, _) = expect_status(&output, 0);
    for piece in [
        "seats (Seats)\n",
        "total         number of distinct properties.user\n",
        "period        month, Europe/Paris\n",
        "ignored       unknown keys colour\n",
        "2 metrics, no faults\n",
    ] {
        assert!(stdout.contains(piece), "{piece} is not in\n{stdout}");
    }
    let faulty = write(
        folder,
        "faulty.yaml",
        "dialect: lago\nmetrics:\n- name: M\n  code: m\n  aggregation_type: mean_agg\n",
    );
    let (_, stderr) = expect_status(&run(["check", "--metrics", &faulty]), 2);
    for piece in [
        "faulty.yaml:5:21: metrics[0] (code \"m\"): aggregation_type: is one of",
        "faulty.yaml:3:3: metrics[0] (code \"m\"): field_name",
    ] {
        assert!(stderr.contains(piece), "{piece} is not in\n{stderr}");
    }
}
