//! A task in the hands of a process: its store, its processor, and how far it has read.

use std::sync::Arc;

use odometer::engine::{
    Binding, CommitId, CommitRecord, Committed, Cursor, DigestKey, Effect, Facts, Input,
    LocalState, Noted, Options, OutboxEntry, Processor, StartFrom, StoredIndex, Unfit,
};
use odometer::format::state::{self, Identity};
use odometer::format::{Encoder, Place};
use odometer::model::EventTime;

use super::broker::Broker;
use super::bucket::Manifest;
use super::editions::Editions;
use super::mutant::Mutant;
use crate::model::{Disk, Store, with_incoming};
use crate::oracle::Record;

/// What all tasks of a run share.
pub struct Setting<'w> {
    /// What is defined, and was.
    pub editions: Editions,
    /// Of the engine.
    pub options: Options,
    /// Of the oracle: the clock at reading.
    pub now: Option<EventTime>,
    /// Records of each partition.
    pub records: Vec<Vec<Record<'w>>>,
    /// The time that each of them names, where it does.
    pub times: Vec<Vec<Option<EventTime>>>,
    /// How old what is collected from the store of checkpoints must be.
    pub age: u64,
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

    /// Opens what a disk holds, by the definitions of that revision.
    pub fn open(&self, partition: i32, disk: Disk, revision: usize) -> Store {
        let binding = self.binding(partition);
        let identity = Identity { binding, digest_key: DigestKey([7; 16]) };
        let mut store = Store::open(disk, self.editions.plan(revision), identity);
        store.forgets = match self.mutant {
            Some(Mutant::ForgetIds) => Some(state::ID),
            Some(Mutant::ForgetCustomers) => Some(state::CUSTOMER),
            _ => None,
        };
        store
    }

    /// How far a task that knows that revision may read of a batch.
    pub fn readable(&self, partition: i32, (at, to): (usize, usize), revision: usize) -> usize {
        let Some(horizon) = self.editions.horizon(revision) else { return to };
        let part = usize::try_from(partition).expect("not negative");
        let times = &self.times[part][at..to];
        let first = times.iter().position(|time| *time > Some(horizon));
        first.map_or(to, |count| at + count)
    }
}

/// The state on a disk, as `decide` wants to know it; none where it is damaged.
pub fn local_state(setting: &Setting<'_>, store: &Store) -> Option<LocalState> {
    if store.disk.is_empty() || damage(setting, store).is_some() {
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

/// What is wrong with the state on a disk.
fn damage(setting: &Setting<'_>, store: &Store) -> Option<Unfit> {
    let is_told = store.disk.is_damaged() && setting.mutant != Some(Mutant::UseDamaged);
    let text = |text: &str| text.to_owned();
    is_told
        .then(|| Unfit::Damaged { directory: text("state"), reason: text("000012.sst is damaged") })
}

/// All facts of a partition that is to be served. Where a task begins is said before its first offset, and not left there:
/// it would begin anew wherever its offset is forgotten and its state is elsewhere.
pub fn facts(
    setting: &Setting<'_>,
    broker: &Broker,
    partition: i32,
    store: &Store,
    (committed, manifests): (Option<Committed>, &[Manifest]),
) -> Facts {
    let part = usize::try_from(partition).expect("not negative");
    let offset = |place: usize| i64::try_from(place).expect("few records");
    Facts {
        binding: setting.binding(partition),
        local: local_state(setting, store),
        checkpoints: manifests.iter().map(Manifest::fact).collect(),
        unfit: damage(setting, store),
        committed,
        log_start: offset(broker.starts[part]),
        log_end: offset(broker.ends[part]),
        start_from: (!broker.has_begun(partition)).then_some(StartFrom::Earliest),
    }
}

/// One served partition.
pub struct Task {
    /// Its state on disk.
    pub store: Store,
    /// Its state in memory.
    pub processor: Processor,
    /// Whose definitions it goes by.
    pub revision: usize,
    /// The next record to read.
    pub at: usize,
    /// Idle ticks since the last commit: after which record, and the clock.
    pub ticks: Vec<(usize, EventTime)>,
}

impl Task {
    /// Goes on from what is stored, which was opened by that revision.
    pub fn new(
        setting: &Setting<'_>,
        store: Store,
        revision: usize,
        (delivered, is_offset_behind): (u64, bool),
        committed: Option<&Committed>,
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
        let mut start = store.start(delivered, is_offset_behind);
        let mut at = usize::try_from(start.last.cursor.offset).expect("not negative");
        match (setting.mutant, committed) {
            (Some(Mutant::SkipCatchUp), _) => {
                start.delivered = start.last.outbox_last;
                start.is_offset_behind = false;
            }
            (Some(Mutant::CursorAhead), _) => at += 1,
            (Some(Mutant::CursorOfOffset), Some(committed)) => {
                at = usize::try_from(committed.offset).expect("not negative");
                start.last.cursor = Cursor::at_offset(committed.offset);
            }
            (Some(Mutant::WatermarkOfOffset), Some(Committed { metadata: Ok(visible), .. })) => {
                start.last.watermark = visible.watermark;
            }
            _ => {}
        }
        let plan = Arc::clone(setting.editions.plan(revision));
        let mut processor = Processor::new(plan, setting.options.clone(), start);
        processor.attach_store();
        Task { store, processor, revision, at, ticks: Vec::new() }
    }

    /// Goes by a newer revision from here on, if it may: right after a commit. Returns whether it does.
    pub fn take_plan(&mut self, setting: &Setting<'_>, partition: i32, revision: usize) -> bool {
        let may = self.processor.is_all_stored() && !self.processor.is_waiting();
        if !may || self.revision == revision {
            return false;
        }
        self.revision = revision;
        let disk = std::mem::take(&mut self.store.disk);
        self.store = setting.open(partition, disk, revision);
        let plan = Arc::clone(setting.editions.plan(revision));
        let is_told = setting.mutant != Some(Mutant::PlanWithoutIndex);
        let stored = if is_told { self.store.index() } else { StoredIndex::default() };
        let effects = self.handle(Input::Plan { plan, stored });
        assert_eq!(effects, [], "a plan wants nothing done");
        true
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
        let encoder = Encoder::new(setting.editions.plan(self.revision), &place, 1 << 20);
        let encode = |entry: &OutboxEntry| encoder.outgoing(entry).encode();
        let loses_outbox =
            setting.mutant == Some(Mutant::LoseOutbox) && record.number.is_multiple_of(3);
        let forgets = if loses_outbox { Some(state::OUTBOX) } else { self.store.forgets };
        let forgets = std::mem::replace(&mut self.store.forgets, forgets);
        self.store.commit(record, &mut self.processor, &encode);
        self.store.forgets = forgets;
    }

    /// The commits that are kept before the one that is visible are forgotten with the entries.
    pub fn trim(&mut self, through: u64, visible: u64) {
        self.store.trim(through, visible);
    }

    /// Whether there is nothing left to do but to read.
    pub fn is_done(&self) -> bool {
        let ledger = self.processor.ledger();
        let cursor = usize::try_from(ledger.last().cursor.offset).expect("not negative");
        ledger.is_all_visible()
            && cursor == self.at
            && !self.processor.has_more_to_close()
            && self.processor.outbox_bytes() == 0
            && ledger.last().watermark == self.processor.watermark()
    }
}

/// A commit's name from a number that is given once.
pub fn commit_id(number: u64) -> CommitId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    CommitId(id)
}
