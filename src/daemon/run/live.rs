//! What the tasks of this process know of totals, for whoever asks while they work: each as of its last commit.
//!
//! A task shows itself as long as its state is open. Whoever looks keeps it open for one page; nothing of the task's own
//! work waits for that but its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::admin::{Live, Refusal, UsageAsk};
use crate::definition::{MetricPlan, Plan};
use crate::engine::{OutboxEntry, Usage};
use crate::format::{Encoder, Missing, Place, UsageCursor, UsagePage, UsagePart, UsageTask};
use crate::model::PeriodTotal;
use crate::registry::Registry;
use crate::store::{Ask, Page, View};

/// How often a page goes on reading where little is found: then it ends, so that nobody who asks keeps a task from ending.
const READS_MAX: usize = 200;

/// Every task that this process serves.
pub(super) struct LiveTasks {
    /// What is defined now.
    registry: RwLock<Arc<Registry>>,
    /// Topics that events are written to, with the one that is read for each.
    read_as: BTreeMap<String, String>,
    /// Topics that are read, with how many partitions each has where that is known; over files one without a name.
    topics: Mutex<BTreeMap<String, Option<i32>>>,
    tasks: Mutex<BTreeMap<UsageTask, Slot>>,
}

/// Empty from when the task is given up.
type Slot = Arc<RwLock<Option<Shown>>>;

/// What a task shows.
struct Shown {
    view: View,
    place: Place,
    keeps_offsets: bool,
}

/// A task is shown as long as this lives.
pub(super) struct Showing {
    live: Arc<LiveTasks>,
    task: UsageTask,
    slot: Slot,
}

/// What a look at a task found.
struct Looked {
    part: UsagePart,
    /// Where to look next in its state; `None`: all was found.
    next: Option<Vec<u8>>,
    has_forgotten: bool,
}

impl Looked {
    fn new(part: UsagePart) -> Self {
        Looked { part, next: None, has_forgotten: false }
    }
}

impl LiveTasks {
    /// Of a process that reads these topics, by those that are written to; none: files.
    pub(super) fn new(read_as: BTreeMap<String, String>) -> Self {
        let of_files = read_as.is_empty().then(String::new);
        let topics = read_as.values().cloned().chain(of_files).map(|topic| (topic, None)).collect();
        LiveTasks {
            read_as,
            registry: RwLock::default(),
            topics: Mutex::new(topics),
            tasks: Mutex::default(),
        }
    }

    /// How many partitions a topic has.
    pub(super) fn count(&self, topic: &str, partitions: i32) {
        self.topics.lock().expect("no holder panics").insert(topic.to_owned(), Some(partitions));
    }

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
        let task = UsageTask::of(place);
        self.count(&task.topic, partitions);
        let shown = Shown { view, place: place.clone(), keeps_offsets };
        let slot = Slot::new(RwLock::new(Some(shown)));
        self.lock().insert(task.clone(), Arc::clone(&slot));
        Showing { live: Arc::clone(self), task, slot }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<UsageTask, Slot>> {
        self.tasks.lock().expect("no holder panics")
    }

    /// Every task that is shown, in order.
    fn all(&self) -> Vec<(UsageTask, Slot)> {
        self.lock().iter().map(|(task, slot)| (task.clone(), Arc::clone(slot))).collect()
    }

    /// What of the metric's topic this process does not look at: what others serve, and what is not served.
    fn missing(&self, ask: &UsageAsk, tasks: &[(UsageTask, Slot)]) -> Missing {
        let mut looked: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
        for (task, slot) in tasks {
            let Some(shown) = open(slot) else { continue };
            if metric_of(shown.get().view.plan(), ask).is_some() {
                looked.entry(&task.topic).or_default().insert(task.partition);
            }
        }
        let written_to = self.registry().topic(&ask.tenant, &ask.metric, ask.generation);
        let own = written_to.and_then(|topic| self.read_as.get(&topic));
        let mut missing = Missing::default();
        for (topic, count) in &*self.topics.lock().expect("no holder panics") {
            if own.is_some_and(|own| own != topic) {
                continue;
            }
            let looked = looked.remove(topic.as_str()).unwrap_or_default();
            let others =
                count.map(|count| (0..count).filter(|one| !looked.contains(one)).collect());
            missing.add(topic, others);
        }
        missing
    }

