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
mod chance;
mod editions;
mod mutant;
mod process;
mod recovery;
mod script;
mod settlement;
mod task;
mod world;

use self::chance::Tally;
use self::mutant::Mutant;
use self::script::Script;
use crate::driver::seeds;

/// How many seeds are tried every day; in so many every kind of fault comes.
const SEEDS: u64 = 400;

/// What the product does about faults: each of it happens in the seeds of every day.
const ANSWERS: [&str; 14] = [
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
    "state resumed",
    "state resumed that is ahead of its offset",
    "task begun",
    "waited for definitions that a state was made by",
];

/// Plays a script that must not fail; where it does, it says how, and what is the smallest that does.
fn succeed(script: Script) -> world::Report {
    script.play().unwrap_or_else(|fault| {
        let seed = script.seed;
        println!("ODOMETER_SEED={seed}: {fault}");
        let (smallest, fault) = script.shrink(fault);
        panic!("ODOMETER_SEED={seed}, and at its smallest {smallest:?}: {fault}");
    })
}

#[test]
fn rough_runs_deliver_every_revision_once() {
    let (mut tally, mut entries, mut steps) = (Tally::default(), 0, 0);
    let seeds = seeds(SEEDS);
    let count = seeds.end - seeds.start;
    for (done, seed) in (0_u64..).zip(seeds) {
        // Few enough lines to be read as progress.
        if count <= SEEDS || done % (count / 100) == 0 {
            println!("ODOMETER_SEED={seed} ({done} of {count} done)");
        }
        let report = succeed(Script::rough(seed));
        tally.add(&report.tally);
        entries += report.entries;
        steps += report.steps;
    }
    println!("{count} seeds, {steps} steps, {entries} entries\n{tally}");
    if count >= SEEDS {
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

#[test]
fn every_planted_bug_is_found() {
    const SEEDS_MAX: u64 = 300;
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        let found = (0..SEEDS_MAX)
            .find_map(|seed| Some((seed, Script::rough(seed).with(mutant).play().err()?)));
        match found {
            Some((seed, fault)) => {
                let fault: String = fault.chars().take(100).collect();
                println!("{mutant:?} is found by seed {seed}: {fault}");
            }
            None => missed.push(mutant),
        }
    }
    assert_eq!(missed, [], "bugs that no seed below {SEEDS_MAX} finds");
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
