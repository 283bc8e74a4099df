//! From text to lexemes: the first step of reading an expression, by sqlparser's tokenizer.
//!
//! Whatever token rule 5.2 has no use for is refused here by name, so that the parser behind knows
//! a short, closed list. It knows nothing of grammar.

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer, Whitespace};

use super::ExpressionError;

/// Longest text of an expression.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024;

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

/// Operators and punctuation marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `||`
    Bars,
    /// `=`
    Equal,
    /// `<>` or `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `.`
    Dot,
}

/// A lexeme and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// What stands there.
    pub(super) lexeme: Lexeme,
    /// Line and column of its first character, both from 1.
    pub(super) place: Location,
}

/// The words of rule 5.2: letters, digits and `_`; keys in double quotes; no other sort of quoting.
#[derive(Debug)]
struct ExpressionDialect;

impl Dialect for ExpressionDialect {
    fn is_identifier_start(&self, character: char) -> bool {
        starts_word(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        continues_word(character)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }
}

/// Whether a key of this spelling needs no quotes.
pub(super) fn is_plain_word(key: &str) -> bool {
    key.starts_with(starts_word) && key.chars().all(continues_word)
}

fn starts_word(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn continues_word(character: char) -> bool {
    starts_word(character) || character.is_ascii_digit()
}

/// The lexemes of `text`, [`Lexeme::End`] last.
///
/// # Errors
/// Where the text is too long, or holds what rule 5.2 does not know.
pub(super) fn lexemes(text: &str) -> Result<Vec<Placed>, ExpressionError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long(text.len()));
    }
    let tokens = Tokenizer::new(&ExpressionDialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|fault| {
        ExpressionError::at(fault.location, &format!("unreadable: {}", lower_case(&fault.message)))
    })?;
    let mut lexemes = Vec::with_capacity(tokens.len());
    let mut end = Location::new(1, 1);
    for token in tokens {
        let place = token.span.start;
        end = token.span.end;
        match translate(token.token) {
            Ok(Some(lexeme)) => lexemes.push(Placed { lexeme, place }),
            Ok(None) => {}
            Err(message) => return Err(ExpressionError::at(place, &message)),
        }
    }
    lexemes.push(Placed { lexeme: Lexeme::End, place: end });
    Ok(lexemes)
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

fn mark(token: &Token) -> Option<Mark> {
    Some(match token {
        Token::Plus => Mark::Plus,
        Token::Minus => Mark::Minus,
        Token::Mul => Mark::Star,
        Token::Div => Mark::Slash,
        Token::Mod => Mark::Percent,
        Token::StringConcat => Mark::Bars,
        Token::Eq => Mark::Equal,
        Token::Neq => Mark::NotEqual,
        Token::Lt => Mark::Less,
        Token::LtEq => Mark::LessOrEqual,
        Token::Gt => Mark::Greater,
        Token::GtEq => Mark::GreaterOrEqual,
        Token::LParen => Mark::Open,
        Token::RParen => Mark::Close,
        Token::Comma => Mark::Comma,
        Token::Period => Mark::Dot,
        _ => return None,
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

/// Whether the text is `digits[.digits][e[+-]digits]`: the tokenizer also takes `1.` and `.5`.
fn is_number(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    is_digits(integer) && fraction.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

/// The tokenizer's sentence as a part of ours.
fn lower_case(message: &str) -> String {
    let mut characters = message.trim_end_matches('.').chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
