//! `evaluate_expression`: what an expression gives for one event.

use crate::definition::{Expression, Grammar, Scalar};
use crate::model::Event;

/// Why there is no value. Lago answers 422 with the field and the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvaluationFault {
    /// No expression, or a blank one.
    NoExpression,
    /// It cannot be read.
    InvalidExpression,
    /// There is no event, or the expression fails for it.
    InvalidEvent,
}

impl EvaluationFault {
    /// The field in Lago's `error_details`.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            EvaluationFault::NoExpression | EvaluationFault::InvalidExpression => "expression",
            EvaluationFault::InvalidEvent => "event",
        }
    }

    /// Lago's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            EvaluationFault::NoExpression => "value_is_mandatory",
            EvaluationFault::InvalidExpression => "invalid_expression",
            EvaluationFault::InvalidEvent => "invalid_event",
        }
    }
}

/// Works an expression of Lago's grammar out for an event; `None`: there is none, or it could not be read.
///
/// The value is a text as it is, or a number by rule 3.4 with at least one fraction digit: `21.0`. The closure makes the
/// event; it is told whether the expression looks at the event's time, so that one without a time can serve another.
///
/// # Errors
/// See [`EvaluationFault`].
pub fn evaluate<'e>(
    expression: Option<&str>,
    event: impl FnOnce(NeedsTime) -> Option<Event<'e>>,
) -> Result<String, EvaluationFault> {
    let expression = expression.filter(|text| !text.trim().is_empty());
    let text = expression.ok_or(EvaluationFault::NoExpression)?;
    let expression = Expression::parse_in(Grammar::Lago, text)
        .map_err(|_| EvaluationFault::InvalidExpression)?;
    let event = event(NeedsTime(expression.reads_time())).ok_or(EvaluationFault::InvalidEvent)?;
    match expression.evaluate(&event) {
        Ok(Scalar::Number(number)) => {
            let digits = number.to_amount().to_string();
            Ok(if digits.contains('.') { digits } else { format!("{digits}.0") })
        }
        Ok(Scalar::Text(text)) => Ok(text.into_owned()),
        Ok(Scalar::Boolean(truth)) => Ok(truth.to_string()),
        Ok(Scalar::Null | Scalar::Composite) | Err(_) => Err(EvaluationFault::InvalidEvent),
    }
}

/// Whether an event must have a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeedsTime(pub bool);
