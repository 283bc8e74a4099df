//! Keys of the store's entries: see the table in `state`.

use super::bytes::{Corrupt, Reader, Writer};
use super::dictionary::Dictionary;
use crate::definition::GroupKey;
use crate::engine::{Address, IdDigest, Key};
use crate::model::EventTime;

/// First byte of the entry that says what the state is.
pub const IDENTITY: u8 = b'M';
/// First byte of commit records.
pub const COMMIT: u8 = b'C';
/// First byte of the dictionary's entries.
pub const DICTIONARY: u8 = b'D';
/// First byte of remembered ids.
pub const ID: u8 = b'I';
/// First byte of outbox entries.
pub const OUTBOX: u8 = b'O';
/// First byte of the entry of customers' own calendars.
pub const CALENDARS: u8 = b'B';
/// First byte of the note of where removal of forgotten ids goes on.
pub const EXPIRY: u8 = b'E';
/// First byte of customers seen.
pub const CUSTOMER: u8 = b'U';
/// First byte of the note of the last record read.
pub const RECORD: u8 = b'F';
/// First byte of the notes of followed files.
pub const FOLLOWED: u8 = b'L';
/// First byte of the notes that periods of a metric were forgotten.
pub(super) const FORGOTTEN: u8 = b'G';
/// First byte of the note of how far output files are visible.
pub const WRITTEN: u8 = b'W';
/// First byte of the notes of the last two times that the state was opened.
pub(super) const OPENING: u8 = b'T';
/// First byte of what is known of the partitions that events are re-keyed from.
pub const SOURCE: u8 = b'Q';
/// First byte of what is known of claims of customers; alone it is the key of the note.
pub const CLAIMS: u8 = b'N';
pub(super) const CELL: u8 = b'K';
pub(super) const CELL_PART: u8 = b'P';
pub(super) const CHAIN: u8 = b'R';
pub(super) const CHAIN_PART: u8 = b'S';

fn start(first: u8) -> Writer {
    Writer(vec![first])
}

/// Key of a commit record.
pub fn commit_key(number: u64) -> Vec<u8> {
    std::mem::take(&mut start(COMMIT).u64(number).0)
}

/// Key of a dictionary entry.
pub fn dictionary_key(metric: u32) -> Vec<u8> {
    std::mem::take(&mut start(DICTIONARY).u32(metric).0)
}

/// Key of what an address names.
pub fn address_key(address: &Address, dictionary: &Dictionary) -> Vec<u8> {
    match address {
        Address::Id(digest) => id_key(*digest),
        Address::Cell(chain, end) => {
            cell_key(dictionary.number(chain.metric), *end, chain.lineage, &chain.key)
        }
        Address::Chain(chain) => {
            chain_key(dictionary.number(chain.metric), chain.lineage, &chain.key)
        }
    }
}

/// Key of a remembered id.
pub(super) fn id_key(digest: IdDigest) -> Vec<u8> {
    std::mem::take(&mut start(ID).bytes(&digest.to_bytes()).0)
}

/// Key of an outbox entry.
pub fn outbox_key(sequence: u64) -> Vec<u8> {
    std::mem::take(&mut start(OUTBOX).u64(sequence).0)
}

/// The sequence in an outbox entry's key.
///
/// # Errors
/// A key of another form.
pub fn sequence_of(key: &[u8]) -> Result<u64, Corrupt> {
    let mut reader = Reader::new(key.get(1..).unwrap_or_default(), "an outbox entry's key");
    reader.u64()
}

/// Key of the note of a followed file.
pub fn followed_key(file: u32) -> Vec<u8> {
    std::mem::take(&mut start(FOLLOWED).u32(file).0)
}

/// The file's number in the key of its note.
///
/// # Errors
/// A key of another form.
pub fn number_of_followed(key: &[u8]) -> Result<u32, Corrupt> {
    let mut reader = Reader::new(key.get(1..).unwrap_or_default(), "a followed file's key");
    let number = reader.u32()?;
    reader.end()?;
    Ok(number)
}

/// Key of the note that periods of a metric were forgotten.
pub fn forgotten_key(metric: u32) -> Vec<u8> {
    std::mem::take(&mut start(FORGOTTEN).u32(metric).0)
}

/// Key of the note of an opening of the state, that of the one before the last.
pub fn opening_key(number: u64) -> Vec<u8> {
    vec![OPENING, u8::from(number % 2 == 1)]
}

/// Key of a customer seen.
pub fn customer_key(digest: u64) -> Vec<u8> {
    std::mem::take(&mut start(CUSTOMER).u64(digest).0)
}

/// Key of a customer whose claim is not known to be made.
pub fn unclaimed_key(digest: u64) -> Vec<u8> {
    std::mem::take(&mut start(CLAIMS).u64(digest).0)
}

/// Key of what is known of a source partition.
pub(super) fn source_key(partition: u32) -> Vec<u8> {
    std::mem::take(&mut start(SOURCE).u32(partition).0)
}

/// What all plain cells of a metric begin with.
pub fn cells_prefix(metric: u32) -> Vec<u8> {
    std::mem::take(&mut start(CELL).u32(metric).0)
}

