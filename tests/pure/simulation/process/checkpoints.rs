//! The worker's side of checkpoints: what is published when, what its keeper has in hand, and what came of it.

use std::collections::BTreeMap;

use odometer::engine::{CommitId, Input};

use super::{Process, Surroundings};
use crate::model::Disk;
use crate::simulation::bucket::{Copy, Manifest};
use crate::simulation::chance::Chance;
use crate::simulation::keeper::{Base, Order, Premises, Putting, Restoring, Task};
use crate::simulation::mutant::Mutant;

/// The checkpoints of one task, as its process puts them.
#[derive(Default)]
pub struct Upload {
    /// What the store is known to have; it goes along with what is put.
    base: Option<Base>,
    under_way: Option<u64>,
    /// What could not be put, and is to be put again.
    failed: Option<Copy>,
    /// What is to be put.
    copy: Option<Copy>,
    last: Option<Manifest>,
    visible: Option<Manifest>,
}

impl Upload {
    /// The commit is visible: what was replaced by its checkpoint may go.
    fn delivered(&mut self, commit: CommitId) {
        if self.last.as_ref().is_some_and(|last| last.last() == commit) {
            self.visible = self.last.take();
        }
    }
}

/// What a process has of checkpoints.
#[derive(Default)]
pub struct Checkpoints {
    uploads: BTreeMap<i32, Upload>,
    /// What the keeper has in hand, by numbers that are given once.
    orders: BTreeMap<u64, Order>,
    /// Orders by which partitions are brought here.
    restores: BTreeMap<i32, u64>,
    /// What was brought here by this process.
    pub restored: BTreeMap<i32, CommitId>,
}

impl Checkpoints {
    /// Whether a partition's checkpoint is being brought here.
    pub fn is_restoring(&self, partition: i32) -> bool {
        self.restores.contains_key(&partition)
    }

    /// Whether a task has a checkpoint on its way.
    pub fn is_putting(&self, partition: i32) -> bool {
        self.uploads.get(&partition).is_some_and(|upload| upload.under_way.is_some())
    }

    /// A commit of a task is visible.
    pub fn delivered(&mut self, partition: i32, commit: CommitId) {
        if let Some(upload) = self.uploads.get_mut(&partition) {
            upload.delivered(commit);
        }
    }

    /// The task is this process's no more. What the keeper has in hand of it it finishes or gives up.
    pub fn give_up(&mut self, partition: i32) {
        self.uploads.remove(&partition);
        let order = self.restores.remove(&partition).and_then(|order| self.orders.get_mut(&order));
        if let Some(Task::Restore(restoring)) = order.map(|order| &mut order.task) {
            restoring.is_given_up = true;
        }
    }
}

impl Process {
    /// A copy of the state as of its last commit, for the keeper.
    pub(super) fn copy(
        &mut self,
        around: &mut Surroundings<'_, '_>,
        (partition, commit, number): (i32, CommitId, u64),
    ) {
        let Some(task) = self.tasks.get(&partition) else { return };
        let copy = Copy::of(&task.store);
        assert_eq!((copy.number, copy.commits.last()), (number, Some(&commit)), "it is the last");
        self.checkpoints.uploads.entry(partition).or_default().copy = Some(copy);
        if around.setting.mutant == Some(Mutant::PublishUncopied) {
            self.answer(partition, Input::Checkpointed);
        }
    }

