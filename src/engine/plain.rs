//! The periods of a plain chain: independent cells, in the order of their ends.
//!
//! A key of short periods has thousands of them until nothing can change them any more, of which all but the newest are
//! done. So what happens to every event, closing and commit looks at those that it is about, and walks over no others.

use std::collections::VecDeque;

use super::cell::Cell;
use super::chain::extra_bytes;
use crate::definition::Slot;
use crate::model::EventTime;

/// Cells by end, no two of one end.
#[derive(Clone, PartialEq, Debug)]
pub struct PlainCells {
    cells: VecDeque<Cell>,
    /// All before this place are published and owe nothing.
    settled: usize,
    /// No cell before this place changed since it was stored.
    unchanged: usize,
    /// What the cells take beside their own size.
    extra_bytes: usize,
}

impl PlainCells {
    /// None yet; most chains get one or two.
    pub(super) fn new() -> Self {
        PlainCells { cells: VecDeque::with_capacity(1), settled: 0, unchanged: 0, extra_bytes: 0 }
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Cell> {
        self.cells.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The place of the cell of that end.
    pub(super) fn place_of(&self, end: EventTime) -> Option<usize> {
        self.search(end).ok()
    }

    /// The cell of that end.
    pub fn find(&self, end: EventTime) -> Option<&Cell> {
        self.cells.get(self.place_of(end)?)
    }

    /// The cell at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Cell> {
        self.cells.get(place)
    }

    /// Places of cells that may be unpublished, or owe something.
    pub(super) fn unsettled(&self) -> std::ops::Range<usize> {
        self.settled..self.cells.len()
    }

    /// Where the cell of an end is, or belongs. The last one is looked at first: most events are new.
    fn search(&self, end: EventTime) -> Result<usize, usize> {
        let last = self.cells.back().map(|cell| cell.slot.period.end);
        match last {
            Some(last) if last == end => Ok(self.cells.len().saturating_sub(1)),
            Some(last) if last > end => {
                self.cells.binary_search_by_key(&end, |cell| cell.slot.period.end)
            }
            Some(_) | None => Err(self.cells.len()),
        }
    }

    /// Adds a cell of an end that is not there, stored as it is, and gives its place.
    #[expect(clippy::arithmetic_side_effects, reason = "counts of things in memory")]
    pub(super) fn insert(&mut self, cell: Cell) -> usize {
        let place = match self.search(cell.slot.period.end) {
            Ok(place) => panic!("there is a cell at {place} already: {cell:?}"),
            Err(place) => place,
        };
        // Some hundred bytes each: room for more is made sparingly.
        if self.cells.len() == self.cells.capacity() {
            self.cells.reserve_exact((self.cells.len() >> 1).max(1));
        }
        self.extra_bytes += extra_bytes(&cell);
        if place < self.settled {
            self.settled = if is_settled(&cell) { self.settled + 1 } else { place };
        }
        self.unchanged += usize::from(place < self.unchanged);
        self.cells.insert(place, cell);
        self.settle();
        place
    }

    /// Changes the cell at a place.
    #[expect(clippy::arithmetic_side_effects, reason = "bytes of things in memory")]
    pub(super) fn change<T>(&mut self, place: usize, change: impl FnOnce(&mut Cell) -> T) -> T {
        let cell = self.cells.get_mut(place).expect("there is a cell at the place");
        let before = extra_bytes(cell);
        let outcome = change(cell);
        cell.is_changed = true;
        self.extra_bytes = self.extra_bytes + extra_bytes(cell) - before;
        self.unchanged = self.unchanged.min(place);
        if !is_settled(cell) {
            self.settled = self.settled.min(place);
        }
        self.settle();
        outcome
    }

    #[expect(clippy::arithmetic_side_effects, reason = "a place among things in memory")]
    fn settle(&mut self) {
        while self.cells.get(self.settled).is_some_and(is_settled) {
            self.settled += 1;
        }
    }

    /// Hands over every cell that changed since this was called last.
    #[expect(clippy::arithmetic_side_effects, reason = "bytes of things in memory")]
    pub(super) fn take_changed(&mut self, mut take: impl FnMut(&mut Cell)) {
        for cell in self.cells.range_mut(self.unchanged..) {
            if std::mem::take(&mut cell.is_changed) {
                let before = extra_bytes(cell);
                take(cell);
                self.extra_bytes = self.extra_bytes + extra_bytes(cell) - before;
            }
        }
        self.unchanged = self.cells.len();
    }

    /// Drops cells that are past and settled; `is_past` is so for all before one that is.
    #[expect(clippy::arithmetic_side_effects, reason = "places and bytes of things in memory")]
    pub(super) fn retire(&mut self, is_past: impl Fn(Slot) -> bool) {
        let mut place = 0;
        while let Some(cell) = self.cells.get(place).filter(|cell| is_past(cell.slot)) {
            if !is_settled(cell) {
                place += 1;
                continue;
            }
            self.extra_bytes -= extra_bytes(cell);
            self.cells.remove(place);
            self.settled -= usize::from(place < self.settled);
            self.unchanged -= usize::from(place < self.unchanged);
        }
        // A chain of many periods that went quiet gives its room back.
        if self.cells.len() < self.cells.capacity() / 4 {
            self.cells.shrink_to(self.cells.len().saturating_mul(2));
        }
    }

    /// Bytes of memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let room = self.cells.capacity().saturating_mul(size_of::<Cell>());
        room.saturating_add(self.extra_bytes)
    }
}

