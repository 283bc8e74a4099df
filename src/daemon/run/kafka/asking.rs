//! Asking the broker before there are workers: again and again, with growing pauses, while it does not answer.

use std::time::Duration;

use super::pause::Pause;
use crate::admin::Readiness;
use crate::daemon::CommandError;
use crate::daemon::clock;
use crate::daemon::signals::StopSignal;
use crate::kafka::{self, Disposition};

/// From one look at the signals to the next.
const LOOK_WAIT: Duration = Duration::from_millis(100);

/// Who asks, and whom.
pub(super) struct Asking<'a> {
    pub(super) servers: &'a str,
    pub(super) stop: &'a StopSignal,
    pub(super) readiness: &'a Readiness,
}

impl Asking<'_> {
    /// Asks until there is an answer. `None`: told to stop before.
    ///
    /// # Errors
    /// That asking again cannot help.
    pub(super) fn until_answered<T>(
        &self,
        mut ask: impl FnMut() -> Result<T, kafka::Error>,
    ) -> Result<Option<T>, CommandError> {
        let mut pause = Pause::new();
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => error,
            };
            if error.disposition() == Disposition::Halt {
                return Err(CommandError::failed(error.to_string()));
            }
            pause.begin();
            let reason = format!("the broker does not answer: {error}");
            self.readiness.obstruct("start", &reason, clock::now());
            tracing::warn!(
                %error,
                servers = self.servers,
                pause_seconds = pause.seconds(),
                "the broker does not answer; it is asked again"
            );
            while !pause.is_over() {
                if self.stop.is_raised() {
                    return Ok(None);
                }
                std::thread::park_timeout(LOOK_WAIT);
            }
        }
    }
}
