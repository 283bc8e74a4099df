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
    /// such metric.
    ///
    /// # Errors
    /// What is no range of whole periods, or of periods that cannot be added up.
    pub fn range(
        &self,
        (tenant, code): (&str, &str),
        customer: &str,
        (from, to): (&str, &str),
    ) -> Option<Result<Range, Vec<RangeFault>>> {
        let made = self.alive(tenant, code).map(|made| made.metrics.clone());
        let metrics = made.unwrap_or_else(|| self.files.versions(tenant, code));
        let customers = self.files.customers_of(tenant, customer);
        let plan = Plan::new(Definitions { metrics, customers });
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::format::definitions;
    use crate::registry::{Author, Draft, Horizon, Origin, Patch};

    /// A registry with that metric, by the days of Berlin.
    fn with(keys: &serde_json::Value) -> Registry {
        let mut definition = json!({"code": "m", "period": "day", "timezone": "Europe/Berlin"});
        let keys = keys.as_object().expect("an object").clone();
        definition.as_object_mut().expect("an object").extend(keys);
        let serde_json::Value::Object(definition) = definition else { panic!("an object") };
        let (tenant, id) = ("default".to_owned(), "m".to_owned());
        let draft = Draft { tenant, id, origin: Origin::Api, definition, body: None, once: None };
        let mut registry = Registry::default();
        let change = registry.create(draft, author()).expect("it is valid");
        registry.put(change.record).expect("it compiles");
        registry
    }

    fn author() -> Author {
        let at = EventTime::parse_rfc3339("2026-03-10T12:00:00Z").expect("an instant");
        Author { who: "k".to_owned(), at }
    }

    /// The range as `start end`, or its faults.
    fn range(registry: &Registry, customer: &str, from: &str, to: &str) -> Result<Range, String> {
        let range = registry.range(("default", "m"), customer, (from, to)).expect("it is there");
        range.map_err(|faults| {
            let faults = faults.iter().map(|fault| format!("{:?} {}", fault.edge, fault.message));
            faults.collect::<Vec<_>>().join("\n")
        })
    }

    fn span(range: Range) -> String {
        format!("{} {}", range.span.start, range.span.end)
    }

    #[test]
    fn dates_are_those_of_the_zone_and_ends_do_not_belong() {
        let registry = with(&json!({"aggregation": "count"}));
        let days = range(&registry, "c", "2026-03-28", "2026-03-31").expect("whole days");
        assert_eq!(span(days), "2026-03-27T23:00:00Z 2026-03-30T22:00:00Z");
        let same = range(&registry, "c", "2026-03-28T00:00:00+01:00", "2026-03-30T22:00:00Z");
        assert_eq!(same, Ok(days));
        for (from, to, told) in [
            ("2026-03-28", "2026-03-28", "End is not after the start"),
            ("2026-03-28", "2026-03-27", "End is not after the start"),
            (
                "2026-03-28T00:00:00Z",
                "2026-03-30",
                "Start lies inside a period: that one reaches from 2026-03-27T23",
            ),
            ("2026-03-28", "2026-03-30T00:00:00Z", "End lies inside a period"),
            ("28.3.2026", "2026-03-30", "Start \"28.3.2026\" is no date"),
            ("2026-02-30", "2026-03-30", "is no date"),
            ("9999-01-01", "9999-01-02", "is no date"),
        ] {
            let refused = range(&registry, "c", from, to).expect_err(from);
            assert!(refused.contains(told), "{refused}");
        }
        let both = range(&registry, "c", "x", "y").expect_err("both are wrong");
        assert_eq!(both.lines().count(), 2, "{both}");
        assert!(registry.range(("default", "n"), "c", ("x", "y")).is_none());
    }

    #[test]
    fn customers_have_their_own_periods() {
        let text =
            r#"{"metrics": [], "customers": [{"customer": "ny", "timezone": "America/New_York"}]}"#;
        let files = definitions::read(&[("c.json", text)]).expect("it is valid");
        let registry = with(&json!({"aggregation": "count"}));
        let registry = registry
            .with_files(files, EventTime::EARLIEST, None)
            .expect("nothing stands in the way");
        let own = range(&registry, "ny", "2026-03-01", "2026-03-02").expect("a whole day");
        assert_eq!(span(own), "2026-03-01T05:00:00Z 2026-03-02T05:00:00Z");
        let own = range(&registry, "c", "2026-03-01", "2026-03-02").expect("a whole day");
        assert_eq!(span(own), "2026-02-28T23:00:00Z 2026-03-01T23:00:00Z");
    }

    #[test]
    fn only_what_is_exact_is_added_up() {
        let value = "properties.n";
        for (keys, is_added) in [
            (json!({"aggregation": "count"}), true),
            (json!({"aggregation": "sum", "value": value}), true),
            (json!({"aggregation": "max", "value": value}), false),
            (json!({"aggregation": "avg", "value": value}), false),
            (json!({"aggregation": "unique_count", "value": value}), false),
            (json!({"aggregation": "sum", "value": value, "recurring": true}), false),
            (json!({"aggregation": "sum", "value": value, "result": "value * 2"}), false),
            (
                json!({"aggregation": "count", "rounding": {"function": "ceil", "precision": -1}}),
                false,
            ),
            (
                json!({"aggregation": "sum", "value": value, "inner": {"aggregation": "max", "every": "1h"}}),
                false,
            ),
        ] {
            let registry = with(&keys);
            assert!(range(&registry, "c", "2026-03-01", "2026-03-02").is_ok(), "{keys}");
            let several = range(&registry, "c", "2026-03-01", "2026-03-03");
            assert_eq!(several.is_ok(), is_added, "{keys}: {several:?}");
        }
    }

    #[test]
    fn nothing_is_added_up_across_versions() {
        let mut registry = with(&json!({"aggregation": "count"}));
        let keys = json!({"aggregation": "sum", "value": "properties.n"});
        let keys = keys.as_object().expect("an object").clone();
        let patch = Patch { keys, ..Patch::default() };
        let horizon = Horizon { lead: Span::from_seconds(600), reached: None };
        let change = registry.change("default", "m", patch, horizon, author());
        registry.put(change.expect("it is valid").record).expect("it compiles");
        // The second version counts from the 11th on.
        assert!(range(&registry, "c", "2026-03-09", "2026-03-11").is_ok());
        assert!(range(&registry, "c", "2026-03-11", "2026-03-13").is_ok());
        let refused = range(&registry, "c", "2026-03-10", "2026-03-12").expect_err("two versions");
        assert!(refused.contains("2026-03-09T23:00:00Z to 2026-03-10T23:00:00Z"), "{refused}");
    }

    #[test]
    fn totals_are_added_up_group_by_group() {
        let registry = with(&json!({"aggregation": "count"}));
        let days = range(&registry, "c", "2026-03-01", "2026-03-03").expect("whole days");
        let total =
            |group: &str, value: &str| format!(r#"{{"group":{group},"value":{value},"events":1}}"#);
        let totals = [
            total(r#"{"r":"eu"}"#, r#""0.1""#),
            total(r#"{"r":null}"#, r#""5""#),
            total(r#"{"r":"eu"}"#, r#""99999999999999999999.000000000000000002""#),
        ];
        let estimated = days.estimate(&totals).expect("they are totals");
        let shown: Vec<_> = estimated
            .iter()
            .map(|one| (one.group[0].1.as_deref(), one.quantity.as_deref()))
            .collect();
        let sum = "99999999999999999999.100000000000000002";
        assert_eq!(shown, [(Some("eu"), Some(sum)), (None, Some("5"))]);
        assert_eq!(days.estimate(&[]), Ok(Vec::new()));
        assert!(days.estimate(&["{".to_owned()]).is_err());
        let day = Range { can_add: false, ..days };
        assert!(day.estimate(&totals).is_err(), "two of one group");
        let unknown = [total("{}", "null")];
        assert_eq!(day.estimate(&unknown).expect("it is a total")[0].quantity, None);
    }
}
