//! A half-open span of event time (rule 6.4).

use super::time::{EventTime, Span};

/// `[start, end)`: an event at exactly `end` belongs to the next one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Period {
    /// First instant inside.
    pub start: EventTime,
    /// First instant after it; always later than `start`.
    pub end: EventTime,
}

impl Period {
    /// Whether `time` lies inside.
    pub fn contains(&self, time: EventTime) -> bool {
        self.start <= time && time < self.end
    }

    /// Elapsed time from start to end.
    pub fn length(&self) -> Span {
        self.end.since(self.start)
    }
}
