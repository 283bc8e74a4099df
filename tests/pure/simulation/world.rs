//! The world of a run: processes, what befalls them, and the reckoning at the end.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use odometer::definition::Plan;
use odometer::engine::{CommitId, Committed, Decision, decide};
use odometer::format::{Outgoing, decode_metadata};

use super::broker::Broker;
use super::mutant::Mutant;
use super::process::{Chronicle, Process, Surroundings};
use super::task::{Setting, facts};
use crate::model::{Disk, Sight};
use crate::oracle::{DISPOSITIONS, Options, Oracle, Record};
use crate::worlds::{self, Dice, RandomWorld};

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// Of everything.
    pub seed: u64,
    /// A bug on purpose.
    pub mutant: Option<Mutant>,
    /// Whether things go wrong by chance.
    pub is_rough: bool,
    /// The process at work dies before this step.
    pub crash_at: Option<u64>,
    /// How many records each partition gets at most.
    pub records_max: usize,
}

/// What a run came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Digest of everything that happened.
    pub trace: u64,
    /// How many steps processes took.
    pub steps: u64,
    /// How many entries a reader saw.
    pub entries: usize,
}

/// A run under way.
struct World<'w> {
    script: Script,
    setting: Setting<'w>,
    broker: Broker,
    processes: Vec<Process>,
    is_paused: Vec<bool>,
    dice: Dice,
    chronicle: Chronicle,
    next_id: u64,
    trace: DefaultHasher,
    steps: u64,
}

/// Plays a script to its end.
///
/// # Errors
/// Whatever is not as it should be.
pub fn play(script: Script) -> Result<Report, String> {
    let mut dice = Dice::new(script.seed);
    let random = RandomWorld::new(script.seed);
    let partitions = 1 + dice.below(2);
    let mut records: Vec<Vec<Record<'_>>> = vec![Vec::new(); partitions];
    for record in Record::lines(&random.events) {
        let part = &mut records[dice.below(partitions)];
        if part.len() < script.records_max {
            part.push(record);
        }
    }
    let options = Options {
        input_ends: Vec::new(),
        offset_switches: Vec::new(),
        window_switches: Vec::new(),
        idle_ticks: Vec::new(),
        keep_open: true,
        ..random.options.clone()
    };
    let definitions = worlds::definitions(&random.definitions);
    let settings = odometer::engine::Options {
        dedup_window: options.dedup_window,
        watermark_delay: options.watermark_delay,
        future_skew_max: options.max_future_skew,
        keeps_offsets: options.keeps_offsets,
        slice_totals_max: *dice.pick(&[1, 3, 20_000]),
        memory_bytes_max: *dice.pick(&[0, 3_000, usize::MAX]),
        ..Default::default()
    };
    let setting = Setting {
        plan: Arc::new(Plan::new(definitions)),
        options: settings,
        now: options.now,
        records,
        mutant: script.mutant,
    };
    let count = 1 + dice.below(3);
    let mut world = World {
        script,
        broker: Broker::new(partitions),
        processes: (0..count).map(|number| Process::new(number, BTreeMap::new())).collect(),
        is_paused: vec![false; count],
        setting,
        dice,
        chronicle: Chronicle::new(),
        next_id: 0,
        trace: DefaultHasher::new(),
        steps: 0,
    };
    world.rebalance();
    world.broker.is_faulty = script.is_rough;
    world.live();
    world.heal()?;
    world.reckon(&random.definitions, &options)
}

