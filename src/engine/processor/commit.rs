//! Commits: what changed since the last one, and the moment to forget what nothing can change any more.

use std::sync::Arc;

use super::Processor;
use crate::definition::{Plan, Slot};
use crate::engine::aggregator::{Part, PartValue};
use crate::engine::chain::Cells;
use crate::engine::dedup::forgotten_through;
use crate::engine::effect::{ChangeSink, ChangedPart, Effect};
use crate::engine::ledger::{CommitId, CommitRecord};
use crate::engine::site::Site;
use crate::model::EventTime;

impl Processor {
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits number more commits and entries than can be made"
    )]
    pub(super) fn cut(&mut self, id: CommitId, effects: &mut Vec<Effect>) {
        assert!(self.may_cut(), "a commit, load or scan is under way");
        self.publish_amended();
        let last = *self.ledger.last();
        let next =
            CommitRecord { id, parent: Some(last.id), number: last.number + 1, ..self.now() };
        if self.is_all_stored() && !self.has_forgotten() && !self.ledger.wants_own() {
            // Nothing is to be stored; what was read to be looked at may leave memory all the same.
            self.let_go();
            return;
        }
        effects.push(self.ledger.cut(next));
        if let Some(oldest) = next.too_old_before {
            let day = forgotten_through(oldest);
            if day > self.expired_through && day >= 0 {
                self.expired_through = day;
                let day = u32::try_from(day).expect("years 1970 to 9998");
                effects.push(Effect::Expire { day });
            }
        }
    }

    /// All that a commit would say now, under the name and number of the last one.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits number more entries than can be made"
    )]
    fn now(&self) -> CommitRecord {
        let last = *self.ledger.last();
        let made = u64::try_from(self.outbox.len()).expect("a count of things in memory");
        CommitRecord {
            cursor: self.cursor,
            outbox_last: last.outbox_last + made,
            watermark: self.watermark,
            latest_time: self.latest_time,
            too_old_before: self.oldest(self.watermark),
            plan_revision: self.plan.revision().max(last.plan_revision),
            counters: self.counters,
            ..last
        }
    }

    /// Whether the last stored commit holds all that came of what was read: a restart would lose nothing.
    pub fn is_all_stored(&self) -> bool {
        self.amended.is_empty() && self.now() == *self.ledger.last()
    }

    /// Whether something that the store holds was forgotten since the last commit, by that commit: it goes with the next one.
    pub fn has_forgotten(&self) -> bool {
        !self.forgotten.cells.is_empty() || !self.forgotten.chains.is_empty()
    }

    /// Gives what changed since the last commit to `sink`; to be called once for each [`Effect::Store`].
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits number more commits and entries than can be made"
    )]
    pub fn write_changes(&mut self, sink: &mut dyn ChangeSink) {
        for id in self.dedup.take_fresh() {
            sink.put_id(id);
        }
        for (metric, through) in std::mem::take(&mut self.forgotten.cells) {
            sink.delete_cells(metric, through);
        }
        for address in std::mem::take(&mut self.forgotten.chains) {
            sink.delete_chain(&address);
        }
        for mark in self.sources.take_changed() {
            sink.put_source(mark);
        }
        for (tenant, customer) in std::mem::take(&mut self.unstored_customers) {
            sink.put_customer(&tenant, &customer);
        }
        let mut parts = Vec::new();
        for place in std::mem::take(&mut self.dirty) {
            if self.chains.try_chain(place).is_some() {
                self.write_chain(place, sink, &mut parts);
            }
        }
        let first = self.ledger.last().outbox_last + 1;
        for (sequence, entry) in (first..).zip(&self.outbox) {
            sink.put_outbox(sequence, entry);
        }
        self.outbox.clear();
        self.outbox_bytes = 0;
    }

    fn write_chain(
        &mut self,
        place: u32,
        sink: &mut dyn ChangeSink,
        parts: &mut Vec<(Part, PartValue)>,
    ) {
        let chain = self.chains.chain_mut(place);
        chain.is_dirty = false;
        let metric = chain.address.metric;
        let mut changed: Vec<ChangedPart> = Vec::new();
        match &mut chain.cells {
            Cells::Plain(cells) => cells.take_changed(|cell| {
                cell.aggregate.take_changes(parts);
                changed.extend(parts.drain(..).map(|(part, value)| (None, part, value)));
                sink.put_cell(&chain.address, cell, &changed);
                changed.clear();
                self.agendas.of_mut(metric).stored_ends.insert(cell.slot.period.end);
            }),
            Cells::Recurring(recurring) => {
                recurring.base.take_changes(parts);
                changed.extend(parts.drain(..).map(|(part, value)| (None, part, value)));
                for cell in &mut recurring.cells {
                    let start = Some(cell.slot.period.start);
                    cell.aggregate.take_changes(parts);
                    changed.extend(parts.drain(..).map(|(part, value)| (start, part, value)));
                }
                sink.put_chain(&chain.address, recurring, &changed);
                recurring.retired = Vec::new();
            }
        }
    }

    /// Forgets what rule 7.5 allows. Called right after a commit, when nothing is owed.
    pub(super) fn retire(&mut self) {
        let Some(watermark) = self.watermark else { return };
        if let Some(oldest) = self.oldest(self.watermark) {
            self.dedup.forget(oldest);
        }
        let plan = Arc::clone(&self.plan);
        for metric in self.agendas.metrics() {
            while let Some(place) = self.next_retired(metric, watermark) {
                self.retire_chain(&plan, metric, place);
            }
            // Stored cells are forgotten by the end of their period, whosever they are: all must be closed.
            if self.has_due_in(metric, watermark) {
                continue;
            }
            let grace = plan.metric(metric).grace_max;
            let through = watermark.saturating_sub(self.options.dedup_window.max(grace));
            let agenda = self.agendas.of_mut(metric);
            let mut last = None;
            while agenda.stored_ends.first().is_some_and(|end| *end <= through) {
                last = agenda.stored_ends.pop_first();
            }
            if let (Some(_), true) = (last, self.has_store) {
                self.forgotten.cells.insert(metric, through);
            }
        }
    }

    fn has_due_in(&self, metric: u32, watermark: EventTime) -> bool {
        let agenda = self.agendas.of(metric);
        let paused = self.paused_sweep.as_ref();
        // What the sweep has not reached may be owed totals, resident or not.
        paused.is_some_and(|sweep| sweep.scan.metric == metric)
            || agenda.due.first_key_value().is_some_and(|(due, _)| *due <= watermark)
            || agenda.cold_ends.first().is_some_and(|(due, _)| *due <= watermark)
            || agenda.cold_chains_due.is_some_and(|due| due <= watermark)
    }

    fn next_retired(&mut self, metric: u32, watermark: EventTime) -> Option<u32> {
        let mut entry = self.agendas.of_mut(metric).retire.first_entry()?;
        if *entry.key() > watermark {
            return None;
        }
        let place = entry.get_mut().pop();
        if entry.get().is_empty() {
            entry.remove();
        }
        place
    }

    fn retire_chain(&mut self, plan: &Plan, metric: u32, place: u32) {
        let Some(chain) = self.chains.try_chain(place) else { return };
        let address = chain.address.clone();
        // The place may have passed to a chain of another metric.
        if address.metric != metric {
            return;
        }
        let site = self.site(plan, &address);
        if self.retire_cells(place, &site) {
            self.drop_chain(place);
        }
    }

    /// Forgets what nothing can change any more of a chain, where its closing has passed it. Returns whether nothing is left.
    pub(super) fn retire_cells(&mut self, place: u32, site: &Site<'_>) -> bool {
        let Some(watermark) = self.watermark else { return false };
        let kept = self.options.dedup_window.max(site.grace_max());
        let is_past = |slot: Slot| slot.period.end.saturating_add(kept) <= watermark;
        let has_store = self.has_store;
        let chain = self.chains.chain_mut(place);
        let is_empty = match &mut chain.cells {
            Cells::Plain(cells) => {
                cells.retire(is_past);
                cells.is_empty()
            }
            Cells::Recurring(recurring) => {
                let is_changed = recurring.retire(site, is_past);
                if !has_store {
                    recurring.retired = Vec::new();
                }
                if is_changed && !std::mem::replace(&mut chain.is_dirty, true) {
                    self.dirty.push(place);
                }
                recurring.is_spent()
            }
        };
        self.chains.recount(place);
        is_empty
    }

    fn drop_chain(&mut self, place: u32) {
        let chain = self.chains.remove(place);
        if self.has_store && matches!(chain.cells, Cells::Recurring(_)) {
            self.forgotten.chains.insert(chain.address);
        }
    }
}
