//! One worker: a consumer and a set of tasks on one thread, a producer on its courier's.
//!
//! ```text
//! step:  membership -> read and fold -> cut, deliver (`delivery`) -> tick (`idle`)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;

use super::courier::{Courier, Standing};
use super::destinations::Destinations;
use super::halting::Stop;
use super::job::Job;
use super::membership::Moving;
use super::outlook::Outlook;
use super::pause::Pause;
use super::registry::{Registry, TaskName};
use super::report::Report;
use super::task::Task;
use crate::daemon::clock::{ClockWatch, Stopwatch};
use crate::daemon::run::definitions;
use crate::daemon::signals::StopSignal;
use crate::definition::Plan;
use crate::engine::{Halt, customer_digest};
use crate::format::Summary;
use crate::kafka::{self, Happening, Sink, Source};
use crate::model::Document;
use crate::store;

/// Records of one look at the source: bounded, so that a batch stays in the processor's cache.
const BATCH_RECORDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// How long one look at an empty source takes; it also serves the group.
pub(super) const POLL_WAIT: Duration = Duration::from_millis(100);
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a worker ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Kafka(kafka::Error),
    #[error("{0}: {1}")]
    Task(TaskName, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} is halted: {1}")]
    Halted(TaskName, Halt),
    #[error("topic {0} is halted: {1}")]
    TopicHalted(String, Halt),
    #[error("nothing is delivered to topic {0}: {1}")]
    NothingDelivered(String, Halt),
    #[error(
        "topic {topic} has {now} partitions, and had {before} when the process began: nothing was \
         delivered to it yet, so start again"
    )]
    OtherPartitions { topic: String, before: i32, now: i32 },
    #[error("{0} cannot be written: {1}")]
    Memory(String, #[source] std::io::Error),
    #[error("{0} is halted: {1}")]
    HaltedBefore(TaskName, String),
    #[error("the Kafka client failed for good: {0}")]
    Fatal(String),
    #[error(
        "stopped before everything was delivered (there are 30 seconds for it, and the group may take a \
         partition): the state is valid, and what is stored will be delivered at the next start"
    )]
    Undelivered,
}

impl From<kafka::Error> for Error {
    fn from(error: kafka::Error) -> Self {
        match error {
            kafka::Error::TopicReplaced { topic, before, now } => {
                let (before, now) = (before.to_string(), now.to_string());
                Error::TopicHalted(topic, Halt::TopicReplaced { before, now })
            }
            error => Error::Kafka(error),
        }
    }
}

/// What a worker has in common with its siblings.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) registry: Arc<Registry>,
    pub(super) outlook: Arc<Outlook>,
    pub(super) destinations: Arc<Destinations>,
    pub(super) stop: StopSignal,
    pub(super) abort: Stop,
}

/// One worker.
pub(super) struct Worker {
    pub(super) job: Arc<Job>,
    pub(super) options: kafka::Options,
    /// What tasks that start go by, and the others as soon as they can.
    pub(super) plan: Arc<Plan>,
    pub(super) plans: definitions::Reader,
    pub(super) registry: Arc<Registry>,
    pub(super) outlook: Arc<Outlook>,
    pub(super) stop: StopSignal,
    pub(super) abort: Stop,
    pub(super) source: Rc<Source>,
    pub(super) courier: Courier,
    pub(super) standing: Standing,
    /// Whether the topics were what they were after the last transaction, too.
    pub(super) is_arrival_known: bool,
    pub(super) tasks: BTreeMap<i32, Task>,
    /// Given by the group, and not to be read before their tasks are started.
    pub(super) unstarted: BTreeSet<i32>,
    /// Whether the group has given it its partitions, if any.
    pub(super) has_joined: bool,
    pub(super) moving: Moving,
    pub(super) start_pause: Pause,
    /// The broker said that an offset is out of its log, and the client reads no further there.
    pub(super) is_out_of_range: bool,
    documents: Vec<Document>,
    pub(super) since_cut: Stopwatch,
    /// Since the oldest cut that is not all visible.
    pub(super) since_commit: BTreeMap<i32, Stopwatch>,
    /// For how long that commit kept this thread from folding.
    pub(super) held: Duration,
    since_tick: Stopwatch,
    pub(super) pause: Pause,
    pub(super) clock: ClockWatch,
    /// Since the end of the process began.
    pub(super) ending: Option<Stopwatch>,
    pub(super) report: Report,
}

