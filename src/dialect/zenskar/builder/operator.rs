//! The words of a builder: its operators and aggregates, in any case and with blanks, `_` and `-` alike.

use serde_json::value::RawValue;

use super::super::compile::{Aggregation, quoted};
use super::super::field::{Field, Kind, Literal};
use super::VALUE_ERROR;
use crate::dialect::Fault;
use crate::model::Number;

/// How a column is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    /// Equality: `=` or `<>`.
    Equality {
        /// Whether it is `<>`.
        is_negated: bool,
    },
    /// An order between numbers, as it is written.
    Order(&'static str),
    /// One of several values.
    Among {
        /// Whether it is none of them.
        is_negated: bool,
    },
    /// A piece of the text: what stands before and behind it in a pattern.
    Piece { before: &'static str, behind: &'static str, is_negated: bool },
    /// Whether there is a value.
    Presence {
        /// Whether there is none.
        is_negated: bool,
    },
}

const OPERATORS: [(&[&str], Operator); 13] = [
    (&["EQUALS", "EQUAL", "EQUALTO", "EQ", "=", "=="], Operator::Equality { is_negated: false }),
    (
        &["NOTEQUALS", "NOTEQUAL", "NOTEQUALTO", "NEQ", "NE", "!=", "<>"],
        Operator::Equality { is_negated: true },
    ),
    (&["GREATERTHAN", "GT", ">"], Operator::Order(">")),
    (
        &["GREATERTHANOREQUAL", "GREATERTHANOREQUALS", "GREATERTHANOREQUALTO", "GTE", ">="],
        Operator::Order(">="),
    ),
    (&["LESSTHAN", "LT", "<"], Operator::Order("<")),
    (
        &["LESSTHANOREQUAL", "LESSTHANOREQUALS", "LESSTHANOREQUALTO", "LTE", "<="],
        Operator::Order("<="),
    ),
    (&["IN"], Operator::Among { is_negated: false }),
    (&["NOTIN"], Operator::Among { is_negated: true }),
    (&["CONTAINS"], Operator::Piece { before: "%", behind: "%", is_negated: false }),
    (&["NOTCONTAINS"], Operator::Piece { before: "%", behind: "%", is_negated: true }),
    (&["STARTSWITH"], Operator::Piece { before: "", behind: "%", is_negated: false }),
    (&["ENDSWITH"], Operator::Piece { before: "%", behind: "", is_negated: false }),
    (&["EXISTS", "ISSET", "ISNOTNULL"], Operator::Presence { is_negated: false }),
];

const ABSENCE: [&str; 3] = ["NOTEXISTS", "ISNOTSET", "ISNULL"];

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

/// A word without what people write differently in it.
fn word(field: &Field<'_>) -> Result<String, Fault> {
    let text = field.text()?;
    let letters = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
    Ok(letters.collect::<String>().to_ascii_uppercase())
}

