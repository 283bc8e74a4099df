//! From lexemes to the tree: precedence climbing with the ranks of rule 5.2.
//!
//! sqlparser's own parser is not used: nesting of 128 levels costs it 1 to 2 MiB of stack in
//! release and 4 to more than 8 MiB in a debug build, chains of operators give it trees as deep as
//! they are long, and it takes far more than rule 5.2 lists. Here [`LEVELS_MAX`] levels fit 1 MiB
//! even in a debug build, chains are flat, and all else is refused where it stands. Literals, names,
//! functions, CASE and CAST are read in [`super::primary`].

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::grammar::Grammar;
use super::name::Name;
use super::refusal::refused;
use super::token::Lexeme;
use super::tree::{ArithmeticOperator, Binding, ComparisonOperator, LEVELS_MAX, Node, Sign};
use crate::definition::lexemes::{Lexemes, Mark};

/// What is left to read.
pub(super) struct Parser {
    pub(super) rest: Lexemes<Lexeme>,
    /// Expressions being read, one inside the other.
    levels: usize,
    /// What is read besides rule 5.2.
    pub(super) grammar: Grammar,
    /// Where what was read last has what can never hold; `None`: it can (see [`Node::can_hold`]).
    pub(super) flaw: Option<Location>,
}

/// An operator between two operands, or behind one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infix {
    Or,
    And,
    Compare(ComparisonOperator),
    /// `NOT`, before `IN`, `BETWEEN`, `LIKE` or `ILIKE`.
    Not,
    In,
    Between,
    Like,
    Ilike,
    Is,
    Concatenate,
    Arithmetic(ArithmeticOperator),
}

impl Infix {
    fn from_lexeme(lexeme: &Lexeme) -> Option<Self> {
        match lexeme {
            Lexeme::Word(word) => Self::from_word(word),
            Lexeme::Mark(mark) => Self::from_mark(*mark),
            Lexeme::QuotedWord(_) | Lexeme::Number(_) | Lexeme::Text(_) | Lexeme::End => None,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        const KEYWORDS: [(&str, Infix); 8] = [
            ("OR", Infix::Or),
            ("AND", Infix::And),
            ("NOT", Infix::Not),
            ("IN", Infix::In),
            ("BETWEEN", Infix::Between),
            ("LIKE", Infix::Like),
            ("ILIKE", Infix::Ilike),
            ("IS", Infix::Is),
        ];
        let mut keywords = KEYWORDS.into_iter();
        keywords.find(|(keyword, _)| keyword.eq_ignore_ascii_case(word)).map(|(_, infix)| infix)
    }

    fn from_mark(mark: Mark) -> Option<Self> {
        Some(match mark {
            Mark::Plus => Infix::Arithmetic(ArithmeticOperator::Add),
            Mark::Minus => Infix::Arithmetic(ArithmeticOperator::Subtract),
            Mark::Star => Infix::Arithmetic(ArithmeticOperator::Multiply),
            Mark::Slash => Infix::Arithmetic(ArithmeticOperator::Divide),
            Mark::Percent => Infix::Arithmetic(ArithmeticOperator::Remainder),
            Mark::Bars => Infix::Concatenate,
            Mark::Equal => Infix::Compare(ComparisonOperator::Equal),
            Mark::NotEqual => Infix::Compare(ComparisonOperator::NotEqual),
            Mark::Less => Infix::Compare(ComparisonOperator::Less),
            Mark::LessOrEqual => Infix::Compare(ComparisonOperator::LessOrEqual),
            Mark::Greater => Infix::Compare(ComparisonOperator::Greater),
            Mark::GreaterOrEqual => Infix::Compare(ComparisonOperator::GreaterOrEqual),
            Mark::Open
            | Mark::Close
            | Mark::Comma
            | Mark::Dot
            | Mark::Colons
            | Mark::Arrow
            | Mark::Semicolon => return None,
        })
    }

    fn binding(self) -> Binding {
        match self {
            Infix::Or => Binding::Or,
            Infix::And => Binding::And,
            Infix::Compare(_)
            | Infix::Not
            | Infix::In
            | Infix::Between
            | Infix::Like
            | Infix::Ilike
            | Infix::Is => Binding::Comparison,
            Infix::Concatenate => Binding::Concatenation,
            Infix::Arithmetic(operator) => operator.binding(),
        }
    }
}

impl Parser {
    /// Reads an expression, as far as its operators bind at least as tightly as `least`.
    pub(super) fn expression<N: Name>(
        &mut self,
        least: Binding,
    ) -> Result<Node<N>, ExpressionError> {
        self.enter()?;
        let place = self.rest.place();
        let mut left = self.operand(least)?;
        let mut is_compared = false;
        while let Some(infix) = Infix::from_lexeme(self.rest.peek()) {
            if infix.binding() < least {
                break;
            }
            if infix.binding() == Binding::Comparison {
                if is_compared {
                    return Err(self.error(
                        "comparisons do not chain: put one of them in parentheses, or join them \
                         with AND",
                    ));
                }
                is_compared = true;
            }
            left = self.infix(left, infix)?;
            if !matches!(infix, Infix::And | Infix::Or) {
                self.flaw = (!left.can_hold()).then_some(place);
            }
        }
        self.leave();
        Ok(left)
    }

