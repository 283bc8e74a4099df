//! Until when the files are known to be quiet, for they are seen only where somebody looks (rule 7.1).
//!
//! ```text
//! look: lines, read ──────── look: all is read ──────── now
//!              └ timeout at least ┘└ nobody knows of lines written here: the watermark may not go past them
//! ```
//! Time is an argument.

use crate::model::{EventTime, Span};

/// What is known of how long nothing was written.
pub(super) struct Quiet {
    last_line: EventTime,
    /// The last look, if it found everything read to its end.
    all_read: Option<EventTime>,
}

impl Quiet {
    /// Nothing was looked at yet.
    pub(super) fn from(now: EventTime) -> Self {
        Quiet { last_line: now, all_read: None }
    }

    /// The files were looked at, beginning at `at`, and everything that is there had been read.
    pub(super) fn find_all_read(&mut self, at: EventTime) {
        self.all_read = Some(at);
    }

    /// There is something to read, or something that cannot be read.
    pub(super) fn find_more(&mut self) {
        self.all_read = None;
    }

    /// A line was read.
    pub(super) fn read(&mut self, now: EventTime) {
        self.last_line = now;
    }

    /// The instant that the clock's part of the watermark follows: that of the last look, once nothing came for `timeout`
    /// before it.
    pub(super) fn until(&self, timeout: Span) -> Option<EventTime> {
        self.all_read.filter(|look| look.since(self.last_line) >= timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::Quiet;
    use crate::model::{EventTime, Span};

    const TIMEOUT: Span = Span::from_seconds(1);

    fn at(seconds: i64) -> EventTime {
        EventTime::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn files_are_quiet_only_until_somebody_looked() {
        let mut quiet = Quiet::from(at(0));
        assert_eq!(quiet.until(TIMEOUT), None);
        quiet.find_all_read(at(0));
        assert_eq!(quiet.until(TIMEOUT), None, "not for long enough");
        // Looks come every five seconds, lines twice a second.
        for seconds in [5, 10, 15] {
            quiet.find_more();
            quiet.read(at(seconds));
            assert_eq!(quiet.until(TIMEOUT), None);
        }
        quiet.find_all_read(at(20));
        assert_eq!(quiet.until(TIMEOUT), Some(at(20)), "however late it is by now");
        quiet.find_more();
        assert_eq!(quiet.until(TIMEOUT), None);
    }
}
