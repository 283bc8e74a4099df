//! How a worker keeps checkpoints: what is published when, what is on its way to the store, and what is being brought back.
//!
//! ```text
//! every interval: cut -> Publish -> Checkpoint (a copy) -> keeper -> Checkpointed -> Deliver      beside folding
//! start:          Restore -> keeper -> the task is begun from what is here
//! ```

use std::time::Duration;

use super::keeper::{Keeper, Restoring};
use super::worker::{Error, POLL_WAIT, Worker};
use crate::checkpoint::{self, Progress};
use crate::daemon::clock::Stopwatch;
use crate::engine::CommitId;
use crate::format::Manifest;

/// How long a partition that the group takes, or the end of the process, waits for what is on its way to the store: whoever
/// goes on does so from there, else from the checkpoint before.
const PUT_WAIT_MAX: Duration = Duration::from_secs(20);
/// How often the log says how far what is brought back is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
const MEBIBYTE: u64 = 1 << 20;

impl Worker {
    /// Publishes what is stored when it is time, and what is in the store of checkpoints by now.
    pub(super) fn go_on_with_checkpoints(&mut self) -> Result<(), Error> {
        let Some(keeper) = self.job.keeper.clone() else { return Ok(()) };
        if self.since_publish.elapsed() >= keeper.interval() {
            self.since_publish = Stopwatch::start();
            self.cut()?;
            self.publish()?;
        }
        self.follow_checkpoints(&keeper)
    }

    fn publish(&mut self) -> Result<(), Error> {
        let took = Stopwatch::start();
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            let outcome =
                task.state.publish().map(|()| task.state.processor.ledger().is_publishing());
            if self.absorb(partition, outcome)? == Some(true) {
                self.since_commit.entry(partition).or_insert(took);
            }
        }
        self.held += took.elapsed();
        Ok(())
    }

    /// Takes what the keeper answers, and gives it what is next.
    fn follow_checkpoints(&mut self, keeper: &Keeper) -> Result<(), Error> {
        let mut failing = Vec::new();
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            let Some(upload) = &mut task.upload else { continue };
            let is_put = upload.go_on(keeper, &mut task.state.copy, self.report.series());
            if upload.is_failing() {
                failing.push(partition);
            }
            if is_put {
                let outcome = task.state.checkpointed();
                self.absorb(partition, outcome)?;
            }
        }
        self.report.unkept(&failing);
        Ok(())
    }

    /// Makes everything visible that was folded, where checkpoints are kept: one that takes too long is left.
    pub(super) fn publish_all(&mut self) -> Result<(), Error> {
        let Some(keeper) = self.job.keeper.clone() else { return Ok(()) };
        self.await_checkpoints(&keeper)?;
        self.finish()?;
        self.cut()?;
        self.publish()?;
        self.await_checkpoints(&keeper)
    }

    fn await_checkpoints(&mut self, keeper: &Keeper) -> Result<(), Error> {
        let began = Stopwatch::start();
        loop {
            self.follow_checkpoints(keeper)?;
            let mut uploads = self.tasks.values().filter_map(|task| task.upload.as_ref());
            let Some(upload) = uploads.find(|upload| upload.is_under_way()) else { return Ok(()) };
            if began.elapsed() >= PUT_WAIT_MAX {
                return Ok(());
            }
            upload.wait(POLL_WAIT);
        }
    }

    /// Begins a task anew, from what is committed by now.
    pub(super) fn begin_again(&mut self, partition: i32) -> Result<(), Error> {
        self.give_up(partition);
        self.source.pause(&[partition])?;
        self.unstarted.insert(partition);
        self.start_pause.begin();
        Ok(())
    }

    /// Notes that a checkpoint is being brought back for a partition; its state is in this worker's hand meanwhile.
    pub(super) fn restore(&mut self, partition: i32, restoring: Restoring) {
        self.restores.insert(partition, (restoring, Stopwatch::start()));
    }

    /// Looks how far what is brought back is. What is here is no longer waited for.
    pub(super) fn look_at_restores(&mut self) {
        let mut told = Vec::new();
        for partition in self.restores.keys().copied().collect::<Vec<_>>() {
            let Some((restoring, since)) = self.restores.get_mut(&partition) else { continue };
            let outcome = restoring.outcome();
            let Progress { bytes, of, near } = restoring.progress();
            let progress = format!("{} of {} MiB", bytes / MEBIBYTE, of.div_ceil(MEBIBYTE));
            if outcome.is_none() {
                if since.elapsed() >= PROGRESS_INTERVAL {
                    *since = Stopwatch::start();
                    tracing::info!(partition, progress, "a checkpoint is being brought back");
                }
                told.push((partition, progress));
                continue;
            }
            self.restores.remove(&partition);
            self.registry.release_unless_halted(&self.name(partition));
            if let Some(Err(error)) = outcome {
                self.put_off_start(partition, &error);
            } else {
                tracing::info!(partition, progress, warm_bytes = near, "a checkpoint is here");
            }
        }
        if !told.is_empty() {
            let partitions: Vec<i32> = told.iter().map(|(partition, _)| *partition).collect();
            let parts = told.iter().map(|(partition, progress)| format!("{partition}: {progress}"));
            let parts = parts.collect::<Vec<_>>().join(", ");
            let reason = format!("their checkpoints are being brought back ({parts})");
            self.report.waits(&partitions, &reason);
        }
    }

    /// A checkpoint cannot be had: another try may help, or none will.
    pub(super) fn put_off_start(&mut self, partition: i32, error: &checkpoint::Error) {
        if !error.is_passing() {
            self.registry.halt_because(&self.name(partition), error.to_string());
            self.tell_halted(partition);
            return;
        }
        self.start_pause.begin();
        let pause_seconds = self.start_pause.seconds();
        tracing::warn!(%error, partition, pause_seconds, "a checkpoint cannot be had; it is asked for again");
        self.report.waits(&[partition], &error.to_string());
    }
}

/// What the engine must know of checkpoints, the newest first.
pub(super) fn facts(manifests: &[Manifest]) -> Vec<crate::engine::Checkpoint> {
    let fact = |manifest: &Manifest| crate::engine::Checkpoint {
        chain: manifest.commits.clone(),
        number: manifest.number,
    };
    manifests.iter().map(fact).collect()
}

/// The checkpoint with that last commit.
pub(super) fn with_last(manifests: Vec<Manifest>, commit: CommitId) -> Option<Manifest> {
    manifests.into_iter().find(|manifest| manifest.last() == commit)
}
