//! A broker: one source log for each partition, one output log, a consumer group, and transactions.
//!
//! What a request does and what its sender hears of it are two things here: answers are lost, and the end of a
//! transaction may arrive when its producer has begun the next one, as the older protocol permits.

use std::collections::{BTreeMap, BTreeSet};

use crate::worlds::Dice;

/// Why a request was refused, or that nothing is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Another producer took the transactional id up.
    Fenced,
    /// The group moved on.
    StaleGeneration,
    /// No answer came.
    Unanswered,
}

/// How the end of a transaction was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// In good time.
    Prompt,
    /// By the repetition of a request whose first copy is still under way.
    Late,
}

/// An offset with its metadata.
pub type Offset = (i64, String);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

struct Transaction {
    fate: Fate,
    entries: Vec<(i32, Vec<u8>)>,
    offsets: BTreeMap<i32, Offset>,
}

#[derive(Default)]
struct Coordinator {
    epoch: u32,
    open: Option<usize>,
}

/// The broker. Processes are numbered; each has its own transactional id.
#[derive(Default)]
pub struct Broker {
    /// How far each partition's log reaches by now.
    pub ends: Vec<usize>,
    /// Grows with every rebalance.
    pub generation: u32,
    assignment: BTreeMap<i32, usize>,
    revoked: BTreeMap<usize, BTreeSet<i32>>,
    coordinators: BTreeMap<usize, Coordinator>,
    transactions: Vec<Transaction>,
    offsets: BTreeMap<i32, Offset>,
    under_way: Vec<(usize, u32)>,
    /// Whether requests go wrong.
    pub is_faulty: bool,
}

impl Broker {
    /// A broker with empty logs.
    pub fn new(partitions: usize) -> Self {
        Broker { ends: vec![0; partitions], ..Broker::default() }
    }

    /// Hands every partition to a process.
    pub fn rebalance(&mut self, assignment: BTreeMap<i32, usize>) {
        self.generation += 1;
        for (partition, owner) in &self.assignment {
            if assignment.get(partition) != Some(owner) {
                self.revoked.entry(*owner).or_default().insert(*partition);
            }
        }
        self.assignment = assignment;
    }

    /// What a process hears when it polls: the generation, what it owns, and what it lost since it last asked.
    pub fn poll(&mut self, process: usize) -> (u32, BTreeSet<i32>, BTreeSet<i32>) {
        let owned = self.assignment.iter().filter(|(_, owner)| **owner == process);
        let owned = owned.map(|(partition, _)| *partition).collect();
        (self.generation, owned, self.revoked.remove(&process).unwrap_or_default())
    }

    /// Who owns what.
    pub fn assignment(&self) -> &BTreeMap<i32, usize> {
        &self.assignment
    }

    /// Takes a transactional id up: what its last producer left open is aborted. Returns the new epoch.
    pub fn init_transactions(&mut self, process: usize, dice: &mut Dice) -> Result<u32, Refused> {
        if self.is_faulty && dice.chance(5) {
            return Err(Refused::Unanswered);
        }
        self.abort_open(process);
        let coordinator = self.coordinators.entry(process).or_default();
        coordinator.epoch += 1;
        Ok(coordinator.epoch)
    }

    /// The transaction of a producer that says nothing is aborted; the producer is fenced.
    pub fn time_out(&mut self, process: usize) {
        if self.coordinators.get(&process).is_some_and(|one| one.open.is_some()) {
            self.abort_open(process);
            self.coordinators.entry(process).or_default().epoch += 1;
        }
    }

    fn abort_open(&mut self, process: usize) {
        let coordinator = self.coordinators.entry(process).or_default();
        if let Some(open) = coordinator.open.take() {
            self.transactions[open].fate = Fate::Aborted;
        }
    }

    fn open(&mut self, process: usize, epoch: u32) -> Result<&mut Transaction, Refused> {
        let coordinator = self.coordinators.entry(process).or_default();
        if coordinator.epoch != epoch {
            return Err(Refused::Fenced);
        }
        let number = *coordinator.open.get_or_insert(self.transactions.len());
        if number == self.transactions.len() {
            let (entries, offsets) = (Vec::new(), BTreeMap::new());
            self.transactions.push(Transaction { fate: Fate::Open, entries, offsets });
        }
        Ok(&mut self.transactions[number])
    }

