//! From a query's text to lexemes, by sqlparser's tokenizer: blanks and comments are gone, templates are one lexeme.
//!
//! Whatever token no accepted query has a use for is refused here, so that the grammar behind knows a short, closed
//! list.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use super::Refusal;
use super::tree::Template;
use crate::definition::{Lexemes, Lexical, Mark, Placed, TEXT_BYTES_MAX, number_parts, tokens};

/// What a query is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Lexeme {
    /// A keyword, a name or a function.
    Word(String),
    /// A name in double quotes or backticks, these taken off.
    Quoted(String),
    /// An unsigned number, as written.
    Number(String),
    /// A string in single quotes, these taken off.
    Text(String),
    /// `{{name}}`, also in quotes.
    Template(Template),
    /// An operator or a punctuation mark.
    Mark(Mark),
    /// Behind the last one.
    End,
}

impl Lexical for Lexeme {
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
/// Where the text is too long, or holds what no accepted query has.
pub(super) fn lexemes(text: &str) -> Result<Lexemes<Lexeme>, Refusal> {
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        let message = format!("query of {length} bytes: at most {TEXT_BYTES_MAX} are allowed");
        return Err(Refusal { place: Location::new(1, 1), message });
    }
    // Names as `PostgreSQL` and `ClickHouse` write them.
    let tokens = tokens(text, &['"', '`']);
    let mut tokens = tokens.map_err(|fault| Refusal::new(fault.place, fault.message))?.into_iter();
    let mut found = Vec::new();
    let mut end = Location::new(1, 1);
    while let Some(TokenWithSpan { token, span }) = tokens.next() {
        end = span.end;
        let lexeme = match token {
            Token::LBrace => Some(Lexeme::Template(bare_template(&mut tokens, span.start)?)),
            token => translate(token).map_err(|message| Refusal::new(span.start, message))?,
        };
        found.extend(lexeme.map(|lexeme| Placed { lexeme, place: span.start }));
    }
    Ok(Lexemes::new(found, end))
}

/// Behind its first brace.
fn bare_template(
    tokens: &mut impl Iterator<Item = TokenWithSpan>,
    place: Location,
) -> Result<Template, Refusal> {
    let mut written = "{".to_owned();
    for TokenWithSpan { token, .. } in tokens {
        written.push_str(&token.to_string());
        if written.ends_with("}}") {
            break;
        }
        if written.len() > 200 {
            break;
        }
    }
    template(&written)
        .unwrap_or_else(|| Err(foreign_brace()))
        .map_err(|message| Refusal::new(place, message))
}

fn foreign_brace() -> String {
    "`{` begins a template such as {{start_date}}, and this is none".to_owned()
}

/// The template that a text is; `None` where it is none, an error where it holds one that is not known.
fn template(text: &str) -> Option<Result<Template, String>> {
    if !text.contains("{{") {
        return None;
    }
    let inside = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let Some(name) = inside.map(str::trim).filter(|name| !name.contains(['{', '}'])) else {
        return Some(Err(format!("`{}`: a template stands alone", cut(text))));
    };
    let compact: String = name.split_whitespace().collect();
    let known = match compact.as_str() {
        "customer.external_id" => Ok(Template::Customer),
        "start_date" => Ok(Template::Start),
        "end_date" => Ok(Template::End),
        _ => Err(format!(
            "template `{}`: the known ones are {{{{customer.external_id}}}}, {{{{start_date}}}} and \
             {{{{end_date}}}}",
            cut(name)
        )),
    };
    Some(known)
}

/// `None` for blanks; the error says what the token is, and what would be right.
fn translate(token: Token) -> Result<Option<Lexeme>, String> {
    let lexeme = match token {
        Token::Whitespace(Whitespace::MultiLineComment(content)) if content.contains("/*") => {
            return Err("a comment in a comment, which systems end in different places: leave it \
                        out"
            .to_owned());
        }
        Token::Whitespace(_) => return Ok(None),
        Token::Word(word) if word.quote_style.is_some() => match template(&word.value) {
            Some(template) => Lexeme::Template(template?),
            None => Lexeme::Quoted(word.value),
        },
        Token::Word(word) => Lexeme::Word(word.value),
        Token::Number(digits, false) => Lexeme::Number(number(&digits)?),
        Token::SingleQuotedString(content) => match template(&content) {
            Some(template) => Lexeme::Template(template?),
            None if content.contains('\\') => {
                return Err("a backslash in a text, which some systems take as it stands and \
                            others do not: leave it out"
                    .to_owned());
            }
            None => Lexeme::Text(content),
        },
        Token::DoubleEq => Lexeme::Mark(Mark::Equal),
        other => Lexeme::Mark(Mark::of(&other).ok_or_else(|| foreign(&other))?),
    };
    Ok(Some(lexeme))
}

/// `digits[.digits][e[+-]digits]`, a zero put where SQL lets one out.
fn number(written: &str) -> Result<String, String> {
    let Some((integer, fraction, exponent)) = number_parts(written) else {
        return Err(format!("number `{}`: numbers are written like 1, 0.5 or 1e2", cut(written)));
    };
    let mut text = if integer.is_empty() { "0".to_owned() } else { integer.to_owned() };
    if let Some(fraction) = fraction.filter(|digits| !digits.is_empty()) {
        text.push('.');
        text.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        text.push('e');
        text.push_str(exponent);
    }
    Ok(text)
}

/// Names a token that no query may hold.
fn foreign(token: &Token) -> String {
    let remedy = match token {
        Token::Number(..) => "numbers are written like 1, 0.5 or 1e2",
        Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::DollarQuotedString(_) => "only strings like 'text' are allowed, without a prefix",
        Token::Spaceship => "write `=`, and IS NULL for what may be missing",
        Token::LBracket | Token::RBracket => "elements of arrays cannot be named",
        Token::Placeholder(_) => "there are no parameters: write the value itself",
        _ => "operators are + - * / % || = <> < <= > >= AND OR NOT IN BETWEEN LIKE ILIKE IS NULL",
    };
    format!("`{}` is not known here: {remedy}", cut(&token.to_string()))
}

/// As much of a text as a message holds.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
