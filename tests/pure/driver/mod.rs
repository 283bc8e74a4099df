//! One task without faults around it but restarts: the engine against the oracle, with a store in memory and without.
//!
//! Batches, commits, restarts and the limit of memory are thrown by dice; what comes out may depend on none of them.

mod closing;
mod properties;
mod tests;

pub use self::tests::{check, seeds};

use std::collections::VecDeque;
use std::sync::Arc;

use odometer::definition::Plan;
use odometer::engine::{
    Binding, CommitId, CommitRecord, Cursor, DigestKey, Effect, Input, Loaded, OutboxEntry,
    Processor, Start,
};
use odometer::format::state::Identity;
use odometer::format::{Encoder, Outgoing, Place};
use odometer::model::EventTime;

use crate::model::{Disk, Sight, Store, with_incoming};
use crate::oracle::{Options, Record};
use crate::worlds::{self, Dice};

/// How a task is driven.
#[derive(Clone, Debug)]
pub struct Style {
    /// Whether there is a store.
    pub has_store: bool,
    /// Every batch has so many records; `None`: by chance.
    pub batch: Option<usize>,
    /// In so many of a hundred places the process is started anew.
    pub restarts: usize,
    /// In so many of a hundred places it takes a plan while it works.
    pub replans: usize,
    /// After so many records it is started anew with these definitions, which may differ where rule 5.6 d allows it.
    pub redefined: Option<(usize, String)>,
}

impl Style {
    /// Without a store and without restarts.
    pub fn plain(batch: Option<usize>) -> Self {
        Style { has_store: false, batch, restarts: 0, replans: 0, redefined: None }
    }

    /// With a store.
    pub fn stored(batch: Option<usize>, restarts: usize) -> Self {
        Style { has_store: true, batch, restarts, replans: 0, redefined: None }
    }
}

/// A processor at work, with what it left behind.
pub struct Driver<'w> {
    definitions: String,
    plan: Arc<Plan>,
    place: Place,
    options: &'w Options,
    settings: odometer::engine::Options,
    style: Style,
    processor: Processor,
    store: Option<Store>,
    /// What became visible: it survives restarts.
    pub sight: Sight,
    /// The entries that were sent, as they are stored.
    pub sent: Vec<Vec<u8>>,
    leaves_outbox: bool,
    delivered: (u64, CommitId),
    cuts: u64,
    loaded: usize,
}

/// What differs from one place on.
#[derive(PartialEq)]
enum Switched {
    /// Also how the task is set up: it is started anew.
    Settings,
    /// Its definitions at most.
    Definitions,
}

/// What one slice of closing made, and left in memory.
pub struct Slice {
    pub totals: u64,
    pub chains: usize,
    pub memory_bytes: usize,
}

impl<'w> Driver<'w> {
    /// A fresh task.
    pub fn new(definitions: &str, options: &'w Options, style: Style, dice: &mut Dice) -> Self {
        let plan = Arc::new(plan_at(definitions, options, 0));
        let settings = odometer::engine::Options {
            dedup_window: options.dedup_window,
            watermark_delay: options.watermark_delay,
            future_skew_max: options.max_future_skew,
            keeps_offsets: options.keeps_offsets,
            slice_totals_max: *dice.pick(&[1, 3, 20_000]),
            memory_bytes_max: *dice.pick(&[0, 3_000, 20_000, usize::MAX]),
            ..Default::default()
        };
        let genesis = CommitRecord::genesis(CommitId([0; 16]), Cursor::at_offset(0));
        let store = style.has_store.then(|| {
            let mut store = Store::open(Disk::default(), &plan, identity());
            store.begin(&genesis);
            store
        });
        let start = match &store {
            Some(store) => store.start(0, false),
            None => Start {
                digest_key: identity().digest_key,
                last: genesis,
                delivered: 0,
                is_offset_behind: false,
                stored: None,
            },
        };
        let mut processor = Processor::new(Arc::clone(&plan), settings.clone(), start);
        if style.has_store {
            processor.attach_store();
        }
        let place = Place::Topic { topic: "usage".to_owned(), partition: 0 };
        let (sight, delivered) = (Sight::default(), (0, genesis.id));
        Driver {
            definitions: definitions.to_owned(),
            plan,
            place,
            options,
            settings,
            style,
            processor,
            store,
            sight,
            sent: Vec::new(),
            leaves_outbox: false,
            delivered,
            cuts: 0,
            loaded: 0,
        }
    }

