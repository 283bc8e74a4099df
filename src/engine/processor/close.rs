//! Closing: totals of periods that became due, in bounded slices (rules 7.1, 7.2, 7.4).
//!
//! Decided as if before the next event is read: a late event for a key that this has not reached yet publishes that
//! key first (`fold`), so what a slice leaves for the next one comes out the same.

use std::ops::Range;
use std::sync::Arc;

use super::Processor;
use super::sweep::Slice;
use crate::definition::{Plan, Slot};
use crate::engine::cell::{Cell, Revision};
use crate::engine::chain::{Cells, ChainAddress};
use crate::engine::effect::{Address, Cursor, Effect, Loaded, OutboxEntry};
use crate::engine::site::{Closing, Site};
use crate::engine::upstream::Mark;
use crate::engine::usage::Usage;
use crate::model::{EventTime, PeriodTotal};

impl Processor {
    pub(super) fn take_idle(&mut self, watermark: EventTime, effects: &mut Vec<Effect>) {
        // Rule 7.1: not before the first event, and never back.
        if let Some(current) = self.watermark {
            self.watermark = Some(current.max(watermark));
        }
        self.close(effects);
    }

    pub(super) fn take_upstream(
        &mut self,
        partitions: u32,
        marks: &[Mark],
        cursor: Cursor,
        effects: &mut Vec<Effect>,
    ) {
        assert!(!self.is_waiting(), "a load or scan waits for its answer");
        assert!(cursor >= self.cursor, "a source only goes on");
        self.sources.expect(partitions);
        for mark in marks {
            self.sources.note(*mark);
        }
        self.cursor = cursor;
        self.watermark = self.after_sources(self.watermark);
        self.close(effects);
    }

    /// The watermark after what was said of source partitions: it never goes back (rule 7.1).
    pub(super) fn after_sources(&self, before: Option<EventTime>) -> Option<EventTime> {
        let least = self.sources.least();
        before.max(least.map(|least| least.saturating_sub(self.options.watermark_delay)))
    }

    pub(super) fn closing(&self) -> Closing {
        if self.is_ending { Closing::EndOfInput } else { Closing::Due }
    }

    /// Up to which instant entries of the agenda are looked at.
    fn horizon(&self) -> Option<EventTime> {
        match self.closing() {
            Closing::Due => self.watermark,
            Closing::EndOfInput => Some(EventTime::from_micros(i64::MAX)),
        }
    }

    /// Whether some period may have to be closed.
    pub(super) fn has_due(&self) -> bool {
        let Some(horizon) = self.horizon() else { return false };
        let is_paused = self.paused_sweep.is_some();
        is_paused
            || self.agendas.metrics().any(|metric| {
                let agenda = self.agendas.of(metric);
                agenda.due.first_key_value().is_some_and(|(due, _)| *due <= horizon)
                    || self.cold_range(metric, horizon).is_some()
            })
    }

    /// Closes one slice; asks for a scan where what must be closed is not resident.
    pub(super) fn close(&mut self, effects: &mut Vec<Effect>) {
        let slice = self.next_slice();
        self.close_slice(slice, effects);
    }

    /// Goes on with a slice.
    pub(super) fn close_slice(&mut self, slice: Slice, effects: &mut Vec<Effect>) {
        if self.sweep.is_some() {
            return;
        }
        let Some(horizon) = self.horizon() else { return };
        let plan = Arc::clone(&self.plan);
        for metric in self.agendas.metrics() {
            while let Some(place) = self.next_due(metric, horizon) {
                self.close_chain(&plan, place, self.closing(), slice);
                if self.outbox.len() >= slice.outbox_max {
                    return;
                }
            }
        }
        if let Some(sweep) = self.next_sweep(horizon, slice) {
            effects.push(Effect::Scan(sweep.scan.clone()));
            self.sweep = Some(sweep);
            return;
        }
        if self.is_ending {
            self.publish_amended();
            self.is_ending = false;
            for metric in self.agendas.metrics() {
                self.agendas.of_mut(metric).is_ended = false;
            }
        }
    }

    /// Takes the next resident chain off the metric's agenda.
    fn next_due(&mut self, metric: u32, horizon: EventTime) -> Option<u32> {
        let mut entry = self.agendas.of_mut(metric).due.first_entry()?;
        if *entry.key() > horizon {
            return None;
        }
        let place = entry.get_mut().pop();
        if entry.get().is_empty() {
            entry.remove();
        }
        // An empty list cannot stand in the agenda.
        place
    }

