//! What a run is made of, and how one that fails is made smaller.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::chance::{Fault, Switches};
use super::mutant::Mutant;
use super::world::{Report, play};
use crate::worlds::Dice;

/// What a run is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Script {
    /// Of everything.
    pub seed: u64,
    /// A bug on purpose.
    pub mutant: Option<Mutant>,
    /// What goes wrong by chance.
    pub faults: Switches,
    /// The process at work dies before this step.
    pub crash_at: Option<u64>,
    /// And its machine with it.
    pub loses_disk: bool,
    /// Whether nothing becomes visible that is not in the store of checkpoints.
    pub keeps_checkpoints: bool,
    /// How many records each partition gets at most.
    pub records_max: usize,
    /// How many steps are taken in which anything may happen.
    pub steps: usize,
}

impl Script {
    /// A run in which most things go wrong: where all of them did, each would hide what the others do.
    pub fn rough(seed: u64) -> Self {
        // Dice of its own.
        let mut dice = Dice::new(!seed);
        let mut faults = Switches::ON;
        for fault in Fault::ALL {
            // Whatever halts keeps all else from happening.
            let halts = matches!(fault, Fault::Retention | Fault::OffsetExpired);
            if dice.chance(if halts { 60 } else { 25 }) {
                faults = faults.without(fault);
            }
        }
        // Dice of its own, so that runs without checkpoints stay what they were.
        let mut dice = Dice::new(seed ^ 1 << 63);
        let keeps_checkpoints = dice.chance(50);
        if keeps_checkpoints && dice.chance(75) {
            faults = faults.without(Fault::Retention).without(Fault::OffsetExpired);
        }
        Script {
            seed,
            mutant: None,
            faults,
            crash_at: None,
            loses_disk: false,
            keeps_checkpoints,
            records_max: 40,
            steps: if keeps_checkpoints { 700 } else { 500 },
        }
    }

    /// A run in which nothing does, though definitions change.
    pub fn calm(seed: u64) -> Self {
        let faults = Switches::only(&[Fault::Definitions]);
        Script { faults, records_max: 12, steps: 150, ..Script::rough(seed) }
    }

    /// The same with a bug on purpose.
    pub fn with(self, mutant: Mutant) -> Self {
        Script { mutant: Some(mutant), ..self }
    }

    /// Plays it. The product's own asserts may find a fault before the world does.
    ///
    /// # Errors
    /// Whatever is not as it should be.
    pub fn play(self) -> Result<Report, String> {
        let outcome = quietly(|| catch_unwind(AssertUnwindSafe(|| play(self))));
        outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(text.unwrap_or_else(|| "a panic without words".to_owned()))
        })
    }

    /// The smallest script found that fails as well, and how: with fewer steps, fewer records, fewer kinds of faults.
    pub fn shrink(self, fault: String) -> (Script, String) {
        let mut smallest = (self, fault);
        loop {
            let Script { records_max, steps, faults, .. } = smallest.0;
            let fewer = [steps / 2, steps * 3 / 4, steps.saturating_sub(1)];
            let fewer_steps = fewer.map(|steps| Script { steps, ..smallest.0 });
            let fewer = [records_max / 2, records_max.saturating_sub(1)];
            let fewer_records = fewer.map(|records_max| Script { records_max, ..smallest.0 });
            let without = |fault| Script { faults: faults.without(fault), ..smallest.0 };
            let without_checkpoints = Script { keeps_checkpoints: false, ..smallest.0 };
            let candidates = fewer_steps.into_iter().chain(fewer_records);
            let candidates = candidates.chain([without_checkpoints]);
            let candidates: Vec<Script> = candidates.chain(faults.on().map(without)).collect();
            let mut candidates = candidates.into_iter().filter(|script| *script != smallest.0);
            let failing = candidates.find_map(|script| Some((script, script.play().err()?)));
            match failing {
                Some(failing) => smallest = failing,
                None => return smallest,
            }
        }
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something on this thread without a word about its panics: what they say is in what it returns.
fn quietly<T>(task: impl FnOnce() -> T) -> T {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                tell(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let outcome = task();
    IS_QUIET.set(false);
    outcome
}
