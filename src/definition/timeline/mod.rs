//! A timeline: the periods of one metric as one customer sees them, across versions and calendars (rules 5.6, 6.3).
//!
//! In one sentence: at every start of a period, whatever `effective_from` has come is in force, until the natural end
//! of the period that starts there.
//!
//! It is built from the *changes*, in order of `effective_from`. A change is a later version of the metric, or
//! a calendar of the customer's that does not count from the start. How the rules are read:
//!
//! - Before the first change stands the first version, with its own calendar or with the customer's calendar that has
//!   no `effective_from`. Its periods are natural ones, for ever back: rule 5.6 b cuts what is wanted, not the periods,
//!   so the first slot may start before the version begins.
//! - Each change begins at the first start of a period, *of the timeline as the changes before it have made it*, at or
//!   after its own `effective_from` (rule 5.6 c; rule 6.3 has calendars cut in the same way). What it changes stands from there
//!   on, whole: the version in force with the customer's calendar in force applied to it. The first period
//!   starts there, also inside a natural one; it ends where that one does.
//! - A version and a calendar of one `effective_from` begin together. Changes whose `effective_from` lie between two
//!   starts begin together too, at the second; of several versions among them only the last has any time (rule 5.6 a).
//! - Of a customer's calendars the newest in force counts alone: a field it lacks is the metric's, not that of the
//!   customer's calendar before it.
//! - A calendar that came into force before the first version began counts from that begin on, with the cut where it
//!   would have been.
//!
//! So begins never decrease, no period mixes two versions or two calendars, and only starts of periods are ever
//! cut: every segment begins where a period of the one before it ends.

#[cfg(test)]
mod tests;

use super::calendar::{Calendar, PeriodUnit};
use super::metric::CustomerCalendar;
use crate::model::{EventTime, Period};

/// One period of a timeline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    /// The span, cut where a version or a calendar begins inside a natural period.
    pub period: Period,
    /// Which version of the metric folds it: place in the list the timeline was made from.
    pub version: u32,
    /// Which segment of the timeline it belongs to (a segment has one version and one calendar).
    pub segment: u32,
}

/// Periods in order, without gaps from the first version's begin on.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Never empty; begins strictly increase, and only the first has none.
    segments: Vec<Segment>,
    /// Begin of each version; they never decrease, and only the first may be `None`.
    begins: Vec<Option<EventTime>>,
}

/// A stretch of a timeline that has one version and one calendar.
#[derive(Clone, Debug)]
struct Segment {
    begin: Option<EventTime>,
    version: u32,
    calendar: Calendar,
}

