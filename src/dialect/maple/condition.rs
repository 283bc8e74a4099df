//! Conditions joined by AND, OR and NOT, written with no more parentheses than they need.

use crate::dialect::comparison::Logic;

/// A condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    /// A comparison that binds tighter than NOT.
    Comparison(String),
    /// Others, at least one.
    Joined(Logic, Vec<Condition>),
}

impl Condition {
    /// As an expression.
    pub(super) fn to_text(&self) -> String {
        match self {
            Condition::Comparison(text) => text.clone(),
            Condition::Joined(Logic::Not, parts) => {
                let inner = Condition::Joined(Logic::Or, parts.clone());
                match inner.only() {
                    Condition::Comparison(text) => format!("NOT {text}"),
                    joined @ Condition::Joined(..) => format!("NOT ({})", joined.to_text()),
                }
            }
            Condition::Joined(logic @ (Logic::And | Logic::Or), parts) => {
                if let [only] = parts.as_slice() {
                    return only.to_text();
                }
                let parts: Vec<String> = parts.iter().map(Condition::to_operand).collect();
                parts.join(if *logic == Logic::And { " AND " } else { " OR " })
            }
        }
    }

    /// As an operand of AND or OR.
    fn to_operand(&self) -> String {
        match self.only() {
            Condition::Joined(Logic::And | Logic::Or, _) => format!("({})", self.to_text()),
            other => other.to_text(),
        }
    }

    /// The condition without joints that join one alone.
    fn only(&self) -> &Condition {
        match self {
            Condition::Joined(Logic::And | Logic::Or, parts) => match parts.as_slice() {
                [only] => only.only(),
                _ => self,
            },
            Condition::Joined(Logic::Not, _) | Condition::Comparison(_) => self,
        }
    }
}
