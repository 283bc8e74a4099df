//! One worker: a consumer, a producer and a set of tasks on one thread.
//!
//! ```text
//! membership -> poll -> fold -> cut (Store) -> deliver (one transaction of all tasks) -> Trim
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;

use super::halting::Stop;
use super::job::Job;
use super::registry::{Registry, TaskName};
use super::report::Report;
use super::takeover::{self, Outcome};
use super::task::{Settled, Task};
use crate::daemon::clock::{self, ClockWatch, Stopwatch};
use crate::daemon::signals::StopSignal;
use crate::engine::{Halt, customer_digest};
use crate::format::Summary;
use crate::kafka::{self, Disposition, Happening, Membership, Sink, Source};
use crate::model::Document;
use crate::store;
use crate::telemetry::TransactionOutcome;

/// Records of one look at the source: bounded, so that a batch stays in the processor's cache.
const BATCH_RECORDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes of entries that one transaction takes of a task.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;
const POLL_WAIT: Duration = Duration::from_millis(100);
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const TICK_INTERVAL: Duration = Duration::from_secs(1);
const TOPIC_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Why a worker ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error("{0}: {1}")]
    Task(TaskName, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} is halted: {1}")]
    Halted(TaskName, Halt),
    #[error("{0} is halted: {1}")]
    HaltedBefore(TaskName, String),
    #[error("the Kafka client failed for good: {0}")]
    Fatal(String),
    #[error(
        "stopped before everything was delivered: what is stored will be delivered at the next start"
    )]
    Undelivered,
}

/// One worker.
pub(super) struct Worker {
    job: Arc<Job>,
    options: kafka::Options,
    registry: Arc<Registry>,
    stop: StopSignal,
    abort: Stop,
    source: Rc<Source>,
    sink: Sink,
    tasks: BTreeMap<i32, Task>,
    documents: Vec<Document>,
    since_cut: Stopwatch,
    since_tick: Stopwatch,
    since_check: Stopwatch,
    pause: Pause,
    clock: ClockWatch,
    report: Report,
}

/// Growing pauses between tries.
struct Pause {
    next: Duration,
    since: Stopwatch,
    is_on: bool,
}

impl Pause {
    fn new() -> Self {
        Pause { next: PAUSE_MIN, since: Stopwatch::start(), is_on: false }
    }

    fn is_over(&self) -> bool {
        !self.is_on || self.since.elapsed() >= self.next
    }

    fn begin(&mut self) {
        self.next = if self.is_on { (self.next * 2).min(PAUSE_MAX) } else { PAUSE_MIN };
        self.since = Stopwatch::start();
        self.is_on = true;
    }

    fn end(&mut self) {
        self.is_on = false;
    }
}

impl Worker {
    pub(super) fn new(
        job: Arc<Job>,
        options: kafka::Options,
        registry: Arc<Registry>,
        stop: StopSignal,
        abort: Stop,
        report: Report,
    ) -> Result<Self, Error> {
        let source = Rc::new(Source::open(&options)?);
        let sink = Sink::new(&options, job.totals_partitions);
        Ok(Worker {
            job,
            options,
            registry,
            stop,
            abort,
            source,
            sink,
            tasks: BTreeMap::new(),
            documents: Vec::new(),
            since_cut: Stopwatch::start(),
            since_tick: Stopwatch::start(),
            since_check: Stopwatch::start(),
            pause: Pause::new(),
            clock: ClockWatch::start(),
            report,
        })
    }

