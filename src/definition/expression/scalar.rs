//! Values while an expression is worked out, and what becomes of the last one (rules 3.1, 3.2, 5.2,
//! 5.3).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::model::{NodeKind, Number, NumberError, Quantity, RejectReason, Value};

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

/// Why an expression failed on one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvaluationError {
    /// A number beyond 38 integer digits (rule 3.3).
    OutOfRange,
    /// Division or remainder by zero.
    DivisionByZero,
    /// A value of the wrong kind, or beyond what a function takes; the text says which, and what
    /// was wanted.
    WrongKind(String),
}

/// Why an event's value refuses it (rule 5.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueFault {
    /// NULL, in error, or not numeric; the text says which.
    BadValue(String),
    /// Beyond 20 integer digits (rule 3.2), or beyond 38 on the way there (rule 3.3).
    OutOfRange,
}

/// Longest piece of an event's text that is told again in a fault.
const QUOTED_CHARACTERS_MAX: usize = 40;

impl<'e> Scalar<'e> {
    /// A JSON value as an expression sees it.
    ///
    /// # Errors
    /// A number beyond rule 3.3.
    pub(super) fn read(value: Value<'e>) -> Result<Self, EvaluationError> {
        Ok(match value.kind() {
            NodeKind::Null => Scalar::Null,
            NodeKind::True => Scalar::Boolean(true),
            NodeKind::False => Scalar::Boolean(false),
            NodeKind::Number => Scalar::Number(Number::parse_json(value.raw())?),
            NodeKind::Plain | NodeKind::Escaped => {
                value.string().map_or(Scalar::Null, Scalar::Text)
            }
            NodeKind::Array | NodeKind::Object => Scalar::Composite,
        })
    }

    /// A JSON value as Lago's expressions see it: the text of a decimal is a number, also where rule 3.1 sees none.
    ///
    /// # Errors
    /// A number beyond rule 3.3.
    pub(super) fn read_decimal(value: Value<'e>) -> Result<Self, EvaluationError> {
        let scalar = Self::read(value)?;
        let Scalar::Text(text) = &scalar else { return Ok(scalar) };
        match Number::parse_decimal(text) {
            Some(number) => Ok(Scalar::Number(number?)),
            None => Ok(scalar),
        }
    }

    pub(super) fn borrowed(text: &'e str) -> Self {
        Scalar::Text(Cow::Borrowed(text))
    }

