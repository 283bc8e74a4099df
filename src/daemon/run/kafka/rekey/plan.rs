//! What a stage is to do: settings in the form in which they are used.

use std::time::Duration;

use crate::engine::StartFrom;
use crate::format::EventFormat;
use crate::format::rekeyed::{LaneNote, Rules};
use crate::model::Span;

/// What a task must know of where its events came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::daemon::run::kafka) struct Origin {
    /// The source topic.
    pub(in crate::daemon::run::kafka) topic: String,
    /// Who re-keys it, as every header says.
    pub(in crate::daemon::run::kafka) stage: u64,
}

/// One source topic's work.
pub(in crate::daemon::run::kafka) struct Plan {
    pub(super) origin: Origin,
    /// The internal topic.
    pub(super) into: String,
    /// How the topics are: what is noted with every offset, but for the progress.
    pub(super) now: LaneNote,
    pub(super) rules: Rules,
    pub(super) format: EventFormat,
    /// Tenant of events that name none.
    pub(super) tenant: String,
    pub(super) start_from: Option<StartFrom>,
    pub(super) idle_timeout: Span,
    /// From one transaction to the next, while there is something for it.
    pub(super) interval: Duration,
}
