//! What a query means, said as a native definition, or why it cannot be said.
//!
//! ```text
//! tree ─► grouping: items and GROUP BY ─► condition: WHERE, templates taken out ─► measure: the aggregate
//!           └── flat: over events, nested: over the results of buckets ─► meaning ─► native
//! ```
//! Expressions are written out as native text (`scalar`, `function`), each with its `kind`, and brought into its normal form, so that queries
//! that mean the same give the same definition. What cannot be said with exactly the same totals is refused. Nothing here
//! knows of periods, zones and the other things that no query says.

mod column;
mod condition;
mod every;
mod flat;
mod function;
mod grouping;
mod kind;
mod meaning;
mod measure;
mod nested;
mod result;
mod scalar;
#[cfg(test)]
mod tests;

pub(super) use self::column::native_name;
pub(super) use self::meaning::{Aggregation, Meaning, event_type};

use super::Compiled;
use super::sql::tree::Source;
use super::sql::{self, Refusal};

/// Compiles a query.
///
/// # Errors
/// The first thing that has no meaning here, with its place.
pub(super) fn query(text: &str) -> Result<Compiled, Refusal> {
    let select = sql::parse(text)?;
    let meaning = match &select.source {
        Source::Table(table) => flat::compile(&select, table)?,
        Source::Query(inner) => nested::compile(&select, inner)?,
    };
    meaning.compile().map_err(|message| Refusal::new(select.place, message))
}
