//! What becomes of a metric that somebody makes, changes or deletes (rule 5.6).
//!
//! A change that no number depends on (name, description, grace, late) is told of every version. Any other makes a
//! version, which counts from a period's start that no event can have reached yet: so nothing that was counted changes
//! its meaning.

use serde_json::Value;

use super::record::{AuditLine, Deed, Definition, Origin, Record, StoredVersion, compiled};
use super::{Made, Refusal, Registry};
use crate::definition::{Definitions, Metric, Plan, full_meaning, state_meaning};
use crate::format::definitions::BodyFault;
use crate::model::{EventTime, Span};

/// Keys that a version is known by beside its definition.
const OUTER_KEYS: [&str; 2] = ["tenant", "effective_from"];
/// Keys that no number depends on, and that count for all versions at once.
const WORDS: [&str; 4] = ["name", "description", "grace", "late"];

/// Keys that no other system's body says.
pub const UNSAID: [&str; 7] =
    ["period", "timezone", "anchor", "grace", "late", "prorated", "topic"];

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Who changes something, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    /// Name of a key, or what stands for none.
    pub who: String,
    /// The clock.
    pub at: EventTime,
}

/// A metric to be made.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    /// Whose.
    pub tenant: String,
    /// A new name that no metric has ever had.
    pub id: String,
    /// By which way it came.
    pub origin: Origin,
    /// The native form; may hold `effective_from`.
    pub definition: Definition,
    /// As another system's API was given it.
    pub body: Option<String>,
}

/// What is to differ.
#[derive(Clone, PartialEq, Debug)]
pub struct Patch {
    /// Keys of the native form with their new values; null takes a key away. `effective_from`: from when it is to count.
    pub keys: Definition,
    /// As another system's API has it from now on; `None`: as it had it before.
    pub body: Option<String>,
    /// The version that the caller saw last.
    pub seen: Option<u64>,
    /// The revision of the record that it was made of.
    pub of_revision: Option<u64>,
}

/// From when on a version may count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Horizon {
    /// How long before a version counts every task has it.
    pub lead: Span,
    /// The greatest time of all events so far, where it is known.
    pub reached: Option<EventTime>,
}

/// A change that is worked out: to be stored, and then put.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// The metric as it is then.
    pub record: Record,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a change comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing: it is so already. There is nothing to be stored.
    Unchanged,
    /// A new metric.
    Created,
    /// Other words, the same numbers.
    Described,
    /// A version.
    Versioned {
        /// Its number, from 1.
        version: u64,
        /// The first start of a period from which it counts in the metric's own calendar.
        counts_from: EventTime,
        /// Of a recurring metric: whether it goes on with what was carried so far (rule 5.6 d).
        continues: Option<bool>,
    },
    /// It folds nothing any more.
    Deleted,
}

impl Outcome {
    /// One word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Unchanged => "unchanged",
            Outcome::Created => "created",
            Outcome::Described => "described",
            Outcome::Versioned { .. } => "versioned",
            Outcome::Deleted => "deleted",
        }
    }
}

impl Horizon {
    /// The first full second that is far enough ahead.
    pub(super) fn earliest(&self, now: EventTime) -> EventTime {
        let reached = self.reached.map_or(now, |reached| reached.max(now));
        let ahead = reached.saturating_add(self.lead).micros();
        let over = ahead.rem_euclid(MICROS_PER_SECOND);
        let up = if over == 0 { 0 } else { MICROS_PER_SECOND.saturating_sub(over) };
        EventTime::from_micros(ahead.saturating_add(up))
    }
}

impl Registry {
    /// A new metric.
    ///
    /// # Errors
    /// Faults of the definition; a code that there is.
    pub fn create(&self, draft: Draft, author: Author) -> Result<Change, Refusal> {
        let Draft { tenant, id, origin, mut definition, body } = draft;
        let metric = read(&definition)?;
        let effective_from = metric.effective_from;
        for key in OUTER_KEYS {
            definition.shift_remove(key);
        }
        let code = metric.code;
        if let Some(fault) = reserved(&code) {
            return Err(fault);
        }
        if let Some(place) = self.files.place(&tenant, &code) {
            return Err(Refusal::ReadOnly { place });
        }
        if self.alive(&tenant, &code).is_some() {
            return Err(Refusal::Exists);
        }
        let generation = self.generation_after(&tenant, &code);
        let created_at = author.at;
        let version =
            StoredVersion { effective_from, created_at, definition: definition.clone(), body };
        let mut record = Record::new((tenant, code, generation), (id, origin), version);
        record.note(line(author, Deed::Created, None, Some(definition)));
        Ok(self.numbered(record, Outcome::Created))
    }

