//! The processor: all state of one task, driven by [`Input`], answering with [`Effect`].
//!
//! ```text
//! Events --look--> what each event means --[Load/Loaded]--> fold --> close --> outbox
//! Cut --> Store --> Stored --> [Checkpoint --> Checkpointed -->] Deliver --> Delivered --> Trim
//! ```
//! First read, then decide: `look` works out which ids and cells a batch touches, what is not resident is loaded in
//! one go, and only then is anything folded. Knows nothing of bytes, brokers, files, clocks.

mod agenda;
mod close;
mod commit;
mod fold;
mod judgement;
mod look;
mod memory;
mod preview;
mod replan;
mod sweep;
mod tidy;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashSet;

use self::agenda::Agendas;
use self::look::Batch;
use self::sweep::Sweep;
use super::chain::Chains;
use super::dedup::{Dedup, DigestKey};
use super::effect::{Cursor, Effect, Input, OutboxEntry};
use super::ledger::{CommitRecord, Counters, Ledger};
use super::upstream::{Mark, Sources};
use crate::definition::{GroupKey, Plan};
use crate::model::{EventTime, RejectReason, Span, TotalKind};

/// What a task is configured to do.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent setting")]
#[derive(Clone, Debug)]
pub struct Options {
    /// How long ids are remembered and periods stay open to corrections (rules 1.7, 2.4, 7.5).
    pub dedup_window: Span,
    /// How far the watermark stays behind (rule 7.1).
    pub watermark_delay: Span,
    /// Whether the records' own timestamps move the watermark (rule 7.1).
    pub is_clock_record: bool,
    /// How far an event's time may lie past the clock (rule 1.6).
    pub future_skew_max: Span,
    /// Whether duplicates are put on the rejects output.
    pub reports_duplicates: bool,
    /// Whether unmatched events are.
    pub reports_unmatched: bool,
    /// Whether each total says at which offsets its events stood.
    pub keeps_offsets: bool,
    /// Whether nothing becomes visible that no checkpoint holds: commits are published when that is asked for.
    pub keeps_checkpoints: bool,
    /// Past how many bytes of state things leave memory.
    pub memory_bytes_max: usize,
    /// About so many totals are made in one slice of closing: few more, where one chain has several that were due in the
    /// same instant.
    pub slice_totals_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            dedup_window: Span::from_seconds(35 * 86_400),
            watermark_delay: Span::ZERO,
            is_clock_record: false,
            future_skew_max: Span::from_seconds(300),
            reports_duplicates: false,
            reports_unmatched: false,
            keeps_offsets: false,
            keeps_checkpoints: false,
            memory_bytes_max: usize::MAX,
            slice_totals_max: 20_000,
        }
    }
}

/// What a task starts from.
pub struct Start {
    /// Key of the id digests.
    pub digest_key: DigestKey,
    /// The last stored commit.
    pub last: CommitRecord,
    /// Sequence of the last outbox entry known to be visible.
    pub delivered: u64,
    /// Whether the committed offset names an earlier commit.
    pub is_offset_behind: bool,
    /// What the store holds beyond its last commit; `None`: there is no store, or it is empty.
    pub stored: Option<StoredIndex>,
}

/// What must be known of a store before its entries are loaded.
#[derive(Clone, Default, Debug)]
pub struct StoredIndex {
    /// For each metric's place: ends of the periods of its stored plain cells.
    pub cell_ends: BTreeMap<u32, BTreeSet<EventTime>>,
    /// Places of the metrics with stored chains.
    pub chain_metrics: BTreeSet<u32>,
    /// Customers seen so far, as [`customer_digest`] of tenant and name.
    pub customers: Vec<u64>,
    /// What is known of the partitions that events are re-keyed from.
    pub sources: Vec<Mark>,
}

/// How many of each came out since the processor was made.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Totals by kind: final, correction, provisional.
    pub finals: u64,
    /// Revisions from 2 on.
    pub corrections: u64,
    /// Looks at open periods.
    pub provisionals: u64,
    /// Entries on the rejects output by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
}

