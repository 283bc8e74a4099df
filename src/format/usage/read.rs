//! A page that another process answered with.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Missing, UsageCursor, UsagePage, UsagePart, UsageTask};

/// The members that are looked at.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    totals: Vec<&'b RawValue>,
    next: Option<String>,
    missing: Vec<MissingBody>,
    forgotten: bool,
    #[serde(borrow)]
    as_of: Vec<&'b RawValue>,
}

#[derive(Deserialize)]
struct MissingBody {
    topic: Option<String>,
    partitions: Option<BTreeSet<i32>>,
}

/// A task by its name.
#[derive(Deserialize)]
struct Source {
    topic: String,
    partition: i32,
}

#[derive(Deserialize)]
struct AsOf {
    topic: String,
    partition: i32,
    read: u64,
}

#[derive(Deserialize)]
struct Total {
    source: Source,
}

impl UsagePage {
    /// Reads a body that a process gave for its own tasks, which are partitions of topics.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(body: &str) -> Result<Self, String> {
        let faulty = |error: serde_json::Error| format!("no page of totals: {error}");
        let body: Body<'_> = serde_json::from_str(body).map_err(faulty)?;
        let mut parts = Vec::with_capacity(body.as_of.len());
        for text in body.as_of {
            let AsOf { topic, partition, read } =
                serde_json::from_str(text.get()).map_err(faulty)?;
            let (task, as_of) = (UsageTask { topic, partition }, text.get().to_owned());
            parts.push(UsagePart { task, totals: Vec::new(), read, as_of });
        }
        for text in body.totals {
            let Total { source: Source { topic, partition } } =
                serde_json::from_str(text.get()).map_err(faulty)?;
            let task = UsageTask { topic, partition };
            let part = parts.iter_mut().find(|part| part.task == task);
            let part =
                part.ok_or("no page of totals: one of them is of a task that it does not name")?;
            part.totals.push(text.get().to_owned());
        }
        let next = body.next.as_deref().map(UsageCursor::read);
        let is_in = |next: &UsageCursor| parts.iter().any(|part| part.task == next.task);
        if !next.as_ref().is_none_or(|next| next.as_ref().is_some_and(is_in)) {
            return Err("no page of totals: it goes on where it has not been".to_owned());
        }
        let mut missing = Missing::default();
        for MissingBody { topic, partitions } in body.missing {
            missing.add(topic.as_deref().unwrap_or_default(), partitions);
        }
        Ok(UsagePage {
            parts,
            next: next.flatten(),
            has_forgotten: body.forgotten,
            missing,
            unanswered: Vec::new(),
        })
    }
}
