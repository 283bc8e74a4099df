//! What a run was like, for people.

use std::collections::BTreeMap;
use std::fmt;

/// Violations that are shown.
const SHOWN_MAX: usize = 40;

/// The figures of a run.
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) minutes: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) noted: BTreeMap<&'static str, u64>,
    pub(super) edits: BTreeMap<&'static str, u64>,
    /// Records written.
    pub(super) written: u64,
    pub(super) revisions: usize,
    pub(super) totals: usize,
    pub(super) violations: Vec<String>,
}

impl Report {
    pub(super) fn new(seed: u64, minutes: u64) -> Self {
        Self {
            seed,
            minutes,
            faults: BTreeMap::new(),
            noted: BTreeMap::new(),
            edits: BTreeMap::new(),
            written: 0,
            revisions: 0,
            totals: 0,
            violations: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(text, "seed: {}\nminutes: {}", self.seed, self.minutes)?;
        let kills: u64 = self
            .faults
            .iter()
            .filter(|(name, _)| name.contains("kill -9"))
            .map(|(_, count)| count)
            .sum();
        writeln!(text, "kills: {kills}")?;
        for (title, counts) in
            [("faults", &self.faults), ("processes", &self.noted), ("definitions", &self.edits)]
        {
            writeln!(text, "{title}:")?;
            for (name, count) in counts {
                writeln!(text, "  {name}: {count}")?;
            }
        }
        writeln!(text, "events: {}", self.written)?;
        writeln!(text, "totals: {}", self.totals)?;
        writeln!(text, "revisions checked: {}", self.revisions)?;
        writeln!(text, "violations: {}", self.violations.len())?;
        for violation in self.violations.iter().take(SHOWN_MAX) {
            writeln!(text, "  {violation}")?;
        }
        Ok(())
    }
}
