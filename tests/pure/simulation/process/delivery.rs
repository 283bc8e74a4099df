//! Deliveries: slices of an outbox in transactions, and what is done in doubt.

use odometer::engine::{Doubt, Input, Settled, Visible, settle};
use odometer::format::encode_metadata;

use super::{Process, Slice, Step, Surroundings, understood};
use crate::simulation::broker::Answer;
use crate::simulation::mutant::Mutant;

impl Process {
    /// Has a slice go out with the next transaction.
    pub(super) fn begin(&mut self, slice: Slice) {
        self.waiting.push(slice);
        if !self.steps.contains(&Step::Deliver) {
            self.steps.push_back(Step::Deliver);
        }
    }

    /// Cuts one transaction of all that waits.
    pub(super) fn deliver(&mut self, around: &mut Surroundings<'_, '_>) {
        // What it has may be another's: it hears of that next.
        let is_known = self.member == Some(around.broker.member(self.number));
        if !is_known && around.setting.mutant != Some(Mutant::DeliverUnderAnotherName) {
            return;
        }
        let mut slices = std::mem::take(&mut self.waiting);
        for slice in &mut slices {
            slice.generation = if is_known { self.generation } else { around.broker.generation };
            let limit = *around.chance.dice.pick(&[1_u64, 3, 100]);
            slice.visible.sequence = slice.through.min(slice.from - 1 + limit);
        }
        let entries = slices.iter().copied().map(Step::Produce);
        let offsets = slices.iter().copied().map(Step::Offsets);
        let mut steps: Vec<Step> = Vec::new();
        if around.setting.mutant == Some(Mutant::OffsetsWithoutEntries) {
            steps.extend(offsets.chain([Step::Commit]).chain(entries));
        } else {
            steps.extend(entries.chain(offsets).chain([Step::Commit]));
        }
        if slices.len() > 1 {
            around.chance.tally.note("transactions of several tasks");
        }
        if !slices.is_empty() {
            steps.into_iter().rev().for_each(|step| self.steps.push_front(step));
        }
        self.sending = slices;
    }

    fn producer(&self) -> (usize, u32) {
        (self.number, self.epoch.expect("a producer in doubt is renewed first"))
    }

    pub(super) fn produce(&mut self, around: &mut Surroundings<'_, '_>, slice: Slice) {
        let Some(task) = self.tasks.get(&slice.partition) else { return };
        let producer = self.producer();
        let last = slice.visible.sequence;
        let loses_outbox = around.setting.mutant == Some(Mutant::LoseOutbox);
        let mut sequences = slice.from..=last;
        if loses_outbox && sequences.any(|sequence| !task.store.has_entry(sequence)) {
            return;
        }
        for (_, bytes) in task.store.outbox(slice.from, last, usize::MAX) {
            let sent = around.broker.produce(producer, slice.partition, bytes, around.chance);
            if sent.is_err() {
                return self.doubt(around);
            }
        }
        if around.setting.mutant == Some(Mutant::TrimSent)
            && let Some(task) = self.tasks.get_mut(&slice.partition)
        {
            task.trim(last, task.processor.ledger().last().number);
        }
        if around.setting.mutant == Some(Mutant::OffsetsWithoutEntries) {
            let _ = around.broker.commit(producer, around.chance);
            self.sending.retain(|one| *one != slice);
            self.go_on(around, slice);
        }
    }

    pub(super) fn send_offsets(&mut self, around: &mut Surroundings<'_, '_>, slice: Slice) {
        let mutant = around.setting.mutant;
        let mut visible = slice.visible;
        if mutant == Some(Mutant::SequenceAhead) {
            visible.sequence = slice.through;
        }
        if mutant == Some(Mutant::WatermarkUnsaid) {
            visible.watermark = None;
        }
        let ahead = i64::from(mutant == Some(Mutant::OffsetAhead));
        let offset = (slice.offset + ahead, encode_metadata(&visible));
        let is_refreshed = matches!(mutant, Some(Mutant::StaleGeneration | Mutant::KeepRevoked));
        let generation = if is_refreshed { around.broker.generation } else { slice.generation };
        let sent = around.broker.send_offsets(
            self.producer(),
            generation,
            (slice.partition, offset),
            around.chance,
        );
        if sent.is_err() {
            self.doubt(around);
        }
    }

