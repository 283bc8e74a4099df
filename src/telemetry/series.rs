//! Keeps the series of the catalogue up to date, and serves them.
//!
//! Labels come from closed enums, but for topic and partition, of which there are as many as there are tasks. What is
//! kept for each task and has no label of it is summed over the tasks of this process. Knows nothing of who counts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use super::catalogue::{
    AUDIT_FAULTS, AUDIT_REVISIONS, BUILD, CHECKPOINT_AGE, CHECKPOINT_DURATION, COMMIT_DURATION,
    COMMIT_PAUSE, Entry, IDS, IMBALANCE, KAFKA_ERRORS, LAG, LAG_BYTES, OUTBOX, READY, RECORDS,
    REJECTS, RELOADS, START, STATE_BYTES, TASKS, TOTALS, TRANSACTIONS, WATERMARK,
};
use super::labels::{ReloadOutcome, TaskFigures, TaskLabel, TaskState, TransactionOutcome};
use crate::format::AuditKind;
use crate::model::{Disposition, EventTime, RejectReason, TotalKind};

/// Seconds: from a commit of nothing to one that waits for a broker.
const DURATION_BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Every series of the process. Shared by all threads; each step takes well under a microsecond, but for
/// [`Series::set_task`], which is meant for once a second.
pub struct Series {
    registry: Registry,
    records: IntCounterVec,
    rejects: IntCounterVec,
    totals: IntCounterVec,
    transactions: IntCounterVec,
    reloads: IntCounterVec,
    kafka_errors: IntCounter,
    audit_faults: IntCounterVec,
    audit_revisions: IntCounter,
    commit_duration: Histogram,
    commit_pause: Histogram,
    checkpoint_duration: Histogram,
    checkpoint_age: Gauge,
    ready: IntGauge,
    lag_bytes: IntGauge,
    lag: IntGaugeVec,
    watermark: GaugeVec,
    states: IntGaugeVec,
    outbox: IntGauge,
    ids: IntGauge,
    state_bytes: IntGauge,
    imbalance: IntGauge,
    tasks: Mutex<BTreeMap<TaskLabel, (TaskState, TaskFigures)>>,
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").finish_non_exhaustive()
    }
}

impl Series {
    /// All series, at 0 where their labels are known beforehand, of a process that began at that time.
    pub fn new(began: EventTime) -> Self {
        const OF_TASK: [&str; 2] = ["topic", "partition"];
        let registry = Registry::new();
        let series = Series {
            records: counters(&registry, RECORDS, "disposition"),
            rejects: counters(&registry, REJECTS, "reason"),
            totals: counters(&registry, TOTALS, "kind"),
            transactions: counters(&registry, TRANSACTIONS, "outcome"),
            reloads: counters(&registry, RELOADS, "outcome"),
            kafka_errors: registered(&registry, IntCounter::with_opts(options(KAFKA_ERRORS))),
            audit_faults: counters(&registry, AUDIT_FAULTS, "kind"),
            audit_revisions: registered(&registry, IntCounter::with_opts(options(AUDIT_REVISIONS))),
            commit_duration: histogram(&registry, COMMIT_DURATION),
            commit_pause: histogram(&registry, COMMIT_PAUSE),
            checkpoint_duration: histogram(&registry, CHECKPOINT_DURATION),
            checkpoint_age: registered(&registry, Gauge::with_opts(options(CHECKPOINT_AGE))),
            ready: registered(&registry, IntGauge::with_opts(options(READY))),
            lag_bytes: registered(&registry, IntGauge::with_opts(options(LAG_BYTES))),
            lag: registered(&registry, IntGaugeVec::new(options(LAG), &OF_TASK)),
            watermark: registered(&registry, GaugeVec::new(options(WATERMARK), &OF_TASK)),
            states: registered(&registry, IntGaugeVec::new(options(TASKS), &["state"])),
            outbox: registered(&registry, IntGauge::with_opts(options(OUTBOX))),
            ids: registered(&registry, IntGauge::with_opts(options(IDS))),
            state_bytes: registered(&registry, IntGauge::with_opts(options(STATE_BYTES))),
            imbalance: registered(&registry, IntGauge::with_opts(options(IMBALANCE))),
            tasks: Mutex::default(),
            registry,
        };
        series.begin_at_zero();
        series.present(began);
        series
    }

