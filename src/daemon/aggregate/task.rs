//! The run's one task: gives inputs to the processor and carries out its effects, each at once.
//!
//! Delivery here is what waits in the outputs, and becomes visible only when all of the run has: so what a lasting
//! state holds in its outbox is forgotten last of all, and a run that was cut off is made good by the next one.

use std::collections::VecDeque;
use std::sync::Arc;

use super::console::Console;
use super::handover::Note;
use super::last_line::LastLine;
use super::limits::{CUT_OUTBOX_BYTES, CUT_RECORDS};
use super::outputs::Outputs;
use super::pieces::Delivered;
use super::state::{Opened, Storage, Temporary, random};
use super::{Limits, store_failure};
use crate::daemon::CommandError;
use crate::daemon::clock::Stopwatch;
use crate::daemon::signals::StopSignal;
use crate::definition::Plan;
use crate::engine::{
    CommitId, CommitRecord, Cursor, Effect, Incoming, Input, Loaded, Options, OutboxEntry,
    Processor, Scan,
};
use crate::format::{Encoder, Line, Outgoing, Summary};
use crate::model::{EventTime, PeriodTotal, Span};
use crate::store::Store;

/// How many stored ids one commit looks at for those to be forgotten.
const EXPIRY_ENTRIES: usize = 65_536;

/// How many bytes of a stored outbox are read at once.
const OUTBOX_BYTES: usize = 4 << 20;

/// The task of one run.
pub(super) struct Task<'p> {
    plan: Arc<Plan>,
    processor: Processor,
    storage: Storage,
    encoder: Encoder<'p>,
    outputs: Outputs,
    limits: Limits,
    /// The commit from which on this run tells.
    told: CommitRecord,
    since_cut: u64,
    expires_through: Option<u32>,
    /// What of the outbox outputs of an earlier run hold.
    delivered: Delivered,
}

impl<'p> Task<'p> {
    pub(super) fn new(
        plan: &Arc<Plan>,
        options: Options,
        limits: Limits,
        opened: Opened,
        encoder: Encoder<'p>,
        outputs: Outputs,
    ) -> Self {
        let Opened { start, storage, told, delivered, .. } = opened;
        let mut processor = Processor::new(Arc::clone(plan), options, start);
        if matches!(storage, Storage::Lasting(_)) {
            processor.attach_store();
        }
        Task {
            plan: Arc::clone(plan),
            processor,
            storage,
            encoder,
            outputs,
            limits,
            told,
            since_cut: 0,
            expires_through: None,
            delivered,
        }
    }

    pub(super) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// Delivers what an earlier run stored and could not deliver.
    pub(super) fn catch_up(&mut self) -> Result<(), CommandError> {
        let effect = self.processor.catch_up();
        self.carry_out_all(effect.into_iter().collect())
    }

    /// Notes the last line of the batch that is taken next.
    pub(super) fn note_last(&mut self, line: &Line<'_>) {
        if let Storage::Lasting(store) = &mut self.storage {
            LastLine::of(line).note(store);
        }
    }

