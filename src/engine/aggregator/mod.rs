//! Aggregators: what is kept of the events of one key, and the number that comes of it (section 4 of the rules).
//!
//! One file a family of aggregations. Each keeps no more than its total needs, merges exactly, and tells
//! which of its parts changed, so that one with many parts is stored by difference. Stands below
//! `engine::processor`, whose `look` and `fold` say what to fold, and whose `close` asks for totals. Knows nothing of
//! events, keys, storage, or when a period ends.

mod carry;
mod inner;
mod members;
mod operations;
mod parts;
mod percentile;
mod stamp;

pub use carry::{Active, Carry};
pub use inner::Buckets;
pub use members::{Member, Members};
pub use operations::Operations;
pub use parts::{Changes, Part, PartKey, PartValue};
pub use percentile::Ranks;
pub use stamp::{Operation, Stamp};

use crate::definition::{AggregationKind, Calendar, Metric, Slot};
use crate::model::{Amount, EventTime, Quantity, Ratio};

/// What an event brings to a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fold {
    /// When it counts: the event's time, or the period's start where it was carried (rule 7.3).
    pub time: EventTime,
    /// Place in the order of reading; later events have greater ones.
    pub order: u64,
    /// What of it is aggregated.
    pub value: FoldValue,
}

/// The aggregated part of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FoldValue {
    /// `count` looks at no value.
    Nothing,
    /// A number (rule 3.2).
    Quantity(Quantity),
    /// A text that is counted once, with what happens to it (rule 4.1).
    Member(Member, Operation),
}

impl FoldValue {
    fn quantity(&self) -> Quantity {
        match self {
            FoldValue::Quantity(quantity) => *quantity,
            other => panic!("a numeric aggregation was given {other:?}"),
        }
    }

    fn member(&self) -> (&Member, Operation) {
        match self {
            FoldValue::Member(member, operation) => (member, *operation),
            other => panic!("a unique count was given {other:?}"),
        }
    }
}

/// The key's surroundings that folding and finishing depend on.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'p> {
    /// The version that folds.
    pub metric: &'p Metric,
    /// The calendar that cut the slot.
    pub calendar: &'p Calendar,
    /// The period.
    pub slot: Slot,
}

/// What is kept of the events of one key and period. Bytes are those of the scalar parts.
#[derive(Clone, PartialEq, Debug)]
pub enum Aggregate {
    /// Number of events: 8 bytes.
    Count(u64),
    /// Sum of values: 32 bytes.
    Sum(Amount),
    /// Smallest value: 16 bytes.
    Min(Option<Quantity>),
    /// Largest value: 16 bytes.
    Max(Option<Quantity>),
    /// Sum and count: 40 bytes.
    Avg(Amount, u64),
    /// Newest value: 32 bytes.
    Latest(Option<Stamp<Quantity>>),
    /// Oldest value: 32 bytes.
    First(Option<Stamp<Quantity>>),
    /// Sum of changes, and of changes times the microseconds left (rule 4, `weighted_sum`): 64 bytes.
    Weighted(Box<Weighted>),
    /// Sum, and sum weighted by the dates left (rule 4.4): 64 bytes.
    Prorated(Box<Weighted>),
    /// Distinct texts: each once.
    Unique(Box<Members>),
    /// The newest operation of each text (rule 4.1), or every one where days count (rule 4.4).
    Operations(Box<Operations>),
    /// Each distinct value with its count.
    Percentile(Box<Ranks>),
    /// One aggregate for each bucket with events (rule 4.5).
    Inner(Box<Buckets>),
}

/// A plain sum and a weighted one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weighted {
    /// Sum of the values.
    pub level: Amount,
    /// Sum of the values, each times its weight.
    pub area: Amount,
}

impl Weighted {
    const ZERO: Weighted = Weighted { level: Amount::ZERO, area: Amount::ZERO };

    fn add(&mut self, value: Amount, weight: i64) {
        self.level = self.level.plus(value);
        self.area = self.area.plus(value.times(weight));
    }

    fn merge(&mut self, other: &Weighted) {
        self.level = self.level.plus(other.level);
        self.area = self.area.plus(other.area);
    }
}

impl Aggregate {
    /// The aggregate of no events, for one period of a metric.
    pub fn new(metric: &Metric) -> Self {
        if metric.inner.is_some() {
            return Aggregate::Inner(Box::default());
        }
        match metric.aggregation {
            AggregationKind::Sum if metric.is_prorated => {
                Aggregate::Prorated(Box::new(Weighted::ZERO))
            }
            AggregationKind::UniqueCount if metric.is_prorated => {
                Aggregate::Operations(Box::new(Operations::keeping_all()))
            }
            AggregationKind::UniqueCount if metric.operation.is_some() => {
                Aggregate::Operations(Box::new(Operations::keeping_newest()))
            }
            kind => Aggregate::of_kind(kind),
        }
    }

