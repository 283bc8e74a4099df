//! Where totals and rejects go: files that grow, or standard output.

use std::io::{self, Write};

use crate::daemon::{CommandError, clock};
use crate::file::{self, Appender, Rotation, Step};
use crate::format::state::{Written, WrittenFile};
use crate::format::{Outgoing, OutgoingKind};
use crate::model::EventTime;
use crate::settings::Files;

/// Microseconds of a UTC day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Both outputs.
pub(super) struct Outlet {
    totals: Output,
    rejects: Output,
}

enum Output {
    File(Box<Appender>),
    /// Nothing can be taken back of it: what was written and is not acknowledged is written twice.
    Stdout,
}

impl Outlet {
    /// Opens the outputs, and cuts back what is not acknowledged.
    pub(super) fn open(files: &Files, written: &Written) -> Result<Self, CommandError> {
        let open = |path: &Option<std::path::PathBuf>, known: &Option<WrittenFile>| match path {
            Some(path) => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(|error| {
                        let what = format!("cannot make the directory of {}", path.display());
                        CommandError::failed_by(what, error)
                    })?;
                }
                let appender = Appender::open(path, files.rotation, known.as_ref());
                appender.map(|appender| Output::File(Box::new(appender))).map_err(failure)
            }
            None => Ok(Output::Stdout),
        };
        if files.rotation != Rotation::default() && files.totals.is_none() {
            tracing::warn!("standard output is never full: the sink's rotation has no effect");
        }
        let outlet = Outlet {
            totals: open(&files.totals, &written.totals)?,
            rejects: open(&files.rejects, &written.rejects)?,
        };
        if [&outlet.totals, &outlet.rejects].iter().any(|output| matches!(output, Output::Stdout)) {
            tracing::warn!(
                "standard output is delivered to at least once: after a kill its last lines come again (an id \
                 of a total that was seen is to be ignored)"
            );
        }
        Ok(outlet)
    }

    /// Begins a new file where somebody moved one away. Returns whether it did: that is to be acknowledged before
    /// anything is written.
    pub(super) fn follow_moves(&mut self) -> Result<bool, CommandError> {
        Ok(self.totals.follow_moves()? | self.rejects.follow_moves()?)
    }

    /// Writes entries, in order.
    pub(super) fn write(&mut self, entries: &[Outgoing]) -> Result<(), CommandError> {
        let (mut totals, mut rejects) = (Vec::new(), Vec::new());
        for entry in entries {
            let lines = match entry.kind {
                OutgoingKind::Total(_) => &mut totals,
                OutgoingKind::Reject => &mut rejects,
            };
            lines.extend_from_slice(entry.body.as_bytes());
            lines.push(b'\n');
        }
        self.totals.write(&totals)?;
        self.rejects.write(&rejects)
    }

    /// Brings to the disk what was written. It may be acknowledged then.
    pub(super) fn settle(&mut self) -> Result<Written, CommandError> {
        self.totals.settle()?;
        self.rejects.settle()?;
        Ok(self.written())
    }

    /// What stands in the files.
    pub(super) fn written(&self) -> Written {
        Written { totals: self.totals.written(), rejects: self.rejects.written() }
    }

    /// Whether a file is full, or of a day that is over.
    pub(super) fn is_full(&self) -> bool {
        self.totals.is_full() || self.rejects.is_full()
    }

    /// Gives full files their last names: all of them is acknowledged, and that lasts. The new ones are to be acknowledged
    /// before anything is written.
    pub(super) fn rotate(&mut self) -> Result<(), CommandError> {
        self.totals.rotate()?;
        self.rejects.rotate()
    }
}

impl Output {
    fn follow_moves(&mut self) -> Result<bool, CommandError> {
        match self {
            Output::File(file) => file.follow_moves().map_err(failure),
            Output::Stdout => Ok(false),
        }
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), CommandError> {
        match self {
            Output::File(file) => file.append(lines, today()).map_err(failure),
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(lines).and_then(|()| stdout.flush());
                // Here a reader that has gone is a failure: it has seen what there was, and not what is to come.
                written.map_err(|source| {
                    let name = "standard output".to_owned();
                    failure(file::Error { step: Step::Write, name, source })
                })
            }
        }
    }

    fn settle(&mut self) -> Result<(), CommandError> {
        match self {
            Output::File(file) => file.settle().map_err(failure),
            Output::Stdout => Ok(()),
        }
    }

    fn written(&self) -> Option<WrittenFile> {
        match self {
            Output::File(file) => Some(file.written().clone()),
            Output::Stdout => None,
        }
    }

    fn is_full(&self) -> bool {
        matches!(self, Output::File(file) if file.is_full(today()))
    }

    fn rotate(&mut self) -> Result<(), CommandError> {
        match self {
            Output::File(file) if file.is_full(today()) => file.rotate().map_err(failure),
            Output::File(_) | Output::Stdout => Ok(()),
        }
    }
}

/// The UTC day from the epoch.
fn today() -> u32 {
    day_of(clock::now())
}

fn day_of(time: EventTime) -> u32 {
    u32::try_from(time.micros().div_euclid(DAY_MICROS)).unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failure(error: file::Error) -> CommandError {
    CommandError::failed(format!("{error}; what is stored is delivered at the next start"))
}
