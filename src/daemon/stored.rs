//! `odometer state`: what a state directory holds, whether it is sound, and its totals.
//!
//! These only read. They may be given the directory of a daemon at work: what they see is its last commit. Beside them
//! `list` (which states there are) and what changes one while no process has it: `discard`, `adopt`, `restore`, `rebuild`.

mod adopt;
mod discard;
mod list;
mod rebuild;
mod restore;
mod task;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::outcome::print;
use super::run::definitions_beside;
use super::{CommandError, clock, definition_files};
use crate::definition::{Definitions, Metric, Plan};
use crate::engine::{Binding, OutboxEntry, Usage};
use crate::format::state::{Identity, LeftOut};
use crate::format::{Encoder, Place};
use crate::settings;
use crate::store::{self, Ask, Store, Survey, View};

/// Entries that are read at once.
const PAGE_ENTRIES: usize = 1_000;

pub use adopt::AdoptArguments;
pub use discard::DiscardArguments;
pub use list::{ListArguments, StateFormat};
pub use rebuild::{DifferenceFormat, RebuildArguments};
pub use restore::RestoreArguments;

/// `odometer state`
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// List the states below a directory: whose, how far, how large, whether sound
    #[command(after_help = list::HELP)]
    List(ListArguments),
    /// Say what a state holds: tasks, cursor, watermark, keys, ids, outbox, sizes, commits
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArguments),
    /// Read all of a state, and say what is not as it must be
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArguments),
    /// Write the totals of a state as NDJSON: closed ones with their last revision, open ones as provisional
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArguments),
    /// Put a task's state out of the way, so that the next start finds none
    #[command(after_help = discard::HELP)]
    Discard(DiscardArguments),
    /// Have the group go on from a state, where its offset was lost or moved by hand
    #[command(after_help = adopt::HELP)]
    Adopt(AdoptArguments),
    /// Bring a checkpoint into the place of a task's state
    #[command(after_help = restore::HELP)]
    Restore(RestoreArguments),
    /// Make a task's state anew from its partition, and correct what was billed otherwise
    #[command(after_help = rebuild::HELP)]
    Rebuild(RebuildArguments),
}

const INSPECT_HELP: &str = "\
Only reads, and may be asked of the directory of a daemon at work. Every entry is counted: some seconds
for each ten million ids.

Example:
  odometer state inspect data/state";

const VERIFY_HELP: &str = "\
Reads every entry with its checksum: commits that go on from each other, an outbox without gaps, events
that are all accounted for, keys whose parts belong to them. With --metrics also whether a start would
take the state by these definitions, that every period is one of its metric, and that no metric of the
state is missing. Exit status 1 where something is wrong, with all of it on stderr.

Example:
  odometer state verify data/state --metrics config/metrics.toml";

const EXPORT_HELP: &str = "\
The totals are those that `odometer usage` shows of a daemon at work. Of a correction the value before it
is not kept: its previous and delta are null. Metrics that were made over the listener are read from the
state directory. Exit status 1 where the state has periods of a metric that nothing defines, with all
of these on stderr.

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
    /// The files of definitions that the state was made by [default: as the state directory remembers them]
    #[arg(long, num_args = 1.., value_name = "FILE")]
    metrics: Vec<PathBuf>,
}

/// Does what is asked of a state.
///
/// # Errors
/// A directory without a state, a damaged one, definitions of another meaning.
pub(super) fn state(command: &StateCommand) -> Result<(), CommandError> {
    match command {
        StateCommand::List(arguments) => list::list(arguments),
        StateCommand::Adopt(arguments) => adopt::adopt(arguments),
        StateCommand::Restore(arguments) => restore::restore(arguments),
        StateCommand::Rebuild(arguments) => rebuild::rebuild(arguments),
        StateCommand::Discard(arguments) => discard::discard(arguments),
        StateCommand::Inspect(arguments) => inspect(&arguments.directory),
        StateCommand::Verify(arguments) => verify(&arguments.directory, &arguments.metrics),
        StateCommand::Export(arguments) => export(&arguments.directory, &arguments.metrics),
    }
}

fn inspect(directory: &Path) -> Result<(), CommandError> {
    for task in tasks(directory)? {
        let survey = Survey::of(&task).map_err(failure)?;
        print(&words::words(&task, &survey))?;
    }
    Ok(())
}

