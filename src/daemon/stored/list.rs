//! `odometer state list`: the states below a directory, one a line, with what a start would go by.
//!
//! It only reads, and only what says how far a state is: `state verify` reads all of one.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{mebibytes, tasks};
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::engine::{Binding, CommitRecord};
use crate::format::state::FORMAT;
use crate::store::{self, Store};

pub(super) const HELP: &str = "\
A state is sound here where its database opens, its last commits go on from each other, and no table is
missing; its entries are not read: `state verify` does that. Whether a start takes it depends also on
what the group has committed: `odometer check --live` and the halts of a start tell.

A folder that ends in .aside-N was put out of the way. May be asked of the directory of a daemon at work.

Example:
  odometer state list data/state";

/// `odometer state list`
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// A state.directory of `odometer run`, the directory of one of its tasks, or that of `aggregate --state`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// What states look like [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    output_format: Option<StateFormat>,
}

/// What states look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum StateFormat {
    /// Aligned columns, for people.
    Table,
    /// One JSON object a line.
    Ndjson,
}

/// A state, as it is shown.
#[derive(Serialize)]
struct Row {
    directory: String,
    #[serde(flatten)]
    held: Option<Held>,
    bytes: u64,
    is_sound: bool,
    /// Why it is not.
    reason: Option<String>,
}

/// What it says of itself.
#[derive(Serialize)]
struct Held {
    format: u32,
    cluster: String,
    group: String,
    topic: String,
    partition: i32,
    partitions: i32,
    commit: Option<String>,
    number: Option<u64>,
    cursor: Option<i64>,
    watermark: Option<String>,
    /// Commits that are not known to be visible.
    waiting: usize,
}

/// Shows all states of a directory.
pub(super) fn list(arguments: &ListArguments) -> Result<(), CommandError> {
    let rows: Vec<Row> = tasks(&arguments.directory)?.iter().map(|task| row(task)).collect();
    let is_terminal = io::stdout().is_terminal();
    let usual = if is_terminal { StateFormat::Table } else { StateFormat::Ndjson };
    match arguments.output_format.unwrap_or(usual) {
        StateFormat::Table => print(&table(&rows)),
        StateFormat::Ndjson => rows.iter().try_for_each(|row| {
            let text = serde_json::to_string(row).expect("plain fields are JSON");
            print(&format!("{text}\n"))
        }),
    }
}

fn row(task: &Path) -> Row {
    let found = look(task);
    let (held, reason) = match found {
        Ok(Some(held)) => (Some(held), None),
        Ok(None) => (None, Some("nothing is in it yet: a start begins one there".to_owned())),
        Err(error) => (None, Some(error.damage())),
    };
    let is_sound = reason.is_none();
    Row { directory: task.display().to_string(), held, bytes: bytes(task), is_sound, reason }
}

fn look(task: &Path) -> Result<Option<Held>, store::Error> {
    let Some(store) = Store::look(task, &Arc::default())? else { return Ok(None) };
    let Binding { cluster, group, topic, partition, partitions } = store.identity().binding.clone();
    let commits = store.commits()?;
    let last = commits.last();
    let time = |last: &CommitRecord| last.watermark.map(|time| time.to_string());
    Ok(Some(Held {
        format: FORMAT,
        cluster,
        group,
        topic,
        partition,
        partitions,
        commit: last.map(|last| last.id.to_string()),
        number: last.map(|last| last.number),
        cursor: last.map(|last| last.cursor.offset),
        watermark: last.and_then(time),
        waiting: commits.len().saturating_sub(1),
    }))
}

/// Of its files; one that goes meanwhile has none.
fn bytes(task: &Path) -> u64 {
    let entries = std::fs::read_dir(task).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["STATE", "OF", "COMMIT", "CURSOR", "WATERMARK", "MIB", "SOUND"]);
    for row in rows {
        let of = |held: &Held| match held.topic.as_str() {
            "" => held.group.clone(),
            topic => format!("{topic} partition {}, group {}", held.partition, held.group),
        };
        let held = row.held.as_ref();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            row.directory.clone(),
            or_none(held.map(of)),
            or_none(held.and_then(|held| held.number).map(|number| number.to_string())),
            or_none(held.and_then(|held| held.cursor).map(|cursor| cursor.to_string())),
            or_none(held.and_then(|held| held.watermark.clone())),
            format!("{:.1}", mebibytes(row.bytes)),
            row.reason.as_ref().map_or("yes".to_owned(), |reason| format!("no: {reason}")),
        ]);
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
