//! Keeps records from going out faster than asked.

use std::time::Duration;

use super::clock::{self, Stopwatch};
use super::signals::StopSignal;

/// The longest pause before the signals are looked at again.
const PAUSE_MAX: Duration = Duration::from_millis(100);

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// So many records a second, or as many as will go.
pub(super) struct Pace {
    rate: Option<u64>,
    watch: Stopwatch,
}

impl Pace {
    /// From now on.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Pace { rate, watch: Stopwatch::start() }
    }

    /// How long the record `number` has to wait still; `None` where its time has come.
    pub(super) fn wait_before(&self, number: u64) -> Option<Duration> {
        let nanos = u128::from(number) * NANOS_PER_SECOND / u128::from(self.rate?);
        let due = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        due.checked_sub(self.watch.elapsed()).filter(|wait| !wait.is_zero())
    }

    /// Waits until the record's time has come, or somebody stops it.
    pub(super) fn wait(&self, number: u64, stop: &StopSignal) {
        while let Some(wait) = self.wait_before(number) {
            if stop.is_raised() {
                return;
            }
            clock::pause(wait.min(PAUSE_MAX));
        }
    }
}
