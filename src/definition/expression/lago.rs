//! Lago's grammar: `+ - * /`, one sign, parentheses, a few functions, numbers, texts, and parts of an event.
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = operand (("*" | "/") operand)*
//! operand = "-"? ( number | 'text' | name | function "(" sum ("," sum)* ")" | "(" sum ")" )
//! name    = event.code | event.timestamp | event.properties.NAME
//! ```
//! A text has no escapes, a name no blanks. What must be a number is marked as such in the tree ([`Node::Numeric`]),
//! where it could be a text: Lago reads no number in one, but for a property's.

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::function::Function;
use super::grammar::Grammar;
use super::name::{Key, Name};
use super::parser::Parser;
use super::primary::number;
use super::refusal::refused;
use super::token::{Lexeme, too_long};
use super::tree::{ArithmeticOperator, Binding, Node, Sign};
use crate::definition::lexemes::{Lexemes, Mark, Placed, TEXT_BYTES_MAX};

const OPERAND: &str = "a value: a number, 'text', event.code, event.timestamp, event.properties.NAME, \
                       a function or parentheses";
const FUNCTIONS: &str = "functions are ceil, floor, round, concat, least and greatest";

/// The lexemes of `text`. A name with its dots is one word.
///
/// # Errors
/// Where the text is too long, or holds what the grammar does not know.
pub(super) fn lexemes(text: &str) -> Result<Lexemes<Lexeme>, ExpressionError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(too_long(text.len()));
    }
    let mut reader = Reader { rest: text, place: Location::new(1, 1) };
    let mut lexemes = Vec::new();
    loop {
        reader.take_while(|character| character.is_ascii_whitespace());
        let place = reader.place;
        let Some(lexeme) = reader.lexeme()? else {
            return Ok(Lexemes::new(lexemes, place));
        };
        lexemes.push(Placed { lexeme, place });
    }
}

/// What is left of a text.
struct Reader<'t> {
    rest: &'t str,
    place: Location,
}

