//! Operands: literals, names, calls, CASE, CAST, and what stands in parentheses or behind an operand.

use super::Refusal;
use super::lexeme::{Lexeme, cut};
use super::parser::{Parser, is_reserved};
use super::refusal::unexpected;
use super::tree::{Call, Case, Expression, Node, Order, Part, Type};
use crate::definition::Mark;

const OPERAND: &str = "a value: a literal, a column, a function, CASE or parentheses";

/// Most casts and keys behind one operand: each makes the tree deeper without being a level of the reader's.
const STEPS_MAX: usize = 8;

/// Words that make an instant of the string behind them.
const INSTANTS: [&str; 3] = ["TIMESTAMP", "TIMESTAMPTZ", "DATETIME"];

impl Parser {
    /// Reads one operand, with what is taken of it by `::` and `->`.
    pub(super) fn primary(&mut self) -> Result<Expression, Refusal> {
        let place = self.rest.place();
        let mut node = self.bare()?;
        for _ in 0..STEPS_MAX {
            if self.rest.take(Mark::Colons) {
                let target = self.type_name()?;
                node = Node::Cast(Box::new(Expression { place, node }), target);
            } else if self.rest.take(Mark::Arrow) {
                let key = self.key()?;
                node = Node::Key(Box::new(Expression { place, node }), key);
            } else {
                return Ok(Expression { place, node });
            }
        }
        Err(self
            .refused(format!("over {STEPS_MAX} casts and keys behind one value: leave some out")))
    }

    fn key(&mut self) -> Result<String, Refusal> {
        if let Lexeme::Text(_) = self.rest.peek()
            && let Lexeme::Text(key) = self.rest.advance()
        {
            return Ok(key);
        }
        Err(self.unexpected("a key in single quotes, as in data->>'units'"))
    }

    fn bare(&mut self) -> Result<Node, Refusal> {
        match self.rest.peek() {
            Lexeme::Word(word)
                if is_reserved(word) && !is_operand(word, self.rest.peek_second()) =>
            {
                return Err(self.unexpected(OPERAND));
            }
            _ => {}
        }
        let place = self.rest.place();
        match self.rest.advance() {
            Lexeme::Number(digits) => Ok(Node::Number(digits)),
            Lexeme::Text(content) => Ok(Node::Text(content)),
            Lexeme::Template(template) => Ok(Node::Template(template)),
            Lexeme::Mark(Mark::Star) => Ok(Node::Star),
            Lexeme::Mark(Mark::Open) => self.parenthesized(),
            Lexeme::Word(word) => self.word(word),
            Lexeme::Quoted(name) => self.name_from(Part { text: name, is_quoted: true }),
            other => Err(unexpected(place, &other, OPERAND)),
        }
    }

    fn parenthesized(&mut self) -> Result<Node, Refusal> {
        let inner = self.whole()?;
        if *self.rest.peek() == Lexeme::Mark(Mark::Comma) {
            return Err(self.refused("a list stands only behind IN and in a function"));
        }
        self.expect(Mark::Close, "an operator or `)`")?;
        Ok(inner.node)
    }

    /// What `word`, already taken, begins.
    fn word(&mut self, word: String) -> Result<Node, Refusal> {
        let capitals = word.to_ascii_uppercase();
        match capitals.as_str() {
            "NULL" => return Ok(Node::Null),
            "TRUE" => return Ok(Node::Boolean(true)),
            "FALSE" => return Ok(Node::Boolean(false)),
            "CASE" => return self.case(),
            "CAST" if *self.rest.peek() == Lexeme::Mark(Mark::Open) => return self.cast(),
            "INTERVAL" if matches!(self.rest.peek(), Lexeme::Number(_) | Lexeme::Text(_)) => {
                return self.interval();
            }
            _ => {}
        }
        match self.rest.peek() {
            Lexeme::Mark(Mark::Open) => self.call(word),
            Lexeme::Text(_) | Lexeme::Template(_) if INSTANTS.contains(&capitals.as_str()) => {
                let place = self.rest.place();
                let operand = Box::new(Expression { place, node: self.bare()? });
                Ok(Node::Cast(operand, Type { name: capitals, sizes: Vec::new(), place }))
            }
            Lexeme::Text(_) => {
                let word = cut(&word);
                Err(self.refused(format!("`{word}` before a string: text stands without a prefix")))
            }
            _ => self.name_from(Part { text: word, is_quoted: false }),
        }
    }

    fn name_from(&mut self, first: Part) -> Result<Node, Refusal> {
        let mut parts = vec![first];
        while self.rest.take(Mark::Dot) {
            let place = self.rest.place();
            parts.push(match self.rest.advance() {
                Lexeme::Word(text) => Part { text, is_quoted: false },
                Lexeme::Quoted(text) => Part { text, is_quoted: true },
                other => {
                    return Err(unexpected(
                        place,
                        &other,
                        "a key: a plain word, or one in double quotes",
                    ));
                }
            });
        }
        if *self.rest.peek() == Lexeme::Mark(Mark::Open) {
            return Err(self.refused("a function has a name of one word"));
        }
        Ok(Node::Name(parts))
    }

