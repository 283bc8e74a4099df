//! One aggregate of a query: which it is, of what, and over which events.
//!
//! SQL's aggregates skip NULL. Rule 4 refuses an event without a value instead, which gives the same total and shows the event;
//! where NULL is no accident but written (CASE without ELSE, NULLIF, COUNT(x)), a filter passes such events over.

use sqlparser::tokenizer::Location;

use super::column::{Column, Events};
use super::meaning::Aggregation;
use super::scalar::{self, text};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Call, Expression, Node, Order};
use crate::model::Number;

/// An aggregate over events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Measure {
    pub(super) aggregation: Aggregation,
    /// Native text; `None` where events are counted.
    pub(super) value: Option<String>,
    /// Conditions of its own, in native text.
    pub(super) conditions: Vec<String>,
    /// What must not be NULL.
    pub(super) known: Option<String>,
    pub(super) percentile: Option<Number>,
    /// Whether it is 0, and not NULL, where no event fulfils its conditions.
    pub(super) is_zero_of_none: bool,
}

/// How an aggregate is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `COUNT(*)`, `COUNT(x)`, `COUNT(DISTINCT x)`
    Count,
    /// `SUM(x)`
    One(Aggregation),
    /// `argMax(x, timestamp)`
    ByTime(Aggregation),
    /// `last_value(x)`
    Ordered(Aggregation),
    /// `quantile(p)(x)`
    Quantile,
    /// `percentile_cont(p) WITHIN GROUP (ORDER BY x)`
    Within,
}

const FORMS: [(&str, Form); 20] = [
    ("count", Form::Count),
    ("sum", Form::One(Aggregation::Sum)),
    ("min", Form::One(Aggregation::Min)),
    ("max", Form::One(Aggregation::Max)),
    ("avg", Form::One(Aggregation::Avg)),
    ("uniq", Form::One(Aggregation::UniqueCount)),
    ("uniqexact", Form::One(Aggregation::UniqueCount)),
    ("argmax", Form::ByTime(Aggregation::Latest)),
    ("arg_max", Form::ByTime(Aggregation::Latest)),
    ("max_by", Form::ByTime(Aggregation::Latest)),
    ("latest_by", Form::ByTime(Aggregation::Latest)),
    ("argmin", Form::ByTime(Aggregation::First)),
    ("arg_min", Form::ByTime(Aggregation::First)),
    ("min_by", Form::ByTime(Aggregation::First)),
    ("earliest_by", Form::ByTime(Aggregation::First)),
    ("last_value", Form::Ordered(Aggregation::Latest)),
    ("first_value", Form::Ordered(Aggregation::First)),
    ("quantile", Form::Quantile),
    ("percentile_cont", Form::Within),
    ("percentile_disc", Form::Within),
];

/// The form of an aggregate, and whether a condition is its last argument.
fn form(name: &str) -> Option<(Form, bool)> {
    let name = name.to_ascii_lowercase();
    let named = |name: &str| FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form);
    if let Some(form) = named(&name) {
        return Some((form, false));
    }
    let form = named(name.strip_suffix("if")?)?;
    let takes_condition = !matches!(form, Form::Ordered(_) | Form::Within) && !name.contains('_');
    takes_condition.then_some((form, true))
}

/// Whether an expression is an aggregate.
pub(super) fn is_aggregate(expression: &Expression) -> bool {
    matches!(&expression.node, Node::Call(call) if form(&call.name).is_some())
}

/// Whether an expression has an aggregate in it.
pub(super) fn has_aggregate(expression: &Expression) -> bool {
    expression.any(&is_aggregate)
}

/// An aggregate's parts, each where it is said.
pub(super) struct Parts<'q> {
    /// `None` where rows are counted.
    pub(super) operand: Option<&'q Expression>,
    pub(super) aggregation: Aggregation,
    pub(super) percentile: Option<Number>,
    /// What a percentile, if any, is interpolated by.
    is_interpolated: bool,
    /// That of `...If` and of FILTER.
    pub(super) conditions: Vec<&'q Expression>,
    is_suffixed: bool,
}

