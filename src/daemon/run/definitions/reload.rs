//! Definition files read again: on SIGHUP, and when one of them changed.
//!
//! A file is looked at once a second. It counts as changed once it looks the same at two looks in a row, so that one that
//! is being written is not read half. All files are taken, or none. The topic of definitions is looked at as often.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use signal_hook::consts::SIGHUP;

use super::Book;
use crate::admin::Readiness;
use crate::daemon::{CommandError, clock, definition_files};
use crate::settings::{self, Settings};
use crate::telemetry::{ReloadOutcome, Series};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before the operator's will is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// The thread that looks; dropped it ends.
pub(in crate::daemon::run) struct Watching {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How a file looks: device, inode, length, when it was modified; `None`: it cannot be looked at.
type Look = Option<(u64, u64, u64, i64, i64)>;

/// What the thread works with.
struct Watcher {
    book: Arc<Book>,
    settings: Settings,
    readiness: Arc<Readiness>,
    series: Arc<Series>,
    is_over: Arc<AtomicBool>,
    is_asked: Arc<AtomicBool>,
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
    let refused = |error| CommandError::failed_by("watching the definition files", error);
    let (is_over, is_asked) = (Arc::default(), Arc::default());
    signal_hook::flag::register(SIGHUP, Arc::clone(&is_asked)).map_err(refused)?;
    let watcher = Watcher {
        book: Arc::clone(book),
        settings: settings.clone(),
        readiness: Arc::clone(readiness),
        series: Arc::clone(series),
        is_over: Arc::clone(&is_over),
        is_asked,
    };
    let thread = std::thread::Builder::new().name("definitions".to_owned());
    let thread = thread.spawn(move || watcher.run()).map_err(refused)?;
    Ok(Watching { is_over, thread: Some(thread) })
}

impl Watcher {
    fn run(&self) {
        let mut taken = self.looks();
        let mut before = taken.clone();
        let mut since = clock::Stopwatch::start();
        while !self.is_over.load(Ordering::Relaxed) {
            clock::pause(PAUSE);
            if self.is_asked.swap(false, Ordering::Relaxed) {
                taken = self.looks();
                self.reload();
            } else if since.elapsed() >= LOOK_INTERVAL {
                since = clock::Stopwatch::start();
                let now = self.looks();
                if now != taken && now == before {
                    taken.clone_from(&now);
                    self.reload();
                }
                before = now;
                self.book.refresh(&self.readiness);
            }
        }
    }

    fn looks(&self) -> Vec<Look> {
        self.settings.metrics.files.iter().map(|path| look(path)).collect()
    }

    fn reload(&self) {
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
}

/// Every fault, or what went wrong.
fn words(error: &CommandError) -> String {
    match error {
        CommandError::Faults(faults) => faults.join("; "),
        other => other.to_string(),
    }
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).ok()?;
    // The time of change of the inode moves with the content, and with who may read it.
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself; what counted before still does.
            drop(thread.join());
        }
    }
}