impl Worker {
    pub(super) fn new(
        job: Arc<Job>,
        options: kafka::Options,
        mut plans: definitions::Reader,
        shared: Shared,
        report: Report,
    ) -> Result<Self, Error> {
        let Shared { registry, outlook, destinations, stop, abort } = shared;
        let source = Rc::new(Source::open(&options)?);
        let name = format!("courier-{}-{}", options.topics.source, options.worker);
        let sink = Sink::new(&options, job.totals_partitions);
        let courier = Courier::start(name, sink, outlook.horizon(), destinations);
        let plan = plans.begin();
        Ok(Worker {
            job,
            options,
            plan,
            plans,
            registry,
            outlook,
            stop,
            abort,
            source,
            courier,
            standing: Standing::Unknown,
            is_arrival_known: true,
            tasks: BTreeMap::new(),
            unstarted: BTreeSet::new(),
            has_joined: false,
            moving: Moving::default(),
            start_pause: Pause::new(),
            is_out_of_range: false,
            documents: Vec::new(),
            since_cut: Stopwatch::start(),
            since_commit: BTreeMap::new(),
            held: Duration::ZERO,
            since_tick: Stopwatch::start(),
            pause: Pause::new(),
            clock: ClockWatch::start(),
            ending: None,
            report,
        })
    }

    /// Works until it is told to stop; then finishes, commits and leaves.
    pub(super) fn run(mut self) -> (Summary, Result<(), Error>) {
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.stop.is_raised() && !self.abort.is_raised() {
            outcome = self.step();
        }
        self.ending.get_or_insert_with(Stopwatch::start);
        outcome = match outcome {
            Ok(()) => self.drain(),
            // The sound records before it were read, and cannot be read again before it is mended.
            Err(error @ Error::Kafka(kafka::Error::DamagedBatch { .. })) => {
                if let Err(error) = self.drain() {
                    tracing::warn!(%error, "not everything before a damaged batch was delivered");
                }
                Err(error)
            }
            Err(error) => Err(error),
        };
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.give_up(partition);
        }
        if self.standing == Standing::Failed
            && let Err(error) = self.make_certain()
        {
            tracing::warn!(%error, "a transaction is left to the broker's timeout");
        }
        if self.await_courier().is_err() {
            self.courier.leave();
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
        self.change_membership()?;
        if let Some(text) = self.source.fatal_error() {
            return Err(Error::Fatal(text));
        }
        if self.follow_definitions()? {
            self.read()?;
        }
        self.go_on_closing()?;
        self.halt_where_told();
        if self.is_cut_due() {
            self.cut()?;
        }
        self.follow()?;
        if self.since_tick.elapsed() >= TICK_INTERVAL {
            self.since_tick = Stopwatch::start();
            self.tick()?;
        }
        Ok(())
    }

    pub(super) fn name(&self, partition: i32) -> TaskName {
        TaskName { topic: self.options.topics.source.clone(), partition }
    }

    pub(super) fn failed(&self, partition: i32) -> impl FnOnce(store::Error) -> Error + use<> {
        let name = self.name(partition);
        move |error| Error::Task(name, Box::new(error))
    }

