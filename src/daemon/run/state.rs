//! One task's state: its processor, its store, and the carrying out of what the processor wants done.
//!
//! Every source has it the same. What makes a delivery visible, and when, is each source's own affair: it is found in
//! `pending` until [`State::delivered`] says that it is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::copy::Copy;
use super::live::Showing;
use super::outside::Outside;
use crate::daemon::clock::Stopwatch;
use crate::definition::Plan;
use crate::engine::{self, CommitId, CommitRecord, Counters, Cursor, Effect, Input, Processor};
use crate::format::{Encoder, Outgoing, Place, Summary};
use crate::model::EventTime;
use crate::store::{self, Store};
use crate::telemetry::TaskFigures;

/// How many ids are looked at for expiry after a commit, at the least.
const EXPIRE_ENTRIES_MIN: u64 = 20_000;
/// And how many for each id that the commit brought: more than one, or more would stay on disk than are remembered.
const EXPIRE_ENTRIES_PER_ID: u64 = 2;

/// Events since the last commit for which one is made because memory is short: fewer free too little for what it costs.
const SHORT_EVENTS_MIN: u64 = 4_096;

/// A delivery that has been asked for and is not known to be visible.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) commit: CommitId,
    pub(super) is_genesis: bool,
    pub(super) cursor: Cursor,
    /// First entry that is not known to be visible.
    pub(super) next: u64,
    pub(super) through: u64,
    pub(super) watermark: Option<EventTime>,
}

/// What is the same for all tasks of a source.
pub(super) struct Common {
    pub(super) engine: engine::Options,
    /// The longest entry that the sink takes.
    pub(super) entry_bytes_max: usize,
    /// Where the tasks show themselves.
    pub(super) outside: Outside,
}

/// What a task goes on from.
#[derive(Clone, Copy)]
pub(super) struct From {
    /// The last commit that is stored.
    pub(super) last: CommitRecord,
    /// Sequence of the last visible entry.
    pub(super) delivered: u64,
    /// Whether what is visible belongs to an earlier commit.
    pub(super) is_offset_behind: bool,
}

/// A task's state.
pub(super) struct State {
    // First, so that nobody looks any more when the store goes.
    showing: Showing,
    pub(super) processor: Processor,
    pub(super) store: Store,
    pub(super) pending: Option<Pending>,
    /// What is to be put into the store of checkpoints, until it is taken from here.
    pub(super) copy: Option<Copy>,
    pub(super) place: Place,
    plan: Arc<Plan>,
    entry_bytes_max: usize,
    expire: Option<u32>,
    /// Events counted when ids were last looked at for expiry.
    expired_at: u64,
    /// Dispositions before this process took the task.
    before: Counters,
    /// What it did up to its last stored commit.
    stored: Summary,
    /// Since the first event that is not stored.
    unstored: Option<Stopwatch>,
    /// The same of events that no copy holds, and of those that are in one that is not in the store of checkpoints yet.
    uncopied: Option<Stopwatch>,
    copying: Option<Stopwatch>,
    outside: Outside,
    keeps_checkpoints: bool,
}

impl State {
    /// Goes on from a stored commit; what it made and was not delivered is pending.
    pub(super) fn new(
        common: &Common,
        plan: Arc<Plan>,
        place: Place,
        store: Store,
        from: From,
    ) -> Result<Self, store::Error> {
        let From { last, delivered, is_offset_behind } = from;
        let start = engine::Start {
            digest_key: store.identity().digest_key,
            last,
            delivered,
            is_offset_behind,
            stored: Some(store.index()?),
        };
        let mut processor = Processor::new(Arc::clone(&plan), common.engine.clone(), start);
        processor.attach_store();
        let (partitions, keeps_offsets) =
            (store.identity().binding.partitions, common.engine.keeps_offsets);
        let mut state = State {
            showing: common.outside.live.show(store.view(), &place, partitions, keeps_offsets),
            processor,
            store,
            pending: None,
            copy: None,
            place,
            plan,
            entry_bytes_max: common.entry_bytes_max,
            expire: None,
            expired_at: last.counters.counted,
            before: last.counters,
            stored: Summary::EMPTY,
            unstored: None,
            uncopied: None,
            copying: None,
            outside: common.outside.clone(),
            keeps_checkpoints: common.engine.keeps_checkpoints,
        };
        if let Some(effect) = state.processor.catch_up() {
            state.carry_out(vec![effect])?;
        }
        Ok(state)
    }

