//! The world of a run: processes at work, what befalls them (`trouble`), and the end of it (`reckoning`).

mod reckoning;
mod trouble;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use odometer::format::{EventFormat, decode};
use odometer::model::{Document, EventTime};

use super::broker::Broker;
use super::bucket::Bucket;
use super::chance::{Chance, Fault, Tally};
use super::editions::Editions;
use super::process::{Chronicle, Process, Surroundings};
use super::script::Script;
use super::task::Setting;
use crate::oracle::{Options, Record};
use crate::worlds::RandomWorld;

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Digest of everything that happened.
    pub trace: u64,
    /// How many steps processes took.
    pub steps: u64,
    /// How many entries a reader saw.
    pub entries: usize,
    /// What befell.
    pub tally: Tally,
}

/// A run under way.
struct World<'w> {
    script: Script,
    setting: Setting<'w>,
    broker: Broker,
    bucket: Bucket,
    processes: Vec<Process>,
    is_paused: Vec<bool>,
    chance: Chance,
    chronicle: Chronicle,
    next_id: u64,
    /// The greatest instant that a clock has reached, if one has ticked.
    reached: Option<EventTime>,
    trace: DefaultHasher,
    steps: u64,
    /// How many changes of offsets and of the store of checkpoints were looked at.
    looked_at: (u64, u64),
}

/// Plays a script to its end.
///
/// # Errors
/// Whatever is not as it should be.
pub fn play(script: Script) -> Result<Report, String> {
    let mut chance = Chance::new(script.seed, script.faults);
    let dice = &mut chance.dice;
    let random = RandomWorld::new(script.seed);
    let partitions = 1 + dice.below(3);
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
    let settings = odometer::engine::Options {
        dedup_window: options.dedup_window,
        watermark_delay: options.watermark_delay,
        future_skew_max: options.max_future_skew,
        keeps_offsets: options.keeps_offsets,
        slice_totals_max: *dice.pick(&[1, 3, 20_000]),
        memory_bytes_max: *dice.pick(&[0, 3_000, usize::MAX]),
        keeps_checkpoints: script.keeps_checkpoints,
        ..Default::default()
    };
    let setting = Setting {
        editions: Editions::new(&random.definitions, script.mutant, dice),
        options: settings,
        now: options.now,
        times: records.iter().map(|part| part.iter().map(time_of).collect()).collect(),
        records,
        age: if script.keeps_checkpoints { *dice.pick(&[0, 5, 30]) } else { 0 },
        mutant: script.mutant,
    };
    let count = 1 + dice.below(3);
    let mut world = World {
        script,
        broker: Broker::new(partitions),
        bucket: Bucket::default(),
        processes: (0..count).map(|number| Process::new(number, BTreeMap::new(), 0)).collect(),
        is_paused: vec![false; count],
        setting,
        chance,
        chronicle: Chronicle::new(),
        next_id: 0,
        reached: None,
        trace: DefaultHasher::new(),
        steps: 0,
        looked_at: (0, 0),
    };
    world.rebalance();
    world.live()?;
    world.heal()?;
    world.reckon(&options)
}

impl<'w> World<'w> {
    /// The part in which anything may happen.
    fn live(&mut self) -> Result<(), String> {
        for _ in 0..self.script.steps {
            if self.chance.dice.chance(20) {
                let part = self.chance.dice.below(self.broker.ends.len());
                let end = self.broker.ends[part] + 1 + self.chance.dice.below(8);
                self.broker.ends[part] = end.min(self.setting.records[part].len());
            }
            if self.chance.dice.chance(8) {
                self.befall();
            }
            let number = self.chance.dice.below(self.processes.len());
            if !self.is_paused[number] {
                self.step(number, true);
            }
            self.look_at_checkpoints()?;
        }
        Ok(())
    }

    fn keeps_checkpoints(&self) -> bool {
        self.setting.options.keeps_checkpoints
    }

    fn step(&mut self, number: usize, may_tick: bool) {
        self.die_where_told(number);
        let (process, mut around) = self.at_work(number, may_tick);
        let text = process.step(&mut around);
        self.note(&text);
        if self.processes[number].has_failed {
            self.crash(number);
        }
        if self.processes[number].has_left {
            self.rebalance();
        }
        let requests = if self.keeps_checkpoints() { self.chance.dice.below(8) } else { 0 };
        (0..requests).for_each(|_| self.keep(number));
    }

    /// The keeper of a process works beside it.
    fn keep(&mut self, number: usize) {
        self.bucket.now += 1;
        let arrives = self.chance.dice.chance(3) && self.chance.may(Fault::LateRequest);
        if arrives && self.bucket.arrive(&mut self.chance) {
            self.chance.count(Fault::LateRequest);
        }
        self.die_where_told(number);
        let (process, mut around) = self.at_work(number, false);
        if let Some(text) = process.keep(&mut around) {
            self.note(&text);
        }
    }

    fn die_where_told(&mut self, number: usize) {
        self.steps += 1;
        if self.script.crash_at == Some(self.steps) {
            if self.script.loses_disk {
                self.lose_disk(number);
            } else {
                self.crash(number);
            }
        }
    }

    fn at_work(&mut self, number: usize, may_tick: bool) -> (&mut Process, Surroundings<'_, 'w>) {
        let around = Surroundings {
            setting: &self.setting,
            broker: &mut self.broker,
            bucket: &mut self.bucket,
            chance: &mut self.chance,
            chronicle: &mut self.chronicle,
            next_id: &mut self.next_id,
            reached: &mut self.reached,
            may_tick,
        };
        (&mut self.processes[number], around)
    }

    /// Another step of the trace.
    fn note(&mut self, text: &str) {
        self.trace.write(text.as_bytes());
    }
}

/// The time that a record names, whether or not it is sound otherwise.
fn time_of(record: &Record<'_>) -> Option<EventTime> {
    let mut document = Document::default();
    let event = decode(record.bytes, &mut document, &EventFormat::native(), "default");
    event.ok().map(|event| event.time)
}
