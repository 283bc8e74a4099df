//! A broker: one source log for each partition, one output log, a consumer group, and transactions.
//!
//! What a request does and what its sender hears of it are two things here: answers are lost, and the end of a
//! transaction may arrive when its producer has begun the next one, as the older protocol permits.

use std::collections::{BTreeMap, BTreeSet};

use super::chance::{Chance, Fault};

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
    /// The first record that each still has.
    pub starts: Vec<usize>,
    /// How often a committed offset may have changed.
    pub changes: u64,
    /// Grows with every rebalance.
    pub generation: u32,
    assignment: BTreeMap<i32, usize>,
    revoked: BTreeMap<usize, BTreeSet<i32>>,
    /// How often the group took each process for gone: another member each time.
    members: BTreeMap<usize, u32>,
    coordinators: BTreeMap<usize, Coordinator>,
    transactions: Vec<Transaction>,
    offsets: BTreeMap<i32, Offset>,
    /// Offsets that were forgotten, for whoever wrote them down.
    expired: BTreeMap<i32, Offset>,
    under_way: Vec<(usize, u32)>,
}

impl Broker {
    /// A broker with empty logs.
    pub fn new(partitions: usize) -> Self {
        Broker { ends: vec![0; partitions], starts: vec![0; partitions], ..Broker::default() }
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

    /// The same after the group took a process for gone: its client is in the group again, and says nothing of what it lost.
    pub fn forget(&mut self, process: usize, assignment: BTreeMap<i32, usize>) {
        self.rebalance(assignment);
        self.revoked.remove(&process);
        *self.members.entry(process).or_default() += 1;
    }

    /// As which member the group knows a process.
    pub fn member(&self, process: usize) -> u32 {
        self.members.get(&process).copied().unwrap_or_default()
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
    pub fn init_transactions(
        &mut self,
        process: usize,
        chance: &mut Chance,
    ) -> Result<u32, Refused> {
        if chance.strikes(Fault::InitUnanswered, 5) {
            return Err(Refused::Unanswered);
        }
        self.abort_open(process);
        let coordinator = self.coordinators.entry(process).or_default();
        coordinator.epoch += 1;
        Ok(coordinator.epoch)
    }

    /// The transaction of a producer that says nothing is aborted; the producer is fenced. Returns whether there was one.
    pub fn time_out(&mut self, process: usize) -> bool {
        let is_open = self.coordinators.get(&process).is_some_and(|one| one.open.is_some());
        if is_open {
            self.abort_open(process);
            self.coordinators.entry(process).or_default().epoch += 1;
        }
        is_open
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
        chance: &mut Chance,
    ) -> Result<(), Refused> {
        let is_lost = chance.strikes(Fault::EntryUnanswered, 1);
        self.open(process, epoch)?.entries.push((partition, bytes));
        if is_lost { Err(Refused::Unanswered) } else { Ok(()) }
    }

    /// Adds an offset to the open transaction.
    pub fn send_offsets(
        &mut self,
        (process, epoch): (usize, u32),
        generation: u32,
        (partition, offset): (i32, Offset),
        chance: &mut Chance,
    ) -> Result<(), Refused> {
        if generation != self.generation {
            return Err(Refused::StaleGeneration);
        }
        let is_lost = chance.strikes(Fault::OffsetsUnanswered, 2);
        self.open(process, epoch)?.offsets.insert(partition, offset);
        if is_lost { Err(Refused::Unanswered) } else { Ok(()) }
    }

    /// Commits the open transaction, unless the request goes astray.
    pub fn commit(
        &mut self,
        (process, epoch): (usize, u32),
        chance: &mut Chance,
    ) -> Result<Answer, Refused> {
        if self.coordinators.entry(process).or_default().epoch != epoch {
            return Err(Refused::Fenced);
        }
        let fault = *chance.dice.pick(&[
            Fault::CommitUnanswered,
            Fault::CommitLost,
            Fault::CommitDelayed,
            Fault::CommitRepeated,
        ]);
        if !chance.strikes(fault, 30) {
            self.end(process, epoch);
            return Ok(Answer::Prompt);
        }
        if matches!(fault, Fault::CommitUnanswered | Fault::CommitRepeated) {
            self.end(process, epoch);
        }
        if matches!(fault, Fault::CommitDelayed | Fault::CommitRepeated) {
            self.under_way.push((process, epoch));
        }
        // It is answered where it was repeated: the answer is the second copy's.
        if fault == Fault::CommitRepeated { Ok(Answer::Late) } else { Err(Refused::Unanswered) }
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

    /// An end of a transaction that was under way arrives, and ends what is open then. Returns whether there was one.
    pub fn arrive(&mut self) -> bool {
        let is_under_way = !self.under_way.is_empty();
        if is_under_way {
            let (process, epoch) = self.under_way.remove(0);
            self.end(process, epoch);
        }
        is_under_way
    }

    /// The log of a partition that somebody began loses records. Returns whether it has such.
    pub fn retain(&mut self, partition: i32, chance: &mut Chance) -> bool {
        let part = usize::try_from(partition).expect("not negative");
        let start = self.starts[part] + chance.dice.below(self.ends[part] - self.starts[part] + 1);
        let is_lost = start > self.starts[part] && self.offsets.contains_key(&partition);
        if is_lost {
            self.starts[part] = start;
        }
        is_lost
    }

    /// The group's offset is forgotten. Returns whether there was one.
    pub fn expire(&mut self, partition: i32) -> bool {
        let offset = self.offsets.remove(&partition);
        let is_gone = offset.is_some();
        self.expired.extend(offset.map(|offset| (partition, offset)));
        is_gone
    }

    /// Somebody brings back what the log lost, and sets the offsets that were forgotten. Returns whether anything was.
    pub fn repair(&mut self) -> bool {
        let is_broken = !self.expired.is_empty() || self.starts.iter().any(|start| *start > 0);
        self.starts.fill(0);
        self.offsets.append(&mut self.expired);
        is_broken
    }

    /// Whether the group ever had an offset of a partition.
    pub fn has_begun(&self, partition: i32) -> bool {
        self.offsets.contains_key(&partition) || self.expired.contains_key(&partition)
    }

    fn end(&mut self, process: usize, epoch: u32) {
        let coordinator = self.coordinators.entry(process).or_default();
        if coordinator.epoch != epoch {
            return;
        }
        if let Some(open) = coordinator.open.take() {
            self.changes += 1;
            let transaction = &mut self.transactions[open];
            transaction.fate = Fate::Committed;
            let offsets = transaction.offsets.iter();
            // What was forgotten is of no use any more.
            self.expired.retain(|partition, _| !transaction.offsets.contains_key(partition));
            self.offsets.extend(offsets.map(|(partition, offset)| (*partition, offset.clone())));
        }
    }

    /// The committed offset, for whoever sees all.
    pub fn offset(&self, partition: i32) -> Option<&Offset> {
        self.offsets.get(&partition).or_else(|| self.expired.get(&partition))
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