    /// Figures as of now; `lag_records`: what is still to be read, where that is known.
    pub(super) fn figures(&self, lag_records: Option<u64>) -> TaskFigures {
        let ledger = self.processor.ledger();
        TaskFigures {
            lag_records,
            lag_bytes: None,
            watermark: self.processor.watermark(),
            outbox_entries: ledger.last().outbox_last - ledger.delivered(),
            dedup_ids: u64::try_from(self.processor.resident().0).unwrap_or(u64::MAX),
            state_bytes: self.store.bytes().unwrap_or(0),
            checkpoint_age: self.unsafe_since().map(Stopwatch::elapsed).unwrap_or_default(),
            imbalance_records: self.processor.counters().imbalance(),
        }
    }

    /// When the first event came that a loss of this machine, or where no checkpoints are kept, of this process would lose.
    fn unsafe_since(&self) -> Option<Stopwatch> {
        if self.keeps_checkpoints { self.copying.or(self.uncopied) } else { self.unstored }
    }

    /// What it did since this process took it, up to its last stored commit: what came after is read again where the task
    /// is given up, and would be told twice.
    pub(super) fn summary(&self) -> Summary {
        self.stored
    }

    /// Whether an event was read that is not stored.
    pub(super) fn has_unstored_events(&self) -> bool {
        self.unstored.is_some()
    }

    fn summary_now(&self) -> Summary {
        Summary::of(&self.processor.counters().since(&self.before), self.processor.tally())
    }

    /// Goes on by another plan, right after a commit. Returns whether it does; if not, a commit is under way that comes first.
    ///
    /// # Errors
    /// A plan that gives what is counted another meaning: the one before still stands. Else the disk.
    pub(super) fn take_plan(&mut self, plan: &Arc<Plan>) -> Result<bool, store::Error> {
        if Arc::ptr_eq(plan, &self.plan) {
            return Ok(true);
        }
        if !self.processor.is_all_stored() {
            self.cut()?;
        }
        if self.processor.is_waiting() || !self.processor.is_all_stored() {
            return Ok(false);
        }
        self.store.replan(plan)?;
        self.plan = Arc::clone(plan);
        let stored = self.store.index_of_metrics()?;
        self.tell(Input::Plan { plan: Arc::clone(plan), stored })?;
        self.showing.renew(self.store.view());
        Ok(true)
    }

    /// The greatest instant that an event, or the clock of a quiet source, has reached.
    pub(super) fn reached(&self) -> Option<EventTime> {
        self.processor.reached()
    }

    /// Whether a commit is to be made before its time: what is to be delivered takes so many bytes, or memory is short, of
    /// which only a commit lets go.
    pub(super) fn wants_commit(&self, outbox_bytes_max: usize) -> bool {
        let processor = &self.processor;
        let events = processor.counters().since(&processor.ledger().last().counters).read;
        let is_short = events >= SHORT_EVENTS_MIN && processor.is_past_memory();
        let is_full = processor.outbox_bytes() > outbox_bytes_max;
        processor.may_cut() && (is_full || is_short || processor.waits_for_room())
    }

    /// Begins a commit unless one is under way or nothing happened.
    pub(super) fn cut(&mut self) -> Result<(), store::Error> {
        if !self.processor.may_cut() {
            return Ok(());
        }
        self.tell(Input::Cut { id: random_id() })
    }

    /// Begins to make visible what is stored, where checkpoints are kept and nothing is under way.
    pub(super) fn publish(&mut self) -> Result<(), store::Error> {
        if !self.keeps_checkpoints {
            return Ok(());
        }
        self.tell(Input::Publish)
    }

    /// What was copied is in the store of checkpoints.
    pub(super) fn checkpointed(&mut self) -> Result<(), store::Error> {
        self.copying = None;
        self.tell(Input::Checkpointed)
    }

    /// Closes one more slice of what is due, whether or not records come, unless what the last ones made (so many bytes of
    /// it) has to go first.
    pub(super) fn go_on_closing(&mut self, outbox_bytes_max: usize) -> Result<(), store::Error> {
        let waits = self.pending.is_some() && self.processor.waits_for_room();
        let is_full = waits || self.processor.outbox_bytes() > outbox_bytes_max;
        if is_full || !self.processor.has_more_to_close() {
            return Ok(());
        }
        // The watermark stays.
        self.tell(Input::Idle { watermark: EventTime::from_micros(i64::MIN) })
    }

    /// Tells the processor, and carries out what it wants done.
    pub(super) fn tell(&mut self, input: Input<'_, '_>) -> Result<(), store::Error> {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        self.carry_out(effects)?;
        let (now, last) = (self.processor.counters().read, self.processor.ledger().last());
        if self.unstored.is_none() && now != last.counters.read {
            self.unstored = Some(Stopwatch::start());
            self.uncopied.get_or_insert_with(Stopwatch::start);
        }
        Ok(())
    }

