//! The daemon over files: events from files that grow, totals and rejects to files that grow, one task.
//!
//! ```text
//! worker: scan, read ─► lines ─► events ─► state: processor, store ─► outlet: append, settle ─► acknowledged in the state
//! ```
//! `reader` (files to batches of events), `outlet` (where totals go), `opening` (how the task starts), `quiet` (what the
//! clock may close), `worker` (the loop). What is acknowledged stands in the state together with what forgets it: after a kill the outputs are cut back to
//! that, and the rest is written again, byte for byte.

mod opening;
mod outlet;
mod quiet;
mod reader;
mod worker;

pub(in crate::daemon) use self::opening::{look, own};
use self::worker::Worker;
use super::definitions::Book;
use super::outside::Outside;
use crate::daemon::CommandError;
use crate::daemon::signals::StopSignal;
use crate::format::Summary;
use crate::settings::{Files, Settings};

/// What the series and messages call the task.
const TASK: &str = "files";

/// Works until told to stop. Gives back what was done, whatever ended it.
pub(super) fn serve(
    settings: &Settings,
    files: &Files,
    book: &Book,
    stop: &StopSignal,
    outside: &Outside,
) -> (Summary, Result<(), CommandError>) {
    let workers = [(TASK.to_owned(), String::new())];
    let plans = book.editions.begin(&workers).pop().expect("one worker has one reader");
    let (edition, plan) = plans.current();
    let worker = opening::open(settings, files, &plan, outside)
        .and_then(|opened| Worker::new(settings, files, opened, (plans, edition), stop, outside));
    let mut worker = match worker {
        Ok(worker) => worker,
        Err(error) => return (Summary::EMPTY, Err(error)),
    };
    // What the state was held against is what a later start goes on from.
    if let Err(error) = book.keep_files() {
        return (Summary::EMPTY, Err(error));
    }
    let metrics = book.count();
    tracing::info!(metrics, paths = files.pattern(), "odometer runs");
    let outcome = worker.run();
    (worker.summary(), outcome)
}