/// All state of one task.
pub struct Processor {
    plan: Arc<Plan>,
    options: Options,
    digest_key: DigestKey,
    chains: Chains,
    agendas: Agendas,
    dedup: Dedup,
    customers: HashSet<u64>,
    new_customers: Vec<(Box<str>, Box<str>)>,
    unstored_customers: Vec<(Box<str>, Box<str>)>,
    watermark: Option<EventTime>,
    /// Those that events are re-keyed from.
    sources: Sources,
    latest_time: Option<EventTime>,
    /// What earlier runs made of it, whatever their window was.
    too_old_before: Option<EventTime>,
    counters: Counters,
    cursor: Cursor,
    tally: Tally,
    outbox: Vec<OutboxEntry>,
    outbox_bytes: usize,
    dirty: Vec<u32>,
    amended: Vec<u32>,
    forgotten: Forgotten,
    ledger: Ledger,
    has_store: bool,
    batch: Batch,
    batch_number: u32,
    group_key: GroupKey,
    evict_hand: u32,
    agenda_entries: usize,
    agenda_entries_max: usize,
    sweep: Option<Sweep>,
    paused_sweep: Option<Sweep>,
    is_ending: bool,
    expired_through: i64,
}

/// What the next commit deletes.
#[derive(Default)]
struct Forgotten {
    cells: BTreeMap<u32, EventTime>,
    chains: BTreeSet<super::chain::ChainAddress>,
}

/// Digest under which a customer is known across tasks: SipHash-2-4 of tenant and name under a key of zeros.
pub fn customer_digest(tenant: &str, customer: &str) -> u64 {
    use std::hash::Hasher;
    let mut hasher = siphasher::sip::SipHasher24::new();
    hasher.write(tenant.as_bytes());
    hasher.write_u8(0xFF);
    hasher.write(customer.as_bytes());
    hasher.finish()
}

/// The latest time that an event may bear (rule 1.6); `None`: it is held against no clock. `timestamp` is the record's own.
pub fn latest_admitted(
    timestamp: Option<EventTime>,
    read_at: Option<EventTime>,
    future_skew_max: Span,
) -> Option<EventTime> {
    let reference = match (timestamp, read_at) {
        (Some(stamped), Some(read)) => Some(stamped.min(read)),
        (_, read) => read,
    };
    reference.map(|at| at.saturating_add(future_skew_max))
}

impl Processor {
    /// A task in the state of its last commit.
    pub fn new(plan: Arc<Plan>, options: Options, start: Start) -> Self {
        let stored = start.stored.unwrap_or_default();
        let agendas = Agendas::over(&stored, &plan);
        let is_cold = start.last.number > 0;
        let ledger = Ledger::resume(
            start.last,
            start.delivered,
            start.is_offset_behind,
            options.keeps_checkpoints,
        );
        Processor {
            dedup: Dedup::new(is_cold),
            plan,
            options,
            digest_key: start.digest_key,
            chains: Chains::default(),
            agendas,
            customers: stored.customers.into_iter().collect(),
            new_customers: Vec::new(),
            unstored_customers: Vec::new(),
            watermark: start.last.watermark,
            sources: Sources::of(&stored.sources),
            latest_time: start.last.latest_time,
            too_old_before: start.last.too_old_before,
            counters: start.last.counters,
            cursor: start.last.cursor,
            tally: Tally::default(),
            outbox: Vec::new(),
            outbox_bytes: 0,
            dirty: Vec::new(),
            amended: Vec::new(),
            forgotten: Forgotten::default(),
            ledger,
            has_store: false,
            batch: Batch::default(),
            batch_number: 0,
            group_key: GroupKey::default(),
            evict_hand: 0,
            agenda_entries: 0,
            agenda_entries_max: 0,
            sweep: None,
            paused_sweep: None,
            is_ending: false,
            expired_through: i64::MIN,
        }
    }

    /// From now on every change is collected for a store.
    pub fn attach_store(&mut self) {
        self.has_store = true;
        self.dedup.keep_fresh();
    }