fn verify(directory: &Path, metrics: &[PathBuf]) -> Result<(), CommandError> {
    let definitions = match metrics {
        [] => None,
        paths => Some(defined(directory, paths)?),
    };
    let mut faults = Vec::new();
    for task in tasks(directory)? {
        let name = task.display();
        let survey = Survey::of(&task).map_err(failure)?;
        let entries = survey.entries();
        let mut found = survey.faults;
        if let Some(definitions) = &definitions {
            let view = view(&task, definitions)?;
            let taken = Store::look(&task, view.plan()).map_err(failure).map(drop);
            let totals = taken.and_then(|()| each_total(&task, &view, |_| Ok(())));
            found.extend(totals.err().map(|error| error.to_string()));
            found.extend(left_out(&view)?);
        }
        if found.is_empty() {
            print(&format!("{name}: {entries} ids, keys and totals in order\n"))?;
        }
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    if faults.is_empty() { Ok(()) } else { Err(CommandError::failed(faults.join("\n"))) }
}

fn export(directory: &Path, metrics: &[PathBuf]) -> Result<(), CommandError> {
    let definitions = defined(directory, metrics)?;
    let mut faults = Vec::new();
    for task in tasks(directory)? {
        let view = view(&task, &definitions)?;
        each_total(&task, &view, |body| print(&format!("{body}\n")))?;
        let name = task.display();
        faults.extend(left_out(&view)?.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    if faults.is_empty() { Ok(()) } else { Err(CommandError::failed(faults.join("\n"))) }
}

/// The definitions of those files, or of what files had when a daemon last worked, with those that lie beside the state.
fn defined(directory: &Path, metrics: &[PathBuf]) -> Result<Definitions, CommandError> {
    let beside = if is_task(directory) { directory.parent() } else { Some(directory) };
    let registry = beside.map(definitions_beside).transpose()?.unwrap_or_default();
    if metrics.is_empty() {
        let definitions = registry.definitions();
        if definitions.metrics.is_empty() {
            let name = directory.display();
            return Err(CommandError::Faults(vec![format!(
                "--metrics is missing: no definitions lie beside the state {name}; name the files that it was made by"
            )]));
        }
        return Ok(definitions);
    }
    let registry = registry.with_files(definition_files::load(metrics)?, clock::now(), None);
    Ok(registry.map_err(CommandError::Faults)?.definitions())
}

/// What is known of metrics whose totals are not told.
fn left_out(view: &View) -> Result<Vec<String>, CommandError> {
    let words = |metric: &LeftOut| {
        let LeftOut { tenant, code, .. } = metric;
        format!(
            "it has periods of metric {code:?} of tenant {tenant:?}, which nothing defines: name its file with --metrics"
        )
    };
    Ok(view.left_out().map_err(failure)?.iter().map(words).collect())
}

// One that cannot be opened says what it lacks when it is.
fn is_task(path: &Path) -> bool {
    store::exists(path) || store::is_beheaded(path)
}

/// The directories with the states of tasks.
fn tasks(directory: &Path) -> Result<Vec<PathBuf>, CommandError> {
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

/// A task's state, by its part of the definitions.
fn view(task: &Path, definitions: &Definitions) -> Result<View, CommandError> {
    // Which definitions are the task's is known once it is known what it belongs to.
    let binding = binding(task, &View::open(task, &Arc::default()).map_err(failure)?)?;
    let is_of_files = binding.topic.is_empty();
    // Metrics name the topic that events are written to, also where they are re-keyed into another one.
    let is_named = |metric: &Metric| metric.topic.as_ref() == Some(&binding.topic);
    let written_to = settings::written_to(&binding.group, &binding.topic);
    let topic = written_to.filter(|_| !definitions.metrics.iter().any(is_named));
    let own = match topic {
        _ if is_of_files => definitions.clone(),
        Some(topic) => definitions.of_topic(topic),
        None => definitions.of_topic(&binding.topic),
    };
    View::open(task, &Arc::new(Plan::new(own))).map_err(failure)
}

fn binding(task: &Path, view: &View) -> Result<Binding, CommandError> {
    let Some(Identity { binding, .. }) = view.identity().map_err(failure)? else {
        let name = task.display();
        return Err(CommandError::failed(format!("state directory {name}: nothing is in it yet")));
    };
    Ok(binding)
}

/// Gives the body of every total of a task.
fn each_total(
    task: &Path,
    view: &View,
    mut give: impl FnMut(&str) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let plan = view.plan();
    let place = place_of(task, binding(task, view)?);
    let encoder = Encoder::new(plan, &place, usize::MAX);
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
            let usage = Usage::at(plan, &page.commit, false);
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

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failure(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
