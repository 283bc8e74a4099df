//! `odometer check`: says what a configuration or definitions mean, or lists everything that is wrong with them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::cli::CheckArguments;
use super::{CommandError, clock, definition_files};
use crate::definition::Definitions;
use crate::format::definitions::describe;

/// Checks what the arguments name, and prints to stdout what is understood.
///
/// # Errors
/// [`CommandError::Faults`] with every fault there is.
pub(super) fn check(arguments: &CheckArguments) -> Result<(), CommandError> {
    let understood = match &arguments.config {
        Some(path) => check_config(path, &arguments.overrides)?,
        None => check_metrics(&arguments.metrics)?,
    };
    let mut out = io::stdout().lock();
    out.write_all(understood.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| CommandError::of_output("stdout", error))
}

fn check_metrics(paths: &[PathBuf]) -> Result<String, CommandError> {
    let definitions = definition_files::load(paths)?;
    let words = describe(&definitions, clock::now());
    let separator = if words.is_empty() { "" } else { "\n" };
    Ok(format!("{words}{separator}{}\n", count_words(&definitions)))
}

/// The settings, and the definitions that they name.
fn check_config(path: &Path, overrides: &[(String, String)]) -> Result<String, CommandError> {
    let (settings, definitions) = super::run::configured(path, overrides)?;
    let words = describe(&definitions, clock::now());
    let separator = if words.is_empty() { "" } else { "\n" };
    Ok(format!("{settings}\n{words}{separator}{}\n", count_words(&definitions)))
}

/// `6 metrics in 7 versions, no faults`
fn count_words(definitions: &Definitions) -> String {
    let versions = definitions.metrics.len();
    let metrics = definitions
        .metrics
        .chunk_by(|one, other| one.tenant == other.tenant && one.code == other.code)
        .count();
    let ending = if metrics == 1 { "" } else { "s" };
    let in_versions =
        if versions == metrics { String::new() } else { format!(" in {versions} versions") };
    format!("{metrics} metric{ending}{in_versions}, no faults")
}
