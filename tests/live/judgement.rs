//! The judgement over what came out: every revision exactly once and going on from the one before, and last revisions
//! and rejects equal to what the oracle says of the very records that the topic holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use odometer::format::definitions;
use odometer::model::EventTime;
use serde::Deserialize;
use serde_json::Value;

use crate::oracle::{Offsets, Options, Oracle, Record as OracleRecord};
use crate::scene::Scene;
use crate::topic::Record;

/// The entries of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// Totals and rejects, by a name of their key: what came out, or what should.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Value, event count, and offsets where it says them, of the last revision.
    totals: BTreeMap<String, String>,
    /// The reason.
    rejects: BTreeMap<String, String>,
}

impl Outcome {
    /// What a read-committed consumer sees. Panics where a revision or a reject is missing or there twice, or a
    /// revision does not go on from the one before.
    pub(crate) fn found(scene: &Scene<'_>) -> Self {
        let totals = scene.broker.read_committed_all(&scene.totals);
        let rejects = scene.broker.read_committed_all(&scene.rejects);
        Self::of(&totals, &rejects)
    }

    /// The same of records that were read, in the order of their partitions.
    pub(crate) fn of(totals: &[Record], rejects: &[Record]) -> Self {
        let mut chains: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in totals {
            let total = serde_json::from_str(record.text()).expect("a total is JSON");
            chains.entry(record.key_text().to_owned()).or_default().push(total);
        }
        let mut found = Self::default();
        for (key, revisions) in &chains {
            expect_chain(key, revisions);
            let last = revisions.last().expect("a key has a revision");
            found.insert_total(last, &last["period"]);
        }
        for record in rejects {
            found.insert_reject(record);
        }
        found
    }

    /// What the oracle says, partition by partition: each has a watermark and a memory of ids of its own.
    pub(crate) fn expected(scene: &Scene<'_>, metrics: &str) -> Self {
        let records = scene.broker.read_committed_all(&scene.usage);
        let of = |partition| records.iter().filter(move |record| record.partition == partition);
        let tasks = (0..scene.partitions).map(|partition| of(partition).collect());
        Self::of_tasks(scene, metrics, tasks)
    }

    /// The same of a topic whose records are keyed by anything: all of them are one log, in whatever order. So the metrics
    /// must correct what is late, and no two events of one id may differ.
    pub(crate) fn expected_of_all(scene: &Scene<'_>, metrics: &str) -> Self {
        let records = scene.broker.read_committed_all(&scene.usage);
        Self::of_tasks(scene, metrics, [records.iter().collect()])
    }

