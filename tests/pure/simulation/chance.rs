//! Chance, and what it brings: faults by kind, each of which can be switched off, counted as they come.
//!
//! Dice are thrown for a fault whether or not it is switched on: a run without it goes on much as one with it, so that
//! what fails can be made smaller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::worlds::Dice;

/// What may befall a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// A process dies, and with it what it had not flushed.
    Crash,
    /// A process hangs; it wakes later, and knows nothing of it.
    Pause,
    /// The group deals its partitions out anew.
    Rebalance,
    /// The group takes a process for gone and gives what it has to others; its client joins anew, and the process is yet to
    /// hear of it.
    Forgotten,
    /// State directories of a dead process are brought to another machine.
    StateMoved,
    /// A copy of the state directories of a process that hangs is served by another one.
    StateCopied,
    /// The end of a transaction arrives that was under way, and ends what is open by then.
    LateEnd,
    /// The broker aborts a transaction of which nothing is heard.
    TransactionTimedOut,
    /// Nothing is heard of the request for a producer.
    InitUnanswered,
    /// Nothing is heard of an entry that was sent.
    EntryUnanswered,
    /// Nothing is heard of offsets that were sent.
    OffsetsUnanswered,
    /// A transaction is committed, and its sender does not hear it.
    CommitUnanswered,
    /// The end of a transaction is lost.
    CommitLost,
    /// The end of a transaction will arrive some day.
    CommitDelayed,
    /// The end of a transaction arrives twice, the second time some day.
    CommitRepeated,
    /// Metrics come or go.
    Definitions,
    /// The genesis of a state cannot be written.
    GenesisFailed,
    /// A commit cannot be written, or it is and is said not to be.
    CommitFailed,
    /// What was written cannot be made durable.
    FlushFailed,
    /// What is visible cannot be forgotten.
    TrimFailed,
    /// Old ids cannot be forgotten.
    ExpireFailed,
    /// What is stored cannot be read.
    ReadFailed,
    /// A process's clock jumps ahead.
    ClockForward,
    /// A process's clock jumps back.
    ClockBack,
    /// The log loses its oldest records.
    Retention,
    /// The group's offset of a partition is forgotten.
    OffsetExpired,
    /// A request to the store of checkpoints is carried out, and its sender does not hear it.
    RequestUnanswered,
    /// A request to the store of checkpoints is lost.
    RequestLost,
    /// A request to the store of checkpoints will arrive some day.
    RequestDelayed,
    /// A request to the store of checkpoints takes long: its sender sleeps meanwhile.
    RequestSlow,
    /// A request arrives at the store of checkpoints that was under way, perhaps of a process that is no more.
    LateRequest,
    /// What the store of checkpoints has cannot be read.
    ObjectUnread,
    /// The store of checkpoints is away.
    StoreAway,
    /// A machine is lost with all that its disk holds.
    DiskLost,
    /// A state is not what was written when its process starts again.
    StateDamaged,
}

impl Fault {
    /// Every one.
    pub const ALL: [Fault; 35] = [
        Fault::Crash,
        Fault::Pause,
        Fault::Rebalance,
        Fault::Forgotten,
        Fault::StateMoved,
        Fault::StateCopied,
        Fault::LateEnd,
        Fault::TransactionTimedOut,
        Fault::InitUnanswered,
        Fault::EntryUnanswered,
        Fault::OffsetsUnanswered,
        Fault::CommitUnanswered,
        Fault::CommitLost,
        Fault::CommitDelayed,
        Fault::CommitRepeated,
        Fault::Definitions,
        Fault::GenesisFailed,
        Fault::CommitFailed,
        Fault::FlushFailed,
        Fault::TrimFailed,
        Fault::ExpireFailed,
        Fault::ReadFailed,
        Fault::ClockForward,
        Fault::ClockBack,
        Fault::Retention,
        Fault::OffsetExpired,
        Fault::RequestUnanswered,
        Fault::RequestLost,
        Fault::RequestDelayed,
        Fault::RequestSlow,
        Fault::LateRequest,
        Fault::ObjectUnread,
        Fault::StoreAway,
        Fault::DiskLost,
        Fault::StateDamaged,
    ];

    fn bit(self) -> u64 {
        let place = Fault::ALL.iter().position(|fault| *fault == self);
        1 << place.expect("all are listed")
    }
}

/// Which kinds of faults come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Switches(u64);

impl Switches {
    /// All of them.
    pub const ON: Switches = Switches(u64::MAX);

    /// None but these.
    pub fn only(faults: &[Fault]) -> Self {
        Switches(faults.iter().map(|fault| fault.bit()).sum())
    }

    /// Whether that kind comes.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// Those that come, each once.
    pub fn on(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }

    /// The same without one kind.
    pub fn without(self, fault: Fault) -> Self {
        Switches(self.0 & !fault.bit())
    }
}

impl fmt::Debug for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.on()).finish()
    }
}

/// How often each fault came, and how often the product did what it does about them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    faults: BTreeMap<Fault, u64>,
    answers: BTreeMap<String, u64>,
}

impl Tally {
    /// The product did that.
    pub fn note(&mut self, what: impl Into<String>) {
        *self.answers.entry(what.into()).or_default() += 1;
    }

    /// Takes in what another run came to.
    pub fn add(&mut self, other: &Tally) {
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (what, count) in &other.answers {
            *self.answers.entry(what.clone()).or_default() += count;
        }
    }

    /// Kinds of faults that never came.
    pub fn missing(&self) -> Vec<Fault> {
        Fault::ALL.into_iter().filter(|fault| !self.faults.contains_key(fault)).collect()
    }

    /// Whether the product ever did that.
    pub fn has(&self, what: &str) -> bool {
        self.answers.contains_key(what)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: BTreeSet<(String, u64)> =
            self.faults.iter().map(|(fault, count)| (format!("{fault:?}"), *count)).collect();
        writeln!(f, "{:>12}  fault", "times")?;
        for (fault, count) in faults {
            writeln!(f, "{count:>12}  {fault}")?;
        }
        writeln!(f, "{:>12}  what was done", "times")?;
        for (what, count) in &self.answers {
            writeln!(f, "{count:>12}  {what}")?;
        }
        Ok(())
    }
}

/// The dice of a run.
pub struct Chance {
    /// For whatever is no fault.
    pub dice: Dice,
    /// What came so far.
    pub tally: Tally,
    switches: Switches,
    is_quiet: bool,
}

impl Chance {
    /// Dice that are thrown by `seed`.
    pub fn new(seed: u64, switches: Switches) -> Self {
        Chance { dice: Dice::new(seed), tally: Tally::default(), switches, is_quiet: false }
    }

    /// From now on there are no faults.
    pub fn calm_down(&mut self) {
        self.is_quiet = true;
    }

    /// Whether that kind of fault may come.
    pub fn may(&self, fault: Fault) -> bool {
        !self.is_quiet && self.switches.has(fault)
    }

    /// Throws for a fault that comes in so many of a hundred cases.
    pub fn strikes(&mut self, fault: Fault, percent: usize) -> bool {
        let strikes = self.dice.chance(percent) && self.may(fault);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// It came.
    pub fn count(&mut self, fault: Fault) {
        *self.tally.faults.entry(fault).or_default() += 1;
    }
}
