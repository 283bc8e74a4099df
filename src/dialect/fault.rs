//! One thing wrong with a vendor's body: where, by which of the vendor's own codes, and what would be right.

use std::fmt::{self, Write};

/// One thing wrong with a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Keys and indices from the body's root to what is wrong; that may be absent.
    pub path: Vec<Step>,
    /// The vendor's code for it: `value_is_mandatory` (Lago), `missing` (Zenskar).
    pub code: &'static str,
    /// For people: what is wrong, and what would be right.
    pub message: String,
}

/// One step of a path into a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list, from 0.
    Item(usize),
}

impl Fault {
    /// The path as people write it: `metering_rule.rule.items[2].type`.
    #[must_use]
    pub fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            let separator = if text.is_empty() { "" } else { "." };
            let _ = match step {
                Step::Key(key) => write!(text, "{separator}{key}"),
                Step::Item(index) => write!(text, "[{index}]"),
            };
        }
        text
    }
}

/// The path and the message.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path_text(), self.message)
    }
}
