//! What the tasks of this process know of totals, for whoever asks while they work: each as of its last commit.
//!
//! A task shows itself as long as its state is open. Whoever looks keeps it open for one page; nothing of the task's own
//! work waits for that but its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::admin::{Live, Refusal, UsageAsk};
use crate::definition::{MetricPlan, Plan};
use crate::engine::{OutboxEntry, Usage};
use crate::format::{Encoder, Place, UsageAsOf, UsagePage};
use crate::model::PeriodTotal;
use crate::registry::Registry;
use crate::store::{Ask, Page, View};

/// How often a page goes on reading where little of what stands there is asked for: then it ends with what it has, or with
/// nothing, so that nobody who asks keeps a task from ending.
const READS_MAX: usize = 200;

/// Every task that this process serves.
#[derive(Default)]
pub(super) struct LiveTasks {
    /// What is defined now.
    registry: RwLock<Arc<Registry>>,
    tasks: Mutex<BTreeMap<Name, Slot>>,
}

/// A task in the order in which they are looked at: its topic (none for files) and partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Name(String, i32);

/// Empty from when the task is given up.
type Slot = Arc<RwLock<Option<Shown>>>;

/// What a task shows.
struct Shown {
    view: View,
    place: Place,
    /// How many partitions its topic has.
    partitions: i32,
    keeps_offsets: bool,
}

/// A task is shown as long as this lives.
pub(super) struct Showing {
    live: Arc<LiveTasks>,
    name: Name,
    slot: Slot,
}

/// Where a page begins: in the state of a task, or with it.
struct Start {
    name: Name,
    key: Vec<u8>,
}

impl LiveTasks {
    /// What is defined from now on.
    pub(super) fn know(&self, registry: Arc<Registry>) {
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = registry;
    }

    /// What is defined now.
    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a task from now on.
    pub(super) fn show(
        self: &Arc<Self>,
        view: View,
        place: &Place,
        partitions: i32,
        keeps_offsets: bool,
    ) -> Showing {
        let name = Name::of(place);
        let shown = Shown { view, place: place.clone(), partitions, keeps_offsets };
        let slot = Slot::new(RwLock::new(Some(shown)));
        self.lock().insert(name.clone(), Arc::clone(&slot));
        Showing { live: Arc::clone(self), name, slot }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Name, Slot>> {
        self.tasks.lock().expect("no holder panics")
    }

    /// The tasks from a name on.
    fn from(&self, first: Option<&Start>) -> Vec<(Name, Slot)> {
        let tasks = self.lock();
        let from = first.map_or_else(|| Name(String::new(), i32::MIN), |start| start.name.clone());
        tasks.range(from..).map(|(name, slot)| (name.clone(), Arc::clone(slot))).collect()
    }

    fn check(&self, ask: &UsageAsk) -> Result<(), Refusal> {
        let registry = self.registry();
        if registry.has(&ask.tenant, &ask.metric) {
            return Ok(());
        }
        let entries = registry.entries(None);
        let codes = entries.iter().filter(|entry| entry.tenant == ask.tenant);
        let codes: Vec<&str> = codes.map(|entry| entry.code.as_str()).take(20).collect();
        let known = if codes.is_empty() {
            format!("tenant {:?} has none", ask.tenant)
        } else {
            format!("tenant {:?} has {}", ask.tenant, codes.join(", "))
        };
        Err(Refusal::NotFound(format!("there is no metric {:?}: {known}", ask.metric)))
    }
}

impl Live for LiveTasks {
    fn usage(&self, ask: &UsageAsk) -> Result<UsagePage, Refusal> {
        self.check(ask)?;
        let mut start = ask.cursor.as_deref().map(Start::read).transpose()?;
        let mut answer = UsagePage { is_complete: true, ..UsagePage::default() };
        let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        let mut expected: BTreeMap<String, i32> = BTreeMap::new();
        for (name, slot) in self.from(None) {
            let Some(shown) = open(&slot) else { continue };
            if metric_of(shown.get().view.plan(), ask).is_none() {
                continue;
            }
            expected.insert(name.0.clone(), shown.get().partitions);
            partitions.entry(name.0).or_default().insert(name.1);
        }
        let has_all = |(topic, count): (&String, &i32)| {
            partitions[topic].len() == usize::try_from(*count).unwrap_or(usize::MAX)
        };
        answer.is_complete &= !expected.is_empty() && expected.iter().all(has_all);
        for (name, slot) in self.from(start.as_ref()) {
            let Some(shown) = open(&slot) else { continue };
            let key = start.take().filter(|start| start.name == name).map(|start| start.key);
            let looked = shown.get().look(ask, key, &mut answer)?;
            if let Some(key) = looked {
                answer.next = Some(Start { name, key }.to_string());
                break;
            }
        }
        Ok(answer)
    }
}

fn bad_cursor() -> Refusal {
    let text = "it is none that an answer gave as next: begin without one".to_owned();
    Refusal::Faults(vec![("cursor".to_owned(), text)])
}

/// A slot that is held open.
struct Held<'s>(RwLockReadGuard<'s, Option<Shown>>);

fn open(slot: &Slot) -> Option<Held<'_>> {
    // A reader that panicked changed nothing.
    let guard = slot.read().unwrap_or_else(PoisonError::into_inner);
    guard.is_some().then_some(Held(guard))
}

impl Held<'_> {
    fn get(&self) -> &Shown {
        self.0.as_ref().expect("it was looked at when it was taken")
    }
}

