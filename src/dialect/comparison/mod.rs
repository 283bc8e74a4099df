//! One comparison of properties and values, as an expression: Maple's comparators, and the filters of Zenskar's builder.
//!
//! A value is a text on the wire. Equal to it is the same text, or a JSON number where the text is one, also as `1e3`; `true`
//! and `false` also stand for booleans. Orders compare numbers alone.

mod operator;

pub(super) use self::operator::{Logic, Operator, plain};

use self::operator::Place;
use super::Json;
use super::spelling::literal;
use crate::definition::{Expression, ExpressionError, Grammar};
use crate::model::Number;

/// What is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Operand {
    /// A property, as an expression.
    Property(String),
    /// A value as submitted: no object, not null.
    Value(Json),
}

/// Conditions that are made of comparisons, read as a filter: natively, where rule 5.2 has all of their words.
pub(super) fn filter(text: &str) -> Result<Expression, ExpressionError> {
    let native = Expression::parse_condition(Grammar::Native, text);
    native.or_else(|_| Expression::parse_condition(Grammar::Maple, text))
}

/// The comparison; the error says what is wrong with it.
pub(super) fn compare(operator: Operator, operands: &[Operand]) -> Result<String, String> {
    match operator {
        Operator::Logic(_) => Err("joins comparators, and compares nothing itself".to_owned()),
        Operator::Equality { is_negated } => equality(pair(operands)?, is_negated),
        Operator::Order(sign) => order(pair(operands)?, sign),
        Operator::In { is_negated } => one_of(operands, is_negated),
        Operator::Search { is_negated, place } => search(pair(operands)?, is_negated, place),
        Operator::Existence { is_negated } => existence(operands, is_negated),
    }
}

fn pair(operands: &[Operand]) -> Result<[&Operand; 2], String> {
    match operands {
        [left, right] => Ok([left, right]),
        other => Err(format!("compares two items, and has {}", other.len())),
    }
}

fn equality([left, right]: [&Operand; 2], is_negated: bool) -> Result<String, String> {
    let (one, equal) = match (left, right) {
        (Operand::Value(_), Operand::Property(name)) => (name.clone(), left),
        (Operand::Property(name), other) => (name.clone(), other),
        (Operand::Value(_), other) => (only(equals(left)?)?, other),
    };
    Ok(is_among(&one, &equals(equal)?, &numbers([equal]), is_negated))
}

fn only(mut values: Vec<String>) -> Result<String, String> {
    if values.is_empty() { Err("compares nothing".to_owned()) } else { Ok(values.swap_remove(0)) }
}

/// Whether a property is one of some values, or a JSON number equal to one of `numbers`.
fn is_among(one: &str, values: &[String], numbers: &[Number], is_negated: bool) -> String {
    if !numbers.is_empty() {
        let same = is_among(one, values, &[], false);
        let equal = numbers.iter().map(|number| is_json_number(one, *number)).collect::<Vec<_>>();
        let negation = if is_negated { "NOT " } else { "" };
        return format!("{negation}({same} OR {})", equal.join(" OR "));
    }
    match (values, is_negated) {
        ([value], false) => format!("{one} = {value}"),
        ([value], true) => format!("{one} <> {value}"),
        (values, false) => format!("{one} IN ({})", values.join(", ")),
        (values, true) => format!("{one} NOT IN ({})", values.join(", ")),
    }
}

/// Two spellings of one number: a JSON number equals both (rule 5.2), and no text does.
fn is_json_number(one: &str, number: Number) -> String {
    let text = number.to_string();
    let longer = if text.contains('.') { format!("{text}0") } else { format!("{text}.0") };
    format!("{one} = {} AND {one} = {}", literal(&text), literal(&longer))
}

/// The numbers of values whose texts are numbers, and not by rule 3.1.
fn numbers<'o>(operands: impl IntoIterator<Item = &'o Operand>) -> Vec<Number> {
    let number = |operand: &Operand| match operand {
        Operand::Value(Json::Text(text)) => number_beyond(text),
        Operand::Value(_) | Operand::Property(_) => None,
    };
    operands.into_iter().filter_map(number).collect()
}

/// The number of a text such as `1e3`, `+5` or `.5`, which no event's text of that number equals.
pub(super) fn number_beyond(text: &str) -> Option<Number> {
    match Number::parse_numeric(text) {
        Some(_) => None,
        // As orders read it.
        None => Number::parse_decimal(text.trim())?.ok(),
    }
}

/// What is equal to an operand: a property, or the literals that a value stands for.
fn equals(operand: &Operand) -> Result<Vec<String>, String> {
    match operand {
        Operand::Property(name) => Ok(vec![name.clone()]),
        Operand::Value(value) => literals(value),
    }
}

