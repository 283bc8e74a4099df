//! The fields that say how events become a number: `aggregation` and all that goes with it (section 4).
//!
//! Most combinations of these fields have no meaning; each such one is a fault that says what would be right.

use super::grammar;
use super::period::unit;
use super::reader::{Faulty, Field, Table};
use crate::definition::{
    AggregationKind, Expression, Fill, Grammar, GroupPath, Inner, Percentile, PeriodUnit,
    ResultExpression, Rounding, RoundingFunction,
};
use crate::model::{Amount, Number, Quantity};

const FILLS: [(&str, Fill); 2] = [(Fill::Skip.name(), Fill::Skip), (Fill::Zero.name(), Fill::Zero)];

const ROUNDING_FUNCTIONS: [(&str, RoundingFunction); 3] = [
    (RoundingFunction::Round.name(), RoundingFunction::Round),
    (RoundingFunction::Ceil.name(), RoundingFunction::Ceil),
    (RoundingFunction::Floor.name(), RoundingFunction::Floor),
];

/// The fields of a metric that say how its events become a number.
pub(super) struct Aggregation {
    /// `aggregation`
    pub(super) kind: AggregationKind,
    /// `value`
    pub(super) value: Option<Expression>,
    /// `operation`
    pub(super) operation: Option<GroupPath>,
    /// `percentile`
    pub(super) percentile: Option<Percentile>,
    /// `recurring`
    pub(super) is_recurring: bool,
    /// `prorated`
    pub(super) is_prorated: bool,
    /// `inner`
    pub(super) inner: Option<Inner>,
    /// `result`
    pub(super) result: Option<ResultExpression>,
    /// `rounding`
    pub(super) rounding: Option<Rounding>,
}

/// Reads them from a metric whose period is `unit`.
pub(super) fn read(
    table: &Table<'_>,
    unit: Result<PeriodUnit, Faulty>,
    grammar: Result<Grammar, Faulty>,
) -> Result<Aggregation, Faulty> {
    let wanted = "say how events become a number, such as sum or count";
    let kind = table.required("aggregation", wanted, |field| field.choice(&kinds(|_| true)));
    let inner = table.optional("inner", |field| inner(field, kind));
    let value = value(table, kind, inner.as_ref().map(Option::as_ref), grammar);
    let operation = table.optional("operation", |field| operation(field, kind));
    let percentile = percentile(table, kind);
    let is_recurring = recurring(table, kind, unit);
    let is_prorated = prorated(table, kind, is_recurring);
    let result = table.optional("result", result);
    let rounding = table.optional("rounding", rounding);
    Ok(Aggregation {
        kind: kind?,
        value: value?,
        operation: operation?,
        percentile: percentile?,
        is_recurring: is_recurring?,
        is_prorated: is_prorated?,
        inner: inner?,
        result: result?,
        rounding: rounding?,
    })
}

fn result(field: &Field<'_>) -> Result<ResultExpression, Faulty> {
    ResultExpression::parse(field.str()?).map_err(|error| field.fault(error.message))
}

fn kinds(wanted: impl Fn(AggregationKind) -> bool) -> Vec<(&'static str, AggregationKind)> {
    let wanted = AggregationKind::ALL.into_iter().filter(|kind| wanted(*kind));
    wanted.map(|kind| (kind.name(), kind)).collect()
}

fn names(wanted: impl Fn(AggregationKind) -> bool) -> String {
    let names: Vec<&str> = kinds(wanted).into_iter().map(|(name, _)| name).collect();
    names.join(", ")
}

/// Where events are counted there is no value to look at (section 4); everywhere else there must be one.
fn value(
    table: &Table<'_>,
    kind: Result<AggregationKind, Faulty>,
    inner: Result<Option<&Inner>, &Faulty>,
    grammar: Result<Grammar, Faulty>,
) -> Result<Option<Expression>, Faulty> {
    let counting = match (kind, inner) {
        (Ok(AggregationKind::Count), _) => Some("aggregation"),
        (_, Ok(Some(inner))) if inner.aggregation == AggregationKind::Count => {
            Some("inner.aggregation")
        }
        _ => None,
    };
    match (table.field("value"), counting) {
        (Some(field), Some(place)) => Err(field.fault(format!(
            "{place} is count, which looks at no value: leave it out, or use another such as sum"
        ))),
        (None, Some(_)) => Ok(None),
        (Some(field), None) => grammar::value(field, grammar).map(Some),
        (None, None) => {
            let name = kind?.name();
            inner.map_err(|faulty| *faulty)?;
            let message =
                format!("value is missing: {name} needs one, such as \"properties.units\"");
            Err(table.fault(message))
        }
    }
}

fn operation(
    field: &Field<'_>,
    kind: Result<AggregationKind, Faulty>,
) -> Result<GroupPath, Faulty> {
    let path = GroupPath::parse(field.str()?).map_err(|message| field.fault(message));
    match kind? {
        AggregationKind::UniqueCount => path,
        other => Err(field.fault(format!(
            "goes with aggregation unique_count alone, not with {}: leave it out",
            other.name()
        ))),
    }
}

