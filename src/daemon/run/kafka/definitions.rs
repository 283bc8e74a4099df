//! How a worker goes by definitions that change while it works.

use std::time::Duration;

use super::worker::{Error, Worker};
use crate::daemon::clock;

/// How long to wait where nothing is to be read yet.
const HELD_PAUSE: Duration = Duration::from_millis(5);

impl Worker {
    /// Has every task go by the newest definitions, each from a commit on. Returns whether anything may be read now.
    pub(super) fn follow_definitions(&mut self) -> Result<bool, Error> {
        if let Some((edition, plan)) = self.plans.newer() {
            self.plan = plan;
            self.cut()?;
            let mut is_taken = true;
            for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
                let failed = self.failed(partition);
                if let Some(task) = self.tasks.get_mut(&partition) {
                    is_taken &= task.state.take_plan(&self.plan).map_err(failed)?;
                }
            }
            if is_taken {
                self.plans.took(edition);
            }
        }
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
