//! Keeping what stands around the resident chains as small as these are.
//!
//! What is let go leaves its entries on the agendas, and is entered again when it is loaded: where keys come and go all
//! through a month, stale entries would soon be more than memory holds. It also leaves its place empty. So agendas are
//! made anew when they have doubled, and chains are moved together where less than half of their places are taken.

use std::sync::Arc;

use super::Processor;
use crate::definition::{Plan, Slot};
use crate::engine::chain::Cells;

/// Bytes of an entry; a list that grows is there twice.
const ENTRY_BYTES: usize = 2 * size_of::<u32>();

impl Processor {
    /// Right after things were let go.
    pub(super) fn tidy(&mut self) {
        // What takes less than such a part of the memory is left alone.
        let spared_bytes = self.options.memory_bytes_max / 8;
        // Places of changed chains are written down elsewhere too.
        let may_move = self.dirty.is_empty() && self.amended.is_empty();
        self.agenda_entries = self.agendas.entries();
        if may_move && self.chains.is_sparse(spared_bytes) {
            self.chains.pack();
            self.evict_hand = 0;
        } else if self.agenda_entries <= self.agenda_entries_max.max(spared_bytes / ENTRY_BYTES) {
            return;
        }
        self.agendas.clear_entries();
        let plan = Arc::clone(&self.plan);
        for place in 0..self.chains.places() {
            self.enter_anew(&plan, place);
        }
        self.agenda_entries = self.agendas.entries();
        self.agenda_entries_max = self.agenda_entries.saturating_mul(2);
    }

    /// Puts a resident chain on the agenda for all that may be owed, and all that may be forgotten, of it.
    fn enter_anew(&mut self, plan: &Plan, place: u32) {
        let Some(chain) = self.chains.try_chain(place) else { return };
        let address = chain.address.clone();
        let site = self.site(plan, &address);
        let mut dues = Vec::new();
        let slots: Vec<Slot> = match &chain.cells {
            Cells::Plain(cells) => {
                // Also what is due and has not had its turn yet.
                let open = cells.iter().filter(|cell| {
                    cell.published.is_none() || cell.is_owed || !site.is_due(cell.slot)
                });
                dues.extend(open.map(|cell| site.due_at(cell.slot)));
                cells.iter().map(|cell| cell.slot).collect()
            }
            Cells::Recurring(recurring) => {
                dues.extend(recurring.scheduled);
                recurring.cells.iter().map(|cell| cell.slot).collect()
            }
        };
        let retires: Vec<_> = slots.into_iter().map(|slot| self.retire_at(&site, slot)).collect();
        let agenda = self.agendas.of_mut(address.metric);
        for due in dues {
            agenda.due.entry(due).or_default().push(place);
        }
        for at in retires {
            agenda.retire.entry(at).or_default().push(place);
        }
    }

    /// Bytes of the agendas, as of the last commit.
    pub(super) fn agenda_bytes(&self) -> usize {
        self.agenda_entries.saturating_mul(ENTRY_BYTES)
    }
}
