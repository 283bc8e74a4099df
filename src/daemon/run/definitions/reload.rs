//! Definition files read again: on SIGHUP, and when one of them changed. All files are taken, or none. The topic of
//! definitions is looked at as often as they are.

use std::path::PathBuf;
use std::sync::Arc;

use super::Book;
use crate::admin::Readiness;
use crate::daemon::run::watch::{self, Reread, Watching};
use crate::daemon::{CommandError, clock, definition_files};
use crate::settings::{self, Settings};
use crate::telemetry::{ReloadOutcome, Series};

/// What they are read again with.
struct Rereader {
    book: Arc<Book>,
    settings: Settings,
    readiness: Arc<Readiness>,
    series: Arc<Series>,
}

/// Looks at the files from now on.
///
/// # Errors
/// A signal or thread that the system refuses.
pub(in crate::daemon::run) fn watch(
    book: &Arc<Book>,
    settings: &Settings,
    readiness: &Arc<Readiness>,
    series: &Arc<Series>,
) -> Result<Watching, CommandError> {
    let reader = Rereader {
        book: Arc::clone(book),
        settings: settings.clone(),
        readiness: Arc::clone(readiness),
        series: Arc::clone(series),
    };
    watch::watch("definitions", settings.metrics.files.clone(), reader)
        .map_err(|error| CommandError::failed_by("watching the definition files", error))
}

impl Reread for Rereader {
    fn reread(&mut self) {
        let files: &[PathBuf] = &self.settings.metrics.files;
        let outcome = definition_files::load(files)
            .and_then(|definitions| {
                let faults = |faults: Vec<settings::SettingsFault>| {
                    CommandError::Faults(faults.iter().map(ToString::to_string).collect())
                };
                settings::check_topics(&self.settings.flow.topics(), &definitions)
                    .map_err(faults)?;
                Ok(definitions)
            })
            .and_then(|definitions| self.book.take_files(definitions));
        match outcome {
            Ok(metrics) => {
                tracing::info!(metrics, "the definition files were read again");
                self.readiness.unwarn("definitions");
                self.series.add_reload(ReloadOutcome::Taken);
            }
            Err(error) => {
                let faults = words(&error);
                let reason =
                    format!("the files were not taken, and those before still count: {faults}");
                tracing::error!(
                    faults,
                    "the definition files were not taken; those before still count"
                );
                self.readiness.warn("definitions", &reason, clock::now());
                self.series.add_reload(ReloadOutcome::Refused);
            }
        }
    }

    fn look(&mut self) {
        self.book.refresh(&self.readiness);
    }
}

/// Every fault, or what went wrong.
fn words(error: &CommandError) -> String {
    match error {
        CommandError::Faults(faults) => faults.join("; "),
        other => other.to_string(),
    }
}
