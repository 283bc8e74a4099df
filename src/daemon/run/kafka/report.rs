//! What a worker tells the outside: series, readiness, counts for the closing line, troubles at a bearable pace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::task::Task;
use crate::daemon::clock::{self, Stopwatch};
use crate::daemon::run::outside::Outside;
use crate::format::Summary;
use crate::telemetry::{Series, TaskFigures, TaskLabel, TaskState, TransactionOutcome};

/// How often the client's troubles are told at most.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(10);

/// What one worker has told.
pub(super) struct Report {
    outside: Outside,
    topic: String,
    worker: String,
    ended: Summary,
    told: BTreeMap<i32, Summary>,
    last_trouble: Option<Stopwatch>,
    is_in_doubt: bool,
    is_unkept: bool,
    standing: BTreeSet<i32>,
    /// Tasks that wait for their disk, or have not shown yet that it works.
    stalled: BTreeSet<i32>,
}

impl Report {
    pub(super) fn new(outside: Outside, topic: &str, worker: usize) -> Self {
        let worker = format!("worker {worker} of topic {topic}");
        outside.readiness.obstruct(&worker, "it has not joined the group yet", clock::now());
        Report {
            outside,
            topic: topic.to_owned(),
            worker,
            ended: Summary::EMPTY,
            told: BTreeMap::new(),
            last_trouble: None,
            is_in_doubt: false,
            is_unkept: false,
            standing: BTreeSet::new(),
            stalled: BTreeSet::new(),
        }
    }

    /// All tasks that were given up so far.
    pub(super) fn summary(&self) -> Summary {
        self.ended
    }

    /// The worker's partitions are served, or it has none.
    pub(super) fn joined(&self) {
        self.outside.readiness.clear(&self.worker);
    }

    /// Partitions that the group gave to the worker are not started yet, for that reason.
    pub(super) fn waits(&self, partitions: &[i32], reason: &str) {
        let reason = format!("its partitions {partitions:?} are not started yet: {reason}");
        self.outside.readiness.obstruct(&self.worker, &reason, clock::now());
    }

    /// The group does not take the worker, which goes on asking.
    pub(super) fn refused(&self, reason: &str) {
        let reason = format!("it has not joined the group, which refuses it: {reason}");
        self.outside.readiness.obstruct(&self.worker, &reason, clock::now());
    }

    /// The group goes on without the worker, which joins it anew.
    pub(super) fn lost(&self) {
        let reason = "it lost its place in the group and has not joined it again";
        self.outside.readiness.obstruct(&self.worker, reason, clock::now());
    }

