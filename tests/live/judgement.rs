//! The judgement over what came out: every revision exactly once and going on from the one before; first and last
//! revisions and rejects equal to what the oracle says of the very records that the topic holds.

use std::collections::{BTreeMap, BTreeSet};

use odometer::format::definitions;
use odometer::model::EventTime;
use serde::Deserialize;
use serde_json::Value;

use crate::oracle::number::{parse_plain, plain_text, zero};
use crate::oracle::{Offsets, Options, Oracle, Record as OracleRecord, Total, TotalKey};
use crate::scene::Scene;
use crate::topic::Record;

/// The entries of a difference that are shown.
const SHOWN_MAX: usize = 20;

/// Totals and rejects, by a name of their key: what came out, or what should.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Value, event count, and offsets where it says them, of the last revision.
    totals: BTreeMap<String, String>,
    /// The same of revision 1. What should be is not known of totals that only late events made.
    firsts: BTreeMap<String, String>,
    /// The reason.
    rejects: BTreeMap<String, String>,
    /// What is wrong with what came out, whatever should have.
    faults: Vec<String>,
    revisions: usize,
}

impl Outcome {
    /// What a read-committed consumer sees. Panics where a revision or a reject is missing or there twice, or a
    /// revision does not go on from the one before.
    pub(crate) fn found(scene: &Scene<'_>) -> Self {
        let totals = scene.broker.read_committed_all(&scene.totals);
        let rejects = scene.broker.read_committed_all(&scene.rejects);
        let found = Self::of(&totals, &rejects);
        assert!(found.faults.is_empty(), "{}", found.faults.join("\n"));
        found
    }

    /// The same of records that were read, in the order of their partitions; what is wrong is kept.
    pub(crate) fn of(totals: &[Record], rejects: &[Record]) -> Self {
        let mut chains: BTreeMap<String, Vec<(i32, Value)>> = BTreeMap::new();
        for record in totals {
            let total = serde_json::from_str(record.text()).expect("a total is JSON");
            let key = record.key_text().to_owned();
            chains.entry(key).or_default().push((record.partition, total));
        }
        let mut found = Self { revisions: totals.len(), ..Self::default() };
        found.expect_distinct(chains.values().flatten().map(|(_, total)| total));
        for (key, revisions) in &chains {
            found.faults.extend(chain_faults(key, revisions));
            let (_, first) = revisions.first().expect("a key has a revision");
            let (_, last) = revisions.last().expect("a key has a revision");
            found.firsts.insert(found_name(first, &first["period"]), found_worth(first));
            found.insert_total(last, &last["period"]);
        }
        for record in rejects {
            found.insert_reject(record);
        }
        found
    }

    /// What the oracle says by default, partition by partition.
    pub(crate) fn expected(scene: &Scene<'_>, metrics: &str) -> Self {
        Self::expected_by(scene, metrics, &Options::default())
    }

    /// What the oracle says of what the usage topic holds.
    pub(crate) fn expected_by(scene: &Scene<'_>, metrics: &str, options: &Options) -> Self {
        let records = scene.broker.read_committed_all(&scene.usage);
        let keeps_offsets = scene.shows_offsets;
        Self::expected_of(&records, metrics, &Options { keeps_offsets, ..options.clone() })
    }

    /// What the oracle says of records, partition by partition: each has a watermark and a memory of ids of its own.
    pub(crate) fn expected_of(records: &[Record], metrics: &str, options: &Options) -> Self {
        let partitions: BTreeSet<i32> = records.iter().map(|record| record.partition).collect();
        let of = |partition| records.iter().filter(move |record| record.partition == partition);
        let tasks = partitions.into_iter().map(|partition| of(partition).collect());
        Self::of_tasks(tasks, metrics, options)
    }

