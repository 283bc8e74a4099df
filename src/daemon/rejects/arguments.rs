//! What `odometer rejects` can be asked for, and which entries that means.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::daemon::cli::{OutputFormat, instant, setting};
use crate::daemon::generate::rate;
use crate::format::Refusal;
use crate::model::{EventTime, RejectReason};

/// `odometer rejects`
#[derive(Clone, Debug, Subcommand)]
pub enum RejectsCommand {
    /// Show refused events, grouped by reason, with examples
    #[command(after_help = LIST_HELP)]
    List(ListArguments),
    /// Send refused events to the source again, after a fix
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArguments),
}

const LIST_HELP: &str = "\
Reads the rejects that the configuration names: over files rejects.path with its rotated parts,
over Kafka rejects.topic from its beginning to the end that it has now, committed records alone
(the sink's user needs Read on it). Or what --input names, such as a file of `aggregate
--rejects`. The daemon may go on meanwhile.

One event has an entry for each metric that refused it. Of more than 1000 groups the rest is
counted by reason alone. What is no entry is named and passed over; the exit status is then 1.

Examples:
  odometer rejects list --config config/odometer.toml
  odometer rejects list --config config/odometer.toml --reason bad_value --since 2026-03-01T00:00:00Z
  odometer rejects list --input rejects.ndjson --metric llm_tokens --entries";

const REPLAY_HELP: &str = "\
Sends the original events, byte for byte (line breaks between tokens are spaces by now), to
where they came from: over Kafka to the topic and partition that each was read from, keyed by
its customer (the source's user needs Write there); over files to a new file that source.paths
finds. With --output they go to that file instead, or to standard output, to be mended: one a
line.

First the daemon must run with the fix, or the events are refused again. A metric that has state
is fixed by a new version of it, effective_from the start of the period that the events are of,
or earlier. What comes for a period that has closed meanwhile corrects it, or is late, as the
metric says; what is older than dedup.window by now is too_old.

Sending again is safe. An id is remembered only once its event is counted, so what was refused
may come again, and what comes twice is counted once: run the same command again where it was
interrupted. An event that any metric has counted is a duplicate when it comes again, though
another refused it. Within one run the same text goes out once, however many metrics refused it.

Left out unless --reason names them, as the same bytes end in the same way: duplicate,
malformed, too_large.
Sent, and refused again unless more has changed: too_old (always, on the same state), late
(unless grace or `late` of the metric changed), missing_field and bad_field (unless
source.format did), in_future (until then).
unmatched is worth it once there is a metric for it.

Exit status 1 where some of what was asked for cannot be sent (each kind is told): an entry that
holds only the beginning of its event, or is of a topic that the configuration does not read; or
what is no entry.

Examples:
  odometer rejects replay --config config/odometer.toml --dry-run
  odometer rejects replay --config config/odometer.toml --reason bad_value --rate 1000
  odometer rejects replay --input rejects.ndjson --output - | sed s/tokens_in/input/ > mended.ndjson";

/// Which entries, and where they are read.
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// The configuration whose rejects are read
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one key of it, such as rejects.topic=refused
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting, requires = "config")]
    pub overrides: Vec<(String, String)>,
    /// Read rejects from these files instead; .gz and .zst as they are, - is stdin
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub input: Vec<PathBuf>,
    /// Those refused for this reason; may be given several times
    #[arg(long, value_parser = reason, value_name = "REASON")]
    pub reason: Vec<RejectReason>,
    /// Those refused by this metric, by its code; may be given several times
    #[arg(long, value_name = "CODE")]
    pub metric: Vec<String>,
    /// Those of this tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Those that were read at this instant or later, RFC 3339; entries without that time are left out
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub since: Option<EventTime>,
    /// Those that were read before this instant, RFC 3339
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub until: Option<EventTime>,
}

impl Selection {
    /// Whether an entry was asked for.
    pub(super) fn holds(&self, refusal: &Refusal<'_>) -> bool {
        let Selection { reason, metric, tenant, since, until, .. } = self;
        let is_metric = |code: &str| metric.iter().any(|wanted| wanted == code);
        (reason.is_empty() || reason.contains(&refusal.reason))
            && (metric.is_empty() || refusal.metric.as_deref().is_some_and(is_metric))
            && tenant.as_ref().is_none_or(|wanted| refusal.tenant.as_deref() == Some(wanted))
            && since.is_none_or(|since| refusal.at.is_some_and(|at| at >= since))
            && until.is_none_or(|until| refusal.at.is_some_and(|at| at < until))
    }
}

/// `odometer rejects list`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).multiple(true).args(["config", "input"])))]
pub struct ListArguments {
    /// Which entries
    #[command(flatten)]
    pub selection: Selection,
    /// How many examples a group has; a table and CSV show no more than one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=20), value_name = "N")]
    pub examples: u8,
    /// Print the entries themselves, as they were written, instead of groups
    #[arg(long, conflicts_with_all = ["examples", "output_format"])]
    pub entries: bool,
    /// What groups look like [default: table on a terminal, otherwise ndjson]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_format: Option<OutputFormat>,
}

/// `odometer rejects replay`
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).multiple(true).args(["config", "input"])))]
pub struct ReplayArguments {
    /// Which entries
    #[command(flatten)]
    pub selection: Selection,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write the events to this new file, one a line (- is stdout) [default: over files, one that source.paths finds]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Send no more than so many events a second [default: as fast as possible]
    #[arg(long, value_parser = rate, allow_negative_numbers = true, value_name = "N")]
    pub rate: Option<u64>,
    /// Over Kafka, what decides an event's partition [default: original]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub partition_by: Option<PartitionBy>,
}

/// What decides the partition that an event goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PartitionBy {
    /// It is the one that the event was read from, whatever producers take for a partitioner
    Original,
    /// Its customer as the key, by Java's hash (murmur2): where the topic has been created anew with more
    /// partitions, or the refused records had no key
    Customer,
}

/// Whether the same bytes end in the same way, whatever was fixed meanwhile.
pub(super) fn is_hopeless(reason: RejectReason) -> bool {
    match reason {
        RejectReason::Duplicate | RejectReason::Malformed | RejectReason::TooLarge => true,
        RejectReason::MissingField
        | RejectReason::BadField
        | RejectReason::InFuture
        | RejectReason::TooOld
        | RejectReason::BadFilter
        | RejectReason::BadGroup
        | RejectReason::BadValue
        | RejectReason::OutOfRange
        | RejectReason::Late
        | RejectReason::Unmatched => false,
    }
}

fn reason(text: &str) -> Result<RejectReason, String> {
    RejectReason::of_name(text).ok_or_else(|| {
        let names: Vec<&str> = RejectReason::ALL.iter().map(|reason| reason.name()).collect();
        format!("no such reason: there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        selection: Selection,
    }

    const ENTRY: &str = r#"{"reason":"bad_value","tenant":"t","metric":"m","detail":"","source":{"file":"f","line":1},"event":1,"at":"2026-03-01T00:00:00Z"}"#;

    #[test]
    fn entries_are_chosen_by_every_flag() {
        let timeless = ENTRY.replace(r#""2026-03-01T00:00:00Z""#, "null");
        for (flags, holds, holds_timeless) in [
            (&[][..], true, true),
            (&["--reason", "late"], false, false),
            (&["--reason", "late", "--reason", "bad_value"], true, true),
            (&["--metric", "x", "--metric", "m", "--tenant", "t"], true, true),
            (&["--metric", "x"], false, false),
            (&["--tenant", "x"], false, false),
            (&["--since", "2026-03-01T00:00:00Z"], true, false),
            (&["--since", "2026-03-01T00:00:00.000001Z"], false, false),
            (&["--until", "2026-03-01T00:00:00Z"], false, false),
            (&["--until", "2026-03-01T00:00:00.000001Z"], true, false),
        ] {
            let words = ["rejects"].iter().chain(flags);
            let selection = Line::try_parse_from(words).expect("flags").selection;
            let refusal =
                |text: &str| Refusal::read(text.as_bytes()).map(|one| selection.holds(&one));
            assert_eq!(refusal(ENTRY), Ok(holds), "{flags:?}");
            assert_eq!(refusal(&timeless), Ok(holds_timeless), "{flags:?}");
        }
    }
}
