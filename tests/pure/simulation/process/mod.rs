//! A process: carries out effects in their order, one small step at a time, as the daemon's worker does.
//!
//! ```text
//! Store ─► flush ─► begin ─► entries ─► offsets with metadata ─► commit ─► next slice or Delivered ─► Trim
//!                     ▲                                             │ doubt
//!                     └── not visible ◄── settle ◄── renew ◄────────┘
//! ```
//! Where checkpoints are kept, between flush and begin: Publish ─► copy ─► the keeper's requests ─► Checkpointed.

mod checkpoints;
mod delivery;
mod start;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use odometer::engine::{CommitId, CommitRecord, Committed, Effect, Input, Visible};
use odometer::format::decode_metadata;
use odometer::model::EventTime;

use self::checkpoints::Checkpoints;
use super::broker::{Broker, Offset};
use super::bucket::{Bucket, ManifestName};
use super::chance::{Chance, Fault};
use super::mutant::Mutant;
use super::task::{Setting, Task};
use crate::model::Disk;

/// A slice of an outbox that goes out in one transaction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slice {
    partition: i32,
    offset: i64,
    visible: Visible,
    from: u64,
    /// Last sequence of all slices of the delivery.
    through: u64,
    /// Taken together with the assignment when the transaction was cut.
    generation: u32,
}

/// One small step.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    Carry(i32, Effect),
    Flush(i32),
    Stored(i32),
    Deliver,
    Produce(Slice),
    Offsets(Slice),
    Commit,
    Renew,
    Settle(Slice),
    Poll,
    /// The start of a task that may need a checkpoint: what was committed, and the checkpoints that there were.
    Begin(i32, Option<Committed>, Vec<ManifestName>),
}

/// What is noted of a commit: what it says of itself, and the idle ticks that it rests on beside its parent's.
pub type Chronicle = BTreeMap<CommitId, (CommitRecord, Vec<(usize, EventTime)>)>;

/// What a step works on beside the process itself.
pub struct Surroundings<'s, 'w> {
    /// The run.
    pub setting: &'s Setting<'w>,
    /// The broker.
    pub broker: &'s mut Broker,
    /// The store of checkpoints.
    pub bucket: &'s mut Bucket,
    /// Chance.
    pub chance: &'s mut Chance,
    /// All commits ever made.
    pub chronicle: &'s mut Chronicle,
    /// Numbers that are given once.
    pub next_id: &'s mut u64,
    /// The greatest instant that a clock has reached, if one has ticked.
    pub reached: &'s mut Option<EventTime>,
    /// Whether the clock may tick.
    pub may_tick: bool,
}

/// A process with its disks.
pub struct Process {
    number: usize,
    /// State directories by partition.
    pub disks: BTreeMap<i32, Disk>,
    /// What it serves.
    pub tasks: BTreeMap<i32, Task>,
    /// Partitions whose start waits for a genesis to be committed.
    beginning: BTreeMap<i32, Task>,
    /// The commit and sequence that each partition's committed offset was last known to name.
    known: BTreeMap<i32, (CommitId, u64)>,
    steps: VecDeque<Step>,
    /// Slices for the next transaction.
    waiting: Vec<Slice>,
    /// Slices of the transaction that is open.
    sending: Vec<Slice>,
    generation: u32,
    /// As which member it was given what it has; `None` before it was given anything.
    member: Option<u32>,
    epoch: Option<u32>,
    checkpoints: Checkpoints,
    /// The newest definitions that it knows of.
    pub revision: usize,
    /// By how many microseconds its clock is wrong.
    pub clock_ahead: i64,
    /// It may not serve what it was given, and left the group.
    pub has_left: bool,
    /// Its disk failed: what it has in memory is of no use any more.
    pub has_failed: bool,
}

impl Process {
    /// A process that has just started, over what its disks hold, and knows that revision of what is defined.
    pub fn new(number: usize, disks: BTreeMap<i32, Disk>, revision: usize) -> Self {
        Process {
            number,
            disks,
            tasks: BTreeMap::new(),
            beginning: BTreeMap::new(),
            known: BTreeMap::new(),
            steps: [Step::Renew, Step::Poll].into(),
            waiting: Vec::new(),
            sending: Vec::new(),
            generation: 0,
            member: None,
            epoch: None,
            checkpoints: Checkpoints::default(),
            revision,
            clock_ahead: 0,
            has_left: false,
            has_failed: false,
        }
    }

    /// The process dies: what was not flushed is lost but for the first few writes.
    pub fn crash(mut self, chance: &mut Chance) -> BTreeMap<i32, Disk> {
        self.break_off(chance);
        for (partition, task) in self.tasks.into_iter().chain(self.beginning) {
            let mut disk = task.store.disk;
            disk.crash(chance.dice.below(disk.unflushed() + 1));
            self.disks.insert(partition, disk);
        }
        self.disks
    }