impl World<'_> {
    /// The part in which anything may happen.
    fn live(&mut self) {
        for _ in 0..(if self.script.is_rough { 400 } else { 150 }) {
            if self.dice.chance(20) {
                let part = self.dice.below(self.broker.ends.len());
                let end = self.broker.ends[part] + 1 + self.dice.below(8);
                self.broker.ends[part] = end.min(self.setting.records[part].len());
            }
            if self.script.is_rough && self.dice.chance(8) {
                self.befall();
            }
            let number = self.dice.below(self.processes.len());
            if !self.is_paused[number] {
                self.step(number, true);
            }
        }
    }

    fn step(&mut self, number: usize, may_tick: bool) {
        self.steps += 1;
        if self.script.crash_at == Some(self.steps) {
            self.crash(number);
        }
        let mut around = Surroundings {
            setting: &self.setting,
            broker: &mut self.broker,
            dice: &mut self.dice,
            chronicle: &mut self.chronicle,
            next_id: &mut self.next_id,
            may_tick,
        };
        let text = self.processes[number].step(&mut around);
        self.trace.write(text.as_bytes());
        if self.processes[number].has_left {
            self.rebalance();
        }
    }

    /// One of the things that go wrong.
    fn befall(&mut self) {
        let number = self.dice.below(self.processes.len());
        let what = self.dice.below(8);
        self.trace.write(format!("{number} meets {what}").as_bytes());
        match what {
            0 => self.crash(number),
            1 => self.is_paused[number] = !self.is_paused[number],
            2 => self.rebalance(),
            3 => self.move_state(number),
            4 => self.copy_state(number),
            5 => self.broker.arrive(),
            6 => self.broker.time_out(number),
            _ => self.is_paused.fill(false),
        }
    }

    /// The process dies and is started again.
    fn crash(&mut self, number: usize) {
        let fresh = Process::new(number, BTreeMap::new());
        let dead = std::mem::replace(&mut self.processes[number], fresh);
        let disks = dead.crash(&mut self.dice);
        self.processes[number].disks = disks;
        self.is_paused[number] = false;
        let same = self.broker.assignment().clone();
        self.broker.rebalance(same);
    }

    /// Deals the partitions out anew, to processes that can serve; where none can, all are started again.
    fn rebalance(&mut self) {
        if self.processes.iter().all(|process| process.has_left) {
            (0..self.processes.len()).for_each(|number| self.crash(number));
        }
        let able: Vec<usize> =
            (0..self.processes.len()).filter(|number| !self.processes[*number].has_left).collect();
        let deal = (0..).zip(&self.broker.ends);
        let deal = deal.map(|(partition, _)| (partition, *self.dice.pick(&able)));
        let assignment = deal.collect();
        self.broker.rebalance(assignment);
    }

    /// A dead process's state directories are brought to another machine.
    fn move_state(&mut self, from: usize) {
        let to = self.dice.below(self.processes.len());
        if to == from {
            return;
        }
        self.crash(from);
        self.crash(to);
        for (partition, disk) in self.processes[from].disks.clone() {
            if self.is_usable(partition, &disk) {
                self.processes[from].disks.remove(&partition);
                self.processes[to].disks.insert(partition, disk);
            }
        }
        self.rebalance();
    }

    /// Whether a state is one that a person would put in the place of another.
    fn is_usable(&self, partition: i32, disk: &Disk) -> bool {
        let store = self.setting.open(partition, disk.clone());
        let Ok(committed) = self.committed(partition) else { return false };
        let end = self.setting.records_of(partition).len();
        let facts = facts(&self.setting, partition, &store, committed, end);
        matches!(decide(&facts), Decision::Resume { .. })
    }

    /// A process hangs; another one gets a copy of what it had flushed, and serves. The first one comes back later.
    fn copy_state(&mut self, from: usize) {
        let to = self.dice.below(self.processes.len());
        if to == from {
            return;
        }
        self.is_paused[from] = true;
        self.crash(to);
        let tasks = self.processes[from].tasks.iter();
        let copies: Vec<_> =
            tasks.map(|(partition, task)| (*partition, task.store.disk.clone())).collect();
        let mut assignment = self.broker.assignment().clone();
        for (partition, mut disk) in copies {
            disk.crash(0);
            if !self.is_usable(partition, &disk) {
                continue;
            }
            self.processes[to].disks.insert(partition, disk);
            assignment.insert(partition, to);
        }
        self.broker.rebalance(assignment);
    }

    /// Everything is started again where its state is, and works until nothing is left to do.
    fn heal(&mut self) -> Result<(), String> {
        self.broker.is_faulty = false;
        self.broker.ends = self.setting.records.iter().map(Vec::len).collect();
        for number in 0..self.processes.len() {
            self.crash(number);
            self.broker.time_out(number);
        }
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
            }
        }
        Err("nothing goes on any more".to_owned())
    }

    /// A process that can go on with a partition.
    fn heir(&self, partition: i32) -> Result<usize, String> {
        let committed = self.committed(partition)?;
        let mut fallback = None;
        for (number, process) in self.processes.iter().enumerate() {
            let disk = process.disks.get(&partition).cloned().unwrap_or_default();
            let store = self.setting.open(partition, disk);
            let part = usize::try_from(partition).expect("not negative");
            let end = self.broker.ends[part];
            match decide(&facts(&self.setting, partition, &store, committed.clone(), end)) {
                Decision::Resume { .. } => return Ok(number),
                Decision::Begin { .. } | Decision::Adopt { .. } => fallback = Some(number),
                Decision::Halt(_) => {}
            }
        }
        fallback.ok_or_else(|| format!("the state of {partition} that is visible is lost"))
    }

    fn committed(&self, partition: i32) -> Result<Option<Committed>, String> {
        let committed = self.broker.committed(partition);
        let committed = committed.map_err(|_| "a transaction stays open".to_owned())?;
        Ok(committed.map(|(offset, metadata)| Committed {
            offset,
            metadata: decode_metadata(&metadata).ok_or(metadata),
        }))
    }

    /// Holds what a reader sees against what the oracle makes of the log.
    fn reckon(&mut self, definitions: &str, options: &Options) -> Result<Report, String> {
        let definitions = worlds::definitions(definitions);
        let mut entries = 0;
        for (partition, records) in (0..).zip(&self.setting.records) {
            let mut sight = Sight::default();
            for (_, bytes) in self.broker.visible().filter(|(one, _)| *one == partition) {
                let outgoing = Outgoing::decode(bytes).ok_or("an entry that is none")?;
                sight.take(&outgoing)?;
            }
            entries += sight.entries();
            let committed = self.committed(partition)?.ok_or("no offset")?;
            let visible = committed.metadata.map_err(|text| format!("metadata {text:?}"))?;
            let idle_ticks = self.ticks_of(visible.commit);
            let options = Options { idle_ticks, ..options.clone() };
            let outcome = Oracle::run(&definitions, records, options);
            let differences = sight.differences(&outcome);
            if !differences.is_empty() {
                return Err(format!("partition {partition}:\n{}", differences.join("\n")));
            }
            let owner = self.broker.assignment()[&partition];
            let counters = self.processes[owner].tasks[&partition].processor.counters();
            let counts = [
                counters.counted,
                counters.duplicate,
                counters.unmatched,
                counters.late,
                counters.invalid,
            ];
            let wanted = DISPOSITIONS.map(|(_, disposition)| outcome.count(disposition));
            if counts != wanted {
                return Err(format!("partition {partition}: {counts:?} instead of {wanted:?}"));
            }
        }
        Ok(Report { trace: self.trace.finish(), steps: self.steps, entries })
    }

    /// The idle ticks that a commit and its ancestors rest on.
    fn ticks_of(&self, last: CommitId) -> Vec<(usize, odometer::model::EventTime)> {
        let mut ticks = Vec::new();
        let mut next = Some(last);
        while let Some(id) = next {
            let (parent, own) = &self.chronicle[&id];
            ticks.extend(own.iter().copied());
            next = *parent;
        }
        ticks.sort_unstable();
        ticks
    }
}