    /// Appends an entry to the output, in the producer's open transaction or a new one.
    pub fn produce(
        &mut self,
        (process, epoch): (usize, u32),
        partition: i32,
        bytes: Vec<u8>,
        dice: &mut Dice,
    ) -> Result<(), Refused> {
        let is_lost = self.is_faulty && dice.chance(1);
        self.open(process, epoch)?.entries.push((partition, bytes));
        if is_lost { Err(Refused::Unanswered) } else { Ok(()) }
    }

    /// Adds an offset to the open transaction.
    pub fn send_offsets(
        &mut self,
        (process, epoch): (usize, u32),
        generation: u32,
        (partition, offset): (i32, Offset),
        dice: &mut Dice,
    ) -> Result<(), Refused> {
        if generation != self.generation {
            return Err(Refused::StaleGeneration);
        }
        let is_lost = self.is_faulty && dice.chance(2);
        self.open(process, epoch)?.offsets.insert(partition, offset);
        if is_lost { Err(Refused::Unanswered) } else { Ok(()) }
    }

    /// Commits the open transaction, unless the request goes astray.
    pub fn commit(
        &mut self,
        (process, epoch): (usize, u32),
        dice: &mut Dice,
    ) -> Result<Answer, Refused> {
        if self.coordinators.entry(process).or_default().epoch != epoch {
            return Err(Refused::Fenced);
        }
        if !self.is_faulty || dice.chance(70) {
            self.end(process, epoch);
            return Ok(Answer::Prompt);
        }
        match dice.below(4) {
            // It succeeded, and the answer is lost.
            0 => self.end(process, epoch),
            // It is lost.
            1 => {}
            // It will arrive some day.
            2 => self.under_way.push((process, epoch)),
            // It is answered because it was repeated; the first copy will arrive some day.
            _ => {
                self.end(process, epoch);
                self.under_way.push((process, epoch));
                return Ok(Answer::Late);
            }
        }
        Err(Refused::Unanswered)
    }

    /// Whether a producer's epoch is over.
    pub fn is_fenced(&self, (process, epoch): (usize, u32)) -> bool {
        self.coordinators.get(&process).is_none_or(|one| one.epoch != epoch)
    }

    /// Aborts the open transaction.
    pub fn abort(&mut self, (process, epoch): (usize, u32)) {
        if self.coordinators.entry(process).or_default().epoch == epoch {
            self.abort_open(process);
        }
    }

    /// An end of a transaction that was under way arrives, and ends what is open then.
    pub fn arrive(&mut self) {
        if !self.under_way.is_empty() {
            let (process, epoch) = self.under_way.remove(0);
            self.end(process, epoch);
        }
    }

    fn end(&mut self, process: usize, epoch: u32) {
        let coordinator = self.coordinators.entry(process).or_default();
        if coordinator.epoch != epoch {
            return;
        }
        if let Some(open) = coordinator.open.take() {
            let transaction = &mut self.transactions[open];
            transaction.fate = Fate::Committed;
            let offsets = transaction.offsets.iter();
            self.offsets.extend(offsets.map(|(partition, offset)| (*partition, offset.clone())));
        }
    }

    /// The committed offset; an error while a transaction is open that would change it.
    pub fn committed(&self, partition: i32) -> Result<Option<Offset>, Refused> {
        let is_open =
            |one: &Transaction| one.fate == Fate::Open && one.offsets.contains_key(&partition);
        if self.transactions.iter().any(is_open) {
            return Err(Refused::Unanswered);
        }
        Ok(self.offsets.get(&partition).cloned())
    }

    /// What a read-committed reader sees: everything committed before the first transaction that is open.
    pub fn visible(&self) -> impl Iterator<Item = &(i32, Vec<u8>)> {
        let stable = self.transactions.iter().take_while(|one| one.fate != Fate::Open);
        stable.filter(|one| one.fate == Fate::Committed).flat_map(|one| &one.entries)
    }
}
