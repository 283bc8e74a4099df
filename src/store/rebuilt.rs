//! The end of a state that was made anew from its source: totals get the revisions under which they were delivered before,
//! and what is to be delivered becomes its outbox.
//!
//! Nobody has the state yet: only the last of these writes makes it one to be taken, so that they need not be one step.

use rocksdb::WriteBatch;

use super::{Error, Store, batch_of};
use crate::engine::{
    Address, ChainAddress, ChangeSink, CommitRecord, Loaded, OutboxEntry, Published, Usage,
};
use crate::format::state::{self, BatchEncoder};
use crate::model::PeriodTotal;

/// How many entries are written at once.
const ENTRIES_MAX: usize = 10_000;

impl Store {
    /// Has each published total that is kept be the revision that `ask` names; where it names none, that total stays what it
    /// is.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn republish(
        &mut self,
        usage: &Usage<'_>,
        ask: &mut impl FnMut(&PeriodTotal, &Published) -> Option<Published>,
    ) -> Result<(), Error> {
        let mut changed = Vec::new();
        for (metric, _) in (0..).zip(self.plan.metrics()) {
            let number = self.dictionary.number(metric);
            let prefixes = [state::cells_prefix(number), state::chains_prefix(number)];
            for (prefix, is_cell) in prefixes.into_iter().zip([true, false]) {
                for entry in self.now().from(&prefix) {
                    let (key, value) = entry?;
                    if !key.starts_with(&prefix) {
                        break;
                    }
                    let address = self.address_of(metric, &key, is_cell)?;
                    let mut found = self.now().read(address, &value)?;
                    if usage.republish(&mut found, ask) {
                        changed.push(found);
                    }
                    if changed.len() >= ENTRIES_MAX {
                        self.write_again(&std::mem::take(&mut changed))?;
                    }
                }
            }
        }
        self.write_again(&changed)
    }

    fn address_of(&self, metric: u32, key: &[u8], is_cell: bool) -> Result<Address, Error> {
        let corrupt = |corrupt| self.corrupt(corrupt);
        let (lineage, chain) = state::read_address(key).map_err(corrupt)?;
        let chain = ChainAddress { metric, lineage, key: chain };
        if !is_cell {
            return Ok(Address::Chain(chain));
        }
        Ok(Address::Cell(chain, state::end_of_cell_key(key).map_err(corrupt)?))
    }

    /// Writes entries without their parts, which stay.
    fn write_again(&self, entries: &[Loaded]) -> Result<(), Error> {
        let no_outbox = |_: &OutboxEntry| unreachable!("only cells and chains are written");
        let mut encoder = BatchEncoder::new(&self.dictionary, &no_outbox);
        for entry in entries {
            match entry {
                Loaded::Id(_) => {}
                Loaded::Cell(address, cell) => encoder.put_cell(address, cell, &[]),
                Loaded::Chain(address, chain) => encoder.put_chain(address, chain, &[]),
            }
        }
        self.write_lazily(batch_of(encoder.operations()))
    }

    /// Writes the outbox that follows `before`, the last commit, and the commit that has it, which is the only one from then
    /// on: nobody ever saw those that led to it.
    ///
    /// # Errors
    /// The disk.
    pub fn conclude(
        &mut self,
        before: &CommitRecord,
        record: &CommitRecord,
        outbox: impl ExactSizeIterator<Item = Vec<u8>>,
    ) -> Result<(), Error> {
        let made = u64::try_from(outbox.len()).unwrap_or(u64::MAX);
        assert_eq!(record.outbox_last, before.outbox_last + made, "a commit has its outbox");
        let mut batch = WriteBatch::default();
        for (sequence, bytes) in (before.outbox_last + 1..).zip(outbox) {
            batch.put(state::outbox_key(sequence), bytes);
            if batch.len() >= ENTRIES_MAX {
                self.write_lazily(std::mem::take(&mut batch))?;
            }
        }
        for commit in self.commits()? {
            batch.delete(state::commit_key(commit.number));
        }
        batch.put(state::commit_key(record.number), state::encode_commit(record));
        self.write(batch)
    }
}