/// Takes an aggregate apart. `is_time` says whether an expression is the time that events are ordered by.
pub(super) fn parts<'q>(
    call: &'q Call,
    place: Location,
    is_time: &mut dyn FnMut(&Expression) -> Result<bool, Refusal>,
) -> Result<Parts<'q>, Refusal> {
    let Some((form, is_suffixed)) = form(&call.name) else {
        return Err(Refusal::new(place, format!("`{}` is no aggregate", call.name)));
    };
    let wrong = |wanted: &str| Refusal::new(place, format!("`{}` is written {wanted}", call.name));
    let mut arguments = call.arguments.as_slice();
    let mut conditions: Vec<&Expression> = call.filter.iter().collect();
    if is_suffixed {
        let (condition, rest) =
            arguments.split_last().ok_or_else(|| wrong("with a condition as its last argument"))?;
        conditions.push(condition);
        arguments = rest;
    }
    let is_distinct = call.is_distinct;
    check_extras(call, form, &wrong)?;
    let mut percentile = None;
    let (operand, aggregation) = match (form, arguments) {
        (Form::Count, []) if !is_distinct => (None, Aggregation::Count),
        (Form::Count, [Expression { node: Node::Star, .. }]) if !is_distinct => {
            (None, Aggregation::Count)
        }
        (Form::Count, [operand]) if is_distinct => (Some(operand), Aggregation::UniqueCount),
        (Form::Count, [operand]) => (Some(operand), Aggregation::Count),
        (Form::Count, _) => return Err(wrong("COUNT(*), COUNT(x) or COUNT(DISTINCT x)")),
        (Form::One(aggregation) | Form::Ordered(aggregation), [operand]) => {
            (Some(operand), aggregation)
        }
        (Form::One(_), _) => return Err(wrong("with one value")),
        (Form::ByTime(aggregation), [operand, time]) if is_time(time)? => {
            (Some(operand), aggregation)
        }
        (Form::ByTime(_), _) => return Err(wrong("with a value and timestamp")),
        (Form::Ordered(_), _) => return Err(wrong("with one value, and ORDER BY timestamp")),
        (Form::Quantile, [operand]) => {
            percentile = Some(share(call.parameters.as_deref().unwrap_or_default(), place)?);
            (Some(operand), Aggregation::Percentile)
        }
        (Form::Quantile, _) => return Err(wrong("quantile(0.95)(x)")),
        (Form::Within, arguments) => {
            percentile = Some(share(arguments, place)?);
            (call.within.as_ref().map(|order| &order.by), Aggregation::Percentile)
        }
    };
    if let Some(Order { by, is_descending }) = &call.order
        && (*is_descending || !is_time(by)?)
    {
        return Err(wrong("with ORDER BY timestamp, not descending"));
    }
    let is_interpolated =
        percentile.is_some() && !call.name.eq_ignore_ascii_case("percentile_disc");
    Ok(Parts { operand, aggregation, percentile, is_interpolated, conditions, is_suffixed })
}

/// Whether it has the clauses that its form has, and no other.
fn check_extras(call: &Call, form: Form, wrong: &impl Fn(&str) -> Refusal) -> Result<(), Refusal> {
    if call.is_distinct && form != Form::Count {
        return Err(wrong("without DISTINCT: COUNT(DISTINCT x) is what counts distinct values"));
    }
    if call.parameters.is_some() != (form == Form::Quantile) {
        return Err(match form {
            Form::Quantile => wrong("quantile(0.95)(x)"),
            _ => wrong("with one pair of parentheses"),
        });
    }
    if call.order.is_some() && !matches!(form, Form::Ordered(_)) {
        return Err(wrong("without ORDER BY"));
    }
    match (&call.within, form) {
        (Some(Order { is_descending: false, .. }), Form::Within) => Ok(()),
        (Some(_), Form::Within) => Err(wrong("with ORDER BY x, not descending")),
        (None, Form::Within) => Err(wrong("percentile_cont(0.95) WITHIN GROUP (ORDER BY x)")),
        (Some(_), _) => Err(wrong("without WITHIN GROUP")),
        (None, _) => Ok(()),
    }
}

/// A share over 0 and at most 1 as a number of hundredths.
fn share(parameters: &[Expression], place: Location) -> Result<Number, Refusal> {
    let wanted = || Refusal::new(place, "a share over 0 and at most 1 is wanted, such as 0.95");
    let [Expression { node: Node::Number(digits), .. }] = parameters else { return Err(wanted()) };
    let share = Number::parse_json(digits).map_err(|_| wanted())?;
    let one = Number::from_integer(1).map_err(|_| wanted())?;
    if share <= Number::ZERO || share > one || share.round(16) != Ok(share) {
        return Err(wanted());
    }
    let hundred = Number::from_integer(100).map_err(|_| wanted())?;
    share.multiply(hundred).map_err(|_| wanted())
}

