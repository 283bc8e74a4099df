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

use super::away::Away;
use super::courier::{Courier, Standing};
use super::destinations::Destinations;
pub(super) use super::failure::Error;
use super::halting::Stop;
use super::job::Job;
use super::keeper::Restoring;
use super::membership::Moving;
use super::outlook::Outlook;
use super::pause::Pause;
use super::registry::{Registry, TaskName};
use super::report::Report;
use super::stalling::Stalled;
use super::task::Task;
use crate::daemon::clock::{ClockWatch, Stopwatch};
use crate::daemon::run::definitions;
use crate::daemon::signals::StopSignal;
use crate::definition::Plan;
use crate::format::Summary;
use crate::kafka::{self, Happening, Sink, Source};
use crate::model::Document;

/// Records of one look at the source: bounded, so that a batch stays in the processor's cache.
const BATCH_RECORDS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// How long one look at an empty source takes; it also serves the group.
pub(super) const POLL_WAIT: Duration = Duration::from_millis(100);
const TICK_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Of these the ones whose checkpoints are being brought back, and since when that was last told.
    pub(super) restores: BTreeMap<i32, (Restoring, Stopwatch)>,
    /// By which id the group knew it when it gave it what it has.
    pub(super) member: String,
    /// Whether the group has given it its partitions, if any.
    pub(super) has_joined: bool,
    pub(super) moving: Moving,
    pub(super) start_pause: Pause,
    pub(super) stalled: Stalled,
    /// The broker said that an offset is out of its log, and the client reads no further there.
    pub(super) is_out_of_range: bool,
    pub(super) away: Away,
    documents: Vec<Document>,
    pub(super) since_cut: Stopwatch,
    pub(super) since_publish: Stopwatch,
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
        let claims = job.claims.clone();
        let courier = Courier::start(name, sink, outlook.horizon(), destinations, claims);
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
            restores: BTreeMap::new(),
            member: String::new(),
            has_joined: false,
            moving: Moving::default(),
            start_pause: Pause::new(),
            stalled: Stalled::default(),
            is_out_of_range: false,
            away: Away::default(),
            documents: Vec::new(),
            since_cut: Stopwatch::start(),
            since_publish: Stopwatch::start(),
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
            let halted = self.registry.all_halted().into_iter().next();
            outcome = match (halted, self.first_stalled()) {
                (Some((task, reason)), _) => Err(Error::HaltedBefore(task, reason)),
                (None, Some((task, reason))) => Err(Error::Stalled(task, reason)),
                (None, None) => Ok(()),
            };
        }
        if let Ok(source) = Rc::try_unwrap(self.source) {
            source.close();
        }
        (self.report.summary(), outcome)
    }

    fn step(&mut self) -> Result<(), Error> {
        self.away.watch(&self.source);
        self.change_membership()?;
        if let Some(error) = self.source.fatal_error() {
            return self.outlive(error);
        }
        if let Some(error) = self.registry.fault() {
            return Err(error.into());
        }
        if self.follow_definitions()? {
            self.read()?;
        }
        self.go_on_closing()?;
        self.halt_where_told();
        if self.is_cut_due() {
            self.cut()?;
        }
        self.go_on_with_checkpoints()?;
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
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            let outcome = task.fold(&self.job, &messages, &mut self.documents);
            match self.absorb(partition, outcome)? {
                Some(Ok(())) => self.claim_customers(partition),
                Some(Err(foreign)) => {
                    self.registry.halt_because(&self.name(partition), foreign);
                }
                None => {}
            }
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
            if let Some(task) = self.tasks.get_mut(&partition) {
                let outcome = task.state.go_on_closing(self.job.commit_bytes_max);
                self.absorb(partition, outcome)?;
            }
        }
        Ok(())
    }

    /// Closes a task's state; the partition is no longer this worker's.
    pub(super) fn give_up(&mut self, partition: i32) {
        if self.report_and_drop(partition) {
            self.registry.release(&self.name(partition));
        }
    }

    pub(super) fn report_and_drop(&mut self, partition: i32) -> bool {
        let Some(task) = self.tasks.remove(&partition) else { return false };
        self.report.finish(&task);
        true
    }
}
