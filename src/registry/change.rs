//! What becomes of a metric that somebody makes, changes or deletes (rule 5.6).
//!
//! A change that no number depends on (name, description, grace, late) is told of every version. Any other makes a
//! version, which counts from a period's start that no event can have reached yet: so nothing that was counted changes
//! its meaning.

use serde_json::Value;

use super::receipt::Once;
use super::record::{AuditLine, Deed, Definition, Origin, Record, StoredVersion, compiled};
use super::version::{begin, number, versioned};
use super::{Made, Refusal, Registry};
use crate::definition::{Metric, full_meaning};
use crate::format::definitions::BodyFault;
use crate::model::{EventTime, Span};

/// Keys that a version is known by beside its definition.
const OUTER_KEYS: [&str; 2] = ["tenant", "effective_from"];
/// Keys that no number depends on, and that count for all versions at once.
const WORDS: [&str; 4] = ["name", "description", "grace", "late"];

/// Keys that no other system's body says.
pub const UNSAID: [&str; 7] =
    ["period", "timezone", "anchor", "grace", "late", "prorated", "topic"];

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
    /// Where it is to be done at most once.
    pub once: Option<Once>,
}

/// What is to differ.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Patch {
    /// Keys of the native form with their new values; null takes a key away. `effective_from`: from when it is to count.
    pub keys: Definition,
    /// As another system's API has it from now on; `None`: as it had it before.
    pub body: Option<String>,
    /// The version that the caller saw last.
    pub seen: Option<u64>,
    /// The revision of the record that it was made of.
    pub of_revision: Option<u64>,
    /// Whether the metric is to fold nothing any more, as when it is deleted.
    pub retires: bool,
    /// Where it is to be done at most once.
    pub once: Option<Once>,
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

impl Registry {
    /// A new metric.
    ///
    /// # Errors
    /// Faults of the definition; a code that there is; a key that another call had.
    pub fn create(&self, draft: Draft, author: Author) -> Result<Change, Refusal> {
        if let Some(repeated) = self.repeated(&draft.tenant, draft.once.as_ref())? {
            return Ok(repeated);
        }
        let Draft { tenant, id, origin, mut definition, body, once } = draft;
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
        Ok(self.settled(record, Outcome::Created, once))
    }

    /// Another definition for a metric.
    ///
    /// # Errors
    /// No such metric, one of a file, another version than the caller saw, or revision than it is made of, a key that another
    /// call had, faults of the definition.
    pub fn change(
        &self,
        tenant: &str,
        code: &str,
        patch: Patch,
        horizon: Horizon,
        author: Author,
    ) -> Result<Change, Refusal> {
        if let Some(repeated) = self.repeated(tenant, patch.once.as_ref())? {
            return Ok(repeated);
        }
        let made = self.changeable(tenant, code, &patch)?;
        let Patch { keys, body, retires, once, .. } = patch;
        let mut record = made.record.clone();
        let mut outcome = Outcome::Unchanged;
        if record.deleted_at.is_none() {
            outcome = revise(made, &mut record, (keys, body), horizon, &author)?;
            if retires {
                outcome = retire(&mut record, horizon, author);
            }
        }
        Ok(self.settled(record, outcome, once))
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
        horizon: Horizon,
        author: Author,
    ) -> Result<Change, Refusal> {
        let mut record = self.writable(tenant, code, seen)?.record.clone();
        let outcome = retire(&mut record, horizon, author);
        Ok(self.settled(record, outcome, None))
    }

    /// What a patch is for; also what is retired already, where it is to be that and no more.
    fn changeable(&self, tenant: &str, code: &str, patch: &Patch) -> Result<&Made, Refusal> {
        let newest = self.generations(tenant, code).last();
        if let (Some(made), Some(revision)) = (newest, patch.of_revision)
            && made.record.revision != revision
        {
            return Err(Refusal::Overtaken);
        }
        let only_retires = patch.retires && patch.keys.is_empty() && patch.body.is_none();
        match newest {
            Some(made) if only_retires && made.record.deleted_at.is_some() => Ok(made),
            _ => self.writable(tenant, code, patch.seen),
        }
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
        let last = self.generations(tenant, code).last().map(|made| made.record.generation);
        last.max(self.files.generation(tenant, code)).unwrap_or(0).saturating_add(1)
    }

    /// A change that is worked out, with its number; where it is to be known again, that is kept with it.
    fn settled(&self, mut record: Record, outcome: Outcome, once: Option<Once>) -> Change {
        if outcome != Outcome::Unchanged || once.is_some() {
            record.revision = self.revision.saturating_add(1);
            record.keep_receipt(once);
        }
        Change { record, outcome }
    }
}

/// Gives a record another definition, in the native form and as another system's API has it.
fn revise(
    made: &Made,
    record: &mut Record,
    (mut keys, body): (Definition, Option<String>),
    horizon: Horizon,
    author: &Author,
) -> Result<Outcome, Refusal> {
    let effective_from = keys.shift_remove("effective_from").filter(|value| !value.is_null());
    keys.shift_remove("tenant");
    check_said_elsewhere(record, &keys, body.is_some())?;
    let body = body.or_else(|| record.newest().body.clone());
    let before = record.newest().definition.clone();
    let after = merged(&before, &keys);
    let metric = read(&with(&after, "effective_from", effective_from))?;
    let newest = made.metrics.last().expect("a record has a version");
    check_constants(newest, &metric)?;
    let is_same = is_same_meaning(newest, &metric);
    if is_same && metric.effective_from.is_some() {
        let text = "nothing changes that a total depends on, so there is no version to begin then: leave it out";
        return Err(Refusal::fault("effective_from", text.to_owned()));
    }
    if after == before && body == record.newest().body {
        return Ok(Outcome::Unchanged);
    }
    let begin = if is_same {
        None
    } else {
        Some(begin(record, metric.effective_from, horizon.earliest(author.at))?)
    };
    for version in &mut record.versions {
        version.definition = merged(&version.definition, &words(&after, &before));
    }
    let (definition, at) = (after.clone(), author.at);
    let (what, outcome) = if let Some(begin) = begin {
        let effective_from = Some(begin);
        record.versions.push(StoredVersion { effective_from, created_at: at, definition, body });
        (Deed::Versioned, versioned(record).map_err(Refusal::Faults)?)
    } else {
        let last = record.versions.last_mut().expect("a record has a version");
        (last.definition, last.body) = (definition, body);
        (Deed::Described, Outcome::Described)
    };
    record.note(line(author.clone(), what, Some(before), Some(after)));
    Ok(outcome)
}

/// What was read by now was read before it.
fn retire(record: &mut Record, horizon: Horizon, author: Author) -> Outcome {
    record.deleted_at = Some(horizon.now(author.at));
    let before = record.newest().definition.clone();
    record.note(line(author, Deed::Deleted, Some(before), None));
    Outcome::Deleted
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
    let text = "cannot change: create a metric of that code, and delete this one";
    if before.code == after.code { Ok(()) } else { Err(Refusal::fault("code", text)) }
}

fn is_same_meaning(before: &Metric, after: &Metric) -> bool {
    let meaning = |metric: &Metric| {
        let mut metric = metric.clone();
        (metric.effective_from, metric.tenant) = (None, String::new());
        full_meaning(&metric)
    };
    meaning(before) == meaning(after)
}
