//! The functions of rule 5.2 and the types of CAST: their names, how many arguments they take, what
//! they give.

use std::cmp::Ordering;

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::name::Source;
use super::scalar::{EvaluationError, Scalar};
use super::tree::Node;
use crate::model::{Number, NumberError};

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Function {
    /// The first argument that is not NULL.
    Coalesce,
    /// NULL where both are equal, else the first.
    NullIf,
    /// The smallest number.
    Least,
    /// The greatest number.
    Greatest,
    /// Half away from zero.
    Round,
    /// To plus infinity.
    Ceil,
    /// To minus infinity.
    Floor,
    /// Without its sign.
    Absolute,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// Texts one behind the other.
    Concat,
    /// Whether a text holds another one.
    Contains,
    /// Whether a text begins with another one.
    StartsWith,
    /// Whether a text ends with another one.
    EndsWith,
}

impl Function {
    const ALL: [Function; 14] = [
        Function::Coalesce,
        Function::NullIf,
        Function::Least,
        Function::Greatest,
        Function::Round,
        Function::Ceil,
        Function::Floor,
        Function::Absolute,
        Function::Lower,
        Function::Upper,
        Function::Concat,
        Function::Contains,
        Function::StartsWith,
        Function::EndsWith,
    ];

    /// The function of that name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// As normal forms write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Function::Coalesce => "COALESCE",
            Function::NullIf => "NULLIF",
            Function::Least => "LEAST",
            Function::Greatest => "GREATEST",
            Function::Round => "ROUND",
            Function::Ceil => "CEIL",
            Function::Floor => "FLOOR",
            Function::Absolute => "ABS",
            Function::Lower => "LOWER",
            Function::Upper => "UPPER",
            Function::Concat => "CONCAT",
            Function::Contains => "CONTAINS",
            Function::StartsWith => "STARTS_WITH",
            Function::EndsWith => "ENDS_WITH",
        }
    }

    /// Whether it takes so many arguments.
    ///
    /// # Errors
    /// At the function's place: how many it takes.
    pub(super) fn check_arguments(
        self,
        count: usize,
        place: Location,
    ) -> Result<(), ExpressionError> {
        self.check_count(count).map_err(|wanted| {
            let name = self.name();
            ExpressionError::at(place, &format!("{name} with {count} arguments: it takes {wanted}"))
        })
    }

    fn check_count(self, count: usize) -> Result<(), &'static str> {
        let (is_right, wanted) = match self {
            Function::Coalesce | Function::Least | Function::Greatest | Function::Concat => {
                (count >= 1, "at least one argument")
            }
            Function::NullIf => (count == 2, "two arguments"),
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                (count == 2, "a text, and the one to look for")
            }
            Function::Round | Function::Ceil | Function::Floor => {
                (count == 1 || count == 2, "a number, and digits where wanted")
            }
            Function::Absolute | Function::Lower | Function::Upper => (count == 1, "one argument"),
        };
        if is_right { Ok(()) } else { Err(wanted) }
    }

    /// What it gives. The reader has seen to the number of arguments.
    pub(super) fn call<'e, N, S: Source<'e, Name = N>>(
        self,
        arguments: &'e [Node<N>],
        source: &S,
    ) -> Result<Scalar<'e>, EvaluationError> {
        match self {
            Function::Coalesce => coalesce(arguments, source),
            Function::NullIf => null_if(arguments, source),
            Function::Least => outermost(arguments, source, Ordering::Less),
            Function::Greatest => outermost(arguments, source, Ordering::Greater),
            Function::Round => rounded(arguments, source, Number::round),
            Function::Ceil => rounded(arguments, source, Number::ceil),
            Function::Floor => rounded(arguments, source, Number::floor),
            Function::Absolute => unless_null(first(arguments, source)?, |value| {
                Ok(Scalar::Number(value.as_number()?.absolute()))
            }),
            Function::Lower => unless_null(first(arguments, source)?, |value| {
                Ok(Scalar::Text(value.into_text()?.to_lowercase().into()))
            }),
            Function::Upper => unless_null(first(arguments, source)?, |value| {
                Ok(Scalar::Text(value.into_text()?.to_uppercase().into()))
            }),
            Function::Concat => concat(arguments, source),
            Function::Contains => searched(arguments, source, |text, part| text.contains(part)),
            Function::StartsWith => {
                searched(arguments, source, |text, part| text.starts_with(part))
            }
            Function::EndsWith => searched(arguments, source, |text, part| text.ends_with(part)),
        }
    }
}

/// NULL in gives NULL, before its kind is looked at.
pub(super) fn unless_null<'e>(
    value: Scalar<'e>,
    work: impl FnOnce(Scalar<'e>) -> Result<Scalar<'e>, EvaluationError>,
) -> Result<Scalar<'e>, EvaluationError> {
    if value.is_null() { Ok(Scalar::Null) } else { work(value) }
}

/// The value of the first argument, or NULL where there is none.
fn first<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
) -> Result<Scalar<'e>, EvaluationError> {
    arguments.first().map_or(Ok(Scalar::Null), |argument| argument.evaluate(source))
}

