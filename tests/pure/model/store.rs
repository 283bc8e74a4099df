//! A store in memory with the bytes of `format::state`: mirrors `odometer::store`, entry by entry.
//!
//! A [`Disk`] outlives the process that writes to it: what was flushed stays, and of what was not a crash keeps the
//! first few writes, in the order in which they were made.

use std::collections::BTreeMap;
use std::sync::Arc;

use odometer::definition::Plan;
use odometer::engine::{
    Address, Cell, ChainAddress, CommitRecord, Loaded, OutboxEntry, Processor, Recurring,
    Remembered, Scan, ScanRange, Start, StoredIndex,
};
use odometer::format::state::{self, BatchEncoder, Dictionary, Identity, Operation};
use odometer::model::EventTime;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Entries, and which of them would survive a crash.
#[derive(Clone, Default, Debug)]
pub struct Disk {
    entries: Entries,
    flushed: Entries,
    unflushed: Vec<Vec<Operation>>,
    is_damaged: bool,
}

impl Disk {
    /// A disk with these entries, all flushed.
    pub fn of(entries: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let entries: Entries = entries.into_iter().collect();
        Disk { flushed: entries.clone(), entries, ..Disk::default() }
    }

    /// Every entry.
    pub fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Some entries are gone, which the checksums tell of whatever they were in.
    pub fn damage(&mut self, mut hits: impl FnMut(&[u8]) -> bool) {
        self.is_damaged = true;
        self.entries.retain(|key, _| !hits(key));
        self.flushed.clone_from(&self.entries);
    }

    /// Whether what is here is not what was written.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Writes all of a batch at once.
    pub fn write(&mut self, operations: Vec<Operation>) {
        apply(&mut self.entries, &operations);
        self.unflushed.push(operations);
    }

    /// What was written so far survives from now on.
    pub fn flush(&mut self) {
        for operations in std::mem::take(&mut self.unflushed) {
            apply(&mut self.flushed, &operations);
        }
    }

    /// How many writes a crash may lose.
    pub fn unflushed(&self) -> usize {
        self.unflushed.len()
    }

    /// The process is gone; of the writes that were not flushed the first `kept` survive.
    pub fn crash(&mut self, kept: usize) {
        self.unflushed.truncate(kept);
        self.flush();
        self.entries.clone_from(&self.flushed);
    }

    fn with_prefix<'d>(
        &'d self,
        prefix: &'d [u8],
    ) -> impl Iterator<Item = (&'d [u8], &'d [u8])> + 'd {
        let range = self.entries.range(prefix.to_vec()..state::prefix_end(prefix));
        range.map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

fn apply(entries: &mut Entries, operations: &[Operation]) {
    for operation in operations {
        match operation {
            Operation::DeleteRange(from, to) => {
                let keys = entries.range(from.clone()..to.clone()).map(|(key, _)| key.clone());
                for key in keys.collect::<Vec<_>>() {
                    entries.remove(&key);
                }
            }
            Operation::Delete(key) => drop(entries.remove(key)),
            Operation::Put(key, value) => drop(entries.insert(key.clone(), value.clone())),
        }
    }
}

/// A disk in the hands of one process.
pub struct Store {
    /// Where it all is.
    pub disk: Disk,
    plan: Arc<Plan>,
    dictionary: Dictionary,
    identity: Identity,
    /// A bug on purpose: what has keys of that kind is not written.
    pub forgets: Option<u8>,
}

impl Store {
    /// Opens what is on the disk; where nothing is, it will be what `fresh` says.
    pub fn open(disk: Disk, plan: &Arc<Plan>, fresh: Identity) -> Self {
        let stored = disk.entries.get(&[state::IDENTITY][..]);
        let identity = stored.map_or(fresh, |bytes| {
            state::decode_identity(bytes).expect("what was written is read")
        });
        let entries = disk.with_prefix(&[state::DICTIONARY]);
        let entries = entries.map(|(key, value)| {
            let number = key[1..].try_into().expect("a number of four bytes");
            (u32::from_be_bytes(number), value)
        });
        let mut dictionary = Dictionary::new(plan, entries)
            .expect("what was written is read")
            .expect("the plan is the same");
        let calendars = disk.entries.get(&[state::CALENDARS][..]);
        let changed = dictionary.take_calendars(plan, calendars.map(Vec::as_slice));
        assert!(calendars.is_none() || changed.expect("what was written is read").is_empty());
        Store { disk, plan: Arc::clone(plan), dictionary, identity, forgets: None }
    }

