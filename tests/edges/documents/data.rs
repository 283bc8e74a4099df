//! Data of the documents: definitions, configurations, events, and what the program writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toml::Table;

use super::stage::{CONFIGURATION, Stage, keys};
use crate::program::{expect_status, run};

/// A metric of no event that a document shows.
const WANTS_NOTHING: &str =
    r#"{"metrics": [{"code": "of no event at all", "aggregation": "count"}]}"#;

/// Formats of events with their keys: one that has the second and the third is an event of that format.
const FORMATS: [(&str, &[&str]); 3] = [
    ("native", &["id", "type", "customer", "time", "properties", "tenant"]),
    (
        "lago",
        &[
            "transaction_id",
            "code",
            "external_subscription_id",
            "timestamp",
            "properties",
            "organization_id",
        ],
    ),
    ("maple", &["transaction_id", "item_id", "customer_id", "timestamp", "properties"]),
];

/// Definitions must be sound as they stand; of a configuration there may be a part, which is laid over a whole one.
pub(super) fn toml_faults(stage: &Stage, text: &str) -> Vec<String> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("is no TOML: {error}")],
    };
    if table.contains_key("metrics") && table["metrics"].is_array()
        || table.contains_key("customers")
    {
        return definitions_fault(stage, "block.toml", text).into_iter().collect();
    }
    let shipped = std::fs::read_to_string(stage.path("config/odometer.toml")).expect("it is there");
    let over_files = leaf(&table, "source", "kind") == Some("file");
    let bases = if over_files { vec![CONFIGURATION] } else { vec![&*shipped, CONFIGURATION] };
    let mut faults = Vec::new();
    for base in bases {
        match configuration_fault(stage, base, &table) {
            Some(fault) => faults.push(fault),
            None => return Vec::new(),
        }
    }
    faults.truncate(1);
    faults
}

fn leaf<'t>(table: &'t Table, section: &str, key: &str) -> Option<&'t str> {
    table.get(section)?.get(key)?.as_str()
}

fn definitions_fault(stage: &Stage, name: &str, text: &str) -> Option<String> {
    let file = stage.write(name, text);
    let output = run(["check", "--metrics", &file]);
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

fn configuration_fault(stage: &Stage, base: &str, part: &Table) -> Option<String> {
    let mut leaves = BTreeMap::new();
    add_leaves(&mut leaves, "", &base.parse().expect("it is TOML"));
    add_leaves(&mut leaves, "", part);
    let secret = stage.write("secret", "a secret");
    for (key, value) in &mut leaves {
        // Files of the reader's machine are not here.
        if key.ends_with("_file\"") || key.ends_with("_file") {
            *value = quoted(&secret);
        } else if key == "\"metrics\".\"files\"" {
            "[\"config/metrics.toml\"]".clone_into(value);
        }
    }
    let lines: Vec<String> = leaves.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    stage.write("block-configuration.toml", &lines.join("\n"));
    stage.run("odometer check --config block-configuration.toml").err()
}

/// Every value by its dotted key, written as TOML.
fn add_leaves(leaves: &mut BTreeMap<String, String>, path: &str, table: &Table) {
    for (key, value) in table {
        let key = quoted(key);
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(inner) => add_leaves(leaves, &path, inner),
            other => drop(leaves.insert(path, written(other))),
        }
    }
}

fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => quoted(text),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Boolean(truth) => truth.to_string(),
        toml::Value::Datetime(instant) => instant.to_string(),
        toml::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        toml::Value::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", quoted(key), written(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// JSON's quotes are also TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Each object of a block must be an event that can be read, definitions, or have the keys of what the program writes.
pub(super) fn json_faults(stage: &Stage, text: &str) -> Vec<String> {
    let values: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(text).into_iter().collect();
    let values = match values {
        Ok(values) if !values.is_empty() => values,
        Ok(_) => return vec!["is no JSON: it is empty".to_owned()],
        Err(error) => return vec![format!("is no JSON: {error}")],
    };
    let mut faults = Vec::new();
    let mut others = values;
    for (format, known) in FORMATS {
        let (events, rest): (Vec<Value>, Vec<Value>) =
            others.into_iter().partition(|value| is_event(value, known));
        faults.extend(events_fault(stage, format, &events));
        others = rest;
    }
    let shapes = if others.is_empty() { BTreeSet::default() } else { stage.shapes() };
    for value in &others {
        let own = keys(value);
        let of_definitions = ["customers", "defaults", "dialect", "metrics"];
        if value["metrics"].is_array() && own.iter().all(|key| of_definitions.contains(&&**key)) {
            faults.extend(definitions_fault(stage, "block.json", &value.to_string()));
        } else if !shapes.contains(&own) {
            faults.push(format!("{value} is nothing that the program reads or writes"));
        }
    }
    faults
}

/// Whether an object is an event of the format with these keys, or means to be one.
fn is_event(value: &Value, known: &[&str]) -> bool {
    match known {
        [_, a, b, ..] => value.get(a).is_some() && value.get(b).is_some(),
        _ => false,
    }
}

fn events_fault(stage: &Stage, format: &str, events: &[Value]) -> Option<String> {
    if events.is_empty() {
        return None;
    }
    let (_, known) = FORMATS.iter().find(|(name, _)| *name == format)?;
    let odd = events.iter().flat_map(keys).find(|key| !known.contains(&key.as_str()));
    if let Some(odd) = odd {
        return Some(format!("{odd:?} is no field of an event"));
    }
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let metrics = stage.write("wants-nothing.json", WANTS_NOTHING);
    let input = stage.write("block.ndjson", &lines.join("\n"));
    let rejects = stage.write("block-rejects.ndjson", "");
    let flags =
        ["--metrics", &metrics, "--input", &input, "--rejects", &rejects, "--format", format];
    expect_status(&run([&["aggregate"], &flags[..]].concat()), 0);
    let rejects = std::fs::read_to_string(rejects).expect("the run wrote it");
    (!rejects.is_empty()).then(|| format!("an event is refused: {rejects}"))
}

pub(super) fn yaml_faults(text: &str) -> Vec<String> {
    let mut events = granit_parser::Parser::new_from_str(text);
    let fault = events.find_map(Result::err);
    fault.map(|error| format!("is no YAML: {error}")).into_iter().collect()
}
