//! What ends tasks and workers from within: a task is halted alone, one worker's failure stops its siblings in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::registry::TaskName;
use super::worker::Worker;
use crate::engine::{Halt, customer_digest};

/// Raised by a worker that cannot go on.
#[derive(Clone, Default)]
pub(super) struct Stop {
    is_raised: Arc<AtomicBool>,
}

impl Stop {
    pub(super) fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::SeqCst)
    }

    pub(super) fn raise(&self) {
        self.is_raised.store(true, Ordering::SeqCst);
    }
}

impl Worker {
    /// A customer of another task halts both, before anything of it is visible.
    pub(super) fn claim_customers(&mut self, partition: i32) {
        let name = self.name(partition);
        let Some(task) = self.tasks.get_mut(&partition) else { return };
        for (tenant, customer) in task.state.processor.take_new_customers() {
            let digest = customer_digest(&tenant, &customer);
            // Others learn of those that are stored.
            task.state.store.note_customer(digest);
            if let Some(home) =
                self.job.home_of(&tenant, &customer).filter(|home| *home != partition)
            {
                let other = TaskName { partition: home, ..name.clone() }.to_string();
                let (tenant, customer) = (tenant.to_string(), customer.to_string());
                self.registry.halt(&name, &Halt::CustomerOfAnotherTask { tenant, customer, other });
                return;
            }
            let claimed = self.registry.claim(&name, [digest]);
            if let Some((other, _)) = claimed.into_iter().next() {
                let (tenant, customer) = (tenant.to_string(), customer.to_string());
                let halt = |other: &TaskName| Halt::CustomerInTwoTasks {
                    tenant: tenant.clone(),
                    customer: customer.clone(),
                    other: other.to_string(),
                };
                self.registry.halt(&name, &halt(&other));
                self.registry.halt(&other, &halt(&name));
                return;
            }
        }
    }

    /// Drops the tasks that this or another worker halted: nothing of their last commit on becomes visible.
    pub(super) fn halt_where_told(&mut self) {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        for partition in partitions {
            let name = self.name(partition);
            self.halt_shared(partition);
            if self.registry.halted(&name).is_some() {
                self.report_and_drop(partition);
                self.tell_halted(partition);
                if let Err(error) = self.source.pause(&[partition]) {
                    tracing::warn!(%error, partition, "a halted partition could not be paused");
                }
            }
        }
        let is_waiting = !self.unstarted.is_empty() || self.stalled.is_any_waiting();
        let is_settled = self.has_joined && self.moving.is_over() && !is_waiting;
        self.registry.settle(&self.options.topics.source, self.options.worker, is_settled);
        if self.tasks.is_empty() && self.registry.is_serving_nothing() {
            self.abort.raise();
        }
    }

    /// Says of a task that it is halted, in each place where that is looked for.
    pub(super) fn tell_halted(&self, partition: i32) {
        let name = self.name(partition);
        let Some(reason) = self.registry.halted(&name) else { return };
        tracing::error!(task = %name, reason, "task halted");
        self.report.halted(partition, &reason);
    }
}
