//! Layer 2, what happens to an event: told by [`Input`], answering with [`Effect`].
//!
//! Reading order: `effect` (the two enums), `processor` (one task), `ledger` (the commit protocol), `cell`, `chain`,
//! `plain` and `recurring` (state by key), `aggregator` (what is kept of events), `dedup`, `recovery` (what to do at a start), `halt` (why a task is not
//! served), `settlement` (what became of a delivery in doubt), `upstream` (how far source partitions have come whose events were re-keyed), `usage` (a look at totals while they grow).
//! Nothing here knows of bytes, storage, Kafka, files, threads or clocks.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod aggregator;
mod cell;
mod chain;
mod claim;
mod dedup;
mod effect;
mod extent;
mod halt;
mod ledger;
mod plain;
mod processor;
mod recovery;
mod recurring;
mod settlement;
mod site;
mod upstream;
mod usage;

pub use aggregator::{
    Active, Aggregate, Buckets, Carry, Changes, Fold, FoldValue, Frame, Member, Members, Operation,
    Operations, Part, PartKey, PartValue, Ranks, Stamp, Weighted,
};
pub use cell::{Cell, Origin, Published};
pub use chain::{Cells, Chain, ChainAddress, Key};
pub use claim::{Verdict, judge_claim};
pub use dedup::{DigestKey, IdDigest, Remembered};
pub use effect::{
    Address, ChangeSink, ChangedPart, Cursor, Effect, Incoming, Input, Loaded, OutboxEntry, Scan,
    ScanRange,
};
pub use extent::Extent;
pub use halt::{Halt, Replaced};
pub use ledger::{CommitId, CommitRecord, Counters, Ledger};
pub use plain::PlainCells;
pub use processor::{
    Options, Processor, Start, StoredIndex, Tally, customer_digest, latest_admitted,
};
pub use recovery::{
    Binding, Checkpoint, Committed, Decision, Facts, LocalState, Noted, StartFrom, Unfit, Visible,
    decide,
};
pub use recurring::Recurring;
pub use settlement::{Doubt, Settled, settle};
pub use upstream::{Mark, Progress, Sources, Upstream};
pub use usage::Usage;
