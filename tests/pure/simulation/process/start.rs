//! The start of a task: the facts, the decision of the product, and what is done about it.

use odometer::engine::{CommitId, CommitRecord, Cursor, Decision, Facts, Halt, Visible, decide};

use super::{Process, Slice, Surroundings, understood};
use crate::model::Disk;
use crate::simulation::chance::Fault;
use crate::simulation::mutant::Mutant;
use crate::simulation::task::{Task, commit_id, facts};

impl Process {
    pub(super) fn start(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) {
        let Ok(committed) = around.broker.committed(partition) else { return };
        if self.epoch.is_none() {
            return;
        }
        let committed = committed.map(understood);
        let visible = committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
        match visible.map(|visible| (visible.commit, visible.sequence)) {
            Some(known) => self.known.insert(partition, known),
            None => self.known.remove(&partition),
        };
        let disk = self.disks.remove(&partition).unwrap_or_default();
        let store = around.setting.open(partition, disk, self.revision);
        let known = u64::try_from(self.revision).expect("few revisions");
        let is_newer = store.commits().last().is_some_and(|last| last.plan_revision > known);
        if is_newer && around.setting.mutant != Some(Mutant::NewerState) {
            around.chance.tally.note("waited for definitions that a state was made by");
            self.disks.insert(partition, store.disk);
            return;
        }
        let facts = facts(around.setting, around.broker, partition, &store, committed);
        let decision = mistaken(around.setting.mutant, decide(&facts), &facts);
        around.chance.tally.note(match &decision {
            Decision::Begin { .. } => "task begun".to_owned(),
            Decision::Adopt { .. } => "genesis adopted".to_owned(),
            Decision::Resume { is_offset_behind: false, .. } => "state resumed".to_owned(),
            Decision::Resume { .. } => "state resumed that is ahead of its offset".to_owned(),
            Decision::Restore { .. } => "checkpoint restored".to_owned(),
            Decision::Halt(halt) => format!("halted: {}", name_of(halt)),
        });
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
            Decision::Restore { .. } => unreachable!("no checkpoints are kept here"),
            Decision::Adopt { offset, genesis } => {
                let Some(task) = self.fresh(around, partition, genesis, offset) else { return };
                self.tasks.insert(partition, task);
            }
            Decision::Resume { delivered, is_offset_behind } => {
                let from = (delivered, is_offset_behind);
                let setting = around.setting;
                let mut task = Task::new(setting, store, self.revision, from, committed.as_ref());
                let behind = task.processor.catch_up();
                self.tasks.insert(partition, task);
                self.push_effects(partition, behind.into_iter().collect());
            }
            Decision::Halt(_) => {
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

/// What a mutant makes of a decision.
fn mistaken(mutant: Option<Mutant>, decision: Decision, facts: &Facts) -> Decision {
    let visible = facts.committed.as_ref().and_then(|committed| committed.metadata.as_ref().ok());
    let state = facts.local.as_ref().filter(|local| !local.is_genesis);
    match (mutant, &decision, visible) {
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