    /// Entries of the pending delivery from a sequence on, about `bytes_max` bytes of them, and the sequence of the last.
    pub(super) fn part(
        &self,
        from: u64,
        bytes_max: usize,
    ) -> Result<(Vec<Outgoing>, u64), store::Error> {
        let through = self.pending.as_ref().map_or(0, |pending| pending.through);
        let mut entries = Vec::new();
        let mut last = from - 1;
        if from <= through {
            for (sequence, bytes) in self.store.outbox(from, through, bytes_max)? {
                let entry = Outgoing::decode(&bytes);
                entries.push(entry.ok_or_else(|| self.store.corrupt_outbox(sequence))?);
                last = sequence;
            }
        }
        Ok((entries, last))
    }

    /// The pending delivery is visible up to that entry.
    pub(super) fn delivered(&mut self, sequence: u64) -> Result<(), store::Error> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        pending.next = sequence + 1;
        if pending.next <= pending.through {
            return Ok(());
        }
        let sequence = pending.through;
        self.pending = None;
        self.tell(Input::Delivered { sequence })
    }

    /// Carries effects out in their order; what they bring is told to the processor at once.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), store::Error> {
        let mut waiting = VecDeque::from(effects);
        let mut more = Vec::new();
        while let Some(effect) = waiting.pop_front() {
            match effect {
                Effect::Load(addresses) => {
                    let found = self.store.load(&addresses)?;
                    self.processor.handle(Input::Loaded(found), &mut more);
                }
                Effect::Scan(scan) => {
                    let (found, is_end) = self.store.scan(&scan)?;
                    self.processor.handle(Input::Scanned { found, is_end }, &mut more);
                }
                Effect::Store(record) => {
                    let encoder = Encoder::new(&self.plan, &self.place, self.entry_bytes_max);
                    let encode = |entry: &_| encoder.outgoing(entry).encode();
                    let took = Stopwatch::start();
                    self.store.commit(&record, &mut self.processor, &encode)?;
                    if !self.keeps_checkpoints {
                        self.outside.series.observe_checkpoint(took.elapsed());
                    }
                    self.unstored = None;
                    let CommitRecord { number, outbox_last, counters, .. } = record;
                    let state = self.store.directory().display();
                    tracing::debug!(%state, number, outbox_last, read = counters.read, "committed");
                    self.stored = self.summary_now();
                    self.processor.handle(Input::Stored, &mut more);
                }
                Effect::Checkpoint { commit: _, number } => {
                    let commits = self.store.commits()?;
                    let commits = commits.into_iter().map(|commit| commit.id).collect();
                    let copy = Copy::beside(self.store.directory(), number, commits);
                    self.store.copy_to(&copy.directory)?;
                    self.copy = Some(copy);
                    self.copying = self.uncopied.take();
                }
                Effect::Deliver { commit, cursor, from, through, watermark } => {
                    let is_genesis = self.processor.ledger().last().number == 0;
                    let next = from;
                    self.pending =
                        Some(Pending { commit, is_genesis, cursor, next, through, watermark });
                }
                Effect::Trim { through, commit } => {
                    self.store.trim(through, commit)?;
                    self.expire_ids()?;
                }
                Effect::Expire { day } => self.expire = Some(day),
            }
            waiting.extend(more.drain(..));
        }
        Ok(())
    }

    fn expire_ids(&mut self) -> Result<(), store::Error> {
        let counted = self.processor.counters().counted;
        let new_ids = counted - std::mem::replace(&mut self.expired_at, counted);
        let Some(day) = self.expire else { return Ok(()) };
        let entries = expire_entries(new_ids);
        if self.store.expire(day, entries)? {
            self.expire = None;
        }
        Ok(())
    }
}

/// How many ids are looked at after so many new ones.
fn expire_entries(new_ids: u64) -> usize {
    let entries = new_ids.saturating_mul(EXPIRE_ENTRIES_PER_ID).max(EXPIRE_ENTRIES_MIN);
    usize::try_from(entries).unwrap_or(usize::MAX)
}

/// A name that no other commit has.
pub(super) fn random_id() -> CommitId {
    CommitId(random())
}

/// Sixteen random bytes.
pub(super) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::expire_entries;

    #[test]
    fn more_ids_are_looked_at_than_come() {
        assert_eq!(expire_entries(0), 20_000);
        assert_eq!(expire_entries(9_000), 20_000);
        assert_eq!(expire_entries(50_000), 100_000);
    }
}
