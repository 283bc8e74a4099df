//! The chain of one key: its folded events, and which of its periods have a total (rules 4.3, 7.1 to 7.4).
//!
//! A chain is one metric, customer and group; for a recurring metric it runs through all versions that
//! hand their state on. It knows the watermark only as an argument.

use std::collections::BTreeMap;

use odometer::definition::Metric;
use odometer::model::EventTime;

use super::aggregate::{Folded, Span};
use super::timeline::{OracleSlot, OracleTimeline};

/// What a total says of the offsets of its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offsets {
    /// It does not speak of them.
    Unsaid,
    /// Smallest and greatest; `None` where there are none, or where not all are known.
    Said(Option<(i64, i64)>),
}

/// The value of one period of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Total {
    /// The number as printed; `None` is JSON's null (rule 4.6).
    pub value: Option<String>,
    /// Events of the period itself.
    pub events: u64,
    /// Smallest and greatest own time of those events.
    pub event_times: Option<(EventTime, EventTime)>,
    /// Smallest and greatest offset of those events, where all are known. The oracle always says it.
    pub offsets: Offsets,
    /// Which version of the metric, from 1.
    pub version: usize,
    /// Zone that the period was cut in.
    pub timezone: String,
}

/// What a chain is looked at with: the metric's versions, and its periods as the customer sees them.
#[derive(Clone, Copy)]
pub struct Frame<'o> {
    /// In order of `effective_from`.
    pub versions: &'o [&'o Metric],
    /// The customer's.
    pub timeline: &'o OracleTimeline,
    /// Since when the metric is deleted.
    pub deleted_at: Option<EventTime>,
}

impl Frame<'_> {
    /// Whether the period is due (rule 7.2).
    pub fn is_due(&self, slot: OracleSlot, watermark: Option<EventTime>) -> bool {
        let due_at = slot.period.end.saturating_add(self.versions[slot.version].grace);
        watermark.is_some_and(|watermark| watermark >= due_at)
    }

    /// The earliest instant whose period may not have been due at `watermark`.
    fn open_from(&self, watermark: EventTime) -> EventTime {
        let longest = self.versions.iter().map(|version| version.grace).max();
        watermark.saturating_sub(longest.expect("a metric has a version"))
    }
}

/// Everything known of one key.
#[derive(Clone, Default, Debug)]
pub struct Chain {
    events: Vec<Folded>,
    /// Periods that hold events, by their start.
    filled: BTreeMap<EventTime, OracleSlot>,
    /// Periods that have a total, by their start: once there, a total is never withdrawn (rule 7.4).
    emitted: BTreeMap<EventTime, OracleSlot>,
    /// What a period's total was when it became final as rule 7.2 says, not through a late event.
    firsts: BTreeMap<EventTime, Total>,
    /// Greatest time at the latest end of an input: a recurring chain is closed up to there (rule 7.1).
    ended_at: Option<EventTime>,
}

impl Chain {
    /// Folds one event into `slot`. Later periods that are closed get a total where they now must have one.
    pub fn fold(
        &mut self,
        frame: Frame<'_>,
        slot: OracleSlot,
        event: Folded,
        watermark: Option<EventTime>,
    ) {
        assert!(slot.period.contains(event.place), "an event is placed in its period");
        self.events.push(event);
        self.filled.insert(slot.period.start, slot);
        let closed_to = watermark.max(self.ended_at);
        for slot in self.slots(frame, slot.period.start, closed_to) {
            let is_new = !self.emitted.contains_key(&slot.period.start);
            if is_new && self.is_closed(frame, slot, watermark) && self.span(frame, slot).exists() {
                self.emitted.insert(slot.period.start, slot);
            }
        }
    }

    /// Makes final what becomes due when the watermark rises to `after` (rule 7.2).
    pub fn close_due(
        &mut self,
        frame: Frame<'_>,
        before: Option<EventTime>,
        after: Option<EventTime>,
    ) {
        let from = before.map_or(self.first_place(), |before| frame.open_from(before));
        for slot in self.slots(frame, from, after) {
            if frame.is_due(slot, after) && !frame.is_due(slot, before) {
                self.finish(frame, slot);
            }
        }
    }

    /// Closes every period up to that of `greatest`, and those that have events (rule 7.1).
    pub fn end_of_input(&mut self, frame: Frame<'_>, greatest: EventTime) {
        for slot in self.open_slots(frame, greatest) {
            self.finish(frame, slot);
        }
        self.ended_at = self.ended_at.max(Some(greatest));
    }

