//! `odometer state rebuild`: a task's state made anew from its partition, and corrections where it was billed otherwise.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::value::RawValue;

use super::task::TaskArguments;
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::run::configured;
use crate::daemon::run::rebuilding::{self, Ask, Last, Rebuilt};
use crate::daemon::signals::StopSignal;
use crate::format::{Outgoing, Revision};

/// How many differences people are shown.
const SHOWN_MAX: usize = 20;

pub(super) const HELP: &str = "\
For a state that is lost for good, damaged or wrong. The partition is read again from the beginning of its
log, by the definitions of now with all their versions, into a new state beside the old one, up to the
group's committed offset (where that is lost or not odometer's own, up to the end of the log). Nothing is
delivered meanwhile. Each total that comes out is held against its last revision in the topic of totals
(all of it is read, committed records alone):

  correction  another value or number of events was billed: the next revision corrects it
  first       no revision of it was billed
  missing     it was billed, and the replay gives nothing of it
  kept        it was billed otherwise, and the log lacks records: it stays as it was billed

Then, once that is confirmed, the old state is set aside as NAME.aside-N, the new one takes its place with the
revisions as they were billed, and the group's offset names it. Corrections and first revisions wait in its
outbox: the next start delivers them, each once, as it delivers everything. Until that offset is committed
nothing has happened: after a kill, run the same again.

Refused where the group has members; where the log begins later than offset 0, or the topic compacts, for
then totals may lack what is gone; and where totals are missing. --allow-missing goes on all the same:
nothing that was billed is corrected then, only an event that comes late for a total corrects it, to what the
log still has. --from-offset says that the first run began there.

Rejects are not delivered again. What the clock did is not in the log: by --help of `run` and docs/operating.md,
an event that was late only because its partition was idle may count now.

Memory: about 250 bytes for each total of the partition, 1 KiB for each one that differs. Disk: room for a
second state.

Exit status: 0 done, or with --dry-run nothing speaks against it; 1 refused or failed; 2 wrong usage.

Examples:
  odometer state rebuild usage-3 --config config/odometer.toml --dry-run
  odometer state rebuild usage-3 --config config/odometer.toml --yes";

/// `odometer state rebuild`
#[derive(Clone, Debug, Args)]
pub struct RebuildArguments {
    #[command(flatten)]
    of: TaskArguments,
    /// Replay from here, where the task's first run began [default: the beginning of the log]
    #[arg(long, value_name = "OFFSET")]
    from_offset: Option<i64>,
    /// Go on though the log or the topic of totals lacks something: what is missing stays as it was billed
    #[arg(long)]
    allow_missing: bool,
    /// Only say what differs
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// What differences look like [default: text on a terminal, with the first 20 alone, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    output_format: Option<DifferenceFormat>,
}

/// What differences look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DifferenceFormat {
    /// A line of words each, the first 20.
    Text,
    /// One JSON object a line, all of them.
    Ndjson,
}

/// What is told of a total.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Correction,
    First,
    Missing,
    Kept,
}

/// A difference, as it is shown.
#[derive(Serialize)]
struct Row<'d> {
    difference: Kind,
    key: &'d str,
    /// What was billed last.
    billed: Option<Billed>,
    /// What is to be delivered.
    total: Option<&'d RawValue>,
}

#[derive(Serialize)]
struct Billed {
    revision: u64,
    value: Option<String>,
    events: u64,
}

/// Rebuilds the state, once that is confirmed.
pub(super) fn rebuild(arguments: &RebuildArguments) -> Result<(), CommandError> {
    let (settings, definitions) = configured(&arguments.of.config, &arguments.of.overrides)?;
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over the signals", error))?;
    let task = arguments.of.task.as_str();
    let from = arguments.from_offset;
    let ask = Ask { settings: &settings, definitions, task, from, stop: &stop };
    let rebuilt = rebuilding::rebuild(ask)?;
    let closed = "standard output was closed before all that differs was shown: nothing was done";
    let outcome = decide(arguments, &rebuilt).map_err(|error| error.unless_closed(closed));
    if !matches!(outcome, Ok(true)) {
        rebuilt.give_up()?;
        return outcome.map(drop);
    }
    let deliveries = rebuilt.comparison.deliveries().len();
    let aside = rebuilt.take_over()?;
    let before = aside.map_or_else(
        || "there was none".to_owned(),
        |place| format!("the one that was is now {}", place.display()),
    );
    tracing::info!(
        "{task} is rebuilt ({before}); {deliveries} totals are delivered at the next start"
    );
    Ok(())
}

