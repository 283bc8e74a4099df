//! The total of one period, from nothing but the list of folded events (section 4 of the rules).

use std::collections::{BTreeMap, BTreeSet};

use num_traits::{Signed, ToPrimitive, Zero};
use odometer::definition::{
    AggregationKind, Fill, Inner, Metric, Percentile, Rounding, RoundingFunction,
};
use odometer::model::{EventTime, Period};

use super::calendar::OracleCalendar;
use super::judge::{Input, Operation};
use super::number::{self, Exact};

/// An event that a metric folded.
#[derive(Clone, Debug)]
pub struct Folded {
    /// When it counts: its own time, or the start of the period it was carried to (rule 7.3).
    pub place: EventTime,
    /// Its own time.
    pub time: EventTime,
    /// Place in the order of reading.
    pub order: u64,
    /// Where its record stood, if that is kept.
    pub offset: Option<i64>,
    /// What it brings.
    pub input: Input,
}

/// One period of one key.
pub struct Span<'c> {
    /// The version that folds it.
    pub metric: &'c Metric,
    /// What cuts its days and buckets.
    pub calendar: &'c OracleCalendar,
    /// From when to when.
    pub period: Period,
    before: Vec<&'c Folded>,
    inside: Vec<&'c Folded>,
}

impl<'c> Span<'c> {
    /// `events`: all of the key's chain, also those outside of the period.
    pub fn new(
        metric: &'c Metric,
        calendar: &'c OracleCalendar,
        period: Period,
        events: &'c [Folded],
    ) -> Self {
        let mut sorted: Vec<&Folded> =
            events.iter().filter(|event| event.place < period.end).collect();
        sorted.sort_by_key(|event| (event.place, event.order));
        let (inside, before) = sorted.into_iter().partition(|event| event.place >= period.start);
        Span { metric, calendar, period, before, inside }
    }

    /// The events of the period itself.
    pub fn events(&self) -> &[&'c Folded] {
        &self.inside
    }

    /// Whether the key has a total here (rule 4.3).
    pub fn exists(&self) -> bool {
        !self.inside.is_empty() || (self.metric.is_recurring && self.carries_something())
    }

    /// Whether a state that is not nothing is carried in (rule 4.3).
    fn carries_something(&self) -> bool {
        match self.metric.aggregation {
            AggregationKind::Sum | AggregationKind::WeightedSum => !sum(&self.before).is_zero(),
            AggregationKind::Latest => {
                self.before.last().is_some_and(|newest| !value_of(newest).is_zero())
            }
            AggregationKind::UniqueCount => !active(&self.before).is_empty(),
            other => unreachable!("{other:?} is never recurring"),
        }
    }

    /// The value as the total shows it; `None` is JSON's null (rules 3.4, 3.5, 4.6).
    pub fn value(&self) -> Option<String> {
        let mut value = self.aggregate();
        if let Some(result) = &self.metric.result {
            let events = u64::try_from(self.inside.len()).expect("few events");
            value = number::from_number(result.evaluate(number::to_number(&value), events)?);
        }
        let value = number::round_half(&value, number::TOTAL_DIGITS);
        Some(number::plain_text(&match self.metric.rounding {
            None => value,
            Some(rounding) => rounded(&value, rounding),
        }))
    }

    /// The finished aggregate, exact.
    fn aggregate(&self) -> Exact {
        if let Some(inner) = &self.metric.inner {
            return self.aggregate_buckets(inner);
        }
        let carried = if self.metric.is_recurring { self.before.as_slice() } else { &[] };
        let known: Vec<&Folded> = carried.iter().chain(&self.inside).copied().collect();
        match self.metric.aggregation {
            AggregationKind::Sum if self.metric.is_prorated => self.prorated_sum(carried),
            AggregationKind::UniqueCount if self.metric.is_prorated => self.prorated_unique(&known),
            AggregationKind::WeightedSum => self.weighted_sum(carried),
            kind => aggregate(kind, self.metric.percentile, &known),
        }
    }

    /// Rule 4.4, the first half.
    fn prorated_sum(&self, carried: &[&Folded]) -> Exact {
        let dates = self.calendar.dates_in(self.period);
        let inside = self.inside.iter().map(|event| {
            let left = dates - self.calendar.date_index(self.period, event.place);
            value_of(event) * number::whole(left)
        });
        sum(carried) + inside.sum::<Exact>() / number::whole(dates)
    }

    /// Rule 4.4, the second half: the dates on which a member is active, for each member.
    fn prorated_unique(&self, known: &[&Folded]) -> Exact {
        let dates = self.calendar.dates_in(self.period);
        let mut days: BTreeSet<(&str, i64)> = BTreeSet::new();
        for (member, from, to) in stretches(known) {
            if to.is_some_and(|to| to < self.period.start) {
                continue;
            }
            let first = self.calendar.date_index(self.period, from);
            let last = to.map_or(dates - 1, |to| self.calendar.date_index(self.period, to));
            days.extend((first..=last).map(|day| (member, day)));
        }
        number::whole(days.len()) / number::whole(dates)
    }

    fn weighted_sum(&self, carried: &[&Folded]) -> Exact {
        let length = |from: EventTime| number::whole(self.period.end.since(from).micros());
        let whole = length(self.period.start);
        let changes = self.inside.iter().map(|event| value_of(event) * length(event.place));
        (sum(carried) * &whole + changes.sum::<Exact>()) / whole
    }

