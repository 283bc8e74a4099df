//! Events in other systems' formats, over files.

use super::{aggregate, newest};
use crate::program::{expect_status, run, write};

const METRICS: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.v"}]}"#;

/// Value and event count of every total.
fn values(totals: &[serde_json::Value]) -> Vec<(String, u64)> {
    newest(totals);
    let of = |total: &serde_json::Value| {
        let value = total["value"].as_str().expect("a value").to_owned();
        (value, total["events"].as_u64().expect("a count"))
    };
    totals.iter().map(of).collect()
}

#[track_caller]
fn check(format: &[&str], events: &str, value: &str, count: u64, summary: [u64; 3]) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "metrics.json", METRICS);
    let input = write(folder, "events.ndjson", events);
    let mut flags = vec!["--metrics", &metrics, "--input", &input, "--format"];
    flags.extend(format);
    let outcome = aggregate(folder, &flags);
    assert_eq!(values(&outcome.totals), [(value.to_owned(), count)], "{events}");
    let counts = ["read", "duplicate", "invalid"].map(|name| outcome.summary[name].as_u64());
    assert_eq!(counts, summary.map(Some), "{}", outcome.summary);
}

#[test]
fn lago_events_count_once_for_each_subscription() {
    let event = |id: &str, customer: &str, more: &str| {
        format!(
            r#"{{"transaction_id":"{id}","external_subscription_id":"{customer}","code":"call","timestamp":"1772352000","properties":{{"v":"2"}}{more}}}"#
        )
    };
    let events = [
        event("a", "c", ""),
        event("a", "c", ""),
        event("a", "c", r#","organization_id":"o""#),
        format!(r#"{{"events":[{},{},null]}}"#, event("b", "c", ""), event("b", "c", "")),
    ];
    check(&["lago"], &events.join("\n"), "6", 3, [6, 2, 1]);
}

#[test]
fn maple_events_count_once_for_each_customer() {
    let event = |customer: &str| {
        format!(
            r#"{{"transaction_id":"a","{customer}":"c","item_id":"call","timestamp":"2026-03-01T08:00:00Z","properties":{{"v":2}}}}"#
        )
    };
    let events = [event("customer_id"), event("customer_identifier"), event("customer")];
    check(&["maple"], &events.join("\n"), "2", 1, [3, 1, 1]);
}

#[test]
fn zenskar_events_count_each() {
    let event = r#"{"customer_id":"c","timestamp":"2026-03-01 08:00:00","data":{"v":2}}"#;
    let named = event.replacen('{', r#"{"slug":"call","#, 1);
    let events = [event, event, &named].join("\n");
    check(&["zenskar", "--event-type", "call"], &events, "6", 3, [3, 0, 0]);
    check(&["zenskar"], &events, "2", 1, [3, 0, 2]);
}

#[test]
fn custom_formats_name_their_paths() {
    let format = r#"{ id = "uid", type = "what.meter", customer = "account", time = "ms", time_unit = "milliseconds", properties = "measure", events = "all" }"#;
    let event =
        r#"{"uid":1,"what":{"meter":"call"},"account":"c","ms":1772352000123,"measure":{"v":2}}"#;
    let events = format!("{event}\n{event}\n{{\"all\":[{event},{}]}}", event.replace(":1,", ":2,"));
    check(&[format], &events, "4", 2, [4, 2, 0]);
}

/// A state holds what several inputs had: events without ids are told apart by the run that read them.
#[test]
fn events_without_ids_of_several_runs_all_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "metrics.json", METRICS);
    let event = r#"{"customer_id":"c","timestamp":"2026-03-01 08:00:00","data":{"v":2}}"#;
    let state = folder.join("state").to_str().expect("text").to_owned();
    for (name, value) in [("one", "2"), ("two", "4")] {
        let input = write(folder, name, event);
        let flags = ["--metrics", &metrics, "--input", &input, "--format", "zenskar"];
        let flags = [&flags[..], &["--event-type", "call", "--state", &state]].concat();
        let outcome = aggregate(folder, &flags);
        assert_eq!(outcome.totals.last().expect("a total")["value"], value);
    }
}

#[test]
fn faulty_formats_are_told() {
    for (format, said) in [
        ("lagoon", "expected \"native\", \"lago\", \"maple\" or \"zenskar\""),
        ("custom", "\"custom\" is a table with a path for each field"),
        ("{ id = \"x\", tyme = \"y\" }", "unknown key \"tyme\""),
        ("{ id = \"x\" }", "has no path of customer, nor of time"),
        (
            "{ ident = \"u\", customer = \"a\", time = \"ts\" }",
            "unknown key \"ident\": the keys here are id,",
        ),
        ("{ id = ", "is no table of TOML"),
    ] {
        let output = run(["aggregate", "--metrics", "x", "--format", format]);
        let (_, stderr) = expect_status(&output, 2);
        assert!(stderr.contains(said), "{format}: {stderr}");
    }
}

/// What has no id cannot be found to be counted already.
#[test]
fn events_without_ids_are_not_read_again_after_a_run_was_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "metrics.json", METRICS);
    let event =
        "{\"customer_id\":\"c\",\"timestamp\":\"2026-03-01 08:00:00\",\"data\":{\"v\":2}}\n";
    let input = write(folder, "events", &event.repeat(3));
    let state = folder.join("state").to_str().expect("text").to_owned();
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--format", "zenskar"];
    let flags = [&flags[..], &["--event-type", "call", "--state", &state, "--output"]].concat();
    expect_status(&run([&flags[..], &["/dev/full"]].concat()), 1);
    write(folder, "events", &event.replace("c\"", "d\"").repeat(3));
    let totals = folder.join("totals").to_str().expect("text").to_owned();
    let (_, said) = expect_status(&run([&flags[..], &[&totals]].concat()), 1);
    assert!(said.contains("would count again"), "{said}");
    write(folder, "events", &event.repeat(4));
    expect_status(&run([&flags[..], &[&totals]].concat()), 0);
    let totals = std::fs::read_to_string(&totals).expect("totals");
    assert!(totals.contains(r#""value":"8""#), "{totals}");
}
