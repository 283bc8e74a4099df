//! The oracle's own timelines: which version and which calendar hold at an instant (rules 5.6, 6.3).
//!
//! A version and a customer's calendar change the timeline in the same way: the change waits for the first
//! period start, at or after its `effective_from`, of the timeline made by the changes before it.

use odometer::definition::{
    Calendar, CustomerCalendar, DeclaredValues, Dimension, Expression, GroupPath, Metric,
    PeriodUnit,
};
use odometer::model::{EventTime, Period};

use super::calendar::OracleCalendar;

/// One period of a timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OracleSlot {
    /// The span.
    pub period: Period,
    /// Place of the version among the metric's, from 0.
    pub version: usize,
    /// Place of the segment in the timeline.
    pub segment: usize,
}

/// A stretch of one version and one calendar.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Place of the version.
    pub version: usize,
    /// What cuts its periods.
    pub calendar: OracleCalendar,
    /// Where it begins; `None`: with time itself.
    pub begin: Option<EventTime>,
    /// The first version of those that this one takes recurring state from (rule 5.6 d).
    pub lineage: usize,
}

/// The periods of one metric for one customer.
#[derive(Clone, Debug)]
pub struct OracleTimeline {
    /// In order of time.
    pub segments: Vec<Segment>,
    wanted_from: Option<EventTime>,
}

impl OracleTimeline {
    /// `versions` and `overrides` in order of `effective_from`, `None` first.
    pub fn new(versions: &[&Metric], overrides: &[&CustomerCalendar]) -> Self {
        let mut changes: Vec<(Option<EventTime>, usize, Option<&CustomerCalendar>)> = Vec::new();
        for (place, version) in versions.iter().enumerate().skip(1) {
            changes.push((version.effective_from, place, None));
        }
        for calendar in overrides {
            changes.push((calendar.effective_from, 0, Some(*calendar)));
        }
        changes.sort_by_key(|(from, ..)| *from);

        let mut timeline =
            OracleTimeline { segments: Vec::new(), wanted_from: versions[0].effective_from };
        let (mut version, mut customer) = (0, None);
        timeline.push(versions, version, customer, None);
        for (from, place, calendar) in changes {
            version = version.max(place);
            customer = calendar.or(customer);
            let begin = from.map(|from| timeline.first_start_from(from));
            timeline.push(versions, version, customer, begin);
        }
        timeline
    }

    /// The slot that holds `time`; `None` before the first version begins.
    pub fn slot_at(&self, time: EventTime) -> Option<OracleSlot> {
        if self.wanted_from.is_some_and(|from| time < from) {
            return None;
        }
        let segment = self.segments.iter().rposition(|segment| segment.begin <= Some(time))?;
        let Segment { version, calendar, begin, .. } = &self.segments[segment];
        let natural = calendar.period_at(time);
        let start = begin.map_or(natural.start, |begin| begin.max(natural.start));
        let period = Period { start, end: natural.end };
        Some(OracleSlot { period, version: *version, segment })
    }

    /// The slot after `slot`.
    pub fn slot_after(&self, slot: OracleSlot) -> OracleSlot {
        self.slot_at(slot.period.end).expect("a timeline does not end")
    }

    /// The segment that `slot` belongs to.
    pub fn segment(&self, slot: OracleSlot) -> &Segment {
        &self.segments[slot.segment]
    }

    /// The first start of a period at or after `from`, which lies at or after all changes so far.
    fn first_start_from(&self, from: EventTime) -> EventTime {
        let last = self.segments.last().expect("the first version has a segment");
        let natural = last.calendar.period_at(from);
        match last.begin {
            Some(begin) if begin >= from => begin,
            _ if natural.start == from => from,
            _ => natural.end,
        }
    }

    /// Adds a segment; one that would begin where the last one does takes its place.
    fn push(
        &mut self,
        versions: &[&Metric],
        version: usize,
        customer: Option<&CustomerCalendar>,
        begin: Option<EventTime>,
    ) {
        if self.segments.last().is_some_and(|last| last.begin == begin) {
            self.segments.pop();
        }
        let lineage = lineage_of(versions, version);
        let calendar = calendar_for(&versions[version].calendar, customer);
        self.segments.push(Segment { version, calendar, begin, lineage });
    }
}

/// Which version the recurring state of `version` comes from. A version that stays empty hands on what
/// it would have had: each is compared with the one before it, as rule 5.6 c does.
fn lineage_of(versions: &[&Metric], version: usize) -> usize {
    let breaks = |place: &usize| !hands_on(versions[place - 1], versions[*place]);
    (1..=version).rev().find(breaks).unwrap_or(0)
}

/// A version's calendar as a customer has it (rule 6.3).
fn calendar_for(own: &Calendar, customer: Option<&CustomerCalendar>) -> OracleCalendar {
    let Some(customer) = customer else {
        return OracleCalendar::new(own.unit(), own.zone_name(), own.anchor(), own.anchor_month());
    };
    let is_replaced = matches!(
        own.unit(),
        PeriodUnit::Week | PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year
    );
    let unit = customer.period.filter(|_| is_replaced).unwrap_or(own.unit());
    let zone = customer.timezone.as_deref().unwrap_or(own.zone_name());
    let anchor = customer.anchor.unwrap_or(own.anchor());
    OracleCalendar::new(unit, zone, anchor, customer.anchor_month.unwrap_or(own.anchor_month()))
}

/// Whether recurring state of `before` passes on to `after` (rule 5.6 d).
fn hands_on(before: &Metric, after: &Metric) -> bool {
    let value = |metric: &Metric| metric.value.as_ref().map(Expression::normal_form);
    let operation = |metric: &Metric| metric.operation.as_ref().map(keys);
    before.is_recurring
        && after.is_recurring
        && before.aggregation == after.aggregation
        && value(before) == value(after)
        && operation(before) == operation(after)
        && before.group_by.iter().map(meaning).eq(after.group_by.iter().map(meaning))
}

fn keys(path: &GroupPath) -> Vec<String> {
    path.keys.clone()
}

/// What a dimension does, whatever the spelling of its path and the order of its values.
fn meaning(dimension: &Dimension) -> impl PartialEq {
    let mut values = dimension.values.clone();
    match &mut values {
        Some(DeclaredValues::Any(texts)) => texts.sort(),
        Some(DeclaredValues::Within(_, lists)) => {
            for (_, texts) in lists.iter_mut() {
                texts.sort();
            }
            lists.sort();
        }
        None => {}
    }
    (keys(&dimension.path), values, dimension.other)
}
