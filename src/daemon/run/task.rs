//! One task: the state of one partition, and the carrying out of what its processor wants done.

use std::hash::Hasher;
use std::sync::Arc;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::job::Job;
use crate::daemon::clock::{self, Stopwatch};
use crate::engine::{
    CommitId, CommitRecord, Counters, Cursor, Decision, Effect, Incoming, Input, Processor, Start,
    Visible,
};
use crate::format::{self, Encoder, Outgoing, Place, Summary};
use crate::kafka::Delivery;
use crate::model::{Document, EventTime, Reject, SourcePosition};
use crate::store::{self, Store};
use crate::telemetry::TaskFigures;

/// How many ids are looked at for expiry after a commit.
const EXPIRE_ENTRIES_MAX: usize = 20_000;

/// A delivery that has been asked for and is not known to be visible.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    commit: CommitId,
    is_genesis: bool,
    cursor: Cursor,
    /// First entry that is not known to be visible.
    next: u64,
    through: u64,
    watermark: Option<EventTime>,
}

/// What the committed offset says about a delivery in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Settled {
    /// It is visible, all of it.
    Done,
    /// It is not, or not all of it: it is to be made again.
    Again,
    /// Somebody else committed: the task is no longer this process's.
    Lost,
}

/// One partition's state and work.
pub(super) struct Task {
    pub(super) partition: i32,
    pub(super) processor: Processor,
    pub(super) pending: Option<Pending>,
    /// Since the last record, or since the task began.
    pub(super) quiet: Stopwatch,
    pub(super) is_at_end: bool,
    /// End of the log when the partition was first found read to its end.
    pub(super) end_seen: Option<i64>,
    pub(super) is_paused: bool,
    /// One past the last offset of the log, when it was last asked for.
    pub(super) log_end: Option<i64>,
    store: Store,
    place: Place,
    /// The commit that is known to be visible, and the sequence of its last visible entry.
    visible: Option<(CommitId, u64)>,
    expire: Option<u32>,
    /// Dispositions before this process took the task.
    before: Counters,
    /// What it did up to its last stored commit.
    stored: Summary,
}

/// A digest of a record, to know it again: SipHash-2-4 with 128 bits under a key of zeros.
pub(super) fn record_digest(timestamp: Option<i64>, value: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher24::new();
    hasher.write_i64(timestamp.unwrap_or(-1));
    hasher.write(value);
    hasher.finish128().as_bytes()
}

impl Task {
    /// A task in the state that `decision` allows.
    pub(super) fn new(
        job: &Job,
        topic: &str,
        partition: i32,
        mut store: Store,
        decision: &Decision,
        visible: Option<&Visible>,
    ) -> Result<Self, store::Error> {
        let visible = visible.map(|visible| (visible.commit, visible.sequence));
        let (last, delivered, is_offset_behind) = match decision {
            Decision::Begin { offset } => {
                let genesis = CommitRecord::genesis(random_id(), Cursor::at_offset(*offset));
                store.begin(&genesis)?;
                (genesis, 0, true)
            }
            Decision::Adopt { offset, genesis } => {
                let record = CommitRecord::genesis(*genesis, Cursor::at_offset(*offset));
                store.begin(&record)?;
                (record, 0, false)
            }
            Decision::Resume { delivered, is_offset_behind } => {
                let commits = store.commits()?;
                let last = *commits.last().expect("a state that may be used has its commits");
                (last, *delivered, *is_offset_behind)
            }
            Decision::Halt(reason) => unreachable!("a halted task has no state: {reason}"),
        };
        let start = Start {
            digest_key: store.identity().digest_key,
            last,
            delivered,
            is_offset_behind,
            stored: Some(store.index()?),
        };
        let mut processor = Processor::new(Arc::clone(&job.plan), job.engine.clone(), start);
        processor.attach_store();
        let mut task = Task {
            partition,
            processor,
            pending: None,
            quiet: Stopwatch::start(),
            is_at_end: false,
            end_seen: None,
            is_paused: false,
            log_end: None,
            store,
            place: Place::Topic { topic: topic.to_owned(), partition },
            visible,
            expire: None,
            before: last.counters,
            stored: Summary::EMPTY,
        };
        if let Some(effect) = task.processor.catch_up() {
            task.carry_out(job, vec![effect])?;
        }
        Ok(task)
    }