    fn of_tasks<'r>(
        scene: &Scene<'_>,
        metrics: &str,
        tasks: impl IntoIterator<Item = Vec<&'r Record>>,
    ) -> Self {
        let definitions = definitions::read(&[("metrics.json", metrics)]).expect("sound metrics");
        let mut expected = Self::default();
        for here in tasks {
            // The clock at reading, never earlier than the record's own timestamp, decides nothing (rule 1.6).
            let read: Vec<OracleRecord<'_>> = (here.iter())
                .map(|record| OracleRecord {
                    bytes: record.value.as_deref().unwrap_or_default(),
                    timestamp: record.timestamp.map(|ms| EventTime::from_micros(ms * 1000)),
                })
                .collect();
            // What is still open at the end of the topic has no total.
            let keeps_offsets = scene.shows_offsets;
            let options = Options { keep_open: true, keeps_offsets, ..Options::default() };
            let outcome = Oracle::run(&definitions, &read, options);
            for (key, total) in outcome.totals {
                let group = key.group.into_iter().collect();
                let name = name_of(&key.metric, &key.customer, &group, key.start, key.end);
                let offset = |place: i64| usize::try_from(place).map(|place| here[place].offset);
                let offsets = match total.offsets {
                    Offsets::Said(Some((first, last))) => (offset(first).ok(), offset(last).ok()),
                    Offsets::Said(None) | Offsets::Unsaid => (None, None),
                };
                let offsets = keeps_offsets.then_some(offsets);
                let worth = worth_of(total.value.as_deref(), total.events, offsets);
                expected.totals.insert(name, worth);
            }
            for refusal in outcome.rejects {
                let record = here[refusal.record];
                let place = format!("{}/{}", record.partition, record.offset);
                let name = format!("{place} {}", refusal.metric.as_deref().unwrap_or("-"));
                expected.rejects.insert(name, refusal.reason.name().to_owned());
            }
        }
        expected
    }

    /// Totals that a file states, one JSON object a line, with `start` and `end` beside the rest; no rejects.
    pub(crate) fn stated(file: &str) -> Self {
        let mut stated = Self::default();
        for line in file.lines() {
            let total: Value = serde_json::from_str(line).expect("a total is JSON");
            stated.insert_total(&total, &total);
        }
        stated
    }

    /// Leaves the totals alone to judge.
    pub(crate) fn forget_rejects(&mut self) {
        self.rejects.clear();
    }

    /// Panics with the first differences, where there are any.
    pub(crate) fn assert_is(&self, expected: &Self) {
        let differences = difference(&expected.totals, &self.totals);
        assert!(differences.is_empty(), "totals (expected, found):\n{differences}");
        let differences = difference(&expected.rejects, &self.rejects);
        assert!(differences.is_empty(), "rejects (expected, found):\n{differences}");
    }

    fn insert_total(&mut self, total: &Value, period: &Value) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let instant = |value: &Value| EventTime::parse_rfc3339(&text(value)).expect("an instant");
        let dimensions = total["group"].as_object().expect("a group is an object");
        let dimension =
            |(name, value): (&String, &Value)| (name.clone(), value.as_str().map(str::to_owned));
        let name = name_of(
            &text(&total["metric"]),
            &text(&total["customer"]),
            &dimensions.iter().map(dimension).collect(),
            instant(&period["start"]),
            instant(&period["end"]),
        );
        let events = total["events"].as_u64().expect("a count");
        let source = &total["source"];
        let offsets = source.get("first_offset").zip(source.get("last_offset"));
        let offsets = offsets.map(|(first, last)| (first.as_i64(), last.as_i64()));
        let worth = worth_of(total["value"].as_str(), events, offsets);
        let before = self.totals.insert(name, worth);
        assert_eq!(before, None, "two keys for one total: {total}");
    }

    fn insert_reject(&mut self, record: &Record) {
        let reject: Reject =
            serde_json::from_str(record.text()).expect("a reject is JSON of this form");
        let Position { partition, offset } = reject.source;
        let name = format!("{partition}/{offset} {}", reject.metric.as_deref().unwrap_or("-"));
        let before = self.rejects.insert(name.clone(), reject.reason);
        assert_eq!(before, None, "there twice: {name}");
    }
}

/// What is judged of a reject. Its event is passed over: it may hold numbers that no float does.
#[derive(Deserialize)]
struct Reject {
    reason: String,
    metric: Option<String>,
    source: Position,
}

#[derive(Deserialize)]
struct Position {
    partition: i32,
    offset: i64,
}

/// Looks at all revisions of a key (rules 7.4, 7.6).
fn expect_chain(key: &str, revisions: &[Value]) {
    let mut before = &Value::Null;
    for (place, total) in revisions.iter().enumerate() {
        assert_eq!(total["revision"], place + 1, "{key}: in order, each once: {total}");
        assert_eq!(&total["previous"], before, "{key}: goes on from the one before: {total}");
        before = &total["value"];
    }
}

fn name_of(
    metric: &str,
    customer: &str,
    group: &BTreeMap<String, Option<String>>,
    start: EventTime,
    end: EventTime,
) -> String {
    format!("{metric} {customer} {group:?} {start} to {end}")
}

fn worth_of(
    value: Option<&str>,
    events: u64,
    offsets: Option<(Option<i64>, Option<i64>)>,
) -> String {
    let place = offsets.map_or_else(String::new, |offsets| format!(" at {offsets:?}"));
    format!("{} of {events} events{place}", value.unwrap_or("null"))
}

/// The first entries in which two maps differ, a line each; empty where they are equal.
fn difference(expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> String {
    let mut names: Vec<&String> = expected.keys().chain(found.keys()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| expected.get(*name) != found.get(*name));
    let mut text = String::new();
    for name in names.iter().take(SHOWN_MAX) {
        let pair = (expected.get(*name), found.get(*name));
        writeln!(text, "{name}: {pair:?}").expect("text grows");
    }
    if names.len() > SHOWN_MAX {
        writeln!(text, "and {} more", names.len() - SHOWN_MAX).expect("text grows");
    }
    text
}
