//! Waiting for something that another process does: polling with a deadline, the only use of clock and sleep here.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `attempt` gives a value; panics with `what` when the limit has passed.
pub(crate) fn until<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> T {
    within(limit, &mut attempt).unwrap_or_else(|| panic!("waited {limit:?} in vain: {what}"))
}

/// Looks until `attempt` gives a value, or gives up when the limit has passed.
#[expect(clippy::disallowed_methods, reason = "a test waits for other processes by the clock")]
pub(crate) fn within<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if begun.elapsed() > limit {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

/// Lets time pass: for random moments of a fault, and for proofs that nothing happens. Never to wait for something.
pub(crate) fn pass(time: Duration) {
    let nothing: Option<()> = within(time, || None);
    assert!(nothing.is_none());
}

/// Seconds since the epoch, for events that bear the time at which they are written.
#[expect(clippy::disallowed_methods, reason = "a test writes events of now")]
pub(crate) fn clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a clock behind the epoch").as_secs()
}

/// Whether some time has passed; for loops that work until then.
pub(crate) struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline that far from now.
    #[expect(clippy::disallowed_methods, reason = "a test bounds its own run by the clock")]
    pub(crate) fn after(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    /// Time since the deadline was set.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// True once the time has passed.
    pub(crate) fn has_passed(&self) -> bool {
        self.begun.elapsed() > self.limit
    }
}
