//! SQL scalar expressions over an event, in three-valued logic and exact decimals (rules 3.3, 5.2, 5.3). STUB

use std::borrow::Cow;

use crate::model::{Event, Number};

/// A value while an expression is worked out.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar<'e> {
    /// SQL's NULL: missing, JSON null, or a path through what is no object.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A literal, a JSON number, or a computed one.
    Number(Number),
    /// A string.
    Text(Cow<'e, str>),
    /// An object or array: equals nothing, fits nowhere.
    Composite,
}

/// Why an expression could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpressionError {
    /// Lower case, names what is wrong and what would be right; with the place in the text where known.
    pub message: String,
}

/// Why an expression failed on one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvaluationError {
    /// A number beyond 38 integer digits (rule 3.3).
    OutOfRange,
    /// Division or remainder by zero.
    DivisionByZero,
    /// A value of the wrong kind; the text says which and what was wanted.
    WrongKind(String),
}

/// An expression over an event: `filter` and `value`.
#[derive(Clone, Debug)]
pub struct Expression {}

impl Expression {
    /// Reads and compiles; at most 16 KiB and 128 levels deep.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        todo!()
    }
    /// One fixed spelling for all texts of the same meaning tree; parses to the same expression.
    pub fn normal_form(&self) -> String {
        todo!()
    }
    /// Works it out for one event.
    pub fn evaluate<'e>(&'e self, event: &'e Event<'_>) -> Result<Scalar<'e>, EvaluationError> {
        todo!()
    }
}

/// An expression over `value` and `events`: `result` (rule 4.6).
#[derive(Clone, Debug)]
pub struct ResultExpression {}

impl ResultExpression {
    /// Reads and compiles; at most 16 KiB and 128 levels deep.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        todo!()
    }
    /// See [`Expression::normal_form`].
    pub fn normal_form(&self) -> String {
        todo!()
    }
    /// The number; `None` where it is NULL, fails, or is not numeric by rule 3.1. `value` `None` is NULL.
    pub fn evaluate(&self, value: Option<Number>, events: u64) -> Option<Number> {
        todo!()
    }
}
