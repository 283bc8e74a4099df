//! The catalogue of all Prometheus series: every name and help text stands here and nowhere else.
//!
//! What documents, alert rules and dashboards name is held against it by `tests/tidy.rs`.

/// A series: its name, and what it means, with its unit.
pub(super) type Entry = (&'static str, &'static str);

pub(super) const RECORDS: Entry = (
    "odometer_records_total",
    "Events read, by the one way in which each ended (rule 1.4): counted, duplicate, unmatched, late, invalid.",
);
pub(super) const REJECTS: Entry =
    ("odometer_rejects_total", "Entries written to the rejects output, by reason.");
pub(super) const TOTALS: Entry =
    ("odometer_totals_total", "Totals made, by kind: final, correction, provisional.");
pub(super) const LAG: Entry =
    ("odometer_lag_records", "Records of the partition behind the next one to be read.");
pub(super) const LAG_BYTES: Entry = (
    "odometer_lag_bytes",
    "Bytes of followed files, as they are stored, that were there at the last look and are not read yet.",
);
pub(super) const WATERMARK: Entry = (
    "odometer_watermark_timestamp_seconds",
    "Event time up to which the partition is believed complete, in seconds since the Unix epoch.",
);
pub(super) const TASKS: Entry = (
    "odometer_tasks",
    "Partitions that this process has, by state: starting, serving, stalled, halted (see /readyz and the log).",
);
pub(super) const OUTBOX: Entry =
    ("odometer_outbox_entries", "Totals and rejects made and not yet known to be visible.");
pub(super) const IDS: Entry = ("odometer_dedup_ids", "Remembered event ids, estimated.");
pub(super) const STATE_BYTES: Entry =
    ("odometer_state_bytes", "Bytes of state on disk, estimated.");
pub(super) const IMBALANCE: Entry = (
    "odometer_accounting_imbalance_records",
    "Events read less those that ended in some way, in absolute value: always 0 (rule 1.4).",
);
pub(super) const COMMIT_DURATION: Entry = (
    "odometer_commit_duration_seconds",
    "Seconds from the beginning of a commit until its totals are visible.",
);
pub(super) const COMMIT_PAUSE: Entry = (
    "odometer_commit_pause_seconds",
    "Seconds for which a commit kept a worker from reading events.",
);
pub(super) const CHECKPOINT_DURATION: Entry = (
    "odometer_checkpoint_duration_seconds",
    "Seconds that writing a task's changes to its state took, until they were safe: on disk, or where checkpoints are kept in their store.",
);
pub(super) const CHECKPOINT_AGE: Entry = (
    "odometer_checkpoint_age_seconds",
    "Seconds since the first event was counted that is not safe in that sense, of the task where it is longest; 0 where all are.",
);
pub(super) const READY: Entry = (
    "odometer_ready",
    "Whether nothing keeps the process from its work: 1, or 0 (see /readyz, which says what does).",
);
pub(super) const BUILD: Entry =
    ("odometer_build_info", "Always 1; the label says which version runs.");
pub(super) const START: Entry = (
    "odometer_start_timestamp_seconds",
    "When the process began, in seconds since the Unix epoch.",
);
pub(super) const TRANSACTIONS: Entry = (
    "odometer_transactions_total",
    "Kafka transactions, by outcome: committed, in_doubt (settled by what the group has committed).",
);
pub(super) const KAFKA_ERRORS: Entry =
    ("odometer_kafka_errors_total", "Errors that the Kafka clients reported.");

pub(super) const RELOADS: Entry = (
    "odometer_definition_reloads_total",
    "Times that definition files were read again while running, by outcome: taken, refused (see /readyz).",
);

pub(super) const AUDIT_REVISIONS: Entry = (
    "odometer_audit_revisions_total",
    "Totals read back and looked at since the start, where sink.audit is set.",
);
pub(super) const AUDIT_FAULTS: Entry = (
    "odometer_audit_faults_total",
    "Faults found in them, by kind: unreadable, misnamed, lost, doubled, disordered, previous, delta.",
);

const CATALOGUE: [Entry; 23] = [
    RECORDS,
    REJECTS,
    TOTALS,
    LAG,
    LAG_BYTES,
    WATERMARK,
    TASKS,
    OUTBOX,
    IDS,
    STATE_BYTES,
    IMBALANCE,
    COMMIT_DURATION,
    COMMIT_PAUSE,
    CHECKPOINT_DURATION,
    CHECKPOINT_AGE,
    TRANSACTIONS,
    KAFKA_ERRORS,
    RELOADS,
    AUDIT_REVISIONS,
    AUDIT_FAULTS,
    READY,
    BUILD,
    START,
];

/// Every series: its name, and what it means, with its unit.
pub fn catalogue() -> impl Iterator<Item = (&'static str, &'static str)> {
    CATALOGUE.into_iter()
}

/// The name of every series; histograms end in `_bucket`, `_sum` and `_count` where they are read.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.into_iter().map(|(name, _)| name)
}
