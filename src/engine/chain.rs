//! Chains: all cells of one metric, customer and group, and the table that finds them.
//!
//! A chain of a plain metric is a list of independent cells. A chain of a recurring metric also carries what
//! its cells leave from period to period (rule 4.2); it lives in `engine::recurring`.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::cell::Cell;
use super::plain::PlainCells;
use super::recurring::Recurring;
use crate::definition::GroupKey;
use crate::model::{EventTime, GroupValue};

/// Customer and group as bytes: they are compared, hashed and stored in this form.
///
/// ```text
/// customer length (2, big endian) | customer | group as definition::GroupKey writes it
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(Box<[u8]>);

impl Key {
    /// Writes the key of a customer and a group to the end of `bytes`.
    pub fn write(bytes: &mut Vec<u8>, customer: &str, group: &[u8]) {
        let length = u16::try_from(customer.len()).expect("a customer has at most 512 bytes");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(customer.as_bytes());
        bytes.extend_from_slice(group);
    }

    /// The key of a customer and the bytes of a group.
    pub fn of(customer: &str, group: &[u8]) -> Self {
        let mut bytes =
            Vec::with_capacity(2usize.saturating_add(customer.len()).saturating_add(group.len()));
        Key::write(&mut bytes, customer, group);
        Key(bytes.into())
    }

    /// A key from bytes that [`Key::write`] made.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Key(bytes.into())
    }

    /// As written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Who is billed.
    pub fn customer(&self) -> &str {
        customer_of(&self.0)
    }

    /// The group as `definition::GroupKey` writes it.
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "keys are those that `Key::write` made"
    )]
    pub fn group_bytes(&self) -> &[u8] {
        &self.0[2 + self.customer().len()..]
    }

    /// The group's values in declared order.
    pub fn group(&self) -> Box<[GroupValue]> {
        let group = GroupKey::from_bytes(self.group_bytes());
        group.expect("keys are made from groups").values().into()
    }
}

/// The customer in a key's bytes.
#[expect(clippy::indexing_slicing, reason = "keys are those that `Key::write` made")]
pub(super) fn customer_of(key: &[u8]) -> &str {
    let length = usize::from(u16::from_be_bytes([key[0], key[1]]));
    std::str::from_utf8(&key[2..2 + length]).expect("keys are made from text")
}

/// Which chain: a metric's place in the plan, its lineage (rule 5.6 d), customer and group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChainAddress {
    /// Place of the metric in the plan.
    pub metric: u32,
    /// Which run of versions.
    pub lineage: u32,
    /// Customer and group.
    pub key: Key,
}

/// The periods of one chain.
#[derive(Clone, PartialEq, Debug)]
pub enum Cells {
    /// Independent ones, by end.
    Plain(PlainCells),
    /// Linked by what is carried.
    Recurring(Box<Recurring>),
}

/// All state of one metric, customer and group.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Whose.
    pub address: ChainAddress,
    /// Its periods.
    pub cells: Cells,
    /// Whether something changed since it was stored.
    pub is_dirty: bool,
    /// Whether a published cell of it changed since the last cut.
    pub is_amended: bool,
    /// When it was last used, in batches.
    pub touched: u32,
    hash: u64,
    /// What it takes as far as [`Chains::bytes`] knows.
    counted_bytes: usize,
}

impl Chain {
    /// The plain cell that ends at `end`.
    pub fn plain_cell(&self, end: EventTime) -> Option<&Cell> {
        let Cells::Plain(cells) = &self.cells else { return None };
        cells.find(end)
    }

    /// Bytes of memory of its cells, roughly: what changes as events are folded.
    pub fn cell_bytes(&self) -> usize {
        match &self.cells {
            Cells::Plain(cells) => cells.bytes(),
            Cells::Recurring(recurring) => recurring.bytes(),
        }
    }

