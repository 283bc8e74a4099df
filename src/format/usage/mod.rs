//! A page of totals as they stand, as `GET /v1/usage` gives it.
//!
//! ```text
//! tasks of a process ─► UsagePage ─► body ─► (another process) ─► read ─┬─► gathered: one page of all ─► body
//!                                           its own UsagePage ──────────┘
//! ```
//! Tasks stand in order of topic and partition, and so do their totals: where a page begins and ends is a place in that order,
//! whichever process has the task there.

mod gathered;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::json::{push, push_optional, push_string};
use super::outgoing::Place;
use crate::engine::CommitRecord;
use crate::model::EventTime;

/// Stands in a cursor for the beginning of a task.
const BEGINNING: &str = "-";

/// A task, in the order in which they are looked at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UsageTask {
    /// Its topic; empty over files, which are one task.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
}

/// Where a page begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageCursor {
    /// The first task that is looked at; where there is none of that name, the first behind it.
    pub task: UsageTask,
    /// Where in its state; `None`: at the beginning.
    pub key: Option<Vec<u8>>,
}

/// Totals of a task, and as of when they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsagePart {
    /// Which task.
    pub task: UsageTask,
    /// Bodies of totals.
    pub totals: Vec<String>,
    /// How many events it had read by then.
    read: u64,
    /// A JSON object.
    as_of: String,
}

/// Partitions by topic that nobody looked at; `None`: all of the topic's, and how many these are is not known.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Missing(BTreeMap<String, Option<BTreeSet<i32>>>);

/// A process that was asked and did not answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unanswered {
    /// Its address.
    pub peer: String,
    /// Why not, for people.
    pub reason: String,
}

/// Totals so far, and as of when.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct UsagePage {
    /// What was looked at, in order, each task once.
    pub parts: Vec<UsagePart>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<UsageCursor>,
    /// Whether periods that were asked for may be forgotten.
    pub has_forgotten: bool,
    /// What was not looked at, by this page or the others.
    pub missing: Missing,
    /// Processes that did not answer, whether or not that left anything out.
    pub unanswered: Vec<Unanswered>,
}

impl UsagePage {
    /// Whether nothing of what was asked for is missing: each partition is looked at, and no period was forgotten.
    pub fn is_complete(&self) -> bool {
        !self.has_forgotten && self.missing.is_empty()
    }

