//! The simulation: the commit protocol under everything that may befall it, from a seed.
//!
//! The engine, `recovery::decide`, `settlement::settle`, the bytes of state, outbox and metadata are the product's; broker, disk and the
//! process around the engine are models. Everything is held against the oracle over the final input log.
//!
//! ```text
//! world ── what befalls ──► processes ── steps ──► broker (log, group, transactions), disks
//! ```

mod broker;
mod mutant;
mod process;
mod recovery;
mod settlement;
mod task;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::mutant::Mutant;
use self::world::{Script, play};
use crate::driver::seeds;

fn rough(seed: u64, mutant: Option<Mutant>) -> Script {
    Script { seed, mutant, is_rough: true, crash_at: None, records_max: 40 }
}

#[test]
fn rough_runs_deliver_every_revision_once() {
    let mut entries = 0;
    for seed in seeds(400) {
        println!("ODOMETER_SEED={seed}");
        match play(rough(seed, None)) {
            Ok(report) => entries += report.entries,
            Err(fault) => panic!("ODOMETER_SEED={seed}: {fault}"),
        }
    }
    println!("{entries} entries");
}

#[test]
fn same_seed_gives_same_trace() {
    for seed in seeds(20) {
        println!("ODOMETER_SEED={seed}");
        assert_eq!(play(rough(seed, None)), play(rough(seed, None)), "ODOMETER_SEED={seed}");
    }
}

#[test]
fn crash_before_every_step_loses_and_doubles_nothing() {
    for seed in seeds(12) {
        let calm = Script { is_rough: false, records_max: 12, ..rough(seed, None) };
        println!("ODOMETER_SEED={seed}");
        let steps = play(calm).unwrap_or_else(|fault| panic!("{fault}")).steps;
        for step in 1..=steps {
            let script = Script { crash_at: Some(step), ..calm };
            if let Err(fault) = play(script) {
                panic!("ODOMETER_SEED={seed}, crash before step {step} of {steps}: {fault}");
            }
        }
    }
}

#[test]
fn every_planted_bug_is_found() {
    const SEEDS_MAX: u64 = 300;
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        // The product's own asserts may find it first.
        let is_found = |seed: &u64| {
            let run = AssertUnwindSafe(|| play(rough(*seed, Some(mutant))));
            !matches!(catch_unwind(run), Ok(Ok(_)))
        };
        match (0..SEEDS_MAX).find(is_found) {
            Some(seed) => println!("{mutant:?} is found by seed {seed}"),
            None => missed.push(mutant),
        }
    }
    let _ = std::panic::take_hook();
    assert_eq!(missed, [], "bugs that no seed below {SEEDS_MAX} finds");
}