    /// Whether all that was read is visible.
    pub fn is_done(&self, broker: &Broker) -> bool {
        let is_done = |(partition, task): (&i32, &Task)| {
            let end = broker.ends[usize::try_from(*partition).expect("not negative")];
            task.is_done() && task.at == end
        };
        let (_, owned) = self.owned(broker);
        self.steps.is_empty()
            && owned.iter().all(|partition| self.tasks.contains_key(partition))
            && self.tasks.iter().all(is_done)
    }

    fn owned(&self, broker: &Broker) -> (u32, BTreeSet<i32>) {
        let all = broker.assignment().iter().filter(|(_, owner)| **owner == self.number);
        (broker.generation, all.map(|(partition, _)| *partition).collect())
    }

    /// Does the next thing; returns what it was.
    pub fn step(&mut self, around: &mut Surroundings<'_, '_>) -> String {
        if around.chance.dice.chance(2) {
            self.revision = around.setting.editions.newest();
        }
        if around.chance.dice.chance(30)
            && let Some(partition) = self.take_plan(around)
        {
            return format!("{} takes a plan for {partition}", self.number);
        }
        let keeps = around.setting.options.keeps_checkpoints;
        if keeps && around.chance.dice.chance(50) && self.follow_checkpoints(around) {
            return format!("{} hears of its keeper", self.number);
        }
        let Some(step) = self.steps.pop_front() else { return self.choose(around) };
        let text = format!("{} {step:?}", self.number);
        match step {
            Step::Carry(partition, effect) => self.carry_out(around, partition, effect),
            Step::Flush(partition) => {
                let is_failed = around.chance.strikes(Fault::FlushFailed, 4);
                if is_failed && around.setting.mutant != Some(Mutant::IgnoreFailedFlush) {
                    self.has_failed = true;
                } else if let (false, Some(task)) = (is_failed, self.tasks.get_mut(&partition)) {
                    task.store.disk.flush();
                }
            }
            Step::Stored(partition) => self.answer(partition, Input::Stored),
            // Whatever else is begun comes first; then tasks may read on, and others join the transaction.
            Step::Deliver if !self.steps.is_empty() => self.steps.push_back(Step::Deliver),
            Step::Deliver if around.chance.dice.chance(50) => {
                let text = self.choose(around);
                self.steps.push_back(Step::Deliver);
                return text;
            }
            Step::Deliver => self.deliver(around),
            Step::Produce(slice) => self.produce(around, slice),
            Step::Offsets(slice) => self.send_offsets(around, slice),
            Step::Commit => self.commit(around),
            Step::Renew => match around.broker.init_transactions(self.number, around.chance) {
                Ok(epoch) => self.epoch = Some(epoch),
                Err(_) => self.steps.push_front(Step::Renew),
            },
            Step::Settle(slice) => self.settle(around, slice),
            Step::Poll => self.poll(around),
            Step::Begin(partition, committed, listed) => {
                self.begin_with_checkpoints(around, (partition, committed), &listed);
            }
        }
        text
    }

    fn push_effects(&mut self, partition: i32, effects: Vec<Effect>) {
        for effect in effects.into_iter().rev() {
            self.steps.push_front(Step::Carry(partition, effect));
        }
    }

    /// Tells the task what was done; what it wants then comes after what it wanted before.
    fn answer(&mut self, partition: i32, input: Input<'_, '_>) {
        if let Some(task) = self.tasks.get_mut(&partition) {
            let effects = task.handle(input);
            let steps = effects.into_iter().map(|effect| Step::Carry(partition, effect));
            self.steps.extend(steps);
        }
    }

    fn carry_out(&mut self, around: &mut Surroundings<'_, '_>, partition: i32, effect: Effect) {
        let mutant = around.setting.mutant;
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        match effect {
            Effect::Load(_) | Effect::Scan(_) if around.chance.strikes(Fault::ReadFailed, 1) => {
                self.has_failed = true;
            }
            Effect::Load(addresses) => {
                let found = task.store.load(&addresses);
                self.answer(partition, Input::Loaded(found));
            }
            Effect::Scan(scan) => {
                let (found, is_end) = task.store.scan(&scan);
                self.answer(partition, Input::Scanned { found, is_end });
            }
            Effect::Store(record) => self.store(around, partition, &record),
            Effect::Deliver { mut commit, mut cursor, from, through, mut watermark } => {
                if mutant == Some(Mutant::DeliverNewest) {
                    let last = task.processor.ledger().last();
                    (commit, cursor, watermark) = (last.id, last.cursor, last.watermark);
                }
                let visible = Visible {
                    commit,
                    is_genesis: false,
                    sequence: from - 1,
                    watermark,
                    partitions: around.setting.binding(partition).partitions,
                };
                if mutant == Some(Mutant::TrimBeforeDeliver) {
                    task.trim(through, task.processor.ledger().last().number);
                }
                let generation = self.generation;
                let offset = cursor.offset;
                self.begin(Slice { partition, offset, visible, from, through, generation });
            }
            Effect::Checkpoint { commit, number } => {
                self.copy(around, (partition, commit, number));
            }
            Effect::Trim { through, commit } => {
                if around.chance.strikes(Fault::TrimFailed, 2) {
                    self.has_failed = true;
                } else {
                    let is_late = mutant == Some(Mutant::TrimStored);
                    let last = task.processor.ledger().last().number;
                    task.trim(through, if is_late { last } else { commit });
                    self.check_chain(partition);
                }
            }
            Effect::Expire { day } => {
                let early = if mutant == Some(Mutant::ExpireEarly) { 40 } else { 0 };
                if around.chance.strikes(Fault::ExpireFailed, 10) {
                    self.has_failed = true;
                } else {
                    task.store.expire(day + early);
                }
            }
        }
    }