    /// Figures of its state as of now.
    pub(super) fn figures(&self) -> TaskFigures {
        let ledger = self.processor.ledger();
        TaskFigures {
            lag_records: self.log_end.map(|end| u64::try_from(end - self.cursor()).unwrap_or(0)),
            watermark: self.processor.watermark(),
            outbox_entries: ledger.last().outbox_last - ledger.delivered(),
            dedup_ids: u64::try_from(self.processor.resident().0).unwrap_or(u64::MAX),
            state_bytes: self.store.bytes().unwrap_or(0),
            imbalance_records: self.processor.counters().imbalance(),
        }
    }

    /// What it did since this process took it, up to its last stored commit: what came after is read again where the task
    /// is given up, and would be told twice.
    pub(super) fn summary(&self) -> Summary {
        self.stored
    }

    fn summary_now(&self) -> Summary {
        Summary::of(&self.processor.counters().since(&self.before), self.processor.tally())
    }

    /// Where reading goes on.
    pub(super) fn cursor(&self) -> i64 {
        self.processor.cursor().offset
    }

    /// Folds records, in the order of the log.
    pub(super) fn fold(
        &mut self,
        job: &Job,
        messages: &[BorrowedMessage<'_>],
        documents: &mut Vec<Document>,
    ) -> Result<(), store::Error> {
        let Some(last) = messages.last() else { return Ok(()) };
        documents.resize_with(messages.len().max(documents.len()), Document::default);
        let read_at = clock::now();
        let texts: Vec<_> = messages
            .iter()
            .zip(documents.iter_mut())
            .map(|(message, document)| match message.payload() {
                Some(value) => format::parse(value, document),
                None => Err(format::Fault::no_value()),
            })
            .collect();
        let events: Vec<Incoming<'_>> = messages
            .iter()
            .zip(documents.iter())
            .zip(texts)
            .map(|((message, document), text)| {
                let event = text
                    .and_then(|text| format::event_of(text, document, &job.format, &job.tenant));
                Incoming {
                    position: SourcePosition::Offset(message.offset()),
                    timestamp: message
                        .timestamp()
                        .to_millis()
                        .map(|millis| EventTime::from_micros(millis.saturating_mul(1000))),
                    read_at: Some(read_at),
                    original: message.payload().unwrap_or_default(),
                    event: event.map_err(|fault| Reject {
                        reason: fault.reason,
                        tenant: fault.tenant,
                        metric: None,
                        detail: fault.detail,
                    }),
                }
            })
            .collect();
        let cursor = Cursor::at_offset(last.offset() + 1);
        let digest =
            record_digest(last.timestamp().to_millis(), last.payload().unwrap_or_default());
        self.store.note_record(last.offset(), digest);
        self.quiet = Stopwatch::start();
        self.is_at_end = false;
        self.end_seen = None;
        self.tell(job, Input::Events { events: &events, cursor })
    }

    /// Moves the watermark of an idle partition.
    pub(super) fn idle(&mut self, job: &Job, watermark: EventTime) -> Result<(), store::Error> {
        self.tell(job, Input::Idle { watermark })
    }

    /// Closes one more slice of what is due, unless what the last ones made has to go first.
    pub(super) fn close(&mut self, job: &Job) -> Result<(), store::Error> {
        let is_full = self.pending.is_some() && self.processor.waits_for_room();
        if self.is_paused || is_full || !self.processor.has_more_to_close() {
            return Ok(());
        }
        self.tell(job, Input::Idle { watermark: EventTime::from_micros(i64::MIN) })
    }

    /// Begins a commit unless one is under way or nothing happened.
    pub(super) fn cut(&mut self, job: &Job) -> Result<(), store::Error> {
        if self.pending.is_some() || !self.processor.may_cut() {
            return Ok(());
        }
        self.tell(job, Input::Cut { id: random_id() })
    }

    fn tell(&mut self, job: &Job, input: Input<'_, '_>) -> Result<(), store::Error> {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        self.carry_out(job, effects)
    }

    /// Carries effects out in their order; what they bring is told to the processor at once.
    fn carry_out(&mut self, job: &Job, effects: Vec<Effect>) -> Result<(), store::Error> {
        let mut waiting = std::collections::VecDeque::from(effects);
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
                    let encoder = Encoder::new(&job.plan, &self.place, job.message_bytes_max);
                    let encode = |entry: &_| encoder.outgoing(entry).encode();
                    self.store.commit(&record, &mut self.processor, &encode)?;
                    self.stored = self.summary_now();
                    self.processor.handle(Input::Stored, &mut more);
                }
                Effect::Deliver { commit, cursor, from, through, watermark } => {
                    let is_genesis = self.processor.ledger().last().number == 0;
                    let next = from;
                    self.pending =
                        Some(Pending { commit, is_genesis, cursor, next, through, watermark });
                }
                Effect::Trim { through } => {
                    self.store.trim(through, self.processor.ledger().last().number)?;
                    self.expire_ids()?;
                }
                Effect::Expire { day } => self.expire = Some(day),
            }
            waiting.extend(more.drain(..));
        }
        Ok(())
    }

    fn expire_ids(&mut self) -> Result<(), store::Error> {
        if let Some(day) = self.expire
            && self.store.expire(day, EXPIRE_ENTRIES_MAX)?
        {
            self.expire = None;
        }
        Ok(())
    }

    /// The next part of the pending delivery, of about `bytes_max` bytes.
    pub(super) fn delivery(
        &self,
        job: &Job,
        bytes_max: usize,
    ) -> Result<Option<Delivery>, store::Error> {
        let Some(pending) = &self.pending else { return Ok(None) };
        let mut entries = Vec::new();
        let mut sequence = pending.next - 1;
        if pending.next <= pending.through {
            for (number, bytes) in self.store.outbox(pending.next, pending.through, bytes_max)? {
                entries.push(
                    Outgoing::decode(&bytes).ok_or_else(|| self.store.corrupt_outbox(number))?,
                );
                sequence = number;
            }
        }
        let visible = Visible {
            commit: pending.commit,
            is_genesis: pending.is_genesis,
            sequence,
            watermark: pending.watermark,
            partitions: job.partitions,
        };
        let offset = pending.cursor.offset;
        Ok(Some(Delivery { partition: self.partition, offset, visible, entries }))
    }

    /// A part of the pending delivery is visible.
    pub(super) fn delivered(&mut self, job: &Job, visible: &Visible) -> Result<(), store::Error> {
        self.visible = Some((visible.commit, visible.sequence));
        let Some(pending) = &mut self.pending else { return Ok(()) };
        pending.next = visible.sequence + 1;
        if pending.next <= pending.through {
            return Ok(());
        }
        let sequence = pending.through;
        self.pending = None;
        self.tell(job, Input::Delivered { sequence })
    }

    /// Decides what became of the pending delivery by what the broker says is committed.
    pub(super) fn settle(
        &mut self,
        job: &Job,
        committed: Option<&crate::engine::Committed>,
    ) -> Result<Settled, store::Error> {
        let Some(pending) = self.pending.clone() else { return Ok(Settled::Done) };
        let Some(committed) = committed else {
            let is_first = self.visible.is_none();
            return Ok(if is_first { Settled::Again } else { Settled::Lost });
        };
        let Ok(visible) = &committed.metadata else { return Ok(Settled::Lost) };
        if visible.commit == pending.commit {
            assert!(visible.sequence + 1 >= pending.next, "what is visible stays so");
            let is_whole = visible.sequence >= pending.through;
            self.delivered(job, visible)?;
            return Ok(if is_whole { Settled::Done } else { Settled::Again });
        }
        let is_as_before = self.visible.is_some_and(|(commit, sequence)| {
            commit == visible.commit && sequence == visible.sequence
        });
        Ok(if is_as_before { Settled::Again } else { Settled::Lost })
    }
}

/// A name that no other commit has.
pub(super) fn random_id() -> CommitId {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the system gives random bytes");
    CommitId(id)
}
