//! What is resident: taking in what was loaded, and letting go of what is stored when memory is short.

use std::sync::Arc;

use super::Processor;
use crate::engine::chain::{Cells, ChainAddress};
use crate::engine::effect::Loaded;
use crate::engine::plain::PlainCells;

/// Bytes of memory that a chain takes on its way to the disk, beside what it takes anyway: in the batch that is written, which
/// grows to the double, and in the database's buffer.
const CHAIN_WRITE_BYTES: usize = 400;
/// The same of an id.
const ID_WRITE_BYTES: usize = 100;

impl Processor {
    /// Whether a commit is called for by memory: state takes more than it may, of which only a commit lets go, or what is not
    /// stored would take a quarter as much on its way to the disk.
    pub fn is_past_memory(&self) -> bool {
        let limit = self.options.memory_bytes_max;
        self.memory_bytes() > limit || self.write_bytes() > limit / 4
    }

    /// Whether it is so far past that nothing more is to be taken before that commit.
    pub fn is_far_past_memory(&self) -> bool {
        let limit = self.options.memory_bytes_max;
        self.memory_bytes() / 3 > limit / 2 || self.write_bytes() > limit / 2
    }

    /// What is not stored takes so many bytes on its way to the disk, roughly.
    fn write_bytes(&self) -> usize {
        let chains = self.dirty.len().saturating_mul(CHAIN_WRITE_BYTES);
        chains.saturating_add(self.dedup.fresh_count().saturating_mul(ID_WRITE_BYTES))
    }

    pub(super) fn take_loaded(&mut self, found: Vec<Loaded>) {
        assert!(self.batch.is_pending(), "nothing was to be loaded");
        for loaded in found {
            self.make_resident(loaded, self.batch_number);
        }
    }

    /// Takes in what is stored, as last used in that batch, unless it is resident already: then memory is newer. Returns its
    /// chain's place.
    pub(super) fn make_resident(&mut self, loaded: Loaded, used_in: u32) -> Option<u32> {
        match loaded {
            Loaded::Id(id) => {
                self.dedup.restore(id);
                None
            }
            Loaded::Cell(address, cell) => {
                let place = self.place_of(&address, used_in, || Cells::Plain(PlainCells::new()));
                let plan = Arc::clone(&self.plan);
                let site = self.site(&plan, &address);
                let slot = cell.slot;
                let chain = self.chains.chain_mut(place);
                if chain.plain_cell(slot.period.end).is_none() {
                    let Cells::Plain(cells) = &mut chain.cells else {
                        panic!("a plain cell was stored for a recurring chain")
                    };
                    cells.insert(*cell);
                    self.chains.recount(place);
                    self.enter(place, &site, slot);
                }
                Some(place)
            }
            Loaded::Chain(address, recurring) => {
                let plan = Arc::clone(&self.plan);
                let site = self.site(&plan, &address);
                let is_resident = self.find(&address).is_some();
                // One that was spent stays stored until the next commit: taken up again, it is not to be forgotten then.
                self.forgotten.chains.remove(&address);
                let place = self.place_of(&address, used_in, || Cells::Recurring(recurring));
                if !is_resident {
                    let slots: Vec<_> = match &self.chains.chain(place).cells {
                        Cells::Recurring(chain) => {
                            chain.cells.iter().map(|cell| cell.slot).collect()
                        }
                        Cells::Plain(_) => Vec::new(),
                    };
                    for slot in slots {
                        let at = self.retire_at(&site, slot);
                        let agenda = self.agendas.of_mut(address.metric);
                        agenda.retire.entry(at).or_default().push(place);
                    }
                    self.schedule(place, &site);
                }
                Some(place)
            }
        }
    }

    pub(super) fn find(&self, address: &ChainAddress) -> Option<u32> {
        let key = address.key.as_bytes();
        let hash = self.chains.hash(address.metric, address.lineage, key);
        self.chains.find(hash, address.metric, address.lineage, key)
    }

    fn place_of(
        &mut self,
        address: &ChainAddress,
        used_in: u32,
        cells: impl FnOnce() -> Cells,
    ) -> u32 {
        if let Some(place) = self.find(address) {
            return place;
        }
        let place = self.chains.insert(address.clone(), cells());
        self.chains.chain_mut(place).touched = used_in;
        place
    }

    /// Right after a commit, or where there was nothing to commit: forgets what is past, and where memory is short lets go of
    /// ids and of the chains that were not used for longest.
    pub(super) fn let_go(&mut self) {
        self.retire();
        if self.has_store {
            self.evict();
            self.tidy();
        }
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "three quarters of it are less, and what is left is not 0"
    )]
    fn evict(&mut self) {
        let limit = self.options.memory_bytes_max;
        self.dedup.let_go(limit.saturating_sub(self.chains.bytes()).max(limit / 2));
        if self.memory_bytes() <= limit {
            return;
        }
        let target = (limit / 4 * 3).saturating_sub(self.dedup.bytes());
        // Two turns of the hand: the first spares what was used lately, the second only what the latest batches used. They
        // had it all in memory at once, the next ones likely need it too, and it may have many parts to be read again.
        for spared_batches in [64, 2] {
            let mut left = self.chains.places();
            while left > 0 && self.chains.bytes() > target {
                left -= 1;
                self.evict_at_hand(spared_batches);
            }
        }
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "places are fewer than 2^32, and the divisor is at least 1"
    )]
    fn evict_at_hand(&mut self, spared_batches: u32) {
        let place = self.evict_hand;
        self.evict_hand = (place + 1) % self.chains.places().max(1);
        let Some(chain) = self.chains.try_chain(place) else { return };
        let age = self.batch_number.wrapping_sub(chain.touched);
        if chain.is_dirty || chain.is_amended || age < spared_batches {
            return;
        }
        let chain = self.chains.remove(place);
        let plan = Arc::clone(&self.plan);
        let family = plan.metric(chain.address.metric);
        let agenda = self.agendas.of_mut(chain.address.metric);
        agenda.is_cold = true;
        match chain.cells {
            Cells::Plain(cells) => {
                let open = cells.iter().filter(|cell| cell.published.is_none() || cell.is_owed);
                let dues = open.map(|cell| (family.due_at(cell.slot), cell.slot.period.end));
                agenda.cold_ends.extend(dues);
            }
            Cells::Recurring(recurring) => {
                let due = [agenda.cold_chains_due, recurring.scheduled];
                agenda.cold_chains_due = due.into_iter().flatten().min();
            }
        }
    }
}
