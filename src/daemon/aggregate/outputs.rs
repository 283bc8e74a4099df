//! What a run writes: totals in the form that was asked for, rejects, a summary. All of it waits until the end.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::file_failure;
use super::pieces::Delivery;
use crate::daemon::cli::{AggregateArguments, OutputFormat};
use crate::daemon::{CommandError, table};
use crate::engine::Tally;
use crate::file::{Spool, Target};
use crate::format::{Outgoing, OutgoingKind, Summary, TOTAL_COLUMNS, csv_line, total_row};
use crate::model::{RejectReason, TotalKind};

/// Everything that a run writes.
pub(super) struct Outputs {
    format: OutputFormat,
    totals: Spool,
    /// Bodies of the totals, where the form needs all of them before it can begin.
    bodies: Option<Spool>,
    rejects: Option<Spool>,
    summary: Option<Spool>,
    places: Vec<PathBuf>,
    tally: Tally,
}

impl Outputs {
    /// Makes every output that is asked for, so that what cannot be made is known before anything is read.
    pub(super) fn create(arguments: &AggregateArguments) -> Result<Self, CommandError> {
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
        let named = [Some(output), arguments.rejects.as_deref(), arguments.summary.as_deref()];
        let named = named.into_iter().flatten();
        let places = named.filter_map(|path| Target::of_argument(path).place()).collect();
        let tally = Tally::default();
        Ok(Outputs { format, totals, bodies, rejects, summary, places, tally })
    }

    /// Whether anyone wants to see rejects.
    pub(super) fn keeps_rejects(&self) -> bool {
        self.rejects.is_some()
    }

    /// How many of each were added, rejects that nobody wants to see among them.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts a reject that nobody wants to see.
    pub(super) fn pass_over(&mut self, reason: RejectReason) {
        *self.tally.rejects.entry(reason).or_default() += 1;
    }

    /// Adds a total or a reject.
    pub(super) fn add(&mut self, outgoing: &Outgoing) -> Result<(), CommandError> {
        let body = &outgoing.body;
        match outgoing.kind {
            OutgoingKind::Total(TotalKind::Final) => self.tally.finals += 1,
            OutgoingKind::Total(TotalKind::Correction) => self.tally.corrections += 1,
            OutgoingKind::Total(TotalKind::Provisional) => self.tally.provisionals += 1,
            OutgoingKind::Reject => {
                self.pass_over(outgoing.reason().expect("a reject's body begins with its reason"));
            }
        }
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

    /// The files that it will be in; none for streams.
    pub(super) fn places(&self) -> impl Iterator<Item = &Path> {
        self.places.iter().map(PathBuf::as_path)
    }

    /// Brings everything to the disk, so that only its names are left to be given.
    pub(super) fn settle(mut self, summary: &Summary) -> Result<Settled, CommandError> {
        if let Some(bodies) = &mut self.bodies {
            let mut rows = bodies.rewind().map_err(file_failure)?;
            table::draw(&mut rows, &mut self.totals).map_err(file_failure)?;
        }
        if let Some(spool) = &mut self.summary {
            let text = serde_json::to_string(summary).expect("plain fields are JSON");
            add_line(spool, &text)?;
        }
        let rejects = self.tally.rejects.values().sum();
        let counts = [rejects, self.tally.finals + self.tally.corrections];
        let Outputs { rejects, summary, totals, .. } = self;
        let mut settled = Settled { rejects, summary, totals, counts };
        for spool in settled.all_mut() {
            spool.settle().map_err(file_failure)?;
        }
        Ok(settled)
    }
}

/// Outputs that are whole.
pub(super) struct Settled {
    rejects: Option<Spool>,
    summary: Option<Spool>,
    totals: Spool,
    /// How many rejects and totals are in them.
    counts: [u64; 2],
}

impl Settled {
    /// The totals last, so that they stand only where all the rest does.
    fn all_mut(&mut self) -> impl Iterator<Item = &mut Spool> {
        self.rejects.iter_mut().chain(&mut self.summary).chain([&mut self.totals])
    }

    /// Hands over rejects, summary and totals, and says how each gets into its place.
    pub(super) fn hand_over(&mut self) -> Result<[Delivery; 3], CommandError> {
        let hand_over = |spool: &mut Spool, count| match spool.hand_over() {
            Ok(Some(handover)) => Ok(Delivery::File(handover, count)),
            Ok(None) => Ok(Delivery::Stream),
            Err(error) => Err(file_failure(error)),
        };
        let [rejects, totals] = self.counts;
        let wanted = |spool: &mut Option<Spool>, count| match spool {
            Some(spool) => hand_over(spool, count),
            None => Ok(Delivery::Nowhere),
        };
        let rejects = wanted(&mut self.rejects, rejects)?;
        let summary = wanted(&mut self.summary, 1)?;
        Ok([rejects, summary, hand_over(&mut self.totals, totals)?])
    }

    /// Puts everything in its place.
    pub(super) fn publish(self) -> Result<(), CommandError> {
        for spool in self.rejects.into_iter().chain(self.summary).chain([self.totals]) {
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

/// An output of the name of another one, or of something that is read, would overwrite it.
pub(super) fn faults(arguments: &AggregateArguments) -> Vec<String> {
    let targets = targets(arguments);
    let mut faults = Vec::new();
    for (at, (flag, path, target)) in targets.iter().enumerate() {
        for (other_flag, _, other) in targets.iter().skip(at + 1) {
            if target == other || target.place().is_some_and(|place| other.place() == Some(place)) {
                let shown = path.display();
                faults.push(format!(
                    "{flag} and {other_flag} are both {shown}: name a file of its own for each"
                ));
            }
        }
        let inputs = arguments.input.iter().map(|input| ("--input", input));
        let metrics = arguments.metrics.iter().map(|metrics| ("--metrics", metrics));
        for (read_flag, read) in inputs.chain(metrics) {
            let place = target.place().filter(|_| read != Path::new("-"));
            if place.is_some() && place == std::fs::canonicalize(read).ok() {
                let shown = path.display();
                faults.push(format!(
                    "{flag} would replace {shown}, which {read_flag} reads: name another file"
                ));
            }
        }
    }
    faults
}

/// The outputs that are asked for, but for devices, which take any number of them.
fn targets(arguments: &AggregateArguments) -> Vec<(&'static str, &Path, Target)> {
    let named = [
        ("--output", Some(arguments.output.as_deref().unwrap_or(Path::new("-")))),
        ("--rejects", arguments.rejects.as_deref()),
        ("--summary", arguments.summary.as_deref()),
    ];
    let named = named.into_iter().filter_map(|(flag, path)| path.map(|path| (flag, path)));
    named
        .map(|(flag, path)| (flag, path, Target::of_argument(path)))
        .filter(|(_, _, target)| *target == Target::Stdout || target.place().is_some())
        .collect()
}
