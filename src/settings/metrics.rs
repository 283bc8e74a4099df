//! Where the definitions of metrics are: section `metrics`.

use std::path::PathBuf;

use super::reader::{Faulty, Field, Table};
use super::state::path;

pub(super) const KEYS: [&str; 1] = ["files"];

/// Where the definitions of metrics are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metrics {
    /// Files of definitions, understood as one set; at least one.
    pub files: Vec<PathBuf>,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Metrics, Faulty> {
    let wanted = "files of metric definitions, such as [\"config/metrics.toml\"]";
    let files = table.required("files", wanted, files)?;
    Ok(Metrics { files })
}

fn files(field: &Field<'_>) -> Result<Vec<PathBuf>, Faulty> {
    let fields = field.list("files")?;
    if fields.is_empty() {
        return Err(field.fault("is empty: expected at least one file of metric definitions"));
    }
    let read: Vec<_> = fields.iter().map(path).collect();
    read.into_iter().collect()
}
