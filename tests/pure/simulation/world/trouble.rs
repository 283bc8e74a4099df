//! What befalls processes, disks, the group and the log.

use std::collections::BTreeMap;

use odometer::engine::{Committed, Decision, Halt, decide};
use odometer::format::{decode_metadata, state};
use odometer::model::EventTime;

use super::World;
use crate::model::Disk;
use crate::simulation::chance::Fault;
use crate::simulation::process::Process;
use crate::simulation::task::facts;

/// What does not befall a request or a write. Definitions change more often than the rest comes.
const TROUBLE: [Fault; 15] = [
    Fault::Crash,
    Fault::Pause,
    Fault::Rebalance,
    Fault::Forgotten,
    Fault::StateMoved,
    Fault::StateCopied,
    Fault::LateEnd,
    Fault::TransactionTimedOut,
    Fault::Definitions,
    Fault::Definitions,
    Fault::Definitions,
    Fault::ClockForward,
    Fault::ClockBack,
    Fault::Retention,
    Fault::OffsetExpired,
];

/// What befalls beside it where checkpoints are kept.
const TROUBLE_OF_CHECKPOINTS: [Fault; 6] = [
    Fault::Rebalance,
    Fault::Crash,
    Fault::Pause,
    Fault::StoreAway,
    Fault::DiskLost,
    Fault::StateDamaged,
];

const MICROS_PER_DAY: i64 = 86_400_000_000;

