//! What the process tells the supervisor that started it: `sd_notify(3)`, to the socket that `NOTIFY_SOCKET` names.
//!
//! ```text
//! READY=1      once, when nothing is lacking for the first time
//! STATUS=...   what is lacking, as /readyz says it, whenever that changes
//! STOPPING=1   once, when the end begins
//! ```
//! A datagram a message, lines of `KEY=VALUE`, no answer. Nothing of the daemon's work depends on it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::admin::Readiness;
use crate::daemon::signals::StopSignal;

/// From one look at what is lacking to the next.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long a status may be: a datagram has its limit, and so has a line on a terminal.
const STATUS_CHARS_MAX: usize = 400;

/// The thread that tells; dropped it says that the process stops, and ends.
pub(super) struct Supervision {
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Tells the supervisor, where there is one. One that cannot be told is no reason to end: that is logged.
pub(super) fn tell(readiness: &Arc<Readiness>, stop: &StopSignal) -> Option<Supervision> {
    let name = socket_name()?;
    let socket = match connected(&name) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(socket = ?name, %error, "the supervisor's socket does not answer");
            return None;
        }
    };
    let teller = Teller {
        socket,
        readiness: Arc::clone(readiness),
        signal: stop.clone(),
        is_ready: false,
        is_stopping: false,
        status: String::new(),
    };
    let (stop, stopped) = bounded(1);
    let thread = std::thread::Builder::new()
        .name("supervisor".to_owned())
        .spawn(move || teller.work(&stopped))
        .expect("the system starts a thread");
    Some(Supervision { stop: Some(stop), thread: Some(thread) })
}

fn socket_name() -> Option<OsString> {
    // The supervisor's word to the process, not the operator's: no setting.
    std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())
}

fn connected(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match abstract_address(name) {
        Some(address) => socket.connect_addr(&address?)?,
        None => socket.connect(name)?,
    }
    // A supervisor that takes nothing must not keep the process from ending.
    socket.set_write_timeout(Some(INTERVAL))?;
    Ok(socket)
}

/// A name that begins with @ is one of Linux's abstract ones, of no file.
#[cfg(target_os = "linux")]
fn abstract_address(name: &OsStr) -> Option<io::Result<std::os::unix::net::SocketAddr>> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    let name = name.as_bytes().strip_prefix(b"@")?;
    Some(std::os::unix::net::SocketAddr::from_abstract_name(name))
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &OsStr) -> Option<io::Result<std::os::unix::net::SocketAddr>> {
    None
}

/// The thread's side.
struct Teller {
    socket: UnixDatagram,
    readiness: Arc<Readiness>,
    signal: StopSignal,
    is_ready: bool,
    is_stopping: bool,
    status: String,
}

impl Teller {
    fn work(mut self, stopped: &Receiver<()>) {
        loop {
            self.look();
            // Nothing is ever sent: the channel's end is the word.
            if stopped.recv_timeout(INTERVAL)
                == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
            {
                return self.say_stopping();
            }
        }
    }

    fn look(&mut self) {
        if self.signal.is_raised() {
            return self.say_stopping();
        }
        let status = self.status_now();
        let is_first = !self.is_ready && self.readiness.is_ready();
        if is_first || status != self.status {
            let ready = if is_first { "READY=1\n" } else { "" };
            self.send(&format!("{ready}STATUS={status}"));
            self.is_ready |= is_first;
            self.status = status;
        }
    }

    fn status_now(&self) -> String {
        let obstacles = self.readiness.obstacles();
        let Some(first) = obstacles.first() else { return "ready".to_owned() };
        let more = obstacles.len() - 1;
        let text = format!("not ready: {}: {}", first.what, first.reason);
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(STATUS_CHARS_MAX)
            .collect();
        if more == 0 { text } else { format!("{text} (and {more} more)") }
    }

    fn say_stopping(&mut self) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            self.send("STOPPING=1\nSTATUS=stopping: finishes, commits and leaves");
        }
    }

    fn send(&self, message: &str) {
        if let Err(error) = self.socket.send(message.as_bytes()) {
            tracing::warn!(%error, "the supervisor was not told");
        }
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself.
            drop(thread.join());
        }
    }
}
