//! The definitions of a running daemon: what files and API calls made of them, where they are kept, and who goes by them.
//!
//! ```text
//! a call ─► registry: the new record ─► shelf: on disk ─► registry: put ─► editions: plans ─► every worker took it ─► answered
//! ```
//! One change at a time. A change is told as done once every task of this process goes by it: what is produced after the
//! answer is folded by it.

mod editions;
mod reload;
mod shelf;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::editions::Plans;
pub(super) use self::editions::{Editions, Reader};
pub(super) use self::reload::watch;
use self::shelf::{FileShelf, Shelf};
use super::live::LiveTasks;
use crate::admin::{Catalogue, NotDone};
use crate::daemon::{CommandError, clock};
use crate::definition::{Definitions, Plan};
use crate::format::definitions::BodyFault;
use crate::model::Span;
use crate::registry::{
    Author, Change, Draft, Horizon, Origin, Patch, Record, Refusal, Registry, Reload,
};
use crate::settings::{Flow, Settings};

/// How long a change may take to reach every worker: one that delivers takes it after that.
const TAKEN_MAX: Duration = Duration::from_secs(30);

/// What is defined, and who goes by it.
pub(super) struct Book {
    pub(super) editions: Arc<Editions>,
    live: Arc<LiveTasks>,
    /// Topics of the source; of files one without a name.
    topics: Vec<String>,
    lead: Span,
    of_files: FileShelf,
    writing: Mutex<Writing>,
}

/// What one change at a time has.
struct Writing {
    registry: Registry,
    shelf: Shelf,
}

impl Book {
    /// What is kept in the state directory, with the definitions of files.
    pub(super) fn open(
        settings: &Settings,
        files: Definitions,
        live: Arc<LiveTasks>,
    ) -> Result<Self, CommandError> {
        let directory = &settings.state.directory;
        let (shelf, registry) = Shelf::open(directory)?;
        let topics = match &settings.flow {
            Flow::Kafka(flow) => {
                flow.source.topics.iter().map(|topic| topic.name.clone()).collect()
            }
            Flow::Files(_) => vec![String::new()],
        };
        let of_files = FileShelf::in_directory(directory);
        let kept = of_files.kept()?;
        let registry = registry.with_kept(&kept).map_err(|fault| CommandError::failed(fault.0))?;
        let registry = registry.with_files(files, None).map_err(CommandError::Faults)?;
        of_files.keep(&registry)?;
        live.know(Arc::new(registry.clone()));
        Ok(Book {
            editions: Arc::new(Editions::new(plans(&registry, &topics))),
            live,
            topics,
            lead: settings.metrics.definition_lead,
            of_files,
            writing: Mutex::new(Writing { registry, shelf }),
        })
    }

