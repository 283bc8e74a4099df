//! The grammars that an expression may be written in. All give the same trees; each knows other words of them.
//!
//! What only one grammar can say stands in the tree as nodes and functions of its own, so that working an expression out
//! asks no grammar. Writing it down does: the same node is spelled by the grammar that it was read by.

#[cfg(test)]
mod tests;

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::function::Function;
use super::name::Name;
use super::token::{self, Lexeme};
use super::tree::{Binding, LEVELS_MAX, Node};
use super::{lago, parser::Parser};

/// A grammar of expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grammar {
    /// SQL scalar expressions (rule 5.2).
    Native,
    /// Lago's: arithmetic, roundings and texts over an event, strict about what is missing or no number.
    Lago,
    /// The native one, with texts searched for texts: what Maple's comparators say and LIKE cannot.
    Maple,
}

impl Grammar {
    /// Every grammar, the usual one first.
    pub const ALL: [Grammar; 3] = [Grammar::Native, Grammar::Lago, Grammar::Maple];

    /// The name that definitions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Grammar::Native => "native",
            Grammar::Lago => "lago",
            Grammar::Maple => "maple",
        }
    }

    /// Reads a whole expression.
    ///
    /// # Errors
    /// What the grammar does not know, more than 16 KiB, more than 128 levels.
    pub(super) fn parse<N: Name>(self, text: &str) -> Result<Node<N>, ExpressionError> {
        self.read(text).map(|(root, _)| root)
    }

    /// Reads a whole expression that stands as a condition.
    ///
    /// # Errors
    /// As [`Grammar::parse`], and where no event can fulfil it, since what should be a boolean is a number or a text.
    pub(super) fn parse_condition<N: Name>(self, text: &str) -> Result<Node<N>, ExpressionError> {
        match self.read(text)? {
            (root, _) if root.can_hold() => Ok(root),
            (_, flaw) => Err(ExpressionError::at(
                flaw.unwrap_or(Location::new(1, 1)),
                "no condition, whatever the event holds: it is true or false when compared, as in \
                 properties.key > 0",
            )),
        }
    }

    /// The tree, and where it has what can never hold.
    fn read<N: Name>(self, text: &str) -> Result<(Node<N>, Option<Location>), ExpressionError> {
        let lexemes = match self {
            Grammar::Native | Grammar::Maple => token::lexemes(text)?,
            Grammar::Lago => lago::lexemes(text)?,
        };
        let mut parser = Parser::new(lexemes, self);
        if *parser.rest.peek() == Lexeme::End {
            return Err(parser.error("empty expression: a value is wanted, such as properties.key"));
        }
        let root = match self {
            Grammar::Native | Grammar::Maple => parser.expression(Binding::Or)?,
            Grammar::Lago => parser.lago_expression()?,
        };
        if *parser.rest.peek() != Lexeme::End {
            return Err(parser.unexpected("an operator or the end"));
        }
        if root.levels() > LEVELS_MAX {
            return Err(parser.too_deep());
        }
        Ok((root, parser.flaw))
    }

    /// The function that the grammar has under that name, in any case.
    pub(super) fn function(self, name: &str) -> Option<Function> {
        Function::named(name).filter(|function| self.has(*function))
    }

    fn has(self, function: Function) -> bool {
        match function {
            Function::Least
            | Function::Greatest
            | Function::Round
            | Function::Ceil
            | Function::Floor
            | Function::Concat => true,
            Function::Coalesce
            | Function::NullIf
            | Function::Absolute
            | Function::Lower
            | Function::Upper => self != Grammar::Lago,
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                self == Grammar::Maple
            }
        }
    }
}
