//! What the workers of one process know of each other: which task each customer is in, and which tasks are halted.

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
    names: Vec<TaskName>,
    customers: HashMap<u64, u32>,
    halted: BTreeMap<TaskName, String>,
    serving: BTreeSet<TaskName>,
}

impl Inner {
    fn number(&mut self, task: &TaskName) -> u32 {
        let place = self.names.iter().position(|name| name == task).unwrap_or_else(|| {
            self.names.push(task.clone());
            self.names.len() - 1
        });
        u32::try_from(place).expect("few tasks")
    }
}

impl Registry {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }

    /// Notes that these customers are in that task. The first that is in another one already is given back, with that
    /// one's name.
    pub(super) fn claim(
        &self,
        task: &TaskName,
        customers: impl IntoIterator<Item = u64>,
    ) -> Result<(), (u64, TaskName)> {
        let mut inner = self.inner();
        let number = inner.number(task);
        for customer in customers {
            let owner = *inner.customers.entry(customer).or_insert(number);
            if owner != number {
                return Err((customer, inner.names[owner as usize].clone()));
            }
        }
        Ok(())
    }

    /// A task is served from now on.
    pub(super) fn serve(&self, task: &TaskName) {
        self.inner().serving.insert(task.clone());
    }

    /// Whether a worker of this process has the task's state in hand.
    pub(super) fn is_served(&self, task: &TaskName) -> bool {
        let inner = self.inner();
        inner.serving.contains(task) && !inner.halted.contains_key(task)
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
        let number = inner.number(task);
        inner.customers.retain(|_, owner| *owner != number);
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
