//! `odometer state restore`: a checkpoint in the place of a task's state, and which checkpoints there are.

use std::io::{self, IsTerminal};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::task::TaskArguments;
use super::{StateFormat, mebibytes};
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::readback::{Console, Progress, configured};
use crate::daemon::run::restoring::{self, Ask, Found, Kept};
use crate::daemon::signals::StopSignal;
use crate::settings::Flow;

pub(super) const HELP: &str = "\
A start brings the newest checkpoint that may be used by itself, where the state that is here may not be.
This does it by hand: where a state is damaged in a way that shows only later, where no process of the group
is to run yet, or with an older checkpoint. The state that is here is set aside as NAME.aside-N, never
deleted, and only once the checkpoint is here whole, each file held against its digest.

A checkpoint may be used where its commits have the one that the group's offset names: refused where it does
not, where the log does not hold the place at which it goes on, and while a daemon has the directory. Where the
group has no offset of odometer's own, the newest is brought here, and `odometer state adopt` comes next.

Examples:
  odometer state restore usage-3 --config config/odometer.toml --list
  odometer state restore usage-3 --config config/odometer.toml";

/// `odometer state restore`
#[derive(Clone, Debug, Args)]
pub struct RestoreArguments {
    #[command(flatten)]
    of: TaskArguments,
    /// Only say which checkpoints there are, the newest first
    #[arg(long, conflicts_with_all = ["checkpoint", "yes"])]
    list: bool,
    /// The checkpoint with this last commit [default: the newest that may be used]
    #[arg(long, value_name = "COMMIT")]
    checkpoint: Option<String>,
    /// What checkpoints look like [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT", requires = "list")]
    output_format: Option<StateFormat>,
}

/// A checkpoint, as it is shown.
#[derive(Serialize)]
struct Row {
    number: u64,
    commit: String,
    put_at: String,
    bytes: u64,
    files: usize,
    /// Whether a start may go on with it; `None`: the group's offset does not tell.
    is_usable: Option<bool>,
}

/// Restores the checkpoint, once that is confirmed.
pub(super) fn restore(arguments: &RestoreArguments) -> Result<(), CommandError> {
    let settings = configured(Some(&arguments.of.config), &arguments.of.overrides)?;
    let settings = settings.expect("a configuration is named");
    let Flow::Kafka(flow) = &settings.flow else {
        return Err(CommandError::Faults(vec![
            "source.kind is \"file\": over files no checkpoints are kept; bring a copy of the state directory back"
                .to_owned(),
        ]));
    };
    let found = restoring::find(&Ask { settings: &settings, flow, task: &arguments.of.task })?;
    if arguments.list {
        return list(&found, arguments.output_format);
    }
    let chosen = found.chosen(arguments.checkpoint.as_deref())?;
    let words = found.words(chosen);
    arguments.of.confirm(&format!("{words}. Do that?"))?;
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("taking over the signals", error))?;
    let mut console = Console::new();
    let aside = found.carry_out(chosen.manifest.last(), &mut |progress| {
        console.show(Progress::of(progress.bytes, progress.of), progress.bytes, "bytes");
        !stop.is_raised()
    })?;
    drop(console);
    let before = aside.map(|place| format!("; it is now {}", place.display())).unwrap_or_default();
    print(&format!("{words}{before}\n"))
}

fn list(found: &Found, format: Option<StateFormat>) -> Result<(), CommandError> {
    let rows: Vec<Row> = found.kept.iter().map(row).collect();
    let is_terminal = io::stdout().is_terminal();
    let usual = if is_terminal { StateFormat::Table } else { StateFormat::Ndjson };
    match format.unwrap_or(usual) {
        StateFormat::Table => print(&table(&rows))?,
        StateFormat::Ndjson => rows.iter().try_for_each(|row| {
            let text = serde_json::to_string(row).expect("plain fields are JSON");
            print(&format!("{text}\n"))
        })?,
    }
    if found.unread.is_empty() {
        return Ok(());
    }
    Err(CommandError::failed(found.unread.join("; ")))
}

fn row(kept: &Kept) -> Row {
    let manifest = &kept.manifest;
    Row {
        number: manifest.number,
        commit: manifest.last().to_string(),
        put_at: kept.put_at.to_string(),
        bytes: kept.bytes(),
        files: manifest.files.len(),
        is_usable: kept.is_usable,
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NUMBER", "COMMIT", "PUT", "MIB", "FILES", "USABLE"]);
    for row in rows {
        let is_usable = match row.is_usable {
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        table.add_row([
            row.number.to_string(),
            row.commit.clone(),
            row.put_at.clone(),
            format!("{:.1}", mebibytes(row.bytes)),
            row.files.to_string(),
            is_usable.to_owned(),
        ]);
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
