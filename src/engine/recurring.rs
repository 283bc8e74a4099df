//! A recurring chain: periods linked by what each leaves to the next (rules 4.2, 4.3, 7.4).
//!
//! Kept are the cells of periods that a late event may still reach, and below them the carry of all
//! earlier ones. Knows nothing of other chains, of indexes, or of storage.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::aggregator::{Carry, Fold};
use super::cell::{Cell, Origin, Revision};
use super::chain::cell_bytes;
use super::site::Site;
use crate::definition::Slot;
use crate::model::{Amount, EventTime};

/// The linked periods of one chain.
#[derive(Clone, PartialEq, Debug)]
pub struct Recurring {
    /// What the periods below the kept cells left.
    pub base: Carry,
    /// Kept periods that have events or a published total, by start.
    pub cells: Vec<Cell>,
    /// An instant inside the first period that is not in the base: until there is one in it, the first that ever had an
    /// event. What is in the base was published, and is never looked at again, however long grace becomes.
    pub kept_from: EventTime,
    /// The earliest entry for this chain in the index of due periods.
    pub scheduled: Option<EventTime>,
    /// Starts of periods that were absorbed into the base since the chain was last stored.
    pub retired: Vec<EventTime>,
}

impl Recurring {
    /// A chain before its first event.
    pub fn new(base: Carry, first: Slot) -> Self {
        Recurring {
            base,
            cells: Vec::new(),
            kept_from: inside(first),
            scheduled: None,
            retired: Vec::new(),
        }
    }

    /// Whether it says no more than no chain at all would.
    pub fn is_spent(&self) -> bool {
        self.cells.is_empty() && self.base.is_nothing()
    }

    /// Takes an event in. Returns whether something already published, or due, changed.
    #[expect(clippy::indexing_slicing, reason = "a cell's place is asked for right before")]
    pub fn fold(&mut self, site: &Site<'_>, slot: Slot, fold: &Fold, origin: Origin) -> bool {
        let place = self.cell_place(site, slot);
        self.cells[place].fold(&site.frame(slot), fold, origin);
        self.kept_from = self.kept_from.min(inside(slot));
        let is_settled =
            site.is_due(slot) || self.cells[place..].iter().any(|cell| cell.published.is_some());
        if is_settled {
            self.owe_from(site, slot);
        }
        is_settled
    }

    /// Where the cell of that slot is; makes it where there is none.
    fn cell_place(&mut self, site: &Site<'_>, slot: Slot) -> usize {
        let start = slot.period.start;
        let last = self.cells.len().wrapping_sub(1);
        if self.cells.last().is_some_and(|cell| cell.slot.period.start == start) {
            return last;
        }
        match self.cells.binary_search_by_key(&start, |cell| cell.slot.period.start) {
            Ok(place) => place,
            Err(place) => {
                self.cells.insert(place, Cell::new(site.metric.version(slot), slot));
                place
            }
        }
    }

    /// Marks the total of this period and of every later closed one that it reaches (rule 7.4: as if each late event
    /// had come alone, so what is empty by the next cut is marked all the same).
    #[expect(clippy::indexing_slicing, reason = "a cell's place is asked for right before")]
    fn owe_from(&mut self, site: &Site<'_>, slot: Slot) {
        let mut owed = Vec::new();
        let watermark = site.watermark;
        self.walk(site, slot, watermark, |slot, cell, carry| {
            let has_total = cell.is_some_and(|cell| cell.events > 0 || cell.published.is_some());
            if site.is_due(slot) && (has_total || !carry.is_nothing()) {
                owed.push(slot);
            }
            ControlFlow::Continue(())
        });
        for slot in owed {
            let place = self.cell_place(site, slot);
            self.cells[place].is_owed = true;
        }
        let start = slot.period.start;
        for cell in &mut self.cells {
            if cell.slot.period.start >= start && cell.published.is_some() {
                cell.is_owed = true;
            }
        }
    }

