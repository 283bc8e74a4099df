//! Operands: literals, names, functions, CASE, CAST, and what stands in parentheses.

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::function::CastTarget;
use super::name::{Key, Name};
use super::parser::Parser;
use super::refusal::{foreign_function, foreign_word, refused};
use super::token::Lexeme;
use super::tree::{Binding, Case, Node};
use crate::definition::lexemes::Mark;
use crate::model::Number;

const OPERAND: &str = "a value: a literal, a name, a function, CASE, CAST or parentheses";
const TYPES: &str = "DECIMAL, DECIMAL(p,s), INTEGER, TEXT or BOOLEAN";

/// Words that never begin an operand.
const RESERVED: [&str; 12] =
    ["AND", "OR", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "WHEN", "THEN", "ELSE", "END", "AS"];

/// Most digits that DECIMAL(p,s) takes: those of rule 3.3 before and behind the point.
const PRECISION_MAX: u8 = 76;
const SCALE_MAX: u8 = 38;

impl Parser {
    /// Reads one operand.
    pub(super) fn primary<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        let place = self.rest.place();
        match self.rest.advance() {
            Lexeme::Number(digits) => Ok(number(&digits)),
            Lexeme::Text(content) => Ok(Node::Text(content)),
            Lexeme::Mark(Mark::Open) => self.parenthesized(),
            Lexeme::Word(word) if !is_reserved(&word) => self.word(word, place),
            other => Err(refused(place, &other, OPERAND)),
        }
    }

    fn parenthesized<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        let inner = self.expression(Binding::Or)?;
        if *self.rest.peek() == Lexeme::Mark(Mark::Comma) {
            return Err(self.error("a list stands only behind IN"));
        }
        self.expect(Mark::Close, "an operator or `)`")?;
        Ok(inner)
    }

    /// What `word`, already taken, begins.
    fn word<N: Name>(&mut self, word: String, place: Location) -> Result<Node<N>, ExpressionError> {
        match word.to_ascii_uppercase().as_str() {
            "NULL" => return Ok(Node::Null),
            "TRUE" => return Ok(Node::Boolean(true)),
            "FALSE" => return Ok(Node::Boolean(false)),
            "CASE" => return self.case(),
            "CAST" => return self.cast(),
            _ => {}
        }
        match self.rest.peek() {
            Lexeme::Mark(Mark::Open) => self.call(&word, place),
            Lexeme::Text(_) => {
                let remedy = "only strings like 'text' are allowed, without a prefix or type";
                Err(ExpressionError::at(place, &format!("`{word}` before a string: {remedy}")))
            }
            _ => self.name(word, place),
        }
    }

    fn name<N: Name>(
        &mut self,
        first: String,
        place: Location,
    ) -> Result<Node<N>, ExpressionError> {
        let remedy = foreign_word(&first);
        let mut path = vec![Key { text: first, is_quoted: false }];
        while self.rest.take(Mark::Dot) {
            let place = self.rest.place();
            path.push(match self.rest.advance() {
                Lexeme::Word(text) => Key { text, is_quoted: false },
                Lexeme::QuotedWord(text) => Key { text, is_quoted: true },
                other => {
                    let wanted = "a key: a plain word, or anything in double quotes";
                    return Err(refused(place, &other, wanted));
                }
            });
        }
        N::resolve(path, self.grammar).map(Node::Name).map_err(|message| {
            ExpressionError::at(place, remedy.as_deref().unwrap_or(message.as_str()))
        })
    }

    fn call<N: Name>(&mut self, name: &str, place: Location) -> Result<Node<N>, ExpressionError> {
        let Some(function) = self.grammar.function(name) else {
            let message = foreign_word(name).unwrap_or_else(|| {
                format!("unknown function `{name}`: {}", foreign_function(name))
            });
            return Err(ExpressionError::at(place, &message));
        };
        self.rest.advance();
        let arguments = if self.rest.take(Mark::Close) { Vec::new() } else { self.list()? };
        function.check_arguments(arguments.len(), place)?;
        Ok(Node::Call(function, arguments))
    }

    /// Behind `CASE`.
    fn case<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        let operand =
            if self.rest.is_keyword("WHEN") { None } else { Some(self.expression(Binding::Or)?) };
        let mut arms = Vec::new();
        while self.rest.take_keyword("WHEN") {
            let condition = self.expression(Binding::Or)?;
            self.expect_keyword("THEN")?;
            arms.push((condition, self.expression(Binding::Or)?));
        }
        if arms.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise =
            if self.rest.take_keyword("ELSE") { Some(self.expression(Binding::Or)?) } else { None };
        self.expect_keyword("END")?;
        Ok(Node::Case(Box::new(Case { operand, arms, otherwise })))
    }

    /// Behind `CAST`.
    fn cast<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        self.expect(Mark::Open, "`(`, as in CAST(value AS type)")?;
        let operand = Box::new(self.expression(Binding::Or)?);
        self.expect_keyword("AS")?;
        let target = self.cast_target()?;
        self.expect(Mark::Close, "`)`")?;
        Ok(Node::Cast(operand, target))
    }

    fn cast_target(&mut self) -> Result<CastTarget, ExpressionError> {
        let place = self.rest.place();
        let name = match self.rest.advance() {
            Lexeme::Word(word) => word,
            other => return Err(refused(place, &other, TYPES)),
        };
        match name.to_ascii_uppercase().as_str() {
            "DECIMAL" | "NUMERIC" if self.rest.take(Mark::Open) => self.decimal(place),
            "DECIMAL" | "NUMERIC" => Ok(CastTarget::Number),
            "INTEGER" | "INT" | "BIGINT" => Ok(CastTarget::Integer),
            "TEXT" | "VARCHAR" => Ok(CastTarget::Text),
            "BOOLEAN" | "BOOL" => Ok(CastTarget::Boolean),
            _ => Err(ExpressionError::at(place, &format!("unknown type `{name}`: write {TYPES}"))),
        }
    }

    /// Behind `DECIMAL(`.
    fn decimal(&mut self, place: Location) -> Result<CastTarget, ExpressionError> {
        let precision = self.digits()?;
        let scale = if self.rest.take(Mark::Comma) { self.digits()? } else { 0 };
        self.expect(Mark::Close, "`)`")?;
        if precision == 0 || precision > PRECISION_MAX || scale > precision.min(SCALE_MAX) {
            let message = format!(
                "DECIMAL({precision},{scale}): the first is 1 to {PRECISION_MAX}, the second 0 to \
                 {SCALE_MAX} and no greater"
            );
            return Err(ExpressionError::at(place, &message));
        }
        Ok(CastTarget::Decimal { precision, scale })
    }

    fn digits(&mut self) -> Result<u8, ExpressionError> {
        let place = self.rest.place();
        match self.rest.advance() {
            Lexeme::Number(digits) => digits.parse().map_err(|_| {
                let message = format!("`{digits}` digits: a whole number up to {PRECISION_MAX}");
                ExpressionError::at(place, &message)
            }),
            other => Err(refused(place, &other, "a number of digits, as in DECIMAL(12,2)")),
        }
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<(), ExpressionError> {
        if self.rest.take_keyword(keyword) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("an operator or {keyword}")))
        }
    }
}

/// A literal number.
pub(super) fn number<N>(digits: &str) -> Node<N> {
    match Number::parse_json(digits) {
        Ok(number) => Node::Number(number),
        Err(_) => Node::OversizedNumber(digits.to_ascii_lowercase()),
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}
