//! SQL scalar expressions over an event, in three-valued logic and exact decimals (rules 3.3, 5.2,
//! 5.3).
//!
//! ```text
//! text ─► token ─► parser + primary ─► tree ─► evaluate ─► Scalar
//!                                        └───► normal_form
//! ```
//! `grammar` says which words there are: those of rule 5.2, or another system's, whose own reader (`lago`) gives
//! the same tree.
//! A text is read once, when a definition is; what is kept is a small tree of our own, which is
//! worked out for every event. Nothing here knows of metrics, nor of what an event is refused for
//! beyond the kinds of fault.

mod evaluate;
mod function;
mod grammar;
mod lago;
mod name;
mod normal_form;
mod outline;
mod parser;
mod pattern;
mod primary;
mod refusal;
mod scalar;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::definition) use self::tests::scan;
mod token;
mod tree;
mod truths;

use std::fmt;

use sqlparser::tokenizer::Location;

pub use self::grammar::Grammar;
pub use self::outline::{Outline, Part};
pub use self::pattern::is_like;
pub use self::scalar::{EvaluationError, Scalar, ValueFault};

use self::name::{Aggregate, EventName, ResultName};
use self::tree::Node;
use crate::model::{Event, Number, Quantity};

/// Why an expression could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpressionError {
    /// Lower case, names what is wrong and what would be right; with the place in the text where
    /// known.
    pub message: String,
}

impl ExpressionError {
    fn at(place: Location, message: &str) -> Self {
        let Location { line, column } = place;
        Self { message: format!("{message} (line {line}, column {column})") }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExpressionError {}

/// An expression over an event: `filter` and `value`. Two are equal where they are the same tree of one grammar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression {
    root: Node<EventName>,
    grammar: Grammar,
}

impl Expression {
    /// Reads and compiles; at most 16 KiB and 128 levels deep.
    ///
    /// A level is an operator, a function, a CASE or a pair of parentheses around what it holds.
    /// Operators of one rank in a row (`a + b - c`, `a OR b OR c`) are one level, however many they
    /// are.
    ///
    /// # Errors
    /// Whatever rule 5.2 does not list, named, with what would be right.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_in(Grammar::Native, text)
    }

    /// Reads and compiles what is written in one of the grammars, with the same bounds.
    ///
    /// # Errors
    /// Whatever that grammar does not know, named, with what would be right.
    pub fn parse_in(grammar: Grammar, text: &str) -> Result<Self, ExpressionError> {
        Ok(Self { root: grammar.parse(text)?, grammar })
    }

    /// Reads and compiles a `filter`, with the same bounds.
    ///
    /// # Errors
    /// As [`Expression::parse_in`], and what no event can fulfil, such as `1` or `properties.x + 1`: it would refuse
    /// every event that it does not pass over (rule 5.3).
    pub fn parse_condition(grammar: Grammar, text: &str) -> Result<Self, ExpressionError> {
        Ok(Self { root: grammar.parse_condition(text)?, grammar })
    }

    /// What it was written in.
    #[must_use]
    pub fn grammar(&self) -> Grammar {
        self.grammar
    }

    /// Whether an event may fulfil it where it stands as a condition: what is a number or a text cannot be.
    #[must_use]
    pub fn can_hold(&self) -> bool {
        self.root.can_hold()
    }

    /// Whether it looks at the event's time.
    #[must_use]
    pub fn reads_time(&self) -> bool {
        self.root.names(&|name| *name == EventName::Time)
    }

    /// One fixed spelling for all texts of the same meaning tree; parses, in its grammar, to the same expression.
    #[must_use]
    pub fn normal_form(&self) -> String {
        self.root.normal_form(self.grammar)
    }

    /// Works it out for one event. Takes nothing from the heap for property look-ups (but of
    /// strings with escapes), arithmetic and comparisons.
    ///
    /// # Errors
    /// Numbers beyond rule 3.3, division by zero, values of the wrong kind, each only where it is
    /// reached.
    pub fn evaluate<'e>(&'e self, event: &'e Event<'_>) -> Result<Scalar<'e>, EvaluationError> {
        let event: &'e Event<'e> = event;
        self.root.evaluate(&event)
    }

    /// Works out a `filter`: `true` folds the event, `false` (NULL too) passes it over (rule 5.3).
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and where the value is no boolean: `bad_filter`.
    pub fn is_true(&self, event: &Event<'_>) -> Result<bool, EvaluationError> {
        Ok(self.evaluate(event)?.as_condition()? == Some(true))
    }

    /// Works out a `value` where a number is needed (rules 3.1, 3.2, 5.3).
    ///
    /// # Errors
    /// As [`Expression::evaluate`], and where the value is NULL, not numeric, or too large.
    pub fn quantity(&self, event: &Event<'_>) -> Result<Quantity, ValueFault> {
        self.evaluate(event)?.as_quantity()
    }
}

/// The normal form.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.normal_form())
    }
}

/// An expression over `value` and `events`: `result` (rule 4.6). Two are equal where they are the
/// same tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultExpression {
    root: Node<ResultName>,
}

impl ResultExpression {
    /// Reads and compiles; at most 16 KiB and 128 levels deep.
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Ok(Self { root: Grammar::Native.parse(text)? })
    }

    /// See [`Expression::normal_form`].
    #[must_use]
    pub fn normal_form(&self) -> String {
        self.root.normal_form(Grammar::Native)
    }

    /// The number; `None` where it is NULL, fails, or is not numeric by rule 3.1. `value` `None` is
    /// NULL.
    #[must_use]
    pub fn evaluate(&self, value: Option<Number>, events: u64) -> Option<Number> {
        let total = self.root.evaluate(&Aggregate { value, events }).ok()?;
        total.as_number().ok()
    }
}

/// The normal form.
impl fmt::Display for ResultExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.normal_form())
    }
}