    fn check(&self, ask: &UsageAsk) -> Result<(), Refusal> {
        let registry = self.registry();
        let generations = registry.generations_of(&ask.tenant, &ask.metric);
        if let (Some(asked), Some(newest)) = (ask.generation, generations.last())
            && !generations.contains(&asked)
        {
            let text = format!(
                "metric {:?} has no generation {asked}: the newest is {newest}",
                ask.metric
            );
            return Err(Refusal::NotFound(text));
        }
        if !generations.is_empty() {
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
        let cursor =
            ask.cursor.as_deref().map(|text| UsageCursor::read(text).ok_or_else(bad_cursor));
        let mut start = cursor.transpose()?;
        let tasks = self.all();
        let missing = self.missing(ask, &tasks);
        let mut answer = UsagePage { missing, ..UsagePage::default() };
        let mut room = ask.limit;
        for (task, slot) in tasks {
            if start.as_ref().is_some_and(|start| task < start.task) {
                continue;
            }
            let key = start.take().filter(|start| start.task == task).and_then(|start| start.key);
            let Some(shown) = open(&slot) else {
                // It was given up just now.
                answer.missing.put(&task);
                continue;
            };
            let Some(looked) = shown.get().look(ask, key, room)? else { continue };
            let Looked { part, next, has_forgotten } = looked;
            room = room.saturating_sub(part.totals.len());
            answer.has_forgotten |= has_forgotten;
            answer.parts.push(part);
            if let Some(key) = next {
                answer.next = Some(UsageCursor { task, key: Some(key) });
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
    /// What the task knows, until that many totals are found or it took long enough: then where the next page begins.
    /// `None`: it does not know the metric.
    fn look(
        &self,
        ask: &UsageAsk,
        mut from: Option<Vec<u8>>,
        room: usize,
    ) -> Result<Option<Looked>, Refusal> {
        let plan = self.view.plan();
        let Some((place, metric)) = metric_of(plan, ask) else { return Ok(None) };
        check_group(metric, ask)?;
        let mut looked: Option<Looked> = None;
        for _ in 0..READS_MAX {
            let found = looked.as_ref().map_or(0, |looked| looked.part.totals.len());
            let page = self.view.page(&Ask {
                metric: place,
                customer: ask.customer.as_deref(),
                after: ask.from,
                from: from.as_deref(),
                entries_max: room.saturating_sub(found),
            });
            let page = page.map_err(|error| Refusal::Failed(error.to_string()))?;
            let (part, has_forgotten) = self.part(plan, &page, ask);
            let known = looked.get_or_insert_with(|| Looked::new(self.part_of(&page)));
            known.part.extend(part);
            known.has_forgotten |= has_forgotten;
            known.next = page.next;
            if known.next.is_none() || known.part.totals.len() >= room {
                break;
            }
            from.clone_from(&known.next);
        }
        Ok(looked)
    }

    fn part_of(&self, page: &Page) -> UsagePart {
        UsagePart::new(&self.place, &page.commit, page.commit.too_old_before)
    }

    /// The totals of a page that are asked for, and whether some may be forgotten.
    fn part(&self, plan: &Plan, page: &Page, ask: &UsageAsk) -> (UsagePart, bool) {
        let has_forgotten = match ask.from {
            Some(from) => page.commit.too_old_before.is_some_and(|kept_after| from < kept_after),
            // From the first period on.
            None => page.has_forgotten,
        };
        let mut part = self.part_of(page);
        let usage = Usage::at(plan, &page.commit, self.keeps_offsets);
        let encoder = Encoder::new(plan, &self.place, usize::MAX);
        for found in &page.found {
            usage.totals(found, &mut |total| {
                if is_asked(plan, &total, ask) {
                    part.totals.push(encoder.outgoing(&OutboxEntry::Total(total)).body);
                }
            });
        }
        (part, has_forgotten)
    }
}

fn metric_of<'p>(plan: &'p Plan, ask: &UsageAsk) -> Option<(u32, &'p MetricPlan)> {
    let is_it = |metric: &MetricPlan| {
        *metric.tenant == ask.tenant
            && *metric.code == ask.metric
            && ask.generation.is_none_or(|generation| metric.generation == generation)
    };
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
        self.live.lock().remove(&self.task);
        // Waits for whoever is looking; the database closes with the task then, and not behind its back.
        drop(self.slot.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::definitions;
    use crate::model::EventTime;

    fn ask(metric: &str) -> UsageAsk {
        UsageAsk {
            tenant: "default".to_owned(),
            metric: metric.to_owned(),
            generation: None,
            customer: None,
            from: None,
            to: None,
            group: Vec::new(),
            limit: 1,
            cursor: None,
        }
    }

    #[test]
    fn process_without_tasks_names_every_partition_of_the_metric_s_topic() {
        let text = r#"{"metrics":[{"code":"a","topic":"one","event_type":"k","aggregation":"count"},
            {"code":"b","topic":"two","event_type":"k","aggregation":"count"}]}"#;
        let definitions = definitions::read(&[("metrics.json", text)]).expect("sound metrics");
        let registry = Registry::default()
            .with_files(definitions, EventTime::EARLIEST, None)
            .expect("they are new");
        let live =
            LiveTasks::new(["one", "two"].map(|one| (one.to_owned(), one.to_owned())).into());
        live.know(Arc::new(registry));
        let missing = |metric| {
            let page = live.usage(&ask(metric)).expect("a page");
            assert!(!page.is_complete() && page.parts.is_empty() && page.next.is_none());
            page.missing.to_string()
        };
        assert_eq!(missing("a"), "every partition of one");
        live.count("one", 3);
        assert_eq!(missing("a"), "partitions 0, 1, 2 of one");
        assert_eq!(missing("b"), "every partition of two");
        live.count("two", 1);
        assert_eq!(missing("b"), "partition 0 of two");
        assert!(matches!(live.usage(&ask("c")), Err(Refusal::NotFound(_))));
    }

    #[test]
    fn files_that_are_not_open_yet_are_missing() {
        let text = r#"{"metrics":[{"code":"a","event_type":"k","aggregation":"count"}]}"#;
        let definitions = definitions::read(&[("metrics.json", text)]).expect("sound metrics");
        let registry = Registry::default()
            .with_files(definitions, EventTime::EARLIEST, None)
            .expect("they are new");
        let live = LiveTasks::new(BTreeMap::new());
        live.know(Arc::new(registry));
        assert_eq!(live.usage(&ask("a")).expect("a page").missing.to_string(), "the files");
    }
}
