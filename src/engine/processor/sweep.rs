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
use crate::definition::Plan;
use crate::engine::effect::{Effect, Loaded, Scan, ScanRange};
use crate::engine::site::Closing;
use crate::model::EventTime;

/// How many stored entries a first scan reads, and any: what a scan reads is in memory at once, and a chain may be large. One
/// that was closed whole is followed by one of twice as many entries, another by one of half as many.
const SCAN_ENTRIES: usize = 64;
const SCAN_ENTRIES_MAX: usize = 4096;

/// How long ago, in batches, a chain was used that is in memory only to be closed: it is the first to leave.
const AGE_AFTER_SWEEP: u32 = 64;

/// A sweep under way.
pub(super) struct Sweep {
    /// The slice that is asked for, or that comes next.
    pub(super) scan: Scan,
    closing: Closing,
    /// What is due up to here is closed by this sweep. The watermark may move while it pauses: then what became due
    /// meanwhile, and was let go again, is another sweep's.
    through: EventTime,
    /// Where the slice that it belongs to ends.
    slice: Slice,
}

/// Where a slice of closing ends.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    /// How many entries the outbox has by then.
    pub(super) outbox_max: usize,
    /// How many bytes state takes by then.
    memory_bytes_max: usize,
}

impl Processor {
    /// The sweep that paused, or else the next one that is needed.
    pub(super) fn next_sweep(&mut self, horizon: EventTime, slice: Slice) -> Option<Sweep> {
        if let Some(paused) = self.paused_sweep.take() {
            return Some(Sweep { slice, ..paused });
        }
        let mut metrics = self.agendas.metrics();
        let (metric, range) =
            metrics.find_map(|metric| Some((metric, self.cold_range(metric, horizon)?)))?;
        let scan = Scan { metric, range, after: None, limit: SCAN_ENTRIES };
        Some(Sweep { scan, closing: self.closing(), through: horizon, slice })
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
        let mut waiting = found.into_iter();
        let mut is_all = true;
        while is_all && let Some(loaded) = waiting.next() {
            let address = loaded.address();
            let is_closed = self.close_loaded(&plan, loaded, &sweep);
            if is_closed {
                sweep.scan.after = Some(address);
            }
            // What is left is read again: by then it may be another.
            is_all = is_closed && (waiting.len() == 0 || !self.is_full(sweep.slice));
        }
        let limit = sweep.scan.limit;
        sweep.scan.limit =
            if is_all { limit.saturating_mul(2) } else { limit / 2 }.clamp(1, SCAN_ENTRIES_MAX);
        let slice = sweep.slice;
        if is_all && is_end {
            self.end_sweep(&sweep);
        } else {
            self.paused_sweep = Some(sweep);
        }
        if !self.is_full(slice) {
            self.close_slice(slice, effects);
        }
    }

    /// Closes what was scanned. Returns whether all of it is closed; else the slice is full.
    fn close_loaded(&mut self, plan: &Plan, loaded: Loaded, sweep: &Sweep) -> bool {
        let used_in = self.batch_number.wrapping_sub(AGE_AFTER_SWEEP);
        let Some(place) = self.make_resident(loaded, used_in) else { return true };
        while !self.close_chain(plan, place, sweep.closing, sweep.slice) {
            if self.outbox.len() >= sweep.slice.outbox_max {
                return false;
            }
        }
        true
    }

    /// The next slice: so many totals, and room for an eighth of the memory, also where what cannot leave takes all of it.
    #[expect(clippy::arithmetic_side_effects, reason = "an outbox within memory, and one slice")]
    pub(super) fn next_slice(&self) -> Slice {
        let limit = self.options.memory_bytes_max;
        Slice {
            outbox_max: self.outbox.len() + self.options.slice_totals_max,
            memory_bytes_max: self.memory_bytes().saturating_add(limit / 8).max(limit),
        }
    }

    fn is_full(&self, slice: Slice) -> bool {
        self.outbox.len() >= slice.outbox_max || self.memory_bytes() > slice.memory_bytes_max
    }

    /// Whether closing what is stored takes more memory than it may: a commit lets go of it.
    pub fn waits_for_room(&self) -> bool {
        let paused = self.paused_sweep.as_ref();
        paused.is_some_and(|sweep| self.memory_bytes() > sweep.slice.memory_bytes_max)
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
