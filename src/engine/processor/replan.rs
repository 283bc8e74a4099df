//! Another plan for a task at work (rule 5.6).
//!
//! Right after a commit memory holds nothing that the store lacks. So all chains leave it, as where memory is short, and
//! come back by what the new plan makes of them: what a restart with other definitions does, with the remembered ids
//! kept. Of these no plan knows anything.

use std::sync::Arc;

use super::agenda::Agendas;
use super::look::Batch;
use super::{Forgotten, Processor, StoredIndex};
use crate::definition::Plan;
use crate::engine::chain::Chains;

impl Processor {
    pub(super) fn replan(&mut self, plan: Arc<Plan>, stored: &StoredIndex) {
        assert!(self.has_store, "what leaves memory comes back from a store");
        assert!(!self.is_waiting(), "a load or scan is under way");
        assert!(!self.is_ending, "the input is at its end");
        assert!(self.is_all_stored(), "what memory holds alone would be lost");
        let (before, now) = (self.plan.revision(), plan.revision());
        assert!(now >= before, "a plan never goes back: {now} comes after {before}");
        self.agendas = Agendas::over(stored, &plan);
        self.plan = plan;
        self.chains = Chains::default();
        self.batch = Batch::default();
        self.dirty.clear();
        // What the next commit was to forget is still stored: it is found again.
        self.forgotten = Forgotten::default();
        self.paused_sweep = None;
        self.evict_hand = 0;
        self.agenda_entries = 0;
        self.agenda_entries_max = 0;
    }
}
