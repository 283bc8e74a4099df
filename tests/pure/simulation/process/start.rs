//! The start of a task: the facts, the decision of the product, and what is done about it.

use odometer::engine::{
    CommitId, CommitRecord, Committed, Cursor, Decision, Facts, Halt, Visible, decide,
};

use super::{Process, Slice, Step, Surroundings, understood};
use crate::model::Disk;
use crate::simulation::bucket::{Manifest, ManifestName};
use crate::simulation::chance::Fault;
use crate::simulation::mutant::Mutant;
use crate::simulation::task::{Task, commit_id, facts, local_state};

impl Process {
    pub(super) fn start(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) {
        let Ok(committed) = around.broker.committed(partition) else { return };
        if self.epoch.is_none() {
            return;
        }
        let committed = committed.map(understood);
        let keeps = around.setting.options.keeps_checkpoints;
        if !keeps || self.has_state_of(around, partition, committed.as_ref()) {
            return self.begin_by(around, partition, committed, &[]);
        }
        let Ok(listed) = around.bucket.manifests(partition, around.chance) else { return };
        let listed = listed.into_iter().map(|(name, _)| name).collect();
        self.steps.push_front(Step::Begin(partition, committed, listed));
    }

    /// Whether the state that is here may be used: then checkpoints are not asked for.
    fn has_state_of(
        &self,
        around: &Surroundings<'_, '_>,
        partition: i32,
        committed: Option<&Committed>,
    ) -> bool {
        let disk = self.disks.get(&partition).cloned().unwrap_or_default();
        let local =
            local_state(around.setting, &around.setting.open(partition, disk, self.revision));
        let visible = committed.and_then(|committed| committed.metadata.as_ref().ok());
        let chain = local.map(|local| local.chain).unwrap_or_default();
        visible.is_some_and(|visible| chain.contains(&visible.commit))
    }

    /// Looks at the checkpoints that there were, the newest first, up to one that may be used. Some may be gone by now.
    pub(super) fn begin_with_checkpoints(
        &mut self,
        around: &mut Surroundings<'_, '_>,
        (partition, committed): (i32, Option<Committed>),
        listed: &[ManifestName],
    ) {
        let visible = committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
        let wanted = (listed, visible.map(|visible| visible.commit));
        let Ok(manifests) = around.bucket.until(partition, wanted, around.chance) else {
            return;
        };
        self.begin_by(around, partition, committed, &manifests);
    }

    /// Begins a task as the facts say.
    fn begin_by(
        &mut self,
        around: &mut Surroundings<'_, '_>,
        partition: i32,
        committed: Option<Committed>,
        manifests: &[Manifest],
    ) {
        let visible = committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
        match visible.map(|visible| (visible.commit, visible.sequence)) {
            Some(known) => self.known.insert(partition, known),
            None => self.known.remove(&partition),
        };
        let disk = self.disks.remove(&partition).unwrap_or_default();
        let store = around.setting.open(partition, disk, self.revision);
        let known = u64::try_from(self.revision).expect("few revisions");
        let is_newer = store.commits().last().is_some_and(|last| last.plan_revision > known);
        let is_newer = is_newer && !store.disk.is_damaged();
        if is_newer && around.setting.mutant != Some(Mutant::NewerState) {
            around.chance.tally.note("waited for definitions that a state was made by");
            self.disks.insert(partition, store.disk);
            return;
        }
        let facts = facts(around.setting, around.broker, partition, &store, (committed, manifests));
        let restored = self.checkpoints.restored.get(&partition).copied();
        let decision = mistaken(around.setting.mutant, decide(&facts), &facts, restored);
        around.chance.tally.note(told(&decision, &facts));
        if facts.unfit.is_some() && matches!(decision, Decision::Restore { .. }) {
            around.chance.tally.note("damaged state replaced by its checkpoint");
        }
        let committed = facts.committed;
        match decision {
            Decision::Begin { offset } => {
                *around.next_id += 1;
                let id = commit_id(*around.next_id);
                let Some(task) = self.fresh(around, partition, id, offset) else { return };
                self.beginning.insert(partition, task);
                let binding = around.setting.binding(partition);
                let visible = Visible {
                    commit: id,
                    is_genesis: true,
                    sequence: 0,
                    watermark: None,
                    partitions: binding.partitions,
                };
                let generation = self.generation;
                let slice = Slice { partition, offset, visible, from: 1, through: 0, generation };
                self.begin(slice);
            }
            // What is here is set aside, and nobody looks at it again.
            Decision::Restore { commit } => {
                let manifest = manifests.iter().find(|manifest| manifest.last() == commit);
                self.restore(around, partition, manifest.expect("it was found"));
            }
            Decision::Adopt { offset, genesis } => {
                let Some(task) = self.fresh(around, partition, genesis, offset) else { return };
                self.tasks.insert(partition, task);
            }
            Decision::Resume { delivered, is_offset_behind } => {
                let is_restored = self.checkpoints.restored.contains_key(&partition);
                let forgets = around.setting.mutant == Some(Mutant::ForgetSequence) && is_restored;
                // Whatever is still in the outbox.
                let first = (1..=delivered).find(|sequence| store.has_entry(*sequence));
                let first = first.filter(|_| forgets).map(|first| first - 1);
                let from = (first.unwrap_or(delivered), is_offset_behind || first.is_some());
                let setting = around.setting;
                let mut task = Task::new(setting, store, self.revision, from, committed.as_ref());
                let behind = task.processor.catch_up();
                self.tasks.insert(partition, task);
                self.push_effects(partition, behind.into_iter().collect());
            }
            Decision::Halt(halt) => {
                let is_elsewhere = matches!(halt, Halt::StateElsewhere { .. });
                let keeps = around.setting.options.keeps_checkpoints;
                assert!(!keeps || !is_elsewhere, "halted though a checkpoint is there: {halt}");
                self.disks.insert(partition, store.disk);
                self.has_left = true;
            }
        }
    }

