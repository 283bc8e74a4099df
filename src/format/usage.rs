//! A page of totals as they stand, as `GET /v1/usage` gives it.

use super::json::{push, push_optional, push_string};
use super::outgoing::Place;
use crate::engine::CommitRecord;
use crate::model::EventTime;

/// Totals so far, and as of when.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct UsagePage {
    /// Bodies of totals.
    pub totals: Vec<String>,
    /// What the next page is asked for by; `None`: this was the last.
    pub next: Option<String>,
    /// Whether nothing of what was asked for is missing: each partition is looked at here, and no period was forgotten.
    pub is_complete: bool,
    /// The tasks that were looked at.
    pub as_of: Vec<UsageAsOf>,
}

/// As of when a task's totals stand: `commit` names it, `read` says how many events had been read by then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageAsOf {
    /// Which task.
    pub place: Place,
    /// Its commit.
    pub commit: CommitRecord,
    /// Periods that end by then may be forgotten; `None`: none is.
    pub kept_after: Option<EventTime>,
}

impl UsagePage {
    /// One line of JSON.
    pub fn body(&self) -> String {
        let mut out = String::from(r#"{"totals":["#);
        out.push_str(&self.totals.join(","));
        out.push_str(r#"],"next":"#);
        push_optional(&mut out, self.next.as_deref());
        push(
            &mut out,
            format_args!(r#","complete":{},"as_of":{}}}"#, self.is_complete, self.as_of()),
        );
        out
    }

    /// As of when, as a JSON array.
    pub fn as_of(&self) -> String {
        let mut out = String::from("[");
        for (at, task) in self.as_of.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            task.push(&mut out);
        }
        out.push(']');
        out
    }
}

impl UsageAsOf {
    fn push(&self, out: &mut String) {
        match &self.place {
            Place::Topic { topic, partition } => {
                out.push_str(r#"{"topic":"#);
                push_string(out, topic);
                push(out, format_args!(r#","partition":{partition}"#));
            }
            Place::Files { pattern, .. } => {
                out.push_str(r#"{"files":"#);
                push_string(out, pattern);
            }
        }
        let (id, read) = (self.commit.id, self.commit.counters.read);
        push(out, format_args!(r#","commit":"{id}","read":{read},"watermark":"#));
        push_optional(out, self.commit.watermark.map(|time| time.to_string()).as_deref());
        out.push_str(r#","kept_after":"#);
        push_optional(out, self.kept_after.map(|time| time.to_string()).as_deref());
        out.push('}');
    }
}