    /// Publishes periods that became due since the last time, as if the watermark had come by bit by bit: those that were
    /// due first, `totals_max` of them and what was due in the same instant as the last.
    pub fn sweep(
        &mut self,
        site: &Site<'_>,
        totals_max: usize,
        emit: &mut impl FnMut(&Cell, Revision),
    ) {
        let Some(watermark) = site.watermark else { return };
        let mut found = self.fresh(site, watermark, totals_max);
        let mut dues: Vec<EventTime> = found.iter().map(|fresh| fresh.due).collect();
        dues.sort_unstable();
        let last = dues.get(totals_max.saturating_sub(1)).copied();
        found.retain(|fresh| last.is_none_or(|last| fresh.due <= last));
        for fresh in found {
            self.publish(site, fresh.slot, fresh.value, emit);
        }
    }

    /// Due periods with a total that was never published: `totals_max` of them, and all that may be due before these.
    fn fresh(&self, site: &Site<'_>, watermark: EventTime, totals_max: usize) -> Vec<Fresh> {
        let Some(from) = self.first_kept(site) else { return Vec::new() };
        let mut found: Vec<Fresh> = Vec::new();
        let mut last = None;
        self.walk(site, from, Some(watermark), |slot, cell, carry| {
            // No period is due before its end.
            if last.is_some_and(|last| slot.period.end > last) {
                return ControlFlow::Break(());
            }
            let due = site.due_at(slot);
            if due <= watermark && waits(cell) && has_total(cell, carry) {
                found.push(Fresh { due, slot, value: value_of(site, slot, cell, carry) });
                if found.len() == totals_max {
                    last = found.iter().map(|fresh| fresh.due).max();
                }
            }
            ControlFlow::Continue(())
        });
        found
    }

    /// Whether a period that is due waits to be published.
    pub fn is_behind(&self, site: &Site<'_>) -> bool {
        self.scheduled.zip(site.watermark).is_some_and(|(due, watermark)| due <= watermark)
    }

    /// Publishes what late events changed in due periods.
    #[expect(clippy::indexing_slicing, reason = "the places are those of the cells just looked at")]
    pub fn publish_owed(&mut self, site: &Site<'_>, emit: &mut impl FnMut(&Cell, Revision)) {
        let mut carry = Cow::Borrowed(&self.base);
        let mut revisions = Vec::new();
        for (place, cell) in self.cells.iter().enumerate() {
            if cell.is_owed && (site.is_due(cell.slot) || cell.published.is_some()) {
                let value = cell.value(&site.frame(cell.slot), Some(&carry));
                revisions.push((place, value));
            }
            carry.to_mut().absorb(&cell.aggregate);
        }
        for (place, value) in revisions {
            let cell = &mut self.cells[place];
            if cell.is_news(value) {
                let revision = cell.publish(value);
                emit(cell, revision);
            }
            cell.is_owed = false;
        }
    }

    /// Publishes open periods up to the one that holds the greatest time (rule 7.1, end of input), at most `totals_max` of
    /// them. Returns whether these were all. Those that are due have been swept; the oldest of them may lie in the base by
    /// now.
    pub fn close_open(
        &mut self,
        site: &Site<'_>,
        totals_max: usize,
        emit: &mut impl FnMut(&Cell, Revision),
    ) -> bool {
        let mut open = Vec::new();
        let mut is_all = true;
        self.walk_open(site, |slot, cell, carry| {
            let value = value_of(site, slot, cell, carry);
            if cell.is_none_or(|cell| cell.is_news(value)) {
                if open.len() == totals_max {
                    is_all = false;
                    return ControlFlow::Break(());
                }
                open.push((slot, value));
            }
            ControlFlow::Continue(())
        });
        for (slot, value) in open {
            self.publish(site, slot, value, emit);
        }
        is_all
    }

    /// Periods that begin by this instant are closed at the end of input: up to the greatest time of all events, and every one
    /// with events (an event may have been carried past that time).
    fn end_of_input(&self, site: &Site<'_>) -> Option<EventTime> {
        let last = self.cells.iter().rev().find(|cell| cell.events > 0);
        site.latest_time.max(last.map(|cell| cell.slot.period.start))
    }

