//! From when on a version of a metric counts (rule 5.6), and what it comes to.

use super::Refusal;
use super::change::{Horizon, Outcome};
use super::record::Record;
use crate::definition::{Definitions, Plan};
use crate::format::definitions::BodyFault;
use crate::model::{EventTime, Span};

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Horizon {
    /// The clock, or the greatest time of all events so far where that is later.
    pub(super) fn now(&self, clock: EventTime) -> EventTime {
        self.reached.map_or(clock, |reached| reached.max(clock))
    }

    /// The first full second that is far enough ahead.
    #[must_use]
    pub fn earliest(&self, now: EventTime) -> EventTime {
        let ahead = self.now(now).saturating_add(self.lead).micros();
        let over = ahead.rem_euclid(MICROS_PER_SECOND);
        let up = if over == 0 { 0 } else { MICROS_PER_SECOND.saturating_sub(over) };
        EventTime::from_micros(ahead.saturating_add(up))
    }
}

/// From when a new version is to count.
pub(super) fn begin(
    record: &Record,
    wanted: Option<EventTime>,
    earliest: EventTime,
) -> Result<EventTime, Refusal> {
    let refused = |text: String| Err(Refusal::fault("effective_from", text));
    if let Some(wanted) = wanted.filter(|wanted| *wanted < earliest) {
        return refused(format!(
            "{wanted} is too early, for events of that time may be counted by then: leave it out, or give {earliest} or \
             a later instant"
        ));
    }
    let last = record.newest().effective_from;
    match (wanted, last) {
        (Some(wanted), Some(last)) if last >= wanted => refused(format!(
            "the version before it counts from {last} on, and {wanted} is no later: give a later instant"
        )),
        (Some(wanted), _) => Ok(wanted),
        // It is made of the version before it, so it counts behind that one.
        (None, last) => {
            let behind = last.map(|last| last.saturating_add(Span::from_seconds(1)));
            Ok(behind.map_or(earliest, |behind| behind.max(earliest)))
        }
    }
}

/// What the newest version of a record comes to.
pub(super) fn versioned(record: &Record) -> Result<Outcome, Vec<BodyFault>> {
    let metrics = record.metrics()?;
    let version = number(metrics.len());
    let definitions = Definitions { metrics, customers: Vec::new() };
    let plan = Plan::new(definitions);
    let place = u32::try_from(version.saturating_sub(1)).expect("few versions");
    let metric = plan.metrics().first().expect("it is of one metric");
    let continues = match (&metric.versions[..], &metric.lineages[..]) {
        ([.., after], [.., former, latter]) if after.is_recurring => Some(former == latter),
        _ => None,
    };
    // A version that is the last one is never empty.
    let counts_from = metric.timeline("").begin_of(place).flatten();
    let counts_from = counts_from.expect("a version with effective_from begins somewhere");
    Ok(Outcome::Versioned { version, counts_from, continues })
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).expect("an address has at most 64 bits")
}
