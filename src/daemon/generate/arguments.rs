//! What `odometer generate` can be asked for.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;

use super::super::cli::{instant, setting, span};
use super::share::Share;
use crate::model::{EventTime, Span};

const START: &str = "2026-01-26T00:00:00Z";

/// `odometer generate`
#[derive(Clone, Debug, Args)]
pub struct GenerateArguments {
    /// Number of records, duplicates and bad ones included
    #[arg(long, required_unless_present = "follow", value_parser = count, allow_negative_numbers = true, value_name = "N")]
    pub events: Option<u64>,
    /// Number of customers; a few of them make most of the usage
    #[arg(long, default_value_t = 100, value_parser = customers, allow_negative_numbers = true, value_name = "N")]
    pub customers: u64,
    /// What chance follows from: the same seed and flags give the same bytes
    #[arg(long, default_value_t = 1, value_parser = count, allow_negative_numbers = true, value_name = "N")]
    pub seed: u64,
    /// Share of records that repeat an earlier id, such as 0.01 or 1%; a quarter of them with another body
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub duplicates: Share,
    /// Share of records that come a little after their time
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub disorder: Share,
    /// How much later at most
    #[arg(long, default_value = "10m", value_parser = span, value_name = "DURATION")]
    pub disorder_by: Span,
    /// Share of records that come long after their time, when periods are closed
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub late: Share,
    /// How much later at most; the least is half of it
    #[arg(long, default_value = "2d", value_parser = span, value_name = "DURATION")]
    pub late_by: Span,
    /// Share of records that will be refused: broken JSON, missing fields, bad times, bad values
    #[arg(long, default_value = "0", value_name = "SHARE")]
    pub bad: Share,
    /// Event time of the first record [default: 2026-01-26T00:00:00Z; now with --follow]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub start: Option<EventTime>,
    /// Event time that the records cover, busy by day and quiet by night
    #[arg(long, default_value = "10d", value_parser = span, conflicts_with = "follow", value_name = "DURATION")]
    pub span: Span,
    /// Write no faster than so many records a second [default: as fast as possible; 100 with --follow]
    #[arg(long, value_parser = rate, allow_negative_numbers = true, value_name = "N")]
    pub rate: Option<u64>,
    /// Go on until Ctrl-C (or --events), in real time: event time moves as the clock does
    #[arg(long)]
    pub follow: bool,
    /// Write to this file, one record a line [default: stdout, also -]
    #[arg(long, conflicts_with = "topic", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write to this Kafka topic, keyed by customer
    #[arg(long, requires = "broker", value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Kafka's bootstrap servers, such as 127.0.0.1:9092
    #[arg(long, requires = "topic", value_name = "HOST:PORT")]
    pub broker: Option<String>,
    /// Any librdkafka setting, such as security.protocol=ssl
    #[arg(long = "property", requires = "topic", value_name = "KEY=VALUE", value_parser = setting)]
    pub properties: Vec<(String, String)>,
}

/// So many customers' numbers, and all that is derived from them, stay far from every limit.
const CUSTOMERS_MAX: u64 = 1_000_000_000;

/// One a microsecond.
const RATE_MAX: u64 = 1_000_000;

/// With `--follow` and without `--rate`.
const FOLLOW_RATE: u64 = 100;

fn count(text: &str) -> Result<u64, String> {
    whole_number(text, 0..=u64::MAX)
}

fn customers(text: &str) -> Result<u64, String> {
    whole_number(text, 1..=CUSTOMERS_MAX)
}

/// Records a second.
pub(in crate::daemon) fn rate(text: &str) -> Result<u64, String> {
    whole_number(text, 1..=RATE_MAX)
}

fn whole_number(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

impl GenerateArguments {
    /// How many records there are to be.
    pub(super) fn count(&self) -> u64 {
        self.events.unwrap_or(u64::MAX)
    }

    /// Records a second, where there is a limit.
    pub(super) fn rate_limit(&self) -> Option<u64> {
        self.rate.or(self.follow.then_some(FOLLOW_RATE))
    }

    /// Event time of the first record; `now` is the wall clock's time.
    pub(super) fn first_time(&self, now: EventTime) -> EventTime {
        let fixed = EventTime::parse_rfc3339(START).expect("the default start is an instant");
        self.start.unwrap_or(if self.follow { now } else { fixed })
    }

    /// Every fault that no single flag shows.
    pub(super) fn faults(&self) -> Vec<String> {
        let shares = [self.duplicates, self.disorder, self.late, self.bad];
        let mut faults = Vec::new();
        if shares.into_iter().map(Share::billionths).sum::<u64>() > Share::WHOLE.billionths() {
            let words = "--duplicates, --disorder, --late and --bad are more than 1 together: ask for less of them";
            faults.push(words.to_owned());
        }
        let start = self.start.unwrap_or(EventTime::EARLIEST);
        if !start.saturating_add(self.span).is_admissible() {
            faults
                .push(format!("--span {} reaches past the year 9998: make it shorter", self.span));
        }
        faults
    }
}