    /// Looks at every open period up to the one that holds the greatest time.
    pub fn preview(&self, site: &Site<'_>, emit: &mut impl FnMut(&Cell, Revision)) {
        self.walk_open(site, |slot, cell, carry| {
            if cell.is_none_or(|cell| cell.published.is_none()) {
                let empty = Cell::new(site.metric.version(slot), slot);
                let value = value_of(site, slot, cell, carry);
                emit(cell.unwrap_or(&empty), Revision::provisional(value));
            }
            ControlFlow::Continue(())
        });
    }

    /// Looks at every kept period, closed and open ones, up to the one that time has come to.
    pub fn look(&self, site: &Site<'_>, emit: &mut impl FnMut(&Cell, Revision)) {
        let Some(from) = self.first_kept(site) else { return };
        let last = self.cells.last().map(|cell| cell.slot.period.start);
        let limit = site.latest_time.max(site.watermark).max(last);
        self.walk(site, from, limit, |slot, cell, carry| {
            if let Some((cell, published)) =
                cell.and_then(|cell| Some((cell, cell.published.as_deref()?)))
            {
                emit(cell, Revision::published(published));
            } else if has_total(cell, carry) {
                let empty = Cell::new(site.metric.version(slot), slot);
                let value = value_of(site, slot, cell, carry);
                emit(cell.unwrap_or(&empty), Revision::provisional(value));
            }
            ControlFlow::Continue(())
        });
    }

    #[expect(clippy::indexing_slicing, reason = "a cell's place is asked for right before")]
    fn publish(
        &mut self,
        site: &Site<'_>,
        slot: Slot,
        value: Option<Amount>,
        emit: &mut impl FnMut(&Cell, Revision),
    ) {
        let place = self.cell_place(site, slot);
        let cell = &mut self.cells[place];
        if cell.is_news(value) {
            let revision = cell.publish(value);
            emit(cell, revision);
        }
        cell.is_owed = false;
    }

    /// Visits the periods that are closed at the end of input and not before: open ones with a total (rule 4.3).
    fn walk_open(
        &self,
        site: &Site<'_>,
        mut visit: impl FnMut(Slot, Option<&Cell>, &Carry) -> ControlFlow<()>,
    ) {
        let Some(from) = self.first_kept(site) else { return };
        self.walk(site, from, self.end_of_input(site), |slot, cell, carry| {
            if site.is_due(slot) || !has_total(cell, carry) {
                return ControlFlow::Continue(());
            }
            visit(slot, cell, carry)
        });
    }

    /// The first slot that is not in the base.
    fn first_kept(&self, site: &Site<'_>) -> Option<Slot> {
        let first = self.cells.first().map(|cell| cell.slot);
        let is_it = |slot: &Slot| slot.period.contains(self.kept_from);
        // To ask the calendar takes longer.
        first.filter(is_it).or_else(|| site.timeline.slot_at(self.kept_from))
    }

    /// Visits the slots of this chain from `from` on while they begin by `limit`, and of a deleted metric by its last one, leaping over stretches in which there
    /// is neither a cell nor anything carried; until it is told to stop.
    fn walk(
        &self,
        site: &Site<'_>,
        from: Slot,
        limit: Option<EventTime>,
        mut visit: impl FnMut(Slot, Option<&Cell>, &Carry) -> ControlFlow<()>,
    ) {
        let mut carry = Cow::Borrowed(&self.base);
        let mut cells = self.cells.iter().peekable();
        while let Some(cell) = cells.next_if(|cell| cell.slot.period.start < from.period.start) {
            carry.to_mut().absorb(&cell.aggregate);
        }
        let mut slot = from;
        while limit.is_some_and(|limit| slot.period.start <= limit) && site.is_own(slot) {
            if cells.peek().is_none() && site.is_over(slot) {
                return;
            }
            let start = slot.period.start;
            let cell = cells.next_if(|cell| cell.slot.period.start == start);
            if visit(slot, cell, &carry).is_break() {
                return;
            }
            if let Some(cell) = cell {
                carry.to_mut().absorb(&cell.aggregate);
            }
            slot = match cells.peek() {
                None if carry.is_nothing() => return,
                Some(next) if next.slot.period.start == slot.period.end => next.slot,
                Some(next) if carry.is_nothing() => next.slot,
                _ => site.timeline.slot_after(slot),
            };
        }
    }

