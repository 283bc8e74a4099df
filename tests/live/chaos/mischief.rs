//! What befalls the processes and the broker, by chance, one thing at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fleet::Fleet;
use super::writer::picked;
use crate::broker::Broker;
use crate::load::Dice;
use crate::wait::{self, Deadline};

/// The pause between two faults is shorter than that.
const PAUSE_MS: u64 = 4000;
/// The group forgets who is silent for 6 seconds.
const SESSION_MS: u64 = 6000;
/// How many more processes than at first there may be.
const MORE_MAX: usize = 1;

/// What may happen, and how often of a hundred times.
const FAULTS: [(Fault, u64); 9] = [
    (Fault::Kill, 52),
    (Fault::Lose, 8),
    (Fault::Hang, 9),
    (Fault::Pause, 6),
    (Fault::Terminate, 9),
    (Fault::Add, 5),
    (Fault::Remove, 5),
    (Fault::StopBroker, 3),
    (Fault::KillBroker, 3),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Kill,
    /// Killed, and its state is gone.
    Lose,
    /// SIGSTOP for longer than the session, then SIGCONT.
    Hang,
    /// SIGSTOP for less than the session.
    Pause,
    Terminate,
    Add,
    Remove,
    StopBroker,
    KillBroker,
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Fault::Kill => "kill -9",
            Fault::Lose => "kill -9 with loss of the state",
            Fault::Hang => "hung past the session",
            Fault::Pause => "hung within the session",
            Fault::Terminate => "SIGTERM",
            Fault::Add => "process added",
            Fault::Remove => "process removed",
            Fault::StopBroker => "broker stopped",
            Fault::KillBroker => "broker killed",
        }
    }

    /// Whether it takes more than one process, which find each other's states.
    fn needs_others(self) -> bool {
        matches!(self, Fault::Lose | Fault::Add | Fault::Remove)
    }

    /// Whether nothing else is looked after meanwhile: nobody may hang then.
    fn takes_long(self) -> bool {
        matches!(self, Fault::Terminate | Fault::Remove | Fault::StopBroker | Fault::KillBroker)
    }
}

/// The fleet, and what befalls it.
pub(super) struct Mischief<'s> {
    pub(super) fleet: Fleet<'s>,
    broker: &'s Broker,
    dice: Dice,
    next: Deadline,
    /// As many processes as there were at first.
    count: usize,
    pub(super) done: BTreeMap<Fault, u64>,
}

impl<'s> Mischief<'s> {
    pub(super) fn new(fleet: Fleet<'s>, broker: &'s Broker, seed: u64) -> Self {
        let count = fleet.len();
        let next = Deadline::after(Duration::ZERO);
        Self { fleet, broker, dice: Dice(seed), next, count, done: BTreeMap::new() }
    }

    /// Looks after the fleet, and where it is time lets something happen. False: a process did what it must not.
    pub(super) fn befall(&mut self) -> bool {
        if !self.fleet.tend() {
            return false;
        }
        if self.next.has_passed() {
            let fault = self.throw();
            if self.happen(fault) {
                *self.done.entry(fault).or_default() += 1;
            }
            self.next = Deadline::after(self.milliseconds(PAUSE_MS));
        }
        wait::pass(Duration::from_millis(20));
        true
    }

    /// Looks after the fleet, and no more, until something is so.
    pub(super) fn tend_until(&mut self, is_so: impl Fn() -> bool) {
        while !is_so() {
            self.fleet.tend();
            wait::pass(Duration::from_millis(20));
        }
    }

    fn throw(&mut self) -> Fault {
        let mut place = self.dice.below(FAULTS.iter().map(|(_, share)| share).sum());
        for (fault, share) in FAULTS {
            if place < share {
                return fault;
            }
            place -= share;
        }
        unreachable!("a place below the sum of the shares")
    }

    /// Whether it could be.
    fn happen(&mut self, fault: Fault) -> bool {
        if (fault.needs_others() && self.count == 1)
            || (fault.takes_long() && self.fleet.has_hung())
        {
            return false;
        }
        match fault {
            Fault::Add => {
                let has_room = self.fleet.len() < self.count + MORE_MAX;
                if has_room {
                    self.fleet.add();
                }
                return has_room;
            }
            Fault::Remove if self.fleet.len() < self.count => return false,
            Fault::StopBroker => return self.outage(Broker::stop),
            Fault::KillBroker => return self.outage(Broker::kill),
            Fault::Kill
            | Fault::Lose
            | Fault::Hang
            | Fault::Pause
            | Fault::Terminate
            | Fault::Remove => {}
        }
        let Some(place) = picked(&mut self.dice, &self.fleet.up()).copied() else { return false };
        // Mostly back before the group has noticed, else after others took over.
        let late = if self.dice.below(4) == 0 { SESSION_MS * 2 } else { 800 };
        let after = self.milliseconds(late);
        match fault {
            Fault::Kill => self.fleet.kill(place, after),
            Fault::Lose => self.fleet.lose(place, after),
            Fault::Hang => {
                let time = Duration::from_millis(SESSION_MS + 1000) + self.milliseconds(SESSION_MS);
                self.fleet.hang(place, time);
            }
            Fault::Pause => {
                let time = self.milliseconds(SESSION_MS / 2);
                self.fleet.hang(place, time);
            }
            Fault::Terminate => self.fleet.terminate(place, after),
            Fault::Remove => self.fleet.remove(place),
            Fault::Add | Fault::StopBroker | Fault::KillBroker => unreachable!("done above"),
        }
        true
    }

    fn outage(&mut self, end: impl Fn(&Broker)) -> bool {
        end(self.broker);
        let time = self.milliseconds(3000);
        wait::pass(time);
        self.broker.restart();
        true
    }

    fn milliseconds(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.dice.below(below))
    }
}
