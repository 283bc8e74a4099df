//! The two closed enums by which the engine talks: what it is told, and what it wants done.
//!
//! The engine decides the order of effects; the worker and the simulator both only carry them out.

use std::sync::Arc;

use super::aggregator::{Part, PartValue};
use super::cell::Cell;
use super::chain::ChainAddress;
use super::dedup::{IdDigest, Remembered};
use super::ledger::{CommitId, CommitRecord};
use super::processor::StoredIndex;
use super::recurring::Recurring;
use super::upstream::{Mark, Upstream};
use crate::definition::Plan;
use crate::model::{Event, EventTime, PeriodTotal, Reject, SourcePosition};

/// One event as it was read and decoded, or why it could not be.
#[derive(Clone, Debug)]
pub struct Incoming<'d> {
    /// Where it stands.
    pub position: SourcePosition,
    /// The record's own timestamp, where the source has one.
    pub timestamp: Option<EventTime>,
    /// The clock when it was read; `None` where nothing is to be held against a clock (rule 1.6).
    pub read_at: Option<EventTime>,
    /// The record as it was read.
    pub original: &'d [u8],
    /// Where it stood before it was re-keyed; `None`: it was read where it was written.
    pub upstream: Option<Upstream>,
    /// The event.
    pub event: Result<Event<'d>, Reject>,
}

/// What the engine is told.
pub enum Input<'i, 'd> {
    /// The next events, in the order of the source. Answered by nothing, or by one [`Effect::Load`].
    Events {
        /// In order.
        events: &'i [Incoming<'d>],
        /// The position after them: where reading goes on after a restart.
        cursor: Cursor,
    },
    /// What a load found.
    Loaded(Vec<Loaded>),
    /// What a scan found, in order of address; `is_end`: nothing follows.
    Scanned {
        /// Found.
        found: Vec<Loaded>,
        /// Whether that was all.
        is_end: bool,
    },
    /// The clock, given to a task whose source has nothing to read (rule 7.1).
    Idle {
        /// The clock less the idle timeout and the watermark's delay.
        watermark: EventTime,
    },
    /// How far source partitions have come whose events are re-keyed into this task's (rule 7.1).
    Upstream {
        /// How many partitions their topic has.
        partitions: u32,
        /// Those of which something is said.
        marks: &'i [Mark],
        /// The position after what said it.
        cursor: Cursor,
    },
    /// Commit what happened so far.
    Cut {
        /// A new random name.
        id: CommitId,
    },
    /// The commit is durable.
    Stored,
    /// Make what is stored visible: given at the pace of checkpoints, where they are kept. Answered by nothing, or by one
    /// [`Effect::Checkpoint`].
    Publish,
    /// The checkpoint is durable.
    Checkpointed,
    /// Outbox entries up to this sequence, and the offset, are visible.
    Delivered {
        /// Sequence of the last entry.
        sequence: u64,
    },
    /// The finite input is at its end (rule 7.1).
    EndOfInput,
    /// From the cursor on another plan counts. Given right after a commit, when [`Processor::is_all_stored`] says so, and
    /// after the store has taken the same plan.
    ///
    /// [`Processor::is_all_stored`]: super::Processor::is_all_stored
    Plan {
        /// The plan: no version of the one before it is missing or has another meaning.
        plan: Arc<Plan>,
        /// What is stored, by places of that plan.
        stored: StoredIndex,
    },
}