    /// What the state is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Writes the genesis of a fresh state.
    pub fn begin(&mut self, genesis: &CommitRecord) {
        self.disk.write(vec![
            Operation::Put(vec![state::IDENTITY], state::encode_identity(&self.identity)),
            Operation::Put(state::commit_key(genesis.number), state::encode_commit(genesis)),
        ]);
        self.disk.flush();
    }

    /// Writes a commit in one step; whether it is flushed is the caller's business.
    pub fn commit(
        &mut self,
        record: &CommitRecord,
        processor: &mut Processor,
        encode_outbox: &dyn Fn(&OutboxEntry) -> Vec<u8>,
    ) {
        let mut encoder = BatchEncoder::new(&self.dictionary, encode_outbox);
        processor.write_changes(&mut encoder);
        let mut operations = encoder.finish(record);
        if let Some(kind) = self.forgets {
            operations.retain(|one| !matches!(one, Operation::Put(key, _) if key[0] == kind));
        }
        self.disk.write(operations);
        self.dictionary.is_stored();
    }

    /// Forgets outbox entries up to `through`, and commits before `visible`.
    pub fn trim(&mut self, through: u64, visible: u64) {
        let ranges = [
            (state::outbox_key(0), state::outbox_key(through + 1)),
            (state::commit_key(0), state::commit_key(visible)),
        ];
        let operations = ranges.map(|(from, to)| Operation::DeleteRange(from, to));
        self.disk.write(operations.into());
    }

    /// Forgets ids of days up to `day`.
    pub fn expire(&mut self, day: u32) {
        let ids = self.disk.with_prefix(&[state::ID]);
        let is_past = |value: &[u8]| {
            u32::from_be_bytes(value.try_into().expect("a day of four bytes")) <= day
        };
        let past = ids.filter(|(_, value)| is_past(value));
        let deletes = past.map(|(key, _)| Operation::Delete(key.to_vec())).collect();
        self.disk.write(deletes);
    }

    /// The commits that are kept, oldest first.
    pub fn commits(&self) -> Vec<CommitRecord> {
        let entries = self.disk.with_prefix(&[state::COMMIT]);
        let decode = |value| state::decode_commit(value).expect("what was written is read");
        let commits: Vec<CommitRecord> = entries.map(|(_, value)| decode(value)).collect();
        for pair in commits.windows(2) {
            assert_eq!(pair[1].parent, Some(pair[0].id), "commit records follow each other");
        }
        commits
    }

    /// What a processor starts from.
    pub fn start(&self, delivered: u64, is_offset_behind: bool) -> Start {
        let last = *self.commits().last().expect("a state has its genesis");
        let (digest_key, stored) = (self.identity.digest_key, Some(self.index()));
        Start { digest_key, last, delivered, is_offset_behind, stored }
    }

    /// What is stored under these addresses, in their order.
    pub fn load(&self, addresses: &[Address]) -> Vec<Loaded> {
        let entry = |address: &Address| {
            let value = self.disk.entries.get(&state::address_key(address, &self.dictionary))?;
            Some(self.read(address.clone(), value))
        };
        addresses.iter().filter_map(entry).collect()
    }

    /// A slice of a metric's cells or chains, and whether nothing follows.
    pub fn scan(&self, scan: &Scan) -> (Vec<Loaded>, bool) {
        let number = self.dictionary.number(scan.metric);
        let prefix = match scan.range {
            ScanRange::CellsEndingAt(end) => state::cells_ending_prefix(number, end),
            ScanRange::Chains => state::chains_prefix(number),
        };
        let from = match &scan.after {
            Some(address) => state::past(&state::address_key(address, &self.dictionary)),
            None => prefix.clone(),
        };
        // So few that sweeps come to pause in the middle.
        let limit = scan.limit.min(2);
        let mut found = Vec::new();
        for (key, value) in self.disk.entries.range(from..state::prefix_end(&prefix)) {
            if found.len() == limit {
                return (found, false);
            }
            let (lineage, chain) = state::read_address(key).expect("what was written is read");
            let chain = ChainAddress { metric: scan.metric, lineage, key: chain };
            let address = match scan.range {
                ScanRange::CellsEndingAt(end) => Address::Cell(chain, end),
                ScanRange::Chains => Address::Chain(chain),
            };
            found.push(self.read(address, value));
        }
        (found, true)
    }