    fn operand<N: Name>(&mut self, least: Binding) -> Result<Node<N>, ExpressionError> {
        if self.rest.is_keyword("NOT") {
            if least > Binding::Not {
                return Err(self
                    .error("NOT binds looser than the operator before it: put it in parentheses"));
            }
            self.rest.advance();
            return Ok(Node::Not(Box::new(self.expression(Binding::Not)?)));
        }
        let place = self.rest.place();
        let sign = match self.rest.peek() {
            Lexeme::Mark(Mark::Plus) => Sign::Plus,
            Lexeme::Mark(Mark::Minus) => Sign::Minus,
            // What stands in parentheses knows its own.
            Lexeme::Mark(Mark::Open) => return self.primary(),
            _ => {
                let primary = self.primary()?;
                self.flaw = (!primary.can_hold()).then_some(place);
                return Ok(primary);
            }
        };
        self.rest.advance();
        let operand = self.expression(Binding::Sign)?;
        self.flaw = Some(place);
        Ok(Node::Sign(sign, Box::new(operand)))
    }

    fn infix<N: Name>(&mut self, left: Node<N>, infix: Infix) -> Result<Node<N>, ExpressionError> {
        match infix {
            Infix::Or => {
                let flaw = self.flaw;
                let parts = match left {
                    Node::Or(parts) => self.chain(parts, infix)?,
                    other => self.chain(vec![other], infix)?,
                };
                self.flaw = flaw;
                Ok(Node::Or(parts))
            }
            Infix::And => Ok(Node::And(match left {
                Node::And(parts) => self.chain(parts, infix)?,
                other => self.chain(vec![other], infix)?,
            })),
            Infix::Concatenate => Ok(Node::Concatenation(match left {
                Node::Concatenation(parts) => self.chain(parts, infix)?,
                other => self.chain(vec![other], infix)?,
            })),
            Infix::Arithmetic(operator) => self.arithmetic(left, operator.binding()),
            Infix::Compare(operator) => {
                self.rest.advance();
                let right = self.expression(infix.binding().of_operand())?;
                Ok(Node::Comparison(operator, Box::new([left, right])))
            }
            Infix::Is => self.is_null(left),
            Infix::Not => {
                self.rest.advance();
                self.predicate(left, true)
            }
            Infix::In | Infix::Between | Infix::Like | Infix::Ilike => self.predicate(left, false),
        }
    }

    /// Appends the operands that follow, each behind one more `infix`. The flaw is the first of all of theirs.
    fn chain<N: Name>(
        &mut self,
        mut parts: Vec<Node<N>>,
        infix: Infix,
    ) -> Result<Vec<Node<N>>, ExpressionError> {
        let mut flaw = self.flaw;
        while Infix::from_lexeme(self.rest.peek()) == Some(infix) {
            self.rest.advance();
            parts.push(self.expression(infix.binding().of_operand())?);
            flaw = flaw.or(self.flaw);
        }
        self.flaw = flaw;
        Ok(parts)
    }

