//! The oracle: keeps every event, and works out every total and disposition anew from the text of the rules.
//!
//! It shares with the product what reads texts (JSON, events, definitions, expressions) and nothing
//! else: calendars, timelines, grouping, arithmetic, aggregation, duplicates, lateness and closing are
//! written a second time, slowly and plainly. Where the two differ, one of them misreads a rule.
//!
//! ```text
//! record ─► admission ─► judge, for each metric ─► chain of the key ─► aggregate, for each period
//! ```

mod admission;
mod aggregate;
pub mod calendar;
mod chain;
mod judge;
pub mod number;
mod options;
mod outcome;
pub mod timeline;

use std::collections::BTreeMap;

use odometer::definition::{CustomerCalendar, Definitions, LatePolicy, Metric};
use odometer::format::{EventFormat, decode};
use odometer::model::{Disposition, Document, Event, EventTime, RejectReason};

use self::admission::Admission;
use self::aggregate::Folded;
use self::chain::{Chain, Frame};
pub use self::chain::{Offsets, Total};
use self::judge::{GroupText, Verdict, judge};
pub use self::options::{Options, WatermarkClock};
pub use self::outcome::{DISPOSITIONS, Outcome, Record, Refusal, TotalKey};
use self::timeline::{OracleSlot, OracleTimeline};

/// One tenant's metric with all its versions.
struct Family<'d> {
    tenant: &'d str,
    code: &'d str,
    /// In order of `effective_from`.
    versions: Vec<&'d Metric>,
}

/// Family, customer, lineage, group: what a chain is found by.
type ChainKey = (usize, String, usize, Vec<GroupText>);

/// The oracle itself, record by record.
pub struct Oracle<'d> {
    options: Options,
    families: Vec<Family<'d>>,
    customers: &'d [CustomerCalendar],
    timelines: BTreeMap<(usize, String), OracleTimeline>,
    chains: BTreeMap<ChainKey, Chain>,
    admission: Admission,
    records: usize,
    folds: u64,
    dispositions: Vec<Disposition>,
    rejects: Vec<Refusal>,
}

