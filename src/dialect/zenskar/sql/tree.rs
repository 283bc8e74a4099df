//! A query as it was read: one SELECT, over a table or over another SELECT.
//!
//! Operators of one rank in a row are one node, so that no tree is deeper than the reader's levels. Nothing here knows what a name or a
//! function stands for.

use sqlparser::tokenizer::Location;

/// A SELECT.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Select {
    /// What it gives, at least one.
    pub(in crate::dialect::zenskar) items: Vec<Item>,
    /// What it reads.
    pub(in crate::dialect::zenskar) source: Source,
    /// Name for that, where one is given.
    pub(in crate::dialect::zenskar) source_alias: Option<String>,
    /// Where the source stands.
    pub(in crate::dialect::zenskar) source_place: Location,
    /// WHERE
    pub(in crate::dialect::zenskar) filter: Option<Expression>,
    /// GROUP BY
    pub(in crate::dialect::zenskar) groups: Vec<Expression>,
    /// Where it stands.
    pub(in crate::dialect::zenskar) place: Location,
}

/// What a SELECT reads.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) enum Source {
    /// A table's name.
    Table(String),
    /// A sub-query, or what WITH names.
    Query(Box<Select>),
}

/// One column of what a SELECT gives.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Item {
    /// What it is.
    pub(in crate::dialect::zenskar) expression: Expression,
    /// AS
    pub(in crate::dialect::zenskar) alias: Option<String>,
}

/// A scalar expression, aggregates among it.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Expression {
    /// Where it begins; of operators, where the first operand does.
    pub(in crate::dialect::zenskar) place: Location,
    /// What it is.
    pub(in crate::dialect::zenskar) node: Node,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) enum Node {
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// A number's text as rule 5.2 writes it.
    Number(String),
    /// A string.
    Text(String),
    /// What the other system fills in.
    Template(Template),
    /// `INTERVAL 5 MINUTE`: count and unit, in capitals and without an S.
    Interval(String, String),
    /// `*`, as in `COUNT(*)`.
    Star,
    /// A dotted name, never of no parts.
    Name(Vec<Part>),
    /// `base -> 'key'`, `base ->> 'key'`.
    Key(Box<Expression>, String),
    /// `-x`
    Negative(Box<Expression>),
    /// Operands of one rank: the first, then one step after the other.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    /// `a = b`
    Comparison(Comparison, Box<[Expression; 2]>),
    /// `x IN (a, b)`
    In { is_negated: bool, operand: Box<Expression>, list: Vec<Expression> },
    /// `x BETWEEN low AND high`: all three.
    Between { is_negated: bool, parts: Box<[Expression; 3]> },
    /// `x LIKE pattern`
    Like { is_negated: bool, is_case_blind: bool, operand: Box<Expression>, pattern: String },
    /// `x IS NULL`
    IsNull { is_negated: bool, operand: Box<Expression> },
    /// `NOT x`
    Not(Box<Expression>),
    /// `a AND b AND c`
    And(Vec<Expression>),
    /// `a OR b OR c`
    Or(Vec<Expression>),
    /// `CASE ... END`
    Case(Box<Case>),
    /// `CAST(x AS type)`, `x::type`
    Cast(Box<Expression>, Type),
    /// `name(...)`
    Call(Box<Call>),
}

/// One part of a dotted name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) struct Part {
    /// Without its quotes.
    pub(in crate::dialect::zenskar) text: String,
    /// Whether it was written with them.
    pub(in crate::dialect::zenskar) is_quoted: bool,
}

/// What the other system fills in before it runs a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) enum Template {
    /// `{{customer.external_id}}`
    Customer,
    /// `{{start_date}}`
    Start,
    /// `{{end_date}}`
    End,
}

/// An operator that makes a value of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) enum Operator {
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
    /// `||`
    Concatenate,
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) enum Comparison {
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

/// `CASE [operand] WHEN ... THEN ... [ELSE ...] END`
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Case {
    /// What the arms are compared with.
    pub(in crate::dialect::zenskar) operand: Option<Expression>,
    /// WHEN and THEN, at least one.
    pub(in crate::dialect::zenskar) arms: Vec<(Expression, Expression)>,
    /// ELSE
    pub(in crate::dialect::zenskar) otherwise: Option<Expression>,
}

/// A type's name and what stands in its parentheses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::dialect::zenskar) struct Type {
    /// In capitals.
    pub(in crate::dialect::zenskar) name: String,
    /// Digits, as written.
    pub(in crate::dialect::zenskar) sizes: Vec<String>,
    /// Where it stands.
    pub(in crate::dialect::zenskar) place: Location,
}

/// A call of a function or of an aggregate.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Call {
    /// As written.
    pub(in crate::dialect::zenskar) name: String,
    /// `p` of `quantile(p)(x)`; `None` where there is but one list.
    pub(in crate::dialect::zenskar) parameters: Option<Vec<Expression>>,
    /// In the last pair of parentheses.
    pub(in crate::dialect::zenskar) arguments: Vec<Expression>,
    /// Whether DISTINCT stands before them.
    pub(in crate::dialect::zenskar) is_distinct: bool,
    /// ORDER BY behind the arguments.
    pub(in crate::dialect::zenskar) order: Option<Order>,
    /// WITHIN GROUP (ORDER BY ...)
    pub(in crate::dialect::zenskar) within: Option<Order>,
    /// FILTER (WHERE ...)
    pub(in crate::dialect::zenskar) filter: Option<Expression>,
}

/// `ORDER BY x`, or with DESC.
#[derive(Clone, Debug)]
pub(in crate::dialect::zenskar) struct Order {
    /// By what.
    pub(in crate::dialect::zenskar) by: Expression,
    /// Whether DESC is written.
    pub(in crate::dialect::zenskar) is_descending: bool,
}

impl Node {
    /// What it is made of, in the order of writing.
    pub(in crate::dialect::zenskar) fn parts(&self) -> Vec<&Expression> {
        match self {
            Node::Null
            | Node::Boolean(_)
            | Node::Number(_)
            | Node::Text(_)
            | Node::Template(_)
            | Node::Interval(..)
            | Node::Star
            | Node::Name(_) => Vec::new(),
            Node::Key(operand, _)
            | Node::Negative(operand)
            | Node::Not(operand)
            | Node::IsNull { operand, .. }
            | Node::Like { operand, .. }
            | Node::Cast(operand, _) => vec![operand],
            Node::Arithmetic(first, steps) => {
                let operands = steps.iter().map(|(_, operand)| operand);
                std::iter::once(first.as_ref()).chain(operands).collect()
            }
            Node::Comparison(_, parts) => parts.iter().collect(),
            Node::In { operand, list, .. } => {
                std::iter::once(operand.as_ref()).chain(list).collect()
            }
            Node::Between { parts, .. } => parts.iter().collect(),
            Node::And(parts) | Node::Or(parts) => parts.iter().collect(),
            Node::Case(case) => {
                let arms = case.arms.iter().flat_map(|(condition, result)| [condition, result]);
                case.operand.iter().chain(arms).chain(&case.otherwise).collect()
            }
            Node::Call(call) => {
                let orders = call.order.iter().chain(&call.within).map(|order| &order.by);
                let lists = call.parameters.iter().flatten().chain(&call.arguments);
                lists.chain(orders).chain(&call.filter).collect()
            }
        }
    }
}

impl Expression {
    /// Whether it, or anything in it, is such.
    pub(in crate::dialect::zenskar) fn any(&self, is_such: &impl Fn(&Expression) -> bool) -> bool {
        is_such(self) || self.node.parts().into_iter().any(|part| part.any(is_such))
    }
}
