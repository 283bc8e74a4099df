//! What a reader of the output sees: entries in their final bytes, held against each other and against the oracle.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use odometer::format::{Outgoing, OutgoingKind};
use odometer::model::{EventTime, RejectReason};
use serde::Deserialize;
use serde_json::Value;

use crate::oracle::{Offsets, Outcome, Refusal, Total, TotalKey};

/// All that came out so far, by key.
#[derive(Clone, Default, Debug)]
pub struct Sight {
    totals: BTreeMap<TotalKey, Seen>,
    rejects: Vec<Refusal>,
    entries: usize,
}

/// The revisions of one total.
#[derive(Clone, Debug)]
struct Seen {
    first: Total,
    last: Total,
    revision: u64,
    deltas: BigInt,
}

impl Sight {
    /// Takes one entry in.
    ///
    /// # Errors
    /// A revision that does not follow the one before (rule 7.4).
    pub fn take(&mut self, outgoing: &Outgoing) -> Result<(), String> {
        self.entries += 1;
        match outgoing.kind {
            OutgoingKind::Total(_) => {
                self.take_total(&serde_json::from_str(&outgoing.body).expect("a body is JSON"))
            }
            OutgoingKind::Reject => {
                self.rejects.push(refusal_of(&outgoing.body));
                Ok(())
            }
        }
    }

    /// Takes in what another task made.
    ///
    /// # Panics
    /// Where both have totals of one key.
    pub fn join(&mut self, other: Sight) {
        for (key, seen) in other.totals {
            assert!(!self.totals.contains_key(&key), "{key:?} is of two tasks");
            self.totals.insert(key, seen);
        }
        self.rejects.extend(other.rejects);
        self.entries += other.entries;
    }

    /// How many entries were seen.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// The last value of every total.
    pub fn totals(&self) -> BTreeMap<&TotalKey, &Total> {
        self.totals.iter().map(|(key, seen)| (key, &seen.last)).collect()
    }

    fn take_total(&mut self, body: &Value) -> Result<(), String> {
        let (key, total) = (key_of(body), total_of(body));
        let revision = body["revision"].as_u64().expect("a number");
        let before = self.totals.get(&key);
        let wanted = before.map_or(1, |before| before.revision + 1);
        if revision != wanted {
            return Err(format!("revision {revision} instead of {wanted} of {key:?}"));
        }
        let kind = if revision == 1 { "final" } else { "correction" };
        if body["kind"] != kind {
            return Err(format!("revision {revision} of {key:?} is {}", body["kind"]));
        }
        let previous = before.and_then(|before| before.last.value.clone());
        if body["previous"].as_str() != previous.as_deref() {
            return Err(format!("{previous:?} was before revision {revision} of {key:?}: {body}"));
        }
        let delta = scaled(body["delta"].as_str().expect("a number"));
        let deltas = before.map_or(BigInt::ZERO, |before| before.deltas.clone()) + delta;
        if deltas != total.value.as_deref().map_or(BigInt::ZERO, scaled) {
            return Err(format!("differences do not add up to revision {revision} of {key:?}"));
        }
        if before.is_some_and(|before| before.last == total) {
            return Err(format!("revision {revision} of {key:?} says nothing new"));
        }
        let first = before.map_or_else(|| total.clone(), |before| before.first.clone());
        self.totals.insert(key, Seen { first, last: total, revision, deltas });
        Ok(())
    }

