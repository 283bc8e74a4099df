//! `odometer usage`: asks a running daemon for totals so far.
//!
//! ```text
//! GET /v1/metrics (where none is named) ─► GET /v1/usage, page by page ─► table, NDJSON or CSV on stdout
//! ```

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cli::{OutputFormat, instant};
use super::client::{Client, DaemonArguments, MetricName, PAGE};
use super::outcome::print;
use super::{CommandError, table};
use crate::format::{Missing, TOTAL_COLUMNS, csv_line, total_row};
use crate::model::EventTime;

pub(super) const HELP: &str = "\
Totals as of the last commit of a running daemon: closed periods with their last revision (as long as
they are kept, which is dedup.window after their end), open ones as provisional. The daemon goes on meanwhile.

Examples:
  odometer usage
  odometer usage --metric llm_tokens --customer acme
  odometer usage --metric api_calls --group tier=pro --from 2026-03-01T00:00:00Z --output-format csv";

/// `odometer usage`
#[derive(Clone, Debug, Args)]
pub struct UsageArguments {
    /// Which daemon.
    #[command(flatten)]
    pub daemon: DaemonArguments,
    /// Totals of this metric, by its code [default: of every metric]
    #[arg(long, value_name = "CODE")]
    pub metric: Option<String>,
    /// Tenant of the metrics [default: that of the key; without one every tenant, with --metric: default]
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Totals of this customer [default: of every customer]
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Option<String>,
    /// Periods that end after this instant, RFC 3339
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub from: Option<EventTime>,
    /// Periods that start before this instant, RFC 3339
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub to: Option<EventTime>,
    /// Groups with this value of a property, such as model=m1; may be given for several properties
    #[arg(long, value_parser = group, value_name = "PROPERTY=VALUE", requires = "metric")]
    pub group: Vec<(String, String)>,
    /// What totals look like [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<OutputFormat>,
}

fn group(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((property, value)) if !property.is_empty() => {
            Ok((property.to_owned(), value.to_owned()))
        }
        _ => Err("expected PROPERTY=VALUE, such as model=m1".to_owned()),
    }
}

/// What `/v1/usage` answers, as far as it is looked at.
#[derive(Deserialize)]
struct UsageAnswer {
    totals: Vec<Box<RawValue>>,
    next: Option<String>,
    complete: bool,
    missing: Vec<MissingBody>,
    forgotten: bool,
    unanswered: Vec<UnansweredBody>,
    as_of: Vec<AsOf>,
}

#[derive(Deserialize)]
struct MissingBody {
    topic: Option<String>,
    partitions: Option<BTreeSet<i32>>,
}

#[derive(Deserialize)]
struct UnansweredBody {
    peer: String,
    reason: String,
}

#[derive(Deserialize)]
struct AsOf {
    kept_after: Option<String>,
}

/// Asks, and prints what comes.
///
/// # Errors
/// No daemon there, a question without meaning, an output that takes no more.
pub(super) fn usage(arguments: &UsageArguments) -> Result<(), CommandError> {
    let client = Client::new(&arguments.daemon)?;
    let metrics = match &arguments.metric {
        Some(code) => vec![MetricName { tenant: arguments.tenant.clone(), code: code.clone() }],
        None => client.metrics(arguments.tenant.as_deref())?,
    };
    let mut printer = Printer::new(arguments.output_format);
    let mut lacks = Lacks::default();
    for metric in &metrics {
        let mut cursor = None;
        loop {
            let page: UsageAnswer =
                client.get("/v1/usage", &question(arguments, metric, cursor))?;
            lacks.add(&page);
            for total in &page.totals {
                printer.add(total.get())?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    printer.finish()?;
    lacks.tell();
    Ok(())
}

/// What pages say that they lack.
#[derive(Default)]
struct Lacks {
    is_incomplete: bool,
    missing: BTreeSet<String>,
    unanswered: BTreeSet<String>,
    /// Where something may be forgotten: periods that end by then.
    forgotten: Option<String>,
}

impl Lacks {
    fn add(&mut self, page: &UsageAnswer) {
        self.is_incomplete |= !page.complete;
        let mut missing = Missing::default();
        for MissingBody { topic, partitions } in &page.missing {
            missing.add(topic.as_deref().unwrap_or_default(), partitions.clone());
        }
        if !missing.is_empty() {
            self.missing.insert(missing.to_string());
        }
        let told = |one: &UnansweredBody| format!("{}: {}", one.peer, one.reason);
        self.unanswered.extend(page.unanswered.iter().map(told));
        if page.forgotten {
            let known = page.as_of.iter().filter_map(|task| task.kept_after.clone());
            self.forgotten = known.chain(self.forgotten.take()).max();
        }
    }

    fn tell(self) {
        for unanswered in self.unanswered {
            tracing::warn!("a process of the group did not answer: {unanswered}");
        }
        for missing in &self.missing {
            tracing::warn!("not complete: nobody looked at {missing}");
        }
        if let Some(kept_after) = &self.forgotten {
            tracing::warn!(
                "not complete: some of the periods asked for end before {kept_after} and are forgotten"
            );
        } else if self.is_incomplete && self.missing.is_empty() {
            tracing::warn!("not complete: some of the periods asked for are forgotten");
        }
    }
}

fn question<'a>(
    arguments: &'a UsageArguments,
    metric: &'a MetricName,
    cursor: Option<String>,
) -> Vec<(String, String)> {
    let mut question =
        vec![("metric".to_owned(), metric.code.clone()), ("limit".to_owned(), PAGE.to_string())];
    let instants = [("from", arguments.from), ("to", arguments.to)];
    let instants = instants.map(|(name, time)| (name, time.map(|time| time.to_string())));
    let tenant = ("tenant", metric.tenant.clone());
    let texts = [tenant, ("customer", arguments.customer.clone()), ("cursor", cursor)];
    for (name, value) in instants.into_iter().chain(texts) {
        question.extend(value.map(|value| (name.to_owned(), value)));
    }
    let groups = arguments.group.iter();
    question.extend(groups.map(|(name, value)| (format!("group.{name}"), value.clone())));
    question
}

/// Prints totals as they come; for a table, at the end.
struct Printer {
    format: OutputFormat,
    rows: Vec<[String; TOTAL_COLUMNS.len()]>,
    has_header: bool,
}

impl Printer {
    fn new(format: Option<OutputFormat>) -> Self {
        let is_shown = io::stdout().is_terminal();
        let usual = if is_shown { OutputFormat::Table } else { OutputFormat::Ndjson };
        Printer { format: format.unwrap_or(usual), rows: Vec::new(), has_header: false }
    }

    fn add(&mut self, body: &str) -> Result<(), CommandError> {
        if self.format == OutputFormat::Ndjson {
            return print(&format!("{body}\n"));
        }
        let row = total_row(body).ok_or_else(|| {
            CommandError::failed(format!("{body} is no total that is known here"))
        })?;
        if self.format == OutputFormat::Csv {
            self.print_header()?;
            return print(&csv_line(row));
        }
        self.rows.push(row);
        Ok(())
    }

    fn finish(mut self) -> Result<(), CommandError> {
        match self.format {
            OutputFormat::Ndjson => Ok(()),
            OutputFormat::Csv => self.print_header(),
            OutputFormat::Table if self.rows.is_empty() => print("no totals\n"),
            OutputFormat::Table => print(&table::text(&mut self.rows)),
        }
    }

    fn print_header(&mut self) -> Result<(), CommandError> {
        if std::mem::replace(&mut self.has_header, true) {
            return Ok(());
        }
        print(&csv_line(TOTAL_COLUMNS.map(str::to_owned)))
    }
}
