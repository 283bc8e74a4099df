//! Operators, by precedence climbing with the ranks of rule 5.2, which are those of `PostgreSQL`.

use super::Refusal;
use super::lexeme::Lexeme;
use super::parser::Parser;
use super::tree::{Comparison, Expression, Node, Operator};
use crate::definition::Mark;

/// Most expressions that are being read, one inside the other.
const LEVELS_MAX: usize = 64;

/// How tightly an operator binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Comparison,
    Concatenation,
    Sum,
    Product,
    Sign,
}

impl Binding {
    /// What an operand behind an operator of this rank has to bind as tightly as.
    fn of_operand(self) -> Self {
        match self {
            Binding::Or => Binding::And,
            Binding::And => Binding::Not,
            Binding::Not | Binding::Comparison => Binding::Concatenation,
            Binding::Concatenation => Binding::Sum,
            Binding::Sum => Binding::Product,
            Binding::Product | Binding::Sign => Binding::Sign,
        }
    }
}

/// An operator between two operands, or behind one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infix {
    Or,
    And,
    Compare(Comparison),
    /// `NOT`, before `IN`, `BETWEEN`, `LIKE` or `ILIKE`.
    Not,
    In,
    Between,
    Like,
    Ilike,
    Is,
    Make(Operator),
}

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

impl Infix {
    fn from_lexeme(lexeme: &Lexeme) -> Option<Self> {
        match lexeme {
            Lexeme::Word(word) => {
                let mut keywords = KEYWORDS.into_iter();
                let found = keywords.find(|(keyword, _)| keyword.eq_ignore_ascii_case(word));
                found.map(|(_, infix)| infix)
            }
            Lexeme::Mark(mark) => Self::from_mark(*mark),
            Lexeme::Quoted(_)
            | Lexeme::Number(_)
            | Lexeme::Text(_)
            | Lexeme::Template(_)
            | Lexeme::End => None,
        }
    }

    fn from_mark(mark: Mark) -> Option<Self> {
        Some(match mark {
            Mark::Plus => Infix::Make(Operator::Add),
            Mark::Minus => Infix::Make(Operator::Subtract),
            Mark::Star => Infix::Make(Operator::Multiply),
            Mark::Slash => Infix::Make(Operator::Divide),
            Mark::Percent => Infix::Make(Operator::Remainder),
            Mark::Bars => Infix::Make(Operator::Concatenate),
            Mark::Equal => Infix::Compare(Comparison::Equal),
            Mark::NotEqual => Infix::Compare(Comparison::NotEqual),
            Mark::Less => Infix::Compare(Comparison::Less),
            Mark::LessOrEqual => Infix::Compare(Comparison::LessOrEqual),
            Mark::Greater => Infix::Compare(Comparison::Greater),
            Mark::GreaterOrEqual => Infix::Compare(Comparison::GreaterOrEqual),
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
            Infix::Make(operator) => operator.binding(),
        }
    }
}

impl Operator {
    fn binding(self) -> Binding {
        match self {
            Operator::Concatenate => Binding::Concatenation,
            Operator::Add | Operator::Subtract => Binding::Sum,
            Operator::Multiply | Operator::Divide | Operator::Remainder => Binding::Product,
        }
    }
}

impl Parser {
    /// Reads an expression of any operators.
    pub(super) fn whole(&mut self) -> Result<Expression, Refusal> {
        self.expression(Binding::Or)
    }

    fn expression(&mut self, least: Binding) -> Result<Expression, Refusal> {
        self.levels = self.levels.saturating_add(1);
        if self.levels > LEVELS_MAX {
            let message = format!("nested deeper than {LEVELS_MAX} levels: write it flatter");
            return Err(self.refused(message));
        }
        let mut left = self.operand(least)?;
        let mut is_compared = false;
        while let Some(infix) = Infix::from_lexeme(self.rest.peek()) {
            if infix.binding() < least {
                break;
            }
            if infix.binding() == Binding::Comparison {
                if is_compared {
                    return Err(self.refused(
                        "comparisons do not chain: put one of them in parentheses, or join them \
                         with AND",
                    ));
                }
                is_compared = true;
            }
            left = self.infix(left, infix)?;
        }
        self.levels = self.levels.saturating_sub(1);
        Ok(left)
    }

