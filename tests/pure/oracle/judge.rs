//! What one version of a metric makes of one event, lateness aside (rules 4.1, 5.3 to 5.5, 5.7).

use odometer::definition::{
    AggregationKind, DeclaredValues, Dimension, Expression, Metric, OtherValues, Scalar,
};
use odometer::definition::{EvaluationError, GroupPath};
use odometer::model::{Event, NodeKind, Number, Object, RejectReason, Value};

use super::number::{self, Exact};

/// Text of one group dimension.
pub type GroupText = Option<String>;

/// What an event brings into an aggregate.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// Nothing but itself.
    Presence,
    /// A number.
    Number(Exact),
    /// A text that is added to the set of active ones, or removed from it.
    Member(String, Operation),
}

/// What an event does to a member (rule 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// It becomes active.
    Add,
    /// It is active no more.
    Remove,
}

/// The judgement.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The filter or a dimension does not want it.
    PassedOver,
    /// It cannot be folded.
    Refused(RejectReason),
    /// It may be folded, if it is not late.
    Fits(Vec<GroupText>, Input),
}

/// Filter, groups in declared order, value, operation: the first that objects decides (rule 5.7).
pub fn judge(metric: &Metric, event: &Event<'_>) -> Verdict {
    match filter(metric.filter.as_ref(), event) {
        Some(true) => {}
        Some(false) => return Verdict::PassedOver,
        None => return Verdict::Refused(RejectReason::BadFilter),
    }
    let mut group: Vec<GroupText> = Vec::new();
    for dimension in &metric.group_by {
        match text_in(dimension, &group, event.properties) {
            Placed::In(text) => group.push(text),
            Placed::PassedOver => return Verdict::PassedOver,
            Placed::Refused => return Verdict::Refused(RejectReason::BadGroup),
        }
    }
    match input(metric, event) {
        Ok(input) => Verdict::Fits(group, input),
        Err(reason) => Verdict::Refused(reason),
    }
}

/// Whether the filter is true; `None` where it fails or is no condition.
fn filter(filter: Option<&Expression>, event: &Event<'_>) -> Option<bool> {
    let Some(filter) = filter else { return Some(true) };
    match filter.evaluate(event) {
        Ok(Scalar::Boolean(is_true)) => Some(is_true),
        Ok(Scalar::Null) => Some(false),
        Ok(Scalar::Number(_) | Scalar::Text(_) | Scalar::Composite) | Err(_) => None,
    }
}

/// Where a dimension puts an event.
enum Placed {
    In(GroupText),
    PassedOver,
    Refused,
}

fn text_in(dimension: &Dimension, earlier: &[GroupText], properties: Object<'_>) -> Placed {
    let declared: Option<&[String]> = match &dimension.values {
        None => None,
        Some(DeclaredValues::Any(texts)) => Some(texts),
        Some(DeclaredValues::Within(place, lists)) => {
            let list = lists.iter().find(|(of, _)| earlier[*place].as_deref() == Some(of));
            match list {
                Some((_, texts)) => Some(texts),
                None => return Placed::In(None),
            }
        }
    };
    let Some(text) = group_text(find(&dimension.path, properties)) else {
        return Placed::Refused;
    };
    let is_declared = |texts: &[String]| text.as_ref().is_some_and(|text| texts.contains(text));
    match declared {
        Some(texts) if !is_declared(texts) => match dimension.other {
            OtherValues::Bucket => Placed::In(None),
            OtherValues::Drop => Placed::PassedOver,
        },
        _ => Placed::In(text),
    }
}

/// The text of a property as a group value; the outer `None` refuses it (rule 5.4).
fn group_text(value: Option<Value<'_>>) -> Option<GroupText> {
    let Some(value) = value else { return Some(None) };
    let text = match value.kind() {
        NodeKind::Null => return Some(None),
        NodeKind::True => "true".to_owned(),
        NodeKind::False => "false".to_owned(),
        NodeKind::Number => {
            let number = Number::parse_json(value.raw()).ok()?;
            number::total_text(&number::from_number(number))
        }
        NodeKind::Plain | NodeKind::Escaped => value.string().expect("a string").into_owned(),
        NodeKind::Array | NodeKind::Object => return None,
    };
    (text.len() <= 256).then_some(Some(text))
}

/// The value at a path of keys.
fn find<'d>(path: &GroupPath, properties: Object<'d>) -> Option<Value<'d>> {
    let (last, parents) = path.keys.split_last().expect("a path has a key");
    let mut object = properties;
    for key in parents {
        object = object.member(key)?.object()?;
    }
    object.member(last)
}

/// Value, then operation.
fn input(metric: &Metric, event: &Event<'_>) -> Result<Input, RejectReason> {
    let kind = metric.inner.as_ref().map_or(metric.aggregation, |inner| inner.aggregation);
    let scalar = match &metric.value {
        Some(value) if kind != AggregationKind::Count => {
            value.evaluate(event).map_err(|error| match error {
                EvaluationError::OutOfRange => RejectReason::OutOfRange,
                EvaluationError::DivisionByZero | EvaluationError::WrongKind(_) => {
                    RejectReason::BadValue
                }
            })?
        }
        _ => return Ok(Input::Presence),
    };
    if kind != AggregationKind::UniqueCount {
        return numeric(&scalar).map(Input::Number);
    }
    let member = member(&scalar).ok_or(RejectReason::BadValue)?;
    let operation = match &metric.operation {
        Some(path) => operation(find(path, event.properties)).ok_or(RejectReason::BadValue)?,
        None => Operation::Add,
    };
    Ok(Input::Member(member, operation))
}

/// The event's value as a number (rules 3.1 to 3.3).
fn numeric(scalar: &Scalar<'_>) -> Result<Exact, RejectReason> {
    let number = match scalar {
        Scalar::Number(number) => number::from_number(*number),
        Scalar::Text(text) => number::parse_plain(text).ok_or(RejectReason::BadValue)?,
        Scalar::Null | Scalar::Boolean(_) | Scalar::Composite => {
            return Err(RejectReason::BadValue);
        }
    };
    number::event_value(&number).ok_or(RejectReason::OutOfRange)
}

/// The event's value as a text that `unique_count` counts.
fn member(scalar: &Scalar<'_>) -> Option<String> {
    match scalar {
        Scalar::Text(text) => Some(text.to_string()),
        Scalar::Number(number) => Some(number::total_text(&number::from_number(*number))),
        Scalar::Boolean(is_true) => Some(is_true.to_string()),
        Scalar::Null | Scalar::Composite => None,
    }
}

fn operation(value: Option<Value<'_>>) -> Option<Operation> {
    let Some(value) = value.filter(|value| value.kind() != NodeKind::Null) else {
        return Some(Operation::Add);
    };
    match value.string()?.as_ref() {
        "add" => Some(Operation::Add),
        "remove" => Some(Operation::Remove),
        _ => None,
    }
}
