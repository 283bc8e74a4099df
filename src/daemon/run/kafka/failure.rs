//! Why a worker, or a stage, ends early.

use super::registry::TaskName;
use crate::engine::Halt;
use crate::format::rekeyed::LaneFault;
use crate::kafka::{self, Disposition};
use crate::store;

/// Why a worker ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Kafka(kafka::Error),
    #[error("{0}: {1}")]
    Task(TaskName, #[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} is halted: {text}", text = .1.of_task(&.0.folder()))]
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
    #[error(
        "{0} waited for its disk to the end, and goes on from its state at the next start: {1}"
    )]
    Stalled(TaskName, String),
    #[error("topic {0} is not re-keyed any more: {1}")]
    Rekey(TaskName, LaneFault),
    #[error(
        "topic {topic} has {now} partitions, and had {before} when the process began: start again, and \
         the new ones are re-keyed from their beginnings"
    )]
    SourceGrown { topic: String, before: u32, now: i32 },
    #[error("the Kafka client failed for good: {0}")]
    Fatal(String),
    #[error(
        "stopped before everything was delivered, for the 30 seconds that there are for it were over \
         or the group took a partition: the state is valid, and what is stored will be delivered at \
         the next start"
    )]
    Undelivered,
}

impl Error {
    /// Whether the broker, or the disk, may get over it.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Error::Kafka(error) => error.disposition() != Disposition::Halt,
            Error::Memory(_, error) => store::is_of_disk(error),
            Error::Task(..)
            | Error::Halted(..)
            | Error::TopicHalted(..)
            | Error::NothingDelivered(..)
            | Error::OtherPartitions { .. }
            | Error::HaltedBefore(..)
            | Error::Rekey(..)
            | Error::SourceGrown { .. }
            | Error::Stalled(..)
            | Error::Fatal(_)
            | Error::Undelivered => false,
        }
    }
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
