//! From text to lexemes: the first step of reading an expression, by sqlparser's tokenizer.
//!
//! Whatever token rule 5.2 has no use for is refused here by name, so that the parser behind knows
//! a short, closed list. It knows nothing of grammar.

use sqlparser::tokenizer::{Location, Token, Whitespace};

use super::ExpressionError;
use crate::definition::lexemes::{self, Lexemes, Mark, Placed, TEXT_BYTES_MAX};

/// What an expression is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Lexeme {
    /// A keyword, a name, a key or a function.
    Word(String),
    /// A key in double quotes, these taken off.
    QuotedWord(String),
    /// An unsigned number, as written: `digits[.digits][e[+-]digits]`.
    Number(String),
    /// A string in single quotes, these taken off.
    Text(String),
    /// An operator or a punctuation mark.
    Mark(Mark),
    /// Behind the last one.
    End,
}

impl lexemes::Lexical for Lexeme {
    const END: Self = Lexeme::End;

    fn word(&self) -> Option<&str> {
        match self {
            Lexeme::Word(word) => Some(word),
            _ => None,
        }
    }

    fn mark(&self) -> Option<Mark> {
        match self {
            Lexeme::Mark(mark) => Some(*mark),
            _ => None,
        }
    }
}

/// The lexemes of `text`.
///
/// # Errors
/// Where the text is too long, or holds what rule 5.2 does not know.
pub(super) fn lexemes(text: &str) -> Result<Lexemes<Lexeme>, ExpressionError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long(text.len()));
    }
    let tokens = lexemes::tokens(text, &['"']);
    let tokens = tokens.map_err(|fault| ExpressionError::at(fault.place, &fault.message))?;
    let mut found = Vec::with_capacity(tokens.len());
    let mut end = Location::new(1, 1);
    for token in tokens {
        let place = token.span.start;
        end = token.span.end;
        match translate(token.token) {
            Ok(Some(lexeme)) => found.push(Placed { lexeme, place }),
            Ok(None) => {}
            Err(message) => return Err(ExpressionError::at(place, &message)),
        }
    }
    Ok(Lexemes::new(found, end))
}

/// The fault of a text of so many bytes.
pub(super) fn too_long(length: usize) -> ExpressionError {
    ExpressionError {
        message: format!("expression of {length} bytes: at most {TEXT_BYTES_MAX} are allowed"),
    }
}

/// `None` for blanks; the error says what the token is, and what would be right.
fn translate(token: Token) -> Result<Option<Lexeme>, String> {
    let lexeme = match token {
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => {
            return Err(
                "a comment: expressions have none (write `- -` with a blank for two signs)"
                    .to_owned(),
            );
        }
        Token::Whitespace(_) => return Ok(None),
        Token::Word(word) if word.quote_style.is_some() => Lexeme::QuotedWord(word.value),
        Token::Word(word) => Lexeme::Word(word.value),
        Token::Number(digits, false) if is_number(&digits) => Lexeme::Number(digits),
        Token::Number(digits, _) => {
            return Err(format!(
                "number `{digits}`: numbers are written like 1, 0.5 or 1e2, and a key that begins \
                 with a digit stands in double quotes"
            ));
        }
        Token::SingleQuotedString(content) => Lexeme::Text(content),
        other => Lexeme::Mark(mark(&other).ok_or_else(|| foreign(&other))?),
    };
    Ok(Some(lexeme))
}

/// The marks that rule 5.2 has.
fn mark(token: &Token) -> Option<Mark> {
    Mark::of(token).filter(|mark| match mark {
        Mark::Colons | Mark::Arrow | Mark::Semicolon => false,
        Mark::Plus
        | Mark::Minus
        | Mark::Star
        | Mark::Slash
        | Mark::Percent
        | Mark::Bars
        | Mark::Equal
        | Mark::NotEqual
        | Mark::Less
        | Mark::LessOrEqual
        | Mark::Greater
        | Mark::GreaterOrEqual
        | Mark::Open
        | Mark::Close
        | Mark::Comma
        | Mark::Dot => true,
    })
}

/// Names a token that no expression may hold.
fn foreign(token: &Token) -> String {
    let remedy = match token {
        Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::DollarQuotedString(_) => "only strings like 'text' are allowed, without a prefix",
        Token::DoubleEq => "equality is written `=`",
        Token::Spaceship => "write `=`, and IS NULL for what may be missing",
        Token::DoubleColon => "a cast is written CAST(value AS type)",
        Token::Overlap => "write AND",
        Token::ExclamationMark => "write NOT",
        Token::SemiColon => "an expression is no statement, and ends without it",
        Token::LBracket | Token::RBracket | Token::LBrace | Token::RBrace => {
            "elements of arrays cannot be named; keys are: properties.key"
        }
        Token::Char('`') => "a key is quoted with double quotes: properties.\"x-y\"",
        _ => {
            "operators are + - * / % || = <> != < <= > >= AND OR NOT IN BETWEEN LIKE ILIKE IS NULL"
        }
    };
    format!("`{token}` is not known here: {remedy}")
}

/// Whether the text is `digits[.digits][e[+-]digits]`, with digits at both sides of a point.
fn is_number(text: &str) -> bool {
    lexemes::number_parts(text).is_some_and(|(integer, fraction, _)| {
        !integer.is_empty() && fraction.is_none_or(|digits| !digits.is_empty())
    })
}
