//! `odometer rejects` over files: what was refused is found again, by reason, with its parts and in every shape.

mod list;
mod replay;

use std::path::Path;

use serde_json::Value;

use crate::program::{expect_status, run, write};

/// A sum over a property that no event has, and one that wants a number.
const WRONG: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.amount", "period": "hour"},
    {"code": "seconds", "event_type": "call", "aggregation": "max", "value": "properties.t", "period": "hour"}]}"#;

/// Refused by both metrics, by one, broken, without a customer, counted by nobody.
const EVENTS: &str = concat!(
    r#"{"id":"e1","type":"call","customer":"acme","time":"2024-03-01T00:10:00Z","properties":{"v":1.50,"t":"x"}}"#,
    "\n",
    r#"{"id":"e2","type":"call","customer":"acme","time":"2024-03-01T00:20:00Z","properties":{"v": 2,"t":1}}"#,
    "\n",
    "{\"id\":\"e3\u{9b}\n",
    r#"{"id":"e4","type":"call","time":"2024-03-01T00:30:00Z"}"#,
    "\n",
    r#"{"id":"e5","type":"other","customer":"b","time":"2024-03-01T00:40:00Z"}"#,
    "\n",
);

/// The rejects of [`EVENTS`] by [`WRONG`], as a file.
fn rejects(folder: &Path) -> String {
    let metrics = write(folder, "wrong.json", WRONG);
    let input = write(folder, "events.ndjson", EVENTS);
    let rejects = folder.join("rejects.ndjson").to_str().expect("text").to_owned();
    let output = folder.join("totals.ndjson").to_str().expect("text").to_owned();
    let arguments = ["aggregate", "--metrics", &metrics, "--input", &input, "--rejects", &rejects];
    expect_status(&run(arguments.iter().chain(&["--output", &output])), 0);
    rejects
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}
