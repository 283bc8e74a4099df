//! Closing of what is stored and not resident: read in slices, closed as it is read (rule 7.2).
//!
//! ```text
//! close --Scan--> Scanned --more--> Scan ...
//!                    └──enough for now──> paused --next call of close--> Scan ...
//! ```
//! A sweep that pauses leaves room for a commit, which lets go of what it made resident: neither the outbox nor memory
//! grows with what is stored.

use std::sync::Arc;

use super::Processor;
use crate::engine::effect::{Effect, Loaded, Scan, ScanRange};
use crate::engine::site::Closing;
use crate::model::EventTime;

/// How many stored entries one scan reads at most.
const SCAN_ENTRIES_MAX: usize = 4096;

/// A sweep under way.
pub(super) struct Sweep {
    /// The slice that is asked for, or that comes next.
    pub(super) scan: Scan,
    closing: Closing,
    /// What is due up to here is closed by this sweep. The watermark may move while it pauses: then what became due
    /// meanwhile, and was let go again, is another sweep's.
    through: EventTime,
}

impl Processor {
    /// The sweep that paused, or else the next one that is needed.
    pub(super) fn next_sweep(&mut self, horizon: EventTime) -> Option<Sweep> {
        if let Some(paused) = self.paused_sweep.take() {
            return Some(paused);
        }
        let mut metrics = self.agendas.metrics();
        let (metric, range) =
            metrics.find_map(|metric| Some((metric, self.cold_range(metric, horizon)?)))?;
        let scan = Scan { metric, range, after: None, limit: SCAN_ENTRIES_MAX };
        Some(Sweep { scan, closing: self.closing(), through: horizon })
    }

    /// What of a metric must be read from the store before it is closed.
    pub(super) fn cold_range(&self, metric: u32, horizon: EventTime) -> Option<ScanRange> {
        let agenda = self.agendas.of(metric);
        let is_due = agenda.cold_chains_due.is_some_and(|due| due <= horizon);
        // At the end of input one sweep closes all of a chain; a chain that carries always has something due later.
        if is_due && !(self.is_ending && agenda.is_ended) {
            return Some(ScanRange::Chains);
        }
        let (due, end) = agenda.cold_ends.first()?;
        (*due <= horizon).then_some(ScanRange::CellsEndingAt(*end))
    }

    /// Makes a slice of stored entries resident and closes them.
    pub(super) fn take_scanned(
        &mut self,
        found: Vec<Loaded>,
        is_end: bool,
        effects: &mut Vec<Effect>,
    ) {
        let mut sweep = self.sweep.take().expect("a scan was asked for");
        let plan = Arc::clone(&self.plan);
        let agenda = self.agendas.of_mut(sweep.scan.metric);
        if sweep.scan.after.is_none() && sweep.scan.range == ScanRange::Chains {
            agenda.cold_chains_due = None;
        }
        sweep.scan.after = found.last().map(Loaded::address);
        for loaded in found {
            if let Some(place) = self.make_resident(loaded) {
                self.close_chain(&plan, place, sweep.closing);
            }
        }
        if is_end {
            self.end_sweep(&sweep);
        } else {
            self.paused_sweep = Some(sweep);
        }
        let is_enough = self.outbox.len() >= self.options.slice_totals_max
            || self.memory_bytes() > self.options.memory_bytes_max;
        if !is_enough {
            self.close(effects);
        }
    }

    /// Everything of the sweep's range is closed, or resident.
    fn end_sweep(&mut self, sweep: &Sweep) {
        let plan = Arc::clone(&self.plan);
        let family = plan.metric(sweep.scan.metric);
        let agenda = self.agendas.of_mut(sweep.scan.metric);
        match sweep.scan.range {
            ScanRange::Chains => agenda.is_ended |= sweep.closing == Closing::EndOfInput,
            ScanRange::CellsEndingAt(end) => {
                for version in &family.versions {
                    let due = end.saturating_add(version.grace);
                    if due <= sweep.through {
                        agenda.cold_ends.remove(&(due, end));
                    }
                }
            }
        }
    }
}