impl Shown {
    /// Adds what the task knows, until the page is full or took long enough: then where the next one begins.
    fn look(
        &self,
        ask: &UsageAsk,
        mut from: Option<Vec<u8>>,
        answer: &mut UsagePage,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let plan = self.view.plan();
        let Some((place, metric)) = metric_of(plan, ask) else { return Ok(None) };
        check_group(metric, ask)?;
        for _ in 0..READS_MAX {
            let page = self.page(ask, place, from.as_deref(), answer)?;
            self.note(&page, ask, answer);
            self.add(plan, &page, ask, answer);
            match page.next {
                None => return Ok(None),
                Some(next) if answer.totals.len() >= ask.limit => return Ok(Some(next)),
                Some(next) => from = Some(next),
            }
        }
        Ok(from)
    }

    fn page(
        &self,
        ask: &UsageAsk,
        metric: u32,
        from: Option<&[u8]>,
        answer: &UsagePage,
    ) -> Result<Page, Refusal> {
        let page = self.view.page(&Ask {
            metric,
            customer: ask.customer.as_deref(),
            after: ask.from,
            from,
            entries_max: ask.limit.saturating_sub(answer.totals.len()),
        });
        page.map_err(|error| Refusal::Failed(error.to_string()))
    }

    /// Notes as of when it is.
    fn note(&self, page: &Page, ask: &UsageAsk, answer: &mut UsagePage) {
        let commit = &page.commit;
        let kept_after = commit.too_old_before;
        let is_missing = match ask.from {
            Some(from) => kept_after.is_some_and(|kept_after| from < kept_after),
            // From the first period on.
            None => page.has_forgotten,
        };
        answer.is_complete &= !is_missing;
        answer.as_of.retain(|one| one.place != self.place);
        answer.as_of.push(UsageAsOf { place: self.place.clone(), commit: *commit, kept_after });
    }

    fn add(&self, plan: &Plan, page: &Page, ask: &UsageAsk, answer: &mut UsagePage) {
        let usage = Usage::at(plan, &page.commit, self.keeps_offsets);
        let encoder = Encoder::new(plan, &self.place, usize::MAX);
        for found in &page.found {
            usage.totals(found, &mut |total| {
                if is_asked(plan, &total, ask) {
                    answer.totals.push(encoder.outgoing(&OutboxEntry::Total(total)).body);
                }
            });
        }
    }
}

fn metric_of<'p>(plan: &'p Plan, ask: &UsageAsk) -> Option<(u32, &'p MetricPlan)> {
    let is_it = |metric: &MetricPlan| *metric.tenant == ask.tenant && *metric.code == ask.metric;
    // Of a code that was deleted and made again, the newest.
    (0..).zip(plan.metrics()).filter(|(_, metric)| is_it(metric)).last()
}

/// Whether every property that is asked for is one of the metric.
fn check_group(metric: &MetricPlan, ask: &UsageAsk) -> Result<(), Refusal> {
    let mut known = BTreeSet::new();
    for version in &metric.versions {
        known.extend(version.group_by.iter().map(|dimension| dimension.path.text.as_str()));
    }
    let unknown = ask.group.iter().filter(|(property, _)| !known.contains(property.as_str()));
    let faults: Vec<(String, String)> = unknown
        .map(|(property, _)| {
            let names: Vec<&str> = known.iter().copied().collect();
            let grouped = if names.is_empty() {
                "it is not grouped".to_owned()
            } else {
                format!("it is grouped by {}", names.join(", "))
            };
            let text = format!("metric {:?} is not grouped by {property:?}: {grouped}", ask.metric);
            (format!("group.{property}"), text)
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

fn is_asked(plan: &Plan, total: &PeriodTotal, ask: &UsageAsk) -> bool {
    let dimensions = &plan.metric(total.metric).version_at(total.version).group_by;
    let has = |(property, wanted): &(String, Option<String>)| {
        let mut pairs = dimensions.iter().zip(&total.group);
        pairs.any(|(dimension, value)| {
            dimension.path.text == *property && value.as_deref() == wanted.as_deref()
        })
    };
    ask.from.is_none_or(|from| total.period.end > from)
        && ask.to.is_none_or(|to| total.period.start < to)
        && ask.group.iter().all(has)
}

impl Name {
    fn of(place: &Place) -> Self {
        match place {
            Place::Topic { topic, partition } => Name(topic.clone(), *partition),
            Place::Files { .. } => Name(String::new(), 0),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Name(topic, partition) = &self.name;
        write!(f, "{topic}:{partition}:")?;
        self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Start {
    fn read(text: &str) -> Result<Self, Refusal> {
        let mut parts = text.rsplitn(3, ':');
        let (key, partition, topic) = (parts.next(), parts.next(), parts.next());
        let (Some(key), Some(partition), Some(topic)) = (key, partition, topic) else {
            return Err(bad_cursor());
        };
        let partition = partition.parse().map_err(|_| bad_cursor())?;
        let key = bytes_of(key).filter(|key| !key.is_empty()).ok_or_else(bad_cursor)?;
        // Over files there is one task.
        if topic.is_empty() && partition != 0 {
            return Err(bad_cursor());
        }
        Ok(Start { name: Name(topic.to_owned(), partition), key })
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if hex.len().is_multiple_of(2) { digits.map(byte).collect() } else { None }
}

impl Showing {
    /// Shows the task as it is seen now: once nobody looks at what was shown before.
    pub(super) fn renew(&self, view: View) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = slot.as_mut() {
            shown.view = view;
        }
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.live.lock().remove(&self.name);
        // Waits for whoever is looking; the database closes with the task then, and not behind its back.
        drop(self.slot.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}
