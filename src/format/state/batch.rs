//! A commit as one list of writes.

use super::bytes::Writer;
use super::commit::encode_commit;
use super::dictionary::Dictionary;
use super::key::{
    CALENDARS, cell_key, cell_parts_prefix, chain_key, chain_parts_prefix, commit_key,
    customer_key, dictionary_key, forgotten_key, id_key, outbox_key, past_cells, prefix_end,
    source_key,
};
use super::part::{part_value, write_part};
use super::source::encode_source;
use super::value::{encode_cell, encode_chain};
use crate::engine::{
    Cell, ChainAddress, ChangeSink, ChangedPart, CommitRecord, Mark, OutboxEntry, Recurring,
    Remembered, customer_digest,
};
use crate::model::EventTime;

/// One write.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// Forget every key from the first to before the second. Comes before the writes of the same commit.
    DeleteRange(Vec<u8>, Vec<u8>),
    /// Forget a key.
    Delete(Vec<u8>),
    /// Set a key.
    Put(Vec<u8>, Vec<u8>),
}

/// Turns what the processor gives into writes, for one commit.
pub struct BatchEncoder<'c> {
    dictionary: &'c Dictionary,
    encode_outbox: &'c dyn Fn(&OutboxEntry) -> Vec<u8>,
    ranges: Vec<(Vec<u8>, Vec<u8>)>,
    entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl<'c> BatchEncoder<'c> {
    /// An empty commit. `encode_outbox` gives an outbox entry its final bytes.
    pub fn new(
        dictionary: &'c Dictionary,
        encode_outbox: &'c dyn Fn(&OutboxEntry) -> Vec<u8>,
    ) -> Self {
        BatchEncoder { dictionary, encode_outbox, ranges: Vec::new(), entries: Vec::new() }
    }

    /// The writes of the commit, with its record: see [`BatchEncoder::operations`].
    pub fn finish(mut self, record: &CommitRecord) -> Vec<Operation> {
        self.put(commit_key(record.number), encode_commit(record));
        if let Some(calendars) = self.dictionary.changed_calendars() {
            self.put(vec![CALENDARS], calendars.to_vec());
        }
        for (number, entry) in self.dictionary.changed() {
            self.entries.push((dictionary_key(*number), Some(entry.clone())));
        }
        self.operations()
    }

    /// How many writes there are, with those that a later one of the same key makes needless.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn count(&self) -> usize {
        self.ranges.len() + self.entries.len()
    }

    /// The writes: ranges first, then entries in order of their keys, each key once.
    pub fn operations(mut self) -> Vec<Operation> {
        // Of one key the last write counts, and the sort is stable.
        self.entries.sort_by(|one, other| one.0.cmp(&other.0));
        let mut operations: Vec<Operation> =
            self.ranges.into_iter().map(|(from, to)| Operation::DeleteRange(from, to)).collect();
        let mut entries = self.entries.into_iter().peekable();
        while let Some((key, value)) = entries.next() {
            if entries.peek().is_some_and(|(next, _)| *next == key) {
                continue;
            }
            operations.push(match value {
                Some(value) => Operation::Put(key, value),
                None => Operation::Delete(key),
            });
        }
        operations
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.entries.push((key, Some(value)));
    }

    fn put_parts(&mut self, prefix: &[u8], has_cells: bool, parts: &[ChangedPart]) {
        for (start, part, value) in parts {
            let mut key = Writer(prefix.to_vec());
            if has_cells {
                key.option(*start, |key, start| {
                    key.time(start);
                });
            }
            write_part(&mut key, part);
            self.entries.push((key.0, part_value(value)));
        }
    }
}

impl ChangeSink for BatchEncoder<'_> {
    fn put_id(&mut self, id: Remembered) {
        self.put(id_key(id.digest), id.day.to_be_bytes().to_vec());
    }

    fn put_cell(&mut self, address: &ChainAddress, cell: &Cell, parts: &[ChangedPart]) {
        let (number, end) = (self.dictionary.number(address.metric), cell.slot.period.end);
        let key = cell_key(number, end, address.lineage, &address.key);
        self.put(key, encode_cell(cell));
        let prefix = cell_parts_prefix(number, end, address.lineage, &address.key);
        self.put_parts(&prefix, false, parts);
    }

    fn delete_cells(&mut self, metric: u32, through: EventTime) {
        let number = self.dictionary.number(metric);
        self.put(forgotten_key(number), Vec::new());
        self.ranges.extend(past_cells(number, through));
    }

    fn put_chain(&mut self, address: &ChainAddress, chain: &Recurring, parts: &[ChangedPart]) {
        let number = self.dictionary.number(address.metric);
        self.put(chain_key(number, address.lineage, &address.key), encode_chain(chain));
        if !chain.retired.is_empty() {
            self.put(forgotten_key(number), Vec::new());
        }
        let prefix = chain_parts_prefix(number, address.lineage, &address.key);
        // One range for all: a store pays for each as long as its files live, and what is kept starts later.
        if let (true, Some(first), Some(last)) =
            (chain.base.has_parts(), chain.retired.iter().min(), chain.retired.iter().max())
        {
            let [from, last] = [first, last].map(|start| {
                let mut key = Writer(prefix.clone());
                key.option(Some(*start), |key, start| {
                    key.time(start);
                });
                key.0
            });
            self.ranges.push((from, prefix_end(&last)));
        }
        self.put_parts(&prefix, true, parts);
    }

    fn delete_chain(&mut self, address: &ChainAddress) {
        let number = self.dictionary.number(address.metric);
        self.put(forgotten_key(number), Vec::new());
        self.entries.push((chain_key(number, address.lineage, &address.key), None));
        let prefix = chain_parts_prefix(number, address.lineage, &address.key);
        let to = prefix_end(&prefix);
        self.ranges.push((prefix, to));
    }

    fn put_source(&mut self, mark: Mark) {
        self.put(source_key(mark.partition), encode_source(mark.progress));
    }

    fn put_customer(&mut self, tenant: &str, customer: &str) {
        self.put(customer_key(customer_digest(tenant, customer)), Vec::new());
    }

    fn put_outbox(&mut self, sequence: u64, entry: &OutboxEntry) {
        let bytes = (self.encode_outbox)(entry);
        self.put(outbox_key(sequence), bytes);
    }
}