    /// Brings the series up to date.
    pub(super) fn tell<'t>(&mut self, tasks: impl Iterator<Item = &'t Task>) {
        for task in tasks {
            self.tell_counts(task);
            let label = self.label(task.partition);
            let figures = task.figures();
            let is_stalled = self.stalled.contains(&task.partition);
            let state = if is_stalled { TaskState::Stalled } else { TaskState::Serving };
            self.outside.series.set_task(&label, state, &figures);
        }
    }

    fn tell_counts(&mut self, task: &Task) {
        let now = task.state.summary();
        let told = self.told.insert(task.partition, now).unwrap_or(Summary::EMPTY);
        self.outside.add_counts(&told, &now);
    }

    fn label(&self, partition: i32) -> TaskLabel {
        TaskLabel { topic: self.topic.clone(), partition }
    }

    /// A task is given up: what it did since this process took it is counted.
    pub(super) fn finish(&mut self, task: &Task) {
        self.tell_counts(task);
        self.told.remove(&task.partition);
        self.standstill(task.partition, None);
        self.ended.add(&task.state.summary());
        self.outside.series.remove_task(&self.label(task.partition));
    }

    /// A task is halted.
    pub(super) fn halted(&self, partition: i32, reason: &str) {
        let label = self.label(partition);
        self.outside.series.set_task(&label, TaskState::Halted, &TaskFigures::default());
        self.outside.readiness.obstruct(&self.task(partition), reason, clock::now());
    }

    /// A task waits for its disk.
    pub(super) fn stalled(&mut self, partition: i32, reason: &str) {
        let label = self.label(partition);
        self.stalled.insert(partition);
        self.outside.series.set_task(&label, TaskState::Stalled, &TaskFigures::default());
        let reason = format!("it waits for its disk, and is begun again once that works: {reason}");
        self.outside.readiness.obstruct(&self.task(partition), &reason, clock::now());
    }

    /// It waits no more.
    pub(super) fn unstalled(&mut self, partition: i32) {
        self.stalled.remove(&partition);
        self.outside.readiness.clear(&self.task(partition));
    }

    /// A task that is not served is no longer this worker's.
    pub(super) fn gone(&self, partition: i32) {
        self.outside.series.remove_task(&self.label(partition));
    }

    fn task(&self, partition: i32) -> String {
        format!("task {} partition {partition}", self.topic)
    }

    /// A task stands still at an offset of a log that ends at another; `None`: it gets on.
    pub(super) fn standstill(&mut self, partition: i32, at: Option<(i64, i64)>) {
        let readiness = &self.outside.readiness;
        if let Some((offset, end)) = at {
            let reason = format!(
                "its offset stands at {offset} of a log that ends at {end}: a transaction of a \
                 producer may be open there, or nothing is read or delivered (see the log)"
            );
            readiness.obstruct(&self.task(partition), &reason, clock::now());
            self.standing.insert(partition);
        } else if self.standing.remove(&partition) {
            readiness.clear(&self.task(partition));
        }
    }

    /// Whether what the worker stored became visible is not known, or it is put off.
    pub(super) fn in_doubt(&mut self, reason: &str) {
        self.outside.readiness.obstruct(&self.deliveries(), reason, clock::now());
        self.is_in_doubt = true;
    }

    /// Checkpoints of these tasks cannot be put, and nothing more of theirs becomes visible meanwhile.
    pub(super) fn unkept(&mut self, partitions: &[i32]) {
        let name = format!("checkpoints of {}", self.worker);
        if partitions.is_empty() {
            if std::mem::take(&mut self.is_unkept) {
                self.outside.readiness.clear(&name);
            }
            return;
        }
        let reason = format!(
            "those of partitions {partitions:?} cannot be put, and totals wait for them (see the log)"
        );
        self.outside.readiness.obstruct(&name, &reason, clock::now());
        self.is_unkept = true;
    }

    /// The series of the process.
    pub(super) fn series(&self) -> &Series {
        &self.outside.series
    }

    /// Everything that the worker stored is visible, or on its way.
    pub(super) fn is_certain(&mut self) {
        if std::mem::take(&mut self.is_in_doubt) {
            self.outside.readiness.clear(&self.deliveries());
        }
    }

    fn deliveries(&self) -> String {
        format!("deliveries of {}", self.worker)
    }

    /// Commits of tasks took so long until they were visible, and kept the worker from reading for so long.
    pub(super) fn committed(&self, took: Duration, held: Duration) {
        self.outside.series.observe_commit(took);
        self.outside.series.observe_commit_pause(held);
    }

    /// A transaction ended.
    pub(super) fn transaction(&self, outcome: TransactionOutcome) {
        self.outside.series.add_transaction(outcome);
    }

    /// Says that the client has trouble, at most every ten seconds.
    pub(super) fn trouble(&mut self, error: &rdkafka::error::KafkaError, reason: Option<&str>) {
        self.outside.series.add_kafka_error();
        if self.last_trouble.is_none_or(|last| last.elapsed() >= TROUBLE_INTERVAL) {
            self.last_trouble = Some(Stopwatch::start());
            tracing::warn!(%error, reason, "Kafka has trouble; the client goes on trying");
        }
    }
}
