//! The daemon over Kafka: events from topics, totals to topics, in Kafka's transactions.
//!
//! `setup` (settings become jobs) with `asking` (until the broker answers) and `identity` (names that last from start to
//! start), `definitions` (the topic of those that are made over the listener) and `destinations` (what the topics were that
//! are delivered to) with `memory` (the file of that), `job` (what to do), `worker` (one thread: consumer and tasks) with
//! `membership` (partitions given and taken), `delivery` (how what was folded becomes visible) and `idle` (by the clock);
//! `courier` (the thread of its transactions), `outlook` (the thread that asks how far a topic reaches), `keeper` (the
//! threads that put checkpoints and bring them back) with `upload` (one task's), `checkpoints` (when) and `standby` (the
//! thread of warm copies), `takeover` (how a task starts), `task` (one partition's work), `registry` and `halting` (what
//! workers know of each other), `failure` (why one ends early), `away` (whether the broker was), `trouble` (of the client),
//! `stalling` (tasks whose state cannot be read or written), `pause` (between tries), `progress` (whether a task gets on),
//! `report` (counts), `auditor` (the thread that reads totals back), `customers` (the thread that looks which customers
//! other processes see); `rekey` (the threads that re-key topics which are not keyed by customer); `trial` (what a start
//! would find, for `check --live`), `by_hand` (what commands that change a task have in common): `accept` (topics of totals
//! and rejects that are others now), `adopt` (an offset for a state that is here, by what `arrived` finds in the topics),
//! `rebuild` (a state made anew), `restore` (a checkpoint in the place of a state).

pub(in crate::daemon) mod accept;
pub(in crate::daemon) mod adopt;
mod arrived;
mod asking;
mod auditor;
mod away;
mod by_hand;
mod checkpoints;
mod courier;
mod customers;
mod definitions;
mod delivery;
mod destinations;
mod failure;
mod halting;
mod identity;
mod idle;
mod job;
mod keeper;
mod membership;
mod memory;
mod outlook;
mod pause;
mod progress;
pub(in crate::daemon) mod rebuild;
mod registry;
mod rekey;
mod report;
pub(in crate::daemon) mod restore;
mod setup;
mod stalling;
mod standby;
mod takeover;
mod task;
pub(in crate::daemon) mod trial;
mod trouble;
mod upload;
mod worker;

pub(in crate::daemon) use self::takeover::put_aside;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::auditor::Auditor;
use self::customers::CustomerWatch;
use self::halting::Stop;
use self::outlook::Outlook;
use self::registry::Registry;
use self::rekey::{Stage, Stages};
use self::report::Report;
use self::standby::Standby;
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
    let works = match setup::work(settings, flow, stop, outside) {
        Ok(Some(works)) => works,
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
        workers = works.workers.len(),
        "odometer runs"
    );
    let _auditor = Auditor::start(flow, &outside.series);
    let _standby = Standby::start(settings.state.standby, &works.workers);
    let (summary, error) = run_workers(works, book, stop, outside);
    let outcome = error.map_or(Ok(()), |error| Err(CommandError::failed(error.to_string())));
    (summary, outcome)
}

/// Runs the workers of all topics to their end; the first failure stops them all.
fn run_workers(
    works: setup::Works,
    book: &Book,
    stop: &StopSignal,
    outside: &Outside,
) -> (Summary, Option<worker::Error>) {
    let setup::Works { workers: work, stages, destinations } = works;
    let registry = Arc::new(registry(&work));
    let _watch = CustomerWatch::start(&work, &registry, &outside.readiness);
    let abort = Stop::default();
    let destinations = Arc::new(destinations);
    let (mut summary, mut first_error) = (Summary::EMPTY, None);
    let outlooks = match outlooks(&work, &stages, outside) {
        Ok(outlooks) => outlooks,
        Err(error) => return (summary, Some(error.into())),
    };
    let stages = match self::stages(&stages, &outlooks, &abort, stop, outside) {
        Ok(stages) => stages,
        Err(error) => return (summary, Some(error)),
    };
    let written_to = |(job, options): &setup::Work| job.written_to(options).to_owned();
    let names = work.iter().map(|one| (worker_name(&one.1), written_to(one)));
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
        let stages: Vec<_> = stages
            .into_iter()
            .map(|(name, stage)| {
                let abort = abort.clone();
                let run = move || {
                    let outcome = stage.run();
                    if let Err(error) = &outcome {
                        tracing::error!(%error, "a stage ended; workers finish what they have");
                        abort.raise();
                    }
                    outcome.err()
                };
                let thread = std::thread::Builder::new().name(name).spawn_scoped(scope, run);
                thread.expect("the system starts a thread")
            })
            .collect();
        // Not before each worker has said that it has not joined: in between nothing would be lacking.
        outside.readiness.clear("start");
        for thread in threads {
            let (part, error) = thread.join().expect("a panic of a worker is a broken invariant");
            summary.add(&part);
            if first_error.is_none() {
                first_error = error;
            }
        }
        for thread in stages {
            let error = thread.join().expect("a panic of a stage is a broken invariant");
            first_error = first_error.take().or(error);
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

/// The threads of stages, by name, not started.
fn stages(
    all: &[Stages],
    outlooks: &BTreeMap<String, Arc<Outlook>>,
    abort: &Stop,
    stop: &StopSignal,
    outside: &Outside,
) -> Result<Vec<(String, Stage)>, worker::Error> {
    let mut found = Vec::new();
    for stages in all {
        let into = Arc::new(stages.horizon()?);
        for options in &stages.workers {
            let shared = rekey::Shared {
                outlook: Arc::clone(&outlooks[&options.topics.source]),
                into: Arc::clone(&into),
                stop: stop.clone(),
                abort: abort.clone(),
                outside: outside.clone(),
            };
            let name = format!("stage-{}-{}", options.topics.source, options.worker);
            found.push((name, Stage::new(Arc::clone(&stages.plan), options, shared)?));
        }
    }
    Ok(found)
}

/// The outlook of each topic.
fn outlooks(
    work: &[setup::Work],
    stages: &[Stages],
    outside: &Outside,
) -> Result<BTreeMap<String, Arc<Outlook>>, kafka::Error> {
    let mut outlooks = BTreeMap::new();
    let of_stages = stages.iter().flat_map(|stages| &stages.workers);
    for options in work.iter().map(|(_, options)| options).chain(of_stages) {
        let topic = &options.topics.source;
        if !outlooks.contains_key(topic) {
            let outlook = Outlook::start(options, Arc::clone(&outside.readiness))?;
            outlooks.insert(topic.clone(), Arc::new(outlook));
        }
    }
    Ok(outlooks)
}
