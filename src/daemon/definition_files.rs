//! Definition files from disk: read whole, understood as one set, every fault of all of them at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::definition::{DefinitionFault, Definitions};
use crate::format::definitions::{self, Form};

/// Reads the files as one set of definitions.
///
/// # Errors
/// [`CommandError::Faults`] with every fault of every file, those of files that cannot be read first.
pub(super) fn load(paths: &[PathBuf]) -> Result<Definitions, CommandError> {
    load_by(paths, definitions::read)
}

fn load_by(
    paths: &[PathBuf],
    read: impl FnOnce(&[(&str, &str)]) -> Result<Definitions, Vec<DefinitionFault>>,
) -> Result<Definitions, CommandError> {
    let mut faults = Vec::new();
    let mut texts: Vec<(String, String)> = Vec::with_capacity(paths.len());
    let mut places = BTreeSet::new();
    for path in paths {
        let is_new = fs::canonicalize(path).map_or(true, |place| places.insert(place));
        if !is_new {
            faults.push(format!("{}: the file is named twice: name it once", path.display()));
            continue;
        }
        match text_of(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(fault) => faults.push(fault),
        }
    }
    let files: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    match read(&files) {
        Ok(definitions) if faults.is_empty() => Ok(definitions),
        Ok(_) => Err(CommandError::Faults(faults)),
        Err(found) => {
            faults.extend(found.iter().map(ToString::to_string));
            Err(CommandError::Faults(faults))
        }
    }
}

/// The same where nothing else could define a metric: one there must be.
///
/// # Errors
/// As [`load`], and that there is none.
pub(super) fn load_some(paths: &[PathBuf]) -> Result<Definitions, CommandError> {
    some(paths, load(paths)?)
}

/// The same of files that hold what that system itself takes or answers.
///
/// # Errors
/// As [`load_some`].
pub(super) fn load_answers(paths: &[PathBuf], form: Form) -> Result<Definitions, CommandError> {
    some(paths, load_by(paths, |files| definitions::read_answers(files, form))?)
}

fn some(paths: &[PathBuf], definitions: Definitions) -> Result<Definitions, CommandError> {
    if definitions.metrics.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let names = names.join(", ");
        return Err(CommandError::Faults(vec![format!(
            "{names}: no metric is defined, so that no event would count: define one under [[metrics]]"
        )]));
    }
    Ok(definitions)
}

fn text_of(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| {
        format!("{}: cannot be read ({error}): name a file of definitions", path.display())
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("{}: byte {at} is no UTF-8: write the file in UTF-8", path.display())
    })
}
