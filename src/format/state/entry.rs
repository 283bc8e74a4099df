//! Any entry of a state, read without the definitions: for a look at a state, and for the check that all of it can be read.

use serde::Deserialize;

use super::bytes::{Corrupt, Reader};
use super::calendars::decode_calendars;
use super::claims::{customer_of_unclaimed, decode_claims};
use super::commit::decode_commit;
use super::followed::{FollowedFile, decode_followed};
use super::identity::{Identity, decode_identity};
use super::key;
use super::part::{read_part, read_part_value};
use super::source::decode_source;
use super::value::{check_version, read_carry, read_cell_as};
use super::written::{Written, decode_written};
use crate::definition::Slot;
use crate::engine::{Cell, CommitRecord, Key, Mark};
use crate::format::Outgoing;
use crate::model::{EventTime, Period};

/// What an entry is.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// What the state is.
    Identity(Box<Identity>),
    /// A commit.
    Commit(Box<CommitRecord>),
    /// Customers' own calendars.
    Calendars,
    /// The last record read.
    Record,
    /// A metric's name and number.
    Metric {
        /// In keys.
        number: u32,
        /// Whose.
        tenant: String,
        /// Its code.
        code: String,
    },
    /// A file that is followed.
    Followed(FollowedFile),
    /// How far outputs are visible.
    Written(Written),
    /// That periods of a metric were forgotten.
    Forgotten,
    /// One of the last two times that the state was opened.
    Opening,
    /// Where removal of forgotten ids goes on.
    Expiry,
    /// A remembered id, with its UTC day from the epoch.
    Id(u32),
    /// A plain cell of the metric with that number.
    Cell(u32, Box<Cell>),
    /// A recurring chain of the metric with that number: its kept cells.
    Chain(u32, Vec<Cell>),
    /// A part of the cell or chain that stands under that key.
    Part(Vec<u8>),
    /// What waits to be delivered, by its sequence.
    Outbox(u64),
    /// A customer seen.
    Customer,
    /// How far a source partition has come.
    Source(Mark),
    /// How far claims of customers were looked at.
    Claims,
    /// A customer whose claim is not known to be made.
    Unclaimed,
}

/// Reads an entry whole.
///
/// # Errors
/// Key or value of a form that no entry has.
pub fn read_entry(key: &[u8], value: &[u8]) -> Result<Entry, Corrupt> {
    let Some((&first, rest)) = key.split_first() else {
        return Err(Corrupt("an entry without a key".to_owned()));
    };
    let mut reader = Reader::new(rest, "a key");
    let entry = match first {
        key::IDENTITY => {
            let identity = decode_identity(value).map_err(|error| Corrupt(error.to_string()))?;
            Entry::Identity(Box::new(identity))
        }
        key::COMMIT => {
            let number = reader.u64()?;
            let commit = decode_commit(value)?;
            if commit.number != number {
                return Err(Corrupt(format!("commit {} under the key of {number}", commit.number)));
            }
            Entry::Commit(Box::new(commit))
        }
        key::CALENDARS => {
            decode_calendars(value)?;
            Entry::Calendars
        }
        key::RECORD => {
            let mut note = Reader::new(value, "the note of the last record");
            note.take(24)?;
            note.end()?;
            Entry::Record
        }
        key::DICTIONARY => metric(reader.u32()?, value)?,
        key::FOLLOWED => {
            reader.u32()?;
            Entry::Followed(decode_followed(value)?)
        }
        key::WRITTEN => Entry::Written(decode_written(value)?),
        key::FORGOTTEN => {
            reader.u32()?;
            Reader::new(value, "a note of what is forgotten").end()?;
            Entry::Forgotten
        }
        key::OPENING => {
            let is_odd = reader.u8()? == 1;
            let mut note = Reader::new(value, "the note of an opening");
            let number = note.u64()?;
            note.end()?;
            if is_odd != (number % 2 == 1) {
                return Err(Corrupt(format!("opening {number} under another one's key")));
            }
            Entry::Opening
        }
        key::EXPIRY => {
            let mut note = Reader::new(value, "the note of where removal of ids goes on");
            let first = note.u8()?;
            note.take(16)?;
            note.end()?;
            if first != key::ID {
                return Err(Corrupt("removal of ids that goes on at something else".to_owned()));
            }
            Entry::Expiry
        }
        key::ID => {
            reader.take(16)?;
            let mut day = Reader::new(value, "an id");
            let read = day.u32()?;
            day.end()?;
            Entry::Id(read)
        }
        key::CELL => {
            let (metric, end) = (reader.u32()?, reader.time()?);
            address(&mut reader)?;
            let mut value = Reader::new(value, "a cell");
            check_version(&mut value)?;
            let cell = read_cell_as(&mut value, end, any_slot)?;
            value.end()?;
            Entry::Cell(metric, Box::new(cell))
        }
        key::CHAIN => {
            let metric = reader.u32()?;
            address(&mut reader)?;
            Entry::Chain(metric, chain(value)?)
        }
        key::CELL_PART | key::CHAIN_PART => return part(first, rest, value),
        key::OUTBOX => {
            let sequence = reader.u64()?;
            if Outgoing::decode(value).is_none() {
                return Err(Corrupt(format!("an outbox entry {sequence} that cannot be read")));
            }
            Entry::Outbox(sequence)
        }
        key::SOURCE => {
            reader.u32()?;
            Entry::Source(decode_source(key, value)?)
        }
        key::CLAIMS => return claims(key, value),
        key::CUSTOMER => {
            reader.take(8)?;
            Entry::Customer
        }
        _ => return Err(Corrupt(format!("an entry of no known kind ({first})"))),
    };
    reader.end()?;
    Ok(entry)
}

