//! A look at what a commit knows of totals: those that were published, and those that still grow.
//!
//! Used on entries of the store as they stand at a commit, beside the task that goes on. Changes nothing.

use super::cell::{Cell, Published, Revision};
use super::chain::ChainAddress;
use super::effect::Loaded;
use super::ledger::CommitRecord;
use super::site::Site;
use crate::definition::Plan;
use crate::model::{EventTime, PeriodTotal};

/// What is known at a commit.
#[derive(Clone, Copy, Debug)]
pub struct Usage<'p> {
    pub(super) plan: &'p Plan,
    pub(super) watermark: Option<EventTime>,
    pub(super) latest_time: Option<EventTime>,
    pub(super) keeps_offsets: bool,
}

impl<'p> Usage<'p> {
    /// As of that commit. `keeps_offsets`: whether totals say at which offsets their events stood.
    pub fn at(plan: &'p Plan, commit: &CommitRecord, keeps_offsets: bool) -> Self {
        let CommitRecord { watermark, latest_time, .. } = *commit;
        Usage { plan, watermark, latest_time, keeps_offsets }
    }

    /// The totals in a stored entry, oldest period first: the last revision of what is published (its difference to the
    /// revision before is not known), a provisional one of what is not.
    pub fn totals(&self, found: &Loaded, emit: &mut impl FnMut(PeriodTotal)) {
        match found {
            Loaded::Id(_) => {}
            Loaded::Cell(address, cell) => {
                let site = self.site(address);
                emit(look(&site, cell).total(&site, address, cell));
            }
            Loaded::Chain(address, recurring) => {
                let site = self.site(address);
                recurring.look(&site, &mut |cell, revision| {
                    emit(revision.total(&site, address, cell));
                });
            }
        }
    }

    /// Has each published total of a stored entry be the revision that `ask` names: one that was delivered before, where the
    /// state was made anew. Where it names none, that total stays what it is. Returns whether one changed.
    pub fn republish(
        &self,
        found: &mut Loaded,
        ask: &mut impl FnMut(&PeriodTotal, &Published) -> Option<Published>,
    ) -> bool {
        let (address, cells) = match found {
            Loaded::Id(_) => return false,
            Loaded::Cell(address, cell) => (&*address, std::slice::from_mut(&mut **cell)),
            Loaded::Chain(address, recurring) => (&*address, recurring.cells.as_mut_slice()),
        };
        let site = self.site(address);
        let mut is_changed = false;
        for cell in cells {
            let Some(published) = cell.published.as_deref().copied() else { continue };
            let total = Revision::published(&published).total(&site, address, cell);
            if let Some(other) = ask(&total, &published).filter(|other| *other != published) {
                cell.published = Some(Box::new(other));
                is_changed = true;
            }
        }
        is_changed
    }

    /// The surroundings of a chain.
    pub(super) fn site(&self, address: &ChainAddress) -> Site<'p> {
        let metric = self.plan.metric(address.metric);
        Site {
            metric,
            lineage: address.lineage,
            timeline: metric.timeline(address.key.customer()),
            watermark: self.watermark,
            latest_time: self.latest_time,
            keeps_offsets: self.keeps_offsets,
        }
    }
}

fn look(site: &Site<'_>, cell: &Cell) -> Revision {
    match cell.published.as_deref() {
        Some(published) => Revision::published(published),
        None => Revision::provisional(cell.value(&site.frame(cell.slot), None)),
    }
}
