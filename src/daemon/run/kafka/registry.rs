//! What the workers of one process know of each other: which task of a topic each customer is in, and which tasks are
//! halted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use hashbrown::HashMap;

use crate::daemon::clock::Stopwatch;
use crate::engine::{Halt, judge_claim};
use crate::kafka;

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
    /// Up to where claims of customers were looked at, for each task whose customers are known.
    looked: BTreeMap<TaskName, i64>,
    /// Tasks that have a customer in common with another one: the customer, and the other's partition.
    shared: BTreeMap<TaskName, (u64, i32)>,
    /// Why claims cannot be looked at any more.
    fault: Option<kafka::Error>,
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

    /// Claims were looked at for a task up to that offset, as of its state: from there on they are held against its
    /// customers, all of which are claimed here.
    pub(super) fn look_from(&self, task: &TaskName, offset: i64) {
        self.inner().looked.insert(task.clone(), offset);
    }

    /// The least offset from which on claims are still to be looked at; `None`: for no task.
    pub(super) fn least_looked(&self) -> Option<i64> {
        self.inner().looked.values().min().copied()
    }

    /// All claims between two offsets were looked at.
    pub(super) fn looked(&self, from: i64, to: i64) {
        for looked in self.inner().looked.values_mut().filter(|looked| **looked >= from) {
            *looked = to.max(*looked);
        }
    }

    /// Up to where claims were looked at and gave no reason to halt the task.
    pub(super) fn looked_of(&self, task: &TaskName) -> Option<i64> {
        let inner = self.inner();
        let is_sound = !inner.shared.contains_key(task) && !inner.halted.contains_key(task);
        inner.looked.get(task).filter(|_| is_sound).copied()
    }

    /// Holds the claim that a customer is in these partitions of a topic against the tasks that are here. What is to be
    /// claimed now, if anything.
    pub(super) fn take_claim(
        &self,
        topic: &str,
        customer: u64,
        partitions: &BTreeSet<i32>,
    ) -> Option<BTreeSet<i32>> {
        let mut inner = self.inner();
        let name = |partition| TaskName { topic: topic.to_owned(), partition };
        let own = inner.customers.get(topic).and_then(|owners| owners.get(&customer)).copied();
        let looks = |partition| inner.looked.contains_key(&name(partition));
        let verdict = judge_claim(partitions, own, looks);
        for (partition, other) in verdict.halted {
            inner.shared.entry(name(partition)).or_insert((customer, other));
        }
        verdict.answer
    }

    /// A customer that a task has in common with another one, and that.
    pub(super) fn shared(&self, task: &TaskName) -> Option<(u64, TaskName)> {
        let (customer, partition) = self.inner().shared.get(task).copied()?;
        Some((customer, TaskName { topic: task.topic.clone(), partition }))
    }

    /// Claims cannot be looked at any more, whoever tries again.
    pub(super) fn fail(&self, error: kafka::Error) {
        self.inner().fault = Some(error);
    }

    /// Why claims cannot be looked at any more; it is told once.
    pub(super) fn fault(&self) -> Option<kafka::Error> {
        self.inner().fault.take()
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
        inner.looked.remove(task);
        inner.shared.remove(task);
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

    #[test]
    fn claim_of_another_process_is_held_against_what_is_here_and_not_passed() {
        let registry = registry();
        let set = |list: &[i32]| list.iter().copied().collect::<BTreeSet<i32>>();
        let (first, second) = (task("usage", 0), task("usage", 1));
        assert_eq!(registry.least_looked(), None);
        registry.claim(&first, [1]);
        registry.claim(&second, [2]);
        registry.look_from(&first, 5);
        registry.look_from(&second, 3);
        assert_eq!(registry.least_looked(), Some(3));
        registry.looked(4, 6);
        assert_eq!(registry.looked_of(&second), Some(3), "what is before was not looked at for it");
        registry.looked(3, 9);
        assert_eq!(registry.looked_of(&first), Some(9));

        // Its own, one of nobody here, and one of another topic.
        for (topic, customer, partition) in [("usage", 1, 0), ("usage", 3, 2), ("seats", 1, 2)] {
            assert_eq!(registry.take_claim(topic, customer, &set(&[partition])), None);
        }
        assert_eq!([&first, &second].map(|task| registry.shared(task)), [None, None]);
        assert_eq!(registry.take_claim("usage", 1, &set(&[2])), Some(set(&[0, 2])));
        assert_eq!(registry.shared(&first), Some((1, task("usage", 2))));
        registry.looked(9, 10);
        assert_eq!(registry.looked_of(&first), None, "it is to be found again");
        assert_eq!(registry.looked_of(&second), Some(10));
        assert_eq!(registry.least_looked(), Some(10), "the look goes on");

        // A task that is halted for something else tells of its customers, and its place stays.
        registry.halt_because(&second, "a reason".to_owned());
        assert_eq!(registry.looked_of(&second), None);
        assert_eq!(registry.take_claim("usage", 2, &set(&[2])), Some(set(&[1, 2])));
        registry.release(&first);
        assert_eq!(registry.shared(&first), None, "who has it now looks by itself");
        assert_eq!(registry.take_claim("usage", 1, &set(&[2])), None);
    }
}
