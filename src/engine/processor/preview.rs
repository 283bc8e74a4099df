//! A look at open periods: their totals so far, as provisional ones (`aggregate --keep-open`).
//!
//! Nothing changes by it. What is resident is looked at here; what is only stored the caller reads by the scans
//! that this names, and shows.

use super::Processor;
use super::close::total_of;
use crate::engine::cell::{Cell, Revision};
use crate::engine::chain::{Cells, ChainAddress};
use crate::engine::effect::{Loaded, Scan, ScanRange};
use crate::engine::recurring::Recurring;
use crate::model::{EventTime, PeriodTotal};

/// How many stored entries one scan reads at most.
const SCAN_ENTRIES_MAX: usize = 256;

impl Processor {
    /// Looks at every open period of resident chains.
    pub fn preview(&self, emit: &mut impl FnMut(PeriodTotal)) {
        for place in 0..self.chains.places() {
            let Some(chain) = self.chains.try_chain(place) else { continue };
            match &chain.cells {
                Cells::Plain(cells) => {
                    for cell in cells.iter() {
                        self.preview_cell(&chain.address, cell, emit);
                    }
                }
                Cells::Recurring(recurring) => {
                    self.preview_chain(&chain.address, recurring, emit);
                }
            }
        }
    }

    /// What of the store must be read for [`Processor::preview_stored`]: each scan to its end.
    pub fn preview_scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        for metric in self.agendas.metrics() {
            let agenda = self.agendas.of(metric);
            if !agenda.is_cold {
                continue;
            }
            let family = self.plan.metric(metric);
            let is_open = |end: &&EventTime| {
                self.watermark.is_none_or(|mark| end.saturating_add(family.grace_max) > mark)
            };
            let ends = agenda.stored_ends.iter().filter(is_open);
            let ranges = ends.map(|end| ScanRange::CellsEndingAt(*end));
            let is_recurring = family.versions.iter().any(|version| version.is_recurring);
            let chains = is_recurring.then_some(ScanRange::Chains);
            scans.extend(ranges.chain(chains).map(|range| Scan {
                metric,
                range,
                after: None,
                limit: SCAN_ENTRIES_MAX,
            }));
        }
        scans
    }

    /// Looks at the open periods of a stored entry, unless it is resident: then [`Processor::preview`] does.
    pub fn preview_stored(&self, stored: &Loaded, emit: &mut impl FnMut(PeriodTotal)) {
        match stored {
            Loaded::Id(_) => {}
            Loaded::Cell(address, cell) => {
                let end = cell.slot.period.end;
                let resident = self.find(address).map(|place| self.chains.chain(place));
                if resident.is_none_or(|chain| chain.plain_cell(end).is_none()) {
                    self.preview_cell(address, cell, emit);
                }
            }
            Loaded::Chain(address, recurring) => {
                if self.find(address).is_none() {
                    self.preview_chain(address, recurring, emit);
                }
            }
        }
    }

    fn preview_cell(
        &self,
        address: &ChainAddress,
        cell: &Cell,
        emit: &mut impl FnMut(PeriodTotal),
    ) {
        let site = self.site(&self.plan, address);
        if !site.is_due(cell.slot) && cell.published.is_none() {
            let value = cell.value(&site.frame(cell.slot), None);
            emit(total_of(&site, address, cell, Revision::provisional(value)));
        }
    }

    fn preview_chain(
        &self,
        address: &ChainAddress,
        recurring: &Recurring,
        emit: &mut impl FnMut(PeriodTotal),
    ) {
        let site = self.site(&self.plan, address);
        recurring.preview(&site, &mut |cell, revision| {
            emit(total_of(&site, address, cell, revision));
        });
    }
}