    fn arithmetic<N: Name>(
        &mut self,
        left: Node<N>,
        binding: Binding,
    ) -> Result<Node<N>, ExpressionError> {
        let (first, mut steps) = left.into_chain(binding);
        while let Some(Infix::Arithmetic(operator)) = Infix::from_lexeme(self.rest.peek())
            && operator.binding() == binding
        {
            self.rest.advance();
            steps.push((operator, self.expression(binding.of_operand())?));
        }
        Ok(Node::Arithmetic(first, steps))
    }

    fn is_null<N: Name>(&mut self, operand: Node<N>) -> Result<Node<N>, ExpressionError> {
        self.rest.advance();
        let is_negated = self.rest.take_keyword("NOT");
        if !self.rest.take_keyword("NULL") {
            return Err(self.unexpected(
                "NULL or NOT NULL, which is all that IS is for (a boolean x is compared: x = TRUE, \
                 or COALESCE(x, FALSE))",
            ));
        }
        Ok(Node::IsNull { is_negated, operand: Box::new(operand) })
    }

    /// `IN`, `BETWEEN`, `LIKE`, `ILIKE`.
    fn predicate<N: Name>(
        &mut self,
        operand: Node<N>,
        is_negated: bool,
    ) -> Result<Node<N>, ExpressionError> {
        let part = Binding::Comparison.of_operand();
        match Infix::from_lexeme(self.rest.peek()) {
            Some(Infix::In) => {
                self.rest.advance();
                self.expect(Mark::Open, "a list in parentheses, as in x IN ('a', 'b')")?;
                let list = self.list()?;
                Ok(Node::In { is_negated, operand: Box::new(operand), list })
            }
            Some(Infix::Between) => {
                self.rest.advance();
                let low = self.expression(part)?;
                if !self.rest.take_keyword("AND") {
                    return Err(self.unexpected("AND, as in x BETWEEN low AND high"));
                }
                let parts = Box::new([operand, low, self.expression(part)?]);
                Ok(Node::Between { is_negated, parts })
            }
            Some(infix @ (Infix::Like | Infix::Ilike)) => {
                self.rest.advance();
                let parts = Box::new([operand, self.expression(part)?]);
                Ok(Node::Like { is_negated, is_case_blind: infix == Infix::Ilike, parts })
            }
            _ => Err(self.unexpected("IN, BETWEEN, LIKE or ILIKE behind NOT")),
        }
    }

    /// Expressions with commas between, up to the closing parenthesis and that one too.
    pub(super) fn list<N: Name>(&mut self) -> Result<Vec<Node<N>>, ExpressionError> {
        let mut items = vec![self.expression(Binding::Or)?];
        while self.rest.take(Mark::Comma) {
            items.push(self.expression(Binding::Or)?);
        }
        self.expect(Mark::Close, "an operator, `,` or `)`")?;
        Ok(items)
    }
}

impl Parser {
    /// At the first of some lexemes.
    pub(super) fn new(lexemes: Lexemes<Lexeme>, grammar: Grammar) -> Self {
        Parser { rest: lexemes, levels: 0, grammar, flaw: None }
    }

    /// One level deeper.
    pub(super) fn enter(&mut self) -> Result<(), ExpressionError> {
        self.levels = self.levels.saturating_add(1);
        if self.levels > LEVELS_MAX { Err(self.too_deep()) } else { Ok(()) }
    }

    /// Back from [`Parser::enter`].
    pub(super) fn leave(&mut self) {
        self.levels = self.levels.saturating_sub(1);
    }

    /// Takes that mark; `wanted` tells people what may stand here.
    pub(super) fn expect(&mut self, mark: Mark, wanted: &str) -> Result<(), ExpressionError> {
        if self.rest.take(mark) { Ok(()) } else { Err(self.unexpected(wanted)) }
    }

    /// A fault at the next lexeme.
    pub(super) fn error(&self, message: &str) -> ExpressionError {
        ExpressionError::at(self.rest.place(), message)
    }

    /// The fault of a next lexeme that stands where `wanted` should.
    pub(super) fn unexpected(&self, wanted: &str) -> ExpressionError {
        refused(self.rest.place(), self.rest.peek(), wanted)
    }

    /// The fault of more than [`LEVELS_MAX`] levels.
    pub(super) fn too_deep(&self) -> ExpressionError {
        self.error(&format!("nested deeper than {LEVELS_MAX} levels: split it, or use IN and CASE"))
    }
}
