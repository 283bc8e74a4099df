//! Reading: what the engine asks to load or scan, and what must be known at a start.

use rocksdb::{Direction, IteratorMode, ReadOptions};

use super::entries::Entry;
use super::{Error, Store};
use crate::engine::{
    Address, ChainAddress, Loaded, Mark, Scan, ScanRange, StoredIndex, customer_digest,
};
use crate::format::state::{self, Corrupt};

/// An outbox entry's sequence and bytes.
pub type Numbered = (u64, Box<[u8]>);

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
        let (mut found, now) = (Vec::new(), self.now());
        for (address, value) in addresses.iter().zip(values) {
            if let Some(value) = value.map_err(|error| self.failed(error))? {
                found.push(now.read(address.clone(), &value)?);
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
        let (mut found, now) = (Vec::new(), self.now());
        for entry in now.from(&from) {
            let (key, value) = entry?;
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
            found.push(now.read(address, &value)?);
        }
        Ok((found, true))
    }

    /// What must be known before entries are loaded.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn index(&self) -> Result<StoredIndex, Error> {
        let customers = self.customers()?;
        let sources = self.sources()?;
        Ok(StoredIndex { customers, sources, ..self.index_of_metrics()? })
    }

    /// The same without the customers.
    ///
    /// # Errors
    /// The disk, or an entry that cannot be read.
    pub fn index_of_metrics(&self) -> Result<StoredIndex, Error> {
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
        Ok(index)
    }

    /// What is known of the partitions that events are re-keyed from.
    fn sources(&self) -> Result<Vec<Mark>, Error> {
        let entries = self.now().with_prefix(&[state::SOURCE])?;
        let decode = |(key, value): (_, _)| {
            state::decode_source(AsRef::as_ref(&key), AsRef::as_ref(&value))
                .map_err(|corrupt| self.corrupt(corrupt))
        };
        entries.into_iter().map(decode).collect()
    }

    /// Digests of all customers that were ever seen.
    pub(super) fn customers(&self) -> Result<Vec<u64>, Error> {
        let mut customers = Vec::new();
        for (key, _) in self.now().with_prefix(&[state::CUSTOMER])? {
            let digest: Result<[u8; 8], _> = key[1..].try_into();
            let digest = digest.map_err(|_| {
                self.corrupt(Corrupt("a customer's key of another length".to_owned()))
            })?;
            customers.push(u64::from_be_bytes(digest));
        }
        Ok(customers)
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

    fn first_from(&self, key: &[u8]) -> Result<Option<Entry>, Error> {
        self.now().first(key)
    }
}
