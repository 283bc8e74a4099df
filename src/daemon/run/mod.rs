//! `odometer run`: the daemon over Kafka.
//!
//! `job` (what to do), `worker` (one thread: consumer, producer, tasks), `takeover` (how a task starts), `task` (one
//! partition's state), `registry` and `halting` (what workers know of each other), `report` (series and counts).

mod halting;
mod job;
mod registry;
mod report;
mod takeover;
mod task;
mod worker;

use std::sync::Arc;

use super::CommandError;
use super::cli::RunArguments;
use super::signals::StopSignal;
use crate::engine::Tally;
use crate::kafka;
use halting::Stop;
use job::Job;
use registry::Registry;
use report::Report;
use worker::Worker;

/// Runs until it is told to stop.
pub(super) fn run(_arguments: &RunArguments) -> Result<(), CommandError> {
    Err(CommandError::failed("odometer run is not built yet"))
}

/// Runs the workers of all topics to their end; the first failure stops them all.
fn serve(
    work: Vec<(Arc<Job>, kafka::Options)>,
    stop: &StopSignal,
) -> Result<Vec<Tally>, worker::Error> {
    let registry = Arc::new(Registry::default());
    let abort = Stop::default();
    let mut tallies = Vec::new();
    let mut first_error = None;
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (job, options) in work {
            let (registry, stop, abort) = (Arc::clone(&registry), stop.clone(), abort.clone());
            let name = format!("worker-{}-{}", options.topics.source, options.worker);
            let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, move || {
                let outcome = Worker::new(job, options, registry, stop, abort.clone(), Report::new())
                    .and_then(Worker::run);
                if let Err(error) = &outcome {
                    tracing::error!(%error, "a worker ended; its siblings finish what they have");
                    abort.raise();
                }
                outcome
            });
            threads.push(thread.expect("the system starts a thread"));
        }
        for thread in threads {
            match thread.join().expect("a panic of a worker is a broken invariant") {
                Ok(tally) => tallies.push(tally),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
    });
    match first_error {
        Some(error) => Err(error),
        None => Ok(tallies),
    }
}
