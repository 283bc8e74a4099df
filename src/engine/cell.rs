//! A cell: one key's state for one period, and what was last published of it (rules 7.2 to 7.4).

use super::aggregator::{Aggregate, Carry, Fold, Frame};
use super::chain::ChainAddress;
use super::extent::Extent;
use super::site::Site;
use crate::definition::{Metric, RoundingFunction, Slot};
use crate::model::{Amount, EventTime, Number, PeriodTotal, Provenance, TotalKind};

/// The last revision of a total that went to the outbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    /// From 1.
    pub revision: u64,
    /// Its value (rule 4.6 may leave none).
    pub value: Option<Amount>,
    /// Its number of events.
    pub events: u64,
}

/// Where an event comes from, whatever period it counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Its own time, also where it was carried (rule 7.3).
    pub time: EventTime,
    /// Its offset in the partition, where offsets are kept.
    pub offset: Option<i64>,
}

/// State of one key in one period: 144 bytes and its aggregate's parts.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// The period and who cut it.
    pub slot: Slot,
    /// What the events left.
    pub aggregate: Aggregate,
    /// How many events were folded.
    pub events: u64,
    /// Smallest and greatest own time of those events.
    pub times: Extent<EventTime>,
    /// Smallest and greatest offset of those events; nothing where that of one of them is not known.
    pub offsets: Extent<i64>,
    /// What was last published; nothing while the period is open.
    pub published: Option<Box<Published>>,
    /// Whether something changed since it was published, or it must be published though it looks empty (rule 7.4).
    pub is_owed: bool,
    /// Whether it changed since it was stored; of plain chains.
    pub is_changed: bool,
}

impl Cell {
    /// A cell without events.
    pub fn new(metric: &Metric, slot: Slot) -> Self {
        let aggregate = Aggregate::new(metric);
        Cell {
            slot,
            aggregate,
            events: 0,
            times: Extent::NOTHING,
            offsets: Extent::NOTHING,
            published: None,
            is_owed: false,
            is_changed: false,
        }
    }

    /// Takes an event in.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    pub fn fold(&mut self, frame: &Frame<'_>, fold: &Fold, origin: Origin) {
        self.aggregate.fold(frame, fold);
        // Half a range would look like a whole one: where one offset is not known, none is.
        let is_whole = self.events == 0 || self.offsets.bounds().is_some();
        self.offsets = match origin.offset {
            Some(offset) if is_whole => self.offsets.with(offset),
            _ => Extent::NOTHING,
        };
        self.events += 1;
        self.times = self.times.with(origin.time);
    }

    /// The total as it stands (rules 3.4, 3.5, 4.6).
    pub fn value(&self, frame: &Frame<'_>, carry: Option<&Carry>) -> Option<Amount> {
        let ratio = self.aggregate.finish(frame, carry);
        let value = match &frame.metric.result {
            None => Some(ratio.to_amount()),
            Some(result) => {
                result.evaluate(ratio.to_number().ok(), self.events).map(Number::to_amount)
            }
        };
        value.map(|value| rounded(frame.metric, value))
    }

    /// Whether publishing `value` now would say anything new (rule 7.4: more events are news even where the value stays).
    pub fn is_news(&self, value: Option<Amount>) -> bool {
        match &self.published {
            None => true,
            Some(published) => published.value != value || published.events != self.events,
        }
    }

    /// Makes the next revision of the total.
    #[expect(clippy::arithmetic_side_effects, reason = "no total has 2^64 revisions")]
    pub fn publish(&mut self, value: Option<Amount>) -> Revision {
        let before = self.published.as_deref().copied();
        let revision = before.map_or(1, |before| before.revision + 1);
        self.published = Some(Box::new(Published { revision, value, events: self.events }));
        self.is_owed = false;
        let kind = if revision == 1 { TotalKind::Final } else { TotalKind::Correction };
        let previous = before.and_then(|before| before.value);
        let delta = Some(worth(value).minus(worth(previous)));
        Revision { kind, revision, value, previous, delta }
    }
}

/// One revision of a total, without its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_field_names, reason = "its number, named as the total names it")]
pub struct Revision {
    /// Why it was made.
    pub kind: TotalKind,
    /// 0 for provisional ones.
    pub revision: u64,
    /// The value.
    pub value: Option<Amount>,
    /// The value of the revision before.
    pub previous: Option<Amount>,
    /// What it adds to that; `None`: not known.
    pub delta: Option<Amount>,
}

impl Revision {
    /// A look at an open period.
    pub fn provisional(value: Option<Amount>) -> Self {
        let (kind, delta) = (TotalKind::Provisional, Some(worth(value)));
        Revision { kind, revision: 0, value, previous: None, delta }
    }

    /// A look at what was published last. What was before that is not kept.
    pub fn published(last: &Published) -> Self {
        let Published { revision, value, .. } = *last;
        let is_first = revision == 1;
        let kind = if is_first { TotalKind::Final } else { TotalKind::Correction };
        let delta = is_first.then(|| worth(value));
        Revision { kind, revision, value, previous: None, delta }
    }

    /// The total with its key.
    pub fn total(self, site: &Site<'_>, address: &ChainAddress, cell: &Cell) -> PeriodTotal {
        let frame = site.frame(cell.slot);
        PeriodTotal {
            metric: address.metric,
            version: frame.slot.version,
            customer: address.key.customer().into(),
            group: address.key.group(),
            period: frame.slot.period,
            timezone: frame.calendar.zone_name().into(),
            kind: self.kind,
            revision: self.revision,
            value: self.value,
            previous: self.previous,
            delta: self.delta,
            events: cell.events,
            event_times: cell.times.bounds(),
            provenance: if site.keeps_offsets {
                Provenance::Offsets(cell.offsets.bounds())
            } else {
                Provenance::Unasked
            },
        }
    }
}

/// What a value counts in a difference (rule 4.6).
fn worth(value: Option<Amount>) -> Amount {
    value.unwrap_or(Amount::ZERO)
}

fn rounded(metric: &Metric, value: Amount) -> Amount {
    let Some(rounding) = metric.rounding else { return value };
    match rounding.function {
        RoundingFunction::Round => value.round(rounding.precision),
        RoundingFunction::Ceil => value.ceil(rounding.precision),
        RoundingFunction::Floor => value.floor(rounding.precision),
    }
}

#[test]
fn cell_takes_as_many_bytes_as_it_says() {
    assert_eq!(size_of::<Cell>(), 144);
    assert_eq!(size_of::<Extent<i64>>(), 16);
}