    /// The aggregate of no events for a kind of aggregation without refinements.
    pub fn of_kind(kind: AggregationKind) -> Self {
        match kind {
            AggregationKind::Count => Aggregate::Count(0),
            AggregationKind::Sum => Aggregate::Sum(Amount::ZERO),
            AggregationKind::Min => Aggregate::Min(None),
            AggregationKind::Max => Aggregate::Max(None),
            AggregationKind::Avg => Aggregate::Avg(Amount::ZERO, 0),
            AggregationKind::Latest => Aggregate::Latest(None),
            AggregationKind::First => Aggregate::First(None),
            AggregationKind::UniqueCount => Aggregate::Unique(Box::default()),
            AggregationKind::WeightedSum => Aggregate::Weighted(Box::new(Weighted::ZERO)),
            AggregationKind::Percentile => Aggregate::Percentile(Box::default()),
        }
    }

    /// Takes one event in.
    #[expect(clippy::arithmetic_side_effects, reason = "a date of a period lies among its dates")]
    pub fn fold(&mut self, frame: &Frame<'_>, fold: &Fold) {
        match self {
            Aggregate::Weighted(weighted) => {
                let left = frame.slot.period.end.since(fold.time).micros();
                weighted.add(fold.value.quantity().into(), left);
            }
            Aggregate::Prorated(weighted) => {
                let dates = frame.calendar.dates_in(frame.slot.period);
                let passed = frame.calendar.date_index(frame.slot.period, fold.time);
                weighted.add(fold.value.quantity().into(), dates - passed);
            }
            Aggregate::Inner(buckets) => buckets.fold(frame, fold),
            plain => plain.fold_plain(fold),
        }
    }