    /// Another definition for a metric.
    ///
    /// # Errors
    /// No such metric, one of a file, another version than the caller saw, or revision than it is made of, faults of the
    /// definition.
    pub fn change(
        &self,
        tenant: &str,
        code: &str,
        patch: Patch,
        horizon: Horizon,
        author: Author,
    ) -> Result<Change, Refusal> {
        let made = self.writable(tenant, code, patch.seen)?;
        if patch.of_revision.is_some_and(|revision| revision != made.record.revision) {
            return Err(Refusal::Overtaken);
        }
        let Patch { mut keys, body, .. } = patch;
        let effective_from = keys.shift_remove("effective_from").filter(|value| !value.is_null());
        keys.shift_remove("tenant");
        check_said_elsewhere(&made.record, &keys, body.is_some())?;
        let body = body.or_else(|| made.record.newest().body.clone());
        let before = &made.record.newest().definition;
        let after = merged(before, &keys);
        let metric = read(&with(&after, "effective_from", effective_from))?;
        let newest = made.metrics.last().expect("a record has a version");
        check_constants(newest, &metric)?;
        let mut record = made.record.clone();
        if after == *before && body == record.newest().body {
            return Ok(Change { record, outcome: Outcome::Unchanged });
        }
        if is_same_meaning(newest, &metric) {
            for version in &mut record.versions {
                version.definition = merged(&version.definition, &words(&after, before));
            }
            let last = record.versions.last_mut().expect("a record has a version");
            (last.definition, last.body) = (after.clone(), body);
            record.note(line(author, Deed::Described, Some(before.clone()), Some(after)));
            return Ok(self.numbered(record, Outcome::Described));
        }
        let earliest = horizon.earliest(author.at);
        let begin = begin(&record, metric.effective_from, earliest)?;
        for version in &mut record.versions {
            version.definition = merged(&version.definition, &words(&after, before));
        }
        record.versions.push(StoredVersion {
            effective_from: Some(begin),
            created_at: author.at,
            definition: after.clone(),
            body,
        });
        let outcome = versioned(&record).map_err(Refusal::Faults)?;
        record.note(line(author, Deed::Versioned, Some(before.clone()), Some(after)));
        Ok(self.numbered(record, outcome))
    }

    /// A metric that folds nothing any more.
    ///
    /// # Errors
    /// No such metric, one of a file, another version than the caller saw.
    pub fn delete(
        &self,
        tenant: &str,
        code: &str,
        seen: Option<u64>,
        author: Author,
    ) -> Result<Change, Refusal> {
        let mut record = self.writable(tenant, code, seen)?.record.clone();
        record.deleted_at = Some(author.at);
        let before = record.newest().definition.clone();
        record.note(line(author, Deed::Deleted, Some(before), None));
        Ok(self.numbered(record, Outcome::Deleted))
    }

    fn writable(&self, tenant: &str, code: &str, seen: Option<u64>) -> Result<&Made, Refusal> {
        if let Some(place) = self.files.place(tenant, code) {
            return Err(Refusal::ReadOnly { place });
        }
        let made = self.alive(tenant, code).ok_or(Refusal::NotFound)?;
        let version = number(made.record.versions.len());
        match seen {
            Some(seen) if seen != version => Err(Refusal::Stale { version }),
            _ => Ok(made),
        }
    }

    fn generation_after(&self, tenant: &str, code: &str) -> u64 {
        let made = self.made.get(&(tenant.to_owned(), code.to_owned()));
        let last = made.and_then(|made| made.last()).map(|made| made.record.generation);
        let of_files = self.files.has_removed(tenant, code).then_some(1);
        last.max(of_files).unwrap_or(0).saturating_add(1)
    }

    fn numbered(&self, mut record: Record, outcome: Outcome) -> Change {
        record.revision = self.revision.saturating_add(1);
        Change { record, outcome }
    }
}

fn line(
    author: Author,
    what: Deed,
    before: Option<Definition>,
    after: Option<Definition>,
) -> AuditLine {
    AuditLine { at: author.at, who: author.who, what, before, after }
}

fn read(definition: &Definition) -> Result<Metric, Refusal> {
    compiled(definition).map_err(Refusal::Faults)
}

