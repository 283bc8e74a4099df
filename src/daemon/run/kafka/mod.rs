//! The daemon over Kafka: events from topics, totals to topics, in Kafka's transactions.
//!
//! `setup` (settings become jobs) with `asking` (until the broker answers) and `identity` (names that last from start to
//! start), `definitions` (the topic of those that are made over the listener) and `destinations` (what the topics were that are delivered to) with `memory` (the file of that), `job` (what to do), `worker` (one thread: consumer and tasks) with `membership`
//! (partitions given and taken), `delivery` (how what was folded becomes visible) and `idle` (by the clock); `courier`
//! (the thread of its transactions), `outlook` (the thread that asks how far a topic reaches), `takeover` (how a task starts), `task` (one partition's work), `registry` and
//! `halting` (what workers know of each other), `trouble` (of the client), `stalling` (tasks whose state cannot be read or written), `pause` (between tries), `progress` (whether a task gets on), `report`
//! (counts), `auditor` (the thread that reads totals back); `trial` (what a start would find, for `check --live`), `adopt` (an offset for a state that is here).

pub(in crate::daemon) mod adopt;
mod asking;
mod auditor;
mod courier;
mod definitions;
mod delivery;
mod destinations;
mod halting;
mod identity;
mod idle;
mod job;
mod membership;
mod memory;
mod outlook;
mod pause;
mod progress;
mod registry;
mod report;
mod setup;
mod stalling;
mod takeover;
mod task;
pub(in crate::daemon) mod trial;
mod trouble;
mod worker;

pub(in crate::daemon) use self::takeover::put_aside;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::auditor::Auditor;
use self::destinations::Destinations;
use self::halting::Stop;
use self::outlook::Outlook;
use self::registry::Registry;
use self::report::Report;
use self::worker::{Shared, Worker};
use super::definitions::Book;
use super::outside::Outside;
use crate::daemon::CommandError;
use crate::daemon::signals::StopSignal;
use crate::format::Summary;
use crate::kafka;
use crate::settings::{KafkaFlow, Settings};

/// Asks the broker for the topics, and works until told to stop. Gives back what was done, whatever ended it.
pub(super) fn serve(
    settings: &Settings,
    flow: &KafkaFlow,
    book: &Book,
    stop: &StopSignal,
    outside: &Outside,
) -> (Summary, Result<(), CommandError>) {
    let (work, destinations) = match setup::work(settings, flow, stop, outside) {
        Ok(Some(plan)) => plan,
        Ok(None) => return (Summary::EMPTY, Ok(())),
        Err(error) => return (Summary::EMPTY, Err(error)),
    };
    match definitions::attach(settings, flow, book, stop, outside) {
        Ok(true) => {}
        Ok(false) => return (Summary::EMPTY, Ok(())),
        Err(error) => return (Summary::EMPTY, Err(error)),
    }
    if let Err(error) = book.keep_files() {
        return (Summary::EMPTY, Err(error));
    }
    if book.count() == 0 {
        tracing::warn!("no metric is defined: every event is unmatched until one is made");
    }
    tracing::info!(
        metrics = book.count(),
        topics = flow.source.topics.len(),
        workers = work.len(),
        "odometer runs"
    );
    let _auditor = Auditor::start(flow, &outside.series);
    let (summary, error) = run_workers(work, book, destinations, stop, outside);
    let outcome = error.map_or(Ok(()), |error| Err(CommandError::failed(error.to_string())));
    (summary, outcome)
}

/// Runs the workers of all topics to their end; the first failure stops them all.
fn run_workers(
    work: Vec<setup::Work>,
    book: &Book,
    destinations: Destinations,
    stop: &StopSignal,
    outside: &Outside,
) -> (Summary, Option<worker::Error>) {
    let registry = Arc::new(registry(&work));
    let abort = Stop::default();
    let destinations = Arc::new(destinations);
    let (mut summary, mut first_error) = (Summary::EMPTY, None);
    let outlooks = match outlooks(&work, outside) {
        Ok(outlooks) => outlooks,
        Err(error) => return (summary, Some(error.into())),
    };
    let names = work.iter().map(|(_, options)| (worker_name(options), topic(options)));
    let plans = book.editions.begin(&names.collect::<Vec<_>>());
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for ((job, options), plans) in work.into_iter().zip(plans) {
            let shared = Shared {
                registry: Arc::clone(&registry),
                outlook: Arc::clone(&outlooks[&options.topics.source]),
                destinations: Arc::clone(&destinations),
                stop: stop.clone(),
                abort: abort.clone(),
            };
            let abort = abort.clone();
            let report = Report::new(outside.clone(), &options.topics.source, options.worker);
            let name = worker_name(&options);
            let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, move || {
                let (summary, outcome) = match Worker::new(job, options, plans, shared, report) {
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
        // Not before each worker has said that it has not joined: in between nothing would be lacking.
        outside.readiness.clear("start");
        for thread in threads {
            let (part, error) = thread.join().expect("a panic of a worker is a broken invariant");
            summary.add(&part);
            if first_error.is_none() {
                first_error = error;
            }
        }
    });
    (summary, first_error)
}

fn worker_name(options: &kafka::Options) -> String {
    format!("worker-{}-{}", options.topics.source, options.worker)
}

fn topic(options: &kafka::Options) -> String {
    options.topics.source.clone()
}

/// The registry of all tasks and workers.
fn registry(work: &[setup::Work]) -> Registry {
    let counts: BTreeMap<String, i32> =
        work.iter().map(|(job, options)| (topic(options), job.partitions)).collect();
    let tasks = counts.values().map(|count| count.unsigned_abs() as usize).sum();
    Registry::new(tasks, work.iter().map(|(_, options)| (topic(options), options.worker)))
}

/// The outlook of each topic.
fn outlooks(
    work: &[setup::Work],
    outside: &Outside,
) -> Result<BTreeMap<String, Arc<Outlook>>, kafka::Error> {
    let mut outlooks = BTreeMap::new();
    for (_, options) in work {
        let topic = &options.topics.source;
        if !outlooks.contains_key(topic) {
            let outlook = Outlook::start(options, Arc::clone(&outside.readiness))?;
            outlooks.insert(topic.clone(), Arc::new(outlook));
        }
    }
    Ok(outlooks)
}
