//! The source partitions that a stage has in hand: how far each has come, and what of that is not committed.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::message::BorrowedMessage;

use super::plan::Plan;
use crate::daemon::clock::{self, Stopwatch};
use crate::daemon::run::kafka::outlook::Answer;
use crate::daemon::run::kafka::task::{SLUG, event_type_of, slug_of};
use crate::engine::Mark;
use crate::format::rekeyed::{Destination, Envelope, HEADER, Lane, LaneNote, encode_note};
use crate::format::{self, Fault, Found};
use crate::kafka::{self, Advance, Copy, Rekeyer};
use crate::model::{Document, EventTime};

/// A lane is told to be idle so often, within its idle timeout: marks take room in the internal topic.
const IDLE_MARKS: u32 = 12;
const IDLE_MARK_MIN: Duration = Duration::from_secs(1);

/// One source partition in hand.
pub(super) struct Track {
    lane: Lane,
    /// How many partitions the source topic had when it was begun.
    sources: u32,
    /// Where reading goes on.
    pub(super) next: i64,
    /// What is committed of both.
    committed: (i64, Mark),
    /// Since the last record, or since it was taken.
    quiet: Stopwatch,
    /// Whether something came since it was taken: from then on the client's position is this lane's.
    pub(super) is_read: bool,
    /// Since its idleness was last told.
    idle_told: Option<Stopwatch>,
}

impl Track {
    /// A partition that goes on at that offset.
    pub(super) fn new(lane: Lane, next: i64, sources: u32) -> Self {
        Track {
            lane,
            sources,
            next,
            committed: (next, lane.mark()),
            quiet: Stopwatch::start(),
            is_read: false,
            idle_told: None,
        }
    }

    /// What the tasks are to be told of it, where it is news.
    pub(super) fn news(&self) -> Option<Mark> {
        (self.lane.mark() != self.committed.1).then(|| self.lane.mark())
    }

    /// What is to be committed of it; `None`: nothing is new.
    pub(super) fn advance(&self, partition: i32, plan: &Plan) -> Option<Advance> {
        let is_new = (self.next, self.lane.mark()) != self.committed;
        is_new.then(|| self.advance_now(partition, plan))
    }

    /// The same where nothing was committed yet.
    pub(super) fn advance_now(&self, partition: i32, plan: &Plan) -> Advance {
        let progress = self.lane.mark().progress;
        let note = LaneNote { progress, sources: self.sources, ..plan.now.clone() };
        let metadata = encode_note(&note);
        Advance { partition, offset: self.next, metadata }
    }

    /// All of it is committed.
    pub(super) fn is_committed(&mut self) {
        self.committed = (self.next, self.lane.mark());
    }

    /// How far it has come in event time.
    pub(super) fn reached(&self) -> Option<EventTime> {
        self.lane.reached()
    }

    /// Follows the clock, where everything in the log was read (up to an `end` beyond which nothing stood when that was
    /// asked) and no record had come for the idle timeout by then (rule 7.1).
    pub(super) fn follow_clock(&mut self, end: i64, answer: &Answer, plan: &Plan) {
        let timeout = Duration::from_micros(plan.idle_timeout.micros().unsigned_abs());
        let quiet = self.quiet.elapsed().saturating_sub(answer.asked.elapsed());
        if self.next != end || quiet < timeout {
            return;
        }
        let pace = IDLE_MARK_MIN.max(timeout / IDLE_MARKS);
        if self.idle_told.is_none_or(|told| told.elapsed() >= pace) {
            self.idle_told = Some(Stopwatch::start());
            self.lane.idle(answer.at.saturating_sub(plan.idle_timeout));
        }
    }

    /// Copies a record to where its events go.
    ///
    /// # Errors
    /// Those of [`Rekeyer::send`].
    pub(super) fn copy(
        &mut self,
        plan: &Plan,
        message: &BorrowedMessage<'_>,
        document: &mut Document,
        rekeyer: &mut Rekeyer,
        clock: &dyn Fn() -> Duration,
    ) -> Result<(), kafka::Error> {
        let destinations = self.route(plan, message, document);
        let slug = if plan.format.takes_type_of_source() { slug_of(message) } else { None };
        for (partition, moved) in destinations {
            let header = Envelope::Moved(Box::new(moved)).encode(plan.origin.stage);
            let headers = [(HEADER, &header[..]), (SLUG, slug.unwrap_or_default())];
            let headers = if slug.is_some() { &headers[..] } else { &headers[..1] };
            let partition = i32::try_from(partition).expect("partitions are numbered by i32");
            rekeyer.send(Copy { partition, value: message.payload(), headers }, clock)?;
        }
        self.next = message.offset() + 1;
        self.is_read = true;
        self.quiet = Stopwatch::start();
        self.idle_told = None;
        Ok(())
    }

    fn route(
        &mut self,
        plan: &Plan,
        message: &BorrowedMessage<'_>,
        document: &mut Document,
    ) -> Vec<Destination> {
        let mut found = Vec::new();
        let text = message.payload().ok_or_else(Fault::no_value);
        match text.and_then(|value| format::parse(value, document)) {
            Ok(text) => {
                let event_type = event_type_of(message, &plan.format, &plan.origin.topic);
                let partition = message.partition().unsigned_abs();
                let position = (partition, message.offset());
                let origin = format::Origin { tenant: &plan.tenant, event_type, position };
                format::events_of(text, document, &plan.format, &origin, &mut found);
            }
            Err(fault) => found.push(Found { original: &[], event: Err(fault) }),
        }
        let millis = message.timestamp().to_millis();
        let timestamp = millis.map(|millis| EventTime::from_micros(millis.saturating_mul(1000)));
        self.lane.route(&plan.rules, (message.offset(), timestamp, clock::now()), &found)
    }
}

/// All that a stage has in hand, by partition.
pub(super) type Tracks = BTreeMap<i32, Track>;

/// Tells every internal partition how far source partitions have come.
///
/// # Errors
/// Those of [`Rekeyer::send`].
pub(super) fn tell(
    plan: &Plan,
    marks: Vec<Mark>,
    rekeyer: &mut Rekeyer,
    clock: &dyn Fn() -> Duration,
) -> Result<(), kafka::Error> {
    let envelope = Envelope::Marks { partitions: plan.rules.sources, marks };
    let header = envelope.encode(plan.origin.stage);
    let headers = [(HEADER, &header[..])];
    for partition in 0..plan.rules.partitions {
        let partition = i32::try_from(partition).expect("partitions are numbered by i32");
        rekeyer.send(Copy { partition, value: None, headers: &headers }, clock)?;
    }
    Ok(())
}
