//! Parts: the sub-entries in which an aggregate with many of them is stored.

use super::Aggregate;
use super::members::Member;
use super::stamp::Operation;
use crate::model::{EventTime, Quantity};

/// Name of one part of an aggregate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Part {
    /// Start of the inner bucket it lies in (rule 4.5).
    pub bucket: Option<EventTime>,
    /// Which part.
    pub key: PartKey,
}

impl Part {
    /// A part outside inner buckets.
    pub fn plain(key: PartKey) -> Self {
        Part { bucket: None, key }
    }
}

/// Which part of an aggregate, or of one bucket of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PartKey {
    /// All of a bucket that is stored whole.
    Whole,
    /// One distinct value of a percentile.
    Value(Quantity),
    /// One member of a unique count.
    Member(Member),
    /// One operation on a member.
    Operation(Member, EventTime, u64),
}

/// What is stored for a part.
#[derive(Clone, PartialEq, Debug)]
pub enum PartValue {
    /// It exists.
    Present,
    /// It is gone.
    Absent,
    /// So often.
    Count(u64),
    /// The newest operation of a member, and when.
    Newest(EventTime, u64, Operation),
    /// What one operation does.
    Operation(Operation),
    /// A bucket's aggregate, one without parts of its own.
    Whole(Aggregate),
}

/// Keys that changed since they were last stored. Past as many as there are keys it only remembers "all".
#[derive(Clone, Debug)]
pub struct Changes<K> {
    keys: Vec<K>,
    is_all: bool,
}

// What was stored when is no part of an aggregate's value.
impl<K> PartialEq for Changes<K> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Changes { keys: Vec::new(), is_all: false }
    }
}

impl<K: Ord> Changes<K> {
    const KEPT_MIN: usize = 16;

    /// Notes a change to one of `count` keys.
    pub fn note(&mut self, count: usize, key: impl FnOnce() -> K) {
        if self.is_all {
            return;
        }
        if self.keys.len() > count.max(Self::KEPT_MIN) {
            self.keys = Vec::new();
            self.is_all = true;
            return;
        }
        self.keys.push(key());
    }

    /// The changed keys, sorted, each once; `None`: all. Nothing is changed afterwards.
    pub fn take(&mut self) -> Option<Vec<K>> {
        if std::mem::take(&mut self.is_all) {
            return None;
        }
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_unstable();
        keys.dedup();
        Some(keys)
    }

    /// Bytes of memory.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<K>()
    }
}
