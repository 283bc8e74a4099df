//! What series are told by, and what a task's are made of. Labels come from closed enums, but for topic and partition.

use std::time::Duration;

use crate::model::EventTime;

/// A task as the series know it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskLabel {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
}

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TaskState {
    /// It is being taken over.
    Starting,
    /// It reads and counts.
    Serving,
    /// Its disk is full, read-only or failing: it is begun again once that works.
    Stalled,
    /// It is stopped, and an operator must act.
    Halted,
}

impl TaskState {
    pub(super) const ALL: [TaskState; 4] =
        [TaskState::Starting, TaskState::Serving, TaskState::Stalled, TaskState::Halted];

    pub(super) const fn name(self) -> &'static str {
        match self {
            TaskState::Starting => "starting",
            TaskState::Serving => "serving",
            TaskState::Stalled => "stalled",
            TaskState::Halted => "halted",
        }
    }
}

/// How a Kafka transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionOutcome {
    /// It is visible.
    Committed,
    /// An error or a late answer: what the group has committed will tell.
    InDoubt,
}

/// What became of definition files that were read again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadOutcome {
    /// They count.
    Taken,
    /// Those before still count.
    Refused,
}

impl ReloadOutcome {
    pub(super) const ALL: [ReloadOutcome; 2] = [ReloadOutcome::Taken, ReloadOutcome::Refused];

    pub(super) const fn name(self) -> &'static str {
        match self {
            ReloadOutcome::Taken => "taken",
            ReloadOutcome::Refused => "refused",
        }
    }
}

impl TransactionOutcome {
    pub(super) const ALL: [TransactionOutcome; 2] =
        [TransactionOutcome::Committed, TransactionOutcome::InDoubt];

    pub(super) const fn name(self) -> &'static str {
        match self {
            TransactionOutcome::Committed => "committed",
            TransactionOutcome::InDoubt => "in_doubt",
        }
    }
}

/// Figures of a task as of now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TaskFigures {
    /// Records behind the next one to be read; `None`: not known.
    pub lag_records: Option<u64>,
    /// Bytes of files that are not read yet; `None`: not known.
    pub lag_bytes: Option<u64>,
    /// Its watermark, where it has one.
    pub watermark: Option<EventTime>,
    /// Entries that are not known to be visible.
    pub outbox_entries: u64,
    /// Remembered ids.
    pub dedup_ids: u64,
    /// Bytes of state on disk.
    pub state_bytes: u64,
    /// How long it is since the first event was counted that is not on disk.
    pub checkpoint_age: Duration,
    /// Events read less those that ended in some way.
    pub imbalance_records: i128,
}
