//! What the log says and looks like: section `telemetry`.

use super::reader::{Faulty, Field, Table};
use crate::telemetry::{LogFormat, log};

pub(super) const KEYS: [&str; 2] = ["log_level", "log_format"];

/// What the log says and looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Telemetry {
    /// Which messages: a level, or levels by module. Default `info`.
    pub log_level: String,
    /// What they look like. Default: for people.
    pub log_format: LogFormat,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Telemetry, Faulty> {
    let log_level = table.value_or("log_level", "info".to_owned(), log_level);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log_format =
        table.value_or("log_format", LogFormat::default(), |field| field.choice(&formats));
    Ok(Telemetry { log_level: log_level?, log_format: log_format? })
}

fn log_level(field: &Field<'_>) -> Result<String, Faulty> {
    let text = field.text()?;
    log::check_filter(&text).map_err(|error| field.fault(error.to_string()))?;
    Ok(text)
}
