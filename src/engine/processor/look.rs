//! The first pass over a batch: what each event means for each metric, and what must be loaded for it.
//!
//! Rules 1.4, 1.6, 1.7 and section 5 are decided here, in the order of rule 5.7; nothing is changed yet but the
//! watermark that each event sees.

use super::judgement::{Stop, bad_group, pass_filter, placed, value_of};
use super::{Processor, latest_admitted};
use crate::definition::{Grouped, MetricPlan, Slot, group_into};
use crate::engine::aggregator::Fold;
use crate::engine::chain::{ChainAddress, Key};
use crate::engine::dedup::{IdDigest, Known};
use crate::engine::effect::{Address, Cursor, Effect, Incoming};
use crate::engine::upstream::{Mark, Progress};
use crate::model::{Event, EventTime, Reject, RejectReason, SourcePosition};

/// What the first pass found, until it is folded.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Looked>,
    pub(super) contributions: Vec<Contribution>,
    pub(super) keys: Vec<u8>,
    pub(super) cursor: Option<Cursor>,
    slots: Vec<Option<Slot>>,
}

impl Batch {
    pub(super) fn is_pending(&self) -> bool {
        self.cursor.is_some()
    }

    fn clear(&mut self) {
        self.events.clear();
        self.contributions.clear();
        self.keys.clear();
    }
}

/// One event of the batch.
pub(super) struct Looked {
    pub(super) position: SourcePosition,
    pub(super) read_at: Option<EventTime>,
    /// The record, where it may go to the rejects output.
    pub(super) original: Option<Box<[u8]>>,
    /// The watermark that stood before this event.
    pub(super) watermark_before: Option<EventTime>,
    /// The watermark after this event.
    pub(super) watermark_after: Option<EventTime>,
    pub(super) kind: LookedKind,
}

pub(super) enum LookedKind {
    /// A fault of rule 1.8.
    Fault(Reject),
    /// No metric wants its type at its time.
    Unwanted { tenant: Box<str> },
    /// At least one metric wants it; its contributions are those up to `end`.
    Wanted { tenant: Box<str>, digest: IdDigest, time: EventTime, end: usize },
}

/// What an event means for one metric.
pub(super) struct Contribution {
    pub(super) metric: u32,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    PassedOver,
    Refused(RejectReason, String),
    /// Folded into a slot of the chain whose key lies in the batch's key bytes.
    Folded {
        lineage: u32,
        key: std::ops::Range<usize>,
        slot: Slot,
        fold: Fold,
    },
}

