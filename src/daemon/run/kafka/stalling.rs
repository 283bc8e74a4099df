//! What becomes of a task whose state cannot be read or written.
//!
//! Where the disk is full, read-only or failing the task stalls: it is given up in memory, so that nothing of it becomes
//! visible that is not stored, and begun again after a pause from what its state has. Where the state is damaged the task
//! halts. Its siblings go on in both cases.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::pause::Pause;
use super::registry::TaskName;
use super::takeover;
use super::worker::{Error, Worker};
use crate::daemon::clock::Stopwatch;
use crate::engine::Halt;
use crate::store::{self, Disposition};

/// For how long a disk works before its next failure is taken for a new one.
const STEADY: Duration = Duration::from_secs(60);

/// The tasks of a worker that wait for their disk, or did so lately.
#[derive(Default)]
pub(super) struct Stalled(BTreeMap<i32, Stall>);

struct Stall {
    pause: Pause,
    reason: String,
    stage: Stage,
}

/// How far a task has come that waited.
#[derive(Clone, Copy)]
enum Stage {
    /// It is not served.
    Waits,
    /// It is, from a commit of that number on, and has still to show that it can store.
    Begun(u64),
    /// It has stored since then.
    Works(Stopwatch),
}

impl Stall {
    fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waits)
    }
}

impl Stalled {
    /// Those to be begun again now.
    fn due(&self) -> impl Iterator<Item = i32> {
        let is_due = |stall: &Stall| stall.is_waiting() && stall.pause.is_over();
        self.0.iter().filter(move |(_, stall)| is_due(stall)).map(|(partition, _)| *partition)
    }

    /// Whether that one waits.
    pub(super) fn is_waiting(&self, partition: i32) -> bool {
        self.0.get(&partition).is_some_and(Stall::is_waiting)
    }

    /// Whether some wait.
    pub(super) fn is_any_waiting(&self) -> bool {
        self.0.values().any(Stall::is_waiting)
    }
}

impl Worker {
    /// Gives back what was done with a task's state; `None`: it could not be, and the task is not served for now.
    ///
    /// # Errors
    /// What the process was told is not right.
    pub(super) fn absorb<T>(
        &mut self,
        partition: i32,
        outcome: Result<T, store::Error>,
    ) -> Result<Option<T>, Error> {
        let error = match outcome {
            Ok(done) => return Ok(Some(done)),
            Err(error) => error,
        };
        match error.disposition() {
            Disposition::Retry => self.stall(partition, &error),
            Disposition::Damaged => self.halt_damaged(partition, &error),
            Disposition::Halt => {
                return Err(Error::Task(self.name(partition), Box::new(error)));
            }
        }
        Ok(None)
    }

    fn stall(&mut self, partition: i32, error: &store::Error) {
        let reason = error.to_string();
        let is_read = self.tasks.contains_key(&partition) && !self.unstarted.contains(&partition);
        self.unstarted.remove(&partition);
        // The partition is still the worker's, the state nobody's.
        self.give_up(partition);
        self.registry.release_unless_halted(&self.name(partition));
        self.since_commit.remove(&partition);
        let before = self.stalled.0.remove(&partition);
        let is_new = before.as_ref().is_none_or(|stall| matches!(stall.stage, Stage::Works(_)));
        let mut pause = before.map_or_else(Pause::new, |stall| stall.pause);
        pause.begin();
        let pause_seconds = pause.seconds();
        let stall = Stall { pause, reason: reason.clone(), stage: Stage::Waits };
        self.stalled.0.insert(partition, stall);
        self.report.stalled(partition, &reason);
        let task = self.name(partition);
        if is_new {
            tracing::error!(
                %task,
                reason,
                "a task waits for its disk; it is begun again from its state until that works"
            );
        } else {
            tracing::debug!(%task, reason, pause_seconds, "a task still waits for its disk");
        }
        // What is not started yet is paused, or about to be accepted so.
        if is_read && let Err(error) = self.source.pause(&[partition]) {
            tracing::warn!(%error, partition, "a partition that waits could not be paused");
        }
    }

