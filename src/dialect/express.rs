//! The way back: a metric as another system would be told of it, and what that system has no words for.
//!
//! ```text
//! Metric ─► <vendor>::express: bodies that may mean it, the likeliest first ─► read again by whoever asked: the first
//!                                                                              that means the same counts
//! ```
//! A body is only a proposal: whether it means the same is told by reading it, which is done where definitions are read.

use super::Defaults;
use crate::definition::Metric;

/// A key of the native form that another system has no words for, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsayable {
    /// The native key.
    pub key: &'static str,
    /// Why, and what could be said.
    pub reason: String,
}

/// All that cannot be said of a metric.
#[derive(Default)]
pub(super) struct Findings(Vec<Unsayable>);

impl Findings {
    pub(super) fn add(&mut self, key: &'static str, reason: impl Into<String>) {
        self.0.push(Unsayable { key, reason: reason.into() });
    }

    /// Adds it where something is so.
    pub(super) fn add_where(&mut self, is_so: bool, key: &'static str, reason: &str) {
        if is_so {
            self.add(key, reason);
        }
    }

    pub(super) fn or<T>(self, said: T) -> Result<T, Vec<Unsayable>> {
        if self.0.is_empty() { Ok(said) } else { Err(self.0) }
    }
}

impl Defaults {
    /// What no other system's body says of a metric.
    #[must_use]
    pub fn of(metric: &Metric) -> Self {
        let anchor = Some(metric.calendar.anchor()).filter(|anchor| *anchor != 1);
        Defaults {
            period: Some(metric.calendar.unit().to_string()),
            timezone: Some(metric.calendar.zone_name().to_owned()),
            anchor,
            grace: Some(metric.grace.to_string()),
            late: Some(metric.late.name().to_owned()),
            topic: metric.topic.clone(),
        }
    }
}
