//! The command line: every command, flag and help text (interfaces, "Command line").
//!
//! Values are read into the words of the layers below on the way in: what a command is handed is valid. Knows nothing
//! of what the commands do.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use super::ask::HELP as USAGE_HELP;
pub use super::ask::UsageArguments;
use super::audit::HELP as AUDIT_HELP;
pub use super::audit::{AuditArguments, FaultFormat, Missing};
pub use super::client::DaemonArguments;
pub use super::definitions::DefinitionsCommand;
pub use super::generate::{GenerateArguments, Share, ShareError};
pub use super::key::KeyCommand;
use super::manual::{COMPLETIONS_HELP, MAN_HELP};
pub use super::manual::{CompletionsArguments, ManArguments};
pub use super::rejects::RejectsCommand;
pub use super::stored::{
    AdoptArguments, DifferenceFormat, DiscardArguments, ListArguments, RebuildArguments,
    RestoreArguments, StateCommand, StateFormat,
};
use crate::format::EventFormat;
use crate::model::{EventTime, Span};
use crate::settings::{Telemetry, format_of_argument};
use crate::telemetry::{LogFormat, log};

const ABOUT: &str = "Exact usage metering: usage events in, one exact total per metric, customer, \
group and period out.";

const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed while running, 2 wrong usage, configuration or \
definition (every fault is listed), 130 stopped by a second signal.";

