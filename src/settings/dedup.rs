//! How long and by what events are known again: section `dedup`.

use super::reader::{Faulty, Table};
use crate::format::EventFormat;
use crate::model::Span;

pub(super) const KEYS: [&str; 2] = ["window", "identity"];

const WITHOUT_SOURCE: &str = "\"source+id\" needs formats with the path of a source, and one that is read has none: give \"id\", or a format \
     such as { source = \"source\", id = \"id\", ... }";

/// Ten years: longer than any event is sent again.
const WINDOW_MAX: Span = Span::from_seconds(3_660 * 86_400);

/// How long events are known again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dedup {
    /// How long an id is remembered; older events are refused, and periods stay open to corrections (rules 1.7, 2.4,
    /// 7.5). Default 35 days.
    pub window: Span,
    /// Whether ids are those of the event's source (rule 2.1). Default no.
    pub is_id_of_source: bool,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Dedup, Faulty> {
    let window = table.value_or("window", Span::from_seconds(35 * 86_400), |field| {
        field.span(Span::ZERO..=WINDOW_MAX)
    });
    let identities = [("id", false), ("source+id", true)];
    let is_id_of_source = table.value_or("identity", false, |field| field.choice(&identities));
    Ok(Dedup { window: window?, is_id_of_source: is_id_of_source? })
}

/// Lets ids be those of sources in formats that are read.
pub(super) fn identify<'f>(
    table: &Table<'_>,
    formats: impl Iterator<Item = &'f mut EventFormat>,
) -> Result<(), Faulty> {
    for format in formats {
        let Some(with_source) = format.with_source_identity() else {
            let field = table.field("identity");
            return Err(field
                .map_or_else(|| table.fault(WITHOUT_SOURCE), |field| field.fault(WITHOUT_SOURCE)));
        };
        *format = with_source;
    }
    Ok(())
}
