//! `odometer check`: says what a configuration or definitions mean, or lists everything that is wrong with them. With
//! `--live` (`live`, and `broker` of it) it also tries what the configuration names.

mod broker;
mod live;

use std::path::PathBuf;

use super::cli::CheckArguments;
use super::outcome::print;
use super::{CommandError, clock, definition_files};
use crate::definition::Definitions;
use crate::format::definitions::describe;

/// Checks what the arguments name, and prints to stdout what is understood.
///
/// # Errors
/// [`CommandError::Faults`] with every fault there is, or that something that was tried failed.
pub(super) fn check(arguments: &CheckArguments) -> Result<(), CommandError> {
    let Some(path) = &arguments.config else {
        return print(&check_metrics(&arguments.metrics)?);
    };
    let (settings, definitions) = super::run::configured(path, &arguments.overrides)?;
    let words = describe(&definitions, clock::now());
    let separator = if words.is_empty() { "" } else { "\n" };
    print(&format!("{settings}\n{words}{separator}{}\n", count_words(&definitions)))?;
    if arguments.live { live::check(&settings, &definitions) } else { Ok(()) }
}

fn check_metrics(paths: &[PathBuf]) -> Result<String, CommandError> {
    let definitions = definition_files::load_some(paths)?;
    let words = describe(&definitions, clock::now());
    let separator = if words.is_empty() { "" } else { "\n" };
    Ok(format!("{words}{separator}{}\n", count_words(&definitions)))
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
