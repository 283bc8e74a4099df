//! A process: carries out effects in their order, one small step at a time, as the daemon's worker does.
//!
//! ```text
//! Store ─► flush ─► begin ─► entries ─► offset with metadata ─► commit ─► next slice or Delivered ─► Trim
//!                     ▲                                            │ doubt
//!                     └── not visible ◄── settle ◄── renew ◄───────┘
//! ```

mod delivery;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use odometer::engine::{
    CommitId, CommitRecord, Committed, Cursor, Decision, Effect, Input, Visible, decide,
};
use odometer::format::decode_metadata;
use odometer::model::EventTime;

use super::broker::{Broker, Offset};
use super::mutant::Mutant;
use super::task::{Setting, Task, commit_id, facts};
use crate::model::Disk;
use crate::worlds::Dice;

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
    Produce(Slice),
    Offsets(Slice),
    Commit(Slice),
    Renew,
    Settle(Slice),
    Poll,
}

/// What is noted of a commit beside the state: its parent, and the idle ticks that it rests on.
pub type Chronicle = BTreeMap<CommitId, (Option<CommitId>, Vec<(usize, EventTime)>)>;

/// What a step works on beside the process itself.
pub struct Surroundings<'s, 'w> {
    /// The run.
    pub setting: &'s Setting<'w>,
    /// The broker.
    pub broker: &'s mut Broker,
    /// Chance.
    pub dice: &'s mut Dice,
    /// All commits ever made.
    pub chronicle: &'s mut Chronicle,
    /// Numbers that are given once.
    pub next_id: &'s mut u64,
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
    generation: u32,
    epoch: Option<u32>,
    /// It may not serve what it was given, and left the group.
    pub has_left: bool,
}

impl Process {
    /// A process that has just started, over what its disks hold.
    pub fn new(number: usize, disks: BTreeMap<i32, Disk>) -> Self {
        Process {
            number,
            disks,
            tasks: BTreeMap::new(),
            beginning: BTreeMap::new(),
            known: BTreeMap::new(),
            steps: [Step::Renew, Step::Poll].into(),
            generation: 0,
            epoch: None,
            has_left: false,
        }
    }

