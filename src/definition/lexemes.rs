//! What every text in SQL's words is made of, whichever grammar it has: words, numbers, texts and marks, each with its place.
//!
//! ```text
//! text ─► tokens, by sqlparser's tokenizer ─► (a grammar's own lexemes) ─► Lexemes: what is left to read
//! ```
//! Which tokens a grammar takes, and what they mean in it, is not known here.

use std::vec;

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Longest text.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Operators and punctuation marks of any of the grammars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
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
    /// `::`
    Colons,
    /// `->` or `->>`
    Arrow,
    /// `;`
    Semicolon,
}

const MARKS: [(Token, Mark, &str); 20] = [
    (Token::Plus, Mark::Plus, "+"),
    (Token::Minus, Mark::Minus, "-"),
    (Token::Mul, Mark::Star, "*"),
    (Token::Div, Mark::Slash, "/"),
    (Token::Mod, Mark::Percent, "%"),
    (Token::StringConcat, Mark::Bars, "||"),
    (Token::Eq, Mark::Equal, "="),
    (Token::Neq, Mark::NotEqual, "<>"),
    (Token::Lt, Mark::Less, "<"),
    (Token::LtEq, Mark::LessOrEqual, "<="),
    (Token::Gt, Mark::Greater, ">"),
    (Token::GtEq, Mark::GreaterOrEqual, ">="),
    (Token::LParen, Mark::Open, "("),
    (Token::RParen, Mark::Close, ")"),
    (Token::Comma, Mark::Comma, ","),
    (Token::Period, Mark::Dot, "."),
    (Token::DoubleColon, Mark::Colons, "::"),
    (Token::Arrow, Mark::Arrow, "->"),
    (Token::LongArrow, Mark::Arrow, "->"),
    (Token::SemiColon, Mark::Semicolon, ";"),
];

impl Mark {
    /// The mark that a token is.
    pub fn of(token: &Token) -> Option<Self> {
        MARKS.iter().find(|(known, _, _)| known == token).map(|(_, mark, _)| *mark)
    }

    /// As it is written.
    pub fn spelling(self) -> &'static str {
        MARKS.iter().find(|(_, mark, _)| *mark == self).map_or("", |(_, _, spelling)| spelling)
    }
}

/// Why a text has no tokens, and at which place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// Line and column, both from 1.
    pub place: Location,
    /// What is wrong.
    pub message: String,
}

/// Words of letters, digits and `_`, and names in some sorts of quotes.
#[derive(Debug)]
struct Words(&'static [char]);

impl Dialect for Words {
    fn is_identifier_start(&self, character: char) -> bool {
        starts_word(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        continues_word(character)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        self.0.contains(&character)
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

/// The tokens of a text of at most [`TEXT_BYTES_MAX`], in which names stand in these `quotes`.
///
/// # Errors
/// Where it holds what is in no text.
pub fn tokens(text: &str, quotes: &'static [char]) -> Result<Vec<TokenWithSpan>, Unreadable> {
    Tokenizer::new(&Words(quotes), text).tokenize_with_location().map_err(|fault| {
        let message = format!("unreadable: {}", lower_case(&fault.message));
        Unreadable { place: fault.location, message }
    })
}

/// The tokenizer's sentence as a part of ours.
fn lower_case(message: &str) -> String {
    let mut characters = message.trim_end_matches('.').chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// `digits[.digits][e[+-]digits]` in its parts: what stands before the point, behind it, and behind the `e`; the tokenizer
/// also takes `1.` and `.5`, with nothing at that side.
pub fn number_parts(text: &str) -> Option<(&str, Option<&str>, Option<&str>)> {
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let is_sound = is_digits(integer)
        && fraction.is_none_or(is_digits)
        && !(integer.is_empty() && fraction.is_none_or(str::is_empty))
        && digits.is_none_or(|digits| !digits.is_empty() && is_digits(digits));
    is_sound.then_some((integer, fraction, exponent))
}

/// What a grammar's texts are made of.
pub trait Lexical: Clone + PartialEq {
    /// Behind the last one.
    const END: Self;

    /// The word that it is, without quotes.
    fn word(&self) -> Option<&str>;

    /// The mark that it is.
    fn mark(&self) -> Option<Mark>;
}

/// A lexeme and where it stands.
#[derive(Clone, Debug)]
pub struct Placed<L> {
    /// What stands there.
    pub lexeme: L,
    /// Line and column of its first character, both from 1.
    pub place: Location,
}

/// What is left to read. Behind the last lexeme stands [`Lexical::END`], which has a place too.
#[derive(Debug)]
pub struct Lexemes<L> {
    rest: vec::IntoIter<Placed<L>>,
    end: Placed<L>,
}

impl<L: Lexical> Lexemes<L> {
    /// At the first of them; the text ends at `end`.
    pub fn new(lexemes: Vec<Placed<L>>, end: Location) -> Self {
        Lexemes { rest: lexemes.into_iter(), end: Placed { lexeme: L::END, place: end } }
    }

    /// The next one.
    pub fn peek(&self) -> &L {
        &self.rest.as_slice().first().unwrap_or(&self.end).lexeme
    }

    /// The one behind it.
    pub fn peek_second(&self) -> &L {
        &self.rest.as_slice().get(1).unwrap_or(&self.end).lexeme
    }

    /// Takes the next one. The end stays.
    pub fn advance(&mut self) -> L {
        self.rest.next().map_or(L::END, |placed| placed.lexeme)
    }

    /// Where the next one stands.
    pub fn place(&self) -> Location {
        self.rest.as_slice().first().unwrap_or(&self.end).place
    }

    /// Whether the next one is that keyword, in any case.
    pub fn is_keyword(&self, keyword: &str) -> bool {
        self.peek().word().is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    /// Takes that keyword where it is the next one.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        if is_there {
            self.advance();
        }
        is_there
    }

    /// Takes that mark where it is the next one.
    pub fn take(&mut self, mark: Mark) -> bool {
        let is_there = self.peek().mark() == Some(mark);
        if is_there {
            self.advance();
        }
        is_there
    }
}