/// Of a later generation the keys of totals say `code~2`.
fn reserved(code: &str) -> Option<Refusal> {
    let (_, suffix) = code.rsplit_once('~')?;
    let is_number = !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| {
        let text = "ends like the keys of a code that was deleted and made again (code~2): end it otherwise";
        Refusal::fault("code", text)
    })
}

/// The definition with some keys of another; null takes a key away (RFC 7396, on the first level).
fn merged(definition: &Definition, keys: &Definition) -> Definition {
    let mut merged = definition.clone();
    for (key, value) in keys {
        if value.is_null() {
            merged.shift_remove(key);
        } else {
            merged.insert(key.clone(), value.clone());
        }
    }
    merged
}

fn with(definition: &Definition, key: &str, value: Option<Value>) -> Definition {
    let mut definition = definition.clone();
    definition.extend(value.map(|value| (key.to_owned(), value)));
    definition
}

/// What is said of all versions at once, where it differs: null where it was taken away.
fn words(after: &Definition, before: &Definition) -> Definition {
    let of = |key: &str| after.get(key).cloned().unwrap_or(Value::Null);
    let changed = WORDS.into_iter().filter(|key| after.get(*key) != before.get(*key));
    changed.map(|key| (key.to_owned(), of(key))).collect()
}

/// What the body of another system's API says changes there alone, or the two would say different things.
fn check_said_elsewhere(record: &Record, keys: &Definition, has_body: bool) -> Result<(), Refusal> {
    if record.origin == Origin::Api || has_body {
        return Ok(());
    }
    let said = keys.keys().filter(|key| !UNSAID.contains(&key.as_str()));
    let faults: Vec<BodyFault> = said
        .map(|key| {
            let (by, free) = (record.origin.name(), UNSAID.join(", "));
            let message =
                format!("is said over the {by} API: change it there; here may change {free}");
            BodyFault { path: key.clone(), message }
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

/// What makes another metric, not another version of one.
fn check_constants(before: &Metric, after: &Metric) -> Result<(), Refusal> {
    let fault = |path: &str, text: &str| BodyFault { path: path.into(), message: text.into() };
    let mut faults = Vec::new();
    if before.code != after.code {
        faults.push(fault(
            "code",
            "cannot change: create a metric of that code, and delete this one",
        ));
    }
    if before.topic != after.topic {
        let text = "cannot change, for a metric folds events of one topic: create another metric";
        faults.push(fault("topic", text));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

fn is_same_meaning(before: &Metric, after: &Metric) -> bool {
    let meaning = |metric: &Metric| {
        let mut metric = metric.clone();
        (metric.effective_from, metric.tenant) = (None, String::new());
        full_meaning(&metric)
    };
    meaning(before) == meaning(after)
}

/// From when a new version is to count.
fn begin(
    record: &Record,
    wanted: Option<EventTime>,
    earliest: EventTime,
) -> Result<EventTime, Refusal> {
    let refused = |text: String| Err(Refusal::fault("effective_from", text));
    if let Some(wanted) = wanted.filter(|wanted| *wanted < earliest) {
        return refused(format!(
            "{wanted} is too early, for events of that time may be counted by then: leave it out, or give {earliest} or \
             a later instant"
        ));
    }
    let begin = wanted.unwrap_or(earliest);
    match record.newest().effective_from {
        Some(last) if last >= begin => refused(format!(
            "the version before it counts from {last} on, and {begin} is no later: give a later instant"
        )),
        _ => Ok(begin),
    }
}

/// What the newest version of a record comes to.
fn versioned(record: &Record) -> Result<Outcome, Vec<BodyFault>> {
    let metrics = record.metrics()?;
    let continues = match &metrics[..] {
        [.., before, after] if before.is_recurring && after.is_recurring => {
            Some(state_meaning(before) == state_meaning(after))
        }
        _ => None,
    };
    let version = number(metrics.len());
    let definitions = Definitions { metrics, customers: Vec::new() };
    let plan = Plan::new(definitions);
    let place = u32::try_from(version.saturating_sub(1)).expect("few versions");
    let metric = plan.metrics().first().expect("it is of one metric");
    // A version that is the last one is never empty.
    let counts_from = metric.timeline("").begin_of(place).flatten();
    let counts_from = counts_from.expect("a version with effective_from begins somewhere");
    Ok(Outcome::Versioned { version, counts_from, continues })
}

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("an address has at most 64 bits")
}
