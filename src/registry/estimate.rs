//! What a metric comes to for one customer from one date to another: a sum of whole periods, or what a single one has.
//!
//! ```text
//! dates ─► Range: whole periods of the customer's ─► (the totals of these, by whoever has them) ─► Estimated, one for each group
//! ```
//! Periods are added up only where that gives what one long period would have given.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Registry, Unreadable};
use crate::definition::{AggregationKind, Definitions, Metric, Plan, Slot, Timeline};
use crate::model::{EventTime, Number, Period, Span};

/// Whole periods of a metric, as one customer sees them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// From the start of the first to the end of the last.
    pub span: Period,
    can_add: bool,
}

/// One of the two ends of a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeEdge {
    /// Where it starts.
    Start,
    /// Where it ends; that instant is no part of it.
    End,
}

/// Why a range has no estimate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RangeFault {
    /// Which end of it is wrong.
    pub edge: RangeEdge,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What a group comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Estimated {
    /// Properties with their values, in declared order.
    pub group: Vec<(String, Option<String>)>,
    /// An exact decimal; none by rule 4.6.
    pub quantity: Option<String>,
}

/// What is read of a total's body.
#[derive(Deserialize)]
struct Total {
    group: serde_json::Map<String, serde_json::Value>,
    value: Option<String>,
}

impl Registry {
    /// Reads a range of a metric's: each end a date of the metric's zone, or an instant by RFC 3339. `None`: there is no
    /// such metric that was made over the listener.
    ///
    /// # Errors
    /// What is no range of whole periods, or of periods that cannot be added up.
    pub fn range(
        &self,
        (tenant, code): (&str, &str),
        customer: &str,
        (from, to): (&str, &str),
    ) -> Option<Result<Range, Vec<RangeFault>>> {
        let made = self.alive(tenant, code)?;
        let customers = self.files.customers_of(tenant, customer);
        let plan = Plan::new(Definitions { metrics: made.metrics.clone(), customers });
        let metric = plan.metrics().first()?;
        let timeline = metric.timeline(customer);
        let (start, end) = match (instant(timeline, from), instant(timeline, to)) {
            (Some(start), Some(end)) => (start, end),
            (start, end) => {
                let ends = [(RangeEdge::Start, from, start), (RangeEdge::End, to, end)];
                let unread = ends.into_iter().filter(|(_, _, read)| read.is_none());
                return Some(Err(unread.map(|(edge, text, _)| no_date(edge, text)).collect()));
            }
        };
        Some(slots(timeline, start, end).and_then(|(first, last)| {
            let can_add = first.version == last.version && is_additive(metric.version(first));
            if first != last && !can_add {
                let Period { start, end } = first.period;
                return Err(vec![RangeFault {
                    edge: RangeEdge::End,
                    message: format!(
                        "several periods lie between, and this metric's cannot be added up exactly: ask for one, such as \
                         {start} to {end}"
                    ),
                }]);
            }
            Ok(Range { span: Period { start, end }, can_add })
        }))
    }
}

impl Range {
    /// What the totals of its periods, given by their bodies, come to.
    ///
    /// # Errors
    /// What is no total of the range.
    pub fn estimate(&self, totals: &[String]) -> Result<Vec<Estimated>, Unreadable> {
        let mut found: BTreeMap<String, Estimated> = BTreeMap::new();
        for body in totals {
            let Total { group, value } =
                serde_json::from_str(body).map_err(|error| Unreadable(error.to_string()))?;
            let key =
                serde_json::to_string(&group).map_err(|error| Unreadable(error.to_string()))?;
            let Some(known) = found.get_mut(&key) else {
                let group = group.into_iter();
                let group =
                    group.map(|(property, value)| (property, value.as_str().map(str::to_owned)));
                found.insert(key, Estimated { group: group.collect(), quantity: value });
                continue;
            };
            let (Some(sum), Some(value), true) = (&known.quantity, &value, self.can_add) else {
                return Err(Unreadable(format!("a second total of one period and group: {body}")));
            };
            known.quantity = Some(added(sum, value)?);
        }
        Ok(found.into_values().collect())
    }
}

/// Whether totals of several periods add up to what one period of their length would give.
fn is_additive(metric: &Metric) -> bool {
    let is_plain = metric.inner.is_none() && metric.result.is_none() && metric.rounding.is_none();
    match metric.aggregation {
        AggregationKind::Count | AggregationKind::Sum => is_plain && !metric.is_recurring,
        AggregationKind::Min
        | AggregationKind::Max
        | AggregationKind::Avg
        | AggregationKind::Latest
        | AggregationKind::First
        | AggregationKind::UniqueCount
        | AggregationKind::WeightedSum
        | AggregationKind::Percentile => false,
    }
}

fn added(one: &str, other: &str) -> Result<String, Unreadable> {
    let number = |text: &str| match Number::parse_numeric(text) {
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) | None => Err(Unreadable(format!("{text:?} is no value of a total"))),
    };
    let sum = number(one)?.add(number(other)?);
    sum.map(|sum| sum.to_string()).map_err(|_| Unreadable("the sum has too many digits".to_owned()))
}

/// The first and the last period of a range.
fn slots(
    timeline: &Timeline,
    start: EventTime,
    end: EventTime,
) -> Result<(Slot, Slot), Vec<RangeFault>> {
    let fault = |edge, message: String| RangeFault { edge, message };
    if start >= end {
        return Err(vec![fault(RangeEdge::End, format!("is not after the start, {start}"))]);
    }
    let at = |edge, time| {
        timeline.slot_at(time).ok_or_else(|| {
            vec![fault(edge, "lies before the metric's begin, where it has no periods".to_owned())]
        })
    };
    let first = at(RangeEdge::Start, start)?;
    let last = at(RangeEdge::End, end.saturating_sub(Span::from_micros(1)))?;
    let cut = |edge, slot: Slot| {
        let Period { start, end } = slot.period;
        fault(edge, format!("lies inside a period: that one reaches from {start} to {end}"))
    };
    let mut faults = Vec::new();
    if first.period.start != start {
        faults.push(cut(RangeEdge::Start, first));
    }
    if last.period.end != end {
        faults.push(cut(RangeEdge::End, last));
    }
    if faults.is_empty() { Ok((first, last)) } else { Err(faults) }
}

/// A date begins where the clock of the metric's zone has its midnight.
fn instant(timeline: &Timeline, text: &str) -> Option<EventTime> {
    if text.contains([':', 'T', 't']) {
        return EventTime::parse_rfc3339(text).filter(|time| time.is_admissible());
    }
    let about = EventTime::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let about = about.filter(|time| time.is_admissible())?;
    let segment = timeline.slot_at(about).map_or(0, |slot| slot.segment);
    timeline.calendar(segment).date_start(text)
}

fn no_date(edge: RangeEdge, text: &str) -> RangeFault {
    RangeFault { edge, message: format!("{text:?} is no date: write it as 2026-03-01") }
}
