//! A task in the hands of a process: its store, its processor, and how far it has read.

use std::sync::Arc;

use odometer::definition::Plan;
use odometer::engine::{
    Binding, CommitId, CommitRecord, Cursor, DigestKey, Effect, Facts, Input, LocalState, Noted,
    Options, OutboxEntry, Processor,
};
use odometer::format::state::Identity;
use odometer::format::{Encoder, Place};
use odometer::model::EventTime;

use super::mutant::Mutant;
use crate::model::{Disk, Store, with_incoming};
use crate::oracle::Record;

/// What all tasks of a run share.
pub struct Setting<'w> {
    /// Compiled definitions.
    pub plan: Arc<Plan>,
    /// Of the engine.
    pub options: Options,
    /// Of the oracle: the clock at reading.
    pub now: Option<EventTime>,
    /// Records of each partition.
    pub records: Vec<Vec<Record<'w>>>,
    /// What is wrong on purpose.
    pub mutant: Option<Mutant>,
}

impl Setting<'_> {
    /// What a partition's state belongs to.
    pub fn binding(&self, partition: i32) -> Binding {
        Binding {
            cluster: "c".to_owned(),
            group: "g".to_owned(),
            topic: "usage".to_owned(),
            partition,
            partitions: i32::try_from(self.records.len()).expect("few partitions"),
        }
    }

    /// A partition's records.
    pub fn records_of(&self, partition: i32) -> &[Record<'_>] {
        &self.records[usize::try_from(partition).expect("not negative")]
    }

    /// Opens what a disk holds.
    pub fn open(&self, partition: i32, disk: Disk) -> Store {
        let binding = self.binding(partition);
        Store::open(disk, &self.plan, Identity { binding, digest_key: DigestKey([7; 16]) })
    }
}

/// The state on a disk, as `decide` wants to know it.
pub fn local_state(store: &Store) -> Option<LocalState> {
    if store.disk.is_empty() {
        return None;
    }
    let commits = store.commits();
    let last = commits.last().expect("a state has its genesis");
    Some(LocalState {
        binding: store.identity().binding.clone(),
        chain: commits.iter().map(|commit| commit.id).collect(),
        is_genesis: last.number == 0,
        cursor: last.cursor,
        outbox_last: last.outbox_last,
        noted: if last.cursor.offset > 0 { Noted::Same } else { Noted::Nothing },
    })
}

/// All facts of a partition that is to be served.
pub fn facts(
    setting: &Setting<'_>,
    partition: i32,
    store: &Store,
    committed: Option<odometer::engine::Committed>,
    log_end: usize,
) -> Facts {
    Facts {
        binding: setting.binding(partition),
        local: local_state(store),
        committed,
        log_start: 0,
        log_end: i64::try_from(log_end).expect("few records"),
        start_from: Some(odometer::engine::StartFrom::Earliest),
    }
}

/// One served partition.
pub struct Task {
    /// Its state on disk.
    pub store: Store,
    /// Its state in memory.
    pub processor: Processor,
    /// The next record to read.
    pub at: usize,
    /// Idle ticks since the last commit: after which record, and the clock.
    pub ticks: Vec<(usize, EventTime)>,
}

impl Task {
    /// Goes on from what is stored.
    pub fn new(
        setting: &Setting<'_>,
        store: Store,
        delivered: u64,
        is_offset_behind: bool,
    ) -> Self {
        let mut delivered = delivered;
        let mut is_offset_behind = is_offset_behind;
        if setting.mutant == Some(Mutant::ResendAll) {
            // Whatever is still in the outbox.
            let last = store.commits().last().map_or(0, |last| last.outbox_last);
            let first = (1..=last).find(|sequence| store.has_entry(*sequence));
            delivered = first.map_or(delivered, |first| first - 1);
            is_offset_behind |= delivered < last;
        }
        let start = store.start(delivered, is_offset_behind);
        let at = usize::try_from(start.last.cursor.offset).expect("not negative");
        let plan = Arc::clone(&setting.plan);
        let mut processor = Processor::new(plan, setting.options.clone(), start);
        processor.attach_store();
        Task { store, processor, at, ticks: Vec::new() }
    }

    /// Reads records up to `to`.
    pub fn read(&mut self, setting: &Setting<'_>, partition: i32, to: usize) -> Vec<Effect> {
        let mut effects = Vec::new();
        let records = &setting.records_of(partition)[self.at..to];
        with_incoming(records, self.at, setting.now, |events| {
            let cursor = Cursor::at_offset(i64::try_from(to).expect("few records"));
            self.processor.handle(Input::Events { events, cursor }, &mut effects);
        });
        self.at = to;
        effects
    }

    /// Hears the clock.
    pub fn tick(&mut self, clock: EventTime, watermark: EventTime) -> Vec<Effect> {
        self.ticks.push((self.at, clock));
        self.handle(Input::Idle { watermark })
    }

    /// Gives one input.
    pub fn handle(&mut self, input: Input<'_, '_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        effects
    }

    /// Writes a commit, not flushed yet.
    pub fn store(&mut self, setting: &Setting<'_>, partition: i32, record: &CommitRecord) {
        assert_eq!(record.counters.imbalance(), 0);
        let place = Place::Topic { topic: "usage".to_owned(), partition };
        let encoder = Encoder::new(&setting.plan, &place, 1 << 20);
        let encode = |entry: &OutboxEntry| encoder.outgoing(entry).encode();
        self.store.forgets_ids = setting.mutant == Some(Mutant::ForgetIds);
        self.store.commit(record, &mut self.processor, &encode);
    }

    /// The commits that are kept before the one that is visible are forgotten with the entries.
    pub fn trim(&mut self, through: u64) {
        let visible = self.processor.ledger().last().number;
        self.store.trim(through, visible);
    }

    /// Whether there is nothing left to do but to read.
    pub fn is_done(&self) -> bool {
        let ledger = self.processor.ledger();
        let cursor = usize::try_from(ledger.last().cursor.offset).expect("not negative");
        ledger.is_idle()
            && cursor == self.at
            && !self.processor.has_more_to_close()
            && self.processor.outbox_bytes() == 0
            && ledger.last().watermark == self.processor.watermark()
            && ledger.delivered() == ledger.last().outbox_last
    }
}

/// A commit's name from a number that is given once.
pub fn commit_id(number: u64) -> CommitId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    CommitId(id)
}
