//! The tree that an expression is compiled to: what the reader builds, the evaluator walks, the
//! normal form prints.
//!
//! Operators of one rank that follow each other form one flat node, however many they are: so depth
//! is what a person sees as nesting, and no walk over a tree of [`LEVELS_MAX`] levels can run out
//! of stack. Parentheses leave no trace. Generic over the names, which differ between an event's
//! expressions and a `result`.

use super::function::{CastTarget, Function};
use crate::model::Number;

/// Deepest nesting of an expression.
pub(super) const LEVELS_MAX: usize = 128;

/// One step of an expression and all below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node<N> {
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// A literal number.
    Number(Number),
    /// A literal beyond the 38 integer digits of rule 3.3, as written, in lower case: an error once
    /// it is reached.
    OversizedNumber(String),
    /// A literal string.
    Text(String),
    /// A name.
    Name(N),
    /// `+x`, `-x`
    Sign(Sign, Box<Node<N>>),
    /// `a + b - c` or `a * b / c`: one rank, at least one step.
    Arithmetic(Box<Node<N>>, Vec<(ArithmeticOperator, Node<N>)>),
    /// `a || b || c`, at least two.
    Concatenation(Vec<Node<N>>),
    /// `a = b`
    Comparison(ComparisonOperator, Box<[Node<N>; 2]>),
    /// `x IN (list)`
    In { is_negated: bool, operand: Box<Node<N>>, list: Vec<Node<N>> },
    /// `x BETWEEN low AND high`, these three.
    Between { is_negated: bool, parts: Box<[Node<N>; 3]> },
    /// `text LIKE pattern`, these two.
    Like { is_negated: bool, is_case_blind: bool, parts: Box<[Node<N>; 2]> },
    /// `x IS NULL`
    IsNull { is_negated: bool, operand: Box<Node<N>> },
    /// `NOT x`
    Not(Box<Node<N>>),
    /// `a AND b AND c`, at least two.
    And(Vec<Node<N>>),
    /// `a OR b OR c`, at least two.
    Or(Vec<Node<N>>),
    /// `CASE ... END`
    Case(Box<Case<N>>),
    /// `CAST(x AS type)`
    Cast(Box<Node<N>>, CastTarget),
    /// A function with as many arguments as it takes.
    Call(Function, Vec<Node<N>>),
    /// What must be a number by itself: a text is none, also one that reads like it. Only Lago's grammar has it, and it is
    /// not written: reading puts it where it belongs.
    Numeric(Box<Node<N>>),
}

/// The parts of [`Node::Arithmetic`].
pub(super) type Chain<N> = (Box<Node<N>>, Vec<(ArithmeticOperator, Node<N>)>);

/// `CASE operand WHEN .. THEN .. ELSE .. END`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Case<N> {
    /// What the arms are compared with; `None`: they are conditions.
    pub(super) operand: Option<Node<N>>,
    /// `(WHEN, THEN)`, at least one.
    pub(super) arms: Vec<(Node<N>, Node<N>)>,
    /// Where no arm fits; `None` gives NULL.
    pub(super) otherwise: Option<Node<N>>,
}

/// A sign before a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// `+`: the number itself.
    Plus,
    /// `-`
    Minus,
}

/// The operators of [`Node::Arithmetic`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// The operators of [`Node::Comparison`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ComparisonOperator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// How tightly a form binds, loosest first (rule 5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Binding {
    /// `OR`
    Or,
    /// `AND`
    And,
    /// `NOT`
    Not,
    /// Comparisons, `IN`, `BETWEEN`, `LIKE`, `IS`.
    Comparison,
    /// `||`
    Concatenation,
    /// `+ -`
    Sum,
    /// `* / %`
    Product,
    /// A sign, and what needs no operator at all.
    Sign,
}

