//! A value with when it happened and when it was read: who wins among events of one key (rules 4, 4.1).

use super::Fold;
use crate::model::{EventTime, Quantity};

/// A value at `(time, order)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stamp<V> {
    /// Event time.
    pub time: EventTime,
    /// Place in the order of reading: decides among equal times.
    pub order: u64,
    /// The value.
    pub value: V,
}

/// What happens to a member of a unique count (rule 4.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// It becomes active.
    Add,
    /// It stops being active.
    Remove,
}

impl Stamp<Quantity> {
    pub(super) fn of(fold: &Fold) -> Self {
        Stamp { time: fold.time, order: fold.order, value: fold.value.quantity() }
    }
}

impl<V: Copy> Stamp<V> {
    fn place(&self) -> (EventTime, u64) {
        (self.time, self.order)
    }

    /// Keeps the one with the greater `(time, order)`.
    pub fn keep_newest(kept: &mut Option<Self>, other: Self) {
        if kept.is_none_or(|kept| kept.place() < other.place()) {
            *kept = Some(other);
        }
    }

    /// Keeps the one with the smaller `(time, order)`.
    pub fn keep_oldest(kept: &mut Option<Self>, other: Self) {
        if kept.is_none_or(|kept| kept.place() > other.place()) {
            *kept = Some(other);
        }
    }
}
