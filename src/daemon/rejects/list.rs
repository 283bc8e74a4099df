//! `odometer rejects list`: groups as a table, NDJSON or CSV, or the entries as they stand.
//!
//! Whatever a customer wrote into an event, no control character of it reaches a terminal.

use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::arguments::ListArguments;
use super::entries::Entries;
use super::groups::{Example, Group, Groups, Key, shortened};
use crate::daemon::CommandError;
use crate::daemon::cli::OutputFormat;
use crate::daemon::outcome::print;
use crate::daemon::readback::{Console, configured};
use crate::daemon::table::shown;
use crate::format::csv_line;
use crate::model::EventTime;

/// Text is gathered up to so many bytes before it is printed.
const GATHERED_BYTES_MAX: usize = 1 << 16;

/// Most characters of a text in a table.
const CELL_CHARACTERS_MAX: usize = 100;

const COLUMNS: [&str; 9] =
    ["reason", "tenant", "metric", "count", "first_at", "last_at", "detail", "source", "event"];

/// Prints the rejects that the arguments ask for.
pub(super) fn list(arguments: &ListArguments) -> Result<(), CommandError> {
    let selection = &arguments.selection;
    let settings = configured(selection.config.as_deref(), &selection.overrides)?;
    let mut entries = Entries::open(selection, settings.as_ref())?;
    if arguments.entries {
        print_entries(&mut entries)?;
        return entries.outcome();
    }
    let mut console = Console::new();
    let mut groups = Groups::new(usize::from(arguments.examples));
    let mut count = 0;
    entries.each(&mut |entry| {
        groups.add(&entry.refusal);
        count += 1;
        console.show(entry.progress, count, "rejects");
        Ok(true)
    })?;
    drop(console);
    if groups.is_full {
        tracing::warn!(
            "too many groups: the rest of each reason is counted without tenant and metric"
        );
    }
    let is_terminal = io::stdout().is_terminal();
    let usual = if is_terminal { OutputFormat::Table } else { OutputFormat::Ndjson };
    let groups = groups.sorted();
    print(&match arguments.output_format.unwrap_or(usual) {
        OutputFormat::Table => table(&groups),
        OutputFormat::Ndjson => lines(groups.iter().map(ndjson), is_terminal),
        OutputFormat::Csv => lines(csv(&groups), is_terminal),
    })?;
    entries.outcome()
}

fn print_entries(entries: &mut Entries<'_>) -> Result<(), CommandError> {
    let is_terminal = io::stdout().is_terminal();
    let mut gathered = String::new();
    entries.each(&mut |entry| {
        let body = std::str::from_utf8(entry.body).expect("entries are text");
        gathered.push_str(&lines([body], is_terminal));
        if gathered.len() >= GATHERED_BYTES_MAX {
            print(&std::mem::take(&mut gathered))?;
        }
        Ok(true)
    })?;
    print(&gathered)
}

/// Each text as a line; for a terminal without control characters.
fn lines<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, is_terminal: bool) -> String {
    let mut all = String::new();
    for text in texts {
        if is_terminal {
            all.push_str(&shown(text.as_ref()));
        } else {
            all.push_str(text.as_ref());
        }
        all.push('\n');
    }
    all
}

#[derive(Serialize)]
struct GroupBody<'g> {
    reason: &'g str,
    tenant: Option<&'g str>,
    metric: Option<&'g str>,
    count: u64,
    first_at: Option<String>,
    last_at: Option<String>,
    examples: Vec<ExampleBody<'g>>,
}

#[derive(Serialize)]
struct ExampleBody<'g> {
    detail: &'g str,
    source: &'g str,
    event: &'g str,
    at: Option<String>,
}