    /// What must be known before entries are loaded.
    pub fn index(&self) -> StoredIndex {
        let mut index = StoredIndex::default();
        for (place, _) in (0..).zip(self.plan.metrics()) {
            let number = self.dictionary.number(place);
            let cells = state::cells_prefix(number);
            let ends = self
                .disk
                .with_prefix(&cells)
                .map(|(key, _)| state::end_of_cell_key(key).expect("what was written is read"));
            index.cell_ends.insert(place, ends.collect());
            if self.disk.with_prefix(&state::chains_prefix(number)).next().is_some() {
                index.chain_metrics.insert(place);
            }
        }
        for (key, value) in self.disk.with_prefix(&[state::SOURCE]) {
            index.sources.push(state::decode_source(key, value).expect("what was written is read"));
        }
        for (key, _) in self.disk.with_prefix(&[state::CUSTOMER]) {
            let digest = key[1..].try_into().expect("a digest of eight bytes");
            index.customers.push(u64::from_be_bytes(digest));
        }
        index
    }

    /// Outbox entries from the first sequence to the last one, at most `limit` of them.
    pub fn outbox(&self, first: u64, last: u64, limit: usize) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        for sequence in (first..=last).take(limit) {
            let value = self.disk.entries.get(&state::outbox_key(sequence));
            let value = value.unwrap_or_else(|| panic!("no entry {sequence} of {first} to {last}"));
            found.push((sequence, value.clone()));
        }
        found
    }

    /// Whether an outbox entry is kept.
    pub fn has_entry(&self, sequence: u64) -> bool {
        self.disk.entries.contains_key(&state::outbox_key(sequence))
    }

    fn read(&self, address: Address, value: &[u8]) -> Loaded {
        match address {
            Address::Id(digest) => {
                let day = u32::from_be_bytes(value.try_into().expect("a day of four bytes"));
                Loaded::Id(Remembered { digest, day })
            }
            Address::Cell(chain, end) => {
                let cell = self.read_cell(&chain, end, value);
                Loaded::Cell(chain, Box::new(cell))
            }
            Address::Chain(chain) => {
                let recurring = self.read_chain(&chain, value);
                Loaded::Chain(chain, Box::new(recurring))
            }
        }
    }

    fn read_cell(&self, chain: &ChainAddress, end: EventTime, value: &[u8]) -> Cell {
        let metric = self.plan.metric(chain.metric);
        let timeline = metric.timeline(chain.key.customer());
        let cell = state::decode_cell(value, metric, timeline, end);
        let mut cell = cell.unwrap_or_else(|corrupt| panic!("{corrupt:?}"));
        if cell.aggregate.has_parts() {
            let number = self.dictionary.number(chain.metric);
            let prefix = state::cell_parts_prefix(number, end, chain.lineage, &chain.key);
            let version = metric.version(cell.slot);
            for (key, value) in self.disk.with_prefix(&prefix) {
                state::restore_cell_part(&mut cell, version, &key[prefix.len()..], value)
                    .unwrap_or_else(|corrupt| panic!("{corrupt:?}"));
            }
        }
        cell
    }

    fn read_chain(&self, chain: &ChainAddress, value: &[u8]) -> Recurring {
        let metric = self.plan.metric(chain.metric);
        let timeline = metric.timeline(chain.key.customer());
        let recurring = state::decode_chain(value, metric, timeline);
        let mut recurring = recurring.unwrap_or_else(|corrupt| panic!("{corrupt:?}"));
        if recurring.base.has_parts() {
            let number = self.dictionary.number(chain.metric);
            let prefix = state::chain_parts_prefix(number, chain.lineage, &chain.key);
            for (key, value) in self.disk.with_prefix(&prefix) {
                state::restore_chain_part(&mut recurring, &key[prefix.len()..], value)
                    .unwrap_or_else(|corrupt| panic!("{corrupt:?}"));
            }
        }
        recurring
    }
}
