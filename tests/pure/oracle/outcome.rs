//! What goes into the oracle and what comes out, in a form that tests can compare.

use std::collections::BTreeMap;

use odometer::model::{Disposition, EventTime, RejectReason};

use super::chain::Total;

/// One record of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'r> {
    /// What it holds.
    pub bytes: &'r [u8],
    /// Its own timestamp, where the source has such.
    pub timestamp: Option<EventTime>,
}

impl<'r> Record<'r> {
    /// The records of a file (rule 1.9), without timestamps.
    pub fn lines(file: &'r [u8]) -> Vec<Record<'r>> {
        let text = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
        let lines = text.split(|byte| *byte == b'\n');
        let is_blank = |line: &&[u8]| line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
        let records = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        records
            .filter(|line| !is_blank(line))
            .map(|bytes| Record { bytes, timestamp: None })
            .collect()
    }
}

/// The key of a total.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TotalKey {
    /// Whose metric.
    pub tenant: String,
    /// Code of the metric.
    pub metric: String,
    /// Who is billed.
    pub customer: String,
    /// Name and text of each dimension, in declared order.
    pub group: Vec<(String, Option<String>)>,
    /// Start of the period.
    pub start: EventTime,
    /// End of the period.
    pub end: EventTime,
}

/// Every disposition with its name in the summary.
pub const DISPOSITIONS: [(&str, Disposition); 5] = [
    ("counted", Disposition::Counted),
    ("duplicate", Disposition::Duplicate),
    ("unmatched", Disposition::Unmatched),
    ("late", Disposition::Late),
    ("invalid", Disposition::Invalid),
];

/// One refusal (rule 1.5).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refusal {
    /// Which record, from 0.
    pub record: usize,
    /// Why.
    pub reason: RejectReason,
    /// Code of the metric that refused, where one did.
    pub metric: Option<String>,
}

/// All that came of a run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// How each event ended, in the order of reading.
    pub dispositions: Vec<Disposition>,
    /// All refusals, in the order of reading, then of the definitions.
    pub rejects: Vec<Refusal>,
    /// The newest value of every total that is final.
    pub totals: BTreeMap<TotalKey, Total>,
    /// What open periods have come to; empty unless they are kept open.
    pub provisionals: BTreeMap<TotalKey, Total>,
    /// What revision 1 of a total says: the value when the period became due, or closed at an input's end.
    /// Totals that only a late event made are left out: several of these may share revision 1 (rule 7.4).
    pub first_values: BTreeMap<TotalKey, Total>,
    /// Where the watermark stands after the last record.
    pub watermark: Option<EventTime>,
}

impl Outcome {
    /// How many events ended in that way.
    pub fn count(&self, disposition: Disposition) -> u64 {
        let same = self.dispositions.iter().filter(|one| **one == disposition);
        u64::try_from(same.count()).expect("few events")
    }

    /// How many refusals there were, by reason.
    pub fn rejects_by_reason(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for refusal in &self.rejects {
            *counts.entry(refusal.reason.name()).or_default() += 1;
        }
        counts
    }
}