/// All of it.
#[derive(Clone, Debug, Parser)]
#[command(name = "odometer", version, about = ABOUT, after_help = EXIT_STATUS)]
pub struct CommandLine {
    /// What the log says and looks like.
    #[command(flatten)]
    pub log: LogFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The flags of the log; each wins over the configuration's section `telemetry`.
#[derive(Clone, Debug, Args)]
pub struct LogFlags {
    /// What messages on stderr look like [default: text, or what the configuration says]
    #[arg(long, global = true, display_order = 900, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Which messages: error, warn, info, debug or trace, also by module as in warn,odometer=debug
    /// [default: info, or what the configuration says]
    #[arg(long, global = true, display_order = 901, value_parser = log_level, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

impl LogFlags {
    /// Sets the log up by these flags, and by the configuration where they say nothing.
    pub(super) fn set_up(&self, configured: Option<&Telemetry>) {
        let format = self.log_format.or(configured.map(|below| below.log_format));
        let level = self.log_level.as_deref();
        let level = level.or(configured.map(|below| below.log_level.as_str())).unwrap_or("info");
        log::set_up(format.unwrap_or_default(), level).expect("levels were checked when read");
    }
}

impl CommandLine {
    /// Reads the arguments of this process; wrong usage, every fault of it, ends it with status 2, `--help` and
    /// `--version` with 0.
    pub fn read() -> Self {
        super::usage::read(std::env::args_os().collect())
    }
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: events from the configured source, totals to the configured sink
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
    /// Make totals of a finite file of events, then exit
    #[command(after_help = AGGREGATE_HELP)]
    Aggregate(Box<AggregateArguments>),
    /// Validate a configuration or metric definitions, and print what is understood
    #[command(after_help = CHECK_HELP)]
    Check(CheckArguments),
    /// Make realistic usage events, to a file or a Kafka topic
    #[command(after_help = GENERATE_HELP)]
    Generate(GenerateArguments),
    /// Ask a running daemon for totals so far
    #[command(after_help = USAGE_HELP)]
    Usage(UsageArguments),
    /// Move definitions between a running daemon and files, and into other systems' forms
    #[command(subcommand)]
    Definitions(DefinitionsCommand),
    /// Look into a state directory
    #[command(subcommand)]
    State(StateCommand),
    /// Show refused events by reason, or send them again after a fix
    #[command(subcommand)]
    Rejects(RejectsCommand),
    /// Read all totals back, and say which revisions are lost, doubled or do not follow the one before
    #[command(after_help = AUDIT_HELP)]
    Audit(AuditArguments),
    /// Make keys for the admin listener
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArguments),
    /// Print the manual page, or write those of all commands
    #[command(after_help = MAN_HELP)]
    Man(ManArguments),
}

const RUN_HELP: &str = "\
Reads events from Kafka, keeps its state in state.directory, and writes each total and each reject
exactly once. SIGTERM or Ctrl-C finishes what was read, commits and leaves; what takes longer than
30 seconds is left to the next start, with status 1, and a second signal stops at once (the state
stays valid). config/odometer.toml documents every key; environment
variables ODOMETER__SECTION__KEY override the file, and --set overrides both.

Example:
  odometer run --config config/odometer.toml --set source.workers=4";

const AGGREGATE_HELP: &str = "\
The same engine as `run` over a finite file of newline-delimited JSON. At the end of the input every
period is closed. Rejected events are no failure: they go to --rejects with the reason.

Outputs appear whole when the run has ended well, or not at all. Ctrl-C or SIGTERM stops it: status 1,
no outputs, and with --state the next run goes on from there; a second one stops it at once. What
memory does not hold goes to a temporary folder in TMPDIR.

Examples:
  odometer aggregate --metrics config/metrics.toml --input events.ndjson.gz
  odometer generate --events 100000 | odometer aggregate --metrics config/metrics.toml --output-format csv
  odometer aggregate --metrics m.toml --input day2.ndjson --state state --output totals.ndjson";

const CHECK_HELP: &str = "\
Prints for each metric what it folds, how, the next period borders, and what late events do. Every
fault is listed at once on stderr with file, line and what would be right; the exit status is then 2.

With --live what the configuration names is tried as well, from here and as this user, a line each on
stdout; where something fails the exit status is 1. Nothing is read or written of Kafka's topics, and
nothing is left in directories. What a start holds against its states is held against them too: their
metrics, what they belong to, and over files the outputs that they wrote. A daemon that runs with this
configuration holds its state directory, its outputs and its port: then those fail.

Examples:
  odometer check --metrics config/metrics.toml
  odometer check --config config/odometer.toml
  odometer check --config config/odometer.toml --live";

const GENERATE_HELP: &str = "\
Calls of models and APIs, seats, storage and bandwidth of customers of very different size; metrics
that fit them are in config/metrics.toml. The same seed and flags give the same bytes, on every
machine, in a file as in a topic; only --follow without --start looks at the clock.

Examples:
  odometer generate --events 1000000 --customers 500 --output events.ndjson
  odometer generate --events 100000 --duplicates 1% --disorder 5% --late 0.1% --bad 0.1%
  odometer generate --follow --rate 50 --topic usage --broker 127.0.0.1:9092";

/// `odometer run`
#[derive(Clone, Debug, Args)]
pub struct RunArguments {
    /// The configuration, TOML
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Override one key of it, such as source.workers=4
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub overrides: Vec<(String, String)>,
}

/// `odometer aggregate`
#[derive(Clone, Debug, Args)]
pub struct AggregateArguments {
    /// Metric definitions: TOML, JSON or YAML
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub metrics: Vec<PathBuf>,
    /// Where an event keeps its fields: native, lago, maple, zenskar, or a table of paths such as { id = "uid", type =
    /// "meter", customer = "account.id", time = "ts", properties = "measure" }
    #[arg(long, default_value = "native", value_parser = format_of_argument, value_name = "FORMAT")]
    pub format: EventFormat,
    /// Type of events that name none, in formats such as zenskar
    #[arg(long, value_parser = name, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Events, one JSON object a line; .gz and .zst are read as they are [default: stdin, also -]
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where totals go [default: stdout, also -]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where refused events go, one JSON object a line [default: nowhere, but counted]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Where a summary of the run goes, as one JSON object [default: nowhere]
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Leave periods open at the end of the input: totals of open ones are written as provisional
    #[arg(long)]
    pub keep_open: bool,
    /// Reference time, RFC 3339: refuse events more than 5 minutes past it [default: refuse none]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub now: Option<EventTime>,
    /// How long an event id is remembered, such as 24h; older events are refused as too old. Over a state, a longer one
    /// than before brings nothing back: what was too old stays so
    #[arg(long, default_value = "35d", value_parser = span, value_name = "DURATION")]
    pub dedup_window: Span,
    /// How far the watermark stays behind the newest event
    #[arg(long, default_value = "0s", value_parser = span, value_name = "DURATION")]
    pub watermark_delay: Span,
    /// Tenant of events that name none
    #[arg(long, default_value = "default", value_parser = name, value_name = "TENANT")]
    pub tenant: String,
    /// Memory for state before it spills to disk (TMPDIR, or --state), such as 512MiB or 2GiB; all parts of
    /// one key (such as its distinct values) are in memory whatever it says
    #[arg(long, default_value = "2GiB", value_parser = size, value_name = "SIZE")]
    pub memory_limit: u64,
    /// What totals look like [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<OutputFormat>,
    /// Keep state in this directory, so that a later run over more files goes on from here
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// What totals look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns, for people.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header line.
    Csv,
}

/// `odometer check`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("checked").required(true).args(["config", "metrics"])))]
pub struct CheckArguments {
    /// A configuration, with the definitions that it names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one key of it, such as source.workers=4
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting, requires = "config")]
    pub overrides: Vec<(String, String)>,
    /// Also try what it names: directories, files, addresses, the broker, its topics and what is granted
    #[arg(long, requires = "config", conflicts_with = "metrics")]
    pub live: bool,
    /// Metric definitions, as one set
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub metrics: Vec<PathBuf>,
}

pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, such as source.workers=4".to_owned()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    log::check_filter(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn instant(text: &str) -> Result<EventTime, String> {
    EventTime::parse_rfc3339(text).filter(|time| time.is_admissible()).ok_or_else(|| {
        "expected an instant of RFC 3339 in the years 1970 to 9998, such as 2026-03-01T00:00:00Z"
            .to_owned()
    })
}

pub(super) fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| {
        "expected a whole number and one of ms, s, m, h, d, w, such as 24h, at most 106751991d"
            .to_owned()
    })
}

/// Rule 1.1.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text.len() {
        1..=512 => Ok(text.to_owned()),
        _ => Err("expected a text of 1 to 512 bytes".to_owned()),
    }
}

/// A whole number of bytes, or of KiB, MiB or GiB.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let bytes = match unit {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    bytes
        .and_then(|bytes: u64| number.parse::<u64>().ok()?.checked_mul(bytes))
        .filter(|size| *size > 0)
        .ok_or_else(|| {
            "expected a size such as 512MiB or 2GiB (KiB, MiB, GiB), below 2^64 bytes".to_owned()
        })
}
