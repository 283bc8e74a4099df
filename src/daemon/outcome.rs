//! How a command can end, and the exit status of each end (interfaces, "Command line").
//!
//! ```text
//! 0  done, or the reader of the output has seen enough     1    failed while running
//! 2  wrong usage, configuration or definition              130  stopped by a second signal
//! ```

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use crate::telemetry::{LogFormat, log};

/// Why a command ended before its work was done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Usage, configuration or definitions are wrong. Every fault: file, place and what would be right.
    #[error("{}", count_words(.0.len()))]
    Faults(Vec<String>),
    /// It failed while running.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// A second signal stopped it at once.
    #[error("stopped at once by a second signal")]
    Stopped,
    /// Who reads the output has seen enough and closed the pipe: no failure, and nothing is said.
    #[error("the output's reader has gone")]
    OutputClosed,
}

/// Writes results to standard output.
///
/// # Errors
/// An output that takes no more, or whose reader has gone.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| CommandError::of_output("stdout", error))
}

/// What went wrong while running, and what that came from.
#[derive(Debug)]
pub struct Failure {
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that says all by itself.
    pub fn new(what: impl Into<String>) -> Self {
        Failure { what: what.into(), cause: None }
    }

    /// A failure with the error that it came from; `what` names the thing that was tried.
    pub fn of(what: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure { what: what.into(), cause: Some(cause.into()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| -> &(dyn Error + 'static) { cause.as_ref() })
    }
}

impl CommandError {
    /// It failed; the message says all.
    pub fn failed(what: impl Into<String>) -> Self {
        CommandError::Failed(Failure::new(what))
    }

    /// It failed because of `cause`; `what` names the thing that was tried.
    pub fn failed_by(
        what: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        CommandError::Failed(Failure::of(what, cause))
    }

    /// Writing to `name` did not work: a closed pipe is [`CommandError::OutputClosed`], all else a failure.
    pub fn of_output(name: &str, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            CommandError::OutputClosed
        } else {
            CommandError::failed_by(format!("writing {name}"), error)
        }
    }

    /// Where more was to be done than to write: a closed output is a failure, and `what` says what became of it.
    #[must_use]
    pub fn unless_closed(self, what: &str) -> Self {
        match self {
            CommandError::OutputClosed => CommandError::failed(what),
            other => other,
        }
    }

    /// What the program ends with.
    pub fn exit_status(&self) -> u8 {
        match self {
            CommandError::Faults(_) => 2,
            CommandError::Failed(_) => 1,
            CommandError::Stopped => 130,
            CommandError::OutputClosed => 0,
        }
    }
}

/// Tells the operator on stderr why the command ended: every fault on a line of its own, then their number.
///
/// `chain` writes a failure with all that it came from. Where the log is JSON each line is a line of the log.
pub fn report(error: CommandError, chain: impl Fn(Failure) -> String) {
    match error {
        CommandError::OutputClosed => {}
        CommandError::Faults(faults) => {
            for fault in &faults {
                line("", fault);
            }
            line("odometer: error: ", &count_words(faults.len()));
        }
        CommandError::Failed(failure) => line("odometer: error: ", &chain(failure)),
        CommandError::Stopped => line("odometer: ", &CommandError::Stopped.to_string()),
    }
}

fn line(prefix: &str, text: &str) {
    match log::format() {
        LogFormat::Json => tracing::error!("{text}"),
        // Where even stderr cannot be written nobody is left to be told.
        LogFormat::Text => drop(writeln!(io::stderr(), "{prefix}{text}")),
    }
}

fn count_words(faults: usize) -> String {
    match faults {
        1 => "1 fault".to_owned(),
        faults => format!("{faults} faults"),
    }
}