    /// The process dies: what was not flushed is lost but for the first few writes.
    pub fn crash(mut self, dice: &mut Dice) -> BTreeMap<i32, Disk> {
        for (partition, task) in self.tasks.into_iter().chain(self.beginning) {
            let mut disk = task.store.disk;
            disk.crash(dice.below(disk.unflushed() + 1));
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
        let Some(step) = self.steps.pop_front() else { return self.choose(around) };
        let text = format!("{} {step:?}", self.number);
        match step {
            Step::Carry(partition, effect) => self.carry_out(around, partition, effect),
            Step::Flush(partition) => {
                if let Some(task) = self.tasks.get_mut(&partition) {
                    task.store.disk.flush();
                }
            }
            Step::Stored(partition) => self.answer(partition, Input::Stored),
            Step::Produce(slice) => self.produce(around, slice),
            Step::Offsets(slice) => self.send_offsets(around, slice),
            Step::Commit(slice) => self.commit(around, slice),
            Step::Renew => match around.broker.init_transactions(self.number, around.dice) {
                Ok(epoch) => self.epoch = Some(epoch),
                Err(_) => self.steps.push_front(Step::Renew),
            },
            Step::Settle(slice) => self.settle(around, slice),
            Step::Poll => self.poll(around),
        }
        text
    }

    /// With nothing begun: reads, hears the clock, commits, or asks the group.
    fn choose(&mut self, around: &mut Surroundings<'_, '_>) -> String {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        if partitions.is_empty() || around.dice.chance(20) {
            self.poll(around);
            return format!("{} polls", self.number);
        }
        let partition = *around.dice.pick(&partitions);
        let task = self.tasks.get_mut(&partition).expect("picked from what is there");
        let end = around.broker.ends[usize::try_from(partition).expect("not negative")];
        let (effects, text) = if task.processor.may_cut() && around.dice.chance(30) {
            *around.next_id += 1;
            let id = commit_id(*around.next_id);
            let effects = task.handle(Input::Cut { id });
            (effects, "cuts")
        } else if task.at < end {
            let to = (task.at + 1 + around.dice.below(8)).min(end);
            (task.read(around.setting, partition, to), "reads")
        } else if task.processor.has_more_to_close() {
            (task.handle(Input::Idle { watermark: EventTime::from_micros(i64::MIN) }), "closes")
        } else if let (true, Some(mark)) =
            (around.may_tick && around.dice.chance(10), task.processor.watermark())
        {
            // The clock in a test stands a little past the watermark: sometimes it closes what is open.
            let ahead = around.dice.between(0, 40_000_000_000);
            let watermark = EventTime::from_micros(mark.micros() + ahead);
            let minute = odometer::model::Span::from_seconds(60);
            let delay = around.setting.options.watermark_delay;
            let clock = watermark.saturating_add(delay).saturating_add(minute);
            (task.tick(clock, watermark), "ticks")
        } else {
            (Vec::new(), "waits")
        };
        self.push_effects(partition, effects);
        format!("{} {text} {partition}", self.number)
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
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        match effect {
            Effect::Load(addresses) => {
                let found = task.store.load(&addresses);
                self.answer(partition, Input::Loaded(found));
            }
            Effect::Scan(scan) => {
                let (found, is_end) = task.store.scan(&scan);
                self.answer(partition, Input::Scanned { found, is_end });
            }
            Effect::Store(record) => {
                task.store(around.setting, partition, &record);
                let ticks = std::mem::take(&mut task.ticks);
                around.chronicle.insert(record.id, (record.parent, ticks));
                let mutant = around.setting.mutant;
                let is_late =
                    matches!(mutant, Some(Mutant::SkipFlush | Mutant::DeliverBeforeStore));
                self.steps.push_front(Step::Stored(partition));
                if !is_late {
                    self.steps.push_front(Step::Flush(partition));
                }
            }
            Effect::Deliver { commit, cursor, from, through, watermark } => {
                let visible = Visible {
                    commit,
                    is_genesis: false,
                    sequence: from - 1,
                    watermark,
                    partitions: around.setting.binding(partition).partitions,
                };
                let generation = self.generation;
                let offset = cursor.offset;
                let slice = Slice { partition, offset, visible, from, through, generation };
                self.begin(around, slice);
            }
            Effect::Trim { through } => task.trim(through),
            Effect::Expire { day } => task.store.expire(day),
        }
    }

    fn drop_task(&mut self, partition: i32) {
        let task = self.tasks.remove(&partition).or_else(|| self.beginning.remove(&partition));
        if let Some(task) = task {
            // Closed in good order: what was written is on the disk.
            let mut disk = task.store.disk;
            disk.flush();
            self.disks.insert(partition, disk);
        }
        let is_of_it = |step: &Step| match step {
            Step::Carry(one, _) | Step::Flush(one) | Step::Stored(one) => *one == partition,
            Step::Produce(slice) | Step::Offsets(slice) | Step::Commit(slice) => {
                slice.partition == partition
            }
            Step::Settle(slice) => slice.partition == partition,
            Step::Renew | Step::Poll => false,
        };
        self.steps.retain(|step| !is_of_it(step));
    }

    /// Generation and assignment as one pair; what was lost meanwhile is dropped, what is new is started.
    fn poll(&mut self, around: &mut Surroundings<'_, '_>) {
        let (generation, owned, lost) = around.broker.poll(self.number);
        self.generation = generation;
        for partition in lost {
            self.drop_task(partition);
        }
        for partition in owned {
            let is_here =
                self.tasks.contains_key(&partition) || self.beginning.contains_key(&partition);
            if !is_here && !self.has_left {
                self.start(around, partition);
            }
        }
    }

    fn start(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) {
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
        let store =
            around.setting.open(partition, self.disks.remove(&partition).unwrap_or_default());
        let end = around.broker.ends[usize::try_from(partition).expect("not negative")];
        match decide(&facts(around.setting, partition, &store, committed, end)) {
            Decision::Begin { offset } => {
                *around.next_id += 1;
                let id = commit_id(*around.next_id);
                let task = fresh(around, partition, id, offset);
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
                self.steps.push_back(Step::Offsets(slice));
                self.steps.push_back(Step::Commit(slice));
            }
            Decision::Adopt { offset, genesis } => {
                let task = fresh(around, partition, genesis, offset);
                self.tasks.insert(partition, task);
            }
            Decision::Resume { delivered, is_offset_behind } => {
                let mut task = Task::new(around.setting, store, delivered, is_offset_behind);
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
}

/// A committed offset as the daemon reads it.
fn understood((offset, metadata): Offset) -> Committed {
    Committed { offset, metadata: decode_metadata(&metadata).ok_or(metadata) }
}

/// An empty state with its genesis, on a disk of its own: what was there is set aside.
fn fresh(around: &mut Surroundings<'_, '_>, partition: i32, id: CommitId, offset: i64) -> Task {
    let mut store = around.setting.open(partition, Disk::default());
    let genesis = CommitRecord::genesis(id, Cursor::at_offset(offset));
    store.begin(&genesis);
    around.chronicle.insert(id, (None, Vec::new()));
    Task::new(around.setting, store, 0, false)
}
