//! What one metric makes of one event, by the event, the metric and the watermark alone: the steps of rule 5.7.

use crate::definition::{
    AggregationKind, GroupFault, LatePolicy, Metric, MetricPlan, Slot, ValueFault,
};
use crate::engine::aggregator::{FoldValue, Member, Operation};
use crate::model::{Event, EventTime, NodeKind, RejectReason};

/// Why a metric does not fold an event.
pub(super) enum Stop {
    PassOver,
    Refuse(RejectReason, String),
}

/// Rule 5.4.
#[expect(clippy::indexing_slicing, reason = "a fault names one of the metric's dimensions")]
pub(super) fn bad_group(metric: &Metric, fault: &GroupFault) -> Stop {
    let property = &metric.group_by[fault.dimension].path.text;
    Stop::Refuse(RejectReason::BadGroup, format!("{property}: {}", fault.cause))
}

/// Rule 5.3.
pub(super) fn pass_filter(metric: &Metric, event: &Event<'_>) -> Result<(), Stop> {
    let Some(filter) = &metric.filter else { return Ok(()) };
    let condition = filter.evaluate(event).and_then(|scalar| scalar.as_condition());
    match condition {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false) | None) => Err(Stop::PassOver),
        Err(error) => Err(Stop::Refuse(RejectReason::BadFilter, error.to_string())),
    }
}

/// The value, and the operation where the metric has one (rules 3.1, 3.2, 4.1, 5.3).
pub(super) fn value_of(metric: &Metric, event: &Event<'_>) -> Result<FoldValue, Stop> {
    let Some(expression) = &metric.value else { return Ok(FoldValue::Nothing) };
    let is_unique = looks_at_text(metric);
    let scalar = expression.evaluate(event).map_err(|error| {
        let fault = ValueFault::from(error);
        Stop::Refuse(fault.reason(), fault.to_string())
    })?;
    if !is_unique {
        return match scalar.as_quantity() {
            Ok(quantity) => Ok(FoldValue::Quantity(quantity)),
            Err(fault) => Err(Stop::Refuse(fault.reason(), fault.to_string())),
        };
    }
    let Some(text) = scalar.as_unique_text() else {
        let detail = "the value is missing, null, an object or an array".to_owned();
        return Err(Stop::Refuse(RejectReason::BadValue, detail));
    };
    let operation = operation_of(metric, event)?;
    Ok(FoldValue::Member(Member::of(&text), operation))
}

fn looks_at_text(metric: &Metric) -> bool {
    let innermost = metric.inner.as_ref().map_or(metric.aggregation, |inner| inner.aggregation);
    innermost == AggregationKind::UniqueCount
}

/// Rule 4.1.
fn operation_of(metric: &Metric, event: &Event<'_>) -> Result<Operation, Stop> {
    let Some(path) = &metric.operation else { return Ok(Operation::Add) };
    let Some(value) = path.find(event.properties) else { return Ok(Operation::Add) };
    let text = value.string();
    match (value.kind(), text.as_deref()) {
        (NodeKind::Null, _) | (_, Some("add")) => Ok(Operation::Add),
        (_, Some("remove")) => Ok(Operation::Remove),
        _ => {
            let detail = format!("{} is neither \"add\" nor \"remove\"", path.text);
            Err(Stop::Refuse(RejectReason::BadValue, detail))
        }
    }
}

/// Where and when the event counts (rule 7.3).
pub(super) fn placed(
    family: &MetricPlan,
    slot: Slot,
    event: &Event<'_>,
    watermark: Option<EventTime>,
) -> Result<(Slot, EventTime), Stop> {
    let Some(watermark) = watermark.filter(|mark| family.due_at(slot) <= *mark) else {
        return Ok((slot, event.time));
    };
    let metric = family.version(slot);
    let late = || {
        let detail = format!("its period ended at {} and was due", slot.period.end);
        Stop::Refuse(RejectReason::Late, detail)
    };
    match metric.late {
        LatePolicy::Correct => Ok((slot, event.time)),
        LatePolicy::Drop => Err(late()),
        LatePolicy::Carry => {
            // The earliest period that is not due is the one that holds the instant up to which all are.
            let open = watermark.saturating_sub(metric.grace);
            let target = family.timeline(&event.customer).slot_at(open);
            match target.filter(|target| target.version == slot.version) {
                Some(target) => Ok((target, target.period.start)),
                None => Err(late()),
            }
        }
    }
}