fn text(time: Option<EventTime>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn ndjson((key, group): &(Key, Group)) -> String {
    let examples = group.examples.iter().map(|example| {
        let Example { detail, source, event, at } = example;
        ExampleBody { detail, source, event, at: text(*at) }
    });
    let body = GroupBody {
        reason: key.reason.name(),
        tenant: key.tenant.as_deref(),
        metric: key.metric.as_deref(),
        count: group.count,
        first_at: text(group.first_at),
        last_at: text(group.last_at),
        examples: examples.collect(),
    };
    serde_json::to_string(&body).expect("texts and counts are JSON")
}

fn csv(groups: &[(Key, Group)]) -> impl Iterator<Item = String> {
    let rows = groups.iter().map(|(key, group)| row(key, group).map(|field| shown(&field)));
    let rows = std::iter::once(COLUMNS.map(str::to_owned)).chain(rows);
    rows.map(|row| csv_line(row).trim_end_matches('\n').to_owned())
}

fn row(key: &Key, group: &Group) -> [String; COLUMNS.len()] {
    let time = |time| text(time).unwrap_or_default();
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let [detail, source, event] = match group.examples.first() {
        Some(Example { detail, source, event, .. }) => [detail, source, event].map(Clone::clone),
        None => [const { String::new() }; 3],
    };
    let reason = key.reason.name().to_owned();
    let (tenant, metric) = (name(&key.tenant), name(&key.metric));
    let (first_at, last_at) = (time(group.first_at), time(group.last_at));
    [reason, tenant, metric, group.count.to_string(), first_at, last_at, detail, source, event]
}

/// The example is one cell of two lines: what is wrong, and with what.
fn table(groups: &[(Key, Group)]) -> String {
    if groups.is_empty() {
        return "no rejects\n".to_owned();
    }
    let is_usual = |tenant: &Option<String>| matches!(tenant.as_deref(), None | Some("default"));
    let has_tenants = !groups.iter().all(|(key, _)| is_usual(&key.tenant));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let columns: Vec<usize> = (0..6).filter(|column| *column != 1 || has_tenants).collect();
    let header = columns.iter().map(|column| COLUMNS[*column].to_uppercase().replace('_', " "));
    table.set_header(header.chain(["EXAMPLE".to_owned()]));
    for (key, group) in groups {
        let row = row(key, group);
        let cell = |field: &str| shown(&shortened(field.as_bytes(), CELL_CHARACTERS_MAX));
        let example = match group.examples.first() {
            Some(_) => format!("{}\n{}: {}", cell(&row[6]), cell(&row[7]), cell(&row[8])),
            None => String::new(),
        };
        table.add_row(columns.iter().map(|column| shown(&row[*column])).chain([example]));
    }
    let count = usize::from(has_tenants) + 2;
    if let Some(column) = table.column_mut(count) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Refusal;

    const ENTRY: &str = r#"{"reason":"bad_value","tenant":"default","metric":"m","detail":"v is \"\u001b[31m\"","source":{"topic":"usage","partition":3,"offset":17},"event":{"v":"\u001b[31m"},"at":null}"#;

    fn groups(text: &str) -> Vec<(Key, Group)> {
        let mut groups = Groups::new(1);
        groups.add(&Refusal::read(text.as_bytes()).expect("an entry"));
        groups.sorted()
    }

    #[test]
    fn table_shows_an_example_and_no_control_characters() {
        let text = table(&groups(ENTRY));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(lines[0].starts_with("REASON") && !lines[0].contains("TENANT"), "{text}");
        assert!(lines[1].contains("bad_value") && lines[1].contains("v is \"\u{fffd}[31m\""));
        assert!(lines[2].contains(r#"usage partition 3 offset 17: {"v":"\u001b[31m"}"#), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(table(&[]), "no rejects\n");
        assert!(table(&groups(&ENTRY.replace("default", "acme"))).contains("TENANT"));
    }

    #[test]
    fn terminal_gets_no_control_characters_in_any_format() {
        // C1 controls stand raw in JSON.
        let entry = ENTRY.replace("\\u001b", "\u{9b}");
        let groups = groups(&entry);
        for text in [lines(groups.iter().map(ndjson), true), lines([&entry], true)] {
            assert!(!text.trim_end_matches('\n').contains(char::is_control), "{text:?}");
        }
        assert!(lines([&entry], false).contains('\u{9b}'), "elsewhere it is as it stands");
        let csv = lines(csv(&groups), false);
        assert!(!csv.replace('\n', "").contains(char::is_control), "{csv:?}");
    }
}
