//! Entries of the database as they stand now, or as they stood when a snapshot was taken.

use std::path::Path;

use rocksdb::{DB, DBRawIterator, Direction, IteratorMode, ReadOptions, Snapshot};

use super::Error;
use crate::definition::Plan;
use crate::engine::{Address, Cell, ChainAddress, Loaded, Recurring, Remembered};
use crate::format::state::{self, Corrupt, Dictionary};
use crate::model::EventTime;

/// Key and value.
pub(super) type Entry = (Box<[u8]>, Box<[u8]>);

/// Entries, and what it takes to understand them.
#[derive(Clone, Copy)]
pub(super) struct Entries<'d> {
    pub(super) db: &'d DB,
    /// `None`: as they stand now.
    pub(super) snapshot: Option<&'d Snapshot<'d>>,
    pub(super) directory: &'d Path,
    pub(super) plan: &'d Plan,
    pub(super) dictionary: &'d Dictionary,
}

impl<'d> Entries<'d> {
    /// Every entry from a key on, in order of key.
    pub(super) fn from(self, key: &[u8]) -> impl Iterator<Item = Result<Entry, Error>> + use<'d> {
        let from = IteratorMode::From(key, Direction::Forward);
        let entries = self.db.iterator_opt(from, self.options());
        entries.map(move |entry| entry.map_err(|error| self.failed(error)))
    }

    /// The first entry from a key on.
    pub(super) fn first(self, key: &[u8]) -> Result<Option<Entry>, Error> {
        let mut place = self.db.raw_iterator_opt(self.options());
        place.seek(key);
        self.entry_at(&place)
    }

    /// The last entry whose key begins with `prefix`.
    pub(super) fn last(self, prefix: &[u8]) -> Result<Option<Entry>, Error> {
        let mut place = self.db.raw_iterator_opt(self.options());
        place.seek_for_prev(state::prefix_end(prefix));
        Ok(self.entry_at(&place)?.filter(|(key, _)| key.starts_with(prefix)))
    }

    /// The entry there. Other than the iterator of entries, which is one ahead, this passes nothing that lies beside it: before
    /// the last commit there may be thousands that were forgotten.
    fn entry_at(self, place: &DBRawIterator<'_>) -> Result<Option<Entry>, Error> {
        place.status().map_err(|error| self.failed(error))?;
        Ok(place.item().map(|(key, value)| (Box::from(key), Box::from(value))))
    }

    /// Every entry whose key begins with `prefix`.
    pub(super) fn with_prefix(self, prefix: &[u8]) -> Result<Vec<Entry>, Error> {
        let mut found = Vec::new();
        for entry in self.from(prefix) {
            let entry = entry?;
            if !entry.0.starts_with(prefix) {
                break;
            }
            found.push(entry);
        }
        Ok(found)
    }

    fn options(self) -> ReadOptions {
        let mut options = ReadOptions::default();
        if let Some(snapshot) = self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }

    pub(super) fn failed(self, error: rocksdb::Error) -> Error {
        Error::failed(self.directory, error)
    }

    pub(super) fn corrupt(self, corrupt: Corrupt) -> Error {
        Error::Corrupt(self.directory.into(), corrupt)
    }

    /// What a value says that stands under that address, with its parts.
    pub(super) fn read(&self, address: Address, value: &[u8]) -> Result<Loaded, Error> {
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
            for (key, value) in self.with_prefix(&prefix)? {
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
            for (key, value) in self.with_prefix(&prefix)? {
                state::restore_chain_part(&mut recurring, &key[prefix.len()..], &value)
                    .map_err(corrupt)?;
            }
        }
        Ok(recurring)
    }
}
