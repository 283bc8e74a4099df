//! Keeping the agendas as small as what they speak of.
//!
//! What is let go leaves its entries behind, and is entered again when it is loaded: where keys come and go all through a
//! month, stale entries would soon be more than memory holds. So they are made anew whenever they have doubled.

use std::sync::Arc;

use super::{Agenda, Processor};
use crate::definition::{Plan, Slot};
use crate::engine::chain::Cells;

/// Bytes of an entry; a list that grows is there twice.
const ENTRY_BYTES: usize = 2 * size_of::<u32>();

/// Entries that take less than such a part of the memory are left alone.
const PART: usize = 8;

impl Processor {
    /// Makes the agendas anew where most of what stands in them may be stale.
    pub(super) fn tidy_agendas(&mut self) {
        self.agenda_entries = self.count_agenda_entries();
        let spared = self.options.memory_bytes_max / PART / ENTRY_BYTES;
        if self.agenda_entries <= self.agenda_entries_max.max(spared) {
            return;
        }
        for agenda in &mut self.agendas {
            agenda.due.clear();
            agenda.retire.clear();
        }
        let plan = Arc::clone(&self.plan);
        for place in 0..self.chains.places() {
            self.enter_anew(&plan, place);
        }
        self.agenda_entries = self.count_agenda_entries();
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
        let agenda = self.agenda_mut(address.metric);
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

    fn count_agenda_entries(&self) -> usize {
        let lists = |agenda: &Agenda| {
            agenda.due.values().chain(agenda.retire.values()).map(Vec::len).sum::<usize>()
        };
        self.agendas.iter().map(lists).sum()
    }

    fn agenda_mut(&mut self, metric: u32) -> &mut Agenda {
        &mut self.agendas[metric as usize]
    }
}
