//! `odometer run`: the daemon over Kafka.
//!
//! `job` (what to do), `worker` (one thread: consumer, producer, tasks), `takeover` (how a task starts), `task` (one
//! partition's state), `registry` and `halting` (what workers know of each other), `report` (series and counts).

mod configuration;
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
pub(super) fn run(arguments: &RunArguments) -> Result<(), CommandError> {
    let stop = StopSignal::install().map_err(|e| CommandError::failed_by("signals", e))?;
    let text = std::fs::read_to_string(&arguments.config)
        .map_err(|e| CommandError::failed_by("config", e))?;
    let raw: configuration::Raw =
        toml::from_str(&text).map_err(|e| CommandError::Faults(vec![e.to_string()]))?;
    let files: Vec<(String, String)> = raw
        .metrics
        .files
        .iter()
        .map(|f| (f.clone(), std::fs::read_to_string(f).unwrap_or_default()))
        .collect();
    let refs: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let definitions = crate::format::definitions::read(&refs)
        .map_err(|f| CommandError::Faults(f.iter().map(ToString::to_string).collect()))?;
    let plan = Arc::new(crate::definition::Plan::new(definitions));
    let totals = raw.sink.topic.clone().unwrap_or("odometer.totals".into());
    let rejects = raw.rejects.topic.clone().unwrap_or("odometer.rejects".into());
    let timeout = std::time::Duration::from_secs(10);
    let mut work = Vec::new();
    let instance = task::random_id().to_string();
    for topic in &raw.source.topics {
        let (counts, cluster) =
            kafka::check_topics(&raw.source.kafka.properties, &[topic, &totals, &rejects], timeout)
                .map_err(|e| CommandError::failed(e.to_string()))?;
        let interval = raw
            .state
            .commit_interval
            .as_deref()
            .and_then(crate::model::Span::parse)
            .unwrap_or(crate::model::Span::from_seconds(5));
        let job = Arc::new(Job {
            plan: Arc::clone(&plan),
            engine: crate::engine::Options::default(),
            format: crate::format::EventFormat::native(),
            tenant: "default".into(),
            cluster,
            partitions: counts[0],
            totals_partitions: u32::try_from(counts[1]).unwrap_or(1),
            state_directory: raw.state.directory.clone().into(),
            store: crate::store::Options::new(64 << 20),
            start_from: match raw.source.start_from.as_deref() {
                Some("earliest") => Some(crate::engine::StartFrom::Earliest),
                Some("latest") => Some(crate::engine::StartFrom::Latest),
                _ => None,
            },
            commit_interval: std::time::Duration::from_micros(interval.micros().unsigned_abs()),
            commit_bytes_max: 16 << 20,
            idle_timeout: raw
                .watermark
                .idle_timeout
                .as_deref()
                .and_then(crate::model::Span::parse)
                .unwrap_or(crate::model::Span::from_seconds(60)),
            message_bytes_max: 1_000_000,
        });
        for worker in 0..raw.source.workers.unwrap_or(2) {
            work.push((
                Arc::clone(&job),
                kafka::Options {
                    source: raw.source.kafka.properties.clone(),
                    sink: raw.source.kafka.properties.clone(),
                    group: raw.source.group_id.clone(),
                    instance: instance.clone(),
                    is_static: false,
                    worker,
                    topics: kafka::Topics {
                        source: topic.clone(),
                        totals: totals.clone(),
                        rejects: rejects.clone(),
                    },
                    transaction_timeout: std::time::Duration::from_secs(30),
                    request_timeout: timeout,
                },
            ));
        }
    }
    serve(work, &stop).map(|_| ()).map_err(|e| CommandError::failed(e.to_string()))
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
                let outcome =
                    Worker::new(job, options, registry, stop, abort.clone(), Report::new())
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
