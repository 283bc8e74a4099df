//! What the workers of one process know of each other: which task of a topic each customer is in, and which tasks are
//! halted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

use hashbrown::HashMap;

use crate::engine::Halt;

/// A task: topic and partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TaskName {
    pub(super) topic: String,
    pub(super) partition: i32,
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partition {}", self.topic, self.partition)
    }
}

/// Shared by the workers.
#[derive(Default)]
pub(super) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By topic, the partition of each customer. A metric folds events of one topic: tasks of two topics share no key.
    customers: BTreeMap<String, HashMap<u64, i32>>,
    halted: BTreeMap<TaskName, String>,
    serving: BTreeSet<TaskName>,
}

impl Registry {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }

    /// Notes that these customers are in that task. The first that is in another one of its topic already is given
    /// back, with that one's name.
    pub(super) fn claim(
        &self,
        task: &TaskName,
        customers: impl IntoIterator<Item = u64>,
    ) -> Result<(), (u64, TaskName)> {
        let TaskName { topic, partition } = task;
        let mut inner = self.inner();
        let owners = inner.customers.entry(topic.clone()).or_default();
        for customer in customers {
            let owner = *owners.entry(customer).or_insert(*partition);
            if owner != *partition {
                return Err((customer, TaskName { topic: topic.clone(), partition: owner }));
            }
        }
        Ok(())
    }

    /// A worker takes the task's state in hand, unless another one has it.
    pub(super) fn serve(&self, task: &TaskName) -> bool {
        let mut inner = self.inner();
        if inner.serving.contains(task) && !inner.halted.contains_key(task) {
            return false;
        }
        inner.serving.insert(task.clone());
        true
    }

    /// Whether every task that this process took is halted.
    pub(super) fn is_serving_nothing(&self) -> bool {
        let inner = self.inner();
        !inner.halted.is_empty() && inner.serving.iter().all(|task| inner.halted.contains_key(task))
    }

    /// Forgets the customers of a task that the process gives up.
    pub(super) fn release(&self, task: &TaskName) {
        let mut inner = self.inner();
        inner.serving.remove(task);
        if let Some(owners) = inner.customers.get_mut(&task.topic) {
            owners.retain(|_, owner| *owner != task.partition);
        }
    }

    /// Halts a task; the reason goes to who asks for readiness.
    pub(super) fn halt(&self, task: &TaskName, reason: &Halt) {
        self.halt_because(task, reason.to_string());
    }

    /// Halts a task for a reason in words.
    pub(super) fn halt_because(&self, task: &TaskName, reason: String) {
        self.inner().halted.entry(task.clone()).or_insert(reason);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn task(topic: &str, partition: i32) -> TaskName {
        TaskName { topic: topic.to_owned(), partition }
    }

    #[test]
    fn customer_belongs_to_one_task_of_each_topic() {
        let registry = Registry::default();
        assert_eq!(registry.claim(&task("usage", 0), [1, 2]), Ok(()));
        assert_eq!(registry.claim(&task("seats", 0), [1, 2]), Ok(()));
        assert_eq!(registry.claim(&task("seats", 1), [3]), Ok(()));
        assert_eq!(registry.claim(&task("usage", 1), [4, 2]), Err((2, task("usage", 0))));
        assert_eq!(registry.claim(&task("seats", 0), [3]), Err((3, task("seats", 1))));
    }

    #[test]
    fn state_is_in_one_hand() {
        let registry = Registry::default();
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
        let registry = Registry::default();
        assert_eq!(registry.claim(&task("usage", 0), [1]), Ok(()));
        assert_eq!(registry.claim(&task("seats", 0), [1]), Ok(()));
        registry.release(&task("usage", 0));
        assert_eq!(registry.claim(&task("usage", 1), [1]), Ok(()));
        assert_eq!(registry.claim(&task("seats", 1), [1]), Err((1, task("seats", 0))));
    }
}