    /// What is known to be visible stays in the chain of whoever serves: he may go on from his own disk.
    fn check_chain(&self, partition: i32) {
        let (Some(task), Some((visible, _))) =
            (self.tasks.get(&partition), self.known.get(&partition))
        else {
            return;
        };
        let chain: Vec<_> = task.store.commits().into_iter().map(|commit| commit.id).collect();
        assert!(chain.contains(visible), "{visible} is visible, and trimmed: {chain:?}");
    }

    /// Writes a commit. Where that fails it may be there all the same: what failed came after the write, or what was said
    /// of it is wrong.
    fn store(&mut self, around: &mut Surroundings<'_, '_>, partition: i32, record: &CommitRecord) {
        let mutant = around.setting.mutant;
        let is_failed = around.chance.strikes(Fault::CommitFailed, 2);
        let is_written = !is_failed || around.chance.dice.chance(50);
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        let ticks = std::mem::take(&mut task.ticks);
        around.chronicle.insert(record.id, (*record, ticks));
        if self.checkpoints.is_putting(partition) {
            around.chance.tally.note("committed while a checkpoint was on its way");
        }
        if is_written {
            task.store(around.setting, partition, record);
        }
        if mutant == Some(Mutant::TrimChain) {
            task.store.trim(task.processor.ledger().delivered(), record.number);
        }
        if is_failed && mutant != Some(Mutant::PatchOn) {
            self.has_failed = true;
            return;
        }
        let is_late = matches!(mutant, Some(Mutant::SkipFlush | Mutant::DeliverBeforeStore));
        self.steps.push_front(Step::Stored(partition));
        if !is_late {
            self.steps.push_front(Step::Flush(partition));
        }
    }

    fn drop_task(&mut self, partition: i32) {
        self.checkpoints.give_up(partition);
        let task = self.tasks.remove(&partition).or_else(|| self.beginning.remove(&partition));
        if let Some(task) = task {
            // Closed in good order: what was written is on the disk.
            let mut disk = task.store.disk;
            disk.flush();
            self.disks.insert(partition, disk);
        }
        let is_of_it = |step: &Step| match step {
            Step::Carry(one, _) | Step::Flush(one) | Step::Stored(one) | Step::Begin(one, ..) => {
                *one == partition
            }
            Step::Produce(slice) | Step::Offsets(slice) | Step::Settle(slice) => {
                slice.partition == partition
            }
            Step::Deliver | Step::Commit | Step::Renew | Step::Poll => false,
        };
        self.waiting.retain(|slice| slice.partition != partition);
        self.steps.retain(|step| !is_of_it(step));
    }

    /// Generation and assignment as one pair; what was lost meanwhile is dropped, what is new is started.
    fn poll(&mut self, around: &mut Surroundings<'_, '_>) {
        let (generation, owned, mut lost) = around.broker.poll(self.number);
        self.generation = generation;
        let held = || self.tasks.keys().chain(self.beginning.keys()).copied();
        let member = around.broker.member(self.number);
        if self.member.replace(member) != Some(member)
            && around.setting.mutant != Some(Mutant::KeepUnderAnotherName)
        {
            lost.extend(held());
        }
        lost.extend(held().filter(|partition| !owned.contains(partition)));
        for partition in lost {
            if around.setting.mutant != Some(Mutant::KeepRevoked) {
                self.drop_task(partition);
            }
        }
        for partition in owned {
            let is_here = self.tasks.contains_key(&partition)
                || self.beginning.contains_key(&partition)
                || self.checkpoints.is_restoring(partition);
            if !is_here && !self.has_left {
                self.start(around, partition);
            }
        }
    }
}

/// A committed offset as the daemon reads it.
fn understood((offset, metadata): Offset) -> Committed {
    Committed { offset, metadata: decode_metadata(&metadata).ok_or(metadata) }
}
