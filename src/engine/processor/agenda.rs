//! The agenda: which chains of a metric must be looked at when, so that nothing walks over all of them.
//!
//! An index and no more: entries for resident chains may be stale, and whoever takes one asks the chain itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::StoredIndex;
use crate::definition::Plan;
use crate::model::EventTime;

/// The agenda of every metric, by its place in the plan.
pub(super) struct Agendas(Vec<Agenda>);

/// Which chains of one metric must be looked at when.
#[derive(Default)]
pub(super) struct Agenda {
    /// Resident chains by when a period of theirs is due; entries may be stale.
    pub(super) due: BTreeMap<EventTime, Vec<u32>>,
    /// Resident chains by when a cell of theirs may be forgotten; entries may be stale.
    pub(super) retire: BTreeMap<EventTime, Vec<u32>>,
    /// Whether a key that is not resident may be stored.
    pub(super) is_cold: bool,
    /// Periods of which cells are stored that are not resident and may be unpublished: when they are due, at the
    /// earliest, and when they end.
    pub(super) cold_ends: BTreeSet<(EventTime, EventTime)>,
    /// When a chain that is not resident may be due.
    pub(super) cold_chains_due: Option<EventTime>,
    /// Whether all chains were closed for the end of input.
    pub(super) is_ended: bool,
    /// When stored cells may next be forgotten: ends of periods with stored cells.
    pub(super) stored_ends: BTreeSet<EventTime>,
}

impl Agendas {
    pub(super) fn over(stored: &StoredIndex, plan: &Plan) -> Self {
        let places = (0..).take(plan.metrics().len());
        Agendas(places.map(|place| Agenda::over(stored, place, plan)).collect())
    }

    /// Places of all metrics.
    pub(super) fn metrics(&self) -> Range<u32> {
        0..u32::try_from(self.0.len()).expect("a plan has fewer than 2^32 metrics")
    }

    pub(super) fn of(&self, metric: u32) -> &Agenda {
        self.0.get(index(metric)).expect("each metric of the plan has an agenda")
    }

    pub(super) fn of_mut(&mut self, metric: u32) -> &mut Agenda {
        self.0.get_mut(index(metric)).expect("each metric of the plan has an agenda")
    }
}

/// Entries for resident chains.
impl Agendas {
    /// How many there are, stale ones included.
    pub(super) fn entries(&self) -> usize {
        let lists =
            self.0.iter().flat_map(|agenda| agenda.due.values().chain(agenda.retire.values()));
        lists.map(Vec::len).sum()
    }

    /// Drops all of them.
    pub(super) fn clear_entries(&mut self) {
        for agenda in &mut self.0 {
            agenda.due.clear();
            agenda.retire.clear();
        }
    }
}

impl Agenda {
    fn over(stored: &StoredIndex, place: u32, plan: &Plan) -> Self {
        let grace_min = plan.metric(place).grace_min;
        let ends = stored.cell_ends.get(&place).cloned().unwrap_or_default();
        let has_chains = stored.chain_metrics.contains(&place);
        Agenda {
            is_cold: has_chains || !ends.is_empty(),
            cold_ends: ends.iter().map(|end| (end.saturating_add(grace_min), *end)).collect(),
            stored_ends: ends,
            cold_chains_due: has_chains.then_some(EventTime::from_micros(i64::MIN)),
            ..Agenda::default()
        }
    }
}

fn index(metric: u32) -> usize {
    usize::try_from(metric).expect("an address has at least 32 bits")
}
