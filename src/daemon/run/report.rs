//! What a worker tells the outside: series and counts for the closing line.

use std::time::Duration;

use super::task::Task;
use crate::daemon::clock::Stopwatch;
use crate::engine::Tally;
use crate::kafka::Delivery;

/// Counts of one worker.
pub(super) struct Report {
    tally: Tally,
    last_trouble: Option<Stopwatch>,
}

impl Report {
    pub(super) fn new() -> Self {
        Report { tally: Tally::default(), last_trouble: None }
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Says that the client has trouble, at most every ten seconds.
    pub(super) fn trouble(&mut self, error: &rdkafka::error::KafkaError) {
        let is_quiet =
            self.last_trouble.is_some_and(|last| last.elapsed() < Duration::from_secs(10));
        if !is_quiet {
            self.last_trouble = Some(Stopwatch::start());
            tracing::warn!(%error, "Kafka has trouble; the client goes on trying");
        }
    }

    pub(super) fn committed<'t>(
        &mut self,
        _took: Duration,
        _tasks: impl Iterator<Item = &'t Task>,
    ) {
    }

    pub(super) fn delivered(&mut self, _delivery: &Delivery) {}

    pub(super) fn tick<'t>(&mut self, _tasks: impl Iterator<Item = &'t Task>) {}
}
