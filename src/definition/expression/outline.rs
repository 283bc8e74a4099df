//! What an expression is made of, as far as other systems' trees of comparisons can say it.

use super::Expression;
use super::function::Function;
use super::name::EventName;
use super::tree::{ComparisonOperator, Node, Sign};

/// A condition by its parts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outline {
    /// All of them hold.
    All(Vec<Outline>),
    /// At least one holds.
    Any(Vec<Outline>),
    /// It does not hold.
    Not(Box<Outline>),
    /// Two parts compared.
    Compared {
        /// `=`, `<>`, `<`, `<=`, `>` or `>=`.
        sign: &'static str,
        /// Left and right.
        parts: [Part; 2],
    },
    /// One of a list.
    Among {
        /// Whether it is none of them.
        is_negated: bool,
        /// What is looked for.
        one: Part,
        /// Where.
        list: Vec<Part>,
    },
    /// `LIKE`
    Like {
        /// Whether it is not like that.
        is_negated: bool,
        /// What is looked at.
        text: Part,
        /// With `%` and `_`.
        pattern: Part,
    },
    /// A text looked for in another one.
    Found {
        /// `CONTAINS`, `STARTS_WITH` or `ENDS_WITH`.
        function: &'static str,
        /// Where, and what.
        parts: [Part; 2],
    },
    /// Whether there is no value.
    Null {
        /// Whether there is one.
        is_negated: bool,
        /// Of what.
        one: Part,
    },
    /// Anything else.
    Other,
}

/// What is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// A property, by its keys.
    Property(Vec<String>),
    /// A property with `+` before it: its number.
    NumberOf(Vec<String>),
    /// A literal number, as normal forms write it.
    Number(String),
    /// A literal text.
    Text(String),
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// Anything else.
    Other,
}

impl Expression {
    /// The keys of the property that it is, where it is one and no more.
    #[must_use]
    pub fn property(&self) -> Option<&[String]> {
        match &self.root {
            Node::Name(EventName::Property(keys)) => Some(keys),
            _ => None,
        }
    }

    /// Its parts, where it is a condition.
    #[must_use]
    pub fn outline(&self) -> Outline {
        outline(&self.root)
    }
}

fn outline(node: &Node<EventName>) -> Outline {
    match node {
        Node::And(parts) => Outline::All(parts.iter().map(outline).collect()),
        Node::Or(parts) => Outline::Any(parts.iter().map(outline).collect()),
        Node::Not(operand) => Outline::Not(Box::new(outline(operand))),
        Node::Comparison(operator, parts) => {
            Outline::Compared { sign: sign(*operator), parts: parts.each_ref().map(part) }
        }
        Node::In { is_negated, operand, list } => Outline::Among {
            is_negated: *is_negated,
            one: part(operand),
            list: list.iter().map(part).collect(),
        },
        Node::Like { is_negated, is_case_blind: false, parts } => {
            let [text, pattern] = parts.each_ref().map(part);
            Outline::Like { is_negated: *is_negated, text, pattern }
        }
        Node::IsNull { is_negated, operand } => {
            Outline::Null { is_negated: *is_negated, one: part(operand) }
        }
        Node::Call(
            function @ (Function::Contains | Function::StartsWith | Function::EndsWith),
            arguments,
        ) => match arguments.as_slice() {
            [text, wanted] => {
                Outline::Found { function: function.name(), parts: [part(text), part(wanted)] }
            }
            _ => Outline::Other,
        },
        _ => Outline::Other,
    }
}

fn part(node: &Node<EventName>) -> Part {
    match node {
        Node::Name(EventName::Property(keys)) => Part::Property(keys.clone()),
        Node::Sign(Sign::Plus, operand) => match operand.as_ref() {
            Node::Name(EventName::Property(keys)) => Part::NumberOf(keys.clone()),
            _ => Part::Other,
        },
        Node::Sign(Sign::Minus, operand) => match operand.as_ref() {
            Node::Number(number) => Part::Number(format!("-{number}")),
            _ => Part::Other,
        },
        Node::Number(number) => Part::Number(number.to_string()),
        Node::Text(text) => Part::Text(text.clone()),
        Node::Boolean(boolean) => Part::Boolean(*boolean),
        _ => Part::Other,
    }
}

fn sign(operator: ComparisonOperator) -> &'static str {
    match operator {
        ComparisonOperator::Equal => "=",
        ComparisonOperator::NotEqual => "<>",
        ComparisonOperator::Less => "<",
        ComparisonOperator::LessOrEqual => "<=",
        ComparisonOperator::Greater => ">",
        ComparisonOperator::GreaterOrEqual => ">=",
    }
}
