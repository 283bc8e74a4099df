//! Buckets of time: `date_trunc`, `toStartOf...` and their like, each as the `every` of rule 4.5.

use super::column::{Column, Events};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Call, Expression, Node};

const UNITS: [(&str, &str); 8] = [
    ("second", "1s"),
    ("minute", "minute"),
    ("hour", "hour"),
    ("day", "day"),
    ("week", "week"),
    ("month", "month"),
    ("quarter", "quarter"),
    ("year", "year"),
];

/// Functions of timestamp alone.
const FUNCTIONS: [(&str, &str); 16] = [
    ("tostartofsecond", "1s"),
    ("tostartofminute", "minute"),
    ("tostartoffiveminutes", "5m"),
    ("tostartoffiveminute", "5m"),
    ("tostartoftenminutes", "10m"),
    ("tostartoffifteenminutes", "15m"),
    ("tostartofhour", "hour"),
    ("tostartofday", "day"),
    ("tomonday", "week"),
    ("tostartofmonth", "month"),
    ("tostartofquarter", "quarter"),
    ("tostartofyear", "year"),
    ("todate", "day"),
    ("todate32", "day"),
    ("date", "day"),
    ("tostartofisoweek", "week"),
];

/// Lengths that begin where a period does, whichever it is: each divides an hour, or is whole hours and divides a day.
const LENGTHS: [(&str, &str, &str); 30] = [
    ("1", "SECOND", "1s"),
    ("5", "SECOND", "5s"),
    ("10", "SECOND", "10s"),
    ("15", "SECOND", "15s"),
    ("30", "SECOND", "30s"),
    ("60", "SECOND", "minute"),
    ("300", "SECOND", "5m"),
    ("900", "SECOND", "15m"),
    ("3600", "SECOND", "hour"),
    ("1", "MINUTE", "minute"),
    ("2", "MINUTE", "2m"),
    ("3", "MINUTE", "3m"),
    ("4", "MINUTE", "4m"),
    ("5", "MINUTE", "5m"),
    ("6", "MINUTE", "6m"),
    ("10", "MINUTE", "10m"),
    ("12", "MINUTE", "12m"),
    ("15", "MINUTE", "15m"),
    ("20", "MINUTE", "20m"),
    ("30", "MINUTE", "30m"),
    ("60", "MINUTE", "hour"),
    ("1", "HOUR", "hour"),
    ("2", "HOUR", "2h"),
    ("3", "HOUR", "3h"),
    ("4", "HOUR", "4h"),
    ("6", "HOUR", "6h"),
    ("8", "HOUR", "8h"),
    ("12", "HOUR", "12h"),
    ("24", "HOUR", "day"),
    ("1", "DAY", "day"),
];

const LONG_LENGTHS: [(&str, &str, &str); 4] = [
    ("1", "WEEK", "week"),
    ("1", "MONTH", "month"),
    ("1", "QUARTER", "quarter"),
    ("1", "YEAR", "year"),
];

/// The length of the buckets that an expression cuts timestamp to; `None` where it is something else.
pub(super) fn every(
    expression: &Expression,
    events: &mut Events,
) -> Result<Option<&'static str>, Refusal> {
    let (operand, every) = match &expression.node {
        Node::Cast(operand, target) if target.name == "DATE" && target.sizes.is_empty() => {
            (operand.as_ref(), "day")
        }
        Node::Call(call) => match of_call(call, expression)? {
            Some(found) => found,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    match events.column(operand)? {
        Some(Column::Time) => Ok(Some(every)),
        _ => Err(Refusal::new(operand.place, "buckets are those of timestamp")),
    }
}

const ZONE: &str = "a zone does not stand here: buckets have that of the metric";

/// What is cut, and to which buckets.
fn of_call<'e>(
    call: &'e Call,
    expression: &Expression,
) -> Result<Option<(&'e Expression, &'static str)>, Refusal> {
    let name = call.name.to_ascii_lowercase();
    let refused = |message: &str| Err(Refusal::new(expression.place, message));
    let simple = FUNCTIONS.iter().find(|(known, _)| *known == name);
    match (name.as_str(), call.arguments.as_slice(), simple) {
        ("date_trunc" | "datetrunc", [unit, operand], _) => {
            let Node::Text(unit) = &unit.node else {
                return refused("a unit is wanted first, as in date_trunc('day', timestamp)");
            };
            match UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit)) {
                Some((_, every)) => Ok(Some((operand, every))),
                None => refused(
                    "unknown unit: buckets are second, minute, hour, day, week, month, quarter and \
                     year",
                ),
            }
        }
        ("date_trunc" | "datetrunc" | "tostartofinterval", [_, _, _], _) => refused(ZONE),
        ("date_trunc" | "datetrunc", ..) => refused("write date_trunc('day', timestamp)"),
        ("tostartofweek", [operand, mode], _) if matches!(&mode.node, Node::Number(mode) if mode == "1" || mode == "3") => {
            Ok(Some((operand, "week")))
        }
        ("tostartofweek", ..) => {
            refused("weeks begin on Monday here: write toStartOfWeek(timestamp, 1)")
        }
        ("tostartofinterval", [operand, length], _) => {
            let Node::Interval(count, unit) = &length.node else {
                return refused("write toStartOfInterval(timestamp, INTERVAL 5 MINUTE)");
            };
            let mut lengths = LENGTHS.iter().chain(&LONG_LENGTHS);
            let found = lengths.find(|(known, of, _)| known == count && of == unit);
            match found {
                Some((_, _, every)) => Ok(Some((operand, every))),
                None => refused(
                    "buckets of that length do not begin where periods do: take one that divides \
                     an hour or a day, or one week, month, quarter or year",
                ),
            }
        }
        (_, [operand], Some((_, every))) => Ok(Some((operand, every))),
        (_, [_, _], Some(_)) => refused(ZONE),
        (_, _, Some(_)) => refused("it takes timestamp, and nothing else"),
        _ => Ok(None),
    }
}