impl<'t> Reader<'t> {
    /// The next lexeme; `None` at the end.
    fn lexeme(&mut self) -> Result<Option<Lexeme>, ExpressionError> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let lexeme = match first {
            '\'' => self.text()?,
            '0'..='9' => self.number()?,
            first if first.is_ascii_alphabetic() => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                Lexeme::Word(self.take_while(is_part).to_owned())
            }
            other => Lexeme::Mark(mark(other).ok_or_else(|| self.foreign(other))?),
        };
        if matches!(lexeme, Lexeme::Mark(_)) {
            self.take(first.len_utf8());
        }
        Ok(Some(lexeme))
    }

    /// `'text'`: all up to the next quote.
    fn text(&mut self) -> Result<Lexeme, ExpressionError> {
        let place = self.place;
        let content = self.rest.get(1..).and_then(|behind| behind.split_once('\''));
        let Some((content, _)) = content else {
            return Err(ExpressionError::at(place, "a text without its closing quote"));
        };
        self.take(content.len().saturating_add(2));
        Ok(Lexeme::Text(content.to_owned()))
    }

    /// `digits[.digits]`
    fn number(&mut self) -> Result<Lexeme, ExpressionError> {
        let place = self.place;
        let written = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let (integer, fraction) = written.split_once('.').unwrap_or((written, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if is_digits(integer) && is_digits(fraction) {
            return Ok(Lexeme::Number(written.to_owned()));
        }
        let message = format!("number `{written}`: numbers are written like 1 or 0.5");
        Err(ExpressionError::at(place, &message))
    }

    fn foreign(&self, found: char) -> ExpressionError {
        let remedy = match found {
            '\\' => "division is written `/`",
            '"' => "text stands in single quotes",
            _ => "operators are + - * /",
        };
        let found = found.escape_debug();
        ExpressionError::at(self.place, &format!("`{found}` is not known here: {remedy}"))
    }

    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|character| !is_wanted(character)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Takes so many bytes, which end between two characters.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        for character in taken.chars() {
            if character == '\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        taken
    }
}

fn mark(character: char) -> Option<Mark> {
    Some(match character {
        '+' => Mark::Plus,
        '-' => Mark::Minus,
        '*' => Mark::Star,
        '/' => Mark::Slash,
        '(' => Mark::Open,
        ')' => Mark::Close,
        ',' => Mark::Comma,
        _ => return None,
    })
}

impl Parser {
    /// Reads `sum`.
    pub(super) fn lago_expression<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        self.enter()?;
        let mut left = self.lago_product()?;
        if operator(self.rest.peek(), Binding::Sum).is_some() {
            let (first, mut steps) = numeric(left).into_chain(Binding::Sum);
            while let Some(operator) = operator(self.rest.peek(), Binding::Sum) {
                self.rest.advance();
                steps.push((operator, numeric(self.lago_product()?)));
            }
            left = Node::Arithmetic(first, steps);
        }
        self.leave();
        Ok(left)
    }

    fn lago_product<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        let left = self.lago_operand()?;
        if operator(self.rest.peek(), Binding::Product).is_none() {
            return Ok(left);
        }
        let (first, mut steps) = numeric(left).into_chain(Binding::Product);
        while let Some(operator) = operator(self.rest.peek(), Binding::Product) {
            self.rest.advance();
            steps.push((operator, numeric(self.lago_operand()?)));
        }
        Ok(Node::Arithmetic(first, steps))
    }

    fn lago_operand<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        if !self.rest.take(Mark::Minus) {
            return self.lago_primary();
        }
        Ok(Node::Sign(Sign::Minus, Box::new(numeric(self.lago_primary()?))))
    }

    fn lago_primary<N: Name>(&mut self) -> Result<Node<N>, ExpressionError> {
        let place = self.rest.place();
        match self.rest.advance() {
            Lexeme::Number(digits) => Ok(number(&digits)),
            Lexeme::Text(content) => Ok(Node::Text(content)),
            Lexeme::Mark(Mark::Open) => {
                let inner = self.lago_expression()?;
                self.expect(Mark::Close, "an operator or `)`")?;
                Ok(inner)
            }
            Lexeme::Word(word) if *self.rest.peek() == Lexeme::Mark(Mark::Open) => {
                self.lago_call(&word, place)
            }
            Lexeme::Word(word) => {
                let keys =
                    word.split('.').map(|key| Key { text: key.to_owned(), is_quoted: false });
                N::resolve(keys.collect(), Grammar::Lago)
                    .map(Node::Name)
                    .map_err(|message| ExpressionError::at(place, &message))
            }
            other => Err(refused(place, &other, OPERAND)),
        }
    }

    fn lago_call<N: Name>(
        &mut self,
        name: &str,
        place: Location,
    ) -> Result<Node<N>, ExpressionError> {
        let Some(function) = Grammar::Lago.function(name) else {
            let message = format!("unknown function `{name}`: {FUNCTIONS}");
            return Err(ExpressionError::at(place, &message));
        };
        self.rest.advance();
        let mut arguments = vec![self.lago_expression()?];
        while self.rest.take(Mark::Comma) {
            arguments.push(self.lago_expression()?);
        }
        self.expect(Mark::Close, "an operator, `,` or `)`")?;
        function.check_arguments(arguments.len(), place)?;
        if function != Function::Concat {
            arguments = arguments.into_iter().map(numeric).collect();
        }
        Ok(Node::Call(function, arguments))
    }
}

fn operator(lexeme: &Lexeme, binding: Binding) -> Option<ArithmeticOperator> {
    let operator = match lexeme {
        Lexeme::Mark(Mark::Plus) => ArithmeticOperator::Add,
        Lexeme::Mark(Mark::Minus) => ArithmeticOperator::Subtract,
        Lexeme::Mark(Mark::Star) => ArithmeticOperator::Multiply,
        Lexeme::Mark(Mark::Slash) => ArithmeticOperator::Divide,
        _ => return None,
    };
    (operator.binding() == binding).then_some(operator)
}

/// The same where a number must stand: marked, if it could be a text.
fn numeric<N>(node: Node<N>) -> Node<N> {
    match node {
        Node::Text(_) | Node::Name(_) | Node::Call(Function::Concat, _) => {
            Node::Numeric(Box::new(node))
        }
        other => other,
    }
}