/// What the engine wants done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Look these up and answer with [`Input::Loaded`], one entry for each that exists.
    Load(Vec<Address>),
    /// Read the cells or chains of a metric and answer with [`Input::Scanned`].
    Scan(Scan),
    /// Write the changes and the new outbox entries with this commit in one atomic, durable step;
    /// then answer [`Input::Stored`].
    Store(CommitRecord),
    /// Copy the state as of this commit, which is the last one stored, to where another machine finds it;
    /// when the copy is durable answer [`Input::Checkpointed`]. Commits go on meanwhile.
    Checkpoint {
        /// The commit.
        commit: CommitId,
        /// Its number.
        number: u64,
    },
    /// Make outbox entries visible, together with the offset, in transactions whose last one ends at `through`;
    /// then answer [`Input::Delivered`].
    Deliver {
        /// The commit that the offset's metadata names.
        commit: CommitId,
        /// Where reading goes on.
        cursor: Cursor,
        /// First sequence.
        from: u64,
        /// Last sequence; less than `from`: the offset alone.
        through: u64,
        /// The watermark that the metadata names.
        watermark: Option<EventTime>,
    },
    /// Forget outbox entries up to this sequence, and commits before the one that is visible; nothing waits for it.
    Trim {
        /// Sequence of the last one.
        through: u64,
        /// Number of the commit that the committed offset names.
        commit: u64,
    },
    /// Forget ids of days up to this one; nothing waits for it.
    Expire {
        /// UTC day from the epoch.
        day: u32,
    },
}

/// Where reading goes on: the offset of the next record, or the line and byte of the next one in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cursor {
    /// Which of the task's files; 0 for a partition.
    pub file: u32,
    /// The next offset of the partition, or byte of the file.
    pub offset: i64,
    /// Lines before it; 0 for a partition.
    pub line: u64,
}

impl Cursor {
    /// The cursor before a partition's record.
    pub fn at_offset(offset: i64) -> Self {
        Cursor { file: 0, offset, line: 0 }
    }
}

/// Name of something stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Address {
    /// A remembered id.
    Id(IdDigest),
    /// A cell of a plain metric, by the end of its period.
    Cell(ChainAddress, EventTime),
    /// A chain of a recurring metric, whole.
    Chain(ChainAddress),
}

/// Something that was stored.
#[derive(Clone, PartialEq, Debug)]
pub enum Loaded {
    /// A remembered id.
    Id(Remembered),
    /// A cell of a plain metric.
    Cell(ChainAddress, Box<Cell>),
    /// A chain of a recurring metric.
    Chain(ChainAddress, Box<Recurring>),
}

/// A slice of what is stored for a metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Scan {
    /// Place of the metric in the plan.
    pub metric: u32,
    /// What of it.
    pub range: ScanRange,
    /// Start after this address; `None`: at the first.
    pub after: Option<Address>,
    /// How many at most.
    pub limit: usize,
}

/// Which entries of a metric a scan reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScanRange {
    /// Plain cells whose period ends then.
    CellsEndingAt(EventTime),
    /// Chains of a recurring metric.
    Chains,
}

/// An entry of the outbox, before it is bytes.
#[derive(Clone, PartialEq, Debug)]
pub enum OutboxEntry {
    /// A revision of a total.
    Total(PeriodTotal),
    /// A refusal, with the record as it was read.
    Reject {
        /// Why.
        reject: Reject,
        /// Where it stands.
        position: SourcePosition,
        /// The record.
        original: Box<[u8]>,
        /// The clock when it was read.
        at: Option<EventTime>,
    },
}

/// A changed part: the start of the recurring cell it lies in (`None`: in the base, or in a plain cell), its name, its value.
pub type ChangedPart = (Option<EventTime>, Part, PartValue);

/// Takes the changes of one commit. What is forgotten comes before what is put.
pub trait ChangeSink {
    /// An id is remembered.
    fn put_id(&mut self, id: Remembered);
    /// A plain cell changed; of its parts only the changed ones are given.
    fn put_cell(&mut self, address: &ChainAddress, cell: &Cell, parts: &[ChangedPart]);
    /// Plain cells of a metric whose periods end by `through` are forgotten.
    fn delete_cells(&mut self, metric: u32, through: EventTime);
    /// A recurring chain changed. Parts of the cells that it retired are forgotten.
    fn put_chain(&mut self, address: &ChainAddress, chain: &Recurring, parts: &[ChangedPart]);
    /// A recurring chain is forgotten, with all its parts.
    fn delete_chain(&mut self, address: &ChainAddress);
    /// Something new is known of a source partition.
    fn put_source(&mut self, mark: Mark);
    /// A customer was seen for the first time.
    fn put_customer(&mut self, tenant: &str, customer: &str);
    /// An outbox entry was made.
    fn put_outbox(&mut self, sequence: u64, entry: &OutboxEntry);
}
