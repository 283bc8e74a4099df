//! `odometer state`: what a state directory holds, whether it is sound, and its totals.
//!
//! All three only read. They may be given the directory of a daemon at work: what they see is its last commit.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::outcome::print;
use super::{CommandError, aggregate, definition_files};
use crate::definition::{Definitions, Plan};
use crate::engine::{Binding, CommitRecord, Counters, OutboxEntry, Usage};
use crate::format::state::Identity;
use crate::format::{Encoder, Place};
use crate::store::{self, Ask, Survey, View};

/// Entries that are read at once.
const PAGE_ENTRIES: usize = 1_000;

const SECONDS_PER_DAY: i64 = 86_400;

/// `odometer state`
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// Say what a state holds: tasks, cursor, watermark, keys, ids, outbox, sizes, commits
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArguments),
    /// Read all of a state, and say what is not as it must be
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArguments),
    /// Write the totals of a state as NDJSON: closed ones with their last revision, open ones as provisional
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArguments),
}

const INSPECT_HELP: &str = "\
Only reads, and may be asked of the directory of a daemon at work. Every entry is counted: some seconds
for each ten million ids.

Example:
  odometer state inspect data/state";

const VERIFY_HELP: &str = "\
Reads every entry with its checksum: commits that go on from each other, an outbox without gaps, events
that are all accounted for, keys whose parts belong to them. With --metrics also that every period
is one of its metric. Exit status 1 where something is wrong, with all of it on stderr.

Example:
  odometer state verify data/state --metrics config/metrics.toml";

const EXPORT_HELP: &str = "\
The totals are those that `odometer usage` shows of a daemon at work. Of a correction the value before it
is not kept: its previous and delta are null.

Example:
  odometer state export data/state --metrics config/metrics.toml > totals.ndjson";

/// `odometer state inspect`
#[derive(Clone, Debug, Args)]
pub struct InspectArguments {
    /// A state.directory of `odometer run`, the directory of one of its tasks, or that of `aggregate --state`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// `odometer state verify`
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// As for `state inspect`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The definitions that the state was made by, to check it against them
    #[arg(long, num_args = 1.., value_name = "FILE")]
    metrics: Vec<PathBuf>,
}

/// `odometer state export`
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// As for `state inspect`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The definitions that the state was made by
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    metrics: Vec<PathBuf>,
}

/// Does what is asked of a state.
///
/// # Errors
/// A directory without a state, a damaged one, definitions of another meaning.
pub(super) fn state(command: &StateCommand) -> Result<(), CommandError> {
    match command {
        StateCommand::Inspect(arguments) => inspect(&arguments.directory),
        StateCommand::Verify(arguments) => verify(&arguments.directory, &arguments.metrics),
        StateCommand::Export(arguments) => export(&arguments.directory, &arguments.metrics),
    }
}

fn inspect(directory: &Path) -> Result<(), CommandError> {
    for task in tasks(directory)? {
        let survey = Survey::of(&task).map_err(failure)?;
        print(&words(&task, &survey))?;
    }
    Ok(())
}