impl Processor {
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    pub(super) fn take_events(
        &mut self,
        events: &[Incoming<'_>],
        cursor: Cursor,
        effects: &mut Vec<Effect>,
    ) {
        assert!(!self.is_waiting(), "a load or scan waits for its answer");
        assert!(!self.is_ending, "the input was said to be at its end");
        self.batch.clear();
        self.batch.slots.resize(self.plan.metrics().len(), None);
        self.batch.cursor = Some(cursor);
        self.batch_number = self.batch_number.wrapping_add(1);
        let mut watermark = self.watermark;
        let mut order = self.counters.read;
        for incoming in events {
            order += 1;
            self.look(incoming, order, &mut watermark);
        }
        let missing = self.missing();
        if missing.is_empty() {
            self.fold_batch(effects);
        } else {
            effects.push(Effect::Load(missing));
        }
    }

    #[expect(clippy::indexing_slicing, reason = "contributions only come")]
    fn look(&mut self, incoming: &Incoming<'_>, order: u64, watermark: &mut Option<EventTime>) {
        if let Some(upstream) = &incoming.upstream {
            self.sources.expect(upstream.partitions);
            self.sources.note(upstream.mark);
            *watermark = self.after_sources(*watermark);
        }
        let watermark_before = *watermark;
        let first = self.batch.contributions.len();
        let kind = match &incoming.event {
            Err(reject) => LookedKind::Fault(reject.clone()),
            Ok(event) => {
                if let Some(reject) = self.time_fault(incoming, event, *watermark) {
                    LookedKind::Fault(reject)
                } else {
                    let kind = self.look_at_event(event, order, *watermark);
                    self.advance(incoming, event, watermark);
                    kind
                }
            }
        };
        let may_be_rejected = match &kind {
            LookedKind::Fault(_) => true,
            LookedKind::Unwanted { .. } => self.options.reports_unmatched,
            LookedKind::Wanted { .. } => {
                self.options.reports_duplicates
                    || self.options.reports_unmatched
                    || self.batch.contributions[first..].iter().any(Contribution::is_refused)
            }
        };
        self.batch.events.push(Looked {
            position: incoming.position,
            read_at: incoming.read_at,
            original: may_be_rejected.then(|| incoming.original.into()),
            watermark_before,
            watermark_after: *watermark,
            kind,
        });
    }

    /// Rules 1.6 and 1.7.
    fn time_fault(
        &self,
        incoming: &Incoming<'_>,
        event: &Event<'_>,
        watermark: Option<EventTime>,
    ) -> Option<Reject> {
        let skew = self.options.future_skew_max;
        let limit = latest_admitted(incoming.timestamp, incoming.read_at, skew);
        let (reason, detail) = match (limit, self.oldest(watermark)) {
            (Some(limit), _) if event.time > limit => {
                (RejectReason::InFuture, format!("time {} is past {limit}", event.time))
            }
            (_, Some(oldest)) if event.time < oldest => {
                (RejectReason::TooOld, format!("time {} is before {oldest}", event.time))
            }
            _ => return None,
        };
        Some(Reject { reason, tenant: Some(event.tenant.to_string()), metric: None, detail })
    }

    /// Moves the watermark over an event without a fault (rule 7.1).
    fn advance(
        &mut self,
        incoming: &Incoming<'_>,
        event: &Event<'_>,
        watermark: &mut Option<EventTime>,
    ) {
        let moved_by = if self.options.is_clock_record { incoming.timestamp } else { None };
        let reached = moved_by.unwrap_or(event.time);
        *watermark = match &incoming.upstream {
            None => (*watermark).max(Some(reached.saturating_sub(self.options.watermark_delay))),
            Some(upstream) => {
                let progress = Some(Progress::Reached(reached));
                self.sources.note(Mark { progress, ..upstream.mark });
                self.after_sources(*watermark)
            }
        };
        self.latest_time = self.latest_time.max(Some(event.time));
    }

    fn look_at_event(
        &mut self,
        event: &Event<'_>,
        order: u64,
        watermark: Option<EventTime>,
    ) -> LookedKind {
        let plan = std::sync::Arc::clone(&self.plan);
        let first = self.batch.contributions.len();
        for &place in plan.wanting(&event.tenant, &event.event_type) {
            let metric = plan.metric(place);
            let Some(slot) = self.slot_of(place, metric, event) else { continue };
            let version = metric.version(slot);
            if version.event_type != event.event_type || version.is_elsewhere {
                continue;
            }
            let outcome = match self.contribution(metric, slot, event, order, watermark) {
                Ok(outcome) => outcome,
                Err(Stop::PassOver) => Outcome::PassedOver,
                Err(Stop::Refuse(reason, detail)) => Outcome::Refused(reason, detail),
            };
            self.batch.contributions.push(Contribution { metric: place, outcome });
        }
        let end = self.batch.contributions.len();
        // It is asked for only where duplicates or unmatched events are reported.
        let is_reported = self.options.reports_duplicates || self.options.reports_unmatched;
        let tenant = if is_reported { event.tenant.as_ref().into() } else { Box::default() };
        if end == first {
            return LookedKind::Unwanted { tenant };
        }
        let digest = IdDigest::of(&self.digest_key, &event.tenant, &event.scope, &event.id);
        LookedKind::Wanted { tenant, digest, time: event.time, end }
    }

    /// The slot of the metric that holds the event's time; the last one found is tried first.
    #[expect(
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "there is a slot for each metric of the plan, and no machine that runs this has narrower words"
    )]
    fn slot_of(&mut self, place: u32, metric: &MetricPlan, event: &Event<'_>) -> Option<Slot> {
        let timeline = metric.timeline(&event.customer);
        if metric.has_own_calendars() {
            return timeline.slot_at(event.time);
        }
        let cached = &mut self.batch.slots[place as usize];
        if let Some(slot) = cached.filter(|slot| slot.period.contains(event.time)) {
            return Some(slot);
        }
        let slot = timeline.slot_at(event.time)?;
        // Of a first version the period may start before the version does: such a slot answers only for part of itself.
        *cached = timeline.slot_at(slot.period.start).filter(|whole| *whole == slot);
        Some(slot)
    }

    /// Rule 5.7: filter, group, value, operation, lateness, in this order.
    fn contribution(
        &mut self,
        family: &MetricPlan,
        slot: Slot,
        event: &Event<'_>,
        order: u64,
        watermark: Option<EventTime>,
    ) -> Result<Outcome, Stop> {
        let metric = family.version(slot);
        pass_filter(metric, event)?;
        match group_into(&metric.group_by, event.properties, &mut self.group_key)
            .map_err(|fault| bad_group(metric, &fault))?
        {
            Grouped::Key => {}
            Grouped::PassedOver => return Err(Stop::PassOver),
        }
        let value = value_of(metric, event)?;
        let (slot, time) = placed(family, slot, event, watermark)?;
        let start = self.batch.keys.len();
        Key::write(&mut self.batch.keys, &event.customer, self.group_key.as_bytes());
        Ok(Outcome::Folded {
            lineage: family.lineage(slot),
            key: start..self.batch.keys.len(),
            slot,
            fold: Fold { time, order, value },
        })
    }

    /// What must be loaded before the batch can be folded: each once, in order.
    #[expect(
        clippy::indexing_slicing,
        reason = "each event's contributions end where the first pass put their end"
    )]
    fn missing(&self) -> Vec<Address> {
        let mut missing = Vec::new();
        let mut first = 0;
        for looked in &self.batch.events {
            if let LookedKind::Wanted { digest, end, .. } = &looked.kind {
                if self.dedup.look(*digest, self.oldest(looked.watermark_before)) == Known::Ask {
                    missing.push(Address::Id(*digest));
                }
                for contribution in &self.batch.contributions[first..*end] {
                    self.add_missing(contribution, &mut missing);
                }
                first = *end;
            }
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    #[expect(clippy::indexing_slicing, reason = "the first pass wrote the key there")]
    fn add_missing(&self, contribution: &Contribution, missing: &mut Vec<Address>) {
        let Outcome::Folded { lineage, key, slot, .. } = &contribution.outcome else { return };
        let metric = contribution.metric;
        if !self.agendas.of(metric).is_cold {
            return;
        }
        let bytes = &self.batch.keys[key.clone()];
        let hash = self.chains.hash(metric, *lineage, bytes);
        let resident = self.chains.find(hash, metric, *lineage, bytes);
        let address = || ChainAddress { metric, lineage: *lineage, key: Key::from_bytes(bytes) };
        let end = slot.period.end;
        if self.plan.metric(metric).version(*slot).is_recurring {
            if resident.is_none() {
                missing.push(Address::Chain(address()));
            }
        } else if resident.is_none_or(|place| self.chains.chain(place).plain_cell(end).is_none()) {
            missing.push(Address::Cell(address(), end));
        }
    }
}

impl Contribution {
    fn is_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused(..))
    }
}
