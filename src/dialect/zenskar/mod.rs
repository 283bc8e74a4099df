//! Zenskar's aggregates: a query in SQL, or what its builder says, and the names beside it.
//!
//! ```text
//! body ─► aggregate, patch: fields, faults kept ─► sql: text to tree ─► compile: tree to native
//!                                               └─► builder: its groups of filters to native
//! faults ─► detail          fields, as they were sent ─► the answer
//! ```
//! A query is compiled once, when it is submitted; nothing of SQL is left where events come in.

mod aggregate;
mod builder;
mod compile;
mod detail;
mod express;
mod field;
mod patch;
mod sql;
#[cfg(test)]
mod tests;

pub use self::aggregate::{Aggregate, Submitted, read_submitted};
pub use self::detail::{Detail, Location};
pub use self::express::bodies;
pub use self::patch::Patch;

use crate::dialect::{Fault, Native, Step};

/// What a definition comes to.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// The same in the native form, without a code and without what no query says (period, zone, grace).
    pub native: Native,
    /// For people: where a total may differ from what the other system gives, and what is not taken into account.
    pub warnings: Vec<String>,
}

/// Compiles a query that stands in the field of that name.
///
/// # Errors
/// The first thing in the query that has no meaning here, with line and column.
pub fn compile_query(field: &str, text: &str) -> Result<Compiled, Vec<Fault>> {
    compile::query(text).map_err(|refusal| {
        vec![Fault {
            path: vec![Step::Key(field.to_owned())],
            code: VALUE_ERROR,
            message: refusal.text(),
        }]
    })
}

/// Pydantic's type of a value that is of the right kind and says what cannot be.
const VALUE_ERROR: &str = "value_error";
