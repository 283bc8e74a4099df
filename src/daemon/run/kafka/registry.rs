//! What the workers of one process know of each other: which task of a topic each customer is in, and which tasks are
//! halted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use hashbrown::HashMap;

use crate::daemon::clock::Stopwatch;
use crate::engine::Halt;

/// A task: topic and partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TaskName {
    pub(super) topic: String,
    pub(super) partition: i32,
}

impl TaskName {
    /// What the folder of its state is called, by which commands know it.
    pub(super) fn folder(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partition {}", self.topic, self.partition)
    }
}

/// Shared by the workers.
pub(super) struct Registry {
    inner: Mutex<Inner>,
    /// How many tasks there are, of all topics.
    tasks: usize,
}

/// For how long nothing is served, though each worker has what the group gave it, before the process ends. In between a
/// partition may be under way from one worker to another.
const SERVING_NOTHING_MAX: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Inner {
    /// By topic, the partition of each customer. A metric folds events of one topic: tasks of two topics share no key.
    customers: BTreeMap<String, HashMap<u64, i32>>,
    halted: BTreeMap<TaskName, String>,
    serving: BTreeSet<TaskName>,
    /// Workers, by topic and number, that the group has not given their partitions, or that have not started all of them.
    unsettled: BTreeSet<(String, usize)>,
    /// Since nothing is served and all are settled.
    since_nothing: Option<Stopwatch>,
}

impl Registry {
    /// Of so many tasks and these workers, none of which has a partition yet.
    pub(super) fn new(tasks: usize, workers: impl IntoIterator<Item = (String, usize)>) -> Self {
        let unsettled = workers.into_iter().collect();
        Registry { inner: Mutex::new(Inner { unsettled, ..Inner::default() }), tasks }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }

    /// Notes that these customers are in that task. Every other task of its topic that has some of them already is given
    /// back, with one of these.
    pub(super) fn claim(
        &self,
        task: &TaskName,
        customers: impl IntoIterator<Item = u64>,
    ) -> BTreeMap<TaskName, u64> {
        let TaskName { topic, partition } = task;
        let mut inner = self.inner();
        let owners = inner.customers.entry(topic.clone()).or_default();
        let mut others = BTreeMap::new();
        for customer in customers {
            let owner = *owners.entry(customer).or_insert(*partition);
            if owner != *partition {
                let other = TaskName { topic: topic.clone(), partition: owner };
                others.entry(other).or_insert(customer);
            }
        }
        others
    }

    /// A worker takes the task's state in hand, unless another one has it.
    pub(super) fn serve(&self, task: &TaskName) -> bool {
        let mut inner = self.inner();
        if inner.serving.contains(task) && !inner.halted.contains_key(task) {
            return false;
        }
        inner.serving.insert(task.clone());
        inner.look();
        true
    }

    /// A worker has all that the group gave it, or not.
    pub(super) fn settle(&self, topic: &str, worker: usize, is_settled: bool) {
        let mut inner = self.inner();
        let worker = (topic.to_owned(), worker);
        if is_settled {
            inner.unsettled.remove(&worker)
        } else {
            inner.unsettled.insert(worker)
        };
        inner.look();
    }

    /// Whether there is nothing to do any more: every task is halted, or every one that the group gave to this process.
    pub(super) fn is_serving_nothing(&self) -> bool {
        let inner = self.inner();
        let since = inner.since_nothing.map(Stopwatch::elapsed);
        let is_all = inner.halted.len() >= self.tasks;
        is_all || since.is_some_and(|elapsed| elapsed >= SERVING_NOTHING_MAX)
    }

    /// Forgets the customers of a task that the process gives up.
    pub(super) fn release(&self, task: &TaskName) {
        let mut inner = self.inner();
        inner.serving.remove(task);
        if let Some(owners) = inner.customers.get_mut(&task.topic) {
            owners.retain(|_, owner| *owner != task.partition);
        }
    }

    /// The same of one that was not started: a halted one goes on guarding its customers.
    pub(super) fn release_unless_halted(&self, task: &TaskName) {
        if self.halted(task).is_none() {
            self.release(task);
        }
    }

    /// Halts a task; the reason goes to who asks for readiness.
    pub(super) fn halt(&self, task: &TaskName, reason: &Halt) {
        self.halt_because(task, reason.of_task(&task.folder()));
    }

    /// Halts a task for a reason in words.
    pub(super) fn halt_because(&self, task: &TaskName, reason: String) {
        let mut inner = self.inner();
        inner.halted.entry(task.clone()).or_insert(reason);
        inner.look();
    }