impl<'d> Oracle<'d> {
    /// Reads all records and says what came of them.
    pub fn run(definitions: &'d Definitions, records: &[Record<'_>], options: Options) -> Outcome {
        let keep_open = options.keep_open;
        let mut oracle = Oracle::new(definitions, options);
        oracle.pause();
        for record in records {
            oracle.read(*record);
        }
        if !keep_open {
            oracle.end_of_input();
        }
        oracle.outcome()
    }

    /// An oracle that has read nothing.
    pub fn new(definitions: &'d Definitions, options: Options) -> Self {
        let mut families: Vec<Family<'d>> = Vec::new();
        for metric in &definitions.metrics {
            let (tenant, code) = (metric.tenant.as_str(), metric.code.as_str());
            match families.iter_mut().find(|one| one.tenant == tenant && one.code == code) {
                Some(family) => family.versions.push(metric),
                None => families.push(Family { tenant, code, versions: vec![metric] }),
            }
        }
        for family in &mut families {
            family.versions.sort_by_key(|version| version.effective_from);
        }
        Oracle {
            options,
            families,
            customers: &definitions.customers,
            timelines: BTreeMap::new(),
            chains: BTreeMap::new(),
            admission: Admission::default(),
            records: 0,
            folds: 0,
            dispositions: Vec::new(),
            rejects: Vec::new(),
        }
    }

    /// Reads one record; idle ticks and ends of input that come after it happen too.
    pub fn read(&mut self, record: Record<'_>) {
        let before = self.admission.watermark();
        let disposition = self.dispose(record);
        self.dispositions.push(disposition);
        self.records += 1;
        self.close_due(before);
        self.pause();
    }

    /// Closes what the end of a finite input closes (rule 7.1).
    pub fn end_of_input(&mut self) {
        let Some(greatest) = self.admission.greatest() else { return };
        for (key, chain) in &mut self.chains {
            chain.end_of_input(
                frame(&self.families, &self.timelines, (&self.options, self.records), key),
                greatest,
            );
        }
    }

    /// What came of the records so far.
    pub fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            dispositions: self.dispositions.clone(),
            rejects: self.rejects.clone(),
            watermark: self.admission.watermark(),
            ..Outcome::default()
        };
        let greatest = self.admission.greatest().unwrap_or(EventTime::EARLIEST);
        for (key, chain) in &self.chains {
            let frame = frame(&self.families, &self.timelines, (&self.options, self.records), key);
            for (slot, total) in chain.totals(frame) {
                outcome.totals.insert(self.total_key(key, slot), total);
            }
            for (slot, total) in chain.provisionals(frame, greatest) {
                outcome.provisionals.insert(self.total_key(key, slot), total);
            }
            for (slot, total) in chain.firsts() {
                outcome.first_values.insert(self.total_key(key, slot), total.clone());
            }
        }
        outcome
    }

    /// Idle ticks and ends of input that are set for this place.
    fn pause(&mut self) {
        for (place, clock) in self.options.idle_ticks.clone() {
            if place == self.records {
                let before = self.admission.watermark();
                self.admission.idle(clock, &self.options);
                self.close_due(before);
            }
        }
        if self.options.input_ends.contains(&self.records) {
            self.end_of_input();
        }
    }

    fn close_due(&mut self, before: Option<EventTime>) {
        let after = self.admission.watermark();
        if before == after {
            return;
        }
        for (key, chain) in &mut self.chains {
            chain.close_due(
                frame(&self.families, &self.timelines, (&self.options, self.records), key),
                before,
                after,
            );
        }
    }

    /// The first disposition that fits (rule 1.4).
    fn dispose(&mut self, record: Record<'_>) -> Disposition {
        let mut document = Document::default();
        let event = match decode(record.bytes, &mut document, &EventFormat::native(), "default") {
            Ok(event) => event,
            Err(fault) => return self.refuse_faulty(fault.reason),
        };
        // Under the window before a switch, and then under the one after it.
        self.admission.forget(self.options.window_at(self.records.saturating_sub(1)));
        self.admission.forget(self.options.window_at(self.records));
        if let Some(reason) = self.admission.fault(&event, record.timestamp, &self.options) {
            return self.refuse_faulty(reason);
        }
        let disposition = self.dispose_sound(&event);
        self.admission.pass(event.time, record.timestamp, &self.options);
        disposition
    }

    fn refuse_faulty(&mut self, reason: RejectReason) -> Disposition {
        self.rejects.push(Refusal { record: self.records, reason, metric: None });
        Disposition::Invalid
    }

    fn dispose_sound(&mut self, event: &Event<'_>) -> Disposition {
        let wanting: Vec<(usize, OracleSlot)> =
            (0..self.families.len()).filter_map(|place| self.wants(place, event)).collect();
        if wanting.is_empty() {
            return Disposition::Unmatched;
        }
        if self.admission.is_remembered(event) {
            return Disposition::Duplicate;
        }
        let mut has_counted = false;
        let mut reasons = Vec::new();
        for (family, slot) in wanting {
            match self.offer(family, slot, event) {
                Some(Ok(())) => has_counted = true,
                Some(Err(reason)) => {
                    let metric = Some(self.families[family].code.to_owned());
                    self.rejects.push(Refusal { record: self.records, reason, metric });
                    reasons.push(reason);
                }
                None => {}
            }
        }
        if has_counted {
            self.admission.remember(event);
            Disposition::Counted
        } else if reasons.contains(&RejectReason::Late) {
            Disposition::Late
        } else if !reasons.is_empty() {
            Disposition::Invalid
        } else {
            Disposition::Unmatched
        }
    }

    /// The slot of the metric that the event falls into, if the version there wants it (rule 5.1).
    fn wants(&mut self, place: usize, event: &Event<'_>) -> Option<(usize, OracleSlot)> {
        let family = &self.families[place];
        if family.tenant != event.tenant || !self.options.is_alive(family.code, self.records) {
            return None;
        }
        let key = (place, event.customer.to_string());
        let customers = self.customers;
        let timeline = self.timelines.entry(key).or_insert_with(|| {
            let is_this = |one: &&CustomerCalendar| {
                one.tenant == event.tenant && one.customer == event.customer
            };
            let mut overrides: Vec<&CustomerCalendar> = customers.iter().filter(is_this).collect();
            overrides.sort_by_key(|one| one.effective_from);
            OracleTimeline::new(&family.versions, &overrides)
        });
        let slot = timeline.slot_at(event.time)?;
        let is_wanted = family.versions[slot.version].event_type == event.event_type;
        is_wanted.then_some((place, slot))
    }

    /// Has one metric fold the event: `None` where it passes it over.
    fn offer(
        &mut self,
        family: usize,
        slot: OracleSlot,
        event: &Event<'_>,
    ) -> Option<Result<(), RejectReason>> {
        let metric = self.families[family].versions[slot.version];
        let (group, input) = match judge(metric, event) {
            Verdict::PassedOver => return None,
            Verdict::Refused(reason) => return Some(Err(reason)),
            Verdict::Fits(group, input) => (group, input),
        };
        let key = (family, event.customer.to_string());
        let timeline = &self.timelines[&key];
        let versions = &self.families[family].versions;
        let frame = Frame { versions, timeline, deleted_at: None };
        let watermark = self.admission.watermark();
        let Some((slot, place)) = placed(frame, slot, event.time, watermark) else {
            return Some(Err(RejectReason::Late));
        };
        let lineage = timeline.segment(slot).lineage;
        let chain = self.chains.entry((family, key.1, lineage, group)).or_default();
        let is_kept = self.options.keeps_offset(self.records);
        let offset = is_kept.then(|| i64::try_from(self.records).expect("few records"));
        let folded = Folded { place, time: event.time, order: self.folds, offset, input };
        self.folds += 1;
        chain.fold(frame, slot, folded, watermark);
        Some(Ok(()))
    }

    fn total_key(&self, key: &ChainKey, slot: OracleSlot) -> TotalKey {
        let (family, customer, _, group) = key;
        let Family { tenant, code, versions } = &self.families[*family];
        let names = versions[slot.version].group_by.iter().map(|one| one.path.text.clone());
        TotalKey {
            tenant: (*tenant).to_owned(),
            metric: (*code).to_owned(),
            customer: customer.clone(),
            group: names.zip(group.iter().cloned()).collect(),
            start: slot.period.start,
            end: slot.period.end,
        }
    }
}

fn frame<'o>(
    families: &'o [Family<'o>],
    timelines: &'o BTreeMap<(usize, String), OracleTimeline>,
    (options, place): (&Options, usize),
    key: &ChainKey,
) -> Frame<'o> {
    let family = &families[key.0];
    Frame {
        versions: &family.versions,
        timeline: &timelines[&(key.0, key.1.clone())],
        deleted_at: options.deleted_at(family.code, place),
    }
}

/// The slot that folds an event of `slot`, and the instant it counts at there; `None` where it is
/// refused as late (rule 7.3).
fn placed(
    frame: Frame<'_>,
    slot: OracleSlot,
    time: EventTime,
    watermark: Option<EventTime>,
) -> Option<(OracleSlot, EventTime)> {
    if !frame.is_due(slot, watermark) {
        return Some((slot, time));
    }
    match frame.versions[slot.version].late {
        LatePolicy::Correct => Some((slot, time)),
        LatePolicy::Drop => None,
        LatePolicy::Carry => {
            let mut later = frame.timeline.slot_after(slot);
            while later.version == slot.version {
                if !frame.is_due(later, watermark) {
                    return Some((later, later.period.start));
                }
                later = frame.timeline.slot_after(later);
            }
            None
        }
    }
}
