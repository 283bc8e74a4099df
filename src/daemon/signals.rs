//! The operator's will to stop: SIGTERM or Ctrl-C asks, a second one of them ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Exit status after a second signal.
const STOPPED_STATUS: i32 = 130;

/// Whether the operator wants the command to finish.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Takes over SIGTERM and SIGINT: the first raises this, the second ends the process with status 130.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn install() -> io::Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // First the end, which looks at the flag, then the flag itself: the first signal must not see its own mark.
            flag::register_conditional_shutdown(signal, STOPPED_STATUS, Arc::clone(&raised))?;
            flag::register(signal, Arc::clone(&raised))?;
        }
        Ok(StopSignal(raised))
    }

    /// Whether the first signal has come.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