    pub(super) fn from_truth(truth: Option<bool>) -> Self {
        truth.map_or(Scalar::Null, Scalar::Boolean)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Scalar::Null)
    }

    /// As a condition: `None` is NULL. A filter folds an event where this is `Some(true)` (rule
    /// 5.3).
    ///
    /// # Errors
    /// What is no boolean.
    pub fn as_condition(&self) -> Result<Option<bool>, EvaluationError> {
        match self {
            Scalar::Null => Ok(None),
            Scalar::Boolean(truth) => Ok(Some(*truth)),
            Scalar::Number(_) | Scalar::Text(_) | Scalar::Composite => Err(self.is_no("condition")),
        }
    }

    /// As an event's value (rules 3.1, 3.2).
    ///
    /// # Errors
    /// NULL, what is not numeric, and what is too large.
    pub fn as_quantity(&self) -> Result<Quantity, ValueFault> {
        let quantity = self.as_number()?.to_quantity();
        quantity.map_err(|fault| EvaluationError::from(fault).into())
    }

    /// As a member of a `unique_count` (section 4): a string's content, a number by rule 3.4,
    /// `true`, `false`. NULL, an object and an array have none.
    #[must_use]
    pub fn as_unique_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Scalar::Null | Scalar::Composite => None,
            Scalar::Boolean(truth) => Some(Cow::Borrowed(truth_text(*truth))),
            Scalar::Number(number) => Some(Cow::Owned(number.to_amount().to_string())),
            Scalar::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// Its number by rule 3.1.
    ///
    /// # Errors
    /// What is not numeric, NULL too; a numeric string beyond rule 3.3.
    pub(super) fn as_number(&self) -> Result<Number, EvaluationError> {
        match self {
            Scalar::Number(number) => Ok(*number),
            Scalar::Text(text) => match Number::parse_numeric(text) {
                Some(number) => Ok(number?),
                None => Err(self.is_no("number")),
            },
            Scalar::Null | Scalar::Boolean(_) | Scalar::Composite => Err(self.is_no("number")),
        }
    }

    /// Its text, where `||` and its like take one.
    ///
    /// # Errors
    /// An object, an array, NULL.
    pub(super) fn into_text(self) -> Result<Cow<'e, str>, EvaluationError> {
        match self {
            Scalar::Text(text) => Ok(text),
            Scalar::Boolean(truth) => Ok(Cow::Borrowed(truth_text(truth))),
            Scalar::Number(number) => Ok(Cow::Owned(number.to_amount().to_string())),
            Scalar::Null | Scalar::Composite => Err(self.is_no("text")),
        }
    }

    /// Appends what [`Scalar::into_text`] gives.
    pub(super) fn append_to(&self, text: &mut String) -> Result<(), EvaluationError> {
        match self {
            Scalar::Text(content) => text.push_str(content),
            Scalar::Boolean(truth) => text.push_str(truth_text(*truth)),
            Scalar::Number(number) => {
                write!(text, "{}", number.to_amount()).expect("a string takes all that is written");
            }
            Scalar::Null | Scalar::Composite => return Err(self.is_no("text")),
        }
        Ok(())
    }

    /// How two values that are not NULL compare; `None`: they are unequal, and neither is smaller
    /// (rule 5.2).
    ///
    /// # Errors
    /// A numeric string beyond rule 3.3, where it is read as a number.
    pub(super) fn compare(&self, other: &Self) -> Result<Option<Ordering>, EvaluationError> {
        Ok(match (self, other) {
            (Scalar::Number(left), Scalar::Number(right)) => Some(left.cmp(right)),
            (Scalar::Number(left), Scalar::Text(right)) => {
                Number::parse_numeric(right).transpose()?.map(|right| left.cmp(&right))
            }
            (Scalar::Text(left), Scalar::Number(right)) => {
                Number::parse_numeric(left).transpose()?.map(|left| left.cmp(right))
            }
            // The bytes of UTF-8 sort as the code points do.
            (Scalar::Text(left), Scalar::Text(right)) => {
                Some(left.as_bytes().cmp(right.as_bytes()))
            }
            (Scalar::Boolean(left), Scalar::Boolean(right)) => Some(left.cmp(right)),
            (Scalar::Null | Scalar::Composite | Scalar::Boolean(_), _)
            | (_, Scalar::Null | Scalar::Composite | Scalar::Boolean(_)) => None,
        })
    }

    /// The fault of a value that stands where another kind is wanted.
    pub(super) fn is_no(&self, wanted: &str) -> EvaluationError {
        EvaluationError::WrongKind(format!("{self} is no {wanted}"))
    }
}

/// For people: what kind of value it is, and which.
impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Null => f.write_str("NULL"),
            Scalar::Boolean(truth) => f.write_str(truth_text(*truth)),
            Scalar::Number(number) => write!(f, "the number {number}"),
            Scalar::Text(text) => match text.char_indices().nth(QUOTED_CHARACTERS_MAX) {
                Some((end, _)) => write!(f, "the text '{}...'", text.get(..end).unwrap_or(text)),
                None => write!(f, "the text '{text}'"),
            },
            Scalar::Composite => f.write_str("an object or array"),
        }
    }
}

fn truth_text(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

impl From<NumberError> for EvaluationError {
    fn from(fault: NumberError) -> Self {
        match fault {
            NumberError::OutOfRange => EvaluationError::OutOfRange,
            NumberError::DivisionByZero => EvaluationError::DivisionByZero,
        }
    }
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvaluationError::OutOfRange => {
                f.write_str("a number has more than 38 digits before the point")
            }
            EvaluationError::DivisionByZero => f.write_str("division by zero"),
            EvaluationError::WrongKind(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for EvaluationError {}

impl From<EvaluationError> for ValueFault {
    fn from(fault: EvaluationError) -> Self {
        match fault {
            EvaluationError::OutOfRange => ValueFault::OutOfRange,
            EvaluationError::DivisionByZero | EvaluationError::WrongKind(_) => {
                ValueFault::BadValue(fault.to_string())
            }
        }
    }
}

impl ValueFault {
    /// Under which reason the event is refused.
    #[must_use]
    pub fn reason(&self) -> RejectReason {
        match self {
            ValueFault::BadValue(_) => RejectReason::BadValue,
            ValueFault::OutOfRange => RejectReason::OutOfRange,
        }
    }
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueFault::BadValue(text) => f.write_str(text),
            ValueFault::OutOfRange => f.write_str(
                "the value has more than 20 digits before the point, or more than 38 on the way",
            ),
        }
    }
}

impl std::error::Error for ValueFault {}