/// What an `effective_from` brings.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// The next version, with its own calendar.
    Version(&'a Calendar),
    /// Another calendar of the customer's.
    Customer(&'a CustomerCalendar),
}

impl Timeline {
    /// `versions`: `(effective_from, calendar)` of each version, in order of `effective_from` (`None` first).
    /// `overrides`: the customer's, in order of `effective_from`; empty for everybody else.
    ///
    /// # Panics
    ///
    /// Where there is no version, or either list is not in strict order.
    pub fn new(versions: &[(Option<EventTime>, Calendar)], overrides: &[CustomerCalendar]) -> Self {
        assert!(versions.is_sorted_by(|one, next| one.0 < next.0), "versions are in order");
        assert!(
            overrides.is_sorted_by(|one, next| one.effective_from < next.effective_from),
            "a customer's calendars are in order"
        );
        let ((first_begin, first), later) =
            versions.split_first().expect("a metric has at least one version");

        let mut own = first;
        let mut customer = overrides.first().filter(|calendar| calendar.effective_from.is_none());
        let mut timeline = Timeline {
            segments: vec![Segment { begin: None, version: 0, calendar: counting(customer, own) }],
            begins: vec![*first_begin],
        };
        for (effective_from, change) in changes(later, overrides) {
            let begin = timeline.first_start_from(effective_from);
            match change {
                Change::Version(calendar) => {
                    own = calendar;
                    timeline.begins.push(Some(begin));
                }
                Change::Customer(calendar) => customer = Some(calendar),
            }
            timeline.push(begin, counting(customer, own));
        }
        timeline
    }

    /// The slot that holds `time`; `None` before the first version begins.
    ///
    /// The first slot may reach back before that begin: its period is natural (rule 5.6 b).
    pub fn slot_at(&self, time: EventTime) -> Option<Slot> {
        let first_begin = self.begins.first().copied().flatten();
        (first_begin <= Some(time)).then(|| self.slot_around(time))
    }

    /// The slot after `slot`.
    pub fn slot_after(&self, slot: Slot) -> Slot {
        self.slot_around(slot.period.end)
    }

    /// Whether `slot` is the last of its version (rule 7.3: it "has none left").
    pub fn is_last_of_version(&self, slot: Slot) -> bool {
        self.end_of(slot.version) == Some(slot.period.end)
    }

    /// The calendar that cuts the slots of `segment`.
    pub fn calendar(&self, segment: u32) -> &Calendar {
        &self.segment(segment).calendar
    }

    /// The version that folds the slots of `segment`.
    pub fn version_of(&self, segment: u32) -> u32 {
        self.segment(segment).version
    }

    /// Where `segment` begins; `None` for the first, whose periods reach back for ever.
    pub fn segment_begin(&self, segment: u32) -> Option<EventTime> {
        self.segment(segment).begin
    }

    /// How many segments there are; they are numbered from 0, in order of time.
    pub fn segment_count(&self) -> u32 {
        number(self.segments.len())
    }

    /// When the version begins on this timeline; `None` where it stays empty, `Some(None)` where it has no begin.
    pub fn begin_of(&self, version: u32) -> Option<Option<EventTime>> {
        let begin = *self.begins.get(place(version)).expect("versions are those of the timeline");
        (begin.is_none() || begin != self.end_of(version)).then_some(begin)
    }

    /// When the version gives way to the next one, which is where its last slot ends; `None` for the last version.
    pub fn end_of(&self, version: u32) -> Option<EventTime> {
        self.begins.get(place(version)..)?.get(1).copied().flatten()
    }

    /// The slot that holds `time`, wanted or not.
    fn slot_around(&self, time: EventTime) -> Slot {
        let begun = self.segments.partition_point(|segment| segment.begin <= Some(time));
        let place = number(begun.checked_sub(1).expect("the first segment has no begin"));
        let segment = self.segment(place);
        Slot { period: segment.period_at(time), version: segment.version, segment: place }
    }

    /// The first start of a period at or after `effective_from`, which lies at or after that of every change so far.
    fn first_start_from(&self, effective_from: EventTime) -> EventTime {
        let newest = self.segments.last().expect("a timeline has a segment");
        match newest.begin {
            Some(begin) if effective_from <= begin => begin,
            _ => {
                let period = newest.period_at(effective_from);
                if period.start == effective_from { period.start } else { period.end }
            }
        }
    }

    /// Lets the newest version stand with `calendar` from `begin` on; of equal begins the later change wins.
    fn push(&mut self, begin: EventTime, calendar: Calendar) {
        let newest = self.segments.last().expect("a timeline has a segment");
        assert!(newest.begin <= Some(begin), "begins never decrease");
        if newest.begin == Some(begin) {
            self.segments.pop();
        }
        let version = number(self.begins.len()).checked_sub(1).expect("a timeline has a version");
        self.segments.push(Segment { begin: Some(begin), version, calendar });
    }

    fn segment(&self, segment: u32) -> &Segment {
        self.segments.get(place(segment)).expect("segments are those of the timeline")
    }
}

impl Segment {
    /// The natural period that holds `time`, from the segment's begin on.
    ///
    /// No end is cut: the next segment begins where a period of this one ends.
    fn period_at(&self, time: EventTime) -> Period {
        let natural = self.calendar.period_at(time);
        let start = self.begin.map_or(natural.start, |begin| natural.start.max(begin));
        Period { start, end: natural.end }
    }
}

impl CustomerCalendar {
    /// What a metric's `own` calendar is for this customer (rule 6.3).
    ///
    /// `period` replaces only week, month, quarter and year; anchors count only where the period that results takes
    /// one; what is absent is the metric's.
    pub fn apply(&self, own: &Calendar) -> Calendar {
        let unit = match own.unit() {
            PeriodUnit::Week | PeriodUnit::Month | PeriodUnit::Quarter | PeriodUnit::Year => {
                self.period.unwrap_or(own.unit())
            }
            PeriodUnit::Minute | PeriodUnit::Hour | PeriodUnit::Day | PeriodUnit::Fixed(_) => {
                own.unit()
            }
        };
        let zone = self.timezone.as_deref().unwrap_or(own.zone_name());
        let anchor = self.anchor.unwrap_or(own.anchor());
        let anchor_month = self.anchor_month.unwrap_or(own.anchor_month());
        Calendar::new(unit, zone, anchor, anchor_month)
            .expect("a customer's zone and anchors were checked when they were read")
    }
}

/// The changes after the start, in order of `effective_from`; of one instant the version first.
fn changes<'a>(
    later_versions: &'a [(Option<EventTime>, Calendar)],
    overrides: &'a [CustomerCalendar],
) -> Vec<(EventTime, Change<'a>)> {
    let versions = later_versions.iter().map(|(effective_from, calendar)| {
        let effective_from = effective_from.expect("only the first version lacks effective_from");
        (effective_from, Change::Version(calendar))
    });
    let customers = overrides.iter().filter_map(|calendar| {
        calendar.effective_from.map(|effective_from| (effective_from, Change::Customer(calendar)))
    });
    let mut changes: Vec<_> = versions.chain(customers).collect();
    changes.sort_by_key(|(effective_from, _)| *effective_from);
    changes
}

/// The calendar that counts: the metric's `own`, changed by the customer's where there is one.
fn counting(customer: Option<&CustomerCalendar>, own: &Calendar) -> Calendar {
    customer.map_or_else(|| own.clone(), |customer| customer.apply(own))
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a metric has fewer than 2^32 versions and calendars")
}

fn place(number: u32) -> usize {
    usize::try_from(number).expect("an address has at least 32 bits")
}
