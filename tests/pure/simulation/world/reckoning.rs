//! The end of a run: all is put right and worked off, and what came out is held against the oracle.

use std::collections::BTreeMap;
use std::hash::Hasher;

use odometer::engine::{CommitId, Decision, Visible, customer_digest, decide};
use odometer::format::{Outgoing, decode_metadata};
use odometer::model::EventTime;

use super::{Report, World};
use crate::model::Sight;
use crate::oracle::{DISPOSITIONS, Options, Oracle};
use crate::simulation::chance::Fault;
use crate::simulation::task::facts;

impl World<'_> {
    /// Everything is started again where its state is, and works until nothing is left to do.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        if self.keeps_checkpoints()
            && self.chance.dice.chance(50)
            && self.chance.may(Fault::DiskLost)
        {
            for number in 0..self.processes.len() {
                if self.lose_disk(number) {
                    self.chance.count(Fault::DiskLost);
                }
            }
        }
        self.bucket.is_away = false;
        while self.bucket.arrive(&mut self.chance) {}
        self.look_at_checkpoints()?;
        self.chance.calm_down();
        self.broker.repair();
        self.broker.ends = self.setting.records.iter().map(Vec::len).collect();
        for number in 0..self.processes.len() {
            self.crash(number);
            self.processes[number].revision = self.setting.editions.newest();
            self.broker.time_out(number);
        }
        self.discard_damaged();
        let mut assignment = BTreeMap::new();
        for (partition, _) in (0..).zip(&self.setting.records) {
            assignment.insert(partition, self.heir(partition)?);
        }
        self.broker.rebalance(assignment);
        for _ in 0..12_000 {
            if self.processes.iter().all(|process| process.is_done(&self.broker)) {
                return Ok(());
            }
            for number in 0..self.processes.len() {
                self.step(number, false);
                self.look_at_checkpoints()?;
            }
        }
        Err("nothing goes on any more".to_owned())
    }

    /// A process that can go on with a partition.
    fn heir(&self, partition: i32) -> Result<usize, String> {
        let committed = self.committed(partition)?;
        let newest = self.setting.editions.newest();
        let mut fallback = None;
        for (number, process) in self.processes.iter().enumerate() {
            let disk = process.disks.get(&partition).cloned().unwrap_or_default();
            let store = self.setting.open(partition, disk, newest);
            let manifests = self.bucket.checkpoints(partition);
            let known = (committed.clone(), &manifests[..]);
            let facts = facts(&self.setting, &self.broker, partition, &store, known);
            match decide(&facts) {
                Decision::Resume { .. } => return Ok(number),
                Decision::Begin { .. } | Decision::Restore { .. } | Decision::Adopt { .. } => {
                    fallback = Some(number);
                }
                Decision::Halt(_) => {}
            }
        }
        fallback.ok_or_else(|| format!("the state of {partition} that is visible is lost"))
    }

    /// Nothing visible rests on state that could be lost: whatever the offset names is in the newest checkpoint whose chain
    /// has it, or is a genesis.
    pub(super) fn look_at_checkpoints(&mut self) -> Result<(), String> {
        let changes = (self.broker.changes, self.bucket.changes);
        if !self.keeps_checkpoints() || changes == self.looked_at {
            return Ok(());
        }
        self.looked_at = changes;
        for (partition, _) in (0..).zip(&self.setting.records) {
            let Some((_, metadata)) = self.broker.offset(partition) else { continue };
            let visible = decode_metadata(metadata).ok_or("metadata that is none")?;
            if !visible.is_genesis {
                self.bucket.check(partition, visible.commit)?;
            }
        }
        Ok(())
    }

    /// Holds what a reader sees against what the oracle makes of the log.
    pub(super) fn reckon(&mut self, options: &Options) -> Result<Report, String> {
        let definitions = self.setting.editions.definitions();
        let mut entries = 0;
        for (partition, records) in (0..).zip(&self.setting.records) {
            let failed = |text: String| format!("partition {partition}: {text}");
            let mut sight = Sight::default();
            for (_, bytes) in self.broker.visible().filter(|(one, _)| *one == partition) {
                let outgoing = Outgoing::decode(bytes).ok_or("an entry that is none")?;
                sight.take(&outgoing).map_err(failed)?;
            }
            entries += sight.entries();
            let visible = self.agreed(partition).map_err(failed)?;
            let options = Options {
                idle_ticks: self.ticks_of(visible.commit),
                lives: self.setting.editions.lives(&self.plans_of(visible.commit)),
                deaths: self.setting.editions.deaths(),
                ..options.clone()
            };
            let outcome = Oracle::run(definitions, records, options);
            let differences = sight.differences(&outcome);
            if !differences.is_empty() {
                return Err(failed(differences.join("\n")));
            }
            let owner = self.broker.assignment()[&partition];
            let task = &self.processes[owner].tasks[&partition];
            let counters = task.processor.counters();
            let counts = [
                counters.counted,
                counters.duplicate,
                counters.unmatched,
                counters.late,
                counters.invalid,
            ];
            let wanted = DISPOSITIONS.map(|(_, disposition)| outcome.count(disposition));
            if counts != wanted {
                return Err(failed(format!("{counts:?} instead of {wanted:?}")));
            }
            let customers = task.store.index().customers;
            for key in sight.totals().keys() {
                if !customers.contains(&customer_digest(&key.tenant, &key.customer)) {
                    return Err(failed(format!("customer {:?} is forgotten", key.customer)));
                }
            }
        }
        let (trace, steps, tally) = (self.trace.finish(), self.steps, self.chance.tally.clone());
        Ok(Report { trace, steps, entries, tally })
    }

    /// What the offset's metadata says, which is what the commit that it names says of itself, and the last one stored.
    fn agreed(&self, partition: i32) -> Result<Visible, String> {
        let committed = self.committed(partition)?.ok_or("no offset")?;
        let visible = committed.metadata.map_err(|text| format!("metadata {text:?}"))?;
        let owner = self.broker.assignment()[&partition];
        let last = *self.processes[owner].tasks[&partition].processor.ledger().last();
        let said = (visible.commit, visible.sequence, visible.watermark, committed.offset);
        let stored = (last.id, last.outbox_last, last.watermark, last.cursor.offset);
        if said != stored {
            return Err(format!("the offset says {said:?}, and the state {stored:?}"));
        }
        Ok(visible)
    }

    /// The commits from a genesis to that one, newest first.
    fn ancestry(&self, last: CommitId) -> impl Iterator<Item = CommitId> {
        std::iter::successors(Some(last), |id| self.chronicle[id].0.parent)
    }

    /// The idle ticks that a commit and its ancestors rest on.
    fn ticks_of(&self, last: CommitId) -> Vec<(usize, EventTime)> {
        let ticks = self.ancestry(last).flat_map(|id| self.chronicle[&id].1.iter().copied());
        let mut ticks: Vec<_> = ticks.collect();
        ticks.sort_unstable();
        ticks
    }

    /// After how many records each revision was taken that a commit and its ancestors were made by. A plan is taken right
    /// after a commit: where its child names another one, that was read by from this commit's cursor on.
    fn plans_of(&self, last: CommitId) -> Vec<(usize, usize)> {
        let place = |id: CommitId| {
            let record = self.chronicle[&id].0;
            let before = record.parent.map_or(record, |parent| self.chronicle[&parent].0);
            let revision = usize::try_from(record.plan_revision).expect("few revisions");
            (usize::try_from(before.cursor.offset).expect("not negative"), revision)
        };
        let mut places: Vec<_> = self.ancestry(last).map(place).collect();
        places.reverse();
        places
    }
}
