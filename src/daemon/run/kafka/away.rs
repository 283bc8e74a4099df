//! Whether the broker was away, by which a member that the group mistakes is told from one whose name another process has.
//!
//! Of a static member whose place was lost while the broker was away, a heartbeat of before may reach the group after it
//! has joined anew: librdkafka sends it again by itself. The group then takes it for another process of the same name,
//! and the client gives up for good. Where the broker was not away, there is another process.

use std::time::Duration;

use crate::daemon::clock::Stopwatch;
use crate::kafka::{FatalError, Source};

/// How long after the broker was away the group may mistake a member.
const MISTAKEN_MAX: Duration = Duration::from_secs(60);

/// What is known of a member's connections.
#[derive(Default)]
pub(super) struct Away {
    /// How many failed, as far as they are in `since`.
    failures: u64,
    /// Since one last failed.
    since: Option<Stopwatch>,
}

impl Away {
    /// Notes that connections failed. To be called often: the client tells no time, and may tell it behind what follows from it.
    pub(super) fn watch(&mut self, source: &Source) {
        let failures = source.failures();
        if failures != self.failures {
            self.failures = failures;
            self.since = Some(Stopwatch::start());
        }
    }

    /// Whether the member may join again with another client, of which nothing is known then.
    pub(super) fn explains(&mut self, source: &Source, error: &FatalError) -> bool {
        self.watch(source);
        let was_away = self.since.is_some_and(|since| since.elapsed() < MISTAKEN_MAX);
        let is_mistaken = error.is_fenced && was_away;
        if is_mistaken {
            tracing::warn!(
                error = error.text,
                "the group mistook this member for another one after the broker was away: it joins again"
            );
            // Whoever takes its name again while the broker is there is another process.
            *self = Away::default();
        }
        is_mistaken
    }
}
