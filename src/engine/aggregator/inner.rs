//! Inner buckets: aggregates of pieces of the period, aggregated once more (rule 4.5).

use std::collections::BTreeMap;

use super::parts::{Changes, Part, PartKey, PartValue};
use super::percentile::rank;
use super::{Aggregate, Fold, Frame};
use crate::definition::{AggregationKind, Fill, Inner};
use crate::model::{Amount, EventTime, Ratio};

/// Buckets with events, by their start. Costs about 80 bytes for each, and what its aggregate costs.
#[derive(Clone, Default, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "the buckets themselves, beside what is noted of them"
)]
pub struct Buckets {
    buckets: BTreeMap<EventTime, Aggregate>,
    changes: Changes<EventTime>,
    nested_bytes: usize,
}

// What was stored when, and how much memory that takes, is no part of the value.
impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.buckets == other.buckets
    }
}

impl Buckets {
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn fold(&mut self, frame: &Frame<'_>, fold: &Fold) {
        let inner = inner_of(frame);
        let start = frame.calendar.bucket_at(frame.slot.period, inner.every, fold.time).start;
        let bucket = self.buckets.entry(start);
        let bucket = bucket.or_insert_with(|| Aggregate::of_kind(inner.aggregation));
        let before = bucket.part_bytes();
        bucket.fold_plain(fold);
        self.nested_bytes = (self.nested_bytes + bucket.part_bytes()).saturating_sub(before);
        self.changes.note(self.buckets.len(), || start);
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a period has at least the buckets with events"
    )]
    pub(super) fn finish(&self, frame: &Frame<'_>) -> Ratio {
        let inner = inner_of(frame);
        let mut results: Vec<Amount> =
            self.buckets.values().map(|bucket| bucket_result(bucket, inner)).collect();
        results.sort_unstable();
        let with_events = u64::try_from(results.len()).expect("a count of things in memory");
        let count = match inner.fill {
            Fill::Skip => with_events,
            Fill::Zero => frame.calendar.bucket_count(frame.slot.period, inner.every),
        };
        let outer = Outer { results, zeros: count - with_events, count };
        outer.finish(frame)
    }

    pub(super) fn merge(&mut self, other: &Buckets) {
        for (start, bucket) in &other.buckets {
            match self.buckets.get_mut(start) {
                Some(own) => own.merge(bucket),
                None => {
                    self.buckets.insert(*start, bucket.clone());
                }
            }
            self.changes.note(self.buckets.len(), || *start);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the sink only grew")]
    pub(super) fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        let starts = match self.changes.take() {
            Some(starts) => starts,
            None => self.buckets.keys().copied().collect(),
        };
        for start in starts {
            let bucket = self.buckets.get_mut(&start).expect("buckets only come");
            let first = sink.len();
            if bucket.has_parts() {
                bucket.take_changes(sink);
                place_in(start, &mut sink[first..]);
            } else {
                sink.push(whole_bucket(start, bucket));
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the sink only grew")]
    pub(super) fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        for (start, bucket) in &self.buckets {
            let first = sink.len();
            if bucket.has_parts() {
                bucket.parts(sink);
                place_in(*start, &mut sink[first..]);
            } else {
                sink.push(whole_bucket(*start, bucket));
            }
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn restore(&mut self, part: Part, value: PartValue, inner: AggregationKind) {
        let start = part.bucket.expect("a part of buckets names its bucket");
        let bucket = self.buckets.entry(start).or_insert_with(|| Aggregate::of_kind(inner));
        match value {
            PartValue::Whole(aggregate) => *bucket = aggregate,
            value => {
                let before = bucket.part_bytes();
                bucket.restore(Part::plain(part.key), value, None);
                self.nested_bytes =
                    (self.nested_bytes + bucket.part_bytes()).saturating_sub(before);
            }
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        self.buckets.len() * 80 + self.nested_bytes + self.changes.bytes()
    }
}

fn inner_of<'p>(frame: &Frame<'p>) -> &'p Inner {
    frame.metric.inner.as_ref().expect("only metrics with inner have buckets")
}

fn whole_bucket(start: EventTime, bucket: &Aggregate) -> (Part, PartValue) {
    let part = Part { bucket: Some(start), key: PartKey::Whole };
    (part, PartValue::Whole(bucket.clone()))
}

fn place_in(start: EventTime, parts: &mut [(Part, PartValue)]) {
    for (part, _) in parts {
        part.bucket = Some(start);
    }
}

/// A bucket's result, rounded to 18 fraction digits.
fn bucket_result(bucket: &Aggregate, inner: &Inner) -> Amount {
    let ratio = match bucket {
        Aggregate::Count(count) => return Amount::from_integer(*count),
        Aggregate::Sum(sum) => return *sum,
        Aggregate::Min(value) | Aggregate::Max(value) => {
            return value.expect("a bucket has events").into();
        }
        Aggregate::Latest(stamp) | Aggregate::First(stamp) => {
            return stamp.expect("a bucket has events").value.into();
        }
        Aggregate::Percentile(ranks) => {
            let share = inner.percentile.expect("an inner percentile has its share");
            return ranks.nearest(share).expect("a bucket has events").into();
        }
        Aggregate::Avg(sum, count) => Ratio { numerator: *sum, denominator: *count },
        Aggregate::Unique(members) => members.finish(None),
        other => panic!("rule 4.5 knows no inner {other:?}"),
    };
    ratio.to_amount()
}

/// Sorted results of buckets with events, and how many more are zero.
struct Outer {
    results: Vec<Amount>,
    zeros: u64,
    count: u64,
}

impl Outer {
    fn finish(&self, frame: &Frame<'_>) -> Ratio {
        let (least, most) = (self.results.first(), self.results.last());
        let zero = (self.zeros > 0).then_some(&Amount::ZERO);
        let numerator = match frame.metric.aggregation {
            AggregationKind::Sum | AggregationKind::Avg => self.sum(),
            AggregationKind::Min => {
                least.into_iter().chain(zero).min().copied().unwrap_or(Amount::ZERO)
            }
            AggregationKind::Max => {
                most.into_iter().chain(zero).max().copied().unwrap_or(Amount::ZERO)
            }
            AggregationKind::Percentile => {
                let share = frame.metric.percentile.expect("a percentile metric has its share");
                self.element(rank(share, self.count))
            }
            other => panic!("rule 4.5 knows no outer {other:?}"),
        };
        let is_average = frame.metric.aggregation == AggregationKind::Avg;
        let denominator = if is_average { self.count.max(1) } else { 1 };
        Ratio { numerator, denominator }
    }

    fn sum(&self) -> Amount {
        self.results.iter().fold(Amount::ZERO, |sum, result| sum.plus(*result))
    }

    /// Element number `rank` (from 1) of results and zeros together, in ascending order.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a rank is at least 1, and where the zeros are taken off it is greater"
    )]
    fn element(&self, rank: u64) -> Amount {
        let below = self.results.partition_point(|result| *result < Amount::ZERO);
        let negative = u64::try_from(below).expect("a count of things in memory");
        let place = if rank <= negative {
            rank
        } else if rank <= negative + self.zeros {
            return Amount::ZERO;
        } else {
            rank - self.zeros
        };
        let index = usize::try_from(place).expect("a place in a list") - 1;
        self.results.get(index).copied().unwrap_or(Amount::ZERO)
    }
}