    /// Reads one batch and gives each task its records.
    fn read(&mut self) -> Result<(), Error> {
        let source = Rc::clone(&self.source);
        let mut records: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        let (mut count, mut bytes, mut wait) = (0, 0, POLL_WAIT);
        let (mut is_any_ended, mut damage) = (false, None);
        while count < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            match source.poll(wait) {
                // What is not started yet is paused: nothing of it is the task's.
                Happening::Record(message) if self.unstarted.contains(&message.partition()) => {}
                Happening::End(partition) if self.unstarted.contains(&partition) => {}
                Happening::Record(message) => {
                    count += 1;
                    bytes += message.payload_len();
                    records.entry(message.partition()).or_default().push(message);
                }
                Happening::End(partition) => {
                    if let Some(task) = self.tasks.get_mut(&partition) {
                        task.is_read = true;
                        is_any_ended = true;
                    }
                }
                // Nothing is read behind it. What came before is sound.
                Happening::Trouble(error) if kafka::is_damage(&error) => {
                    damage = Some(self.damaged(&error));
                    break;
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
        match damage {
            // The client's position may be past it.
            Some(error) => Err(error.into()),
            None if is_any_ended => self.pass_over(),
            None => Ok(()),
        }
    }

    fn go_on_closing(&mut self) -> Result<(), Error> {
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            let failed = self.failed(partition);
            if let Some(task) = self.tasks.get_mut(&partition) {
                task.state.go_on_closing(self.job.commit_bytes_max).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The client goes on by itself after most troubles; some cannot end well.
    fn trouble(&mut self, error: &rdkafka::error::KafkaError) -> Result<(), Error> {
        use rdkafka::error::RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                Err(kafka::Error::TopicMissing(self.options.topics.source.clone()).into())
            }
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation) => {
                self.is_out_of_range = true;
                self.report.trouble(error, None);
                Ok(())
            }
            _ => {
                if !self.has_joined
                    && let Some(reason) = kafka::refused_membership(error)
                {
                    self.report.refused(&reason);
                }
                self.report.trouble(error, self.source.last_trouble().as_deref());
                Ok(())
            }
        }
    }

    /// The client says which offset in words, and not which partition.
    fn damaged(&self, error: &rdkafka::error::KafkaError) -> kafka::Error {
        let partitions: Vec<String> = self.tasks.keys().map(ToString::to_string).collect();
        let place = match &partitions[..] {
            [one] => format!("partition {one}"),
            several => format!("one of the partitions {}", several.join(", ")),
        };
        let reason = self.source.last_trouble().unwrap_or_else(|| error.to_string());
        kafka::Error::DamagedBatch { topic: self.options.topics.source.clone(), place, reason }
    }

    /// A customer of another task halts both, before anything of it is visible.
    fn claim_customers(&mut self, partition: i32) {
        let name = self.name(partition);
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        for (tenant, customer) in task.state.processor.take_new_customers() {
            let claimed = self.registry.claim(&name, [customer_digest(&tenant, &customer)]);
            if let Some((other, _)) = claimed.into_iter().next() {
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
    pub(super) fn halt_where_told(&mut self) {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        for partition in partitions {
            let name = self.name(partition);
            if self.registry.halted(&name).is_some() {
                self.report_and_drop(partition);
                self.tell_halted(partition);
                if let Err(error) = self.source.pause(&[partition]) {
                    tracing::warn!(%error, partition, "a halted partition could not be paused");
                }
            }
        }
        let is_settled = self.has_joined && self.moving.is_over() && self.unstarted.is_empty();
        self.registry.settle(&self.options.topics.source, self.options.worker, is_settled);
        if self.tasks.is_empty() && self.registry.is_serving_nothing() {
            self.abort.raise();
        }
    }

    /// Says of a task that it is halted, in each place where that is looked for.
    pub(super) fn tell_halted(&self, partition: i32) {
        let name = self.name(partition);
        let Some(reason) = self.registry.halted(&name) else { return };
        tracing::error!(task = %name, reason, "task halted");
        self.report.halted(partition, &reason);
    }

    /// Closes a task's state; the partition is no longer this worker's.
    pub(super) fn give_up(&mut self, partition: i32) {
        if self.report_and_drop(partition) {
            self.registry.release(&self.name(partition));
        }
    }

    fn report_and_drop(&mut self, partition: i32) -> bool {
        let Some(task) = self.tasks.remove(&partition) else { return false };
        self.report.finish(&task);
        true
    }
}
