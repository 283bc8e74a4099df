//! Whether a task gets on: its stored offset moves as long as there is something to read.

use std::time::Duration;

use crate::daemon::clock::Stopwatch;

/// Since when a task has stood where it stands.
pub(super) struct Progress {
    offset: i64,
    since: Stopwatch,
}

impl Progress {
    /// Of a task that begins.
    pub(super) fn from(offset: i64) -> Self {
        Progress { offset, since: Stopwatch::start() }
    }

    /// The offset of the last commit as of now, and what is still to be read; gives back for how long the task has
    /// not moved though it should.
    pub(super) fn note(&mut self, offset: i64, lag_records: i64) -> Duration {
        if offset != self.offset || lag_records <= 0 {
            *self = Progress::from(offset);
        }
        self.since.elapsed()
    }
}
