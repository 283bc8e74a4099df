//! Distinct values with their counts, for the nearest rank (rule 4, `percentile`).

use std::collections::BTreeMap;

use super::parts::{Changes, Part, PartKey, PartValue};
use crate::definition::Percentile;
use crate::model::Quantity;

/// A multiset of values. Costs about 40 bytes for each distinct value, however often it came.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Ranks {
    counts: BTreeMap<Quantity, u64>,
    total: u64,
    changes: Changes<Quantity>,
}

impl Ranks {
    /// Takes a value in, `count` times.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    pub fn add(&mut self, value: Quantity, count: u64) {
        *self.counts.entry(value).or_insert(0) += count;
        self.total += count;
        self.changes.note(self.counts.len(), || value);
    }

    /// Element number `ceil(p/100*n)` in ascending order; `None` where there is none.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    pub fn nearest(&self, share: Percentile) -> Option<Quantity> {
        let rank = rank(share, self.total);
        let mut passed = 0;
        for (value, count) in &self.counts {
            passed += count;
            if passed >= rank {
                return Some(*value);
            }
        }
        None
    }

    pub(super) fn merge(&mut self, other: &Ranks) {
        for (value, count) in &other.counts {
            self.add(*value, *count);
        }
    }

    pub(super) fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        match self.changes.take() {
            None => self.parts(sink),
            Some(values) => sink.extend(values.into_iter().map(|value| {
                let count = self.counts.get(&value).copied().expect("values only come");
                (Part::plain(PartKey::Value(value)), PartValue::Count(count))
            })),
        }
    }

    pub(super) fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        sink.extend(
            self.counts.iter().map(|(value, count)| {
                (Part::plain(PartKey::Value(*value)), PartValue::Count(*count))
            }),
        );
    }

    pub(super) fn restore(&mut self, part: Part, value: PartValue) {
        match (part.key, value) {
            (PartKey::Value(quantity), PartValue::Count(count)) => {
                self.counts.insert(quantity, count);
                self.total = self.total.saturating_add(count);
            }
            other => panic!("no part of a percentile: {other:?}"),
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        self.counts.len() * 40 + self.changes.bytes()
    }
}

/// `ceil(p/100*n)`, exact: p is in units of 10^-18.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a product of 10^20 and 10^18, rounded up, is far from the limits of 128 bits"
)]
pub(super) fn rank(share: Percentile, count: u64) -> u64 {
    const UNITS_PER_HUNDRED: i128 = 100 * 1_000_000_000_000_000_000;
    let product = share.0.units().checked_mul(i128::from(count));
    let product = product.expect("p is at most 10^20 units and a count less than 10^18");
    let rank = (product + UNITS_PER_HUNDRED - 1) / UNITS_PER_HUNDRED;
    u64::try_from(rank).expect("a rank is at most the count")
}
