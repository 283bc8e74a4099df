//! Calls that make or change a metric, as far as they can be known beforehand: the first as a dry run, those behind it by
//! what that tells of the instants from which a version may count.

use serde::Deserialize;
use serde_json::Value;

use super::super::CommandError;
use super::super::client::Client;
use crate::model::{EventTime, Span};

const BEGIN: &str = "effective_from";

/// A call that makes or changes a metric.
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: String,
    /// `None`: the key's.
    pub(super) tenant: Option<String>,
    pub(super) body: Value,
}

#[derive(Deserialize)]
struct TriedAnswer {
    effective_from: Option<String>,
    change: TriedChange,
}

#[derive(Deserialize)]
struct TriedChange {
    outcome: String,
    earliest: String,
}

/// What calls would come to.
pub(super) enum Rehearsed {
    /// They would be taken; what is to be told of that.
    Taken(Vec<String>),
    /// They would change nothing.
    Unchanged,
    /// Every fault.
    Refused(Vec<String>),
}

/// Has the daemon work the calls out, and lets versions that it would take no more begin as soon as it takes one.
pub(super) fn rehearse(client: &Client<'_>, calls: &mut [Call]) -> Result<Rehearsed, CommandError> {
    let Some((first, others)) = calls.split_first_mut() else {
        return Ok(Rehearsed::Taken(Vec::new()));
    };
    let mut notes = Vec::new();
    let tried = match first.try_out(client) {
        Err(CommandError::Faults(faults)) if first.is_too_early(&faults) => {
            notes.push(first.postponed());
            first.try_out(client)
        }
        tried => tried,
    };
    let tried = match tried {
        Ok(tried) => tried,
        Err(CommandError::Faults(faults)) => return Ok(Rehearsed::Refused(faults)),
        Err(other) => return Err(other),
    };
    if tried.change.outcome == "unchanged" && others.is_empty() {
        return Ok(Rehearsed::Unchanged);
    }
    let instant = |text: &str| {
        EventTime::parse_rfc3339(text).ok_or_else(|| {
            CommandError::failed(format!("the daemon answers {text:?} where an instant belongs"))
        })
    };
    let earliest = instant(&tried.change.earliest)?;
    let mut last = tried.effective_from.as_deref().map(instant).transpose()?;
    for call in others {
        let behind = last.map(|last| last.saturating_add(Span::from_seconds(1)));
        let possible = behind.map_or(earliest, |behind| behind.max(earliest));
        let wanted = call.begin();
        if wanted.is_some_and(|wanted| wanted < possible) {
            notes.push(call.postponed());
        }
        last = Some(wanted.map_or(possible, |wanted| wanted.max(possible)));
    }
    Ok(Rehearsed::Taken(notes))
}

impl Call {
    fn try_out(&self, client: &Client<'_>) -> Result<TriedAnswer, CommandError> {
        let answer = self.send(client, &[("dry_run".to_owned(), "true".to_owned())])?;
        serde_json::from_value(answer).map_err(|error| {
            CommandError::failed_by("the daemon answers a dry run in a way that none does", error)
        })
    }

    /// Makes it; a version for which it is too late by now begins as soon as it can.
    pub(super) fn make(&mut self, client: &Client<'_>, name: &str) -> Result<(), CommandError> {
        match self.send(client, &[]) {
            Err(CommandError::Faults(faults)) if self.is_too_early(&faults) => {
                tracing::warn!("{name}: {}", self.postponed());
                self.send(client, &[]).map(drop)
            }
            sent => sent.map(drop),
        }
    }

    fn send(
        &self,
        client: &Client<'_>,
        beside: &[(String, String)],
    ) -> Result<Value, CommandError> {
        let tenant = self.tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone()));
        let question: Vec<_> = tenant.chain(beside.iter().cloned()).collect();
        client.send((self.method, &self.path), &question, &self.body)
    }

    /// From when on a version is wanted that a patch makes.
    fn begin(&self) -> Option<EventTime> {
        EventTime::parse_rfc3339(self.body.get(BEGIN)?.as_str()?)
    }

    /// Whether nothing is wrong but that the version was to begin too early.
    fn is_too_early(&self, faults: &[String]) -> bool {
        let is_it = |fault: &String| fault.starts_with("effective_from: ");
        self.method == "PATCH" && self.begin().is_some() && faults.iter().all(is_it)
    }

    /// Lets the version begin as soon as it can. Returns what is to be told of it.
    fn postponed(&mut self) -> String {
        let wanted = self.begin().map(|begin| begin.to_string()).unwrap_or_default();
        if let Some(keys) = self.body.as_object_mut() {
            keys.shift_remove(BEGIN);
        }
        format!(
            "effective_from: {wanted} is too near for a version that is made now: it begins as soon as the daemon lets it, \
             and counts from the first start of a period behind that"
        )
    }
}
