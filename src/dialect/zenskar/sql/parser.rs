//! The SELECT around the expressions: its items, its source, WHERE and GROUP BY, and the one WITH before it.

use sqlparser::tokenizer::Location;

use super::Refusal;
use super::lexeme::{self, Lexeme};
use super::refusal::{foreign_word, unexpected};
use super::tree::{Expression, Item, Node, Select, Source};
use crate::definition::{Lexemes, Mark};

/// Words that end what stands before them, and so are neither names nor aliases.
const RESERVED: [&str; 64] = [
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "ASOF",
    "BETWEEN",
    "BY",
    "CASE",
    "CROSS",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "FETCH",
    "FILTER",
    "FINAL",
    "FORMAT",
    "FROM",
    "FULL",
    "GLOBAL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MINUS",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PREWHERE",
    "QUALIFY",
    "RIGHT",
    "ROLLUP",
    "SAMPLE",
    "SELECT",
    "SETTINGS",
    "TABLESAMPLE",
    "THEN",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Reads a whole query.
///
/// # Errors
/// The first thing that no accepted query has.
pub(in crate::dialect::zenskar) fn parse(text: &str) -> Result<Select, Refusal> {
    let mut parser = Parser { rest: lexeme::lexemes(text)?, levels: 0 };
    let named = if parser.rest.take_keyword("WITH") { Some(parser.named_query()?) } else { None };
    let mut select = parser.select(named.is_none())?;
    parser.end()?;
    match (named, &select.source) {
        (Some(Named { name, query, .. }), Source::Table(table)) if *table == name => {
            select.source = Source::Query(Box::new(query));
            select.source_alias.get_or_insert(name);
        }
        (Some(Named { name, place, .. }), _) => {
            let message =
                format!("`{name}` is not what FROM reads: read it there, or leave it out");
            return Err(Refusal::new(place, message));
        }
        (None, _) => {}
    }
    Ok(select)
}

/// `name AS (SELECT ...)`
struct Named {
    name: String,
    query: Select,
    place: Location,
}

/// What is left to read.
pub(super) struct Parser {
    pub(super) rest: Lexemes<Lexeme>,
    /// Expressions being read, one inside the other.
    pub(super) levels: usize,
}

impl Parser {
    /// Behind WITH.
    fn named_query(&mut self) -> Result<Named, Refusal> {
        let place = self.rest.place();
        if self.rest.is_keyword("RECURSIVE") {
            return Err(self.refused("RECURSIVE is not known here: leave it out"));
        }
        let name = self.name("a name, as in WITH daily AS (SELECT ...)")?;
        self.expect_keyword("AS")?;
        self.expect(Mark::Open, "`(` and a SELECT")?;
        let query = self.select(false)?;
        self.expect(Mark::Close, "an operator, `,` or `)`")?;
        if self.rest.take(Mark::Comma) {
            return Err(self.refused("a second sub-query: there is at most one"));
        }
        Ok(Named { name, query, place })
    }

    /// A SELECT and what belongs to it.
    fn select(&mut self, may_nest: bool) -> Result<Select, Refusal> {
        let place = self.rest.place();
        if !self.rest.take_keyword("SELECT") {
            return Err(self.unexpected("SELECT"));
        }
        if self.rest.is_keyword("DISTINCT") || self.rest.is_keyword("TOP") {
            return Err(self.unexpected("what is selected"));
        }
        let mut items = vec![self.item()?];
        while self.rest.take(Mark::Comma) {
            items.push(self.item()?);
        }
        if !self.rest.take_keyword("FROM") {
            return Err(self.unexpected("an operator, `,` or FROM"));
        }
        let source_place = self.rest.place();
        let source = self.source(may_nest)?;
        let source_alias = self.alias()?;
        if self.rest.take(Mark::Comma) {
            return Err(self.refused("a second table: a metric reads one and cannot join"));
        }
        let filter = if self.rest.take_keyword("WHERE") { Some(self.whole()?) } else { None };
        let groups = if self.rest.take_keyword("GROUP") { self.groups()? } else { Vec::new() };
        Ok(Select { items, source, source_alias, source_place, filter, groups, place })
    }

    fn item(&mut self) -> Result<Item, Refusal> {
        let expression = self.whole()?;
        if matches!(expression.node, Node::Star) {
            let message = "`*` is no total: name what is billed, such as SUM(data.units)";
            return Err(Refusal::new(expression.place, message));
        }
        Ok(Item { expression, alias: self.alias()? })
    }

    fn source(&mut self, may_nest: bool) -> Result<Source, Refusal> {
        if self.rest.take(Mark::Open) {
            if !may_nest {
                return Err(self.refused("a second sub-query: there is at most one"));
            }
            let query = self.select(false)?;
            self.expect(Mark::Close, "an operator, `,` or `)`")?;
            return Ok(Source::Query(Box::new(query)));
        }
        let name = self.name("a table, such as raw_metric_requests")?;
        match self.rest.peek() {
            Lexeme::Mark(Mark::Dot) => {
                Err(self.refused("a table stands without its schema: raw_metric_requests"))
            }
            Lexeme::Mark(Mark::Open) => {
                Err(self.refused("a function is no table: name one, such as raw_metric_requests"))
            }
            _ => Ok(Source::Table(name)),
        }
    }

    /// `AS name`, or a name alone.
    fn alias(&mut self) -> Result<Option<String>, Refusal> {
        if self.rest.take_keyword("AS") {
            return self.name("a name behind AS").map(Some);
        }
        match self.rest.peek() {
            Lexeme::Word(word) if !is_reserved(word) => self.name("a name").map(Some),
            Lexeme::Quoted(_) => self.name("a name").map(Some),
            _ => Ok(None),
        }
    }

    /// Behind GROUP.
    fn groups(&mut self) -> Result<Vec<Expression>, Refusal> {
        self.expect_keyword("BY")?;
        for word in ["ALL", "ROLLUP", "CUBE", "GROUPING"] {
            if self.rest.is_keyword(word) {
                return Err(self.refused(format!("{word} is not known here: name the columns")));
            }
        }
        let mut groups = vec![self.whole()?];
        while self.rest.take(Mark::Comma) {
            groups.push(self.whole()?);
        }
        Ok(groups)
    }

    /// One `;` may stand behind the query, and nothing else.
    fn end(&mut self) -> Result<(), Refusal> {
        let is_ended = self.rest.take(Mark::Semicolon);
        match self.rest.peek() {
            Lexeme::End => Ok(()),
            _ if is_ended => Err(self.refused("a second statement: a metric is one SELECT")),
            _ => Err(self.unexpected("an operator, a clause or the end")),
        }
    }

    /// A name that is no keyword.
    fn name(&mut self, wanted: &str) -> Result<String, Refusal> {
        match self.rest.peek() {
            Lexeme::Word(word) if !is_reserved(word) => {}
            Lexeme::Quoted(_) => {}
            _ => return Err(self.unexpected(wanted)),
        }
        match self.rest.advance() {
            Lexeme::Word(name) | Lexeme::Quoted(name) => Ok(name),
            _ => Err(self.unexpected(wanted)),
        }
    }
}

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

impl Parser {
    /// Takes that mark; `wanted` tells people what may stand here.
    pub(super) fn expect(&mut self, mark: Mark, wanted: &str) -> Result<(), Refusal> {
        if self.rest.take(mark) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    /// Takes that keyword.
    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Result<(), Refusal> {
        if self.rest.take_keyword(keyword) { Ok(()) } else { Err(self.unexpected(keyword)) }
    }

    /// A refusal at the next lexeme.
    pub(super) fn refused(&self, message: impl Into<String>) -> Refusal {
        Refusal::new(self.rest.place(), message)
    }

    /// The refusal of a next lexeme that stands where `wanted` should.
    pub(super) fn unexpected(&self, wanted: &str) -> Refusal {
        unexpected(self.rest.place(), self.rest.peek(), wanted)
    }

    /// The refusal of a next lexeme that is a keyword of other queries.
    pub(super) fn foreign(&self) -> Option<Refusal> {
        match self.rest.peek() {
            Lexeme::Word(word) => foreign_word(word).map(|message| self.refused(message)),
            _ => None,
        }
    }
}