    /// What stays as it is while the process lives.
    fn present(&self, began: EventTime) {
        let build = IntGaugeVec::new(options(BUILD), &["version"]);
        let build = registered(&self.registry, build);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        set_instant(&registered(&self.registry, Gauge::with_opts(options(START))), began);
    }

    /// A series that appears with its first event hides that event from `rate()`.
    fn begin_at_zero(&self) {
        for disposition in DISPOSITIONS {
            self.add_records(disposition, 0);
        }
        for reason in RejectReason::ALL {
            self.add_rejects(reason, 0);
        }
        for kind in [TotalKind::Final, TotalKind::Correction, TotalKind::Provisional] {
            self.add_totals(kind, 0);
        }
        for outcome in ReloadOutcome::ALL {
            self.reloads.with_label_values(&[outcome.name()]).inc_by(0);
        }
        for outcome in TransactionOutcome::ALL {
            self.transactions.with_label_values(&[outcome.name()]).inc_by(0);
        }
        for kind in AuditKind::ALL {
            self.audit_faults.with_label_values(&[kind.name()]).inc_by(0);
        }
        for state in TaskState::ALL {
            self.states.with_label_values(&[state.name()]).set(0);
        }
    }

    /// So many more events ended that way.
    pub fn add_records(&self, disposition: Disposition, events: u64) {
        self.records.with_label_values(&[disposition_name(disposition)]).inc_by(events);
    }

    /// So many more entries on the rejects output.
    pub fn add_rejects(&self, reason: RejectReason, entries: u64) {
        self.rejects.with_label_values(&[reason.name()]).inc_by(entries);
    }

    /// So many more totals.
    pub fn add_totals(&self, kind: TotalKind, totals: u64) {
        self.totals.with_label_values(&[total_name(kind)]).inc_by(totals);
    }

    /// Definition files were read again.
    pub fn add_reload(&self, outcome: ReloadOutcome) {
        self.reloads.with_label_values(&[outcome.name()]).inc();
    }

    /// A transaction ended.
    pub fn add_transaction(&self, outcome: TransactionOutcome) {
        self.transactions.with_label_values(&[outcome.name()]).inc();
    }

    /// A Kafka client reported an error.
    pub fn add_kafka_error(&self) {
        self.kafka_errors.inc();
    }

    /// The audit looked at one more revision of a total.
    pub fn add_audited(&self) {
        self.audit_revisions.inc();
    }

    /// The audit found a fault.
    pub fn add_audit_fault(&self, kind: AuditKind) {
        self.audit_faults.with_label_values(&[kind.name()]).inc();
    }

    /// A commit took that long from its beginning until its totals were visible.
    pub fn observe_commit(&self, took: Duration) {
        self.commit_duration.observe(took.as_secs_f64());
    }

    /// A commit kept its worker from reading for that long.
    pub fn observe_commit_pause(&self, took: Duration) {
        self.commit_pause.observe(took.as_secs_f64());
    }

    /// Writing a task's changes to disk took that long.
    pub fn observe_checkpoint(&self, took: Duration) {
        self.checkpoint_duration.observe(took.as_secs_f64());
    }

    /// Whether anything keeps the process from its work.
    pub fn set_ready(&self, is_ready: bool) {
        self.ready.set(i64::from(is_ready));
    }

    /// The task is in that state, with those figures.
    pub fn set_task(&self, task: &TaskLabel, state: TaskState, figures: &TaskFigures) {
        self.set_stage(task, figures);
        let mut tasks = self.tasks.lock().expect("no holder panics");
        tasks.insert(task.clone(), (state, *figures));
        self.sum(&tasks);
    }

