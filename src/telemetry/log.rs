//! The log: where its lines go and what they look like. What is logged is said where it happens.
//!
//! Lines go to stderr, so that results on stdout stay clean; colours only where stderr is a terminal.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// What a line of the log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
#[error(
    "log filter {filter:?} is wrong: {reason}; right would be \"info\" or \"warn,odometer=debug\""
)]
pub struct LogError {
    filter: String,
    reason: String,
}

/// Says whether a filter can be read.
///
/// # Errors
/// A filter that cannot.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    levels_of(filter).map(drop)
}

fn levels_of(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(filter)
        .map_err(|error| LogError { filter: filter.to_owned(), reason: error.to_string() })
}

/// Sends log lines to stderr from here on. `filter` is a level, or levels by module as `tracing-subscriber` has them.
///
/// Where a log is set up already (in tests), that one stays.
///
/// # Errors
/// A filter that cannot be read.
pub fn set_up(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let levels = levels_of(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(levels).with_writer(io::stderr);
    let outcome = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).try_init(),
        LogFormat::Text => {
            lines.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
        }
    };
    drop(outcome);
    Ok(())
}
