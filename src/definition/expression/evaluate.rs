//! Working an expression out: three-valued logic, left to right, stopping where AND, OR, IN, CASE
//! and COALESCE are decided (rule 5.2).
//!
//! An operator's operands are all worked out before it looks at their kinds, since a NULL among
//! them makes NULL of it whatever the others are. What is not reached cannot fail.

use std::cmp::Ordering;

use super::function::unless_null;
use super::name::Source;
use super::pattern::is_like;
use super::scalar::{EvaluationError, Scalar};
use super::tree::{ArithmeticOperator, Case, ComparisonOperator, Node, Sign};
use crate::model::Number;

type Outcome<'e> = Result<Scalar<'e>, EvaluationError>;
type Truth = Result<Option<bool>, EvaluationError>;

impl<N> Node<N> {
    /// The value, with names read from `source`.
    pub(super) fn evaluate<'e, S: Source<'e, Name = N>>(&'e self, source: &S) -> Outcome<'e> {
        match self {
            Node::Null => Ok(Scalar::Null),
            Node::Boolean(truth) => Ok(Scalar::Boolean(*truth)),
            Node::Number(number) => Ok(Scalar::Number(*number)),
            Node::OversizedNumber(_) => Err(EvaluationError::OutOfRange),
            Node::Text(text) => Ok(Scalar::borrowed(text)),
            Node::Name(name) => source.read(name),
            Node::Sign(sign, operand) => signed(*sign, operand.evaluate(source)?),
            Node::Arithmetic(first, steps) => arithmetic(first, steps, source),
            Node::Concatenation(parts) => concatenation(parts, source),
            Node::Case(case) => case.evaluate(source),
            Node::Cast(operand, target) => target.cast(operand.evaluate(source)?),
            Node::Call(function, arguments) => function.call(arguments, source),
            Node::Numeric(operand) => match operand.evaluate(source)? {
                Scalar::Number(number) => Ok(Scalar::Number(number)),
                other => Err(other.is_no("number")),
            },
            Node::Comparison(..)
            | Node::In { .. }
            | Node::Between { .. }
            | Node::Like { .. }
            | Node::IsNull { .. }
            | Node::Not(_)
            | Node::And(_)
            | Node::Or(_) => self.truth(source).map(Scalar::from_truth),
        }
    }

    /// The value where a condition stands; `None` is NULL.
    fn truth<'e, S: Source<'e, Name = N>>(&'e self, source: &S) -> Truth {
        match self {
            Node::Comparison(operator, parts) => {
                let [left, right] = parts.as_ref();
                let left = left.evaluate(source)?;
                compared(&left, *operator, &right.evaluate(source)?)
            }
            Node::In { is_negated, operand, list } => {
                Ok(negated(*is_negated, is_in(operand, list, source)?))
            }
            Node::Between { is_negated, parts } => {
                let [operand, low, high] = parts.as_ref();
                Ok(negated(*is_negated, is_between(operand, low, high, source)?))
            }
            Node::Like { is_negated, is_case_blind, parts } => {
                let [text, pattern] = parts.as_ref();
                let (text, pattern) = (text.evaluate(source)?, pattern.evaluate(source)?);
                Ok(negated(*is_negated, like(text, pattern, *is_case_blind)?))
            }
            Node::IsNull { is_negated, operand } => {
                Ok(Some(operand.evaluate(source)?.is_null() != *is_negated))
            }
            Node::Not(operand) => Ok(operand.truth(source)?.map(|truth| !truth)),
            Node::And(parts) => junction(parts, source, false),
            Node::Or(parts) => junction(parts, source, true),
            Node::Null
            | Node::Boolean(_)
            | Node::Number(_)
            | Node::OversizedNumber(_)
            | Node::Text(_)
            | Node::Name(_)
            | Node::Sign(..)
            | Node::Arithmetic(..)
            | Node::Concatenation(_)
            | Node::Case(_)
            | Node::Cast(..)
            | Node::Numeric(_)
            | Node::Call(..) => self.evaluate(source)?.as_condition(),
        }
    }
}

impl<N> Case<N> {
    fn evaluate<'e, S: Source<'e, Name = N>>(&'e self, source: &S) -> Outcome<'e> {
        let operand = match &self.operand {
            Some(operand) => Some(operand.evaluate(source)?),
            None => None,
        };
        for (condition, result) in &self.arms {
            let is_chosen = match &operand {
                Some(operand) => {
                    compared(operand, ComparisonOperator::Equal, &condition.evaluate(source)?)?
                }
                None => condition.truth(source)?,
            };
            if is_chosen == Some(true) {
                return result.evaluate(source);
            }
        }
        self.otherwise.as_ref().map_or(Ok(Scalar::Null), |otherwise| otherwise.evaluate(source))
    }
}

fn signed(sign: Sign, value: Scalar<'_>) -> Outcome<'_> {
    unless_null(value, |value| {
        let number = value.as_number()?;
        Ok(Scalar::Number(match sign {
            Sign::Plus => number,
            Sign::Minus => number.negate(),
        }))
    })
}

/// `first`, then one step after the other.
///
/// Outcomes are looked at where they lie: moving each out of its `Result` doubles the cost of a
/// step.
fn arithmetic<'e, N, S: Source<'e, Name = N>>(
    first: &'e Node<N>,
    steps: &'e [(ArithmeticOperator, Node<N>)],
    source: &S,
) -> Outcome<'e> {
    let mut outcome = first.evaluate(source);
    for (operator, operand) in steps {
        let Ok(left) = &outcome else { break };
        let right = operand.evaluate(source);
        outcome = match (left, &right) {
            (Scalar::Number(left), Ok(Scalar::Number(right))) => operator.apply(left, right),
            (left, Ok(right)) if left.is_null() || right.is_null() => Ok(Scalar::Null),
            (left, Ok(right)) => operator.apply(&left.as_number()?, &right.as_number()?),
            (_, Err(_)) => right,
        };
    }
    outcome
}

impl ArithmeticOperator {
    fn apply<'e>(self, left: &Number, right: &Number) -> Outcome<'e> {
        let result = match self {
            ArithmeticOperator::Add => left.add(*right),
            ArithmeticOperator::Subtract => left.subtract(*right),
            ArithmeticOperator::Multiply => left.multiply(*right),
            ArithmeticOperator::Divide => left.divide(*right),
            ArithmeticOperator::Remainder => left.remainder(*right),
        };
        Ok(Scalar::Number(result?))
    }
}

/// `a || b || c` as `(a || b) || c`: a text once made is only added to.
fn concatenation<'e, N, S: Source<'e, Name = N>>(parts: &'e [Node<N>], source: &S) -> Outcome<'e> {
    let mut parts = parts.iter();
    let mut left = parts.next().map_or(Ok(Scalar::Null), |first| first.evaluate(source))?;
    for part in parts {
        let right = part.evaluate(source)?;
        left = if left.is_null() || right.is_null() {
            Scalar::Null
        } else {
            let mut text = left.into_text()?.into_owned();
            right.append_to(&mut text)?;
            Scalar::Text(text.into())
        };
    }
    Ok(left)
}

fn compared(left: &Scalar<'_>, operator: ComparisonOperator, right: &Scalar<'_>) -> Truth {
    if left.is_null() || right.is_null() {
        return Ok(None);
    }
    let order = left.compare(right)?;
    Ok(Some(match operator {
        ComparisonOperator::Equal => order == Some(Ordering::Equal),
        ComparisonOperator::NotEqual => order != Some(Ordering::Equal),
        ComparisonOperator::Less => order == Some(Ordering::Less),
        ComparisonOperator::LessOrEqual => order.is_some_and(Ordering::is_le),
        ComparisonOperator::Greater => order == Some(Ordering::Greater),
        ComparisonOperator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }))
}

/// AND (`deciding` FALSE) and OR (`deciding` TRUE): the deciding value ends it, a NULL stays in
/// mind.
fn junction<'e, N, S: Source<'e, Name = N>>(
    parts: &'e [Node<N>],
    source: &S,
    deciding: bool,
) -> Truth {
    let mut outcome = Some(!deciding);
    for part in parts {
        match part.truth(source)? {
            Some(truth) if truth == deciding => return Ok(Some(deciding)),
            Some(_) => {}
            None => outcome = None,
        }
    }
    Ok(outcome)
}

/// Stops at the first match. A NULL on the left decides it at once.
fn is_in<'e, N, S: Source<'e, Name = N>>(
    operand: &'e Node<N>,
    list: &'e [Node<N>],
    source: &S,
) -> Truth {
    let operand = operand.evaluate(source)?;
    if operand.is_null() {
        return Ok(None);
    }
    let mut outcome = Some(false);
    for item in list {
        match compared(&operand, ComparisonOperator::Equal, &item.evaluate(source)?)? {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => outcome = None,
        }
    }
    Ok(outcome)
}

/// `operand >= low AND operand <= high`
fn is_between<'e, N, S: Source<'e, Name = N>>(
    operand: &'e Node<N>,
    low: &'e Node<N>,
    high: &'e Node<N>,
    source: &S,
) -> Truth {
    let operand = operand.evaluate(source)?;
    let is_above = compared(&operand, ComparisonOperator::GreaterOrEqual, &low.evaluate(source)?)?;
    if is_above == Some(false) {
        return Ok(Some(false));
    }
    let is_below = compared(&operand, ComparisonOperator::LessOrEqual, &high.evaluate(source)?)?;
    Ok(if is_below == Some(true) { is_above } else { is_below })
}

fn like(text: Scalar<'_>, pattern: Scalar<'_>, is_case_blind: bool) -> Truth {
    if text.is_null() || pattern.is_null() {
        return Ok(None);
    }
    let (text, pattern) = (text.into_text()?, pattern.into_text()?);
    Ok(Some(if is_case_blind {
        is_like(&text.to_lowercase(), &pattern.to_lowercase())
    } else {
        is_like(&text, &pattern)
    }))
}

fn negated(is_negated: bool, truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| truth != is_negated)
}
