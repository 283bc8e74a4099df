//! `odometer definitions`: what is defined, out of a daemon or files into a file of any dialect, and into a daemon.
//!
//! ```text
//! daemon │ files ─► stock ─► export ─► a file          files ─► import: all looked at first ─► daemon
//! ```

mod export;
mod import;
mod rehearsal;
mod step;
mod stock;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CommandError;
use super::client::DaemonArguments;
use crate::format::definitions::Form;

const EXPORT_HELP: &str = "\
A body of Lago, Maple or Zenskar is written only where reading it again gives the same metric: of a metric that
was made in that form the body as it was submitted, of others one that says the same. What such a
body cannot say of all metrics alike (period, time zone, grace, late, topic) stands once in the file's
`defaults`. Metrics that cannot be said, among them those of several versions, are listed with the reason,
the exit status is 2, and nothing is written.

Examples:
  odometer definitions export --output metrics.json
  odometer definitions export --dialect lago --skip-inexpressible --output lago.json
  odometer definitions export --metrics config/metrics.toml --dialect zenskar";

const IMPORT_HELP: &str = "\
Before the first metric is made all files are read, and the daemon is asked of every metric whether it would
take it: where it refuses one, nothing is made, and the exit status is 2. So it is where a metric is there
already and is another, unless --update is given. One in the form of Lago, Maple or Zenskar is kept in that
form, as that system's own call would keep it. Prints for each metric `created`, `equal`, `updated`, or with
--dry-run what would become of it.

A version that is to come, and that the daemon would take no more for the instant that it is to begin at,
begins as soon as it can; stderr names it. What changes in the daemon while the import runs, or fails there,
can still stop it: what was made before stays then, and the same import goes on with the rest.

Examples:
  odometer definitions import metrics.json
  odometer definitions import billable_metrics.json --dialect lago --dry-run
  odometer definitions import metrics.toml --update --address 127.0.0.1:9464 --key-file key";

/// What can be done with definitions.
#[derive(Clone, Debug, Subcommand)]
pub enum DefinitionsCommand {
    /// Write what is defined as a file, in the native form or another system's
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArguments),
    /// Make the metrics of files in a running daemon
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArguments),
}

/// The flags of `odometer definitions export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// Which daemon.
    #[command(flatten)]
    pub daemon: DaemonArguments,
    /// Definitions of these files, of no daemon
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["key_file", "ca_file"])]
    pub metrics: Vec<PathBuf>,
    /// Whose form the file is to have
    #[arg(long, value_enum, default_value = "native")]
    pub dialect: DialectName,
    /// Metrics of this tenant [default: all that the key may see]
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Only the metric of this code; may be given several times [default: every metric]
    #[arg(long, value_name = "CODE")]
    pub metric: Vec<String>,
    /// Only metrics that were made in this form: one file for each moves what was made in several [default: every metric]
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub made_in: Option<DialectName>,
    /// Leave out what the dialect cannot say, and name it on stderr
    #[arg(long)]
    pub skip_inexpressible: bool,
    /// Where the file goes [default: stdout, also -]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The flags of `odometer definitions import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArguments {
    /// Metric definitions of any dialect, as one set: TOML, JSON or YAML
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Which daemon.
    #[command(flatten)]
    pub daemon: DaemonArguments,
    /// What the files are where they do not say it themselves: what that system's own API takes or answers, as one
    /// body, a list of them, or a page of its list [default: definitions files]
    #[arg(long, value_enum, default_value = "native", hide_default_value = true)]
    pub dialect: DialectName,
    /// Whose the metrics are that the files say no tenant of [default: the key's tenant]
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Change what is there already and is another: a change of meaning is a version
    #[arg(long)]
    pub update: bool,
    /// Say what would become of each metric, and make nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The forms that a file may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DialectName {
    /// Ours
    Native,
    /// Bodies of billable metrics
    Lago,
    /// Bodies of billable metrics, with their codes as `id`
    Maple,
    /// Bodies of aggregates, with their codes as `id`
    Zenskar,
}

impl DialectName {
    fn form(self) -> Option<Form> {
        match self {
            DialectName::Native => None,
            DialectName::Lago => Some(Form::Lago),
            DialectName::Maple => Some(Form::Maple),
            DialectName::Zenskar => Some(Form::Zenskar),
        }
    }
}

/// Moves definitions.
///
/// # Errors
/// No daemon there, files with faults, what cannot be said or is there already.
pub(super) fn definitions(command: &DefinitionsCommand) -> Result<(), CommandError> {
    match command {
        DefinitionsCommand::Export(arguments) => export::export(arguments),
        DefinitionsCommand::Import(arguments) => import::import(arguments),
    }
}
