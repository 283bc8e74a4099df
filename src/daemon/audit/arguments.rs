//! What `odometer audit` can be asked for, and which totals that means.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use crate::daemon::cli::setting;
use crate::format::{AuditRules, Revision};

pub(in crate::daemon) const HELP: &str = "\
Reads the totals that the configuration names: over files sink.path with its rotated parts, over
Kafka sink.topic from its beginning to the end that it has now, committed records alone (the
sink's user needs Read on it, and DescribeConfigs unless --missing is given). Or what --input
names, such as a file of `aggregate --output`, or parts that were compressed, in their order.
The daemon may go on meanwhile. Nothing is changed.

Every key (tenant, metric, customer, group, period) must have its revisions one after the other,
each with the value before as `previous`, and `delta` exactly the difference. Faults, a line each,
with the places of both records:

  lost        revisions before it are not there: told only where nothing is removed between two
              (--missing); the first one of a key may be any where old ones may be gone
  doubled     the revision was there before
  disordered  it comes behind a later revision
  previous    `previous` is not the value of the revision before
  delta       `delta` is not `value` less `previous`
  misnamed    key, id or kind are not those of what the total says
  unreadable  the record is no total

Provisional totals (revision 0) are counted and in no chain. A last line that is not finished yet,
of a configured file, is passed over. Summary and messages go to stderr.

Memory: 110 to 220 bytes for each key, up to 330 while the table of keys grows; the parts of
what is read are not kept.

Exit status: 0 nothing is wrong; 1 faults were found, the totals cannot be read, or none is of the
metric, customer or tenant asked for; 2 wrong usage or configuration.

Examples:
  odometer audit --config config/odometer.toml
  odometer audit --config config/odometer.toml --metric llm_tokens --output-format text
  odometer audit --missing none --input totals.000001.ndjson.gz totals.ndjson";

/// `odometer audit`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).multiple(true).args(["config", "input"])))]
pub struct AuditArguments {
    /// The configuration whose totals are read
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one key of it, such as sink.topic=totals
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting, requires = "config")]
    pub overrides: Vec<(String, String)>,
    /// Read totals from these files instead, in this order; .gz and .zst as they are, - is stdin
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// Those of this metric, by its code; may be given several times
    #[arg(long, value_name = "CODE")]
    pub metric: Vec<String>,
    /// Those of this tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Those of this customer; may be given several times
    #[arg(long, value_name = "CUSTOMER")]
    pub customer: Vec<String>,
    /// Which revisions may be missing without a fault [default: of a topic that compacts any, else oldest]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub missing: Option<Missing>,
    /// What faults look like [default: text on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<FaultFormat>,
}

impl AuditArguments {
    /// Whether not all totals are asked for.
    pub(super) fn is_narrowed(&self) -> bool {
        !self.metric.is_empty() || !self.customer.is_empty() || self.tenant.is_some()
    }

    /// Whether a total was asked for.
    pub(super) fn holds(&self, revision: &Revision<'_>) -> bool {
        let AuditArguments { metric, tenant, customer, .. } = self;
        let is_one = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| wanted == name)
        };
        is_one(metric, &revision.metric)
            && is_one(customer, &revision.customer)
            && tenant.as_ref().is_none_or(|wanted| *wanted == revision.tenant)
    }
}

/// Which revisions may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Missing {
    /// None: each key begins with revision 1
    None,
    /// The oldest of each key, up to any: the log or the list of files is cut at its beginning
    Oldest,
    /// Any but the newest of each key: the topic compacts
    Any,
}

impl Missing {
    pub(super) fn rules(self) -> AuditRules {
        match self {
            Missing::None => AuditRules::Whole,
            Missing::Oldest => AuditRules::Cut,
            Missing::Any => AuditRules::Compacted,
        }
    }
}

/// What faults look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FaultFormat {
    /// A line of words.
    Text,
    /// One JSON object a line.
    Ndjson,
}
