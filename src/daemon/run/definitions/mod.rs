//! The definitions of a running daemon: what files and API calls made of them, where they are kept, and who goes by them.
//!
//! ```text
//! a call ─► registry: the new record ─► shelf: on disk ─► registry: put ─► editions: plans ─► every worker took it ─► answered
//! ```
//! One change at a time. A change is told as done once every task of this process goes by it: what is produced after the
//! answer is folded by it.

mod attempt;
mod editions;
mod reload;
mod shelf;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::attempt::stored;
pub(super) use self::editions::{Editions, Reader};
use self::editions::{Held, Plans};
pub(super) use self::reload::watch;
pub(super) use self::shelf::Error as ShelfError;
use self::shelf::{FileShelf, Shelf};
use super::live::LiveTasks;
use crate::admin::{Catalogue, NotDone, Readiness, Tried};
use crate::daemon::clock::Stopwatch;
use crate::daemon::{CommandError, clock};
use crate::definition::{Definitions, Metric, Plan};
use crate::format::definitions::BodyFault;
use crate::kafka::DefinitionTopic;
use crate::model::Span;
use crate::registry::{Author, Change, Draft, Horizon, Origin, Patch, Refusal, Registry};
use crate::settings::{Flow, Settings};

pub(in crate::daemon) use self::shelf::beside;

/// How long a change may take to reach every worker: one that delivers takes it after that.
const TAKEN_MAX: Duration = Duration::from_secs(30);

/// What `/readyz` calls it where what is defined is not known.
const STALE: &str = "definitions";

/// What is defined, and who goes by it.
pub(super) struct Book {
    pub(super) editions: Arc<Editions>,
    live: Arc<LiveTasks>,
    /// Topics of the source; of files one without a name.
    topics: Vec<String>,
    lead: Span,
    of_files: FileShelf,
    /// Whether all that is defined was read.
    is_known: AtomicBool,
    writing: Mutex<Writing>,
}

/// What one change at a time has.
struct Writing {
    registry: Registry,
    shelf: Shelf,
    /// Of what was made elsewhere: since it was last all known.
    known: Stopwatch,
}

impl Book {
    /// What is kept in the state directory, with the definitions of files. Over Kafka the rest comes with
    /// [`Book::attach`].
    pub(super) fn open(
        settings: &Settings,
        files: Definitions,
        live: Arc<LiveTasks>,
    ) -> Result<Self, CommandError> {
        let directory = &settings.state.directory;
        let (topics, (shelf, registry)) = match &settings.flow {
            Flow::Kafka(flow) => {
                let topics = flow.source.topics.iter().map(|topic| topic.name.clone()).collect();
                let waits = "the topic of definitions has not been read yet: try again".to_owned();
                (topics, (Shelf::None(waits), Registry::default()))
            }
            Flow::Files(_) => (vec![String::new()], Shelf::journal(directory)?),
        };
        let of_files = FileShelf::in_directory(directory);
        let kept = of_files.kept()?;
        let registry = registry.with_kept(&kept).map_err(|fault| CommandError::failed(fault.0))?;
        let registry =
            registry.with_files(files, clock::now(), None).map_err(CommandError::Faults)?;
        live.know(Arc::new(registry.clone()));
        Ok(Book {
            editions: Arc::new(Editions::new(plans(&registry, &topics))),
            live,
            topics,
            lead: settings.metrics.definition_lead,
            of_files,
            is_known: AtomicBool::new(matches!(settings.flow, Flow::Files(_))),
            writing: Mutex::new(Writing { registry, shelf, known: Stopwatch::start() }),
        })
    }

    /// Keeps what files define now: the tasks' states took it.
    pub(super) fn keep_files(&self) -> Result<(), CommandError> {
        let writing = self.lock();
        self.of_files.keep(&writing.registry)
    }