/// The share of `aggregation = "percentile"`, or of the same in `inner`.
fn percentile(
    table: &Table<'_>,
    kind: Result<AggregationKind, Faulty>,
) -> Result<Option<Percentile>, Faulty> {
    let share = table.optional("percentile", share);
    match (kind?, table.field("percentile")) {
        (AggregationKind::Percentile, None) => {
            Err(table
                .fault("percentile is missing: give a number over 0 and at most 100, such as 95"))
        }
        (AggregationKind::Percentile, Some(_)) | (_, None) => share,
        (other, Some(field)) => Err(field.fault(format!(
            "goes with aggregation percentile alone, not with {}: leave it out",
            other.name()
        ))),
    }
}

/// A share from the text that was written, never through a float.
fn share(field: &Field<'_>) -> Result<Percentile, Faulty> {
    use super::syntax::Value;
    let number = match field.value() {
        Value::Number(text) => Number::parse_json(text).ok(),
        Value::Text(text) => Number::parse_numeric(text).and_then(Result::ok),
        _ => None,
    };
    let share = number.and_then(exact_quantity).filter(|share| {
        let hundred = Amount::from_integer(100);
        *share > Quantity::ZERO && Amount::from(*share) <= hundred
    });
    share.map(Percentile).ok_or_else(|| {
        let found = field.value();
        field.fault(format!(
            "expected a number over 0 and at most 100 of at most 18 fraction digits, found {found}"
        ))
    })
}

/// The number as a quantity, where that takes no rounding.
fn exact_quantity(number: Number) -> Option<Quantity> {
    let quantity = number.to_quantity().ok()?;
    let is_exact = Amount::from(quantity).to_number() == Ok(number);
    is_exact.then_some(quantity)
}

/// Rule 4.2.
fn recurring(
    table: &Table<'_>,
    kind: Result<AggregationKind, Faulty>,
    unit: Result<PeriodUnit, Faulty>,
) -> Result<bool, Faulty> {
    let Some(field) = table.field("recurring") else { return Ok(false) };
    if !field.boolean()? {
        return Ok(false);
    }
    let mut outcome = Ok(true);
    if let Ok(kind) = kind
        && !kind.can_recur()
    {
        let others = names(AggregationKind::can_recur);
        let message = format!("goes with aggregations {others}, not with {}", kind.name());
        outcome = Err(field.fault(message));
    }
    if let Ok(unit @ (PeriodUnit::Minute | PeriodUnit::Hour | PeriodUnit::Fixed(_))) = unit {
        let message = format!("goes with periods day, week, month, quarter, year, not with {unit}");
        outcome = Err(field.fault(message));
    }
    if table.field("inner").is_some() {
        outcome = Err(field.fault("does not go with inner: leave one of them out"));
    }
    outcome
}

/// Rule 4.4. That the period is a day or longer follows from `recurring`.
fn prorated(
    table: &Table<'_>,
    kind: Result<AggregationKind, Faulty>,
    is_recurring: Result<bool, Faulty>,
) -> Result<bool, Faulty> {
    let Some(field) = table.field("prorated") else { return Ok(false) };
    if !field.boolean()? {
        return Ok(false);
    }
    let mut outcome = Ok(true);
    if let Ok(kind) = kind
        && !kind.can_prorate()
    {
        let others = names(AggregationKind::can_prorate);
        let message = format!("goes with aggregations {others}, not with {}", kind.name());
        outcome = Err(field.fault(message));
    }
    if is_recurring == Ok(false) {
        outcome = Err(field.fault("needs recurring to be true: only what carries over has days"));
    }
    outcome
}

/// Rule 4.5.
fn inner(field: &Field<'_>, outer: Result<AggregationKind, Faulty>) -> Result<Inner, Faulty> {
    let table = field.table(&["aggregation", "every", "fill", "percentile"])?;
    let aggregation =
        table.required("aggregation", "say how the events of a bucket become a number", |field| {
            field.choice(&kinds(|kind| kind != AggregationKind::WeightedSum))
        });
    let every = table.required("every", "give the length of a bucket, such as day or \"5m\"", unit);
    let fill = table.optional("fill", |field| field.choice(&FILLS));
    let percentile = percentile(&table, aggregation);
    if let Ok(outer) = outer
        && !takes_buckets(outer)
    {
        let others = names(takes_buckets);
        let message = format!("goes with aggregations {others} outside, not with {}", outer.name());
        return Err(field.fault(message));
    }
    Ok(Inner {
        aggregation: aggregation?,
        percentile: percentile?,
        every: every?,
        fill: fill?.unwrap_or(Fill::Skip),
    })
}

/// Whether the aggregation may run over the results of buckets.
fn takes_buckets(kind: AggregationKind) -> bool {
    match kind {
        AggregationKind::Sum
        | AggregationKind::Min
        | AggregationKind::Max
        | AggregationKind::Avg
        | AggregationKind::Percentile => true,
        AggregationKind::Count
        | AggregationKind::Latest
        | AggregationKind::First
        | AggregationKind::UniqueCount
        | AggregationKind::WeightedSum => false,
    }
}

/// Rule 3.5.
fn rounding(field: &Field<'_>) -> Result<Rounding, Faulty> {
    let table = field.table(&["function", "precision"])?;
    let function = table.required("function", "one of round, ceil, floor", |field| {
        field.choice(&ROUNDING_FUNCTIONS)
    });
    let precision = table.optional("precision", |field| field.whole_number(-18, 18));
    Ok(Rounding { function: function?, precision: precision?.unwrap_or(0) })
}