    /// Takes a batch; `cursor` stands after it.
    pub(super) fn take(
        &mut self,
        events: &[Incoming<'_>],
        cursor: Cursor,
    ) -> Result<(), CommandError> {
        self.give(Input::Events { events, cursor })?;
        self.since_cut += u64::try_from(events.len()).expect("a count of things in memory");
        if self.is_to_spill() {
            return self.spill();
        }
        let is_short = !matches!(self.storage, Storage::Memory)
            && self.processor.memory_bytes() > self.limits.processor_bytes_max
            && self.since_cut >= self.limits.cut_records_min;
        let is_full =
            self.since_cut >= CUT_RECORDS || self.processor.outbox_bytes() >= CUT_OUTBOX_BYTES;
        if is_short || is_full { self.cut() } else { Ok(()) }
    }

    /// Whether more is due than a slice: to be closed before more is read, for a late event publishes all that is owed of
    /// its key at once.
    pub(super) fn has_more_to_close(&self) -> bool {
        self.processor.has_more_to_close()
    }

    /// Makes room for the next slice of closing, and closes it.
    pub(super) fn close_slice(&mut self) -> Result<(), CommandError> {
        self.make_room()?;
        // The watermark stays.
        self.give(Input::Idle { watermark: EventTime::from_micros(i64::MIN) })
    }

    /// Closes every period (rule 7.1, end of input).
    pub(super) fn close(
        &mut self,
        stop: &StopSignal,
        console: &mut Console,
    ) -> Result<(), CommandError> {
        loop {
            super::check(stop)?;
            console.show_closing(&self.processor);
            self.give(Input::EndOfInput)?;
            self.make_room()?;
            if !self.processor.has_more_to_close() {
                return Ok(());
            }
        }
    }

    /// Closes what is due, and looks at what is open.
    pub(super) fn preview(
        &mut self,
        stop: &StopSignal,
        console: &mut Console,
    ) -> Result<(), CommandError> {
        while self.has_more_to_close() {
            super::check(stop)?;
            console.show_closing(&self.processor);
            self.close_slice()?;
        }
        self.cut()?;
        let mut shown =
            Shown { encoder: &self.encoder, outputs: &mut self.outputs, outcome: Ok(()) };
        self.processor.preview(&mut |total| shown.show(total));
        let store = self.storage.store();
        for mut scan in self.processor.preview_scans() {
            let store = store.expect("only what is stored is asked for");
            loop {
                super::check(stop)?;
                let (found, is_end) = store.scan(&scan).map_err(store_failure)?;
                scan.after = found.last().map(Loaded::address);
                for stored in &found {
                    self.processor.preview_stored(stored, &mut |total| shown.show(total));
                }
                if is_end {
                    break;
                }
            }
        }
        shown.outcome
    }

    /// Makes everything visible, then says that it is: last of all.
    pub(super) fn finish(mut self, stopwatch: Stopwatch) -> Result<(), CommandError> {
        self.forget()?;
        let summary = self.summary(stopwatch);
        let keeps_rejects = self.outputs.keeps_rejects();
        let mut settled = self.outputs.settle(&summary)?;
        let last = *self.processor.ledger().last();
        let lasting = match &self.storage {
            Storage::Lasting(store) => Some(store.directory().to_owned()),
            Storage::Memory | Storage::Temporary(_) => None,
        };
        if let Some(directory) = &lasting {
            let deliveries = settled.hand_over()?;
            let told = (self.told.number, &last);
            Note::new(directory, told, self.delivered, deliveries)?.write(directory)?;
        }
        settled.publish()?;
        super::console::tell(&summary, keeps_rejects);
        // Closing takes its time, and a kill meanwhile is one before the end.
        drop(self.storage);
        if let Some(directory) = lasting {
            Note::finish(&directory)?;
            // Nothing is left to be done, and a kill in what a process does of itself at its end would come too late.
            signal_hook::low_level::exit(0);
        }
        Ok(())
    }

    /// Removes from a lasting state what its last commit made forgettable: keys, and of ids about twice as many as this run
    /// may have added.
    fn forget(&mut self) -> Result<(), CommandError> {
        if !matches!(self.storage, Storage::Lasting(_)) {
            return Ok(());
        }
        if self.processor.has_forgotten() {
            self.cut()?;
        }
        let read = self.processor.counters().since(&self.told.counters).read;
        let mut left = read.saturating_mul(2);
        while let (Some(day), Some(store), 1..) =
            (self.expires_through, self.storage.store_mut(), left)
        {
            if store.expire(day, EXPIRY_ENTRIES).map_err(store_failure)? {
                self.expires_through = None;
            }
            left = left.saturating_sub(u64::try_from(EXPIRY_ENTRIES).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// What the outputs hold, and how the events ended that this came of: those read since the last run that came to its
    /// end, for what one that was cut off made is in these outputs too.
    fn summary(&self, stopwatch: Stopwatch) -> Summary {
        let counters = self.processor.counters().since(&self.told.counters);
        let micros = i64::try_from(stopwatch.elapsed().as_micros()).unwrap_or(i64::MAX);
        Summary {
            elapsed: Span::from_micros(micros),
            ..Summary::of(&counters, self.outputs.tally())
        }
    }

    fn cut(&mut self) -> Result<(), CommandError> {
        self.since_cut = 0;
        self.give(Input::Cut { id: CommitId(random()?) })?;
        if let (Some(day), Some(store)) = (self.expires_through, self.storage.store_mut())
            && store.expire(day, EXPIRY_ENTRIES).map_err(store_failure)?
        {
            self.expires_through = None;
        }
        Ok(())
    }

    fn is_to_spill(&self) -> bool {
        let is_memory = matches!(self.storage, Storage::Memory);
        is_memory && self.processor.memory_bytes_ahead() > self.limits.spill_bytes
    }

    /// Commits a slice of closing: what it made leaves memory, and what memory does not hold.
    fn make_room(&mut self) -> Result<(), CommandError> {
        if self.is_to_spill() { self.spill() } else { self.cut() }
    }

    /// Moves all state to a temporary store, and lets go of what memory does not hold.
    fn spill(&mut self) -> Result<(), CommandError> {
        self.storage = Storage::Temporary(Temporary::create(self.limits, &self.plan)?);
        self.processor.attach_store();
        self.cut()
    }

    fn give(&mut self, input: Input<'_, '_>) -> Result<(), CommandError> {
        let mut effects = Vec::new();
        self.processor.handle(input, &mut effects);
        if effects.is_empty() { Ok(()) } else { self.carry_out_all(effects.into()) }
    }

    fn carry_out_all(&mut self, mut effects: VecDeque<Effect>) -> Result<(), CommandError> {
        let mut further = Vec::new();
        while let Some(effect) = effects.pop_front() {
            if let Some(answer) = self.carry_out(effect)? {
                self.processor.handle(answer, &mut further);
                effects.extend(further.drain(..));
            }
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        effect: Effect,
    ) -> Result<Option<Input<'static, 'static>>, CommandError> {
        match effect {
            Effect::Load(addresses) => {
                let found = self.stored().load(&addresses).map_err(store_failure)?;
                Ok(Some(Input::Loaded(found)))
            }
            Effect::Scan(scan) => self.scan(&scan).map(Some),
            Effect::Store(record) => {
                self.store(&record)?;
                Ok(Some(Input::Stored))
            }
            Effect::Deliver { from, through, .. } => {
                self.deliver(from, through)?;
                Ok(Some(Input::Delivered { sequence: through }))
            }
            Effect::Checkpoint { .. } => unreachable!("no checkpoints are kept of files' states"),
            // Only once the outputs are visible: see `finish`.
            Effect::Trim { .. } => Ok(None),
            Effect::Expire { day } => {
                self.expires_through = Some(day);
                Ok(None)
            }
        }
    }

    fn stored(&self) -> &Store {
        self.storage.store().expect("only what is stored is asked for")
    }

    fn scan(&self, scan: &Scan) -> Result<Input<'static, 'static>, CommandError> {
        let (found, is_end) = self.stored().scan(scan).map_err(store_failure)?;
        Ok(Input::Scanned { found, is_end })
    }

    fn store(&mut self, record: &CommitRecord) -> Result<(), CommandError> {
        let Task { processor, storage, encoder, .. } = self;
        match storage {
            Storage::Lasting(store) => {
                let encode = |entry: &OutboxEntry| encoder.outgoing(entry).encode();
                store.commit(record, processor, &encode).map_err(store_failure)
            }
            Storage::Temporary(_) | Storage::Memory => {
                let entries = processor.take_outbox();
                if let Storage::Temporary(temporary) = storage {
                    temporary.write(record, processor)?;
                }
                drop(processor.take_new_customers());
                self.add_all(&entries)
            }
        }
    }

    /// Adds what was made since the last commit to the outputs.
    fn add_all(&mut self, entries: &[OutboxEntry]) -> Result<(), CommandError> {
        let keeps_rejects = self.outputs.keeps_rejects();
        for entry in entries {
            match entry {
                OutboxEntry::Reject { reject, .. } if !keeps_rejects => {
                    self.outputs.pass_over(reject.reason);
                }
                OutboxEntry::Reject { .. } | OutboxEntry::Total(_) => {
                    self.outputs.add(&self.encoder.outgoing(entry))?;
                }
            }
        }
        Ok(())
    }

    /// Adds stored entries to the outputs; those of a state that does not last are there already.
    fn deliver(&mut self, from: u64, through: u64) -> Result<(), CommandError> {
        let Storage::Lasting(store) = &self.storage else { return Ok(()) };
        let mut next = from;
        while next <= through {
            for (sequence, bytes) in
                store.outbox(next, through, OUTBOX_BYTES).map_err(store_failure)?
            {
                let outgoing = Outgoing::decode(&bytes).ok_or_else(|| {
                    let directory = store.directory().display();
                    CommandError::failed(format!(
                        "state directory {directory}: outbox entry {sequence} cannot be read"
                    ))
                })?;
                if !self.delivered.has(sequence, outgoing.kind) {
                    self.outputs.add(&outgoing)?;
                }
                next = sequence + 1;
            }
        }
        Ok(())
    }
}

/// Adds provisional totals to the outputs.
struct Shown<'t, 'p> {
    encoder: &'t Encoder<'p>,
    outputs: &'t mut Outputs,
    outcome: Result<(), CommandError>,
}

impl Shown<'_, '_> {
    fn show(&mut self, total: PeriodTotal) {
        if self.outcome.is_ok() {
            self.outcome = self.outputs.add(&self.encoder.outgoing(&OutboxEntry::Total(total)));
        }
    }
}