    /// The keeper makes one request; returns what it was for.
    pub fn keep(&mut self, around: &mut Surroundings<'_, '_>) -> Option<String> {
        let orders = self.checkpoints.orders.iter().filter(|(_, order)| !order.is_over());
        let numbers: Vec<u64> = orders.map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return None;
        }
        let number = *around.chance.dice.pick(&numbers);
        let order = self.checkpoints.orders.get_mut(&number).expect("picked from what is there");
        let mut premises = Premises {
            bucket: around.bucket,
            chance: around.chance,
            mutant: around.setting.mutant,
            age: around.setting.age,
        };
        order.go_on(&mut premises);
        if let Task::Restore(restoring) = &mut order.task {
            let is_in_place = around.setting.mutant == Some(Mutant::RestoreInPlace);
            let partition = restoring.partition;
            if let Some(Ok(disk)) = &mut restoring.outcome {
                let disk = std::mem::take(disk);
                self.place(partition, disk, is_in_place);
            } else if is_in_place && let Some(disk) = restoring.unfinished() {
                self.disks.insert(partition, disk);
            }
        }
        Some(format!("{} keeps {number}", self.number))
    }

    /// A checkpoint is here whole, unless something else is by now.
    fn place(&mut self, partition: i32, disk: Disk, is_in_place: bool) {
        let is_served =
            self.tasks.contains_key(&partition) || self.beginning.contains_key(&partition);
        let is_free = self.disks.get(&partition).is_none_or(Disk::is_empty);
        if !is_served && (is_free || is_in_place) {
            self.disks.insert(partition, disk);
        }
    }

    /// Takes what the keeper answers, and gives it what is next. Returns whether there was anything.
    pub(super) fn follow_checkpoints(&mut self, around: &mut Surroundings<'_, '_>) -> bool {
        let over = self.checkpoints.orders.iter().find(|(_, order)| order.is_over());
        if let Some((number, _)) = over {
            let number = *number;
            let order = self.checkpoints.orders.remove(&number).expect("it is there");
            match order.task {
                Task::Put(putting) => self.take_put(around, number, putting),
                Task::Restore(restoring) => {
                    let waiting = self.checkpoints.restores.get(&restoring.partition);
                    if waiting == Some(&number) {
                        self.checkpoints.restores.remove(&restoring.partition);
                    }
                }
            }
            return true;
        }
        self.order_put(around)
    }

    fn take_put(&mut self, around: &mut Surroundings<'_, '_>, number: u64, putting: Putting) {
        let Putting { partition, copy, base, outcome, .. } = putting;
        let uploads = &mut self.checkpoints.uploads;
        let upload = uploads.get_mut(&partition).filter(|one| one.under_way == Some(number));
        // The task was given up meanwhile, and may be served anew.
        let Some(upload) = upload else { return };
        upload.under_way = None;
        upload.base = Some(base);
        let mutant = around.setting.mutant;
        match outcome.expect("it is over") {
            Err(_) if mutant != Some(Mutant::TrustPut) => upload.failed = Some(copy),
            Err(_) => self.answer(partition, Input::Checkpointed),
            Ok(manifest) => {
                upload.last = Some(manifest);
                if mutant != Some(Mutant::PublishUncopied) {
                    self.answer(partition, Input::Checkpointed);
                }
            }
        }
    }

    fn order_put(&mut self, around: &mut Surroundings<'_, '_>) -> bool {
        let is_free = |upload: &&mut Upload| {
            upload.under_way.is_none() && (upload.failed.is_some() || upload.copy.is_some())
        };
        let mut uploads = self.checkpoints.uploads.iter_mut();
        let Some((partition, upload)) = uploads
            .find_map(|(partition, upload)| Some((*partition, Some(upload).filter(is_free)?)))
        else {
            return false;
        };
        let copy = upload.failed.take().or_else(|| upload.copy.take()).expect("there is one");
        *around.next_id += 1;
        let number = *around.next_id;
        let visible = self.known.get(&partition).map(|(commit, _)| *commit);
        let base = upload.base.take().unwrap_or_else(|| Base::new(number, visible));
        let is_time = around.chance.dice.chance(50);
        let visible = if is_time { upload.visible.take() } else { None };
        upload.under_way = Some(number);
        let putting = Putting::new(partition, copy, base, visible.as_ref());
        self.checkpoints.orders.insert(number, Order::new(Task::Put(putting)));
        true
    }

    /// Has a checkpoint brought here.
    pub(super) fn restore(
        &mut self,
        around: &mut Surroundings<'_, '_>,
        partition: i32,
        manifest: &Manifest,
    ) {
        *around.next_id += 1;
        let number = *around.next_id;
        let restoring = Restoring::new(partition, manifest);
        self.checkpoints.orders.insert(number, Order::new(Task::Restore(restoring)));
        self.checkpoints.restores.insert(partition, number);
        self.checkpoints.restored.insert(partition, manifest.last());
    }

    /// What the death of the process breaks off.
    pub(super) fn break_off(&self, chance: &mut Chance) {
        for order in self.checkpoints.orders.values() {
            match &order.task {
                Task::Put(putting) if putting.is_partial() => {
                    chance.tally.note("checkpoint broken off behind some of its files");
                }
                Task::Restore(restoring) if restoring.unfinished().is_some() => {
                    chance.tally.note("restore broken off");
                }
                Task::Put(_) | Task::Restore(_) => {}
            }
        }
    }
}