    /// Bytes of memory, roughly.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn bytes(&self) -> usize {
        size_of::<Chain>() + self.address.key.as_bytes().len() + 24 + self.cell_bytes()
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
pub(super) fn cell_bytes(cell: &Cell) -> usize {
    size_of::<Cell>() + extra_bytes(cell)
}

/// What a cell takes beside its own size.
#[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
pub(super) fn extra_bytes(cell: &Cell) -> usize {
    let published = if cell.published.is_some() { 64 } else { 0 };
    cell.aggregate.part_bytes() + published
}

/// The resident chains.
#[derive(Default)]
#[expect(clippy::struct_field_names, reason = "the chains themselves, beside what finds them")]
pub(super) struct Chains {
    chains: Vec<Option<Chain>>,
    free: Vec<u32>,
    bytes: usize,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Chains {
    /// Hash of an address; the same as long as this table lives.
    pub(super) fn hash(&self, metric: u32, lineage: u32, key: &[u8]) -> u64 {
        self.hasher.hash_one((metric, lineage, key))
    }

    /// The chain of that address, if it is resident.
    pub(super) fn find(&self, hash: u64, metric: u32, lineage: u32, key: &[u8]) -> Option<u32> {
        let is_it = |place: &u32| {
            let address = &self.chain(*place).address;
            address.metric == metric && address.lineage == lineage && address.key.as_bytes() == key
        };
        self.index.find(hash, is_it).copied()
    }

    /// Takes a chain in; no chain of its address may be there.
    pub(super) fn insert(&mut self, address: ChainAddress, cells: Cells) -> u32 {
        let hash = self.hash(address.metric, address.lineage, address.key.as_bytes());
        let chain = Chain {
            address,
            cells,
            is_dirty: false,
            is_amended: false,
            touched: 0,
            hash,
            counted_bytes: 0,
        };
        let place = if let Some(place) = self.free.pop() {
            *self.chains.get_mut(index(place)).expect("free places are in the list") = Some(chain);
            place
        } else {
            let place = self.places();
            if self.chains.len() == self.chains.capacity() {
                // By a quarter, not to the double: places are large.
                self.chains.reserve_exact((self.chains.len() >> 2).max(16));
            }
            self.chains.push(Some(chain));
            place
        };
        let chains = &self.chains;
        self.index.insert_unique(hash, place, |place| hash_at(chains, *place));
        self.recount(place);
        place
    }

    /// Counts the bytes of a chain anew, after it changed.
    pub(super) fn recount(&mut self, place: u32) {
        let chain = self.chain_mut(place);
        let bytes = chain.bytes();
        let before = std::mem::replace(&mut chain.counted_bytes, bytes);
        self.bytes = self.bytes.saturating_add(bytes).saturating_sub(before);
    }

    /// Bytes of memory of all chains, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops a chain from memory.
    pub(super) fn remove(&mut self, place: u32) -> Chain {
        let chain = self.chains.get_mut(index(place)).and_then(Option::take);
        let chain = chain.expect("the chain is resident");
        let entry = self.index.find_entry(chain.hash, |other| *other == place);
        entry.expect("resident chains are indexed").remove();
        // What was counted, whatever became of it since: nothing of it may stay in the sum.
        self.bytes = self.bytes.saturating_sub(chain.counted_bytes);
        self.free.push(place);
        chain
    }

    /// Whether more places are empty than taken, and take more than so many bytes.
    pub(super) fn is_sparse(&self, spared_bytes: usize) -> bool {
        let empty = self.chains.capacity().saturating_sub(self.count());
        empty > self.count() && empty.saturating_mul(size_of::<Option<Chain>>()) > spared_bytes
    }

    /// Moves all chains together. Every place is another one after this.
    pub(super) fn pack(&mut self) {
        self.chains.retain(Option::is_some);
        self.chains.shrink_to_fit();
        self.free = Vec::new();
        let chains = &self.chains;
        self.index = HashTable::with_capacity(chains.len());
        for (place, chain) in (0..).zip(chains) {
            let hash = chain.as_ref().map(|chain| chain.hash).expect("empty places were dropped");
            self.index.insert_unique(hash, place, |place| hash_at(chains, *place));
        }
    }

    /// The chain at a place, if one is there.
    pub(super) fn try_chain(&self, place: u32) -> Option<&Chain> {
        self.chains.get(index(place))?.as_ref()
    }

    /// The chain at a place.
    pub(super) fn chain(&self, place: u32) -> &Chain {
        self.try_chain(place).expect("the chain is resident")
    }

    /// The chain at a place.
    pub(super) fn chain_mut(&mut self, place: u32) -> &mut Chain {
        let chain = self.chains.get_mut(index(place)).and_then(Option::as_mut);
        chain.expect("the chain is resident")
    }

    /// The recurring chain at a place, with whose it is.
    pub(super) fn recurring_mut(&mut self, place: u32) -> (&ChainAddress, &mut Recurring) {
        let chain = self.chain_mut(place);
        match &mut chain.cells {
            Cells::Recurring(recurring) => (&chain.address, recurring),
            Cells::Plain(_) => unreachable!("asked of recurring chains"),
        }
    }

    /// The cells of the plain chain at a place.
    pub(super) fn plain_mut(&mut self, place: u32) -> &mut PlainCells {
        self.plain_with_address_mut(place).1
    }

    /// The cells of the plain chain at a place, with whose they are.
    pub(super) fn plain_with_address_mut(
        &mut self,
        place: u32,
    ) -> (&ChainAddress, &mut PlainCells) {
        let chain = self.chain_mut(place);
        match &mut chain.cells {
            Cells::Plain(cells) => (&chain.address, cells),
            Cells::Recurring(_) => unreachable!("asked of plain chains"),
        }
    }

    /// One past the greatest place in use.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.chains.len()).expect("fewer than 2^32 chains in memory")
    }

    /// How many are resident.
    pub(super) fn count(&self) -> usize {
        self.index.len()
    }
}

fn hash_at(chains: &[Option<Chain>], place: u32) -> u64 {
    let chain = chains.get(index(place)).and_then(Option::as_ref);
    chain.expect("indexed chains are resident").hash
}

fn index(place: u32) -> usize {
    usize::try_from(place).expect("an address has at least 32 bits")
}