impl World<'_> {
    /// One of the things that go wrong, or somebody puts right what did.
    pub(super) fn befall(&mut self) {
        let number = self.chance.dice.below(self.processes.len());
        let more: &[Fault] = if self.keeps_checkpoints() { &TROUBLE_OF_CHECKPOINTS } else { &[] };
        let place = self.chance.dice.below(TROUBLE.len() + more.len() + 3);
        let fault = TROUBLE.iter().chain(more).nth(place).copied();
        self.note(&format!("{number} meets {fault:?}"));
        let Some(fault) = fault else {
            self.is_paused.fill(false);
            self.bucket.is_away = false;
            self.discard_damaged();
            if self.broker.repair() {
                self.chance.tally.note("logs and offsets restored");
            }
            return;
        };
        if self.chance.may(fault) && self.bring(fault, number) {
            self.chance.count(fault);
        }
    }

    /// Whether it came: some have nothing to come to.
    fn bring(&mut self, fault: Fault, number: usize) -> bool {
        let partitions = i32::try_from(self.broker.ends.len()).expect("few partitions");
        let partition = i32::try_from(number).expect("few processes") % partitions;
        match fault {
            Fault::Crash => self.crash(number),
            Fault::Pause => {
                self.is_paused[number] = !self.is_paused[number];
                if self.keeps_checkpoints() && self.is_paused[number] && self.chance.dice.chance(60)
                {
                    self.pass_on(number);
                }
                return self.is_paused[number];
            }
            Fault::Rebalance => self.rebalance(),
            Fault::Forgotten => return self.forget(number),
            Fault::StateMoved => return self.move_state(number),
            Fault::StateCopied => return self.copy_state(number),
            Fault::LateEnd => return self.broker.arrive(),
            Fault::TransactionTimedOut => return self.broker.time_out(number),
            Fault::Definitions => return self.change_definitions(),
            Fault::ClockForward => {
                let days = self.chance.dice.between(1, 40);
                self.processes[number].clock_ahead += days * MICROS_PER_DAY;
            }
            Fault::ClockBack => {
                let days = self.chance.dice.between(1, 40);
                self.processes[number].clock_ahead -= days * MICROS_PER_DAY;
            }
            Fault::Retention => return self.broker.retain(partition, &mut self.chance),
            Fault::OffsetExpired => return self.broker.expire(partition),
            Fault::StoreAway => {
                self.bucket.is_away = !self.bucket.is_away;
                return self.bucket.is_away;
            }
            Fault::DiskLost => return self.lose_disk(number),
            Fault::StateDamaged => return self.damage_state(number),
            other => unreachable!("{other:?} befalls a request or a write"),
        }
        true
    }

    /// The process dies and is started again; of definitions it may know no more than before.
    pub(super) fn crash(&mut self, number: usize) {
        let newest = self.setting.editions.newest();
        let is_up_to_date = self.chance.dice.chance(20);
        let known = if is_up_to_date { newest } else { self.processes[number].revision };
        let fresh = Process::new(number, BTreeMap::new(), known);
        let dead = std::mem::replace(&mut self.processes[number], fresh);
        self.processes[number].clock_ahead = dead.clock_ahead;
        let disks = dead.crash(&mut self.chance);
        self.processes[number].disks = disks;
        self.is_paused[number] = false;
        let same = self.broker.assignment().clone();
        self.broker.rebalance(same);
    }

    /// The machine is lost, and another one starts in its place with nothing on its disk. Returns whether there was anything.
    pub(super) fn lose_disk(&mut self, number: usize) -> bool {
        self.crash(number);
        let disks = std::mem::take(&mut self.processes[number].disks);
        disks.values().any(|disk| !disk.is_empty())
    }

    /// One of a process's states loses entries of every kind but those that name it. Returns whether it has a state.
    fn damage_state(&mut self, number: usize) -> bool {
        const SPARED: [u8; 4] =
            [state::IDENTITY, state::COMMIT, state::DICTIONARY, state::CALENDARS];
        self.crash(number);
        let dice = &mut self.chance.dice;
        let mut disks: Vec<&mut Disk> = self.processes[number].disks.values_mut().collect();
        disks.retain(|disk| !disk.is_empty());
        if disks.is_empty() {
            return false;
        }
        let hit = dice.below(disks.len());
        disks[hit].damage(|key| dice.chance(50) && !SPARED.contains(&key[0]));
        true
    }

    /// Somebody discards damaged states whose tasks halted: all that was visible of them is their genesis, or nothing.
    pub(super) fn discard_damaged(&mut self) {
        for number in 0..self.processes.len() {
            for (partition, disk) in self.processes[number].disks.clone() {
                let Ok(committed) = self.committed(partition) else { continue };
                let manifests = self.bucket.checkpoints(partition);
                let store = self.setting.open(partition, disk, self.setting.editions.newest());
                let known = (committed, &manifests[..]);
                let facts = facts(&self.setting, &self.broker, partition, &store, known);
                if matches!(decide(&facts), Decision::Halt(Halt::StateDamaged { .. })) {
                    self.chance.tally.note("damaged state discarded");
                    self.processes[number].disks.remove(&partition);
                }
            }
        }
    }

    /// Deals the partitions out anew, to processes that can serve; where none can, all are started again.
    pub(super) fn rebalance(&mut self) {
        if self.processes.iter().all(|process| process.has_left) {
            (0..self.processes.len()).for_each(|number| self.crash(number));
        }
        let able: Vec<usize> =
            (0..self.processes.len()).filter(|number| !self.processes[*number].has_left).collect();
        let deal = (0..).zip(&self.broker.ends);
        let deal = deal.map(|(partition, _)| (partition, *self.chance.dice.pick(&able)));
        let assignment = deal.collect();
        self.broker.rebalance(assignment);
    }

    /// The group gives what a process has to others, which need nothing of its disk.
    fn pass_on(&mut self, from: usize) {
        if let Some(assignment) = self.without(from) {
            self.broker.rebalance(assignment);
        }
    }

    /// The same, and the process joins anew by itself: mostly it hangs for a while, and may get back what others had meanwhile.
    fn forget(&mut self, number: usize) -> bool {
        let Some(assignment) = self.without(number) else { return false };
        self.broker.forget(number, assignment);
        self.is_paused[number] = self.chance.dice.chance(60);
        true
    }

    /// Who owns what, once others have what a process has; `None`: there are none.
    fn without(&mut self, from: usize) -> Option<BTreeMap<i32, usize>> {
        let others: Vec<usize> = (0..self.processes.len())
            .filter(|number| *number != from && !self.processes[*number].has_left)
            .collect();
        if others.is_empty() {
            return None;
        }
        let mut assignment = self.broker.assignment().clone();
        for owner in assignment.values_mut().filter(|owner| **owner == from) {
            *owner = *self.chance.dice.pick(&others);
        }
        Some(assignment)
    }

    /// A dead process's state directories are brought to another machine.
    fn move_state(&mut self, from: usize) -> bool {
        let to = self.chance.dice.below(self.processes.len());
        if to == from {
            return false;
        }
        self.crash(from);
        self.crash(to);
        let mut is_moved = false;
        for (partition, disk) in self.processes[from].disks.clone() {
            if self.is_usable(partition, &disk) {
                is_moved = true;
                self.processes[from].disks.remove(&partition);
                self.processes[to].disks.insert(partition, disk);
            }
        }
        self.rebalance();
        is_moved
    }

    /// Whether a state is one that a person would put in the place of another.
    fn is_usable(&self, partition: i32, disk: &Disk) -> bool {
        let store = self.setting.open(partition, disk.clone(), self.setting.editions.newest());
        let Ok(committed) = self.committed(partition) else { return false };
        let facts = facts(&self.setting, &self.broker, partition, &store, (committed, &[]));
        matches!(decide(&facts), Decision::Resume { .. })
    }

    /// A process hangs; another one gets a copy of what it had flushed, and serves. The first one comes back later.
    fn copy_state(&mut self, from: usize) -> bool {
        let to = self.chance.dice.below(self.processes.len());
        if to == from {
            return false;
        }
        self.is_paused[from] = true;
        self.crash(to);
        let tasks = self.processes[from].tasks.iter();
        let copies: Vec<_> =
            tasks.map(|(partition, task)| (*partition, task.store.disk.clone())).collect();
        let mut assignment = self.broker.assignment().clone();
        let mut is_copied = false;
        for (partition, mut disk) in copies {
            disk.crash(0);
            if !self.is_usable(partition, &disk) {
                continue;
            }
            is_copied = true;
            self.processes[to].disks.insert(partition, disk);
            assignment.insert(partition, to);
        }
        self.broker.rebalance(assignment);
        is_copied
    }

    /// Metrics come or go, which each process hears of in its own time.
    fn change_definitions(&mut self) -> bool {
        let parts = self.setting.times.iter().zip(&self.broker.ends);
        let times = parts.flat_map(|(times, end)| &times[..*end]).copied();
        let reached = times.chain([self.reached]).flatten().max();
        let reached = reached.unwrap_or(EventTime::EARLIEST);
        self.setting.editions.change(reached, &mut self.chance.dice)
    }

    /// The committed offset as the product reads it; an error where a transaction is open that may change it.
    pub(super) fn committed(&self, partition: i32) -> Result<Option<Committed>, String> {
        let committed = self.broker.committed(partition);
        let committed = committed.map_err(|_| "a transaction stays open".to_owned())?;
        Ok(committed.map(|(offset, metadata)| Committed {
            offset,
            metadata: decode_metadata(&metadata).ok_or(metadata),
        }))
    }
}
