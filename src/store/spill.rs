//! All state of a task that had no store moves to a temporary one: in slices, so that memory hardly grows by it.
//!
//! A lasting store must not be written so: a commit in it is one atomic step.

use super::{Error, Store, batch_of};
use crate::engine::{
    Cell, ChainAddress, ChangeSink, ChangedPart, CommitRecord, Mark, OutboxEntry, Processor,
    Recurring, Remembered,
};
use crate::format::state::BatchEncoder;
use crate::model::EventTime;

/// How many writes a slice has.
const SLICE_WRITES: usize = 16_384;

impl Store {
    /// Writes the first commit of a processor that this store was just attached to. The outbox must be empty.
    ///
    /// # Errors
    /// The disk; then store and processor are of no further use.
    ///
    /// # Panics
    /// Where the store is to last.
    pub fn spill(&mut self, record: &CommitRecord, processor: &mut Processor) -> Result<(), Error> {
        assert!(!self.is_durable, "a commit of a lasting store is one atomic step");
        let mut slices = Slices { store: self, encoder: self.encoder(), outcome: Ok(()) };
        processor.write_changes(&mut slices);
        let Slices { encoder, outcome, .. } = slices;
        outcome?;
        self.write(batch_of(encoder.finish(record)))?;
        self.dictionary.is_stored();
        Ok(())
    }

    fn encoder(&self) -> BatchEncoder<'_> {
        BatchEncoder::new(&self.dictionary, &|entry: &OutboxEntry| {
            panic!("the outbox was taken before: {entry:?}")
        })
    }
}

/// Hands a slice to the database as soon as it is full. It takes no deletions: what was never stored has none.
struct Slices<'s> {
    store: &'s Store,
    encoder: BatchEncoder<'s>,
    outcome: Result<(), Error>,
}

impl Slices<'_> {
    fn write_if_full(&mut self) {
        if self.encoder.count() >= SLICE_WRITES && self.outcome.is_ok() {
            let full = std::mem::replace(&mut self.encoder, self.store.encoder());
            self.outcome = self.store.write(batch_of(full.operations()));
        }
    }
}

impl ChangeSink for Slices<'_> {
    fn put_id(&mut self, id: Remembered) {
        self.encoder.put_id(id);
        self.write_if_full();
    }

    fn put_cell(&mut self, address: &ChainAddress, cell: &Cell, parts: &[ChangedPart]) {
        self.encoder.put_cell(address, cell, parts);
        self.write_if_full();
    }

    fn delete_cells(&mut self, metric: u32, through: EventTime) {
        panic!("cells of metric {metric} up to {through} were never stored");
    }

    fn put_chain(&mut self, address: &ChainAddress, chain: &Recurring, parts: &[ChangedPart]) {
        assert_eq!(chain.retired, [], "cells of {address:?} were never stored");
        self.encoder.put_chain(address, chain, parts);
        self.write_if_full();
    }

    fn delete_chain(&mut self, address: &ChainAddress) {
        panic!("{address:?} was never stored");
    }

    fn put_source(&mut self, mark: Mark) {
        self.encoder.put_source(mark);
    }

    fn put_customer(&mut self, tenant: &str, customer: &str) {
        self.encoder.put_customer(tenant, customer);
        self.write_if_full();
    }

    fn put_outbox(&mut self, sequence: u64, entry: &OutboxEntry) {
        self.encoder.put_outbox(sequence, entry);
    }
}
