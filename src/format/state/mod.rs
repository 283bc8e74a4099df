//! The bytes of a task's state: keys and values of its store, version 1.
//!
//! ```text
//! M                                                  what the state is: JSON (see `identity`)
//! B                                                  customers' own calendars: JSON (see `calendars`)
//! C number                                           a commit record
//! F                                                  the last record read: its offset (8) and digest (16)
//! D metric                                           a metric's name and meaning: JSON (see `dictionary`)
//! L file                                             a file that is followed: JSON (see `followed`)
//! W                                                  how far output files are visible: JSON (see `written`)
//! I digest(16)                                       a remembered id: its UTC day
//! G metric                                           that a period of it was forgotten: nothing
//! T (0 | 1)                                          the number (8) of the last time, or the one before, that it was opened
//! E                                                  the key of an id: where removal of forgotten ones goes on
//! K metric end lineage key                           a plain cell
//! P metric end lineage key part                      a part of a plain cell
//! R metric lineage key                               a recurring chain
//! S metric lineage key (0 | 1 cell start) part       a part of its base, or of one of its cells
//! O sequence                                         an outbox entry
//! U digest(8)                                        a customer seen
//! Q partition                                        how far a source partition has come (see `source`)
//! N                                                  how far claims of customers were looked at: JSON (see `claims`)
//! N digest(8)                                        a customer whose claim is not known to be made: nothing
//! ```
//! Numbers in keys are big endian, signed ones with the sign bit turned, so that bytes sort as they do. `metric` is the
//! number of the metric in the dictionary. A `key` is customer and group, each preceded by its length (2). Golden files under
//! `tests/data/formats` hold every kind of entry: what was written once is read for ever.

mod batch;
pub(super) mod bytes;
mod calendars;
mod claims;
mod commit;
mod dictionary;
mod entry;
mod followed;
mod identity;
mod key;
mod part;
mod periods;
pub(super) mod source;
mod value;
mod written;

pub use batch::{BatchEncoder, Operation};
pub use bytes::Corrupt;
pub use calendars::ChangedCalendar;
pub use claims::{ClaimsNote, customer_of_unclaimed, decode_claims, encode_claims};
pub use commit::{decode_commit, encode_commit};
pub use dictionary::{Dictionary, DictionaryFault, LeftOut};
pub use entry::{Entry, read_entry};
pub use followed::{Compression, FollowedFile, Print, decode_followed, encode_followed};
pub use identity::{FORMAT, Identity, IdentityError, decode_identity, encode_identity};
pub use key::{
    CALENDARS, CLAIMS, COMMIT, CUSTOMER, DICTIONARY, EXPIRY, FOLLOWED, ID, IDENTITY, OUTBOX,
    RECORD, SOURCE, WRITTEN, address_key, cell_parts_prefix, cells_ending_prefix,
    cells_of_customer_prefix, cells_prefix, chain_parts_prefix, chains_of_customer_prefix,
    chains_prefix, commit_key, customer_key, dictionary_key, end_of_cell_key, followed_key,
    forgotten_key, number_of_followed, opening_key, outbox_key, past, prefix_end, read_address,
    sequence_of, unclaimed_key,
};
pub use periods::{ChainPeriods, PeriodCheck, cell_period, chain_periods};
pub use source::decode_source;
pub use value::{decode_cell, decode_chain, restore_cell_part, restore_chain_part};
pub use written::{Written, WrittenFile, decode_written, encode_written};