    fn operand(&mut self, least: Binding) -> Result<Expression, Refusal> {
        let place = self.rest.place();
        if self.rest.is_keyword("NOT") {
            if least > Binding::Not {
                return Err(self.refused(
                    "NOT binds looser than the operator before it: put it in parentheses",
                ));
            }
            self.rest.advance();
            let operand = Box::new(self.expression(Binding::Not)?);
            return Ok(Expression { place, node: Node::Not(operand) });
        }
        match self.rest.peek() {
            Lexeme::Mark(Mark::Plus) => {
                self.rest.advance();
                self.expression(Binding::Sign)
            }
            Lexeme::Mark(Mark::Minus) => {
                self.rest.advance();
                let operand = Box::new(self.expression(Binding::Sign)?);
                Ok(Expression { place, node: Node::Negative(operand) })
            }
            _ => self.primary(),
        }
    }

    fn infix(&mut self, left: Expression, infix: Infix) -> Result<Expression, Refusal> {
        let place = left.place;
        let node = match infix {
            Infix::Or => Node::Or(self.chain(left, infix)?),
            Infix::And => Node::And(self.chain(left, infix)?),
            Infix::Make(operator) => self.arithmetic(left, operator.binding())?,
            Infix::Compare(comparison) => {
                self.rest.advance();
                if let Some(refusal) = self.foreign() {
                    return Err(refusal); // ANY, ALL, SELECT
                }
                let right = self.expression(Binding::Comparison.of_operand())?;
                Node::Comparison(comparison, Box::new([left, right]))
            }
            Infix::Is => {
                self.rest.advance();
                let is_negated = self.rest.take_keyword("NOT");
                if !self.rest.take_keyword("NULL") {
                    return Err(self.unexpected(
                        "NULL or NOT NULL, which is all that IS is for (a boolean x is compared: \
                         x = TRUE)",
                    ));
                }
                Node::IsNull { is_negated, operand: Box::new(left) }
            }
            Infix::Not => {
                self.rest.advance();
                self.predicate(left, true)?
            }
            Infix::In | Infix::Between | Infix::Like | Infix::Ilike => {
                self.predicate(left, false)?
            }
        };
        Ok(Expression { place, node })
    }

    /// `first` and the operands that follow, each behind one more `infix`.
    fn chain(&mut self, first: Expression, infix: Infix) -> Result<Vec<Expression>, Refusal> {
        let mut parts = vec![first];
        while Infix::from_lexeme(self.rest.peek()) == Some(infix) {
            self.rest.advance();
            parts.push(self.expression(infix.binding().of_operand())?);
        }
        Ok(parts)
    }

    fn arithmetic(&mut self, first: Expression, binding: Binding) -> Result<Node, Refusal> {
        let mut steps = Vec::new();
        while let Some(Infix::Make(operator)) = Infix::from_lexeme(self.rest.peek())
            && operator.binding() == binding
        {
            self.rest.advance();
            steps.push((operator, self.expression(binding.of_operand())?));
        }
        Ok(Node::Arithmetic(Box::new(first), steps))
    }

    /// `IN`, `BETWEEN`, `LIKE`, `ILIKE`.
    fn predicate(&mut self, operand: Expression, is_negated: bool) -> Result<Node, Refusal> {
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
                let operand = Box::new(operand);
                let pattern = self.pattern()?;
                let is_case_blind = infix == Infix::Ilike;
                Ok(Node::Like { is_negated, is_case_blind, operand, pattern })
            }
            _ => Err(self.unexpected("IN, BETWEEN, LIKE or ILIKE behind NOT")),
        }
    }

    /// A pattern stands as a string, so that it is seen to hold nothing that other systems read as an escape.
    fn pattern(&mut self) -> Result<String, Refusal> {
        if let Lexeme::Text(_) = self.rest.peek()
            && let Lexeme::Text(pattern) = self.rest.advance()
        {
            return Ok(pattern);
        }
        Err(self.unexpected("a pattern in single quotes, as in x LIKE 'a%'"))
    }

    /// Expressions with commas between, up to the closing parenthesis and that one too.
    pub(super) fn list(&mut self) -> Result<Vec<Expression>, Refusal> {
        let mut items = vec![self.whole()?];
        while self.rest.take(Mark::Comma) {
            items.push(self.whole()?);
        }
        self.expect(Mark::Close, "an operator, `,` or `)`")?;
        Ok(items)
    }
}
