//! Where the definitions of metrics are: section `metrics`.

use std::path::PathBuf;

use super::reader::{Faulty, Field, Table};
use super::state::path;
use crate::model::Span;

pub(super) const KEYS: [&str; 3] = ["files", "topic", "definition_lead"];

/// Where the definitions of metrics are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metrics {
    /// Files of definitions, understood as one set. Default none: then metrics are made over the admin listener.
    pub files: Vec<PathBuf>,
    /// Topic of the definitions that are made over the admin listener; over files they are kept beside the state.
    /// `None`: over Kafka they stand in files alone. Default `odometer.definitions`.
    pub topic: Option<String>,
    /// How long before a new version may count it is told to every task. Default 10 minutes.
    pub definition_lead: Span,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Metrics, Faulty> {
    let files = table.value_or("files", Vec::new(), files);
    let leads = Span::from_seconds(1)..=Span::from_seconds(366 * 86_400);
    let lead =
        table.value_or("definition_lead", Span::from_seconds(600), |field| field.span(leads));
    let topic = table.value_or("topic", Some("odometer.definitions".to_owned()), topic);
    Ok(Metrics { files: files?, topic: topic?, definition_lead: lead? })
}

fn files(field: &Field<'_>) -> Result<Vec<PathBuf>, Faulty> {
    let read: Vec<_> = field.list("files")?.iter().map(path).collect();
    read.into_iter().collect()
}

fn topic(field: &Field<'_>) -> Result<Option<String>, Faulty> {
    if field.text()?.is_empty() { Ok(None) } else { field.topic_name().map(Some) }
}

/// Over files there are no topics: who names one believes that it has an effect.
pub(super) fn check_of_files(table: &Table<'_>) -> Result<(), Faulty> {
    match table.field("topic") {
        Some(field) => Err(field.fault(
            "has no effect where source.kind is \"file\", for definitions are kept in state.directory then: leave it out",
        )),
        None => Ok(()),
    }
}
