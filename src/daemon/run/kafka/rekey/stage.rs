//! One thread of the stage: a member of the group that reads the source topic, and a transactional producer.
//!
//! ```text
//! step:  membership -> read and copy -> cut (`cut`) -> tick: marks of what is idle
//! ```
//! In any doubt it forgets all that it has in hand and begins again at the committed offsets: nothing else is true.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;

use super::lanes::Tracks;
use super::plan::Plan;
use crate::daemon::clock::{self, ClockWatch, Stopwatch};
use crate::daemon::run::kafka::away::Away;
use crate::daemon::run::kafka::halting::Stop;
use crate::daemon::run::kafka::outlook::Outlook;
use crate::daemon::run::kafka::pause::Pause;
use crate::daemon::run::kafka::registry::TaskName;
use crate::daemon::run::kafka::worker::{Error, POLL_WAIT};
use crate::daemon::run::outside::Outside;
use crate::daemon::signals::StopSignal;
use crate::kafka::{self, FatalError, Happening, Horizon, Membership, Rekeyer, Source};
use crate::model::Document;
use crate::telemetry::{TaskFigures, TaskLabel};

/// Records of one look at the source.
const BATCH_RECORDS_MAX: usize = 512;
/// Bytes that one transaction takes, roughly.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the client's troubles are told at most.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(10);

/// What a stage has in common with its siblings and the workers.
#[derive(Clone)]
pub(in crate::daemon::run::kafka) struct Shared {
    /// Of the source topic.
    pub(in crate::daemon::run::kafka) outlook: Arc<Outlook>,
    /// Of the internal topic, as it was at the start.
    pub(in crate::daemon::run::kafka) into: Arc<Horizon>,
    pub(in crate::daemon::run::kafka) stop: StopSignal,
    pub(in crate::daemon::run::kafka) abort: Stop,
    pub(in crate::daemon::run::kafka) outside: Outside,
}

/// One thread's work.
pub(in crate::daemon::run::kafka) struct Stage {
    pub(super) plan: Arc<Plan>,
    worker: usize,
    pub(super) name: String,
    pub(super) source: Source,
    options: kafka::Options,
    pub(super) rekeyer: Rekeyer,
    pub(super) outlook: Arc<Outlook>,
    pub(super) into: Arc<Horizon>,
    stop: StopSignal,
    abort: Stop,
    pub(super) outside: Outside,
    pub(super) tracks: Tracks,
    /// Given by the group, and not to be read before it is known where they go on.
    pub(super) unstarted: BTreeSet<i32>,
    pub(super) pause: Pause,
    /// By which id the group knew it when it gave it what it has.
    pub(super) member: String,
    away: Away,
    /// What it has copied in the transaction that is open.
    bytes: usize,
    document: Document,
    /// The clock of its transactions.
    pub(super) since: Stopwatch,
    since_tick: Stopwatch,
    clock: ClockWatch,
    last_trouble: Option<Stopwatch>,
}

impl Stage {
    pub(in crate::daemon::run::kafka) fn new(
        plan: Arc<Plan>,
        options: &kafka::Options,
        shared: Shared,
    ) -> Result<Self, Error> {
        let Shared { outlook, into, stop, abort, outside } = shared;
        let name = format!("stage {} of topic {}", options.worker, plan.origin.topic);
        outside.readiness.obstruct(&name, "it has not joined the group yet", clock::now());
        Ok(Stage {
            worker: options.worker,
            name,
            source: Source::open(options)?,
            options: options.clone(),
            rekeyer: Rekeyer::new(options, &plan.into),
            plan,
            outlook,
            into,
            stop,
            abort,
            outside,
            tracks: Tracks::new(),
            unstarted: BTreeSet::new(),
            pause: Pause::new(),
            member: String::new(),
            away: Away::default(),
            bytes: 0,
            document: Document::default(),
            since: Stopwatch::start(),
            since_tick: Stopwatch::start(),
            clock: ClockWatch::start(),
            last_trouble: None,
        })
    }

    /// Works until it is told to stop; then makes visible what it has copied, and leaves.
    pub(in crate::daemon::run::kafka) fn run(mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.stop.is_raised() && !self.abort.is_raised() {
            let step = self.step();
            outcome = self.put_off(step);
        }
        // What came before a damaged batch was copied, and cannot be read again before it is mended.
        if let Err(error) = self.cut() {
            tracing::warn!(%error, "what was copied last is copied again at the next start");
            self.rekeyer.abandon();
            // Else readers of the internal topic would wait for its timeout.
            if let Err(error) = self.rekeyer.renew() {
                tracing::warn!(%error, "a transaction is left to the broker's timeout");
            }
        }
        let partitions: Vec<i32> = self.tracks.keys().copied().collect();
        self.forget(&partitions);
        self.source.close();
        outcome
    }