    /// Works until it is told to stop; then finishes, commits and leaves.
    pub(super) fn run(mut self) -> (Summary, Result<(), Error>) {
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.stop.is_raised() && !self.abort.is_raised() {
            outcome = self.step();
        }
        if outcome.is_ok() {
            outcome = self.drain();
        }
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.give_up(partition);
        }
        if outcome.is_ok() {
            outcome = match self.registry.all_halted().into_iter().next() {
                Some((task, reason)) => Err(Error::HaltedBefore(task, reason)),
                None => Ok(()),
            };
        }
        if let Ok(source) = Rc::try_unwrap(self.source) {
            source.close();
        }
        (self.report.summary(), outcome)
    }

    fn step(&mut self) -> Result<(), Error> {
        while let Some(membership) = self.source.membership() {
            self.change(membership)?;
        }
        if let Some(text) = self.source.fatal_error() {
            return Err(Error::Fatal(text));
        }
        self.read()?;
        self.halt_where_told();
        if self.is_commit_due() {
            self.commit()?;
        }
        if self.since_tick.elapsed() >= TICK_INTERVAL {
            self.since_tick = Stopwatch::start();
            self.tick()?;
        }
        Ok(())
    }

    fn name(&self, partition: i32) -> TaskName {
        TaskName { topic: self.options.topics.source.clone(), partition }
    }

    fn failed(&self, partition: i32) -> impl FnOnce(store::Error) -> Error + use<> {
        let name = self.name(partition);
        move |error| Error::Task(name, Box::new(error))
    }

    /// Reads one batch and gives each task its records.
    fn read(&mut self) -> Result<(), Error> {
        let source = Rc::clone(&self.source);
        let mut records: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        let (mut count, mut bytes, mut wait) = (0, 0, POLL_WAIT);
        while count < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            match source.poll(wait) {
                Happening::Record(message) => {
                    count += 1;
                    bytes += message.payload_len();
                    records.entry(message.partition()).or_default().push(message);
                }
                Happening::End(partition) => {
                    if let (Some(task), None) =
                        (self.tasks.get_mut(&partition), records.get(&partition))
                    {
                        task.is_at_end = true;
                    }
                }
                Happening::Trouble(error) => self.trouble(&error)?,
                Happening::Nothing => break,
            }
            wait = Duration::ZERO;
        }
        for (partition, messages) in records {
            let failed = self.failed(partition);
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            task.fold(&self.job, &messages, &mut self.documents).map_err(failed)?;
            self.claim_customers(partition);
        }
        Ok(())
    }

    /// The client goes on by itself after most troubles; some cannot end well.
    fn trouble(&mut self, error: &rdkafka::error::KafkaError) -> Result<(), Error> {
        use rdkafka::error::RDKafkaErrorCode as Code;
        for task in self.tasks.values_mut() {
            task.end_seen = None;
        }
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                Err(kafka::Error::TopicMissing(self.options.topics.source.clone()).into())
            }
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => {
                for (partition, task) in &self.tasks {
                    let (log_start, log_end) = self.source.log_bounds(*partition)?;
                    let offset = task.cursor();
                    let name = self.name(*partition);
                    if offset < log_start {
                        return Err(Error::Halted(name, Halt::HistoryGone { offset, log_start }));
                    }
                    if offset > log_end {
                        return Err(Error::Halted(name, Halt::TopicRecreated { offset, log_end }));
                    }
                }
                Ok(())
            }
            _ => {
                self.report.trouble(error);
                Ok(())
            }
        }
    }

    /// A customer of another task halts both, before anything of it is visible.
    fn claim_customers(&mut self, partition: i32) {
        let name = self.name(partition);
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        for (tenant, customer) in task.processor.take_new_customers() {
            let claimed = self.registry.claim(&name, [customer_digest(&tenant, &customer)]);
            if let Err((_, other)) = claimed {
                let (tenant, customer) = (tenant.to_string(), customer.to_string());
                let halt = |other: &TaskName| Halt::CustomerInTwoTasks {
                    tenant: tenant.clone(),
                    customer: customer.clone(),
                    other: other.to_string(),
                };
                self.registry.halt(&name, &halt(&other));
                self.registry.halt(&other, &halt(&name));
                return;
            }
        }
    }

    /// Drops the tasks that this or another worker halted: nothing of their last commit on becomes visible.
    fn halt_where_told(&mut self) {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        for partition in partitions {
            let name = self.name(partition);
            if let Some(reason) = self.registry.halted(&name) {
                tracing::error!(task = %name, reason, "task halted");
                self.report_and_drop(partition);
                self.report.halted(partition, &reason);
                if let Err(error) = self.source.pause(&[partition]) {
                    tracing::warn!(%error, partition, "a halted partition could not be paused");
                }
            }
        }
        if self.tasks.is_empty() && self.registry.is_serving_nothing() {
            self.abort.raise();
        }
    }

    /// Closes a task's state; the partition is no longer this worker's.
    fn give_up(&mut self, partition: i32) {
        if self.report_and_drop(partition) {
            self.registry.release(&self.name(partition));
        }
    }

    fn report_and_drop(&mut self, partition: i32) -> bool {
        let Some(task) = self.tasks.remove(&partition) else { return false };
        self.report.finish(&task);
        true
    }

    fn is_commit_due(&self) -> bool {
        if !self.pause.is_over() {
            return false;
        }
        let bytes = self.job.commit_bytes_max;
        self.since_cut.elapsed() >= self.job.commit_interval
            || self.tasks.values().any(|task| task.processor.outbox_bytes() > bytes)
            || (self.pause.is_on && self.tasks.values().any(|task| task.pending.is_some()))
    }

    /// Commits every task; deliveries of all of them go out together.
    fn commit(&mut self) -> Result<(), Error> {
        self.since_cut = Stopwatch::start();
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            let failed = self.failed(partition);
            if let Some(task) = self.tasks.get_mut(&partition) {
                task.cut(&self.job).map_err(failed)?;
            }
        }
        // Told before the offset is visible: who sees the offset finds its events counted.
        self.report.tell(self.tasks.values());
        let took = Stopwatch::start();
        let outcome = self.deliver_all();
        self.report.committed(took.elapsed());
        self.hold_back()?;
        match outcome {
            Ok(()) => {
                self.pause.end();
                Ok(())
            }
            Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                self.pause.begin();
                tracing::warn!(
                    %error,
                    pause_seconds = self.pause.next.as_secs(),
                    "delivery is in doubt; it is asked about and made again"
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Reading waits where entries pile up because they cannot be delivered.
    fn hold_back(&mut self) -> Result<(), Error> {
        let limit = self.job.commit_bytes_max.saturating_mul(4);
        for (partition, task) in &mut self.tasks {
            let is_full = task.pending.is_some() && task.processor.outbox_bytes() > limit;
            if is_full != task.is_paused {
                task.is_paused = is_full;
                if is_full {
                    self.source.pause(&[*partition])?;
                } else {
                    self.source.resume(&[*partition])?;
                }
            }
        }
        Ok(())
    }

    /// Makes everything visible that is stored.
    fn deliver_all(&mut self) -> Result<(), Error> {
        loop {
            if self.sink.is_in_doubt() {
                if self.tasks.values().all(|task| task.pending.is_none()) {
                    return Ok(());
                }
                self.sink.renew()?;
                self.settle()?;
            }
            let mut deliveries = Vec::new();
            for (partition, task) in &self.tasks {
                let delivery = task.delivery(&self.job, TRANSACTION_BYTES_MAX);
                deliveries.extend(delivery.map_err(self.failed(*partition))?);
            }
            if deliveries.is_empty() {
                return Ok(());
            }
            // Taken once, when the transaction is cut: never refreshed (a rebalance in between must fence it).
            let Some(member) = self.source.group_metadata() else { return Ok(()) };
            let started = Stopwatch::start();
            let delivered = self.sink.deliver(&deliveries, &member, &|| started.elapsed());
            self.report.transaction(match &delivered {
                Ok(()) => TransactionOutcome::Committed,
                Err(_) => TransactionOutcome::InDoubt,
            });
            delivered?;
            for delivery in &deliveries {
                let failed = self.failed(delivery.partition);
                if let Some(task) = self.tasks.get_mut(&delivery.partition) {
                    task.delivered(&self.job, &delivery.visible).map_err(failed)?;
                }
            }
        }
    }

    /// After a doubt: what is committed decides what went out.
    fn settle(&mut self) -> Result<(), Error> {
        let partitions: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.pending.is_some())
            .map(|(partition, _)| *partition)
            .collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let committed = self.source.committed(&partitions)?;
        for (partition, committed) in partitions.into_iter().zip(committed) {
            let failed = self.failed(partition);
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            let settled = task.settle(&self.job, committed.as_ref()).map_err(failed)?;
            tracing::info!(partition, ?settled, "a delivery in doubt is settled");
            if settled == Settled::Lost {
                let name = self.name(partition);
                self.registry.halt_because(
                    &name,
                    "another process committed for this partition; its state here is behind"
                        .to_owned(),
                );
            }
        }
        self.halt_where_told();
        Ok(())
    }

    fn change(&mut self, membership: Membership) -> Result<(), Error> {
        match membership {
            Membership::Given(partitions) => self.take(&partitions),
            Membership::Taken { partitions, is_lost } => {
                tracing::info!(?partitions, is_lost, "partitions taken");
                if !is_lost {
                    // What is folded goes out while the group still knows this member; what fails is done by the next owner.
                    if let Err(error) = self.commit() {
                        tracing::warn!(%error, "not everything was committed before a rebalance");
                    }
                }
                for partition in &partitions {
                    self.give_up(*partition);
                }
                self.source.unassign(&partitions)?;
                Ok(())
            }
        }
    }

    /// Starts the tasks of partitions that the group gave.
    fn take(&mut self, partitions: &[i32]) -> Result<(), Error> {
        tracing::info!(?partitions, "partitions given");
        if partitions.is_empty() {
            self.report.joined();
            return Ok(self.source.assign(&[])?);
        }
        let mut pause = Pause::new();
        let committed = loop {
            let asked = self.ask_committed(partitions);
            match asked {
                Ok(committed) => break committed,
                Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                    pause.begin();
                    tracing::warn!(%error, pause_seconds = pause.next.as_secs(), "asking again");
                    self.wait(&pause);
                }
                Err(error) => return Err(error),
            }
            if self.stop.is_raised() || self.abort.is_raised() {
                self.source.put_back(Membership::Given(partitions.to_vec()));
                return Ok(());
            }
        };
        let mut starts = Vec::new();
        for (partition, committed) in partitions.iter().copied().zip(committed) {
            let outcome = takeover::take_over(
                &self.job,
                &self.options,
                &self.source,
                &self.registry,
                partition,
                committed,
            );
            match outcome {
                Ok(Outcome::Serves(task)) => {
                    starts.push((partition, task.cursor()));
                    self.registry.serve(&self.name(partition));
                    self.tasks.insert(partition, *task);
                }
                Ok(Outcome::Halted(halt)) => return Err(Error::Halted(self.name(partition), halt)),
                Err(error) => return Err(Error::Task(self.name(partition), Box::new(error))),
            }
        }
        // A genesis is visible before anything is read.
        self.deliver_first()?;
        self.report.joined();
        Ok(self.source.assign(&starts)?)
    }

    fn ask_committed(
        &mut self,
        partitions: &[i32],
    ) -> Result<Vec<Option<crate::engine::Committed>>, Error> {
        // Ends what an earlier run of this worker left open, so that the answer is final.
        if self.sink.is_in_doubt() {
            self.sink.renew()?;
            self.settle()?;
        }
        Ok(self.source.committed(partitions)?)
    }

    fn deliver_first(&mut self) -> Result<(), Error> {
        match self.deliver_all() {
            Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                self.pause.begin();
                tracing::warn!(%error, "the first delivery is in doubt; it is made again");
                Ok(())
            }
            other => other,
        }
    }

    fn wait(&self, pause: &Pause) {
        while !pause.is_over() && !self.stop.is_raised() && !self.abort.is_raised() {
            // Not a sleep: the group is served meanwhile. Records cannot come, for nothing is assigned yet.
            let _ = self.source.poll(POLL_WAIT);
        }
    }

    /// Idle partitions follow the clock (rule 7.1); the topic is looked at from time to time.
    fn tick(&mut self) -> Result<(), Error> {
        self.report.tell(self.tasks.values());
        if let Some(jump) = self.clock.jump() {
            tracing::error!(
                seconds = jump.as_secs(),
                "the clock jumped: idle partitions are not closed until the process is restarted"
            );
            return Ok(());
        }
        let timeout = self.job.idle_timeout;
        let watermark =
            clock::now().saturating_sub(timeout).saturating_sub(self.job.engine.watermark_delay);
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            if self.is_idle(partition, timeout) {
                let failed = self.failed(partition);
                if let Some(task) = self.tasks.get_mut(&partition) {
                    task.idle(&self.job, watermark).map_err(failed)?;
                }
            }
        }
        if self.since_check.elapsed() >= TOPIC_CHECK_INTERVAL {
            self.since_check = Stopwatch::start();
            self.look_at_ends();
            self.check_topic()?;
        }
        Ok(())
    }

    /// Whether a partition has been read to its end, and nothing was added to it, for the idle timeout.
    fn is_idle(&mut self, partition: i32, timeout: crate::model::Span) -> bool {
        let source = Rc::clone(&self.source);
        let Some(task) = self.tasks.get_mut(&partition) else { return false };
        let timeout = Duration::from_micros(u64::try_from(timeout.micros()).unwrap_or(u64::MAX));
        if !task.is_at_end || task.is_paused || task.quiet.elapsed() < timeout {
            return false;
        }
        let Ok((_, end)) = source.log_bounds(partition) else { return false };
        match task.end_seen {
            Some(seen) if seen == end => true,
            Some(_) => {
                task.is_at_end = false;
                task.end_seen = None;
                false
            }
            None => {
                task.end_seen = Some(end);
                false
            }
        }
    }

    /// How far the log reaches: for the lag, never for a decision.
    fn look_at_ends(&mut self) {
        let source = Rc::clone(&self.source);
        for (partition, task) in &mut self.tasks {
            let Ok((_, end)) = source.log_bounds(*partition) else { return };
            task.log_end = Some(end);
        }
    }

    fn check_topic(&mut self) -> Result<(), Error> {
        match self.source.partitions() {
            Ok(now) if now != self.job.partitions => {
                let name = self.name(self.tasks.keys().next().copied().unwrap_or(0));
                let before = self.job.partitions;
                Err(Error::Halted(name, Halt::PartitionsChanged { before, now }))
            }
            Err(error) if error.disposition() == Disposition::Halt => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Finishes what is folded: stores it and makes it visible.
    fn drain(&mut self) -> Result<(), Error> {
        let limit = Stopwatch::start();
        self.pause.end();
        loop {
            self.commit()?;
            let is_done = self.tasks.values().all(|task| task.pending.is_none());
            if is_done {
                // One more: what came while the last one was under way.
                self.commit()?;
                return Ok(());
            }
            if limit.elapsed() >= PAUSE_MAX {
                return Err(Error::Undelivered);
            }
            let _ = self.source.poll(POLL_WAIT);
            while let Some(membership) = self.source.membership() {
                match membership {
                    Membership::Taken { partitions, .. } => {
                        for partition in &partitions {
                            self.give_up(*partition);
                        }
                        self.source.unassign(&partitions)?;
                    }
                    // Nothing is begun any more.
                    Membership::Given(partitions) => {
                        let ends: Vec<(i32, i64)> =
                            partitions.iter().map(|partition| (*partition, 0)).collect();
                        self.source.assign(&ends)?;
                        self.source.pause(&partitions)?;
                    }
                }
            }
        }
    }
}