    /// How many metrics fold events.
    pub(super) fn count(&self) -> usize {
        self.lock().registry.entries(None).len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writing> {
        self.writing.lock().expect("no holder panics")
    }

    /// Works a change out, keeps it, and has every worker go by it.
    fn make(
        &self,
        work_out: impl FnOnce(&Registry, Horizon) -> Result<Change, Refusal>,
    ) -> Result<Change, NotDone> {
        if !self.editions.has_begun() {
            let text = "the process has not started yet: nothing was changed, try again";
            return Err(NotDone::Unavailable(text.to_owned()));
        }
        let mut writing = self.lock();
        // Nobody reads on meanwhile: what is to begin, begins behind all that was read.
        let Some(held) = self.editions.hold(TAKEN_MAX) else {
            return Err(NotDone::Unavailable(
                "a worker starts, or waits for what it delivers: nothing was changed, try again"
                    .to_owned(),
            ));
        };
        let horizon = Horizon { lead: self.lead, reached: held.reached };
        let change = work_out(&writing.registry, horizon).map_err(NotDone::Refused)?;
        // Also a call that changes nothing may have to be known again.
        if change.record.revision <= writing.registry.revision() {
            return Ok(change);
        }
        let mut registry = writing.registry.clone();
        let put = registry.put(change.record.clone());
        put.map_err(|fault| NotDone::Failed(fault.0))?;
        writing.shelf.store(&change.record, &registry).map_err(|error| {
            tracing::error!(%error, "a definition could not be stored");
            NotDone::Unavailable(format!(
                "it could not be stored, and nothing was changed: {error}"
            ))
        })?;
        let number = self.show(&mut writing, registry);
        if !self.editions.await_taken(number, TAKEN_MAX) {
            return Err(NotDone::Unavailable(
                "it is stored; a worker waits for what it delivers and goes by it once that is done".to_owned(),
            ));
        }
        tracing::info!(
            tenant = change.record.tenant,
            metric = change.record.code,
            revision = change.record.revision,
            outcome = change.outcome.name(),
            "a definition changed"
        );
        Ok(change)
    }

    /// Takes other definitions of files, all or none. Returns how many metrics there are then.
    ///
    /// # Errors
    /// What stands in the way.
    fn take_files(&self, definitions: Definitions) -> Result<usize, CommandError> {
        let mut writing = self.lock();
        let Some(held) = self.editions.hold(TAKEN_MAX) else {
            let text = "a worker starts, or waits for what it delivers: SIGHUP asks again";
            return Err(CommandError::failed(text));
        };
        let horizon = Horizon { lead: self.lead, reached: held.reached };
        let reload = Reload { at: clock::now(), horizon };
        let registry = writing.registry.with_files(definitions, Some(reload));
        let registry = registry.map_err(CommandError::Faults)?;
        self.of_files.keep(&registry)?;
        let number = self.show(&mut writing, registry);
        if !self.editions.await_taken(number, TAKEN_MAX) {
            tracing::warn!(
                "a worker waits for what it delivers, and goes by the new definitions after that"
            );
        }
        Ok(writing.registry.entries(None).len())
    }

    fn show(&self, writing: &mut Writing, registry: Registry) -> u64 {
        let number = self.editions.publish(plans(&registry, &self.topics));
        self.live.know(Arc::new(registry.clone()));
        writing.registry = registry;
        number
    }

    /// A metric names one of the topics, where there are several.
    fn check_topic(&self, record: &Record) -> Result<(), Refusal> {
        let topic = record.newest().definition.get("topic").and_then(serde_json::Value::as_str);
        let fault = |message: String| {
            Err(Refusal::Faults(vec![BodyFault { path: "topic".to_owned(), message }]))
        };
        match topic {
            Some(topic) if self.topics.iter().all(|known| known != topic) => {
                let known = self.topics.join(", ");
                fault(if known.is_empty() {
                    "there are no topics, for events come from files: leave it out".to_owned()
                } else {
                    format!("{topic:?} is no topic of source.topics: name one of {known}")
                })
            }
            None if self.topics.len() > 1 => {
                let known = self.topics.join(", ");
                let place = match record.origin {
                    Origin::Api => String::new(),
                    other => format!(" in admin.dialects.{}.topic", other.name()),
                };
                fault(format!(
                    "is missing: events come from several topics, so name one of {known}{place}"
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Catalogue for Book {
    fn create(&self, draft: Draft, who: &str) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, _| {
            let change = registry.create(draft, author)?;
            self.check_topic(&change.record)?;
            Ok(change)
        })
    }

    fn change(&self, tenant: &str, code: &str, patch: Patch, who: &str) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, horizon| registry.change(tenant, code, patch, horizon, author))
    }

    fn delete(
        &self,
        tenant: &str,
        code: &str,
        seen: Option<u64>,
        who: &str,
    ) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, _| registry.delete(tenant, code, seen, author))
    }

    fn registry(&self) -> Arc<Registry> {
        self.live.registry()
    }
}

/// A state goes by all that it was made by, or by more.
pub(super) fn check_revision(of_state: u64, plan: &Plan) -> Result<(), CommandError> {
    let known = plan.revision();
    if of_state <= known {
        return Ok(());
    }
    Err(CommandError::failed(format!(
        "the state was made by definitions of revision {of_state}, and those that are kept are of revision {known}: bring \
         back the newer ones, which lay beside the state"
    )))
}

fn author(who: &str) -> Author {
    Author { who: who.to_owned(), at: clock::now() }
}

/// The plan of each topic.
fn plans(registry: &Registry, topics: &[String]) -> Plans {
    let definitions = registry.definitions();
    let plan = |topic: &String| {
        let own = if topic.is_empty() { definitions.clone() } else { definitions.of_topic(topic) };
        (topic.clone(), Arc::new(Plan::at_revision(own, registry.revision())))
    };
    topics.iter().map(plan).collect::<BTreeMap<_, _>>()
}