    fn step(&mut self) -> Result<(), Error> {
        while let Some(membership) = self.source.membership() {
            self.change(membership)?;
        }
        self.start_waiting()?;
        self.away.watch(&self.source);
        if let Some(error) = self.source.fatal_error() {
            return self.outlive(error);
        }
        self.read()?;
        if self.is_cut_due() {
            self.bytes = 0;
            self.cut()?;
        }
        if self.since_tick.elapsed() >= TICK_INTERVAL {
            self.since_tick = Stopwatch::start();
            self.tick()?;
        }
        Ok(())
    }

    fn is_cut_due(&self) -> bool {
        let age = self.rekeyer.begun().map(|begun| self.since.elapsed().saturating_sub(begun));
        age.is_some_and(|age| age >= self.plan.interval || self.bytes >= TRANSACTION_BYTES_MAX)
    }

    /// Answers what the group changed of what this stage has.
    fn change(&mut self, membership: Membership) -> Result<(), Error> {
        match membership {
            Membership::Given { partitions, member } => {
                tracing::info!(?partitions, "source partitions given");
                if self.member != member {
                    // What it kept may have been another's meanwhile, of which the client says nothing.
                    self.member = member;
                    self.rekeyer.abandon();
                    self.begin_all_again()?;
                }
                if partitions.is_empty() && self.unstarted.is_empty() {
                    self.outside.readiness.clear(&self.name);
                }
                self.source.assign(&[])?;
                self.unstarted.extend(partitions);
                Ok(())
            }
            Membership::Taken { partitions, is_lost } => {
                tracing::info!(?partitions, is_lost, "source partitions taken");
                // The client takes them in order also where the group has given them to others long since.
                let is_lost = is_lost || !self.source.is_known_as(&self.member);
                // What is copied goes out while the group still knows this member; what fails the next owner copies.
                let outcome = if is_lost {
                    self.obstruct("it lost its place in the group and has not joined it again");
                    self.rekeyer.abandon();
                    Ok(())
                } else {
                    self.cut()
                };
                for partition in &partitions {
                    self.tracks.remove(partition);
                    self.unstarted.remove(partition);
                }
                self.forget(&partitions);
                let unassigned = self.source.unassign(&partitions);
                if is_lost {
                    self.begin_all_again()?;
                }
                outcome?;
                Ok(unassigned?)
            }
        }
    }

    /// Joins the group anew with another client, where that may help.
    fn outlive(&mut self, error: FatalError) -> Result<(), Error> {
        if !self.away.explains(&self.source, &error) {
            return Err(Error::Fatal(error.text));
        }
        self.obstruct("it lost its place in the group and has not joined it again");
        self.rekeyer.abandon();
        self.member.clear();
        let partitions: Vec<i32> = std::mem::take(&mut self.tracks).into_keys().collect();
        self.forget(&partitions);
        self.unstarted.clear();
        let source = Source::open(&self.options)?;
        std::mem::replace(&mut self.source, source).close();
        Ok(())
    }

    /// Of a transaction that is gone all that it held is to be read again.
    fn begin_all_again(&mut self) -> Result<(), Error> {
        let left: Vec<i32> = std::mem::take(&mut self.tracks).into_keys().collect();
        self.source.pause(&left)?;
        self.unstarted.extend(left);
        Ok(())
    }

    /// Copies one batch.
    fn read(&mut self) -> Result<(), Error> {
        let since = self.since;
        let clock = || since.elapsed();
        let mut wait = POLL_WAIT.min(self.plan.interval);
        let mut is_any_ended = false;
        for _ in 0..BATCH_RECORDS_MAX {
            match self.source.poll(wait) {
                Happening::Record(message) => {
                    let partition = message.partition();
                    // What is not begun is paused: nothing of it is this stage's.
                    let Some(track) = self.tracks.get_mut(&partition) else { continue };
                    assert!(
                        message.offset() >= track.next,
                        "offset {} of partition {partition} comes after {}",
                        message.offset(),
                        track.next
                    );
                    self.bytes += message.payload_len();
                    let (plan, rekeyer) = (&self.plan, &mut self.rekeyer);
                    track.copy(plan, &message, &mut self.document, rekeyer, &clock)?;
                }
                Happening::End(partition) => {
                    if let Some(track) = self.tracks.get_mut(&partition) {
                        track.is_read = true;
                        is_any_ended = true;
                    }
                }
                Happening::Trouble(error) => self.trouble(&error)?,
                Happening::Nothing => break,
            }
            wait = Duration::ZERO;
        }
        if is_any_ended { self.pass_over() } else { Ok(()) }
    }

