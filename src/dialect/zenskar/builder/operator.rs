//! The words of a builder: its operators, which compare as Maple's comparators do, and its aggregates.

use super::super::compile::Aggregation;
use super::super::field::{Field, Kind};
use super::VALUE_ERROR;
use super::key::says_nothing;
use crate::dialect::comparison::{self, Operand, Operator, plain};
use crate::dialect::{Fault, Json};

const AGGREGATIONS: [(&[&str], Aggregation); 8] = [
    (&["COUNT"], Aggregation::Count),
    (&["SUM"], Aggregation::Sum),
    (&["MIN", "MINIMUM"], Aggregation::Min),
    (&["MAX", "MAXIMUM"], Aggregation::Max),
    (&["AVG", "AVERAGE", "MEAN"], Aggregation::Avg),
    (
        &["UNIQUE", "UNIQUECOUNT", "COUNTUNIQUE", "DISTINCT", "COUNTDISTINCT", "UNIQ", "UNIQEXACT"],
        Aggregation::UniqueCount,
    ),
    (&["LAST", "LATEST", "LATESTBY", "LASTVALUE", "ARGMAX"], Aggregation::Latest),
    (&["FIRST", "EARLIEST", "EARLIESTBY", "FIRSTVALUE", "ARGMIN"], Aggregation::First),
];

/// The operator that a field names.
pub(super) fn read(field: &Field<'_>) -> Result<Operator, Fault> {
    let compares = |operator: &Operator| !matches!(operator, Operator::Logic(_));
    Operator::named(&field.text()?).filter(compares).ok_or_else(|| {
        field.fault(
            VALUE_ERROR,
            "unknown operator: write EQUALS, NOT_EQUALS, GREATER_THAN, GREATER_THAN_OR_EQUAL, \
             LESS_THAN, LESS_THAN_OR_EQUAL, IN, NOT_IN, CONTAINS, NOT_CONTAINS, STARTS_WITH, \
             ENDS_WITH, EXISTS or NOT_EXISTS",
        )
    })
}

/// The aggregate that a field names.
pub(super) fn aggregation(field: &Field<'_>) -> Result<Aggregation, Fault> {
    let word = plain(&field.text()?);
    let found = AGGREGATIONS.iter().find(|(words, _)| words.contains(&word.as_str()));
    found.map(|(_, aggregation)| *aggregation).ok_or_else(|| {
        field.fault(
            VALUE_ERROR,
            "unknown type: write COUNT, SUM, MIN, MAX, AVG, COUNT_DISTINCT, LATEST or FIRST",
        )
    })
}

/// The condition that an operator makes of a column and a filter's value, as an expression.
pub(super) fn condition(
    operator: Operator,
    column: String,
    filter: &Field<'_>,
    value: Option<Field<'_>>,
) -> Result<String, Fault> {
    let asks_existence = matches!(operator, Operator::Existence { .. });
    let is_given = |value: &Field<'_>| {
        if asks_existence { !says_nothing(value) } else { value.kind() != Kind::Null }
    };
    let mut operands = vec![Operand::Property(column)];
    let place = match value.filter(is_given) {
        Some(value) => {
            operands.push(Operand::Value(literal(&value)?));
            value
        }
        None if asks_existence => filter.clone(),
        None => return Err(filter.fault(VALUE_ERROR, "a value is wanted beside this operator")),
    };
    comparison::compare(operator, &operands).map_err(|message| place.fault(VALUE_ERROR, message))
}

/// A value, which holds no template: what these say is said by the mappings.
fn literal(value: &Field<'_>) -> Result<Json, Fault> {
    let json = Json::parse(value.raw.get());
    let json = json.map_err(|fault| value.fault(VALUE_ERROR, fault.to_string()))?;
    if has_template(&json) {
        let message = "a template stands only in a query: customer and period are the mappings'";
        return Err(value.fault(VALUE_ERROR, message));
    }
    Ok(json)
}

fn has_template(json: &Json) -> bool {
    match json {
        Json::Text(text) => text.contains("{{"),
        Json::List(elements) => elements.iter().any(has_template),
        Json::Object(members) => members.iter().any(|(_, member)| has_template(member)),
        Json::Null | Json::Boolean(_) | Json::Number(_) => false,
    }
}