/// Whether it is published and owes nothing.
fn is_settled(cell: &Cell) -> bool {
    cell.published.is_some() && !cell.is_owed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::aggregator::Aggregate;
    use crate::engine::cell::Published;
    use crate::engine::chain::cell_bytes;
    use crate::engine::extent::Extent;

    fn cell(end: i64, is_settled: bool) -> Cell {
        let (start, end) = (EventTime::from_micros(end - 1), EventTime::from_micros(end));
        let slot = Slot { version: 0, segment: 0, period: crate::model::Period { start, end } };
        let mut cell = Cell {
            slot,
            aggregate: Aggregate::Count(0),
            events: 0,
            times: Extent::NOTHING,
            offsets: Extent::NOTHING,
            published: None,
            is_owed: false,
            is_changed: false,
        };
        if is_settled {
            publish(&mut cell);
        }
        cell
    }

    fn publish(cell: &mut Cell) {
        cell.is_owed = false;
        cell.published = Some(Box::new(Published { revision: 1, value: None, events: 0 }));
    }

    proptest! {
        /// Whatever happens in whatever order, what is walked over holds all that must be found there, and bytes are those of
        /// the cells.
        #[test]
        fn places_and_bytes_hold(steps in proptest::collection::vec((0..5_u8, 0..12_i64, any::<bool>()), 0..60)) {
            let mut cells = PlainCells::new();
            for (step, end, flag) in steps {
                let at = cells.place_of(EventTime::from_micros(end));
                match (step, at) {
                    (0 | 1, None) => {
                        let at = cells.insert(cell(end, flag));
                        if step == 0 {
                            cells.change(at, |_| ());
                        }
                    }
                    (2, Some(at)) => cells.change(at, |cell| cell.is_owed = true),
                    (3, Some(at)) => cells.change(at, publish),
                    (4, _) if flag => cells.retire(|slot| slot.period.end.micros() <= end),
                    (4, _) => {
                        let changed = cells.iter().filter(|cell| cell.is_changed).count();
                        let mut taken = 0;
                        cells.take_changed(|_| taken += 1);
                        prop_assert_eq!(taken, changed);
                        prop_assert!(cells.iter().all(|cell| !cell.is_changed));
                    }
                    (_, _) => {}
                }
                let ends: Vec<_> = cells.iter().map(|cell| cell.slot.period.end).collect();
                prop_assert!(ends.is_sorted_by(|one, next| one < next));
                prop_assert!(cells.iter().take(cells.settled).all(is_settled));
                prop_assert!(!cells.iter().nth(cells.settled).is_some_and(is_settled));
                prop_assert!(cells.iter().take(cells.unchanged).all(|cell| !cell.is_changed));
                let bytes: usize = cells.iter().map(cell_bytes).sum();
                let room = cells.cells.capacity() - cells.cells.len();
                prop_assert_eq!(cells.bytes(), bytes + room * size_of::<Cell>());
            }
        }
    }
}
