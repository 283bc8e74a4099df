//! A query's text becomes a tree, or is refused at the place of the first thing that has no meaning here.
//!
//! ```text
//! text ─► lexeme ─► parser: one SELECT ─► expression + operand: what stands in it ─► tree
//! ```
//! sqlparser's tokenizer is used and its parser is not: that one takes all of SQL in trees as deep as a chain of operators is
//! long, and forgets where most of what it read stood. This grammar is as large as what can be counted while events
//! come in, and every refusal has its line and column. What names and functions mean is not known here.

mod expression;
mod lexeme;
mod operand;
mod parser;
mod refusal;
pub(super) mod tree;

use sqlparser::tokenizer::Location;

pub(super) use self::parser::parse;

/// Why a query is refused, and at which place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// Line and column, both from 1.
    pub(super) place: Location,
    /// Names what is wrong and what would be right, without the place.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(place: Location, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    /// The message with its place.
    pub(super) fn text(&self) -> String {
        let Location { line, column } = self.place;
        format!("{} (line {line}, column {column})", self.message)
    }
}