    /// When the chain next has something to publish; `None`: not before another event.
    pub fn next_due(&self, site: &Site<'_>) -> Option<EventTime> {
        let from = self.first_kept(site)?;
        let horizon = self.cells.last().map_or(from.period.end, |cell| cell.slot.period.end);
        let reached = site.watermark.map_or(horizon, |watermark| watermark.max(horizon));
        let limit = Some(reached.saturating_add(site.grace_max()));
        let mut next: Option<EventTime> = None;
        self.walk(site, from, limit, |slot, cell, carry| {
            // No period is due before its end.
            if next.is_some_and(|next| slot.period.end >= next) {
                return ControlFlow::Break(());
            }
            let due = site.due_at(slot);
            let is_filled = cell.is_some_and(|cell| cell.events > 0) || !carry.is_nothing();
            if is_filled && waits(cell) {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            ControlFlow::Continue(())
        });
        next
    }

    /// Absorbs the oldest cells that nothing can change any more (rule 7.5). Returns whether any was. What a sweep has not
    /// reached stays: taken into the base, it would be carried into periods that are still to be published.
    pub fn retire(&mut self, site: &Site<'_>, is_past: impl Fn(Slot) -> bool) -> bool {
        let behind = self.scheduled.filter(|_| self.is_behind(site));
        let is_swept = |slot: Slot| {
            behind.is_none_or(|due| slot.period.end.saturating_add(site.grace_max()) < due)
        };
        let is_done = |cell: &&Cell| is_past(cell.slot) && is_swept(cell.slot) && !cell.is_owed;
        let count = self.cells.iter().take_while(is_done).count();
        for cell in self.cells.drain(..count) {
            debug_assert!(site.is_due(cell.slot));
            self.base.absorb(&cell.aggregate);
            self.kept_from = cell.slot.period.end;
            self.retired.push(cell.slot.period.start);
        }
        // A sweep over years leaves room for hundreds of cells in every chain.
        if self.cells.capacity() / 4 > self.cells.len() {
            self.cells.shrink_to(self.cells.len().saturating_mul(2));
        }
        count > 0
    }

    /// Bytes of memory, roughly.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn bytes(&self) -> usize {
        let cells: usize = self.cells.iter().map(cell_bytes).sum();
        let room = (self.cells.capacity() - self.cells.len()) * size_of::<Cell>();
        let retired = self.retired.capacity() * size_of::<EventTime>();
        size_of::<Recurring>() + self.base.part_bytes() + cells + room + retired
    }
}

/// An instant inside the slot whatever its natural start: slots of a first version may begin before it does.
#[expect(clippy::arithmetic_side_effects, reason = "a period's end is no limit of 64 bits")]
fn inside(slot: Slot) -> EventTime {
    EventTime::from_micros(slot.period.end.micros() - 1)
}

/// A due period that is to be published.
struct Fresh {
    due: EventTime,
    slot: Slot,
    value: Option<Amount>,
}

/// Whether a period's first total is still to come, and no late event has asked for it already.
fn waits(cell: Option<&Cell>) -> bool {
    cell.is_none_or(|cell| cell.published.is_none() && !cell.is_owed)
}

/// Whether a period has a total (rule 4.3; also one that looks empty but is owed, rule 7.4).
fn has_total(cell: Option<&Cell>, carry: &Carry) -> bool {
    cell.is_some_and(|cell| cell.events > 0 || cell.is_owed) || !carry.is_nothing()
}

/// The total of a period, whether or not it has a cell.
fn value_of(site: &Site<'_>, slot: Slot, cell: Option<&Cell>, carry: &Carry) -> Option<Amount> {
    let frame = site.frame(slot);
    match cell {
        Some(cell) => cell.value(&frame, Some(carry)),
        None => Cell::new(frame.metric, slot).value(&frame, Some(carry)),
    }
}