    /// Takes one event in, for the aggregations that look at nothing but the event.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    fn fold_plain(&mut self, fold: &Fold) {
        match self {
            Aggregate::Count(count) => *count += 1,
            Aggregate::Sum(sum) => *sum = sum.plus(fold.value.quantity().into()),
            Aggregate::Min(least) => {
                let value = fold.value.quantity();
                *least = Some(least.map_or(value, |least| least.min(value)));
            }
            Aggregate::Max(most) => {
                let value = fold.value.quantity();
                *most = Some(most.map_or(value, |most| most.max(value)));
            }
            Aggregate::Avg(sum, count) => {
                *sum = sum.plus(fold.value.quantity().into());
                *count += 1;
            }
            Aggregate::Latest(stamp) => Stamp::keep_newest(stamp, Stamp::of(fold)),
            Aggregate::First(stamp) => Stamp::keep_oldest(stamp, Stamp::of(fold)),
            Aggregate::Unique(members) => members.insert(fold.value.member().0),
            Aggregate::Operations(operations) => operations.fold(fold),
            Aggregate::Percentile(ranks) => ranks.add(fold.value.quantity(), 1),
            Aggregate::Weighted(_) | Aggregate::Prorated(_) | Aggregate::Inner(_) => {
                panic!("this aggregation needs the frame of its period")
            }
        }
    }

    /// Takes in what another aggregate of the same key, period and metric folded from other events.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    pub fn merge(&mut self, other: &Aggregate) {
        match (self, other) {
            (Aggregate::Count(count), Aggregate::Count(more)) => *count += more,
            (Aggregate::Sum(sum), Aggregate::Sum(more)) => *sum = sum.plus(*more),
            (Aggregate::Min(least), Aggregate::Min(other)) => {
                *least = least.iter().chain(other).min().copied();
            }
            (Aggregate::Max(most), Aggregate::Max(other)) => {
                *most = most.iter().chain(other).max().copied();
            }
            (Aggregate::Avg(sum, count), Aggregate::Avg(more, events)) => {
                *sum = sum.plus(*more);
                *count += events;
            }
            (Aggregate::Latest(stamp), Aggregate::Latest(other)) => {
                if let Some(other) = other {
                    Stamp::keep_newest(stamp, *other);
                }
            }
            (Aggregate::First(stamp), Aggregate::First(other)) => {
                if let Some(other) = other {
                    Stamp::keep_oldest(stamp, *other);
                }
            }
            (Aggregate::Weighted(own), Aggregate::Weighted(other))
            | (Aggregate::Prorated(own), Aggregate::Prorated(other)) => own.merge(other),
            (Aggregate::Unique(own), Aggregate::Unique(other)) => own.merge(other),
            (Aggregate::Operations(own), Aggregate::Operations(other)) => own.merge(other),
            (Aggregate::Percentile(own), Aggregate::Percentile(other)) => own.merge(other),
            (Aggregate::Inner(own), Aggregate::Inner(other)) => own.merge(other),
            (own, other) => panic!("cannot merge {other:?} into {own:?}"),
        }
    }

    /// The total, not yet rounded. `carry` is what came into the period, for recurring metrics.
    pub fn finish(&self, frame: &Frame<'_>, carry: Option<&Carry>) -> Ratio {
        match self {
            Aggregate::Count(count) => whole(Amount::from_integer(*count)),
            Aggregate::Sum(sum) => whole(sum.plus(Carry::sum_of(carry))),
            Aggregate::Min(value) | Aggregate::Max(value) => {
                whole(value.map_or(Amount::ZERO, Amount::from))
            }
            Aggregate::Avg(sum, count) => Ratio { numerator: *sum, denominator: (*count).max(1) },
            Aggregate::Latest(stamp) => {
                let stamp = Carry::newest_with(carry, *stamp);
                whole(stamp.map_or(Amount::ZERO, |stamp| stamp.value.into()))
            }
            Aggregate::First(stamp) => {
                whole(stamp.map_or(Amount::ZERO, |stamp| stamp.value.into()))
            }
            Aggregate::Weighted(weighted) => {
                let length = frame.slot.period.length().micros();
                let carried = Carry::sum_of(carry).times(length);
                ratio(weighted.area.plus(carried), length)
            }
            Aggregate::Prorated(weighted) => {
                let dates = frame.calendar.dates_in(frame.slot.period);
                ratio(weighted.area.plus(Carry::sum_of(carry).times(dates)), dates)
            }
            Aggregate::Unique(members) => members.finish(carry),
            Aggregate::Operations(operations) => operations.finish(frame, carry),
            Aggregate::Percentile(ranks) => {
                let share = frame.metric.percentile.expect("a percentile metric has its share");
                whole(ranks.nearest(share).map_or(Amount::ZERO, Amount::from))
            }
            Aggregate::Inner(buckets) => buckets.finish(frame),
        }
    }

    /// Whether it is stored by parts rather than whole.
    pub fn has_parts(&self) -> bool {
        matches!(
            self,
            Aggregate::Unique(_)
                | Aggregate::Operations(_)
                | Aggregate::Percentile(_)
                | Aggregate::Inner(_)
        )
    }

    /// Moves the parts that changed since the last call to `sink`; nothing for aggregates stored whole.
    pub fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        match self {
            Aggregate::Unique(members) => members.take_changes(sink),
            Aggregate::Operations(operations) => operations.take_changes(sink),
            Aggregate::Percentile(ranks) => ranks.take_changes(sink),
            Aggregate::Inner(buckets) => buckets.take_changes(sink),
            _ => {}
        }
    }

    /// Every part, as [`Aggregate::restore`] takes them back.
    pub fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        match self {
            Aggregate::Unique(members) => members.parts(sink),
            Aggregate::Operations(operations) => operations.parts(sink),
            Aggregate::Percentile(ranks) => ranks.parts(sink),
            Aggregate::Inner(buckets) => buckets.parts(sink),
            _ => {}
        }
    }

    /// Puts one stored part back. `inner` is the aggregate that a bucket of the metric starts as.
    pub fn restore(&mut self, part: Part, value: PartValue, inner: Option<AggregationKind>) {
        match self {
            Aggregate::Unique(members) => members.restore(part),
            Aggregate::Operations(operations) => operations.restore(part, value),
            Aggregate::Percentile(ranks) => ranks.restore(part, value),
            Aggregate::Inner(buckets) => {
                buckets.restore(part, value, inner.expect("only metrics with inner have buckets"));
            }
            other => panic!("{other:?} has no parts, yet {part:?} was stored"),
        }
    }

    /// Roughly how many bytes of memory its parts take.
    pub fn part_bytes(&self) -> usize {
        match self {
            Aggregate::Weighted(_) | Aggregate::Prorated(_) => 64,
            Aggregate::Unique(members) => members.bytes(),
            Aggregate::Operations(operations) => operations.bytes(),
            Aggregate::Percentile(ranks) => ranks.bytes(),
            Aggregate::Inner(buckets) => buckets.bytes(),
            _ => 0,
        }
    }
}

fn whole(amount: Amount) -> Ratio {
    Ratio { numerator: amount, denominator: 1 }
}

fn ratio(numerator: Amount, denominator: i64) -> Ratio {
    let denominator = u64::try_from(denominator).expect("periods have a length");
    Ratio { numerator, denominator: denominator.max(1) }
}
