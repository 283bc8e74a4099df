//! The topic of definitions at a start: made where there is none, and read to its end before the first event. And how a
//! worker goes by what changes after that.

use std::time::Duration;

use super::asking::Asking;
use super::worker::{Error, Worker};
use crate::daemon::run::definitions::{Book, ShelfError};
use crate::daemon::run::outside::Outside;
use crate::daemon::signals::StopSignal;
use crate::daemon::{CommandError, clock};
use crate::kafka::{self, DefinitionTopic, Disposition};
use crate::settings::{KafkaFlow, Settings};

/// How long to wait where nothing is to be read yet.
const HELD_PAUSE: Duration = Duration::from_millis(5);

/// Has the book go on with the topic. Whether it does: else the process was told to stop before the broker answered.
///
/// # Errors
/// A topic that cannot be used as it is.
pub(super) fn attach(
    settings: &Settings,
    flow: &KafkaFlow,
    book: &Book,
    stop: &StopSignal,
    outside: &Outside,
) -> Result<bool, CommandError> {
    let properties = flow.sink.properties.expose();
    let servers = properties.get("bootstrap.servers").map_or("", String::as_str);
    let asking = Asking { servers, stop, readiness: &outside.readiness };
    let timeout = flow.source.request_timeout;
    let Some(name) = settings.metrics.topic.as_deref() else {
        let reason = "metrics.topic is \"\", so that metrics are defined in files alone";
        let attached = book.attach(Err(reason.to_owned()));
        return attached.map(|()| true).map_err(|error| CommandError::failed(error.to_string()));
    };
    let open = || DefinitionTopic::open(&properties, name, &flow.source.group_id, timeout);
    let opened = asking.until_answered(|| match open() {
        Err(kafka::Error::TopicMissing(_)) => {
            match DefinitionTopic::make(&properties, name, timeout) {
                // A topic that was just made is not known everywhere at once.
                Ok(()) => match open() {
                    Err(kafka::Error::TopicMissing(_)) => Err(kafka::Error::Leaderless(vec![0])),
                    other => other.map(Ok),
                },
                Err(error) if error.disposition() == Disposition::Retry => Err(error),
                Err(error) => Ok(Err(format!(
                    "topic {name:?} does not exist, and could not be made ({error}): create it with one partition and \
                     cleanup.policy compact, and start the process anew"
                ))),
            }
        }
        // Where definitions come from files alone it need not be granted.
        Err(error @ kafka::Error::Unauthorised { .. }) => Ok(Err(error.to_string())),
        other => other.map(Ok),
    })?;
    let Some(opened) = opened else { return Ok(false) };
    if let Err(reason) = &opened {
        tracing::warn!(reason, "definitions can be made in files alone");
    }
    let mut opened = Some(opened);
    let attached = asking.until_answered(|| {
        let topic = match opened.take() {
            Some(topic) => topic,
            None => open().map(Ok)?,
        };
        match book.attach(topic) {
            Err(ShelfError::Kafka(error)) => Err(error),
            other => Ok(other),
        }
    })?;
    match attached {
        None => Ok(false),
        Some(Ok(())) => Ok(true),
        Some(Err(error)) => Err(CommandError::failed(error.to_string())),
    }
}

impl Worker {
    /// Has every task go by the newest definitions, each from a commit on. Returns whether anything may be read now.
    pub(super) fn follow_definitions(&mut self) -> Result<bool, Error> {
        if let Some((edition, plan)) = self.plans.newer() {
            self.plan = plan;
            self.cut()?;
            let mut is_taken = true;
            for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
                if let Some(task) = self.tasks.get_mut(&partition) {
                    let outcome = task.state.take_plan(&self.plan);
                    // One that could not takes it when it is begun again.
                    is_taken &= self.absorb(partition, outcome)?.unwrap_or(true);
                }
            }
            if is_taken {
                self.plans.took(edition);
            }
        }
        self.hold_back()?;
        Ok(!self.is_held())
    }

    /// Whether nothing is to be read, for definitions are about to change.
    fn is_held(&mut self) -> bool {
        let tasks = &self.tasks;
        let is_held =
            self.plans.is_held(|| tasks.values().filter_map(|task| task.state.reached()).max());
        if is_held {
            clock::pause(HELD_PAUSE);
        }
        is_held
    }
}