fn literals(value: &Json) -> Result<Vec<String>, String> {
    match value {
        Json::Text(text) => match text.as_str() {
            "true" => Ok(vec!["'true'".to_owned(), "TRUE".to_owned()]),
            "false" => Ok(vec!["'false'".to_owned(), "FALSE".to_owned()]),
            text => Ok(vec![literal(text)]),
        },
        Json::Boolean(true) => literals(&Json::text("true")),
        Json::Boolean(false) => literals(&Json::text("false")),
        Json::Number(_) => Ok(vec![number(value)?]),
        Json::Null | Json::List(_) | Json::Object(_) => {
            Err(format!("cannot compare with {}", value.kind()))
        }
    }
}

fn number(value: &Json) -> Result<String, String> {
    let text = match value {
        Json::Text(text) | Json::Number(text) => text.trim(),
        other => return Err(format!("compares numbers, and {} is none", other.kind())),
    };
    match Number::parse_decimal(text) {
        Some(Ok(number)) => Ok(number.to_string()),
        Some(Err(_)) => Err("compares numbers of at most 38 digits before the point".to_owned()),
        None => Err(format!("compares numbers, and {text:?} is none")),
    }
}

fn order(operands: [&Operand; 2], sign: &str) -> Result<String, String> {
    Ok(match operands {
        // A sign makes a number of the text of one: two texts would compare letter by letter.
        [Operand::Property(left), Operand::Property(right)] => format!("{left} {sign} +{right}"),
        [Operand::Property(left), Operand::Value(right)] => {
            format!("{left} {sign} {}", number(right)?)
        }
        [Operand::Value(left), Operand::Property(right)] => {
            format!("{} {sign} {right}", number(left)?)
        }
        [Operand::Value(left), Operand::Value(right)] => {
            format!("{} {sign} {}", number(left)?, number(right)?)
        }
    })
}

fn one_of(operands: &[Operand], is_negated: bool) -> Result<String, String> {
    let [Operand::Property(one), list @ ..] = operands else {
        return Err("looks for a property among values: the property comes first".to_owned());
    };
    let listed: Vec<Operand> = match list {
        [Operand::Value(value)] => elements(value).into_iter().map(Operand::Value).collect(),
        list => list.to_vec(),
    };
    let mut values = Vec::new();
    for operand in &listed {
        values.extend(equals(operand)?);
    }
    if values.is_empty() {
        return Err("looks among no values: give it at least one".to_owned());
    }
    Ok(is_among(one, &values, &numbers(&listed), is_negated))
}

/// The values of a list that is one value: an array, the text of an array, or a text with commas between.
fn elements(value: &Json) -> Vec<Json> {
    match value {
        Json::List(elements) => elements.clone(),
        Json::Text(text) => {
            if let Ok(Json::List(elements)) = Json::parse(text) {
                return elements;
            }
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(Json::text).collect()
        }
        other => vec![other.clone()],
    }
}

/// By LIKE, where nothing in the text that is looked for means more to it.
fn search(operands: [&Operand; 2], is_negated: bool, place: Place) -> Result<String, String> {
    let [text, part] = operands;
    let text = as_text(text)?;
    if let Operand::Value(value) = part
        && let Some(part) = value.scalar_text()
        && !part.contains(['%', '_'])
    {
        let pattern = literal(&match place {
            Place::Anywhere => format!("%{part}%"),
            Place::Start => format!("{part}%"),
            Place::End => format!("%{part}"),
        });
        let keyword = if is_negated { "NOT LIKE" } else { "LIKE" };
        return Ok(format!("{text} {keyword} {pattern}"));
    }
    let function = match place {
        Place::Anywhere => "CONTAINS",
        Place::Start => "STARTS_WITH",
        Place::End => "ENDS_WITH",
    };
    let negation = if is_negated { "NOT " } else { "" };
    Ok(format!("{negation}{function}({text}, {})", as_text(part)?))
}

fn as_text(operand: &Operand) -> Result<String, String> {
    match operand {
        Operand::Property(name) => Ok(name.clone()),
        Operand::Value(value) => {
            let text = value.scalar_text().map(literal);
            text.ok_or_else(|| format!("looks for a text, and {} is none", value.kind()))
        }
    }
}

fn existence(operands: &[Operand], is_negated: bool) -> Result<String, String> {
    let is_blank = |operand: &&Operand| matches!(operand, Operand::Value(Json::Text(text)) if text.trim().is_empty());
    let told: Vec<&Operand> = operands.iter().filter(|operand| !is_blank(operand)).collect();
    match told.as_slice() {
        [Operand::Property(name)] if is_negated => Ok(format!("{name} IS NULL")),
        [Operand::Property(name)] => Ok(format!("{name} IS NOT NULL")),
        _ => Err("looks at one property".to_owned()),
    }
}