impl Binding {
    /// What an operand must have at least, so that it needs no parentheses beside an operator of
    /// this rank.
    pub(super) fn of_operand(self) -> Binding {
        match self {
            Binding::Or => Binding::And,
            Binding::And | Binding::Not => Binding::Not,
            Binding::Comparison => Binding::Concatenation,
            Binding::Concatenation => Binding::Sum,
            Binding::Sum => Binding::Product,
            Binding::Product | Binding::Sign => Binding::Sign,
        }
    }
}

impl ArithmeticOperator {
    /// The rank.
    pub(super) fn binding(self) -> Binding {
        match self {
            ArithmeticOperator::Add | ArithmeticOperator::Subtract => Binding::Sum,
            ArithmeticOperator::Multiply
            | ArithmeticOperator::Divide
            | ArithmeticOperator::Remainder => Binding::Product,
        }
    }
}

impl<N> Node<N> {
    /// How tightly it binds where it is written without parentheses.
    pub(super) fn binding(&self) -> Binding {
        match self {
            Node::Or(_) => Binding::Or,
            Node::And(_) => Binding::And,
            Node::Not(_) => Binding::Not,
            Node::Comparison(..)
            | Node::In { .. }
            | Node::Between { .. }
            | Node::Like { .. }
            | Node::IsNull { .. } => Binding::Comparison,
            Node::Concatenation(_) => Binding::Concatenation,
            Node::Arithmetic(_, steps) => {
                steps.first().map_or(Binding::Sign, |(operator, _)| operator.binding())
            }
            Node::Null
            | Node::Boolean(_)
            | Node::Number(_)
            | Node::OversizedNumber(_)
            | Node::Text(_)
            | Node::Name(_)
            | Node::Sign(..)
            | Node::Case(_)
            | Node::Cast(..)
            | Node::Call(..) => Binding::Sign,
            Node::Numeric(operand) => operand.binding(),
        }
    }

    /// As the beginning of a chain of one rank: `(a + b) + c` is `a + b + c`.
    pub(super) fn into_chain(self, binding: Binding) -> Chain<N> {
        match self {
            Node::Arithmetic(first, steps)
                if steps.first().is_some_and(|(operator, _)| operator.binding() == binding) =>
            {
                (first, steps)
            }
            other => (Box::new(other), Vec::new()),
        }
    }

    /// Whether it holds such a name.
    pub(super) fn names(&self, is_wanted: &dyn Fn(&N) -> bool) -> bool {
        let mut is_there = matches!(self, Node::Name(name) if is_wanted(name));
        self.visit_children(&mut |child| is_there |= child.names(is_wanted));
        is_there
    }

    /// Height of the tree: 1 for a literal or a name.
    pub(super) fn levels(&self) -> usize {
        let mut deepest = 0;
        self.visit_children(&mut |child| deepest = deepest.max(child.levels()));
        deepest.saturating_add(1)
    }

    fn visit_children(&self, visit: &mut dyn FnMut(&Node<N>)) {
        match self {
            Node::Null
            | Node::Boolean(_)
            | Node::Number(_)
            | Node::OversizedNumber(_)
            | Node::Text(_)
            | Node::Name(_) => {}
            Node::Sign(_, operand)
            | Node::Not(operand)
            | Node::Cast(operand, _)
            | Node::Numeric(operand)
            | Node::IsNull { operand, .. } => visit(operand),
            Node::Arithmetic(first, steps) => {
                visit(first);
                for (_, operand) in steps {
                    visit(operand);
                }
            }
            Node::Concatenation(parts)
            | Node::And(parts)
            | Node::Or(parts)
            | Node::Call(_, parts) => parts.iter().for_each(visit),
            Node::Comparison(_, parts) | Node::Like { parts, .. } => parts.iter().for_each(visit),
            Node::Between { parts, .. } => parts.iter().for_each(visit),
            Node::In { operand, list, .. } => {
                visit(operand);
                list.iter().for_each(visit);
            }
            Node::Case(case) => {
                case.operand.iter().for_each(&mut *visit);
                for (condition, result) in &case.arms {
                    visit(condition);
                    visit(result);
                }
                case.otherwise.iter().for_each(visit);
            }
        }
    }
}