/// The operator that a field names.
pub(super) fn read(field: &Field<'_>) -> Result<Operator, Fault> {
    let word = word(field)?;
    if ABSENCE.contains(&word.as_str()) {
        return Ok(Operator::Presence { is_negated: true });
    }
    let found = OPERATORS.iter().find(|(words, _)| words.contains(&word.as_str()));
    found.map(|(_, operator)| *operator).ok_or_else(|| {
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
    let word = word(field)?;
    let found = AGGREGATIONS.iter().find(|(words, _)| words.contains(&word.as_str()));
    found.map(|(_, aggregation)| *aggregation).ok_or_else(|| {
        field.fault(
            VALUE_ERROR,
            "unknown type: write COUNT, SUM, MIN, MAX, AVG, COUNT_DISTINCT, LATEST or FIRST",
        )
    })
}

impl Operator {
    /// The condition that it makes of an operand and a filter's value, as native text.
    pub(super) fn condition(
        self,
        operand: &str,
        filter: &Field<'_>,
        value: Option<Field<'_>>,
    ) -> Result<String, Fault> {
        if let Operator::Presence { is_negated } = self {
            let negation = if is_negated { "" } else { "NOT " };
            return Ok(format!("{operand} IS {negation}NULL"));
        }
        let Some(value) = value.filter(|value| value.kind() != Kind::Null) else {
            return Err(filter.fault(VALUE_ERROR, "a value is wanted beside this operator"));
        };
        match self {
            Operator::Equality { is_negated } => {
                let literal = scalar(&value)?;
                let texts = native(&literal);
                Ok(match (texts.as_slice(), is_negated) {
                    ([one], false) => format!("{operand} = {one}"),
                    ([one], true) => format!("{operand} <> {one}"),
                    (several, false) => format!("{operand} IN ({})", several.join(", ")),
                    (several, true) => format!("{operand} NOT IN ({})", several.join(", ")),
                })
            }
            Operator::Order(operator) => Ok(format!("{operand} {operator} {}", number(&value)?)),
            Operator::Among { is_negated } => {
                let literals = several(&value)?;
                let texts: Vec<String> = literals.iter().flat_map(native).collect();
                let negation = if is_negated { "NOT " } else { "" };
                Ok(format!("{operand} {negation}IN ({})", texts.join(", ")))
            }
            Operator::Piece { before, behind, is_negated } => {
                let piece = piece(&value)?;
                let negation = if is_negated { "NOT " } else { "" };
                Ok(format!(
                    "{operand} {negation}LIKE {}",
                    quoted(&format!("{before}{piece}{behind}"))
                ))
            }
            Operator::Presence { .. } => Ok(operand.to_owned()),
        }
    }
}

/// A value, which is no template: what these say is said by the mappings.
fn scalar(value: &Field<'_>) -> Result<Literal, Fault> {
    match value.literal()? {
        Some(Literal::Text(text)) if text.contains("{{") => Err(value.fault(
            VALUE_ERROR,
            "a template stands only in a query: customer and period are the mappings'",
        )),
        Some(literal) => Ok(literal),
        None => Err(value.fault(VALUE_ERROR, "null equals nothing: write EXISTS or NOT_EXISTS")),
    }
}

/// As expressions write it; a word that is a boolean too stands for both.
fn native(literal: &Literal) -> Vec<String> {
    match literal {
        Literal::Number(digits) => vec![format!("({digits})")],
        Literal::Boolean(true) => vec!["'true'".to_owned(), "TRUE".to_owned()],
        Literal::Boolean(false) => vec!["'false'".to_owned(), "FALSE".to_owned()],
        Literal::Text(text) => match text.as_str() {
            "true" => vec!["'true'".to_owned(), "TRUE".to_owned()],
            "false" => vec!["'false'".to_owned(), "FALSE".to_owned()],
            text => vec![quoted(text)],
        },
    }
}

/// A number's text, in parentheses for its sign.
fn number(value: &Field<'_>) -> Result<String, Fault> {
    let digits = match scalar(value)? {
        Literal::Number(digits) => Some(digits),
        Literal::Text(text) if matches!(Number::parse_numeric(&text), Some(Ok(_))) => Some(text),
        Literal::Text(_) | Literal::Boolean(_) => None,
    };
    digits.map(|digits| format!("({digits})")).ok_or_else(|| {
        value.fault(VALUE_ERROR, "a number is wanted: this operator compares numbers")
    })
}

/// A list, one written in a text, or texts with commas between.
fn several(value: &Field<'_>) -> Result<Vec<Literal>, Fault> {
    let empty = || value.fault(VALUE_ERROR, "an empty list: name at least one value");
    let literals: Vec<Literal> = match value.kind() {
        Kind::List => of_list(value)?,
        Kind::Text => {
            let text = value.text()?;
            let written = text.trim().starts_with('[').then(|| text.trim().to_owned());
            let raw = written.and_then(|text| RawValue::from_string(text).ok());
            if let Some(raw) = raw {
                of_list(&Field { path: value.path.clone(), raw: &raw })?
            } else {
                scalar(value)?;
                let pieces = text.split(',').map(str::trim).filter(|piece| !piece.is_empty());
                pieces.map(|piece| Literal::Text(piece.to_owned())).collect()
            }
        }
        Kind::Null | Kind::Boolean | Kind::Number | Kind::Object => vec![scalar(value)?],
    };
    if literals.is_empty() { Err(empty()) } else { Ok(literals) }
}

fn of_list(value: &Field<'_>) -> Result<Vec<Literal>, Fault> {
    let elements = value.elements()?;
    let elements = elements.iter().enumerate();
    elements.map(|(index, raw)| scalar(&value.element(index, raw))).collect()
}

/// A text that stands for itself in a pattern.
fn piece(value: &Field<'_>) -> Result<String, Fault> {
    let text = match scalar(value)? {
        Literal::Text(text) | Literal::Number(text) => text,
        Literal::Boolean(truth) => truth.to_string(),
    };
    if text.is_empty() {
        return Err(value.fault(VALUE_ERROR, "an empty text, which every text holds"));
    }
    if text.contains(['%', '_']) {
        return Err(value.fault(
            VALUE_ERROR,
            "`%` and `_` stand for any text in a pattern: compare with a text without these",
        ));
    }
    Ok(text)
}