    /// A task that goes on from stored entries, of which none was sent.
    pub fn resume(
        definitions: &str,
        options: &'w Options,
        style: Style,
        entries: Vec<(Vec<u8>, Vec<u8>)>,
        dice: &mut Dice,
    ) -> Self {
        let mut driver = Driver::new(definitions, options, style, dice);
        let store = Store::open(Disk::of(entries), &driver.plan, identity());
        let last = *store.commits().last().expect("a state has its genesis");
        driver.delivered = (last.outbox_last, last.id);
        driver.cuts = last.number;
        driver.store = Some(store);
        driver.revive(last.cursor);
        driver
    }

    /// Reads records after those that the state knows, and ends the input.
    pub fn go_on(&mut self, records: &[Record<'_>]) {
        let first = self.processor.ledger().last().cursor.offset;
        let at = usize::try_from(first).expect("not negative");
        with_incoming(records, at, self.options.now, |events| {
            let read = i64::try_from(records.len()).expect("few records");
            self.handle(Input::Events { events, cursor: Cursor::at_offset(first + read) });
        });
        self.end_input();
        let mut effects = Vec::new();
        self.processor.handle(Input::Cut { id: CommitId([9; 16]) }, &mut effects);
        let Some(Effect::Store(record)) = effects.first() else { panic!("there is news") };
        self.store_commit(record);
        let (from, through) = (self.delivered.0 + 1, record.outbox_last);
        let entries = self.store().outbox(from, through, usize::MAX);
        self.sent = entries.into_iter().map(|(_, bytes)| bytes).collect();
    }

    /// From now on no more stays in memory after a commit, of a state in which nothing is.
    pub fn let_go_past(&mut self, memory_bytes_max: usize) {
        self.settings.memory_bytes_max = memory_bytes_max;
        self.settings.slice_totals_max = 20;
        self.revive(Cursor::at_offset(0));
    }

    /// From now on so many totals are made in one slice.
    pub fn close_by(&mut self, slice_totals_max: usize) {
        self.settings.slice_totals_max = slice_totals_max;
        self.revive(Cursor::at_offset(0));
    }

    /// Reads one record and commits.
    pub fn read_one(&mut self, records: &[Record<'_>], at: usize) {
        self.read(records, at);
        self.cut(true);
    }

    /// Reads records as one batch.
    pub fn read(&mut self, records: &[Record<'_>], at: usize) {
        with_incoming(records, at, self.options.now, |events| {
            let next = at + records.len();
            let cursor = Cursor::at_offset(i64::try_from(next).expect("few records"));
            self.handle(Input::Events { events, cursor });
        });
    }

    /// How many cells and chains were loaded for events.
    pub fn loaded_entries(&self) -> usize {
        self.loaded
    }

    /// From now on its events are those that were re-keyed from another topic.
    pub fn rekeyed(mut self) -> Self {
        let (topic, source) = ("internal".to_owned(), "usage".to_owned());
        self.place = Place::Rekeyed { topic, partition: 0, source };
        self
    }

    /// Gives it what was read.
    pub fn give(&mut self, input: Input<'_, '_>) {
        self.handle(input);
    }

    /// Commits by chance, and by chance dies before, after or in between. Where reading goes on.
    pub fn live_on(&mut self, dice: &mut Dice) -> usize {
        if dice.chance(30) {
            self.cut(!dice.chance(self.style.restarts));
        }
        if dice.chance(self.style.restarts) {
            return self.restart(dice);
        }
        usize::try_from(self.processor.cursor().offset).expect("few records")
    }

    /// Closes all that is due, and commits.
    pub fn finish(&mut self) {
        self.close();
        self.cut(true);
    }

    /// Ends the input, with a commit after each slice of closing.
    pub fn end_in_slices(&mut self) -> Vec<Slice> {
        let mut slices = Vec::new();
        loop {
            self.handle(Input::EndOfInput);
            slices.push(self.end_slice());
            if !self.processor.has_more_to_close() {
                return slices;
            }
        }
    }

    /// Closes what is due, with a commit after each slice; the first one is what the last batch closed.
    pub fn close_in_slices(&mut self) -> Vec<Slice> {
        let mut slices = vec![self.end_slice()];
        while self.processor.has_more_to_close() {
            self.handle(Input::Idle { watermark: EventTime::from_micros(i64::MIN) });
            slices.push(self.end_slice());
        }
        slices
    }

    fn end_slice(&mut self) -> Slice {
        let before = self.processor.ledger().last().outbox_last;
        self.cut(true);
        Slice {
            totals: self.processor.ledger().last().outbox_last - before,
            chains: self.processor.resident().1,
            memory_bytes: self.processor.memory_bytes(),
        }
    }

    /// What the processor takes.
    pub fn memory_bytes(&self) -> usize {
        self.processor.memory_bytes()
    }

    /// From now on the outbox is not trimmed.
    pub fn leave_outbox(&mut self) {
        self.leaves_outbox = true;
    }

    /// What is stored, entry by entry.
    pub fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.store().disk.entries()
    }

    /// Works a whole world out.
    pub fn run(&mut self, records: &[Record<'_>], dice: &mut Dice) {
        let mut at = 0;
        let mut ended_at = None;
        let mut switched_at = None;
        loop {
            self.tick(at);
            if switched_at != Some(at) && self.is_switched_at(at) {
                self.cut(true);
                let settings = self.switch(at);
                switched_at = Some(at);
                if settings == Switched::Definitions
                    && self.style.replans > 0
                    && dice.chance(self.style.replans)
                {
                    self.replan();
                } else {
                    at = self.restart(dice);
                }
                continue;
            }
            if self.options.input_ends.contains(&at) && ended_at != Some(at) {
                self.end_input();
                self.cut(true);
                ended_at = Some(at);
                at = self.restart(dice);
                continue;
            }
            if at == records.len() {
                break;
            }
            let next = self.batch_end(at, records.len(), dice);
            with_incoming(&records[at..next], at, self.options.now, |events| {
                let cursor = Cursor::at_offset(i64::try_from(next).expect("few records"));
                self.handle(Input::Events { events, cursor });
            });
            at = next;
            if dice.chance(30) {
                self.cut(!dice.chance(self.style.restarts));
            }
            if dice.chance(self.style.restarts) {
                at = self.restart(dice);
            }
            // No throw where it never does: the dice of other styles fall as they always did.
            if self.style.replans > 0 && dice.chance(self.style.replans) {
                self.replan();
            }
        }
        if !self.options.keep_open {
            self.end_input();
        }
        self.tick(at);
        self.close();
        self.cut(true);
    }

    /// Moves the cursor without a record: where there is none, it goes on past ends of transactions.
    pub fn pass_over(&mut self, offset: i64) {
        self.handle(Input::Events { events: &[], cursor: Cursor::at_offset(offset) });
    }

    /// The last stored commit.
    pub fn last_commit(&self) -> CommitRecord {
        *self.processor.ledger().last()
    }

    /// Commits what there is to commit.
    pub fn commit(&mut self) {
        self.cut(true);
    }

    fn is_switched_at(&self, at: usize) -> bool {
        self.switches().any(|switch| switch == at)
    }

    /// Where the task is started anew with other settings or definitions.
    fn switches(&self) -> impl Iterator<Item = usize> {
        let windows = self.options.window_switches.iter().map(|(place, _)| *place);
        let redefined = self.style.redefined.iter().map(|(place, _)| *place);
        let lives = self.options.lives.values().flat_map(|life| [life.start, life.end]);
        let lives = lives.filter(|place| *place > 0);
        self.options.offset_switches.iter().copied().chain(windows).chain(redefined).chain(lives)
    }

    fn switch(&mut self, at: usize) -> Switched {
        self.settings.keeps_offsets ^= self.options.offset_switches.contains(&at);
        self.settings.dedup_window = self.options.window_at(at);
        let has_settings = self.options.offset_switches.contains(&at)
            || self.options.window_switches.iter().any(|(place, _)| *place == at);
        if let Some((_, definitions)) = self.style.redefined.iter().find(|(place, _)| *place == at)
        {
            self.definitions.clone_from(definitions);
        }
        self.plan = Arc::new(plan_at(&self.definitions, self.options, at));
        if has_settings { Switched::Settings } else { Switched::Definitions }
    }

    /// Takes the plan while it works; where it is the same one, under a new number.
    fn replan(&mut self) {
        if !self.style.has_store {
            return;
        }
        self.cut(true);
        assert!(self.processor.is_all_stored());
        let store = self.store.take().expect("a task with a store");
        let store = Store::open(store.disk, &self.plan, identity());
        let stored = store.start(self.delivered.0, false).stored.expect("it is stored");
        self.store = Some(store);
        self.handle(Input::Plan { plan: Arc::clone(&self.plan), stored });
    }

    /// Gives the idle ticks that are set for this place, until all is closed that they close.
    fn tick(&mut self, at: usize) {
        for (_, clock) in self.options.idle_ticks.iter().filter(|(place, _)| *place == at) {
            let quiet_since = clock.saturating_sub(self.options.idle_timeout);
            let watermark = quiet_since.saturating_sub(self.options.watermark_delay);
            self.handle(Input::Idle { watermark });
            self.close();
        }
    }

    fn end_input(&mut self) {
        self.handle(Input::EndOfInput);
        self.close();
    }

    fn close(&mut self) {
        while self.processor.has_more_to_close() {
            self.handle(Input::Idle { watermark: EventTime::from_micros(i64::MIN) });
        }
    }

    fn batch_end(&self, at: usize, end: usize, dice: &mut Dice) -> usize {
        let most = self.style.batch.unwrap_or_else(|| 1 + dice.below(60));
        let stops = self.options.idle_ticks.iter().map(|(place, _)| *place);
        let stops = stops.chain(self.options.input_ends.iter().copied());
        let stops = stops.chain(self.switches());
        stops.filter(|stop| *stop > at).fold((at + most).min(end), usize::min)
    }

    /// Commits; what is stored but not `is_delivered` is left for the next life.
    fn cut(&mut self, is_delivered: bool) {
        self.cuts += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.cuts.to_le_bytes());
        assert!(self.processor.may_cut());
        let mut effects = Vec::new();
        self.processor.handle(Input::Cut { id: CommitId(id) }, &mut effects);
        if is_delivered || !self.style.has_store {
            self.carry_out(effects);
        } else if let Some(Effect::Store(record)) = effects.first() {
            self.store_commit(record);
            // Nothing but a restart may follow: this process never hears that it was stored.
            self.revive(record.cursor);
        }
        assert_eq!(self.processor.counters().imbalance(), 0);
    }

    fn handle(&mut self, input: Input<'_, '_>) {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects: VecDeque<Effect> = effects.into();
        while let Some(effect) = effects.pop_front() {
            let answer = match &effect {
                Effect::Load(addresses) => {
                    let found = self.store().load(addresses);
                    let is_entry = |found: &&Loaded| !matches!(found, Loaded::Id(_));
                    self.loaded += found.iter().filter(is_entry).count();
                    Some(Input::Loaded(found))
                }
                Effect::Scan(scan) => {
                    let (found, is_end) = self.store().scan(scan);
                    Some(Input::Scanned { found, is_end })
                }
                Effect::Store(record) => {
                    self.store_commit(record);
                    Some(Input::Stored)
                }
                Effect::Deliver { commit, from, through, .. } => {
                    self.deliver(*commit, *from, *through);
                    Some(Input::Delivered { sequence: *through })
                }
                Effect::Trim { through, commit } => {
                    if let (Some(store), false) = (&mut self.store, self.leaves_outbox) {
                        store.trim(*through, *commit);
                    }
                    None
                }
                Effect::Checkpoint { .. } => unreachable!("no checkpoints are kept here"),
                Effect::Expire { day } => {
                    if let Some(store) = &mut self.store {
                        store.expire(*day);
                    }
                    None
                }
            };
            let mut more = Vec::new();
            if let Some(answer) = answer {
                self.processor.handle(answer, &mut more);
            }
            effects.extend(more);
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("only with a store is anything to be read")
    }

    fn store_commit(&mut self, record: &CommitRecord) {
        assert_eq!(record.counters.imbalance(), 0);
        let encoder = Encoder::new(&self.plan, &self.place, 1 << 20);
        let keeps_offsets = self.settings.keeps_offsets;
        let encode = |entry: &OutboxEntry| {
            let outgoing = encoder.outgoing(entry);
            let says_offsets = outgoing.body.contains(r#","first_offset":"#);
            let is_total = matches!(entry, OutboxEntry::Total(_));
            assert_eq!(says_offsets, is_total && keeps_offsets, "{}", outgoing.body);
            outgoing.encode()
        };
        match &mut self.store {
            Some(store) => {
                store.commit(record, &mut self.processor, &encode);
                store.disk.flush();
            }
            None => {
                for entry in self.processor.take_outbox() {
                    show(&mut self.sight, &encode(&entry));
                }
            }
        }
    }

    fn deliver(&mut self, commit: CommitId, from: u64, through: u64) {
        assert_eq!(from, self.delivered.0 + 1, "each entry is sent once");
        if let Some(store) = &self.store {
            for (_, bytes) in store.outbox(from, through, usize::MAX) {
                show(&mut self.sight, &bytes);
            }
        }
        self.delivered = (through, commit);
    }

    /// The process dies, and another one goes on from what is stored. Returns from which record.
    fn restart(&mut self, dice: &mut Dice) -> usize {
        let Some(store) = &mut self.store else {
            return usize::try_from(self.processor.ledger().last().cursor.offset).expect("few");
        };
        let kept = dice.below(store.disk.unflushed() + 1);
        store.disk.crash(kept);
        let cursor = store.commits().last().expect("a state has its genesis").cursor;
        self.revive(cursor);
        usize::try_from(cursor.offset).expect("few records")
    }

    fn revive(&mut self, cursor: Cursor) {
        let store = self.store.take().expect("only a task with a store is started anew");
        let store = Store::open(store.disk, &self.plan, identity());
        let (sequence, commit) = self.delivered;
        let last = *store.commits().last().expect("a state has its genesis");
        assert_eq!(last.cursor, cursor);
        let start = store.start(sequence, last.id != commit);
        self.processor = Processor::new(Arc::clone(&self.plan), self.settings.clone(), start);
        self.processor.attach_store();
        self.store = Some(store);
        let behind = self.processor.catch_up();
        self.carry_out(behind.into_iter().collect());
    }

    /// Read, then the dispositions in the order of `DISPOSITIONS`.
    pub fn counts(&self) -> [u64; 6] {
        let counters = self.processor.counters();
        [
            counters.read,
            counters.counted,
            counters.duplicate,
            counters.unmatched,
            counters.late,
            counters.invalid,
        ]
    }
}

/// The plan at a place: what is not yet made is missing, what is deleted is marked. Its revision is the place.
fn plan_at(definitions: &str, options: &Options, at: usize) -> Plan {
    let mut definitions = worlds::definitions(definitions);
    let life = |code: &str| options.lives.get(code);
    definitions.metrics.retain(|metric| life(&metric.code).is_none_or(|life| life.start <= at));
    for metric in &mut definitions.metrics {
        metric.is_deleted = life(&metric.code).is_some_and(|life| life.end <= at);
        metric.deleted_at = options.deleted_at(&metric.code, at);
    }
    Plan::at_revision(definitions, u64::try_from(at).expect("few records"))
}

fn show(sight: &mut Sight, bytes: &[u8]) {
    let outgoing = Outgoing::decode(bytes).expect("what was encoded is decoded");
    sight.take(&outgoing).unwrap_or_else(|fault| panic!("{fault}"));
}

fn identity() -> Identity {
    let binding = Binding {
        cluster: "c".to_owned(),
        group: "g".to_owned(),
        topic: "usage".to_owned(),
        partition: 0,
        partitions: 1,
    };
    Identity { binding, digest_key: DigestKey([7; 16]) }
}
