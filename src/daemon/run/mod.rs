//! `odometer run`: the daemon over Kafka.
//!
//! `setup` (settings become jobs), `job` (what to do), `worker` (one thread: consumer and tasks) with `membership`
//! (partitions given and taken), `delivery` (how what was folded becomes visible) and `idle` (by the clock); `courier`
//! (the thread of its transactions), `takeover` (how a task starts), `task` (one partition's state), `registry` and
//! `halting` (what workers know of each other), `pause` (between tries), `report` (counts).

mod courier;
mod delivery;
mod halting;
mod idle;
mod job;
mod listener;
mod membership;
mod pause;
mod registry;
mod report;
mod setup;
mod takeover;
mod task;
mod worker;

use std::sync::Arc;

use super::CommandError;
use super::cli::{LogFlags, RunArguments};
use super::clock::{self, Stopwatch};
use super::signals::StopSignal;
use crate::admin::Readiness;
use crate::format::Summary;
use crate::model::Span;
use crate::telemetry::Series;
use halting::Stop;
use registry::Registry;
use report::{Outside, Report};
use worker::Worker;

pub(super) use setup::configured;

/// Runs until it is told to stop: a first signal lets it finish, commit and leave, a second ends it at once.
///
/// # Errors
/// Faults of the configuration; else what ended a worker.
pub(super) fn run(arguments: &RunArguments, log: &LogFlags) -> Result<(), CommandError> {
    let configured = configured(&arguments.config, &arguments.overrides);
    log.set_up(configured.as_ref().ok().map(|(settings, _)| &settings.telemetry));
    let (settings, definitions) = configured?;
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over the signals", error))?;
    let since = Stopwatch::start();
    let _lock = setup::lock_directory(&settings)?;
    let outside = Outside {
        series: Arc::new(Series::new()),
        readiness: Arc::new(Readiness::new(
            "start",
            "the broker has not answered yet",
            clock::now(),
        )),
    };
    let _listening = listener::listen(&settings.admin, &outside)?;
    let Some(work) = setup::work(&settings, &definitions, &stop, &outside.readiness)? else {
        return Ok(());
    };
    outside.readiness.clear("start");
    tracing::info!(
        metrics = definitions.metrics.len(),
        topics = settings.source.topics.len(),
        workers = work.len(),
        "odometer runs"
    );
    let outcome = serve(work, &stop, &outside);
    let mut summary = Summary::EMPTY;
    for part in &outcome.summaries {
        summary.add(part);
    }
    summary.elapsed = Span::from_micros(i64::try_from(since.elapsed().as_micros()).unwrap_or(0));
    let text = serde_json::to_string(&summary).expect("counts are JSON");
    tracing::info!(summary = %text, "odometer ended");
    match outcome.first_error {
        Some(error) => Err(CommandError::failed(error.to_string())),
        None => Ok(()),
    }
}

/// How the workers ended.
struct Outcome {
    summaries: Vec<Summary>,
    first_error: Option<worker::Error>,
}

/// Runs the workers of all topics to their end; the first failure stops them all.
fn serve(work: Vec<setup::Work>, stop: &StopSignal, outside: &Outside) -> Outcome {
    let registry = Arc::new(Registry::default());
    let abort = Stop::default();
    let mut outcome = Outcome { summaries: Vec::new(), first_error: None };
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (job, options) in work {
            let (registry, stop, abort) = (Arc::clone(&registry), stop.clone(), abort.clone());
            let report = Report::new(outside.clone(), &options.topics.source, options.worker);
            let name = format!("worker-{}-{}", options.topics.source, options.worker);
            let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, move || {
                let (summary, outcome) =
                    match Worker::new(job, options, registry, stop, abort.clone(), report) {
                        Ok(worker) => worker.run(),
                        Err(error) => (Summary::EMPTY, Err(error)),
                    };
                if let Err(error) = &outcome {
                    tracing::error!(%error, "a worker ended; its siblings finish what they have");
                    abort.raise();
                }
                (summary, outcome.err())
            });
            threads.push(thread.expect("the system starts a thread"));
        }
        for thread in threads {
            let (summary, error) =
                thread.join().expect("a panic of a worker is a broken invariant");
            outcome.summaries.push(summary);
            if let Some(error) = error {
                outcome.first_error.get_or_insert(error);
            }
        }
    });
    outcome
}
