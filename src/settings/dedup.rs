//! How long and by what events are known again: section `dedup`.

use super::reader::{Faulty, Table};
use crate::model::Span;

pub(super) const KEYS: [&str; 2] = ["window", "identity"];

const WITHOUT_SOURCE: &str =
    "\"source+id\" needs an event format with a source, and \"native\" has none: give \"id\"";

/// Ten years: longer than any event is sent again.
const WINDOW_MAX: Span = Span::from_seconds(3_660 * 86_400);

/// How long events are known again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dedup {
    /// How long an id is remembered; older events are refused, and periods stay open to corrections (rules 1.7, 2.4,
    /// 7.5). Default 35 days.
    pub window: Span,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Dedup, Faulty> {
    let window = table.value_or("window", Span::from_seconds(35 * 86_400), |field| {
        field.span(Span::ZERO..=WINDOW_MAX)
    });
    let identity =
        table.value_or("identity", (), |field| field.only("id", "source+id", WITHOUT_SOURCE));
    identity?;
    Ok(Dedup { window: window? })
}
