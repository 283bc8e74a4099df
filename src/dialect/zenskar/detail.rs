//! Faults as pydantic words them: an element of `detail` for each.

use serde::{Serialize, Serializer};

use super::VALUE_ERROR;
use crate::dialect::{Fault, Step};

/// One element of the `detail` of a 422: `{"loc":["body","name"],"msg":"Field required","type":"missing"}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Detail {
    /// Where: `body`, `path`, `query` or `header`, then the path in it.
    pub loc: Vec<Location>,
    /// What is wrong, and what would be right.
    pub msg: String,
    /// Pydantic's type of it.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// One step of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// A key.
    Key(String),
    /// An element of a list, or a position in a text.
    Position(usize),
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Location::Key(key) => serializer.serialize_str(key),
            Location::Position(position) => position.serialize(serializer),
        }
    }
}

impl Detail {
    /// A fault of a part of a request: `body`, `path`, `query` or `header`.
    #[must_use]
    pub fn new(part: &str, fault: &Fault) -> Self {
        let steps = fault.path.iter().map(|step| match step {
            Step::Key(key) => Location::Key(key.clone()),
            Step::Item(index) => Location::Position(*index),
        });
        let loc = std::iter::once(Location::Key(part.to_owned())).chain(steps).collect();
        let msg = match fault.code {
            VALUE_ERROR => format!("Value error, {}", fault.message),
            _ => fault.message.clone(),
        };
        Self { loc, msg, kind: fault.code }
    }
}