    /// Publishes what is due of one chain, until the slice is full; entries of the agenda may be stale.
    /// Returns whether that was all. If not, the chain is first on the agenda.
    pub(super) fn close_chain(
        &mut self,
        plan: &Plan,
        place: u32,
        closing: Closing,
        slice: Slice,
    ) -> bool {
        let Some(chain) = self.chains.try_chain(place) else { return true };
        let address = chain.address.clone();
        let is_plain = matches!(chain.cells, Cells::Plain(_));
        let site = self.site(plan, &address);
        let is_all = if is_plain {
            let room = self.room(slice);
            let unsettled = self.chains.plain_mut(place).unsettled();
            self.publish_plain(place, &site, room, unsettled, |cell| match closing {
                Closing::Due => {
                    site.is_due(cell.slot) && (cell.published.is_none() || cell.is_owed)
                }
                Closing::EndOfInput => cell.published.is_none() || cell.is_owed,
            })
        } else {
            let is_swept = self.sweep_recurring(place, &site, self.room(slice));
            match closing {
                Closing::Due if is_swept => {
                    self.put_on_agenda(place);
                    true
                }
                // What is due later is closed here and now: the chain need not be looked at again.
                Closing::EndOfInput if is_swept => self.close_open(place, &site, slice),
                Closing::Due | Closing::EndOfInput => false,
            }
        };
        if !is_all {
            let due = &mut self.agendas.of_mut(address.metric).due;
            due.entry(EventTime::from_micros(i64::MIN)).or_default().push(place);
        }
        is_all
    }

    /// How many totals a slice may still make: always one, so that closing goes on.
    fn room(&self, slice: Slice) -> usize {
        slice.outbox_max.saturating_sub(self.outbox.len()).max(1)
    }

    /// Publishes open periods of a recurring chain (rule 7.1, end of input). Returns whether these were all.
    fn close_open(&mut self, place: u32, site: &Site<'_>, slice: Slice) -> bool {
        let room = self.room(slice);
        let mut totals = Vec::new();
        let (address, recurring) = self.chains.recurring_mut(place);
        let mut add = |cell: &Cell, revision| {
            totals.push((total_of(site, address, cell, revision), cell.slot));
        };
        recurring.publish_owed(site, &mut add);
        let is_all = recurring.close_open(site, room, &mut add);
        self.take_totals(place, site, totals);
        is_all
    }