fn claims(key: &[u8], value: &[u8]) -> Result<Entry, Corrupt> {
    if key.len() == 1 {
        return decode_claims(value).map(|_| Entry::Claims);
    }
    customer_of_unclaimed(key)?;
    Reader::new(value, "a customer to be claimed").end()?;
    Ok(Entry::Unclaimed)
}

/// Only where it lies is looked at, so any slot of that span will do.
#[expect(clippy::unnecessary_wraps, reason = "what is asked for a slot may have none")]
fn any_slot(period: Period) -> Option<Slot> {
    Some(Slot { period, version: 0, segment: 0 })
}

fn metric(number: u32, value: &[u8]) -> Result<Entry, Corrupt> {
    #[derive(Deserialize)]
    struct Name {
        tenant: String,
        code: String,
    }
    let name: Name = serde_json::from_slice(value)
        .map_err(|error| Corrupt(format!("a dictionary entry that is not JSON: {error}")))?;
    Ok(Entry::Metric { number, tenant: name.tenant, code: name.code })
}

fn address(reader: &mut Reader<'_>) -> Result<(), Corrupt> {
    reader.u32()?;
    key::read_key(reader).map(|_: Key| ())
}

fn chain(value: &[u8]) -> Result<Vec<Cell>, Corrupt> {
    let mut reader = Reader::new(value, "a chain");
    check_version(&mut reader)?;
    reader.time()?;
    read_carry(&mut reader)?;
    let mut cells: Vec<Cell> = Vec::new();
    for _ in 0..reader.u32()? {
        let end = reader.time()?;
        let cell = read_cell_as(&mut reader, end, any_slot)?;
        let before = cells.last().map(|before: &Cell| before.slot.period.end);
        if before.is_some_and(|before| before > cell.slot.period.start) {
            return reader.corrupt("whose periods do not follow each other");
        }
        cells.push(cell);
    }
    reader.end()?;
    Ok(cells)
}

/// A part says in its key whose it is.
fn part(first: u8, rest: &[u8], value: &[u8]) -> Result<Entry, Corrupt> {
    let is_of_cell = first == key::CELL_PART;
    let mut reader = Reader::new(rest, "a part's key");
    reader.u32()?;
    if is_of_cell {
        let _end: EventTime = reader.time()?;
    }
    address(&mut reader)?;
    let owner_length = rest.len().saturating_sub(reader.rest().len());
    let owner = rest.get(..owner_length).unwrap_or_default();
    let mut reader = Reader::new(rest.get(owner_length..).unwrap_or_default(), "a part's key");
    if !is_of_cell {
        reader.option(Reader::time)?;
    }
    read_part(&mut reader)?;
    read_part_value(value)?;
    let owner_first = if is_of_cell { key::CELL } else { key::CHAIN };
    Ok(Entry::Part([&[owner_first], owner].concat()))
}
