//! What a run writes: totals in the form that was asked for, rejects, a summary. All of it waits until the end.

use std::io::{self, IsTerminal};
use std::path::Path;

use super::{file_failure, table};
use crate::daemon::CommandError;
use crate::daemon::cli::{AggregateArguments, OutputFormat};
use crate::file::{Spool, Target};
use crate::format::{Outgoing, OutgoingKind, Summary, TOTAL_COLUMNS, csv_line, total_row};

/// Everything that a run writes.
pub(super) struct Outputs {
    format: OutputFormat,
    totals: Spool,
    /// Bodies of the totals, where the form needs all of them before it can begin.
    bodies: Option<Spool>,
    rejects: Option<Spool>,
    summary: Option<Spool>,
}

impl Outputs {
    /// Makes every output that is asked for, so that what cannot be made is known before anything is read.
    pub(super) fn create(arguments: &AggregateArguments) -> Result<Self, CommandError> {
        check_apart(arguments)?;
        let spool = |path: &Path| Spool::create(&Target::of_argument(path)).map_err(file_failure);
        let output = arguments.output.as_deref().unwrap_or(Path::new("-"));
        let format = arguments.output_format.unwrap_or_else(|| default_format(output));
        let mut totals = spool(output)?;
        let mut bodies = None;
        match format {
            OutputFormat::Ndjson => {}
            OutputFormat::Csv => {
                totals.write(csv_line(TOTAL_COLUMNS).as_bytes()).map_err(file_failure)?;
            }
            OutputFormat::Table => bodies = Some(Spool::scratch().map_err(file_failure)?),
        }
        let rejects = arguments.rejects.as_deref().map(spool).transpose()?;
        let summary = arguments.summary.as_deref().map(spool).transpose()?;
        Ok(Outputs { format, totals, bodies, rejects, summary })
    }

    /// Whether anyone wants to see rejects.
    pub(super) fn keeps_rejects(&self) -> bool {
        self.rejects.is_some()
    }

    /// Adds a total or a reject.
    pub(super) fn add(&mut self, outgoing: &Outgoing) -> Result<(), CommandError> {
        let body = &outgoing.body;
        match (outgoing.kind, self.format) {
            (OutgoingKind::Reject, _) => match &mut self.rejects {
                Some(rejects) => add_line(rejects, body),
                None => Ok(()),
            },
            (OutgoingKind::Total(_), OutputFormat::Csv) => {
                let row = total_row(body).expect("a total's body has its fields");
                self.totals.write(csv_line(row).as_bytes()).map_err(file_failure)
            }
            (OutgoingKind::Total(_), OutputFormat::Ndjson | OutputFormat::Table) => {
                add_line(self.bodies.as_mut().unwrap_or(&mut self.totals), body)
            }
        }
    }

    /// Puts everything in its place; the totals last, so that they stand only where all the rest does.
    pub(super) fn publish(mut self, summary: &Summary) -> Result<(), CommandError> {
        if let Some(bodies) = &mut self.bodies {
            let mut rows = bodies.rewind().map_err(file_failure)?;
            table::draw(&mut rows, &mut self.totals).map_err(file_failure)?;
        }
        if let Some(spool) = &mut self.summary {
            let text = serde_json::to_string(summary).expect("plain fields are JSON");
            add_line(spool, &text)?;
        }
        let mut others: Vec<Spool> = [self.rejects, self.summary].into_iter().flatten().collect();
        for spool in others.iter_mut().chain([&mut self.totals]) {
            spool.settle().map_err(file_failure)?;
        }
        for spool in others.into_iter().chain([self.totals]) {
            spool.publish().map_err(file_failure)?;
        }
        Ok(())
    }
}

fn add_line(spool: &mut Spool, line: &str) -> Result<(), CommandError> {
    spool.write(line.as_bytes()).and_then(|()| spool.write(b"\n")).map_err(file_failure)
}

fn default_format(output: &Path) -> OutputFormat {
    let is_shown = output == Path::new("-") && io::stdout().is_terminal();
    if is_shown { OutputFormat::Table } else { OutputFormat::Ndjson }
}

/// Two outputs of one name would overwrite each other.
fn check_apart(arguments: &AggregateArguments) -> Result<(), CommandError> {
    let named = [
        ("--output", arguments.output.as_deref().or(Some(Path::new("-")))),
        ("--rejects", arguments.rejects.as_deref()),
        ("--summary", arguments.summary.as_deref()),
    ];
    let mut faults = Vec::new();
    for (at, (flag, path)) in named.iter().enumerate() {
        for (other_flag, other) in named.iter().skip(at + 1) {
            if path.is_some() && path == other && !is_device(*path) {
                let shown = path.unwrap_or(Path::new("-")).display();
                faults.push(format!(
                    "{flag} and {other_flag} are both {shown}: name a file of its own for each"
                ));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(CommandError::Faults(faults)) }
}

/// `/dev/null` takes any number of outputs.
fn is_device(path: Option<&Path>) -> bool {
    let metadata = path.and_then(|path| std::fs::metadata(path).ok());
    metadata.is_some_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