    /// Every way in which what came out is not what the oracle says.
    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let mut faults = Vec::new();
        let mut wanted = BTreeMap::new();
        for (key, total) in &outcome.totals {
            wanted.insert(sorted(key), total);
        }
        for (key, total) in &wanted {
            let seen = self.totals.get(key).map(|seen| &seen.last);
            if !seen.is_some_and(|seen| agrees(seen, total)) {
                faults.push(format!("{key:?}: {seen:?} instead of {total:?}"));
            }
        }
        let excess = self.totals.iter().filter(|(key, _)| !wanted.contains_key(*key));
        faults.extend(excess.map(|(key, seen)| format!("{key:?}: {:?} too many", seen.last)));
        for (key, total) in &outcome.first_values {
            let first = self.totals.get(&sorted(key)).map(|seen| &seen.first);
            if first.is_some_and(|first| !agrees(first, total)) {
                faults.push(format!("{key:?}: first {first:?} instead of {total:?}"));
            }
        }
        let (mut seen, mut wanted) = (self.rejects.clone(), outcome.rejects.clone());
        seen.sort();
        wanted.sort();
        if seen != wanted {
            faults.push(format!("rejects {seen:?} instead of {wanted:?}"));
        }
        faults
    }
}

/// Whether what was seen is right. Of offsets it may be silent: whoever looks on knows whether they must be said.
fn agrees(seen: &Total, right: &Total) -> bool {
    let is_silent = seen.offsets == Offsets::Unsaid;
    let offsets = if is_silent { Offsets::Unsaid } else { right.offsets };
    *seen == Total { offsets, ..right.clone() }
}

/// The key with its group in order of names, as totals are told apart here.
fn sorted(key: &TotalKey) -> TotalKey {
    let mut key = key.clone();
    key.group.sort();
    key
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

fn instant(value: &Value) -> EventTime {
    EventTime::parse_rfc3339(&text(value)).expect("an instant")
}

fn key_of(body: &Value) -> TotalKey {
    let group = body["group"].as_object().expect("a group is an object").iter();
    let key = TotalKey {
        tenant: text(&body["tenant"]),
        metric: text(&body["metric"]),
        customer: text(&body["customer"]),
        group: group
            .map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned)))
            .collect(),
        start: instant(&body["period"]["start"]),
        end: instant(&body["period"]["end"]),
    };
    sorted(&key)
}

fn total_of(body: &Value) -> Total {
    let version = body["metric_version"].as_u64().expect("a number");
    let event_times = match (&body["first_event_at"], &body["last_event_at"]) {
        (Value::Null, Value::Null) => None,
        (first, last) => Some((instant(first), instant(last))),
    };
    Total {
        value: body["value"].as_str().map(str::to_owned),
        events: body["events"].as_u64().expect("a number"),
        event_times,
        offsets: offsets_of(&body["source"]),
        version: usize::try_from(version).expect("few versions"),
        timezone: text(&body["period"]["timezone"]),
    }
}

fn offsets_of(source: &Value) -> Offsets {
    match (source.get("first_offset"), source.get("last_offset")) {
        (None, None) => Offsets::Unsaid,
        (Some(Value::Null), Some(Value::Null)) => Offsets::Said(None),
        (first, last) => {
            let number = |value: Option<&Value>| value.and_then(Value::as_i64);
            let range = number(first).zip(number(last));
            Offsets::Said(Some(range.unwrap_or_else(|| panic!("{source} has two offsets"))))
        }
    }
}

/// What is looked at of a reject: its event may hold numbers that `serde_json` has no room for.
#[derive(Deserialize)]
struct RejectBody {
    reason: String,
    metric: Option<String>,
    source: RejectPlace,
}

#[derive(Deserialize)]
struct RejectPlace {
    offset: usize,
}

fn refusal_of(body: &str) -> Refusal {
    let body: RejectBody = serde_json::from_str(body).expect("a body is JSON");
    let reason = RejectReason::ALL.into_iter().find(|reason| body.reason == reason.name());
    let reason = reason.expect("a known reason");
    Refusal { record: body.source.offset, reason, metric: body.metric }
}

/// A decimal with at most 18 fraction digits, times ten to the 18th.
fn scaled(decimal: &str) -> BigInt {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    assert!(fraction.len() <= 18, "{decimal} has too many digits (rule 3.4)");
    format!("{whole}{fraction:0<18}").parse().expect("digits")
}