    /// The same of a partition that is no task's, but is re-keyed: its lag and watermark.
    pub fn set_stage(&self, task: &TaskLabel, figures: &TaskFigures) {
        let partition = task.partition.to_string();
        let labels = [task.topic.as_str(), partition.as_str()];
        match figures.lag_records {
            Some(records) => self.lag.with_label_values(&labels).set(clamped(records)),
            None => forget(&self.lag, &labels),
        }
        match figures.watermark {
            Some(watermark) => set_instant(&self.watermark.with_label_values(&labels), watermark),
            None => forget(&self.watermark, &labels),
        }
    }

    /// The task is no longer this process's.
    pub fn remove_task(&self, task: &TaskLabel) {
        self.remove_stage(task);
        let mut tasks = self.tasks.lock().expect("no holder panics");
        tasks.remove(task);
        self.sum(&tasks);
    }

    /// A partition that is re-keyed is no longer this process's.
    pub fn remove_stage(&self, task: &TaskLabel) {
        let partition = task.partition.to_string();
        let labels = [task.topic.as_str(), partition.as_str()];
        forget(&self.lag, &labels);
        forget(&self.watermark, &labels);
    }

    fn sum(&self, tasks: &BTreeMap<TaskLabel, (TaskState, TaskFigures)>) {
        let sum = |figure: fn(&TaskFigures) -> u64| {
            let all = tasks.values().map(|(_, figures)| figure(figures));
            clamped(all.fold(0, u64::saturating_add))
        };
        self.lag_bytes.set(sum(|figures| figures.lag_bytes.unwrap_or(0)));
        let oldest = tasks.values().map(|(_, figures)| figures.checkpoint_age).max();
        self.checkpoint_age.set(oldest.unwrap_or_default().as_secs_f64());
        self.outbox.set(sum(|figures| figures.outbox_entries));
        self.ids.set(sum(|figures| figures.dedup_ids));
        self.state_bytes.set(sum(|figures| figures.state_bytes));
        // In absolute value, so that two tasks out of balance never make a balance.
        self.imbalance.set(sum(|figures| {
            u64::try_from(figures.imbalance_records.unsigned_abs()).unwrap_or(u64::MAX)
        }));
        for state in TaskState::ALL {
            let count = tasks.values().filter(|(found, _)| *found == state).count();
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.states.with_label_values(&[state.name()]).set(clamped(count));
        }
    }

    /// All series in Prometheus' text format.
    pub fn text(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).expect("names and labels are valid UTF-8")
    }
}

const DISPOSITIONS: [Disposition; 5] = [
    Disposition::Counted,
    Disposition::Duplicate,
    Disposition::Unmatched,
    Disposition::Late,
    Disposition::Invalid,
];

const fn disposition_name(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Counted => "counted",
        Disposition::Duplicate => "duplicate",
        Disposition::Unmatched => "unmatched",
        Disposition::Late => "late",
        Disposition::Invalid => "invalid",
    }
}

const fn total_name(kind: TotalKind) -> &'static str {
    match kind {
        TotalKind::Final => "final",
        TotalKind::Correction => "correction",
        TotalKind::Provisional => "provisional",
    }
}

fn options((name, help): Entry) -> Opts {
    Opts::new(name, help)
}

fn counters(registry: &Registry, entry: Entry, label: &str) -> IntCounterVec {
    registered(registry, IntCounterVec::new(options(entry), &[label]))
}

fn histogram(registry: &Registry, (name, help): Entry) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(DURATION_BUCKETS.to_vec());
    registered(registry, Histogram::with_opts(options))
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> C {
    let series = made.expect("names and labels of the catalogue are valid");
    registry.register(Box::new(series.clone())).expect("names of the catalogue differ");
    series
}

/// Prometheus has no unsigned gauges.
fn clamped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn set_instant(gauge: &Gauge, instant: EventTime) {
    let since_epoch = Duration::from_micros(u64::try_from(instant.micros()).unwrap_or(0));
    gauge.set(since_epoch.as_secs_f64());
}

/// Takes a task's value away, where there is one.
fn forget<B: prometheus::core::MetricVecBuilder>(
    vector: &prometheus::core::MetricVec<B>,
    labels: &[&str],
) {
    // The only error is that there is none.
    drop(vector.remove_label_values(labels));
}
