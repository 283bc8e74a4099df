//! A metric in another system's form, where that system can say it.
//!
//! ```text
//! Metric ─► crate::dialect: bodies that may mean it ─► foreign: read again ─► the first that means the same
//! ```
//! A body counts only if its own reader makes the very same metric of it, so that nothing can be said wrongly in silence.

use std::collections::BTreeSet;

use super::body::read_body;
use super::foreign::{FileDefaults, Form};
use crate::definition::{Metric, full_meaning};
use crate::dialect::{Defaults, Json, Native, Unsayable, lago, maple, zenskar};

/// A metric in another system's form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expressed {
    /// An entry of a definitions file of that dialect: the body that the system's API would take, and where that has no
    /// code, the metric's as `id`.
    pub body: Json,
    /// What no body says.
    pub unsaid: Defaults,
    /// Keys that no number depends on and that the system has no field for.
    pub left_out: Vec<&'static str>,
}

/// The same metric in that form: of a version what it means, and not from when on.
///
/// # Errors
/// Every key that the system has no words for, and why.
pub fn express(metric: &Metric, form: Form) -> Result<Expressed, Vec<Unsayable>> {
    let bodies = match form {
        Form::Lago => lago::bodies(metric)?,
        Form::Maple => maple::bodies(metric)?,
        Form::Zenskar => zenskar::bodies(metric)?,
    };
    let unsaid = Defaults::of(metric);
    let file = FileDefaults::of(metric.tenant.clone(), unsaid.clone());
    let wanted = bare_meaning(metric);
    let mut differences = None;
    for body in bodies {
        let found = match read_back(&body, form, &file) {
            Ok(read) if bare_meaning(&read) == wanted => {
                let has_none = form == Form::Zenskar && metric.description.is_some();
                let left_out = if has_none { vec!["description"] } else { Vec::new() };
                return Ok(Expressed { body, unsaid, left_out });
            }
            Ok(read) => between(&wanted, &bare_meaning(&read)),
            Err(reason) => vec![Unsayable { key: "code", reason }],
        };
        differences.get_or_insert(found);
    }
    Err(differences.unwrap_or_default())
}

/// The body that a metric was made of, an entry of a definitions file, where it says the very same by now too.
#[must_use]
pub fn as_submitted(metric: &Metric, form: Form, body: &str) -> Option<Expressed> {
    let body = Json::parse(body).ok()?;
    let unsaid = Defaults::of(metric);
    let file = FileDefaults::of(metric.tenant.clone(), unsaid.clone());
    let read = read_back(&body, form, &file).ok()?;
    let words = |metric: &Metric| (metric.name.clone(), metric.description.clone());
    let is_same = bare_meaning(&read) == bare_meaning(metric) && words(&read) == words(metric);
    is_same.then_some(Expressed { body, unsaid, left_out: Vec::new() })
}

/// What a body means to its own reader.
fn read_back(body: &Json, form: Form, file: &FileDefaults) -> Result<Metric, String> {
    let meaning = form.meaning(body, file).map_err(|faults| {
        let faults = faults.iter().map(|fault| format!("{}: {}", form.name(), fault.message));
        faults.collect::<Vec<_>>().join("; ")
    })?;
    native(&meaning.native)
}

fn native(native: &Native) -> Result<Metric, String> {
    read_body(&serde_json::Value::Object(native.clone()).to_string()).map_err(|faults| {
        let faults = faults.iter().map(|fault| format!("{}: {}", fault.path, fault.message));
        faults.collect::<Vec<_>>().join("; ")
    })
}

fn bare_meaning(metric: &Metric) -> String {
    full_meaning(&Metric { effective_from: None, ..metric.clone() })
}

/// The lines of a meaning that a body does not come to.
fn between(wanted: &str, found: &str) -> Vec<Unsayable> {
    let known: BTreeSet<&str> = found.lines().collect();
    let read: BTreeSet<&str> = wanted.lines().collect();
    let lost = wanted.lines().filter(|line| !known.contains(line));
    let lost = lost.map(|line| (line, "there is no way to say"));
    let added = found.lines().filter(|line| !read.contains(line));
    let lines = lost.chain(added.map(|line| (line, "it would be read as if there was")));
    let mut differences: Vec<Unsayable> = Vec::new();
    for (line, why) in lines {
        let key = key_of(line.split(' ').next().unwrap_or_default());
        if !differences.iter().any(|known| known.key == key) {
            differences.push(Unsayable { key, reason: format!("{why} `{line}`") });
        }
    }
    if differences.is_empty() {
        let reason = "the properties come in another order".to_owned();
        differences.push(Unsayable { key: "group_by", reason });
    }
    differences
}

/// The native key that a line of a meaning is about.
fn key_of(word: &str) -> &'static str {
    const KEYS: [&str; 14] = [
        "aggregation",
        "percentile",
        "inner",
        "value",
        "grammar",
        "operation",
        "event_type",
        "filter",
        "recurring",
        "prorated",
        "result",
        "rounding",
        "anchor_month",
        "code",
    ];
    match word {
        "dimension" | "dimension_name" => "group_by",
        "inner_percentile" | "every" | "fill" => "inner",
        "precision" => "rounding",
        word => KEYS.into_iter().find(|key| *key == word).unwrap_or("period"),
    }
}