    /// An empty state with its genesis, on a disk of its own: what was there is set aside. `None`: the disk failed.
    fn fresh(
        &mut self,
        around: &mut Surroundings<'_, '_>,
        partition: i32,
        id: CommitId,
        offset: i64,
    ) -> Option<Task> {
        if around.chance.strikes(Fault::GenesisFailed, 5) {
            self.has_failed = true;
            return None;
        }
        let mut store = around.setting.open(partition, Disk::default(), self.revision);
        let genesis = CommitRecord::genesis(id, Cursor::at_offset(offset));
        store.begin(&genesis);
        around.chronicle.insert(id, (genesis, Vec::new()));
        Some(Task::new(around.setting, store, self.revision, (0, false), None))
    }
}

/// What was decided, in words.
fn told(decision: &Decision, facts: &Facts) -> String {
    let visible = facts.committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
    match decision {
        Decision::Begin { .. } => "task begun".to_owned(),
        Decision::Adopt { .. } => "genesis adopted".to_owned(),
        Decision::Resume { is_offset_behind: false, .. } => "state resumed".to_owned(),
        Decision::Resume { .. } => "state resumed that is ahead of its offset".to_owned(),
        Decision::Restore { commit } if visible.is_some_and(|one| one.commit == *commit) => {
            "checkpoint restored".to_owned()
        }
        Decision::Restore { .. } => "checkpoint restored that is ahead of its offset".to_owned(),
        Decision::Halt(halt) => format!("halted: {}", name_of(halt)),
    }
}

/// What a mutant makes of a decision. `restored`: the last commit of the state that was brought here, if it was.
fn mistaken(
    mutant: Option<Mutant>,
    decision: Decision,
    facts: &Facts,
    restored: Option<CommitId>,
) -> Decision {
    let visible = facts.committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
    let state = facts.local.as_ref().filter(|local| !local.is_genesis);
    match (mutant, &decision, visible) {
        (Some(Mutant::UseSetAside), Decision::Restore { .. }, Some(visible)) if state.is_some() => {
            let last = state.map_or(0, |state| state.outbox_last);
            Decision::Resume { delivered: visible.sequence.min(last), is_offset_behind: true }
        }
        (Some(Mutant::RestoreAnyChain), Decision::Restore { .. }, Some(visible)) => {
            match state.filter(|state| state.chain.last().copied() == restored) {
                Some(state) => Decision::Resume {
                    delivered: visible.sequence.min(state.outbox_last),
                    is_offset_behind: true,
                },
                None => {
                    Decision::Restore { commit: *facts.checkpoints[0].chain.last().expect("one") }
                }
            }
        }
        (
            Some(Mutant::SkipChainCheck),
            Decision::Halt(Halt::StateElsewhere { .. }),
            Some(visible),
        ) if state.is_some() => {
            let last = state.map_or(0, |state| state.outbox_last);
            Decision::Resume { delivered: visible.sequence.min(last), is_offset_behind: true }
        }
        (Some(Mutant::BeginAnyway), Decision::Halt(Halt::StateElsewhere { .. }), _) => {
            let offset = facts.committed.as_ref().map_or(0, |committed| committed.offset);
            Decision::Begin { offset }
        }
        (
            Some(Mutant::BeginWithoutOffset),
            Decision::Halt(Halt::OffsetGone | Halt::NothingToStartFrom),
            _,
        ) => Decision::Begin { offset: facts.log_start },
        _ => decision,
    }
}

/// The first word of a halt.
fn name_of(halt: &Halt) -> String {
    let text = format!("{halt:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}