    /// From now on definitions are kept in that topic, whose records count from before the first event; or nowhere, for a
    /// reason.
    ///
    /// # Errors
    /// A broker that does not answer, or records that stand in the way of what files define.
    pub(super) fn attach(&self, topic: Result<DefinitionTopic, String>) -> Result<(), ShelfError> {
        let mut writing = self.lock();
        let mut records = match topic {
            Ok(topic) => Shelf::Topic(Box::new(topic)),
            Err(reason) => Shelf::None(reason),
        };
        let mut registry = writing.registry.clone();
        records.refresh(&mut registry)?;
        let clash = registry.clash();
        if let Some(text) = clash {
            return Err(ShelfError::Unreadable(text));
        }
        writing.shelf = records;
        writing.known = Stopwatch::start();
        self.show(&mut writing, registry);
        self.is_known.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes in what other processes made. Where that was not possible for too long, nothing is read until it is.
    fn refresh(&self, readiness: &Readiness) {
        let mut writing = self.lock();
        let Writing { registry, shelf, .. } = &mut *writing;
        let before = registry.revision();
        let refreshed = shelf.refresh(registry);
        let revision = registry.revision();
        match refreshed {
            Ok(()) => {
                writing.known = Stopwatch::start();
                self.editions.set_stale(false);
                readiness.clear(STALE);
                if revision != before {
                    tracing::info!(revision, "definitions that another process made were taken in");
                    let registry = writing.registry.clone();
                    self.show(&mut writing, registry);
                }
            }
            Err(error) => {
                let half = Duration::from_micros(self.lead.micros().unsigned_abs() / 2);
                if writing.known.elapsed() >= half {
                    self.editions.set_stale(true);
                    let reason = format!(
                        "nothing is read, for what is defined by now has not been known for half of \
                         metrics.definition_lead: {error}"
                    );
                    readiness.obstruct(STALE, &reason, clock::now());
                }
            }
        }
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
        work_out: impl Fn(&Registry, Horizon) -> Result<Change, Refusal>,
    ) -> Result<Change, NotDone> {
        self.check_begun()?;
        let mut writing = self.lock();
        // Nobody reads on meanwhile: what is to begin, begins behind all that was read.
        let held = self.held()?;
        let horizon = Horizon { lead: self.lead, reached: held.reached };
        let before = writing.registry.revision();
        let made = stored(&mut writing, |registry| work_out(registry, horizon));
        // Also what others made, whatever became of this.
        let number = if writing.registry.revision() == before {
            None
        } else {
            let registry = writing.registry.clone();
            Some(self.show(&mut writing, registry))
        };
        let change = made?;
        let Some(number) = number else { return Ok(change) };
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

    /// Works a change out by what this process knows, and does no more.
    fn try_out(
        &self,
        work_out: impl Fn(&Registry, Horizon) -> Result<Change, Refusal>,
    ) -> Result<Tried, NotDone> {
        self.check_begun()?;
        let writing = self.lock();
        if let Shelf::None(reason) = &writing.shelf {
            return Err(NotDone::Unavailable(format!("it could not be stored: {reason}")));
        }
        let reached = self.held()?.reached;
        let horizon = Horizon { lead: self.lead, reached };
        let change = work_out(&writing.registry, horizon).and_then(Change::fitting);
        let change = change.map_err(NotDone::Refused)?;
        Ok(Tried { change, earliest: horizon.earliest(clock::now()) })
    }

    fn check_begun(&self) -> Result<(), NotDone> {
        if self.editions.has_begun() {
            return Ok(());
        }
        let text = "the process has not started yet: nothing was changed, try again";
        Err(NotDone::Unavailable(text.to_owned()))
    }

    fn held(&self) -> Result<Held<'_>, NotDone> {
        self.editions.hold(TAKEN_MAX).ok_or_else(|| {
            NotDone::Unavailable(
                "a worker starts, or waits for what it delivers: nothing was changed, try again"
                    .to_owned(),
            )
        })
    }

    fn created(
        &self,
        registry: &Registry,
        draft: &Draft,
        author: &Author,
    ) -> Result<Change, Refusal> {
        self.fed(registry.create(draft.clone(), author.clone())?)
    }

    /// The change, where the newest version has the one topic that feeds it.
    fn fed(&self, change: Change) -> Result<Change, Refusal> {
        let topic = change.record.newest().definition.get("topic");
        self.check_topic(topic.and_then(serde_json::Value::as_str), change.record.origin)?;
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
        let registry = writing.registry.with_files(definitions, clock::now(), Some(horizon));
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
    fn check_topic(&self, topic: Option<&str>, origin: Origin) -> Result<(), Refusal> {
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
                let place = match origin {
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
    fn check_fed(&self, metric: &Metric, origin: Origin) -> Result<(), Refusal> {
        self.check_topic(metric.topic.as_deref(), origin)
    }

    fn create(&self, draft: Draft, who: &str) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, _| self.created(registry, &draft, &author))
    }

    fn try_create(&self, draft: Draft, who: &str) -> Result<Tried, NotDone> {
        let author = author(who);
        self.try_out(|registry, _| self.created(registry, &draft, &author))
    }

    fn change(&self, tenant: &str, code: &str, patch: Patch, who: &str) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, horizon| {
            self.fed(registry.change(tenant, code, patch.clone(), horizon, author.clone())?)
        })
    }

    fn try_change(
        &self,
        tenant: &str,
        code: &str,
        patch: Patch,
        who: &str,
    ) -> Result<Tried, NotDone> {
        let author = author(who);
        self.try_out(|registry, horizon| {
            self.fed(registry.change(tenant, code, patch.clone(), horizon, author.clone())?)
        })
    }

    fn delete(
        &self,
        tenant: &str,
        code: &str,
        seen: Option<u64>,
        who: &str,
    ) -> Result<Change, NotDone> {
        let author = author(who);
        self.make(|registry, horizon| registry.delete(tenant, code, seen, horizon, author.clone()))
    }

    fn registry(&self) -> Arc<Registry> {
        self.live.registry()
    }

    fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Acquire)
    }
}

/// A state goes by all that it was made by, or by more.
pub(super) fn check_revision(of_state: u64, plan: &Plan) -> Result<(), CommandError> {
    let known = plan.revision();
    if of_state <= known {
        return Ok(());
    }
    Err(behind(of_state, known))
}

/// Those that a state was made by are gone.
pub(super) fn behind(of_state: u64, known: u64) -> CommandError {
    CommandError::failed(format!(
        "the state was made by definitions of revision {of_state}, and those that are kept are of revision {known}: bring \
         back the newer ones, which lay beside the state"
    ))
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