fn coalesce<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
) -> Result<Scalar<'e>, EvaluationError> {
    for argument in arguments {
        let value = argument.evaluate(source)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Scalar::Null)
}

fn null_if<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
) -> Result<Scalar<'e>, EvaluationError> {
    let value = first(arguments, source)?;
    let other = first(arguments.get(1..).unwrap_or_default(), source)?;
    let is_equal = value.compare(&other)? == Some(Ordering::Equal);
    Ok(if is_equal { Scalar::Null } else { value })
}

/// The smallest or greatest of the numbers; NULLs are skipped.
fn outermost<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
    wanted: Ordering,
) -> Result<Scalar<'e>, EvaluationError> {
    let mut found: Option<Number> = None;
    for argument in arguments {
        let value = argument.evaluate(source)?;
        if !value.is_null() {
            let number = value.as_number()?;
            if found.is_none_or(|best| number.cmp(&best) == wanted) {
                found = Some(number);
            }
        }
    }
    Ok(found.map_or(Scalar::Null, Scalar::Number))
}

fn rounded<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
    round: fn(Number, i32) -> Result<Number, NumberError>,
) -> Result<Scalar<'e>, EvaluationError> {
    let value = first(arguments, source)?;
    let digits = match arguments.get(1) {
        Some(digits) => digits.evaluate(source)?,
        None => Scalar::Number(Number::ZERO),
    };
    if value.is_null() || digits.is_null() {
        return Ok(Scalar::Null);
    }
    let number = value.as_number()?;
    Ok(Scalar::Number(round(number, whole_digits(&digits)?)?))
}

/// A number of digits, -38 to 38. Tried from 0 outwards, since nearly all are small.
fn whole_digits(digits: &Scalar<'_>) -> Result<i32, EvaluationError> {
    let number = digits.as_number()?;
    let candidates = (0_i32..=38).flat_map(|size| [size, size.saturating_neg()]);
    for candidate in candidates {
        if number == Number::from_integer(i128::from(candidate))? {
            return Ok(candidate);
        }
    }
    Err(digits.is_no("number of digits (a whole number from -38 to 38)"))
}

fn concat<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
) -> Result<Scalar<'e>, EvaluationError> {
    let mut text = String::new();
    for argument in arguments {
        let value = argument.evaluate(source)?;
        if !value.is_null() {
            value.append_to(&mut text)?;
        }
    }
    Ok(Scalar::Text(text.into()))
}

/// Whether one text is found in another, both taken as LIKE takes them.
fn searched<'e, N, S: Source<'e, Name = N>>(
    arguments: &'e [Node<N>],
    source: &S,
    is_found: fn(&str, &str) -> bool,
) -> Result<Scalar<'e>, EvaluationError> {
    let text = first(arguments, source)?;
    let part = first(arguments.get(1..).unwrap_or_default(), source)?;
    if text.is_null() || part.is_null() {
        return Ok(Scalar::Null);
    }
    let (text, part) = (text.into_text()?, part.into_text()?);
    Ok(Scalar::Boolean(is_found(&text, &part)))
}

/// What CAST turns a value into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CastTarget {
    /// A number as it is.
    Number,
    /// Rounded to `scale` digits, then at most `precision - scale` integer digits.
    Decimal { precision: u8, scale: u8 },
    /// Rounded half away from zero.
    Integer,
    /// Its text.
    Text,
    /// A boolean, `'true'` or `'false'`.
    Boolean,
}

impl CastTarget {
    /// What CAST gives.
    pub(super) fn cast(self, value: Scalar<'_>) -> Result<Scalar<'_>, EvaluationError> {
        unless_null(value, |value| {
            Ok(match self {
                CastTarget::Number => Scalar::Number(value.as_number()?),
                CastTarget::Decimal { precision, scale } => {
                    Scalar::Number(to_decimal(&value, precision, scale)?)
                }
                CastTarget::Integer => Scalar::Number(value.as_number()?.round(0)?),
                CastTarget::Text => Scalar::Text(value.into_text()?),
                CastTarget::Boolean => match &value {
                    Scalar::Boolean(truth) => Scalar::Boolean(*truth),
                    Scalar::Text(text) if text == "true" => Scalar::Boolean(true),
                    Scalar::Text(text) if text == "false" => Scalar::Boolean(false),
                    _ => return Err(value.is_no("boolean, 'true' or 'false'")),
                },
            })
        })
    }
}

fn to_decimal(value: &Scalar<'_>, precision: u8, scale: u8) -> Result<Number, EvaluationError> {
    let number = value.as_number()?.round(i32::from(scale))?;
    let digits = u32::from(precision.saturating_sub(scale));
    // 10^38 and above is beyond every number: then there is nothing to check.
    let is_within = match 10_i128.checked_pow(digits).map(Number::from_integer) {
        Some(Ok(limit)) => number.absolute() < limit,
        Some(Err(_)) | None => true,
    };
    if is_within { Ok(number) } else { Err(value.is_no(&format!("DECIMAL({precision},{scale})"))) }
}
