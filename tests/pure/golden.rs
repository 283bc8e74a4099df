//! The golden worlds under `tests/data/worlds`: read, and held against what came out.
//!
//! A world is a folder of definitions, events and perhaps flags, with the totals, dispositions and rejects
//! that must come out. Whoever works a world out (the oracle here, the engine elsewhere) hands its
//! outcome to [`World::differences`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use odometer::model::{EventTime, Span};
use serde_json::Value;

use crate::oracle::{Options, Oracle, Outcome, Record, Total, TotalKey};

/// A folder of `tests/data/worlds`.
pub struct World {
    /// Name of the folder.
    pub name: String,
    /// Text of `metrics.json`.
    pub definitions: String,
    /// Bytes of `events.ndjson`.
    pub events: Vec<u8>,
    /// What `options.json` sets.
    pub options: Options,
    totals: BTreeSet<String>,
    summary: BTreeMap<String, u64>,
}

impl World {
    /// Every world, by name.
    pub fn all() -> Vec<World> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/worlds");
        let entries = fs::read_dir(&root).expect("the worlds are part of the repository");
        let mut folders: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        folders.iter().map(|folder| World::read(folder)).collect()
    }

    fn read(folder: &Path) -> World {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let text = |file: &str| {
            fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
        };
        let options = fs::read_to_string(folder.join("options.json")).unwrap_or("{}".to_owned());
        let summary: Value = json(&text("expected-summary.json"));
        World {
            definitions: text("metrics.json"),
            events: fs::read(folder.join("events.ndjson")).expect("a world has events"),
            options: options_of(&json(&options)),
            totals: text("expected-totals.ndjson")
                .lines()
                .map(|line| total_line(&json(line)))
                .collect(),
            summary: flat_summary(&summary),
            name,
        }
    }

    /// Every way in which an outcome is not what this world says; empty where it agrees.
    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let totals: BTreeSet<String> =
            outcome.totals.iter().map(|(key, total)| line_of(key, total)).collect();
        let missing = self.totals.difference(&totals).map(|line| format!("missing {line}"));
        let excess = totals.difference(&self.totals).map(|line| format!("excess {line}"));
        let mut differences: Vec<String> = missing.chain(excess).collect();
        let summary = summary_of(outcome);
        if summary != self.summary {
            differences.push(format!("summary {summary:?} instead of {:?}", self.summary));
        }
        differences
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The flags of `options.json`.
fn options_of(flags: &Value) -> Options {
    let mut options = Options::default();
    for (flag, value) in flags.as_object().expect("flags are an object") {
        let text = value.as_str().expect("a flag is a text");
        let span = || Span::parse(text).expect("a duration");
        match flag.as_str() {
            "dedup_window" => options.dedup_window = span(),
            "watermark_delay" => options.watermark_delay = span(),
            "now" => options.now = Some(EventTime::parse_rfc3339(text).expect("an instant")),
            other => panic!("unknown flag {other}"),
        }
    }
    options
}

/// One spelling for a line of `expected-totals.ndjson`: `serde_json` sorts the keys of objects.
fn total_line(total: &Value) -> String {
    total.to_string()
}

fn line_of(key: &TotalKey, total: &Total) -> String {
    let group = key.group.iter().map(|(name, text)| (name.clone(), Value::from(text.clone())));
    let line = serde_json::json!({
        "tenant": key.tenant,
        "metric": key.metric,
        "customer": key.customer,
        "group": Value::Object(group.collect()),
        "start": key.start.to_string(),
        "end": key.end.to_string(),
        "value": total.value,
        "events": total.events,
    });
    total_line(&line)
}

fn flat_summary(summary: &Value) -> BTreeMap<String, u64> {
    let mut flat = BTreeMap::new();
    for (name, value) in summary.as_object().expect("a summary is an object") {
        match value.as_object() {
            Some(reasons) => flat.extend(reasons.iter().map(|(reason, count)| {
                (format!("rejects.{reason}"), count.as_u64().expect("a count"))
            })),
            None => drop(flat.insert(name.clone(), value.as_u64().expect("a count"))),
        }
    }
    flat
}

fn summary_of(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut summary = BTreeMap::new();
    summary.insert("read".to_owned(), u64::try_from(outcome.dispositions.len()).expect("few"));
    for (name, disposition) in crate::oracle::DISPOSITIONS {
        summary.insert(name.to_owned(), outcome.count(disposition));
    }
    let rejects = outcome.rejects_by_reason().into_iter();
    summary.extend(rejects.map(|(reason, count)| (format!("rejects.{reason}"), count)));
    summary
}

#[test]
fn oracle_agrees_with_every_world() {
    let worlds = World::all();
    assert_eq!(worlds.len(), 106, "worlds are kept for ever");
    let mut faults = Vec::new();
    for world in &worlds {
        let definitions = crate::worlds::definitions(&world.definitions);
        let records = Record::lines(&world.events);
        let outcome = Oracle::run(&definitions, &records, world.options.clone());
        let differences = world.differences(&outcome);
        faults.extend(differences.iter().map(|difference| format!("{}: {difference}", world.name)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