    pub(super) fn site<'p>(&self, plan: &'p Plan, address: &ChainAddress) -> Site<'p> {
        let (watermark, latest_time) = (self.watermark, self.latest_time);
        let keeps_offsets = self.options.keeps_offsets;
        Usage { plan, watermark, latest_time, keeps_offsets }.site(address)
    }

    /// Publishes those cells of a plain chain at some places that pass the test, at most `totals_max` of them. Returns
    /// whether these were all.
    pub(super) fn publish_plain(
        &mut self,
        place: u32,
        site: &Site<'_>,
        totals_max: usize,
        cells_at: Range<usize>,
        is_asked: impl Fn(&Cell) -> bool,
    ) -> bool {
        let mut totals = Vec::new();
        let (address, cells) = self.chains.plain_with_address_mut(place);
        let mut is_all = true;
        for at in cells_at {
            if !cells.at(at).is_some_and(&is_asked) {
                continue;
            }
            if totals.len() >= totals_max {
                is_all = false;
                break;
            }
            totals.extend(cells.change(at, |cell| {
                let value = cell.value(&site.frame(cell.slot), None);
                let is_news = cell.is_news(value);
                cell.is_owed = false;
                is_news.then(|| {
                    let revision = cell.publish(value);
                    (total_of(site, address, cell, revision), cell.slot)
                })
            }));
        }
        self.take_totals(place, site, totals);
        is_all
    }

    /// Publishes what became due of a recurring chain, about `totals_max` of it, forgets what nothing can change any more,
    /// and notes when the chain must be looked at again; the caller puts it on the agenda. Returns whether that was all.
    pub(super) fn sweep_recurring(
        &mut self,
        place: u32,
        site: &Site<'_>,
        totals_max: usize,
    ) -> bool {
        let mut totals = Vec::new();
        let (address, recurring) = self.chains.recurring_mut(place);
        recurring.sweep(site, totals_max, &mut |cell, revision| {
            totals.push((total_of(site, address, cell, revision), cell.slot));
        });
        recurring.scheduled = recurring.next_due(site);
        let is_all = !recurring.is_behind(site);
        self.take_totals(place, site, totals);
        // Not only at the next commit: of a chain that owes years, no more is kept than of one that owes a day.
        if self.retire_cells(place, site) {
            let metric = self.chains.chain(place).address.metric;
            let now = site.watermark.unwrap_or(EventTime::EARLIEST);
            self.agendas.of_mut(metric).retire.entry(now).or_default().push(place);
        }
        is_all
    }

    /// Puts a recurring chain on the agenda for when it next has something to publish.
    pub(super) fn schedule(&mut self, place: u32, site: &Site<'_>) {
        let (_, recurring) = self.chains.recurring_mut(place);
        recurring.scheduled = recurring.next_due(site);
        self.put_on_agenda(place);
    }

    /// Enters a recurring chain where it is scheduled.
    pub(super) fn put_on_agenda(&mut self, place: u32) {
        let (address, recurring) = self.chains.recurring_mut(place);
        if let Some(due) = recurring.scheduled {
            self.agendas.of_mut(address.metric).due.entry(due).or_default().push(place);
        }
    }

    /// Moves totals to the outbox and notes what that means for their chain.
    fn take_totals(&mut self, place: u32, site: &Site<'_>, totals: Vec<(PeriodTotal, Slot)>) {
        if totals.is_empty() {
            return;
        }
        let chain = self.chains.chain_mut(place);
        if !std::mem::replace(&mut chain.is_dirty, true) {
            self.dirty.push(place);
        }
        let metric = chain.address.metric;
        let is_plain = matches!(chain.cells, Cells::Plain(_));
        let watermark = self.watermark.unwrap_or(EventTime::EARLIEST);
        let mut last = None;
        for (total, slot) in totals {
            let at = self.retire_at(site, slot).max(watermark);
            // A plain cell has been there since it was made, unless that was too early.
            let is_there = last == Some(at) || (is_plain && at > watermark);
            if !is_there {
                last = Some(at);
                self.agendas.of_mut(metric).retire.entry(at).or_default().push(place);
            }
            self.emit(OutboxEntry::Total(total));
        }
        self.chains.recount(place);
    }

    /// Puts a new plain cell on the agenda: when it is due, and when it may be forgotten.
    pub(super) fn enter(&mut self, place: u32, site: &Site<'_>, slot: Slot) {
        let retire_at = self.retire_at(site, slot);
        let metric = self.chains.chain(place).address.metric;
        let agenda = self.agendas.of_mut(metric);
        if !site.is_due(slot) {
            agenda.due.entry(site.due_at(slot)).or_default().push(place);
        }
        agenda.retire.entry(retire_at).or_default().push(place);
    }

    /// From which watermark on nothing can change a period any more (rule 7.5).
    pub(super) fn retire_at(&self, site: &Site<'_>, slot: Slot) -> EventTime {
        let kept = self.options.dedup_window.max(site.grace_max());
        slot.period.end.saturating_add(kept)
    }

    /// Publishes what late events changed since the last cut.
    pub(super) fn publish_amended(&mut self) {
        let plan = Arc::clone(&self.plan);
        for place in std::mem::take(&mut self.amended) {
            let Some(chain) = self.chains.try_chain(place) else { continue };
            let address = chain.address.clone();
            let site = self.site(&plan, &address);
            let chain = self.chains.chain_mut(place);
            chain.is_amended = false;
            let mut totals = Vec::new();
            match &mut chain.cells {
                Cells::Plain(cells) => {
                    // What an end of input closed is final though it is not due (rule 7.1).
                    let unsettled = cells.unsettled();
                    self.publish_plain(place, &site, usize::MAX, unsettled, |cell| cell.is_owed);
                }
                Cells::Recurring(recurring) => {
                    recurring.publish_owed(&site, &mut |cell, revision| {
                        totals.push((total_of(&site, &address, cell, revision), cell.slot));
                    });
                    self.take_totals(place, &site, totals);
                }
            }
        }
    }
}

pub(super) fn total_of(
    site: &Site<'_>,
    address: &ChainAddress,
    cell: &Cell,
    revision: Revision,
) -> PeriodTotal {
    revision.total(site, address, cell)
}

impl Loaded {
    /// Under which address it is stored.
    pub fn address(&self) -> Address {
        match self {
            Loaded::Id(id) => Address::Id(id.digest),
            Loaded::Cell(address, cell) => Address::Cell(address.clone(), cell.slot.period.end),
            Loaded::Chain(address, _) => Address::Chain(address.clone()),
        }
    }
}