    /// Before the first `(`.
    fn call(&mut self, name: String) -> Result<Node, Refusal> {
        self.rest.advance();
        let mut call = Call {
            name,
            parameters: None,
            arguments: Vec::new(),
            is_distinct: false,
            order: None,
            within: None,
            filter: None,
        };
        self.arguments(&mut call)?;
        if self.rest.take(Mark::Open) {
            call.parameters = Some(std::mem::take(&mut call.arguments));
            self.arguments(&mut call)?;
        }
        if self.rest.is_keyword("WITHIN") {
            self.rest.advance();
            self.expect_keyword("GROUP")?;
            self.expect(Mark::Open, "`(`, as in WITHIN GROUP (ORDER BY x)")?;
            self.expect_keyword("ORDER")?;
            call.within = Some(self.order()?);
            self.expect(Mark::Close, "`)`")?;
        }
        if self.rest.is_keyword("FILTER") && *self.rest.peek_second() == Lexeme::Mark(Mark::Open) {
            self.rest.advance();
            self.rest.advance();
            self.expect_keyword("WHERE")?;
            call.filter = Some(self.whole()?);
            self.expect(Mark::Close, "an operator or `)`")?;
        }
        match self.rest.peek() {
            Lexeme::Word(word) if word.eq_ignore_ascii_case("OVER") => {
                Err(self.unexpected("an operator"))
            }
            _ => Ok(Node::Call(Box::new(call))),
        }
    }

    /// Behind `(`.
    fn arguments(&mut self, call: &mut Call) -> Result<(), Refusal> {
        if self.rest.take(Mark::Close) {
            return Ok(());
        }
        call.is_distinct |= self.rest.take_keyword("DISTINCT");
        call.arguments.push(self.whole()?);
        while self.rest.take(Mark::Comma) {
            call.arguments.push(self.whole()?);
        }
        if self.rest.take_keyword("ORDER") {
            call.order = Some(self.order()?);
        }
        self.expect(Mark::Close, "an operator, `,` or `)`")
    }

    /// Behind ORDER.
    fn order(&mut self) -> Result<Order, Refusal> {
        self.expect_keyword("BY")?;
        let by = self.whole()?;
        let is_descending = self.rest.take_keyword("DESC");
        if !is_descending {
            self.rest.take_keyword("ASC");
        }
        Ok(Order { by, is_descending })
    }

    /// Behind `CASE`.
    fn case(&mut self) -> Result<Node, Refusal> {
        let operand = if self.rest.is_keyword("WHEN") { None } else { Some(self.whole()?) };
        let mut arms = Vec::new();
        while self.rest.take_keyword("WHEN") {
            let condition = self.whole()?;
            self.expect_keyword("THEN")?;
            arms.push((condition, self.whole()?));
        }
        if arms.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = if self.rest.take_keyword("ELSE") { Some(self.whole()?) } else { None };
        self.expect_keyword("END")?;
        Ok(Node::Case(Box::new(Case { operand, arms, otherwise })))
    }

    /// Behind `CAST`.
    fn cast(&mut self) -> Result<Node, Refusal> {
        self.rest.advance();
        let operand = Box::new(self.whole()?);
        self.expect_keyword("AS")?;
        let target = self.type_name()?;
        self.expect(Mark::Close, "`)`")?;
        Ok(Node::Cast(operand, target))
    }

    /// A type: one word, or `DOUBLE PRECISION`, and sizes where it has some.
    fn type_name(&mut self) -> Result<Type, Refusal> {
        const WANTED: &str = "a type, such as DECIMAL, INTEGER, TEXT or BOOLEAN";
        let place = self.rest.place();
        let mut name = match self.rest.advance() {
            Lexeme::Word(word) => word.to_ascii_uppercase(),
            other => return Err(unexpected(place, &other, WANTED)),
        };
        if name == "DOUBLE" && self.rest.take_keyword("PRECISION") {
            name.push_str(" PRECISION");
        }
        let mut sizes = Vec::new();
        if self.rest.take(Mark::Open) {
            loop {
                let place = self.rest.place();
                match self.rest.advance() {
                    Lexeme::Number(digits) => sizes.push(digits),
                    other => return Err(unexpected(place, &other, "a number of digits")),
                }
                if !self.rest.take(Mark::Comma) {
                    break;
                }
            }
            self.expect(Mark::Close, "`)`")?;
        }
        Ok(Type { name, sizes, place })
    }

    /// Behind `INTERVAL`: `5 MINUTE`, `'5 minutes'`.
    fn interval(&mut self) -> Result<Node, Refusal> {
        let place = self.rest.place();
        let wanted = "a count and a unit, as in INTERVAL 5 MINUTE";
        let (count, unit) = match self.rest.advance() {
            Lexeme::Text(content) if content.contains(' ') => {
                let (count, unit) = content.split_once(' ').unwrap_or_default();
                (count.to_owned(), unit.trim().to_owned())
            }
            Lexeme::Text(count) | Lexeme::Number(count) => match self.rest.advance() {
                Lexeme::Word(unit) => (count, unit),
                other => return Err(unexpected(place, &other, wanted)),
            },
            other => return Err(unexpected(place, &other, wanted)),
        };
        let unit = unit.to_ascii_uppercase();
        let unit = unit.strip_suffix('S').map_or(unit.clone(), str::to_owned);
        Ok(Node::Interval(count, unit))
    }
}

/// Whether a reserved word begins an operand all the same, given what follows it.
fn is_operand(word: &str, next: &Lexeme) -> bool {
    let is_one_of = |words: &[&str]| words.iter().any(|operand| operand.eq_ignore_ascii_case(word));
    let is_called = *next == Lexeme::Mark(Mark::Open);
    is_one_of(&["CASE", "NULL"]) || (is_called && is_one_of(&["LEFT", "RIGHT", "FORMAT"]))
}