    /// Why a task is halted; `None`: it is not.
    pub(super) fn halted(&self, task: &TaskName) -> Option<String> {
        self.inner().halted.get(task).cloned()
    }

    /// Every halted task with its reason.
    pub(super) fn all_halted(&self) -> Vec<(TaskName, String)> {
        self.inner().halted.clone().into_iter().collect()
    }
}

impl Inner {
    /// Notes since when nothing is served.
    fn look(&mut self) {
        let is_nothing = self.unsettled.is_empty()
            && !self.halted.is_empty()
            && self.serving.iter().all(|task| self.halted.contains_key(task));
        if is_nothing {
            self.since_nothing.get_or_insert_with(Stopwatch::start);
        } else {
            self.since_nothing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(topic: &str, partition: i32) -> TaskName {
        TaskName { topic: topic.to_owned(), partition }
    }

    fn registry() -> Registry {
        Registry::new(3, [("usage".to_owned(), 0), ("usage".to_owned(), 1)])
    }

    #[test]
    fn nothing_is_served_once_all_are_halted_or_all_workers_have_nothing_else() {
        let registry = registry();
        assert!(registry.serve(&task("usage", 0)));
        registry.halt_because(&task("usage", 0), "a reason".to_owned());
        let is_counted = |registry: &Registry| registry.inner().since_nothing.is_some();
        registry.settle("usage", 0, true);
        assert!(!is_counted(&registry), "the other worker has not joined");
        assert!(registry.serve(&task("usage", 1)));
        registry.settle("usage", 1, true);
        assert!(!is_counted(&registry), "the other task is served");
        registry.release(&task("usage", 1));
        registry.settle("usage", 1, true);
        assert!(is_counted(&registry) && !registry.is_serving_nothing(), "it may come back");
        assert!(registry.serve(&task("usage", 1)));
        assert!(!is_counted(&registry));
        for partition in [1, 2] {
            registry.halt_because(&task("usage", partition), "a reason".to_owned());
        }
        assert!(registry.is_serving_nothing(), "at once");
    }

    #[test]
    fn customer_belongs_to_one_task_of_each_topic() {
        let registry = registry();
        let other = |topic, partition, customer| [(task(topic, partition), customer)].into();
        assert_eq!(registry.claim(&task("usage", 0), [1, 2]), BTreeMap::new());
        assert_eq!(registry.claim(&task("seats", 0), [1, 2]), BTreeMap::new());
        assert_eq!(registry.claim(&task("seats", 1), [3]), BTreeMap::new());
        assert_eq!(registry.claim(&task("usage", 1), [2, 4]), other("usage", 0, 2));
        assert_eq!(registry.claim(&task("seats", 0), [3]), other("seats", 1, 3));
        let others = registry.claim(&task("usage", 2), [1, 2, 4]);
        assert_eq!(others, [(task("usage", 0), 1), (task("usage", 1), 4)].into());
    }

    #[test]
    fn state_is_in_one_hand() {
        let registry = registry();
        assert!(registry.serve(&task("usage", 0)));
        assert!(!registry.serve(&task("usage", 0)));
        assert!(registry.serve(&task("usage", 1)) && registry.serve(&task("seats", 0)));
        registry.release(&task("usage", 0));
        assert!(registry.serve(&task("usage", 0)));
        registry.halt_because(&task("usage", 0), "a reason".to_owned());
        assert!(registry.serve(&task("usage", 0)), "whose state was dropped");
    }

    #[test]
    fn released_task_leaves_its_customers_to_others_of_its_topic() {
        let registry = registry();
        let is_free = |topic, partition| registry.claim(&task(topic, partition), [1]).is_empty();
        assert!(is_free("usage", 0) && is_free("seats", 0));
        registry.release(&task("usage", 0));
        assert!(is_free("usage", 1));
        assert!(!is_free("seats", 1));
    }

    #[test]
    fn halted_task_keeps_its_customers_until_it_is_given_up() {
        let registry = registry();
        let (first, second) = (task("usage", 0), task("usage", 1));
        assert!(registry.serve(&first));
        assert_eq!(registry.claim(&first, [1]), BTreeMap::new());
        registry.halt_because(&first, "a reason".to_owned());
        registry.release_unless_halted(&first);
        assert_eq!(registry.claim(&second, [1, 2]), [(first, 1)].into());
        registry.release_unless_halted(&second);
        assert_eq!(registry.claim(&task("usage", 2), [2]), BTreeMap::new());
    }
}