    /// The totals so far, by start of the period.
    pub fn totals(&self, frame: Frame<'_>) -> Vec<(OracleSlot, Total)> {
        self.emitted.values().map(|slot| (*slot, self.total(frame, *slot))).collect()
    }

    /// What open periods have come to so far.
    pub fn provisionals(&self, frame: Frame<'_>, greatest: EventTime) -> Vec<(OracleSlot, Total)> {
        let open = self.open_slots(frame, greatest).into_iter();
        open.map(|slot| (slot, self.total(frame, slot))).collect()
    }

    /// What periods came to when they first were final; those that a late event made are left out.
    pub fn firsts(&self) -> impl Iterator<Item = (OracleSlot, &Total)> {
        self.firsts.iter().map(|(start, total)| (self.emitted[start], total))
    }

    fn finish(&mut self, frame: Frame<'_>, slot: OracleSlot) {
        let start = slot.period.start;
        if self.emitted.contains_key(&start) || !self.span(frame, slot).exists() {
            return;
        }
        self.firsts.insert(start, self.total(frame, slot));
        self.emitted.insert(start, slot);
    }

    /// Periods without a total yet that would have one if they were closed now, up to that of `greatest`.
    fn open_slots(&self, frame: Frame<'_>, greatest: EventTime) -> Vec<OracleSlot> {
        let last = self.filled.last_key_value().map(|(start, _)| *start);
        let mut slots = self.slots(frame, self.first_place(), last.max(Some(greatest)));
        slots.retain(|slot| {
            let start = slot.period.start;
            let is_reached = start <= greatest || self.filled.contains_key(&start);
            is_reached && !self.emitted.contains_key(&start) && self.span(frame, *slot).exists()
        });
        slots
    }

    /// Periods that may have a total, from the one that holds `from` to the one that holds `to`.
    fn slots(&self, frame: Frame<'_>, from: EventTime, to: Option<EventTime>) -> Vec<OracleSlot> {
        let Some((first, to)) = self.filled.values().next().zip(to) else { return Vec::new() };
        if !frame.versions[first.version].is_recurring {
            let reached = self.filled.range(..=to).map(|(_, slot)| *slot);
            return reached.filter(|slot| slot.period.end > from).collect();
        }
        let lineage = frame.timeline.segment(*first).lineage;
        let start = from.max(first.period.start);
        let mut slot = if start < first.period.end {
            *first
        } else {
            frame.timeline.slot_at(start).expect("the first event lies before")
        };
        let mut slots = Vec::new();
        // What is deleted is carried no further, but to where its own events fell.
        let last = self.filled.last_key_value().map(|(start, _)| *start);
        let to =
            frame.deleted_at.map_or(to, |deleted_at| to.min(deleted_at.max(last.unwrap_or(to))));
        while slot.period.start <= to && frame.timeline.segment(slot).lineage == lineage {
            slots.push(slot);
            slot = frame.timeline.slot_after(slot);
        }
        slots
    }

    fn is_closed(&self, frame: Frame<'_>, slot: OracleSlot, watermark: Option<EventTime>) -> bool {
        let is_recurring = frame.versions[slot.version].is_recurring;
        let has_ended = self.ended_at.is_some_and(|ended| slot.period.start <= ended);
        frame.is_due(slot, watermark) || (is_recurring && has_ended)
    }

    fn first_place(&self) -> EventTime {
        self.filled.keys().next().copied().unwrap_or(EventTime::EARLIEST)
    }

    fn span<'c>(&'c self, frame: Frame<'c>, slot: OracleSlot) -> Span<'c> {
        let calendar = &frame.timeline.segment(slot).calendar;
        Span::new(frame.versions[slot.version], calendar, slot.period, &self.events)
    }

    fn total(&self, frame: Frame<'_>, slot: OracleSlot) -> Total {
        let span = self.span(frame, slot);
        let times = span.events().iter().map(|event| event.time);
        let offsets: Option<Vec<i64>> = span.events().iter().map(|event| event.offset).collect();
        let offsets = offsets.unwrap_or_default();
        let range = offsets.iter().min().copied().zip(offsets.iter().max().copied());
        Total {
            value: span.value(),
            events: u64::try_from(span.events().len()).expect("few events"),
            event_times: times.clone().min().zip(times.max()),
            offsets: Offsets::Said(range),
            version: slot.version + 1,
            timezone: span.calendar.zone_name.clone(),
        }
    }
}