/// Shows what differs, and whether the state is to be taken.
fn decide(arguments: &RebuildArguments, rebuilt: &Rebuilt) -> Result<bool, CommandError> {
    let is_terminal = io::stdout().is_terminal();
    let usual = if is_terminal { DifferenceFormat::Text } else { DifferenceFormat::Ndjson };
    show(rebuilt, arguments.output_format.unwrap_or(usual))?;
    let words = words(&arguments.of.task, rebuilt);
    tracing::info!("{words}");
    let objections = rebuilt.objections();
    if !objections.is_empty() {
        let told = objections.join("; ");
        if !arguments.allow_missing {
            return Err(CommandError::failed(format!(
                "{} is not rebuilt: {told}. --allow-missing goes on all the same, and leaves what is missing as it was \
                 billed; else count anew",
                arguments.of.task
            )));
        }
        tracing::warn!("{told}");
    }
    if arguments.dry_run {
        return Ok(false);
    }
    arguments.of.confirm("Put that state in its place, and correct these totals?")?;
    Ok(true)
}

fn words(task: &str, rebuilt: &Rebuilt) -> String {
    let comparison = &rebuilt.comparison;
    let (from, end) = rebuilt.span;
    let first = comparison.deliveries().filter(is_first).count();
    let corrections = comparison.deliveries().len() - first;
    format!(
        "{task}, offsets {from} to {end}: {} totals were billed; {corrections} corrections, {first} first revisions, {} \
         missing, {} kept as they were billed",
        comparison.billed(),
        comparison.missing().len(),
        comparison.kept().len()
    )
}

fn is_first(outgoing: &Outgoing) -> bool {
    Revision::read(outgoing.body.as_bytes()).is_ok_and(|revision| revision.number == 1)
}

fn show(rebuilt: &Rebuilt, format: DifferenceFormat) -> Result<(), CommandError> {
    let limit = match format {
        DifferenceFormat::Text => SHOWN_MAX,
        DifferenceFormat::Ndjson => usize::MAX,
    };
    let comparison = &rebuilt.comparison;
    let mut shown = 0;
    for outgoing in comparison.deliveries().take(limit) {
        shown += 1;
        print(&delivery(&outgoing, rebuilt, format))?;
    }
    let missing = comparison.missing().into_iter().map(|(key, last)| (Kind::Missing, key, last));
    let stay = comparison.kept().into_iter().map(|(key, last)| (Kind::Kept, key, last));
    for (kind, key, last) in missing.chain(stay).take(limit - shown) {
        print(&kept(kind, key, last, format))?;
    }
    Ok(())
}

fn delivery(outgoing: &Outgoing, rebuilt: &Rebuilt, format: DifferenceFormat) -> String {
    let kind = if is_first(outgoing) { Kind::First } else { Kind::Correction };
    let key = outgoing.key.as_str();
    let billed = rebuilt.comparison.last(key).map(billed);
    match format {
        DifferenceFormat::Ndjson => {
            let total: &RawValue = serde_json::from_str(&outgoing.body).expect("a total is JSON");
            line(&Row { difference: kind, key, billed, total: Some(total) })
        }
        DifferenceFormat::Text => {
            let revision = Revision::read(outgoing.body.as_bytes()).expect("a total of our own");
            let text = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
            let value = text(revision.value.map(|value| value.to_string()));
            let events = revision.events.unwrap_or(0);
            match billed {
                None => format!("first       {key}: {value} of {events} events\n"),
                Some(billed) => format!(
                    "correction  {key}: revision {}, {value} of {events} events, billed {} of {} events\n",
                    revision.number,
                    text(billed.value),
                    billed.events
                ),
            }
        }
    }
}

fn kept(kind: Kind, key: &str, last: &Last, format: DifferenceFormat) -> String {
    let billed = billed(last);
    match (format, kind) {
        (DifferenceFormat::Ndjson, _) => {
            line(&Row { difference: kind, key, billed: Some(billed), total: None })
        }
        (DifferenceFormat::Text, kind) => {
            let name = if matches!(kind, Kind::Missing) { "missing" } else { "kept" };
            let Billed { revision, value, events } = billed;
            let value = value.unwrap_or_else(|| "null".to_owned());
            format!("{name:<12}{key}: revision {revision}, billed {value} of {events} events\n")
        }
    }
}

fn billed(last: &Last) -> Billed {
    let value = last.value.map(|value| value.to_string());
    Billed { revision: last.revision, value, events: last.events }
}

fn line(row: &Row<'_>) -> String {
    format!("{}\n", serde_json::to_string(row).expect("plain fields are JSON"))
}
