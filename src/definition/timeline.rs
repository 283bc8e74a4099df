//! A timeline: the periods of one metric as one customer sees them, across versions and calendars (rules 5.6, 6.3). STUB

use super::calendar::Calendar;
use crate::model::{EventTime, Period};

/// One period of a timeline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    /// The span, cut where a version or a calendar begins or ends inside a natural period.
    pub period: Period,
    /// Which version of the metric folds it: place in the list the timeline was made from.
    pub version: u32,
    /// Which segment of the timeline it belongs to (a segment has one version and one calendar).
    pub segment: u32,
}

/// Periods in order, without gaps from the first version's begin on.
#[derive(Clone, Debug)]
pub struct Timeline {}

/// A customer's calendars in one tenant, as rule 6.3 has them: each from its instant on (`None`: always).
/// `apply` of the override to a version's own calendar gives the one that counts.
impl Timeline {
    /// `versions`: `(effective_from, calendar)` of each version, in order of `effective_from` (`None` first).
    /// `overrides`: the customer's, in order of `effective_from`; empty for everybody else.
    pub fn new(
        versions: &[(Option<EventTime>, Calendar)],
        overrides: &[super::metric::CustomerCalendar],
    ) -> Self {
        todo!()
    }
    /// The slot that holds `time`; `None` before the first version begins.
    pub fn slot_at(&self, time: EventTime) -> Option<Slot> {
        todo!()
    }
    /// The slot after `slot`.
    pub fn slot_after(&self, slot: Slot) -> Slot {
        todo!()
    }
    /// The calendar that cuts the slots of `segment`.
    pub fn calendar(&self, segment: u32) -> &Calendar {
        todo!()
    }
    /// When the version begins on this timeline; `None` where it stays empty, `Some(None)` where it has no begin.
    pub fn begin_of(&self, version: u32) -> Option<Option<EventTime>> {
        todo!()
    }
}
