//! The second pass over a batch: dispositions, rejects, and the cells that change (rules 1.4, 1.5, 2.2, 7.3).

use std::sync::Arc;

use super::look::{Contribution, Looked, LookedKind, Outcome};
use super::{Processor, customer_digest};
use crate::definition::{Plan, Slot};
use crate::engine::aggregator::{Carry, Fold};
use crate::engine::cell::{Cell, Origin};
use crate::engine::chain::{Cells, ChainAddress, Key, customer_of};
use crate::engine::dedup::Known;
use crate::engine::effect::{Effect, OutboxEntry};
use crate::engine::plain::PlainCells;
use crate::engine::recurring::Recurring;
use crate::engine::site::Site;
use crate::model::{Disposition, EventTime, Reject, RejectReason, SourcePosition};

/// Where one event goes within one metric.
struct Target<'b> {
    metric: u32,
    lineage: u32,
    key: &'b [u8],
    slot: Slot,
}

impl Processor {
    /// Folds what the first pass found; everything that it needs is resident.
    #[expect(
        clippy::indexing_slicing,
        reason = "each event's contributions end where the first pass put their end"
    )]
    pub(super) fn fold_batch(&mut self, effects: &mut Vec<Effect>) {
        let mut batch = std::mem::take(&mut self.batch);
        let plan = Arc::clone(&self.plan);
        let mut first = 0;
        for looked in &mut batch.events {
            let end = match &looked.kind {
                LookedKind::Wanted { end, .. } => *end,
                LookedKind::Fault(_) | LookedKind::Unwanted { .. } => first,
            };
            let contributions = &batch.contributions[first..end];
            self.watermark = looked.watermark_before;
            self.fold_event(&plan, looked, contributions, &batch.keys);
            self.watermark = looked.watermark_after;
            first = end;
        }
        let cursor = batch.cursor.take().expect("a batch has its cursor");
        assert!(cursor >= self.cursor, "a source only goes on");
        self.cursor = cursor;
        self.batch = batch;
        self.close(effects);
    }

    fn fold_event(
        &mut self,
        plan: &Plan,
        looked: &mut Looked,
        contributions: &[Contribution],
        keys: &[u8],
    ) {
        let disposition = match &looked.kind {
            LookedKind::Fault(reject) => {
                let reject = reject.clone();
                self.refuse(looked, reject);
                Disposition::Invalid
            }
            LookedKind::Unwanted { .. } => Disposition::Unmatched,
            LookedKind::Wanted { digest, time, .. } => {
                if self.dedup.look(*digest, self.oldest(self.watermark)) == Known::Yes {
                    Disposition::Duplicate
                } else {
                    let (digest, time) = (*digest, *time);
                    let disposition = self.contribute(plan, looked, contributions, keys, time);
                    if disposition == Disposition::Counted {
                        let day = u32::try_from(time.utc_day()).expect("years 1970 to 9998");
                        self.dedup.remember(digest, day);
                    }
                    disposition
                }
            }
        };
        self.account(looked, disposition);
    }

    /// Gives the event to each metric; what became of it as a whole (rule 1.4).
    #[expect(clippy::indexing_slicing, reason = "the first pass wrote the key there")]
    fn contribute(
        &mut self,
        plan: &Plan,
        looked: &Looked,
        contributions: &[Contribution],
        keys: &[u8],
        own_time: EventTime,
    ) -> Disposition {
        let origin = Origin { time: own_time, offset: self.offset_kept(looked.position) };
        let mut disposition = Disposition::Unmatched;
        for contribution in contributions {
            let one = match &contribution.outcome {
                Outcome::PassedOver => Disposition::Unmatched,
                Outcome::Folded { lineage, key, slot, fold } => {
                    let metric = contribution.metric;
                    let key = &keys[key.clone()];
                    let target = Target { metric, lineage: *lineage, key, slot: *slot };
                    self.fold_into(plan, &target, fold, origin);
                    Disposition::Counted
                }
                Outcome::Refused(reason, detail) => {
                    let metric = plan.metric(contribution.metric);
                    let reject = Reject {
                        reason: *reason,
                        tenant: Some(metric.tenant.to_string()),
                        metric: Some(metric.code.to_string()),
                        detail: detail.clone(),
                    };
                    self.refuse(looked, reject);
                    if *reason == RejectReason::Late {
                        Disposition::Late
                    } else {
                        Disposition::Invalid
                    }
                }
            };
            disposition = weightier(disposition, one);
        }
        disposition
    }

    /// The offset that cells are to remember.
    fn offset_kept(&self, position: SourcePosition) -> Option<i64> {
        match position {
            SourcePosition::Offset(offset) => self.options.keeps_offsets.then_some(offset),
            SourcePosition::Rekeyed { .. } | SourcePosition::Line { .. } => None,
        }
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits count more events than can be read"
    )]
    fn account(&mut self, looked: &Looked, disposition: Disposition) {
        self.counters.read += 1;
        let (counter, report) = match disposition {
            Disposition::Counted => (&mut self.counters.counted, None),
            Disposition::Late => (&mut self.counters.late, None),
            Disposition::Invalid => (&mut self.counters.invalid, None),
            Disposition::Duplicate => (
                &mut self.counters.duplicate,
                self.options
                    .reports_duplicates
                    .then_some((RejectReason::Duplicate, "an event of this id was counted before")),
            ),
            Disposition::Unmatched => (
                &mut self.counters.unmatched,
                self.options
                    .reports_unmatched
                    .then_some((RejectReason::Unmatched, "no metric folds this event")),
            ),
        };
        *counter += 1;
        if let Some((reason, detail)) = report {
            let tenant = match &looked.kind {
                LookedKind::Unwanted { tenant } | LookedKind::Wanted { tenant, .. } => {
                    Some(tenant.to_string())
                }
                LookedKind::Fault(reject) => reject.tenant.clone(),
            };
            let reject = Reject { reason, tenant, metric: None, detail: detail.to_owned() };
            self.refuse(looked, reject);
        }
    }

    fn refuse(&mut self, looked: &Looked, reject: Reject) {
        let original = looked.original.clone();
        self.emit(OutboxEntry::Reject {
            reject,
            position: looked.position,
            original: original.expect("what may be refused keeps its record"),
            at: looked.read_at,
        });
    }

    fn fold_into(&mut self, plan: &Plan, target: &Target<'_>, fold: &Fold, origin: Origin) {
        let place = self.chain_place(plan, target);
        let metric = plan.metric(target.metric);
        let site = Site {
            metric,
            lineage: target.lineage,
            timeline: metric.timeline(customer_of(target.key)),
            watermark: self.watermark,
            latest_time: self.latest_time,
            keeps_offsets: self.options.keeps_offsets,
        };
        let is_settled = match &self.chains.chain(place).cells {
            Cells::Plain(_) => self.fold_plain(place, &site, target.slot, fold, origin),
            Cells::Recurring(_) => self.fold_recurring(place, &site, target.slot, fold, origin),
        };
        let batch_number = self.batch_number;
        let chain = self.chains.chain_mut(place);
        chain.touched = batch_number;
        if !std::mem::replace(&mut chain.is_dirty, true) {
            self.dirty.push(place);
        }
        if is_settled && !std::mem::replace(&mut chain.is_amended, true) {
            self.amended.push(place);
        }
        self.chains.recount(place);
    }

    /// The chain's place; makes it where there is none.
    fn chain_place(&mut self, plan: &Plan, target: &Target<'_>) -> u32 {
        let (metric, lineage, key) = (target.metric, target.lineage, target.key);
        let hash = self.chains.hash(metric, lineage, key);
        if let Some(place) = self.chains.find(hash, metric, lineage, key) {
            return place;
        }
        let family = plan.metric(metric);
        let version = family.version(target.slot);
        let cells = if version.is_recurring {
            let base = Carry::nothing(version);
            Cells::Recurring(Box::new(Recurring::new(base, target.slot)))
        } else {
            Cells::Plain(PlainCells::new())
        };
        self.note_customer(&family.tenant, customer_of(key));
        let address = ChainAddress { metric, lineage, key: Key::from_bytes(key) };
        self.chains.insert(address, cells)
    }

    fn note_customer(&mut self, tenant: &str, customer: &str) {
        if self.customers.insert(customer_digest(tenant, customer)) {
            self.new_customers.push((tenant.into(), customer.into()));
            self.unstored_customers.push((tenant.into(), customer.into()));
        }
    }

    /// Returns whether something published, or due, changed.
    fn fold_plain(
        &mut self,
        place: u32,
        site: &Site<'_>,
        slot: Slot,
        fold: &Fold,
        origin: Origin,
    ) -> bool {
        let is_due = site.is_due(slot);
        let found = self.chains.plain_mut(place).place_of(slot.period.end);
        if let (true, Some(at)) = (is_due, found) {
            // Rule 7.2: its total became final before this event was read.
            self.publish_plain(place, site, usize::MAX, at..at.saturating_add(1), |cell| {
                cell.published.is_none() && !cell.is_owed
            });
        }
        let cells = self.chains.plain_mut(place);
        let at = found.unwrap_or_else(|| cells.insert(Cell::new(site.metric.version(slot), slot)));
        let is_settled = cells.change(at, |cell| {
            cell.fold(&site.frame(slot), fold, origin);
            let is_settled = is_due || cell.published.is_some();
            cell.is_owed |= is_settled;
            is_settled
        });
        if found.is_none() {
            self.enter(place, site, slot);
        }
        is_settled
    }

    fn fold_recurring(
        &mut self,
        place: u32,
        site: &Site<'_>,
        slot: Slot,
        fold: &Fold,
        origin: Origin,
    ) -> bool {
        // The earliest instant at which a period that the event reaches may be due.
        let reached = slot.period.end.saturating_add(site.metric.grace_min);
        let (_, chain) = self.chains.recurring_mut(place);
        let is_published_first = site.is_due(slot)
            || (chain.is_behind(site) && site.watermark.is_some_and(|mark| reached <= mark));
        if is_published_first {
            // Rule 7.2: these totals became final before this event was read.
            while !self.sweep_recurring(place, site, self.options.slice_totals_max.max(1)) {}
            self.put_on_agenda(place);
        }
        let (_, chain) = self.chains.recurring_mut(place);
        let is_settled = chain.fold(site, slot, fold, origin);
        if is_settled {
            // What it carries now may owe a total to a period that is still open.
            self.schedule(place, site);
            return true;
        }
        if chain.scheduled.is_none_or(|scheduled| reached < scheduled) {
            chain.scheduled = Some(reached);
            self.put_on_agenda(place);
        }
        is_settled
    }
}

/// Counted outweighs late, late invalid, invalid unmatched (rule 1.4: the first that fits).
fn weightier(one: Disposition, other: Disposition) -> Disposition {
    let weight = |disposition| match disposition {
        Disposition::Counted => 4,
        Disposition::Late => 3,
        Disposition::Invalid => 2,
        Disposition::Unmatched => 1,
        Disposition::Duplicate => 0,
    };
    if weight(other) > weight(one) { other } else { one }
}
