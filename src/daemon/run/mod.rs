//! `odometer run`: the daemon.
//!
//! `setup` (the configuration, the state directory), `state` (one task's state, whatever its source) with `copy` (of it, for checkpoints), `kafka` and
//! `files` (the kinds of source and sink), `outside`, `listener`, `live` and `peers` (what is shown of it, and of the others of the group), `supervisor` (what
//! systemd is told), `watch` (files that are read again; `certificate` is of the listener's).

mod certificate;
mod copy;
mod definitions;
mod files;
mod kafka;
mod listener;
mod live;
mod outside;
mod peers;
mod setup;
mod state;
mod supervisor;
mod watch;

use std::sync::Arc;

use self::definitions::Book;
use self::live::LiveTasks;
use self::outside::Outside;
use super::CommandError;
use super::cli::{LogFlags, RunArguments};
use super::clock::{self, Stopwatch};
use super::signals::StopSignal;
use crate::admin::Readiness;
use crate::model::Span;
use crate::settings::Flow;
use crate::telemetry::Series;

pub(super) use definitions::beside as definitions_beside;
pub(super) use files::{look as look_at_files, own as own_files};
pub(super) use kafka::{
    accept as acceptance, adopt as adoption, put_aside, rebuild as rebuilding,
    restore as restoring, trial,
};
pub(super) use setup::{configured, lock_directory};

/// Runs until it is told to stop: a first signal lets it finish, commit and leave, a second ends it at once.
///
/// # Errors
/// Faults of the configuration; else what ended a worker.
pub(super) fn run(arguments: &RunArguments, log: &LogFlags) -> Result<(), CommandError> {
    // Before anything else: a signal that comes early asks for the same as a later one.
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over the signals", error))?;
    let configured = configured(&arguments.config, &arguments.overrides);
    log.set_up(configured.as_ref().ok().map(|(settings, _)| &settings.telemetry));
    let (settings, definitions) = configured?;
    let since = Stopwatch::start();
    let _lock = setup::lock_directory(&settings)?;
    let outside = Outside {
        series: Arc::new(Series::new(clock::now())),
        readiness: Arc::new(Readiness::new("start", "it has not started yet", clock::now())),
        live: Arc::new(LiveTasks::new(settings.flow.read_as())),
    };
    let book = Arc::new(Book::open(&settings, definitions, Arc::clone(&outside.live))?);
    // Over Kafka it is not known yet what the topic defines.
    if book.count() == 0 && matches!(settings.flow, Flow::Files(_)) {
        tracing::warn!("no metric is defined: every event is unmatched until one is made");
    }
    let _listening = listener::listen(&settings.admin, &outside, &book)?;
    let _watching = definitions::watch(&book, &settings, &outside.readiness, &outside.series)?;
    let _supervision = supervisor::tell(&outside.readiness, &stop);
    let (mut summary, outcome) = match &settings.flow {
        Flow::Kafka(flow) => kafka::serve(&settings, flow, &book, &stop, &outside),
        Flow::Files(flow) => files::serve(&settings, flow, &book, &stop, &outside),
    };
    summary.elapsed = Span::from_micros(i64::try_from(since.elapsed().as_micros()).unwrap_or(0));
    let text = serde_json::to_string(&summary).expect("counts are JSON");
    tracing::info!(summary = %text, "odometer ended");
    outcome
}
