//! The operator's will to stop: SIGTERM or Ctrl-C asks, a second one of them ends the process at once.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, low_level};

use super::clock;

/// Exit status after a second signal.
const STOPPED_STATUS: i32 = 130;

/// Signals so close together are one wish: timeout(1), among others, sends its signal to the process and then to
/// the process group that it is in.
const ONE_WISH: Duration = Duration::from_millis(100);

/// Whether the operator wants the command to finish.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Takes over SIGTERM and SIGINT: the first raises this, the second ends the process with status 130. SIGXFSZ (a file
    /// larger than `ulimit -f` allows) no longer ends it without a word: the write fails instead, and is reported.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn install() -> io::Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        let (wishes, heard) = UnixStream::pair()?;
        // Listening before anything is heard: a signal between the two would never be a second one.
        thread::Builder::new().name("signals".to_owned()).spawn(move || end_at_second(&wishes))?;
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&raised))?;
            low_level::pipe::register(signal, heard.try_clone()?)?;
        }
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(StopSignal(raised))
    }

    /// Whether the first signal has come.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for two wishes, one byte a signal. Where the pipe breaks, signals are left to the flag alone.
fn end_at_second(mut wishes: &UnixStream) {
    let mut bytes = [0; 64];
    if !matches!(wishes.read(&mut bytes), Ok(1..)) {
        return;
    }
    clock::pause(ONE_WISH);
    // What came meanwhile is the same wish; where there is nothing this fails at once.
    let drained = wishes.set_nonblocking(true).map(|()| wishes.read(&mut bytes).is_ok());
    if drained.and_then(|_| wishes.set_nonblocking(false)).is_ok()
        && matches!(wishes.read(&mut bytes), Ok(1..))
    {
        // No destructors: whatever hangs is what the operator wants to get rid of.
        low_level::exit(STOPPED_STATUS);
    }
}
