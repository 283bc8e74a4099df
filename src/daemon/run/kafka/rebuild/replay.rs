//! A replay: a partition is read again, into a state of its own, and what that would deliver is held back.
//!
//! Records, decoding, folding and closing are those of a task that works; only the ends differ: nobody is told of an offset.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::super::job::Job;
use super::super::takeover;
use super::super::task::Task;
use crate::daemon::clock::Stopwatch;
use crate::daemon::readback::{Console, PATIENCE, Progress};
use crate::daemon::signals::StopSignal;
use crate::definition::Plan;
use crate::engine::{CommitRecord, Decision, Input};
use crate::format::Outgoing;
use crate::kafka::{self, Happening, Source};
use crate::model::EventTime;
use crate::store::{self, Store};

const BATCH_RECORDS_MAX: usize = 4096;
const BATCH_BYTES_MAX: usize = 4 << 20;
const POLL_WAIT: Duration = Duration::from_millis(100);
/// Bytes of outbox entries that are looked at at once.
const PART_BYTES: usize = 4 << 20;

/// What is read again.
pub(super) struct Replay<'a> {
    pub(super) job: &'a Arc<Job>,
    pub(super) options: &'a kafka::Options,
    pub(super) plan: &'a Arc<Plan>,
    pub(super) partition: i32,
    /// The first offset.
    pub(super) from: i64,
    /// One past the last one.
    pub(super) end: i64,
    /// Up to where the first run had closed periods.
    pub(super) watermark: Option<EventTime>,
    pub(super) stop: &'a StopSignal,
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{0}")]
    Foreign(String),
    #[error("the broker gives nothing more from offset {0} on: {1}")]
    Silent(i64, String),
    #[error("it was told to stop")]
    Stopped,
}

impl From<takeover::Error> for Error {
    fn from(error: takeover::Error) -> Self {
        Error::Foreign(error.to_string())
    }
}

impl Replay<'_> {
    /// Replays into an empty state, which is given back with its last commit; each entry of its outbox is given to `take`.
    pub(super) fn run(
        &self,
        store: Store,
        take: &mut dyn FnMut(Outgoing),
    ) -> Result<(Store, CommitRecord), Error> {
        let decision = Decision::Begin { offset: self.from };
        let of = (self.options.topics.source.as_str(), self.partition);
        let mut task = Task::new(self.job, self.plan, of, store, &decision, None)?;
        hold_back(&mut task, take)?;
        self.read(&mut task, take)?;
        self.close(&mut task, take)?;
        let last = *task.state.processor.ledger().last();
        Ok((task.state.store, last))
    }

    fn read(&self, task: &mut Task, take: &mut dyn FnMut(Outgoing)) -> Result<(), Error> {
        if self.from >= self.end {
            return Ok(());
        }
        let source = Source::alone(self.options, self.partition, self.from)?;
        let (mut console, mut documents) = (Console::new(), Vec::new());
        let (mut since_cut, mut silent) = (Stopwatch::start(), Stopwatch::start());
        let mut is_at_end = false;
        while !is_at_end {
            if self.stop.is_raised() {
                return Err(Error::Stopped);
            }
            let mut messages = Vec::new();
            let (mut bytes, mut wait) = (0, POLL_WAIT);
            while messages.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX && !is_at_end {
                match source.poll(wait) {
                    Happening::Record(message) if message.offset() >= self.end => is_at_end = true,
                    Happening::Record(message) => {
                        bytes += message.payload_len();
                        messages.push(message);
                    }
                    // The log reached to the end when that was asked for.
                    Happening::End(_) => is_at_end = true,
                    Happening::Trouble(error) => self.trouble(&source, task, &error)?,
                    Happening::Nothing => break,
                }
                wait = Duration::ZERO;
            }
            if !messages.is_empty() {
                silent = Stopwatch::start();
            } else if silent.elapsed() > self.options.request_timeout * PATIENCE {
                let reason =
                    source.last_trouble().unwrap_or_else(|| "no reason is told".to_owned());
                return Err(Error::Silent(task.cursor(), reason));
            }
            task.fold(self.job, &messages, &mut documents)?.map_err(Error::Foreign)?;
            task.state.go_on_closing(self.job.commit_bytes_max)?;
            if self.is_cut_due(task, since_cut) {
                since_cut = Stopwatch::start();
                task.state.cut()?;
                hold_back(task, take)?;
            }
            let read = task.state.processor.counters().read;
            console.show(self.progress(task), read, "events");
        }
        // What stands between the last record and the end is no record.
        task.is_read = true;
        Ok(task.pass_over(self.end)?)
    }

    fn is_cut_due(&self, task: &Task, since: Stopwatch) -> bool {
        let is_due = since.elapsed() >= self.job.commit_interval;
        task.state.wants_commit(self.job.commit_bytes_max)
            || (is_due && task.state.processor.may_cut())
    }

    fn progress(&self, task: &Task) -> Progress {
        let [done, all] = [task.cursor(), self.end].map(|offset| offset - self.from);
        let count = |offsets: i64| u64::try_from(offsets).unwrap_or(0);
        Progress::of(count(done), count(all))
    }

    /// What was closed by the clock is closed again, and all that is owed is stored.
    fn close(&self, task: &mut Task, take: &mut dyn FnMut(Outgoing)) -> Result<(), Error> {
        if let Some(watermark) = self.watermark {
            task.state.tell(Input::Idle { watermark })?;
        }
        loop {
            task.state.go_on_closing(self.job.commit_bytes_max)?;
            task.state.cut()?;
            hold_back(task, take)?;
            let processor = &task.state.processor;
            if !processor.has_more_to_close() && processor.is_all_stored() {
                return Ok(());
            }
            if self.stop.is_raised() {
                return Err(Error::Stopped);
            }
        }
    }

    /// The client goes on by itself after most troubles; some cannot end well.
    fn trouble(&self, source: &Source, task: &Task, error: &KafkaError) -> Result<(), Error> {
        use RDKafkaErrorCode as Code;
        let topic = &self.options.topics.source;
        if kafka::is_damage(error) {
            let place = format!("partition {}", self.partition);
            let reason = source.last_trouble().unwrap_or_else(|| error.to_string());
            return Err(kafka::Error::DamagedBatch { topic: topic.clone(), place, reason }.into());
        }
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                Err(kafka::Error::TopicMissing(topic.clone()).into())
            }
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation) => Err(
                Error::Silent(task.cursor(), format!("the log has lost what was there ({error})")),
            ),
            _ => Ok(()),
        }
    }
}

/// Takes everything that is to be delivered from the state, as if it had been.
fn hold_back(task: &mut Task, take: &mut dyn FnMut(Outgoing)) -> Result<(), store::Error> {
    while let Some(next) = task.state.pending.as_ref().map(|pending| pending.next) {
        let (entries, sequence) = task.state.part(next, PART_BYTES)?;
        entries.into_iter().for_each(&mut *take);
        task.state.delivered(sequence)?;
    }
    Ok(())
}