fn verify(directory: &Path, metrics: &[PathBuf]) -> Result<(), CommandError> {
    let definitions = match metrics {
        [] => None,
        paths => Some(definition_files::load(paths)?),
    };
    let mut faults = Vec::new();
    for task in tasks(directory)? {
        let name = task.display();
        let survey = Survey::of(&task).map_err(failure)?;
        let entries = survey.entries();
        let mut found = survey.faults;
        if let Some(definitions) = &definitions
            && let Err(error) = each_total(&task, definitions, |_| Ok(()))
        {
            found.push(error.to_string());
        }
        if found.is_empty() {
            print(&format!("{name}: {entries} ids, keys and totals in order\n"))?;
        }
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    if faults.is_empty() { Ok(()) } else { Err(CommandError::failed(faults.join("\n"))) }
}

fn export(directory: &Path, metrics: &[PathBuf]) -> Result<(), CommandError> {
    let definitions = definition_files::load(metrics)?;
    for task in tasks(directory)? {
        each_total(&task, &definitions, |body| print(&format!("{body}\n")))?;
    }
    Ok(())
}

/// The directories with the states of tasks.
fn tasks(directory: &Path) -> Result<Vec<PathBuf>, CommandError> {
    // One that cannot be opened says what it lacks when it is.
    let is_task = |path: &Path| store::exists(path) || store::is_beheaded(path);
    if is_task(directory) {
        return Ok(vec![directory.to_owned()]);
    }
    let name = directory.display();
    let entries = std::fs::read_dir(directory)
        .map_err(|error| CommandError::failed_by(format!("state directory {name}"), error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut tasks: Vec<PathBuf> = paths.filter(|path| is_task(path)).collect();
    tasks.sort();
    if tasks.is_empty() {
        return Err(CommandError::failed(format!(
            "state directory {name} holds no state: name the state.directory of a configuration, or what was given to \
             `aggregate --state`"
        )));
    }
    Ok(tasks)
}

/// Gives the body of every total of a task.
fn each_total(
    task: &Path,
    definitions: &Definitions,
    mut give: impl FnMut(&str) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    // Which definitions are the task's is known once it is known what it belongs to.
    let found = View::open(task, &Arc::default()).and_then(|view| view.identity());
    let Some(Identity { binding, .. }) = found.map_err(failure)? else {
        let name = task.display();
        return Err(CommandError::failed(format!("state directory {name}: nothing is in it yet")));
    };
    let is_of_files = binding.topic.is_empty();
    let own = if is_of_files { definitions.clone() } else { definitions.of_topic(&binding.topic) };
    let plan = Arc::new(Plan::new(own));
    let view = View::open(task, &plan).map_err(failure)?;
    let place = place_of(task, binding);
    let encoder = Encoder::new(&plan, &place, usize::MAX);
    for (metric, _) in (0..).zip(plan.metrics()) {
        let mut from: Option<Vec<u8>> = None;
        loop {
            let ask = Ask {
                metric,
                customer: None,
                after: None,
                from: from.as_deref(),
                entries_max: PAGE_ENTRIES,
            };
            let page = view.page(&ask).map_err(failure)?;
            let usage = Usage::at(&plan, &page.commit, false);
            let mut outcome = Ok(());
            for found in &page.found {
                usage.totals(found, &mut |total| {
                    if outcome.is_ok() {
                        outcome = give(&encoder.outgoing(&OutboxEntry::Total(total)).body);
                    }
                });
            }
            outcome?;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Where the events came from; of files no more is known than the state that they went to.
fn place_of(task: &Path, binding: Binding) -> Place {
    if binding.topic.is_empty() {
        Place::Files { pattern: format!("state {}", task.display()), names: [].into() }
    } else {
        Place::Topic { topic: binding.topic, partition: binding.partition }
    }
}

/// What a state holds, for people.
fn words(task: &Path, survey: &Survey) -> String {
    let mut text = format!("{}\n", task.display());
    let mut row = |name: &str, words: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {name:<13}{words}");
    };
    if let Some(identity) = &survey.identity {
        row("belongs to", binding_words(&identity.binding));
    }
    if let Some(last) = survey.commits.last() {
        // A run of `aggregate` leaves it to the next one to forget what it delivered.
        let is_delivered = aggregate::last_commit_delivered(task) == Some(last.number);
        row("commit", commit_words(last, if is_delivered { &[] } else { &survey.commits }));
        row("cursor", cursor_words(last, survey));
        let watermark = last.watermark.map_or("none yet".to_owned(), |time| time.to_string());
        row("watermark", watermark);
        let Counters { read, counted, duplicate, unmatched, late, invalid } = last.counters;
        row(
            "events",
            format!(
                "{read} read: {counted} counted, {duplicate} duplicate, {unmatched} unmatched, {late} late, {invalid} \
                 invalid"
            ),
        );
        let kept = survey.outbox.map_or(0, |(first, last)| last - first + 1);
        let waiting = if is_delivered { 0 } else { kept };
        row("outbox", format!("{waiting} entries wait, of {} ever made", last.outbox_last));
    }
    let days = survey.days.map_or(String::new(), |(first, last)| {
        format!(", of days from {} to {}", day_words(first), day_words(last))
    });
    row("ids", format!("{}{days}", survey.ids));
    row("customers", survey.customers.to_string());
    for metric in survey.metrics.values() {
        let chains = if metric.chains == 0 {
            String::new()
        } else {
            format!(" in {} recurring chains", metric.chains)
        };
        let parts =
            if metric.parts == 0 { String::new() } else { format!(", {} parts", metric.parts) };
        let of = if metric.tenant == "default" {
            String::new()
        } else {
            format!(" of tenant {}", metric.tenant)
        };
        row(
            "metric",
            format!(
                "{}{of}: {} periods of keys{chains}, {} of them open{parts}",
                metric.code, metric.cells, metric.open
            ),
        );
    }
    for file in &survey.followed {
        row("file", format!("{}: read up to byte {}, line {}", file.path, file.offset, file.line));
    }
    row("size", format!("{:.1} MiB in tables", mebibytes(survey.disk_bytes)));
    if !survey.faults.is_empty() {
        row("faults", format!("{}: see odometer state verify", survey.faults.len()));
    }
    text
}

fn binding_words(binding: &Binding) -> String {
    let Binding { cluster, group, topic, partition, partitions } = binding;
    if topic.is_empty() {
        return group.clone();
    }
    format!("topic {topic} partition {partition} of {partitions}, group {group}, cluster {cluster}")
}

fn commit_words(last: &CommitRecord, commits: &[CommitRecord]) -> String {
    let waiting = match commits.len() {
        0 | 1 => "visible".to_owned(),
        count => format!("{} commits are not known to be visible", count - 1),
    };
    format!("number {}, id {} ({waiting})", last.number, last.id)
}

fn cursor_words(last: &CommitRecord, survey: &Survey) -> String {
    let is_topic = survey.identity.as_ref().is_some_and(|one| !one.binding.topic.is_empty());
    let cursor = last.cursor;
    if is_topic {
        format!("offset {}", cursor.offset)
    } else {
        format!("file {}, byte {}, line {}", cursor.file, cursor.offset, cursor.line)
    }
}

fn day_words(day: u32) -> String {
    let text = crate::model::EventTime::from_micros(i64::from(day) * SECONDS_PER_DAY * 1_000_000);
    text.to_string().chars().take(10).collect()
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failure(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
