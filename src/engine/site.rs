//! A site: one chain's metric and timeline together with how far time has come. What every question about
//! "is this period due" is asked of.

use super::aggregator::Frame;
use crate::definition::{MetricPlan, Slot, Timeline};
use crate::model::{EventTime, Span};

/// Why periods are closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Closing {
    /// The watermark passed them (rule 7.2).
    Due,
    /// The input ended (rule 7.1).
    EndOfInput,
}

/// The surroundings of one chain.
#[derive(Clone, Copy, Debug)]
pub struct Site<'p> {
    /// The metric.
    pub metric: &'p MetricPlan,
    /// Which run of its versions (rule 5.6 d).
    pub lineage: u32,
    /// Its periods as the chain's customer sees them.
    pub timeline: &'p Timeline,
    /// How far event time is believed complete.
    pub watermark: Option<EventTime>,
    /// The greatest time of events without a fault.
    pub latest_time: Option<EventTime>,
    /// Whether totals say at which offsets their events stood.
    pub keeps_offsets: bool,
}

impl<'p> Site<'p> {
    /// What folding into a slot and finishing it depend on.
    pub fn frame(&self, slot: Slot) -> Frame<'p> {
        Frame {
            metric: self.metric.version(slot),
            calendar: self.timeline.calendar(slot.segment),
            slot,
        }
    }

    /// From which watermark on the slot is due (rule 7.2).
    pub fn due_at(&self, slot: Slot) -> EventTime {
        self.metric.due_at(slot)
    }

    /// Whether the slot is due.
    pub fn is_due(&self, slot: Slot) -> bool {
        self.watermark.is_some_and(|watermark| self.due_at(slot) <= watermark)
    }

    /// Whether the slot's version shares state with this chain.
    pub fn is_own(&self, slot: Slot) -> bool {
        self.metric.lineage(slot) == self.lineage
    }

    /// Whether the slot begins after the metric was deleted: nothing is carried into it any more.
    pub fn is_over(&self, slot: Slot) -> bool {
        self.metric.deleted_at.is_some_and(|deleted_at| slot.period.start > deleted_at)
    }

    /// The longest grace of the chain's versions.
    pub fn grace_max(&self) -> Span {
        self.metric.grace_max
    }
}
