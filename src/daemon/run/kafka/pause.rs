//! Growing pauses between tries of what the broker may get over.

use std::time::Duration;

use crate::daemon::clock::Stopwatch;

const PAUSE_MIN: Duration = Duration::from_millis(500);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// On after a failure, until something succeeds.
pub(super) struct Pause {
    next: Duration,
    since: Stopwatch,
    is_on: bool,
}

impl Pause {
    pub(super) fn new() -> Self {
        Pause { next: PAUSE_MIN, since: Stopwatch::start(), is_on: false }
    }

    /// Whether the next try may be made.
    pub(super) fn is_over(&self) -> bool {
        !self.is_on || self.since.elapsed() >= self.next
    }

    /// After a failure: twice as long as the pause before.
    pub(super) fn begin(&mut self) {
        self.next = if self.is_on { (self.next * 2).min(PAUSE_MAX) } else { PAUSE_MIN };
        self.since = Stopwatch::start();
        self.is_on = true;
    }

    /// After a success.
    pub(super) fn end(&mut self) {
        self.is_on = false;
    }

    pub(super) fn seconds(&self) -> f64 {
        self.next.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_told_as_long_as_they_are() {
        let mut pause = Pause::new();
        let mut told = Vec::new();
        for _ in 0..8 {
            pause.begin();
            told.push(pause.seconds().to_string());
        }
        assert_eq!(told, ["0.5", "1", "2", "4", "8", "16", "30", "30"]);
    }
}
