//! A total as the sink's readers get it: a body and a key, or a row of a table.
//!
//! Last step of the event path, after the engine's outbox and before the sink. The order of the
//! fields and every byte of the key are promises to downstream systems: the same key and revision
//! give the same id for ever. Knows nothing of the topic's record around them.

mod body;
mod key;
mod row;
#[cfg(test)]
mod tests;

pub(super) use key::{KeyParts, id_of};
pub use row::{TOTAL_COLUMNS, csv_line, total_row};

use crate::model::{GroupValue, PeriodTotal, TotalKind};

/// What of a total its metric contributes: made once a plan, used for all of the metric's totals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetricNames<'a> {
    /// Whose metric it is.
    pub tenant: &'a str,
    /// Its name among the tenant's metrics.
    pub code: &'a str,
    /// Number of its version, from 1.
    pub version: u64,
    /// How often the code was created, from 1.
    pub generation: u64,
    /// The properties of `group_by`, as the definition writes them, in its order.
    pub group: Vec<&'a str>,
}

/// Where the events of a total were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TotalSource<'a> {
    /// From one partition of a topic.
    Topic {
        /// Its name.
        topic: &'a str,
        /// The partition's number.
        partition: i32,
    },
    /// From files.
    Files {
        /// The pattern or the name they were asked for by.
        pattern: &'a str,
    },
}

/// A total as the sink takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TotalRecord {
    /// The same for every revision, so that compaction keeps the newest.
    pub key: String,
    /// One line of JSON.
    pub body: String,
}

impl TotalRecord {
    /// Writes a total.
    ///
    /// # Panics
    /// Where the metric's names are not those of the total: the numbers of dimensions differ.
    pub fn new(names: &MetricNames<'_>, total: &PeriodTotal, source: TotalSource<'_>) -> Self {
        assert_eq!(names.group.len(), total.group.len(), "a group value for each dimension");
        let key = key::key_of(names, total);
        let id = key::id_of(&key, total.revision);
        let body = body::body_of(names, total, source, &id);
        TotalRecord { key, body }
    }
}

/// The name that outsiders rely on.
pub const fn kind_name(kind: TotalKind) -> &'static str {
    match kind {
        TotalKind::Final => "final",
        TotalKind::Correction => "correction",
        TotalKind::Provisional => "provisional",
    }
}

/// Each dimension's property with the total's value.
fn dimensions<'a>(
    names: &'a MetricNames<'_>,
    total: &'a PeriodTotal,
) -> impl Iterator<Item = (&'a str, &'a GroupValue)> {
    names.group.iter().copied().zip(&total.group)
}