impl Parts<'_> {
    /// Tells where a percentile is another one than the query's.
    pub(super) fn warn(&self, call: &Call, events: &mut Events) {
        if self.is_interpolated {
            events.warn(format!(
                "{} interpolates between values; here the total is one of the values, by nearest \
                 rank",
                call.name
            ));
        }
    }
}

/// Reads an aggregate over events.
pub(super) fn read(call: &Call, place: Location, events: &mut Events) -> Result<Measure, Refusal> {
    let mut is_time =
        |expression: &Expression| Ok(events.column(expression)? == Some(Column::Time));
    let parts = parts(call, place, &mut is_time)?;
    for part in parts.operand.iter().chain(&parts.conditions) {
        if has_aggregate(part) {
            return Err(Refusal::new(part.place, NESTED));
        }
    }
    parts.warn(call, events);
    let mut measure = Measure {
        aggregation: parts.aggregation,
        value: None,
        conditions: Vec::new(),
        known: None,
        percentile: parts.percentile,
        is_zero_of_none: parts.is_suffixed
            || matches!(parts.aggregation, Aggregation::Count | Aggregation::UniqueCount),
    };
    for condition in &parts.conditions {
        measure.conditions.push(scalar::condition(condition, events)?);
    }
    let Some(operand) = parts.operand else { return Ok(measure) };
    if let Node::Null = operand.node {
        return Err(Refusal::new(operand.place, "NULL is never counted: name a value"));
    }
    let is_counted = measure.aggregation == Aggregation::Count;
    if is_counted && is_never_null(operand, events)? {
        return Ok(measure);
    }
    let is_any = matches!(measure.aggregation, Aggregation::Count | Aggregation::UniqueCount);
    let value = if is_any { text(operand, events)? } else { scalar::number(operand, events)? };
    let skips = match measure.aggregation {
        Aggregation::Count | Aggregation::UniqueCount => !is_never_null(operand, events)?,
        _ => operand.any(&gives_null),
    };
    measure.known = skips.then(|| value.clone());
    measure.value = (!is_counted).then_some(value);
    Ok(measure)
}

pub(super) const NESTED: &str =
    "an aggregate in an aggregate: aggregate the inner one in a sub-query by date_trunc";

/// Whether an expression has a value for every event.
fn is_never_null(expression: &Expression, events: &mut Events) -> Result<bool, Refusal> {
    Ok(match &expression.node {
        Node::Boolean(_) | Node::Number(_) | Node::Text(_) => true,
        _ => matches!(events.column(expression)?, Some(Column::Customer | Column::Time)),
    })
}

/// Whether NULL is what it was written to give.
fn gives_null(expression: &Expression) -> bool {
    match &expression.node {
        Node::Null => true,
        Node::Case(case) => case.otherwise.is_none(),
        Node::Call(call) => call.name.eq_ignore_ascii_case("nullif"),
        _ => false,
    }
}

impl Measure {
    /// All that must hold for an event that it folds.
    pub(super) fn filters(&self) -> Vec<String> {
        let known = self.known.iter().map(|known| format!("{known} IS NOT NULL"));
        self.conditions.iter().cloned().chain(known).collect()
    }

    /// The same as a sum over all events, those that it skips as zeros; `None` where it is no count and no sum.
    pub(super) fn over_all(&self) -> Option<Measure> {
        let added = match (self.aggregation, &self.value) {
            (Aggregation::Count, _) => "1".to_owned(),
            (Aggregation::Sum, Some(value)) => format!("COALESCE({value}, 0)"),
            _ => return None,
        };
        let filters = self.filters();
        let value = match filters.as_slice() {
            [] => added,
            filters => format!("CASE WHEN {} THEN {added} ELSE 0 END", filters.join(" AND ")),
        };
        Some(Measure {
            aggregation: Aggregation::Sum,
            value: Some(value),
            conditions: Vec::new(),
            known: None,
            percentile: None,
            is_zero_of_none: false,
        })
    }
}
