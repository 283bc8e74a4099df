//! One task: the state of one partition, and the carrying out of what its processor wants done.

use std::hash::Hasher;
use std::sync::Arc;

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::job::Job;
use super::progress::Progress;
use super::rekey::unpack;
use super::upload::Upload;
use crate::daemon::clock::{self, Stopwatch};
use crate::daemon::run::state::{From, State, random_id};
use crate::definition::Plan;
use crate::engine::{
    CommitId, CommitRecord, Committed, Cursor, Decision, Doubt, Incoming, Input, Settled, Visible,
    settle,
};
use crate::format::rekeyed::{Envelope, Moved};
use crate::format::{self, EventFormat, Fault, Found, Origin, Place};
use crate::kafka::Delivery;
use crate::model::{Document, EventTime, SourcePosition};
use crate::store::{self, Store};
use crate::telemetry::TaskFigures;

/// How many events are folded at once, at most, but for those of the last record.
const EVENTS_MAX: usize = 1 << 14;

/// The header that names the type of a record's events.
pub(super) const SLUG: &str = "slug";

/// One partition's state and work.
pub(super) struct Task {
    pub(super) partition: i32,
    pub(super) state: State,
    /// Since the last record, or since the task began.
    pub(super) quiet: Stopwatch,
    /// Whether a record or the end of the log came since the partition was accepted: from then on the client's position
    /// is this task's.
    pub(super) is_read: bool,
    pub(super) is_paused: bool,
    /// One past the last offset of the log, when it was last asked for.
    pub(super) log_end: Option<i64>,
    pub(super) progress: Progress,
    /// Its checkpoints, where they are kept.
    pub(super) upload: Option<Upload>,
    /// The commit that is known to be visible, and the sequence of its last visible entry.
    visible: Option<(CommitId, u64)>,
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
        plan: &Arc<Plan>,
        (topic, partition): (&str, i32),
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
            Decision::Halt(_) | Decision::Restore { .. } => {
                unreachable!("a task without a state here is not begun: {decision:?}")
            }
        };
        let from = From { last, delivered, is_offset_behind };
        let progress = Progress::from(last.cursor.offset);
        let topic = topic.to_owned();
        let place = match &job.origin {
            None => Place::Topic { topic, partition },
            Some(origin) => Place::Rekeyed { topic, partition, source: origin.topic.clone() },
        };
        let binding = store.identity().binding.clone();
        let upload = job.keeper.is_some().then(|| Upload::new(binding, visible.map(|one| one.0)));
        Ok(Task {
            partition,
            state: State::new(&job.common, Arc::clone(plan), place, store, from)?,
            quiet: Stopwatch::start(),
            is_read: false,
            is_paused: false,
            log_end: None,
            progress,
            upload,
            visible,
        })
    }

    /// Figures of its state as of now.
    pub(super) fn figures(&self) -> TaskFigures {
        let lag = self.log_end.map(|end| u64::try_from(end - self.cursor()).unwrap_or(0));
        self.state.figures(lag)
    }

    /// Whether something that is stored is not known to be visible.
    pub(super) fn has_anything_left(&self) -> bool {
        !self.state.processor.ledger().is_all_visible()
    }

    /// Whether its genesis is not known to be visible.
    pub(super) fn is_beginning(&self) -> bool {
        self.state.pending.as_ref().is_some_and(|pending| pending.is_genesis)
    }

    /// Where reading goes on.
    pub(super) fn cursor(&self) -> i64 {
        self.state.processor.cursor().offset
    }

    /// Folds records, in the order of the log. The inner error is why one of them cannot be this task's: it is halted then.
    pub(super) fn fold(
        &mut self,
        job: &Job,
        messages: &[BorrowedMessage<'_>],
        documents: &mut Vec<Document>,
    ) -> Result<Result<(), String>, store::Error> {
        let Some(last) = messages.last() else { return Ok(Ok(())) };
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
        let mut events: Vec<Incoming<'_>> = Vec::with_capacity(messages.len());
        let mut found = Vec::new();
        let mut unpacked = Vec::new();
        if let Some(origin) = &job.origin {
            for message in messages {
                match unpack(message, origin) {
                    Ok(one) => unpacked.push(one),
                    Err(foreign) => return Ok(Err(foreign)),
                }
            }
        }
        let mut unpacked = unpacked.into_iter();
        for ((message, document), text) in messages.iter().zip(documents.iter()).zip(texts) {
            // Of records that hold many, no more at once than take memory that was not reckoned with.
            if events.len() >= EVENTS_MAX {
                let cursor = Cursor::at_offset(message.offset());
                self.state.tell(Input::Events { events: &events, cursor })?;
                events.clear();
            }
            let moved = match unpacked.next() {
                None => None,
                Some(Envelope::Moved(moved)) => Some(moved),
                Some(Envelope::Marks { partitions, marks }) => {
                    let cursor = Cursor::at_offset(message.offset());
                    self.state.tell(Input::Events { events: &events, cursor })?;
                    events.clear();
                    let cursor = Cursor::at_offset(message.offset() + 1);
                    self.state.tell(Input::Upstream { partitions, marks: &marks, cursor })?;
                    continue;
                }
            };
            match text {
                Ok(text) => {
                    let origin = origin_of(message, job, moved.as_deref());
                    format::events_of(text, document, &job.format, &origin, &mut found);
                }
                Err(fault) => {
                    let original = message.payload().unwrap_or_default();
                    found.push(Found { original, event: Err(fault) });
                }
            }
            match moved {
                None => {
                    let millis = message.timestamp().to_millis();
                    let timestamp =
                        millis.map(|millis| EventTime::from_micros(millis.saturating_mul(1000)));
                    events.extend(found.drain(..).map(|found| Incoming {
                        position: SourcePosition::Offset(message.offset()),
                        timestamp,
                        read_at: Some(read_at),
                        original: found.original,
                        upstream: None,
                        event: found.event.map_err(Fault::into_reject),
                    }));
                }
                Some(moved) => {
                    if let Err(foreign) = moved.take_own(&mut found, &mut events) {
                        return Ok(Err(foreign));
                    }
                }
            }
        }
        let cursor = Cursor::at_offset(last.offset() + 1);
        let digest =
            record_digest(last.timestamp().to_millis(), last.payload().unwrap_or_default());
        self.state.store.note_record(last.offset(), digest);
        self.quiet = Stopwatch::start();
        self.is_read = true;
        self.state.tell(Input::Events { events: &events, cursor }).map(Ok)
    }

    /// The client's position is past the cursor: what stands between is no record. What was read last stays the record
    /// by which the log is known again.
    pub(super) fn pass_over(&mut self, position: i64) -> Result<(), store::Error> {
        if !self.is_read || position <= self.cursor() {
            return Ok(());
        }
        self.state.tell(Input::Events { events: &[], cursor: Cursor::at_offset(position) })
    }

    /// The next part of the pending delivery, of about `bytes_max` bytes.
    pub(super) fn delivery(
        &self,
        job: &Job,
        bytes_max: usize,
    ) -> Result<Option<Delivery>, store::Error> {
        let Some(pending) = &self.state.pending else { return Ok(None) };
        let (entries, sequence) = self.state.part(pending.next, bytes_max)?;
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
    pub(super) fn delivered(&mut self, visible: &Visible) -> Result<(), store::Error> {
        self.note_visible(visible.commit, visible.sequence)
    }

    fn note_visible(&mut self, commit: CommitId, sequence: u64) -> Result<(), store::Error> {
        self.visible = Some((commit, sequence));
        self.state.delivered(sequence)?;
        if let (None, Some(upload)) = (&self.state.pending, &mut self.upload) {
            upload.delivered(commit);
        }
        Ok(())
    }

    /// Takes what the broker says is committed: what went out of the pending delivery is not sent again.
    pub(super) fn settle(
        &mut self,
        committed: Option<&Committed>,
    ) -> Result<Settled, store::Error> {
        let Some(pending) = &self.state.pending else { return Ok(Settled::Done) };
        let (commit, through) = (pending.commit, pending.through);
        let delivered = pending.next.saturating_sub(1);
        let doubt = Doubt { commit, delivered, through, known: self.visible };
        let settled = settle(&doubt, committed);
        match settled {
            Settled::Done => self.note_visible(commit, through)?,
            Settled::Again { delivered } if delivered > doubt.delivered => {
                self.note_visible(commit, delivered)?;
            }
            Settled::Again { .. } | Settled::Lost => {}
        }
        Ok(settled)
    }
}

/// What is known of a record beside its text.
fn origin_of<'m>(
    message: &'m BorrowedMessage<'_>,
    job: &'m Job,
    moved: Option<&Moved>,
) -> Origin<'m> {
    let topic = job.origin.as_ref().map_or(message.topic(), |origin| &origin.topic);
    let event_type = event_type_of(message, &job.format, topic);
    let position =
        moved.map_or((0, message.offset()), |moved| (moved.upstream.mark.partition, moved.offset));
    Origin { tenant: &job.tenant, event_type, position }
}

/// Of a format whose events may name no type it is the header `slug`, else the topic.
pub(super) fn event_type_of<'m>(
    message: &'m BorrowedMessage<'_>,
    format: &EventFormat,
    topic: &'m str,
) -> Option<&'m str> {
    format.takes_type_of_source().then(|| match slug_of(message) {
        // One that is no text names no type, as an empty one.
        Some(slug) => std::str::from_utf8(slug).unwrap_or_default(),
        None => topic,
    })
}

/// The header that names the type of a record's events, where it has one.
pub(super) fn slug_of<'m>(message: &'m BorrowedMessage<'_>) -> Option<&'m [u8]> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let slug = headers.filter(|header| header.key == SLUG).last();
    slug.map(|header: Header<'m, &'m [u8]>| header.value.unwrap_or_default())
}