    /// Goes on past what was handed out and is no record.
    fn pass_over(&mut self) -> Result<(), Error> {
        for (partition, position) in self.source.positions()? {
            if let Some(track) = self.tracks.get_mut(&partition)
                && track.is_read
            {
                track.next = track.next.max(position);
            }
        }
        Ok(())
    }

    /// By the clock: what is idle says so, and the lag is told.
    fn tick(&mut self) -> Result<(), Error> {
        self.outlook.watch(self.worker, self.tracks.keys().copied().collect());
        let before = self.plan.rules.sources;
        match self.outlook.partitions()? {
            Some(now) if now.unsigned_abs() != before => {
                let topic = self.plan.origin.topic.clone();
                return Err(Error::SourceGrown { topic, before, now });
            }
            Some(_) | None => {}
        }
        let Some(answer) = self.outlook.answer() else { return Ok(()) };
        let is_behind = |(partition, end): (&i32, &i64)| {
            self.tracks.get(partition).is_some_and(|track| track.is_read && track.next < *end)
        };
        if answer.ends.iter().any(is_behind) {
            self.pass_over()?;
        }
        if let Some(jump) = self.clock.jump() {
            tracing::error!(
                seconds = jump.as_secs(),
                "the clock jumped: idle partitions are not closed until the process is restarted"
            );
            return Ok(());
        }
        for (partition, end) in &answer.ends {
            let Some(track) = self.tracks.get_mut(partition) else { continue };
            track.follow_clock(*end, &answer, &self.plan);
            let figures = TaskFigures {
                lag_records: Some(u64::try_from(end - track.next).unwrap_or(0)),
                watermark: track.reached(),
                ..TaskFigures::default()
            };
            let label = self.label(*partition);
            self.outside.series.set_stage(&label, &figures);
        }
        // Where nothing is read no transaction is open that would take the marks along.
        self.cut()
    }

    /// The client goes on by itself after most troubles; some cannot end well.
    fn trouble(&mut self, error: &rdkafka::error::KafkaError) -> Result<(), Error> {
        use rdkafka::error::RDKafkaErrorCode as Code;
        let topic = || self.plan.origin.topic.clone();
        if kafka::is_damage(error) {
            let place = format!("one of the partitions {:?}", self.tracks.keys());
            let reason = self.source.last_trouble().unwrap_or_else(|| error.to_string());
            return Err(kafka::Error::DamagedBatch { topic: topic(), place, reason }.into());
        }
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                Err(kafka::Error::TopicMissing(topic()).into())
            }
            // Which one is not said: each begins again, by the bounds of its log.
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation) => {
                let what = "an offset is out of its log";
                Err(kafka::Error::Request { what, cause: error.clone() }.into())
            }
            _ => {
                if let Some(reason) = kafka::refused_membership(error) {
                    self.obstruct(&format!("the group refuses it: {reason}"));
                }
                self.outside.series.add_kafka_error();
                if self.last_trouble.is_none_or(|last| last.elapsed() >= TROUBLE_INTERVAL) {
                    self.last_trouble = Some(Stopwatch::start());
                    let reason = self.source.last_trouble();
                    tracing::warn!(%error, reason, "Kafka has trouble; the client goes on trying");
                }
                Ok(())
            }
        }
    }

    /// Says why it is not at work.
    pub(super) fn obstruct(&self, reason: &str) {
        self.outside.readiness.obstruct(&self.name, reason, clock::now());
    }

    /// These are no longer in hand.
    pub(super) fn forget(&self, partitions: &[i32]) {
        for partition in partitions {
            self.outside.series.remove_stage(&self.label(*partition));
        }
    }

    pub(super) fn task(&self, partition: i32) -> TaskName {
        TaskName { topic: self.plan.origin.topic.clone(), partition }
    }

    fn label(&self, partition: i32) -> TaskLabel {
        TaskLabel { topic: self.plan.origin.topic.clone(), partition }
    }
}
