//! The clock of the events: the machine's, and some days ahead of it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::wait;

const DAY: u64 = 86_400;

/// What time it is for the events, in seconds since the epoch.
#[derive(Default)]
pub(super) struct EventClock {
    days_ahead: AtomicU64,
}

impl EventClock {
    /// Now.
    pub(super) fn now(&self) -> u64 {
        wait::clock() + self.days_ahead.load(Ordering::Relaxed) * DAY
    }

    /// Goes a day on at once.
    pub(super) fn leap(&self) {
        self.days_ahead.fetch_add(1, Ordering::Relaxed);
    }
}