    pub(super) fn commit(&mut self, around: &mut Surroundings<'_, '_>) {
        let answer = around.broker.commit(self.producer(), around.chance);
        let mutant = around.setting.mutant;
        let believes_all = matches!(mutant, Some(Mutant::TrustReturnCode | Mutant::KeepProducer));
        match answer {
            Ok(Answer::Late) if !believes_all => self.doubt(around),
            Ok(_) if mutant == Some(Mutant::OffsetsWithoutEntries) => {}
            Ok(_) => {
                for slice in std::mem::take(&mut self.sending) {
                    self.go_on(around, slice);
                }
            }
            Err(_) => self.doubt(around),
        }
    }

    /// A slice is visible: the next one, or the engine hears of it.
    fn go_on(&mut self, around: &mut Surroundings<'_, '_>, slice: Slice) {
        let partition = slice.partition;
        self.known.insert(partition, (slice.visible.commit, slice.visible.sequence));
        if slice.visible.is_genesis {
            if let Some(task) = self.beginning.remove(&partition) {
                self.tasks.insert(partition, task);
            }
        } else if slice.visible.sequence < slice.through {
            let from = slice.visible.sequence + 1;
            self.begin(Slice { from, ..slice });
        } else {
            self.checkpoints.delivered(partition, slice.visible.commit);
            self.answer(partition, Input::Delivered { sequence: slice.through });
            if around.setting.mutant == Some(Mutant::DeliverBeforeStore) {
                self.steps.push_front(Step::Flush(partition));
            }
        }
    }

    /// Nothing is known of the transaction: a new producer first, then the truth.
    fn doubt(&mut self, around: &mut Surroundings<'_, '_>) {
        let is_of_transaction =
            |step: &Step| matches!(step, Step::Produce(_) | Step::Offsets(_) | Step::Commit);
        self.steps.retain(|step| !is_of_transaction(step));
        let keeps = around.setting.mutant == Some(Mutant::KeepProducer)
            && !around.broker.is_fenced(self.producer());
        if keeps {
            around.broker.abort(self.producer());
        } else {
            self.epoch = None;
        }
        for slice in std::mem::take(&mut self.sending) {
            self.steps.push_front(Step::Settle(slice));
        }
        self.steps.push_front(Step::Poll);
        if !keeps {
            self.steps.push_front(Step::Renew);
        }
    }

    /// The committed offset says whether the slice went out.
    pub(super) fn settle(&mut self, around: &mut Surroundings<'_, '_>, slice: Slice) {
        let partition = slice.partition;
        let is_here = self.tasks.contains_key(&partition);
        if around.setting.mutant == Some(Mutant::TrustReturnCode) && is_here {
            return self.begin(slice);
        }
        let Ok(committed) = around.broker.committed(partition) else {
            self.steps.push_front(Step::Settle(slice));
            return;
        };
        let is_here =
            self.tasks.contains_key(&partition) || self.beginning.contains_key(&partition);
        if !is_here {
            return;
        }
        let doubt = Doubt {
            commit: slice.visible.commit,
            delivered: slice.from - 1,
            through: slice.through,
            known: self.known.get(&partition).copied(),
        };
        let settled = settle(&doubt, committed.map(understood).as_ref());
        let settled = match (around.setting.mutant, settled) {
            (Some(Mutant::ResendCommitted), Settled::Done) => {
                Settled::Again { delivered: doubt.delivered }
            }
            (Some(Mutant::BelieveCommitted), Settled::Again { .. }) => Settled::Done,
            (_, settled) => settled,
        };
        around.chance.tally.note(match settled {
            Settled::Done => "in doubt: it had gone out",
            Settled::Again { .. } => "in doubt: sent again",
            Settled::Lost => "in doubt: somebody else committed",
        });
        match settled {
            Settled::Done => {
                let visible = Visible { sequence: slice.through, ..slice.visible };
                self.go_on(around, Slice { visible, ..slice });
            }
            Settled::Again { delivered } => {
                self.begin(Slice { from: delivered + 1, ..slice });
            }
            Settled::Lost => self.drop_task(partition),
        }
    }
}
