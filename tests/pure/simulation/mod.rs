//! The simulation: the commit protocol under everything that may befall it, from a seed.
//!
//! The engine, `recovery::decide`, `settlement::settle`, the bytes of state, outbox and metadata are the product's; broker, disk and the
//! process around the engine are models. Everything is held against the oracle over the final input log.
//!
//! ```text
//! script ─► world ── what befalls ──► processes ── steps ──► broker (log, group, transactions), disks
//!             └── chance: each fault has its kind, is counted, can be switched off
//! ```
//! A run that fails prints its seed, and the smallest script that still fails.

mod broker;
mod bucket;
mod chance;
mod editions;
mod keeper;
mod mutant;
mod process;
mod recovery;
mod script;
mod settlement;
mod shelf;
mod task;
mod world;

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Mutex;

use self::chance::Tally;
use self::mutant::Mutant;
use self::script::Script;
use self::world::Report;
use crate::driver::seeds;

/// How many seeds are tried every day; in so many every kind of fault comes.
const SEEDS: u64 = 400;

/// And of the store of checkpoints alone.
const SHELF_SEEDS: u64 = 300;

/// What the product does about faults: each of it happens in the seeds of every day.
const ANSWERS: [&str; 20] = [
    "checkpoint broken off behind some of its files",
    "checkpoint put",
    "committed while a checkpoint was on its way",
    "damaged state replaced by its checkpoint",
    "definitions taken at work",
    "genesis adopted",
    "halted: HistoryGone",
    "halted: NothingToStartFrom",
    "halted: OffsetGone",
    "halted: StateElsewhere",
    "in doubt: it had gone out",
    "in doubt: sent again",
    "in doubt: somebody else committed",
    "logs and offsets restored",
    "restore broken off",
    "state resumed",
    "state resumed that is ahead of its offset",
    "task begun",
    "transactions of several tasks",
    "waited for definitions that a state was made by",
];

/// Plays a script that must not fail; where it does, it says how, and what is the smallest that does.
fn succeed(script: Script) -> Report {
    script.play().unwrap_or_else(|fault| {
        let seed = script.seed;
        println!("ODOMETER_SEED={seed}: {fault}");
        let (smallest, fault) = script.shrink(fault);
        panic!("ODOMETER_SEED={seed}, and at its smallest {smallest:?}: {fault}");
    })
}

/// What many runs came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    steps: u64,
    entries: usize,
    tally: Tally,
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.steps += report.steps;
        self.entries += report.entries;
        self.tally.add(&report.tally);
    }
}

/// Plays the rough runs of some seeds, on every core of the machine.
fn play_all(seeds: Range<u64>) -> Sum {
    let count = seeds.end - seeds.start;
    let next = Mutex::new(seeds);
    let sum = Mutex::new(Sum::default());
    let work = || {
        while let Some(seed) = next.lock().ok().and_then(|mut seeds| seeds.next()) {
            // Few enough lines to be read as progress.
            if count <= SEEDS {
                println!("ODOMETER_SEED={seed}");
            }
            let report = succeed(Script::rough(seed));
            let mut sum = sum.lock().expect("no run failed");
            sum.add(&report);
            if count > SEEDS && sum.runs.is_multiple_of(count / 100) {
                println!("{} of {count} seeds", sum.runs);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
    });
    sum.into_inner().expect("no run failed")
}

#[test]
fn rough_runs_deliver_every_revision_once() {
    let Sum { runs, steps, entries, tally } = play_all(seeds(SEEDS));
    println!("{runs} seeds, {steps} steps, {entries} entries\n{tally}");
    if runs >= SEEDS {
        assert_eq!(tally.missing(), [], "faults that never came");
        let missing: Vec<_> = ANSWERS.into_iter().filter(|answer| !tally.has(answer)).collect();
        assert_eq!(missing, [""; 0], "answers that were never given");
    }
}

#[test]
fn same_seed_gives_same_trace() {
    for seed in seeds(20) {
        println!("ODOMETER_SEED={seed}");
        let script = Script::rough(seed);
        assert_eq!(script.play(), script.play(), "ODOMETER_SEED={seed}");
    }
}

#[test]
fn crash_before_every_step_loses_and_doubles_nothing() {
    for seed in seeds(12) {
        let calm = Script::calm(seed);
        println!("ODOMETER_SEED={seed}");
        for step in 1..=succeed(calm).steps {
            succeed(Script { crash_at: Some(step), ..calm });
        }
    }
}

/// The store of checkpoints alone: so many of them are made there that several accidents in a row come too.
#[test]
fn visible_checkpoint_is_whole_whatever_befalls_the_store() {
    let mut tally = Tally::default();
    for seed in seeds(SHELF_SEEDS) {
        let played = shelf::play(seed, None);
        tally.add(&played.unwrap_or_else(|fault| panic!("ODOMETER_SEED={seed}: {fault}")));
    }
    println!("{tally}");
    let missing = tally.missing().into_iter().filter(|fault| shelf::FAULTS.contains(fault));
    assert_eq!(missing.collect::<Vec<_>>(), [], "faults that never came");
    let answers = [
        "checkpoint restored",
        "checkpoint was there already",
        "collecting stopped behind somebody else's",
        "file collected",
    ];
    let missing: Vec<_> = answers.into_iter().filter(|answer| !tally.has(answer)).collect();
    assert_eq!(missing, [""; 0], "answers that were never given");
}

#[test]
fn every_planted_bug_is_found() {
    const SEEDS_MAX: u64 = 300;
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        // Some take so many accidents in a row that the first seeds do not find them.
        let first = match mutant {
            Mutant::DeliverUnderAnotherName => 200,
            Mutant::RestoreAnyChain => 300,
            Mutant::KeepProducer => 700,
            Mutant::KeepUnderAnotherName => 3_400,
            Mutant::PublishShared => 3_800,
            _ => 0,
        };
        let seeds = first..first + SEEDS_MAX;
        let found = if mutant.is_of_the_store() {
            seeds.clone().find_map(|seed| Some((seed, shelf::play(seed, Some(mutant)).err()?)))
        } else {
            let play = |seed| Script::rough(seed).with(mutant).play();
            seeds.clone().find_map(|seed| Some((seed, play(seed).err()?)))
        };
        match found {
            Some((seed, fault)) => {
                let fault: String = fault.chars().take(100).collect();
                println!("{mutant:?} is found by seed {seed}: {fault}");
            }
            None => missed.push(mutant),
        }
    }
    assert_eq!(missed, [], "bugs that none of {SEEDS_MAX} seeds finds");
}

#[test]
fn script_that_fails_is_made_smaller() {
    let script = Script::rough(0).with(Mutant::TrimBeforeDeliver);
    let (script, fault) = (0..)
        .map(|seed| Script { seed, ..script })
        .find_map(|script| Some((script, script.play().err()?)))
        .expect("some seed finds it");
    let (smallest, _) = script.shrink(fault);
    assert!(smallest.play().is_err(), "{smallest:?}");
    assert!(smallest.steps < script.steps, "{smallest:?}");
    assert_eq!(smallest.faults.on().next(), None, "it needs no fault: {smallest:?}");
}
