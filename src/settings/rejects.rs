//! Where refused events go: section `rejects`.

use super::reader::{Faulty, Field, Table};

pub(super) const KEYS: [&str; 2] = ["topic", "include"];

/// Where refused events go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejects {
    /// Topic. Default `odometer.rejects`.
    pub topic: String,
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
    let topic = table.value_or("topic", "odometer.rejects".to_owned(), Field::topic_name);
    let include = table.value_or("include", Vec::new(), include);
    let (topic, include) = (topic?, include?);
    Ok(Rejects {
        topic,
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