/// What all plain cells of a metric's periods that end then begin with.
pub fn cells_ending_prefix(metric: u32, end: EventTime) -> Vec<u8> {
    std::mem::take(&mut start(CELL).u32(metric).time(end).0)
}

/// What all plain cells of a customer in a metric's periods that end then begin with.
pub fn cells_of_customer_prefix(
    metric: u32,
    end: EventTime,
    lineage: u32,
    customer: &str,
) -> Vec<u8> {
    let mut writer = start(CELL);
    writer.u32(metric).time(end).u32(lineage);
    write_customer(&mut writer, customer);
    writer.0
}

/// What all recurring chains of a customer begin with.
pub fn chains_of_customer_prefix(metric: u32, lineage: u32, customer: &str) -> Vec<u8> {
    let mut writer = start(CHAIN);
    writer.u32(metric).u32(lineage);
    write_customer(&mut writer, customer);
    writer.0
}

/// What all recurring chains of a metric begin with.
pub fn chains_prefix(metric: u32) -> Vec<u8> {
    std::mem::take(&mut start(CHAIN).u32(metric).0)
}

fn cell(first: u8, metric: u32, end: EventTime, lineage: u32, key: &Key) -> Vec<u8> {
    let mut writer = start(first);
    writer.u32(metric).time(end).u32(lineage);
    write_key(&mut writer, key);
    writer.0
}

fn chain(first: u8, metric: u32, lineage: u32, key: &Key) -> Vec<u8> {
    let mut writer = start(first);
    writer.u32(metric).u32(lineage);
    write_key(&mut writer, key);
    writer.0
}

/// The customer first, so that all keys of one stand together.
fn write_key(writer: &mut Writer, key: &Key) {
    write_customer(writer, key.customer());
    let group = key.group_bytes();
    writer.u16(u16::try_from(group.len()).expect("16 group values of 256 bytes")).bytes(group);
}

fn write_customer(writer: &mut Writer, customer: &str) {
    let length = u16::try_from(customer.len()).expect("a customer has at most 512 bytes");
    writer.u16(length).bytes(customer.as_bytes());
}

/// Key of a plain cell.
pub(super) fn cell_key(metric: u32, end: EventTime, lineage: u32, key: &Key) -> Vec<u8> {
    cell(CELL, metric, end, lineage, key)
}

/// What all parts of a plain cell begin with.
pub fn cell_parts_prefix(metric: u32, end: EventTime, lineage: u32, key: &Key) -> Vec<u8> {
    cell(CELL_PART, metric, end, lineage, key)
}

/// Key of a recurring chain.
pub(super) fn chain_key(metric: u32, lineage: u32, key: &Key) -> Vec<u8> {
    chain(CHAIN, metric, lineage, key)
}

/// What all parts of a recurring chain begin with.
pub fn chain_parts_prefix(metric: u32, lineage: u32, key: &Key) -> Vec<u8> {
    chain(CHAIN_PART, metric, lineage, key)
}

/// First key after all plain cells of a metric that end by `through`; and the same for their parts.
pub(super) fn past_cells(metric: u32, through: EventTime) -> [(Vec<u8>, Vec<u8>); 2] {
    let after = EventTime::from_micros(through.micros().saturating_add(1));
    [CELL, CELL_PART].map(|first| {
        let mut from = start(first);
        let mut to = start(first);
        from.u32(metric);
        to.u32(metric).time(after);
        (from.0, to.0)
    })
}

/// The smallest key that is greater than every key with that prefix.
#[expect(clippy::arithmetic_side_effects, reason = "the byte is less than 255")]
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            return end;
        }
    }
    unreachable!("prefixes begin with a letter")
}

/// The smallest key that is greater than that one.
pub fn past(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The period end in a plain cell's key.
///
/// # Errors
/// A key of another form.
pub fn end_of_cell_key(key: &[u8]) -> Result<EventTime, Corrupt> {
    Reader::new(key.get(5..).unwrap_or_default(), "a cell's key").time()
}

/// Lineage and key in the key of a plain cell (`K`) or recurring chain (`R`).
///
/// # Errors
/// A key of another form.
pub fn read_address(stored: &[u8]) -> Result<(u32, Key), Corrupt> {
    let head = if stored.first() == Some(&CELL) { 13 } else { 5 };
    let mut reader = Reader::new(stored.get(head..).unwrap_or_default(), "a key");
    let lineage = reader.u32()?;
    let key = read_key(&mut reader)?;
    reader.end()?;
    Ok((lineage, key))
}

/// Customer and group.
pub(super) fn read_key(reader: &mut Reader<'_>) -> Result<Key, Corrupt> {
    let length = usize::from(reader.u16()?);
    let Ok(customer) = std::str::from_utf8(reader.take(length)?) else {
        return reader.corrupt("with a customer that is no text");
    };
    let length = usize::from(reader.u16()?);
    let group = reader.take(length)?;
    if GroupKey::from_bytes(group).is_none() {
        return reader.corrupt("with a group that is none");
    }
    Ok(Key::of(customer, group))
}
