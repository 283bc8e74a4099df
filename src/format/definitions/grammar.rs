//! `grammar`: what a metric's expressions are written in, where that is not the language of rule 5.2.
//!
//! Lago's is that of `value` alone, Maple's that of `filter` alone; the other one stays native beside it.

use super::reader::{Faulty, Field, Table};
use crate::definition::{Expression, Grammar};

const GRAMMARS: [(&str, Grammar); 3] = [
    (Grammar::Native.name(), Grammar::Native),
    (Grammar::Lago.name(), Grammar::Lago),
    (Grammar::Maple.name(), Grammar::Maple),
];

/// A metric's grammar.
pub(super) fn read(table: &Table<'_>) -> Result<Grammar, Faulty> {
    let Some(field) = table.field("grammar") else { return Ok(Grammar::Native) };
    let grammar = field.choice(&GRAMMARS)?;
    let (read, other) = match grammar {
        Grammar::Native => return Ok(grammar),
        Grammar::Lago => ("value", "filter is always native"),
        Grammar::Maple => ("filter", "value is always native"),
    };
    if table.field(read).is_none() {
        let name = grammar.name();
        return Err(field.fault(format!(
            "{name} is a grammar of {read}, which is missing ({other}): leave it out"
        )));
    }
    Ok(grammar)
}

/// The expression of `filter`.
pub(super) fn filter(
    field: &Field<'_>,
    grammar: Result<Grammar, Faulty>,
) -> Result<Expression, Faulty> {
    let grammar = match grammar? {
        Grammar::Native | Grammar::Lago => Grammar::Native,
        Grammar::Maple => Grammar::Maple,
    };
    let text = field.str()?;
    // What no event can fulfil was accepted before it was found to be a fault, and refuses events as it did.
    let read = if field.is_stored() {
        Expression::parse_in(grammar, text)
    } else {
        Expression::parse_condition(grammar, text)
    };
    read.map_err(|error| field.fault(error.message))
}

/// The expression of `value`.
pub(super) fn value(
    field: &Field<'_>,
    grammar: Result<Grammar, Faulty>,
) -> Result<Expression, Faulty> {
    match grammar? {
        Grammar::Native | Grammar::Maple => expression(field, Grammar::Native),
        Grammar::Lago => expression(field, Grammar::Lago),
    }
}

fn expression(field: &Field<'_>, grammar: Grammar) -> Result<Expression, Faulty> {
    Expression::parse_in(grammar, field.str()?).map_err(|error| field.fault(error.message))
}