    /// Rule 4.5: the outer aggregation over the results of the buckets.
    fn aggregate_buckets(&self, inner: &Inner) -> Exact {
        let mut buckets: BTreeMap<EventTime, Vec<&Folded>> = BTreeMap::new();
        for event in &self.inside {
            let bucket = self.calendar.bucket_at(self.period, inner.every, event.place);
            buckets.entry(bucket.start).or_default().push(event);
        }
        let mut results: BTreeMap<Exact, u64> = BTreeMap::new();
        for events in buckets.values() {
            let result = aggregate(inner.aggregation, inner.percentile, events);
            *results.entry(number::round_half(&result, number::TOTAL_DIGITS)).or_default() += 1;
        }
        if inner.fill == Fill::Zero {
            let all = self.calendar.bucket_count(self.period, inner.every);
            let filled = u64::try_from(buckets.len()).expect("few buckets");
            assert!(all >= filled, "{all} buckets, {filled} with events");
            if all > filled {
                *results.entry(number::zero()).or_default() += all - filled;
            }
        }
        outer(self.metric, &results)
    }
}

/// An aggregate of events in order of time and reading; 0 where there are none.
fn aggregate(kind: AggregationKind, share: Option<Percentile>, events: &[&Folded]) -> Exact {
    let count = number::whole(events.len());
    match kind {
        AggregationKind::Count => count,
        AggregationKind::UniqueCount => number::whole(active(events).len()),
        _ if events.is_empty() => number::zero(),
        AggregationKind::Sum => sum(events),
        AggregationKind::Avg => sum(events) / count,
        AggregationKind::First => value_of(events[0]).clone(),
        AggregationKind::Latest => value_of(events[events.len() - 1]).clone(),
        AggregationKind::Min | AggregationKind::Max | AggregationKind::Percentile => {
            let mut values: Vec<&Exact> = events.iter().map(|event| value_of(event)).collect();
            values.sort();
            let place = match kind {
                AggregationKind::Min => 1,
                AggregationKind::Max => values.len(),
                _ => usize::try_from(rank(share, events.len() as u64)).expect("within the list"),
            };
            values[place - 1].clone()
        }
        AggregationKind::WeightedSum => unreachable!("no inner aggregation"),
    }
}

/// The outer aggregation over results and how often each came.
fn outer(metric: &Metric, results: &BTreeMap<Exact, u64>) -> Exact {
    let Some(((least, _), (greatest, _))) = results.first_key_value().zip(results.last_key_value())
    else {
        return number::zero();
    };
    let count: u64 = results.values().sum();
    let sum = || results.iter().map(|(value, times)| value * number::whole(*times)).sum::<Exact>();
    match metric.aggregation {
        AggregationKind::Sum => sum(),
        AggregationKind::Avg => sum() / number::whole(count),
        AggregationKind::Min => least.clone(),
        AggregationKind::Max => greatest.clone(),
        AggregationKind::Percentile => {
            let mut left = rank(metric.percentile, count);
            let mut values = results.iter();
            loop {
                let (value, times) = values.next().expect("the rank is at most the count");
                if left <= *times {
                    return value.clone();
                }
                left -= times;
            }
        }
        other => unreachable!("{other:?} is no outer aggregation"),
    }
}

/// `ceil(p / 100 * n)`, the place of the nearest-rank percentile, from 1.
fn rank(share: Option<Percentile>, count: u64) -> u64 {
    let Percentile(share) = share.expect("a percentile has its share");
    let share = number::whole(share.units()) * number::power_of_ten(-number::TOTAL_DIGITS);
    let place = (share / number::whole(100) * number::whole(count)).ceil().to_integer();
    assert!(place.is_positive(), "0 < p, 0 < n");
    place.to_u64().expect("at most n")
}

fn rounded(value: &Exact, rounding: Rounding) -> Exact {
    let precision = i32::from(rounding.precision);
    match rounding.function {
        RoundingFunction::Round => number::round_half(value, precision),
        RoundingFunction::Ceil => number::round_up(value, precision),
        RoundingFunction::Floor => number::round_down(value, precision),
    }
}

fn value_of(event: &Folded) -> &Exact {
    match &event.input {
        Input::Number(value) => value,
        other => unreachable!("a number was wanted, not {other:?}"),
    }
}

fn sum(events: &[&Folded]) -> Exact {
    events.iter().map(|event| value_of(event)).sum()
}

fn member_of(event: &Folded) -> (&str, Operation) {
    match &event.input {
        Input::Member(member, operation) => (member, *operation),
        other => unreachable!("a member was wanted, not {other:?}"),
    }
}

/// Members whose newest operation is `add` (rule 4.1).
fn active<'c>(events: &[&'c Folded]) -> BTreeSet<&'c str> {
    let mut members = BTreeSet::new();
    for (member, operation) in events.iter().map(|event| member_of(event)) {
        match operation {
            Operation::Add => members.insert(member),
            Operation::Remove => members.remove(member),
        };
    }
    members
}

/// Each stretch of time in which a member is active: from when, and to when if it ended.
fn stretches<'c>(events: &[&'c Folded]) -> Vec<(&'c str, EventTime, Option<EventTime>)> {
    let mut ended = Vec::new();
    let mut open: BTreeMap<&str, EventTime> = BTreeMap::new();
    for event in events {
        match member_of(event) {
            (member, Operation::Add) => {
                open.entry(member).or_insert(event.place);
            }
            (member, Operation::Remove) => {
                if let Some(from) = open.remove(member) {
                    ended.push((member, from, Some(event.place)));
                }
            }
        }
    }
    ended.extend(open.into_iter().map(|(member, from)| (member, from, None)));
    ended
}
