//! The one door to the world's clocks.

use std::time::{Duration, Instant, SystemTime};

use crate::model::EventTime;

/// The wall clock, as an instant of event time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> EventTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    EventTime::from_micros(micros)
}

/// Lets time pass.
pub fn pause(length: Duration) {
    // Nothing ever comes on this channel: the wait always runs its whole length.
    _ = crossbeam_channel::never::<()>().recv_timeout(length);
}

/// Measures how long something takes, by the clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long it has been running.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Notices when the wall clock jumps: it is held against the clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    wall: EventTime,
    since: Stopwatch,
}

impl ClockWatch {
    const TOLERANCE: Duration = Duration::from_secs(10);

    /// From now on.
    pub fn start() -> Self {
        ClockWatch { wall: now(), since: Stopwatch::start() }
    }

    /// By how much the wall clock has jumped since the start; `None`: by less than ten seconds.
    pub fn jump(self) -> Option<Duration> {
        let passed = now().since(self.wall).micros();
        let elapsed = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        let jump = Duration::from_micros(passed.abs_diff(elapsed));
        (jump >= Self::TOLERANCE).then_some(jump)
    }
}
