//! Which events are told of beside the refused ones: section `rejects`.

use super::reader::{Faulty, Field, Table};

pub(super) const KEYS: [&str; 3] = ["topic", "path", "include"];

/// What is written to the rejects beside refused events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejects {
    /// Whether duplicates are written there too. Default: no.
    pub includes_duplicates: bool,
    /// Whether events that no metric took are. Default: no.
    pub includes_unmatched: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Included {
    Duplicate,
    Unmatched,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Rejects, Faulty> {
    let include = table.value_or("include", Vec::new(), include)?;
    Ok(Rejects {
        includes_duplicates: include.contains(&Included::Duplicate),
        includes_unmatched: include.contains(&Included::Unmatched),
    })
}

fn include(field: &Field<'_>) -> Result<Vec<Included>, Faulty> {
    let choices = [("duplicate", Included::Duplicate), ("unmatched", Included::Unmatched)];
    let fields = field.list("\"duplicate\" and \"unmatched\"")?;
    let read: Vec<_> = fields.iter().map(|field| field.choice(&choices)).collect();
    read.into_iter().collect()
}