    /// Takes one input; what is wanted done is added to `effects`, in the order in which it must be done.
    pub fn handle(&mut self, input: Input<'_, '_>, effects: &mut Vec<Effect>) {
        match input {
            Input::Events { events, cursor } => self.take_events(events, cursor, effects),
            Input::Loaded(found) => {
                self.take_loaded(found);
                self.fold_batch(effects);
            }
            Input::Scanned { found, is_end } => self.take_scanned(found, is_end, effects),
            Input::Idle { watermark } => self.take_idle(watermark, effects),
            Input::Upstream { partitions, marks, cursor } => {
                self.take_upstream(partitions, marks, cursor, effects);
            }
            Input::Cut { id } => self.cut(id, effects),
            Input::Stored => {
                effects.extend(self.ledger.stored());
                self.let_go();
            }
            Input::Publish => effects.extend(self.ledger.publish()),
            Input::Checkpointed => effects.push(self.ledger.copied()),
            Input::Delivered { sequence } => {
                effects.push(self.ledger.delivered_through(sequence));
            }
            Input::EndOfInput => {
                self.is_ending = true;
                self.close(effects);
            }
            Input::Plan { plan, stored } => self.replan(plan, &stored),
        }
    }

    /// What is left to make visible of the last stored commit: to be asked once, before anything else.
    pub fn catch_up(&mut self) -> Option<Effect> {
        self.ledger.catch_up()
    }

    /// Whether a commit may be cut: none is under way, and no load or scan waits for an answer.
    pub fn may_cut(&self) -> bool {
        self.ledger.is_idle() && !self.is_waiting()
    }

    /// Whether a load or scan waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.sweep.is_some() || self.batch.is_pending()
    }

    /// Whether periods wait to be closed although no event came: then [`Input::Idle`] or the next batch goes on with it.
    pub fn has_more_to_close(&self) -> bool {
        self.is_ending || self.has_due()
    }

    /// Bytes of outbox entries made since the last cut, roughly.
    pub fn outbox_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Takes the outbox entries made since the last call: for outputs without a commit protocol.
    pub fn take_outbox(&mut self) -> Vec<OutboxEntry> {
        self.outbox_bytes = 0;
        std::mem::take(&mut self.outbox)
    }

    /// Customers seen for the first time since the last call: tenant and name.
    pub fn take_new_customers(&mut self) -> Vec<(Box<str>, Box<str>)> {
        std::mem::take(&mut self.new_customers)
    }

    /// Dispositions so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What came out since the processor was made.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Where reading goes on.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// How far event time is believed complete.
    pub fn watermark(&self) -> Option<EventTime> {
        self.watermark
    }

    /// The greatest time of all events without a fault, or the watermark where that is ahead of it.
    pub fn reached(&self) -> Option<EventTime> {
        self.watermark.max(self.latest_time)
    }

    /// Events before this are too old at that watermark, and ids and periods before it are forgotten (rules 1.7, 2.4, 7.5). A
    /// longer window brings nothing back: what was too old once stays so.
    fn oldest(&self, watermark: Option<EventTime>) -> Option<EventTime> {
        let oldest = watermark.map(|mark| mark.saturating_sub(self.options.dedup_window));
        oldest.max(self.too_old_before)
    }

    /// The protocol's state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ids and chains in memory.
    pub fn resident(&self) -> (usize, usize) {
        (self.dedup.resident(), self.chains.count())
    }

    /// Bytes of memory that state takes, roughly.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn memory_bytes(&self) -> usize {
        self.dedup.bytes() + self.chains.bytes() + self.agenda_bytes()
    }

    /// Bytes of memory that state may take until the next commit, roughly.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn memory_bytes_ahead(&self) -> usize {
        self.dedup.bytes_ahead() + self.chains.bytes() + self.agenda_bytes()
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "lengths within memory, and counts of what was made"
    )]
    fn emit(&mut self, entry: OutboxEntry) {
        self.outbox_bytes += match &entry {
            OutboxEntry::Total(total) => {
                match total.kind {
                    TotalKind::Final => self.tally.finals += 1,
                    TotalKind::Correction => self.tally.corrections += 1,
                    TotalKind::Provisional => self.tally.provisionals += 1,
                }
                700
            }
            OutboxEntry::Reject { reject, original, .. } => {
                *self.tally.rejects.entry(reject.reason).or_insert(0) += 1;
                original.len() + 300
            }
        };
        self.outbox.push(entry);
    }
}
