//! What a worker tells the outside: counts for the closing line, troubles at a bearable pace.

use std::time::Duration;

use super::task::Task;
use crate::daemon::clock::Stopwatch;
use crate::format::Summary;

/// How often the client's troubles are told at most.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(10);

/// Counts of one worker.
pub(super) struct Report {
    summary: Summary,
    last_trouble: Option<Stopwatch>,
}

impl Report {
    pub(super) fn new() -> Self {
        Report { summary: Summary::EMPTY, last_trouble: None }
    }

    /// All tasks that were given up so far.
    pub(super) fn summary(&self) -> Summary {
        self.summary
    }

    /// A task is given up: what it did since this process took it is counted.
    pub(super) fn finish(&mut self, task: &Task) {
        self.summary.add(&task.summary());
    }

    /// Says that the client has trouble, at most every ten seconds.
    pub(super) fn trouble(&mut self, error: &rdkafka::error::KafkaError) {
        if self.last_trouble.is_none_or(|last| last.elapsed() >= TROUBLE_INTERVAL) {
            self.last_trouble = Some(Stopwatch::start());
            tracing::warn!(%error, "Kafka has trouble; the client goes on trying");
        }
    }
}
