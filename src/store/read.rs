//! Reading: what the engine asks to load or scan, and what must be known at a start.

use rocksdb::{Direction, IteratorMode, ReadOptions};

use super::{Error, Store};
use crate::engine::{
    Address, Cell, ChainAddress, Loaded, Recurring, Remembered, Scan, ScanRange, StoredIndex,
    customer_digest,
};
use crate::format::state::{self, Corrupt};
use crate::model::EventTime;

/// An outbox entry's sequence and bytes.
pub type Numbered = (u64, Box<[u8]>);

type Entry = (Box<[u8]>, Box<[u8]>);

impl Store {
    /// What is stored under these addresses, in their order; those without an entry are left out.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn load(&self, addresses: &[Address]) -> Result<Vec<Loaded>, Error> {
        let keys: Vec<Vec<u8>> =
            addresses.iter().map(|address| state::address_key(address, &self.dictionary)).collect();
        let mut options = ReadOptions::default();
        options.set_verify_checksums(true);
        let values = self.db.multi_get_opt(&keys, &options);
        let mut found = Vec::new();
        for (address, value) in addresses.iter().zip(values) {
            if let Some(value) = value.map_err(|error| self.failed(error))? {
                found.push(self.read(address.clone(), &value)?);
            }
        }
        Ok(found)
    }

    /// A slice of a metric's cells or chains, and whether nothing follows.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn scan(&self, scan: &Scan) -> Result<(Vec<Loaded>, bool), Error> {
        let number = self.dictionary.number(scan.metric);
        let prefix = match scan.range {
            ScanRange::CellsEndingAt(end) => state::cells_ending_prefix(number, end),
            ScanRange::Chains => state::chains_prefix(number),
        };
        let from = match &scan.after {
            Some(address) => state::past(&state::address_key(address, &self.dictionary)),
            None => prefix.clone(),
        };
        let mut found = Vec::new();
        for entry in self.db.iterator(IteratorMode::From(&from, Direction::Forward)) {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            if !key.starts_with(&prefix) {
                return Ok((found, true));
            }
            if found.len() == scan.limit {
                return Ok((found, false));
            }
            let (lineage, chain) =
                state::read_address(&key).map_err(|corrupt| self.corrupt(corrupt))?;
            let chain = ChainAddress { metric: scan.metric, lineage, key: chain };
            let address = match scan.range {
                ScanRange::CellsEndingAt(end) => Address::Cell(chain, end),
                ScanRange::Chains => Address::Chain(chain),
            };
            found.push(self.read(address, &value)?);
        }
        Ok((found, true))
    }

    /// What must be known before entries are loaded.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn index(&self) -> Result<StoredIndex, Error> {
        let mut index = StoredIndex::default();
        for (place, _) in (0..).zip(self.plan.metrics()) {
            let number = self.dictionary.number(place);
            let ends = index.cell_ends.entry(place).or_default();
            let mut from = state::cells_prefix(number);
            let prefix = from.clone();
            // One look for each end: the next one begins behind all keys of this.
            while let Some((key, _)) =
                self.first_from(&from)?.filter(|(key, _)| key.starts_with(&prefix))
            {
                let end = state::end_of_cell_key(&key).map_err(|corrupt| self.corrupt(corrupt))?;
                ends.insert(end);
                from = state::prefix_end(&state::cells_ending_prefix(number, end));
            }
            let chains = state::chains_prefix(number);
            if self.first_from(&chains)?.is_some_and(|(key, _)| key.starts_with(&chains)) {
                index.chain_metrics.insert(place);
            }
        }
        for (key, _) in self.entries(&[state::CUSTOMER])? {
            let digest: Result<[u8; 8], _> = key[1..].try_into();
            let digest = digest.map_err(|_| {
                self.corrupt(Corrupt("a customer's key of another length".to_owned()))
            })?;
            index.customers.push(u64::from_be_bytes(digest));
        }
        Ok(index)
    }

    /// Tenant and name of a customer by its digest, found by a walk over all that is kept of periods: for the text of a
    /// halt. `None`: nothing is kept of it.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn customer_of(&self, digest: u64) -> Result<Option<(String, String)>, Error> {
        for (place, metric) in (0..).zip(self.plan.metrics()) {
            let number = self.dictionary.number(place);
            for prefix in [state::cells_prefix(number), state::chains_prefix(number)] {
                for entry in self.db.iterator(IteratorMode::From(&prefix, Direction::Forward)) {
                    let (key, _) = entry.map_err(|error| self.failed(error))?;
                    if !key.starts_with(&prefix) {
                        break;
                    }
                    let (_, chain) =
                        state::read_address(&key).map_err(|corrupt| self.corrupt(corrupt))?;
                    if customer_digest(&metric.tenant, chain.customer()) == digest {
                        let customer = chain.customer().to_owned();
                        return Ok(Some((metric.tenant.to_string(), customer)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Outbox entries from the first sequence to the last one, both included, at most `bytes_max` of them unless one
    /// alone is larger: sequence and bytes.
    ///
    /// # Errors
    /// The disk, or a sequence that is missing.
    pub fn outbox(&self, first: u64, last: u64, bytes_max: usize) -> Result<Vec<Numbered>, Error> {
        let mut found = Vec::new();
        let (mut expected, mut bytes) = (first, 0);
        let from = state::outbox_key(first);
        for entry in self.db.iterator(IteratorMode::From(&from, Direction::Forward)) {
            if expected > last || (bytes > bytes_max && !found.is_empty()) {
                return Ok(found);
            }
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            let is_entry = key.first() == Some(&state::OUTBOX);
            let sequence = if is_entry { state::sequence_of(&key).ok() } else { None };
            if sequence != Some(expected) {
                break;
            }
            bytes += value.len();
            found.push((expected, value));
            expected += 1;
        }
        if expected > last {
            return Ok(found);
        }
        Err(self.corrupt(Corrupt(format!("no outbox entry {expected}, though {last} were made"))))
    }

    /// Every entry whose key begins with `prefix`.
    pub(super) fn entries(&self, prefix: &[u8]) -> Result<Vec<Entry>, Error> {
        let mut found = Vec::new();
        for entry in self.db.iterator(IteratorMode::From(prefix, Direction::Forward)) {
            let entry = entry.map_err(|error| self.failed(error))?;
            if !entry.0.starts_with(prefix) {
                break;
            }
            found.push(entry);
        }
        Ok(found)
    }

    fn first_from(&self, key: &[u8]) -> Result<Option<Entry>, Error> {
        let mut iterator = self.db.iterator(IteratorMode::From(key, Direction::Forward));
        iterator.next().transpose().map_err(|error| self.failed(error))
    }

    fn read(&self, address: Address, value: &[u8]) -> Result<Loaded, Error> {
        match address {
            Address::Id(digest) => {
                let day: Result<[u8; 4], _> = value.try_into();
                let day =
                    day.map_err(|_| self.corrupt(Corrupt("an id without its day".to_owned())))?;
                Ok(Loaded::Id(Remembered { digest, day: u32::from_be_bytes(day) }))
            }
            Address::Cell(chain, end) => {
                let cell = self.read_cell(&chain, end, value)?;
                Ok(Loaded::Cell(chain, Box::new(cell)))
            }
            Address::Chain(chain) => {
                let recurring = self.read_chain(&chain, value)?;
                Ok(Loaded::Chain(chain, Box::new(recurring)))
            }
        }
    }

    fn read_cell(&self, chain: &ChainAddress, end: EventTime, value: &[u8]) -> Result<Cell, Error> {
        let metric = self.plan.metric(chain.metric);
        let timeline = metric.timeline(chain.key.customer());
        let corrupt = |corrupt| self.corrupt(corrupt);
        let mut cell = state::decode_cell(value, metric, timeline, end).map_err(corrupt)?;
        if cell.aggregate.has_parts() {
            let number = self.dictionary.number(chain.metric);
            let prefix = state::cell_parts_prefix(number, end, chain.lineage, &chain.key);
            let version = metric.version(cell.slot);
            for (key, value) in self.entries(&prefix)? {
                state::restore_cell_part(&mut cell, version, &key[prefix.len()..], &value)
                    .map_err(corrupt)?;
            }
        }
        Ok(cell)
    }

    fn read_chain(&self, chain: &ChainAddress, value: &[u8]) -> Result<Recurring, Error> {
        let metric = self.plan.metric(chain.metric);
        let timeline = metric.timeline(chain.key.customer());
        let corrupt = |corrupt| self.corrupt(corrupt);
        let mut recurring = state::decode_chain(value, metric, timeline).map_err(corrupt)?;
        if recurring.base.has_parts() {
            let number = self.dictionary.number(chain.metric);
            let prefix = state::chain_parts_prefix(number, chain.lineage, &chain.key);
            for (key, value) in self.entries(&prefix)? {
                state::restore_chain_part(&mut recurring, &key[prefix.len()..], &value)
                    .map_err(corrupt)?;
            }
        }
        Ok(recurring)
    }
}