    fn halt_damaged(&mut self, partition: i32, error: &store::Error) {
        let name = self.name(partition);
        let place = self.job.directory(&name.topic, partition);
        let directory = place.display().to_string();
        if self.job.keeper.is_some() {
            let reason = error.damage();
            tracing::error!(task = %name, directory, reason, "a state is damaged; its checkpoint is to replace it");
            match self.replace(partition, &place) {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "a damaged state cannot be set aside"),
            }
        }
        self.registry.halt(&name, &Halt::StateDamaged { directory, reason: error.damage() });
        if self.tasks.contains_key(&partition) {
            self.halt_where_told();
        } else {
            self.tell_halted(partition);
        }
    }

    /// Sets a state aside, and begins its task anew.
    fn replace(&mut self, partition: i32, place: &Path) -> Result<(), takeover::Error> {
        let is_read = self.tasks.contains_key(&partition) && !self.unstarted.contains(&partition);
        self.give_up(partition);
        self.registry.release_unless_halted(&self.name(partition));
        self.since_commit.remove(&partition);
        takeover::set_aside_alone(place)?;
        self.unstarted.insert(partition);
        self.start_pause.begin();
        if is_read && let Err(error) = self.source.pause(&[partition]) {
            tracing::warn!(%error, partition, "a partition that waits could not be paused");
        }
        Ok(())
    }

    /// Has those begun again whose pause is over.
    pub(super) fn retry_stalled(&mut self) {
        let due: Vec<i32> = self.stalled.due().collect();
        self.unstarted.extend(due);
    }

    /// Tasks were started: those that waited for their disk have still to show that they can store.
    pub(super) fn note_begun(&mut self, partitions: &[i32]) {
        for partition in partitions {
            let (stall, task) = (self.stalled.0.get_mut(partition), self.tasks.get(partition));
            if let (Some(stall), Some(task)) = (stall, task) {
                stall.stage = Stage::Begun(task.state.processor.ledger().last().number);
            }
        }
    }

    /// Those that have stored something since they began again, or have nothing to store, wait no more. Their pauses go on
    /// growing until a disk has worked for a while.
    pub(super) fn settle_stalled(&mut self) {
        let (registry, source) = (&self.registry, &self.options.topics.source);
        self.stalled.0.retain(|partition, stall| {
            let task = TaskName { topic: source.clone(), partition: *partition };
            let is_steady = matches!(stall.stage, Stage::Works(since) if since.elapsed() >= STEADY);
            !is_steady && registry.halted(&task).is_none()
        });
        let mut over = Vec::new();
        for (partition, stall) in &mut self.stalled.0 {
            let (Stage::Begun(begun_at), Some(task)) = (stall.stage, self.tasks.get(partition))
            else {
                continue;
            };
            let has_stored = task.state.processor.ledger().last().number > begun_at;
            let is_at_end = task.log_end.is_some_and(|end| task.cursor() >= end);
            if has_stored || (is_at_end && !task.state.has_unstored_events()) {
                stall.stage = Stage::Works(Stopwatch::start());
                over.push(*partition);
            }
        }
        for partition in over {
            self.report.unstalled(partition);
            tracing::info!(task = %self.name(partition), "the disk of a task does its work again");
        }
    }

    /// Partitions that are the worker's no more wait for nothing.
    pub(super) fn forget_stalled(&mut self, partitions: &[i32]) {
        for partition in partitions {
            let stall = self.stalled.0.remove(partition);
            if stall.is_some_and(|stall| !matches!(stall.stage, Stage::Works(_))) {
                self.report.unstalled(*partition);
                self.report.gone(*partition);
            }
        }
    }

    /// A task that waits, and why.
    pub(super) fn first_stalled(&self) -> Option<(TaskName, String)> {
        let mut waiting = self.stalled.0.iter().filter(|(_, stall)| stall.is_waiting());
        waiting.next().map(|(partition, stall)| (self.name(*partition), stall.reason.clone()))
    }
}
