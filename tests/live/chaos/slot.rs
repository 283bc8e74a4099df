//! A place for a metric that is made, changed, deleted and made again over HTTP, each time with a random definition.

use odometer::model::EventTime;
use serde_json::{Map, Value, json};

use crate::wait::Deadline;
use crate::worlds::{self, metrics};

type Entry = Map<String, Value>;

/// Periods and buckets of random definitions, and what is short enough to close while a run goes on.
const SHORTER: [(&str, &str); 9] = [
    ("hour", "20s"),
    ("15m", "10s"),
    ("7m", "7s"),
    ("5m", "5s"),
    ("90s", "15s"),
    ("minute", "30s"),
    ("1s", "3s"),
    ("quarter", "month"),
    ("year", "week"),
];
/// What a change may not touch: these count at once, wherever the tasks are just then, or are the slot's own.
const KEPT: [&str; 6] = ["code", "event_type", "tenant", "grace", "late", "effective_from"];

/// One code, and its metric where there is one.
pub(super) struct Slot {
    pub(super) code: String,
    /// Of the metric that is there, or is to come next.
    pub(super) generation: u64,
    pub(super) made: Option<Made>,
}

/// A metric that is there.
pub(super) struct Made {
    entry: Entry,
    pub(super) version: u64,
    /// A metric that carries is never deleted: until where it carries then depends on how far a task has come.
    pub(super) carries: bool,
    /// When its events may be written, where they are not yet.
    pub(super) begins: Option<Deadline>,
}

impl Slot {
    pub(super) fn new(number: usize) -> Self {
        Self { code: format!("api{number}"), generation: 1, made: None }
    }

    /// The type of the events that this generation wants: no other one is to fold them.
    pub(super) fn kind(&self) -> String {
        format!("{}-{}", self.code, self.generation)
    }

    /// A metric for the slot, as the body of a call.
    pub(super) fn draft(&self, dice: &mut worlds::Dice, from: Option<u64>) -> Entry {
        let world = world(dice);
        let mut entry = metrics::metric(dice, &world, 0);
        entry.remove("tenant");
        entry.insert("code".to_owned(), json!(self.code));
        entry.insert("event_type".to_owned(), json!(self.kind()));
        entry.extend(from.map(|from| ("effective_from".to_owned(), json!(instant(from)))));
        shorten(&mut entry);
        entry
    }

    /// The metric of that body is there.
    pub(super) fn take(&mut self, entry: Entry, begins: Option<Deadline>) {
        let carries = carries(&entry);
        self.made = Some(Made { entry, version: 1, carries, begins });
    }

    /// The metric is there no more; the next one of that code is another.
    pub(super) fn clear(&mut self) {
        self.made = None;
        self.generation += 1;
    }
}

impl Made {
    /// Another definition, and the body of the call that makes it, but for `effective_from`.
    pub(super) fn change(&self, dice: &mut worlds::Dice) -> (Entry, Entry) {
        let world = world(dice);
        let mut next = metrics::version_of(dice, &world, &self.entry);
        shorten(&mut next);
        for key in KEPT {
            next.remove(key);
            next.extend(self.entry.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        let mut body = Entry::new();
        for key in self.entry.keys().chain(next.keys()) {
            let (before, after) = (self.entry.get(key), next.get(key));
            if before != after {
                body.insert(key.clone(), after.cloned().unwrap_or(Value::Null));
            }
        }
        body.insert("version".to_owned(), json!(self.version));
        (next, body)
    }

    /// It has another version.
    pub(super) fn take(&mut self, entry: Entry) {
        self.carries |= carries(&entry);
        self.entry = entry;
        self.version += 1;
    }
}

/// An instant in the words of a definition.
pub(super) fn instant(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).expect("a time of this age");
    EventTime::from_micros(seconds * 1_000_000).to_string()
}

fn carries(entry: &Entry) -> bool {
    entry.get("recurring") == Some(&json!(true))
}

/// Short periods, and nothing that takes long to close.
fn shorten(entry: &mut Entry) {
    let is_carried = carries(entry);
    let shorter = |value: &mut Value| {
        let found = SHORTER.iter().find(|(long, _)| value == long);
        if let Some((_, short)) = found {
            *value = json!(short);
        }
    };
    if let Some(period) = entry.get_mut("period") {
        if is_carried && period == "week" {
            *period = json!("day");
        } else if !is_carried && period == "day" {
            *period = json!("minute");
        } else {
            shorter(period);
        }
    }
    if !matches!(entry.get("period").and_then(Value::as_str), None | Some("month")) {
        entry.remove("anchor");
    }
    entry.remove("anchor_month");
    if let Some(every) = entry.get_mut("inner").and_then(|inner| inner.get_mut("every")) {
        shorter(every);
    }
}

/// Where random definitions play; of its times none is used.
fn world(dice: &mut worlds::Dice) -> worlds::Scene {
    let zone = dice.text(&["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Chatham"]);
    worlds::Scene {
        zone,
        middle: EventTime::from_micros(0),
        pace: 5,
        events: 100,
        tenant: None,
        event_types: Vec::new(),
        calendars: Vec::new(),
    }
}