    /// The same of a topic whose records are keyed by anything: all of them are one log, in whatever order. So the metrics
    /// must correct what is late, and no two events of one id may differ.
    pub(crate) fn expected_of_all(scene: &Scene<'_>, metrics: &str) -> Self {
        let records = scene.broker.read_committed_all(&scene.usage);
        let options = Options { keeps_offsets: scene.shows_offsets, ..Options::default() };
        let mut expected = Self::of_tasks([records.iter().collect()], metrics, &options);
        // What a total said first is the order's affair.
        expected.firsts.clear();
        expected
    }

    fn of_tasks<'r>(
        tasks: impl IntoIterator<Item = Vec<&'r Record>>,
        metrics: &str,
        options: &Options,
    ) -> Self {
        let definitions = definitions::read(&[("metrics.json", metrics)]).expect("sound metrics");
        // What is still open at the end of the topic has no total.
        let options = Options { keep_open: true, ..options.clone() };
        let keeps_offsets = options.keeps_offsets;
        let mut expected = Self::default();
        for here in tasks {
            // The clock at reading, never earlier than the record's own timestamp, decides nothing (rule 1.6).
            let read: Vec<OracleRecord<'_>> = (here.iter())
                .map(|record| OracleRecord {
                    bytes: record.value.as_deref().unwrap_or_default(),
                    timestamp: record.timestamp.map(|ms| EventTime::from_micros(ms * 1000)),
                })
                .collect();
            let outcome = Oracle::run(&definitions, &read, options.clone());
            let worth = |total: &Total| expected_worth(total, &here, keeps_offsets);
            let named = |(key, total): (&TotalKey, &Total)| (expected_name(key), worth(total));
            expected.totals.extend(outcome.totals.iter().map(named));
            expected.firsts.extend(outcome.first_values.iter().map(named));
            for refusal in outcome.rejects {
                let record = here[refusal.record];
                let place = format!("{}/{}", record.partition, record.offset);
                let metric = refusal.metric.as_deref().map_or("-", plain_code);
                let name = format!("{place} {metric}");
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

    /// Leaves the last revision of each total to judge, whatever the first one said.
    pub(crate) fn forget_firsts(&mut self) {
        self.firsts.clear();
    }

    /// How many revisions came out.
    pub(crate) fn revisions(&self) -> usize {
        self.revisions
    }

    /// How many keys have a total.
    pub(crate) fn keys(&self) -> usize {
        self.totals.len()
    }

    /// Panics with the first differences, where there are any.
    pub(crate) fn assert_is(&self, expected: &Self) {
        let violations = self.violations(expected);
        let shown = violations.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n");
        let more = violations.len().saturating_sub(SHOWN_MAX);
        assert!(violations.is_empty(), "{shown}\nand {more} more");
    }

    /// All that is wrong with what came out, and every difference to what should have, a line each.
    pub(crate) fn violations(&self, expected: &Self) -> Vec<String> {
        let mut violations = self.faults.clone();
        let known = |(name, _): &(&String, &String)| expected.firsts.contains_key(*name);
        let firsts = self.firsts.iter().filter(known);
        let firsts = firsts.map(|(name, worth)| (name.clone(), worth.clone())).collect();
        violations.extend(differences("totals", &expected.totals, &self.totals));
        violations.extend(differences("revisions 1", &expected.firsts, &firsts));
        violations.extend(differences("rejects", &expected.rejects, &self.rejects));
        violations
    }

    /// Looks for one id of two totals: nothing is there twice.
    fn expect_distinct<'t>(&mut self, totals: impl Iterator<Item = &'t Value>) {
        let mut seen = BTreeSet::new();
        for total in totals {
            let id = total["id"].as_str().expect("a total has an id");
            if !seen.insert(id) {
                self.faults.push(format!("there twice: {total}"));
            }
        }
    }

    fn insert_total(&mut self, total: &Value, period: &Value) {
        let name = found_name(total, period);
        let before = self.totals.insert(name, found_worth(total));
        if before.is_some() {
            self.faults.push(format!("two keys for one total: {total}"));
        }
    }

    fn insert_reject(&mut self, record: &Record) {
        let reject: Reject =
            serde_json::from_str(record.text()).expect("a reject is JSON of this form");
        let Position { partition, offset } = reject.source;
        let name = format!("{partition}/{offset} {}", reject.metric.as_deref().unwrap_or("-"));
        let before = self.rejects.insert(name.clone(), reject.reason);
        if before.is_some() {
            self.faults.push(format!("reject there twice: {name}"));
        }
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

/// Looks at all revisions of a key, each with its partition (rules 7.4, 7.6).
fn chain_faults(key: &str, revisions: &[(i32, Value)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut before = &Value::Null;
    let home = revisions.first().map(|(partition, _)| *partition);
    for (place, (partition, total)) in revisions.iter().enumerate() {
        let mut expect = |is_so: bool, what: &str| {
            if !is_so {
                faults.push(format!("{key}: {what}: {total}"));
            }
        };
        let kind = if place == 0 { "final" } else { "correction" };
        expect(total["revision"] == place + 1, "in order, each once");
        expect(total["kind"] == kind, "the first is final, later ones correct it");
        expect(&total["previous"] == before, "goes on from the one before");
        let difference = plain_text(&(amount(&total["value"]) - amount(&total["previous"])));
        expect(total["delta"] == difference, "says by how much");
        expect(home == Some(*partition), "all in one partition");
        before = &total["value"];
    }
    faults
}

/// What a value counts as in a difference (rule 4.6).
fn amount(value: &Value) -> crate::oracle::number::Exact {
    value.as_str().map_or_else(zero, |text| parse_plain(text).expect("a value is a plain decimal"))
}

/// The code without what tells a metric from the one that had its code before.
fn plain_code(code: &str) -> &str {
    code.split_once('~').map_or(code, |(plain, _)| plain)
}

/// The name of a total that came out, or that a file states. Of a code that was made again, it says the how-manieth it is.
fn found_name(total: &Value, period: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let instant = |value: &Value| EventTime::parse_rfc3339(&text(value)).expect("an instant");
    let dimensions = total["group"].as_object().expect("a group is an object");
    let dimension =
        |(name, value): (&String, &Value)| (name.clone(), value.as_str().map(str::to_owned));
    let metric = match total["metric_generation"].as_u64() {
        None | Some(1) => text(&total["metric"]),
        Some(generation) => format!("{}~{generation}", text(&total["metric"])),
    };
    name_of(
        &metric,
        &text(&total["customer"]),
        &dimensions.iter().map(dimension).collect(),
        instant(&period["start"]),
        instant(&period["end"]),
    )
}

fn found_worth(total: &Value) -> String {
    let events = total["events"].as_u64().expect("a count");
    let source = &total["source"];
    let offsets = source.get("first_offset").zip(source.get("last_offset"));
    let offsets = offsets.map(|(first, last)| (first.as_i64(), last.as_i64()));
    worth_of(total["value"].as_str(), events, offsets)
}

fn expected_name(key: &TotalKey) -> String {
    let group = key.group.iter().cloned().collect();
    name_of(&key.metric, &key.customer, &group, key.start, key.end)
}

fn expected_worth(total: &Total, here: &[&Record], keeps_offsets: bool) -> String {
    let offset = |place: i64| usize::try_from(place).map(|place| here[place].offset);
    let offsets = match total.offsets {
        Offsets::Said(Some((first, last))) => (offset(first).ok(), offset(last).ok()),
        Offsets::Said(None) | Offsets::Unsaid => (None, None),
    };
    worth_of(total.value.as_deref(), total.events, keeps_offsets.then_some(offsets))
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

/// The entries in which two maps differ, a line each.
fn differences(
    what: &str,
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<String> {
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differ = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
    let line = |name: &String| {
        let pair = (expected.get(name), found.get(name));
        format!("{what} (expected, found): {name}: {pair:?}")
    };
    differ.map(line).collect()
}