    /// Bodies of all totals.
    pub fn totals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(|part| &part.totals).map(String::as_str)
    }

    /// One line of JSON.
    pub fn body(&self) -> String {
        let mut out = String::from(r#"{"totals":["#);
        push_list(&mut out, self.totals(), String::push_str);
        out.push_str(r#"],"next":"#);
        push_optional(&mut out, self.next.as_ref().map(ToString::to_string).as_deref());
        for (name, value) in self.lacks() {
            push(&mut out, format_args!(r#","{name}":{value}"#));
        }
        push(&mut out, format_args!(r#","as_of":{}}}"#, self.as_of()));
        out
    }

    /// As of when, as a JSON array.
    pub fn as_of(&self) -> String {
        let mut out = String::from("[");
        push_list(&mut out, self.parts.iter(), |out, part| out.push_str(&part.as_of));
        out.push(']');
        out
    }

    /// What is lacking: names of members, each with its JSON.
    pub fn lacks(&self) -> [(&'static str, String); 4] {
        let mut unanswered = String::from("[");
        push_list(&mut unanswered, self.unanswered.iter(), |out, Unanswered { peer, reason }| {
            out.push_str(r#"{"peer":"#);
            push_string(out, peer);
            out.push_str(r#","reason":"#);
            push_string(out, reason);
            out.push('}');
        });
        unanswered.push(']');
        [
            ("complete", self.is_complete().to_string()),
            ("missing", self.missing.body()),
            ("forgotten", self.has_forgotten.to_string()),
            ("unanswered", unanswered),
        ]
    }
}

impl UsagePart {
    /// Of a task as of a commit. Periods that end by `kept_after` may be forgotten; `None`: none is.
    pub fn new(place: &Place, commit: &CommitRecord, kept_after: Option<EventTime>) -> Self {
        let mut out = String::new();
        match place {
            Place::Topic { topic, partition } | Place::Rekeyed { topic, partition, .. } => {
                out.push_str(r#"{"topic":"#);
                push_string(&mut out, topic);
                push(&mut out, format_args!(r#","partition":{partition}"#));
            }
            Place::Files { pattern, .. } => {
                out.push_str(r#"{"files":"#);
                push_string(&mut out, pattern);
            }
        }
        let (id, read) = (commit.id, commit.counters.read);
        push(&mut out, format_args!(r#","commit":"{id}","read":{read},"watermark":"#));
        push_optional(&mut out, commit.watermark.map(|time| time.to_string()).as_deref());
        out.push_str(r#","kept_after":"#);
        push_optional(&mut out, kept_after.map(|time| time.to_string()).as_deref());
        out.push('}');
        UsagePart { task: UsageTask::of(place), totals: Vec::new(), read, as_of: out }
    }

    /// Adds what the same task says somewhat later.
    pub fn extend(&mut self, later: UsagePart) {
        let mut totals = std::mem::take(&mut self.totals);
        totals.extend(later.totals.iter().cloned());
        *self = UsagePart { totals, ..later };
    }
}

impl Missing {
    /// Partitions of a topic are missing; `None`: all of them.
    pub fn add(&mut self, topic: &str, partitions: Option<BTreeSet<i32>>) {
        if partitions.as_ref().is_none_or(|partitions| !partitions.is_empty()) {
            self.0.insert(topic.to_owned(), partitions);
        }
    }

    /// A task is missing.
    pub fn put(&mut self, UsageTask { topic, partition }: &UsageTask) {
        let partitions = self.0.entry(topic.clone()).or_insert_with(|| Some(BTreeSet::new()));
        if let Some(partitions) = partitions {
            partitions.insert(*partition);
        }
    }

    /// Whether all were looked at.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every topic of which something is missing.
    pub fn topics(&self) -> impl Iterator<Item = (&str, Option<&BTreeSet<i32>>)> {
        self.0.iter().map(|(topic, partitions)| (topic.as_str(), partitions.as_ref()))
    }

    /// A JSON array.
    fn body(&self) -> String {
        let mut out = String::from("[");
        push_list(&mut out, self.topics(), |out, (topic, partitions)| {
            out.push_str(r#"{"topic":"#);
            push_optional(out, Some(topic).filter(|topic| !topic.is_empty()));
            out.push_str(r#","partitions":"#);
            match partitions {
                None => out.push_str("null}"),
                Some(partitions) => {
                    out.push('[');
                    push_list(out, partitions.iter(), |out, number| {
                        push(out, format_args!("{number}"));
                    });
                    out.push_str("]}");
                }
            }
        });
        out.push(']');
        out
    }
}

/// For people: `partitions 2, 3 of usage`.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (topic, partitions)) in self.topics().enumerate() {
            if at > 0 {
                f.write_str(", and ")?;
            }
            match (topic, partitions) {
                ("", _) => f.write_str("the files")?,
                (topic, None) => write!(f, "every partition of {topic}")?,
                (topic, Some(partitions)) => {
                    let ending = if partitions.len() == 1 { "" } else { "s" };
                    let numbers: Vec<String> = partitions.iter().map(i32::to_string).collect();
                    write!(f, "partition{ending} {} of {topic}", numbers.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

impl UsageTask {
    /// Of a place that events come from.
    pub fn of(place: &Place) -> Self {
        match place {
            Place::Topic { topic, partition } | Place::Rekeyed { topic, partition, .. } => {
                UsageTask { topic: topic.clone(), partition: *partition }
            }
            Place::Files { .. } => UsageTask { topic: String::new(), partition: 0 },
        }
    }
}

impl UsageCursor {
    /// The beginning of a task.
    pub fn at(task: UsageTask) -> Self {
        UsageCursor { task, key: None }
    }

    /// Behind a task.
    fn behind(UsageTask { topic, partition }: &UsageTask) -> Self {
        let partition = partition.saturating_add(1);
        UsageCursor::at(UsageTask { topic: topic.clone(), partition })
    }

    /// Reads one as it is written; `None`: it is none.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, ':');
        let (key, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
        let partition = partition.parse().ok()?;
        let key = match key {
            BEGINNING => None,
            hex => Some(bytes_of(hex).filter(|key| !key.is_empty())?),
        };
        // Over files there is one task.
        let is_one = !topic.is_empty() || partition == 0;
        is_one.then(|| UsageCursor { task: UsageTask { topic: topic.to_owned(), partition }, key })
    }
}

impl fmt::Display for UsageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UsageTask { topic, partition } = &self.task;
        write!(f, "{topic}:{partition}:")?;
        match &self.key {
            None => f.write_str(BEGINNING),
            Some(key) => key.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if hex.len().is_multiple_of(2) { digits.map(byte).collect() } else { None }
}

/// What is listed, with commas between.
fn push_list<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    mut push_one: impl FnMut(&mut String, T),
) {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_one(out, item);
    }
}
