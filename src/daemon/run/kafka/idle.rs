//! What a worker does by the clock: idle partitions, the topic's bounds and partitions.

use std::rc::Rc;
use std::time::Duration;

use super::worker::{Error, Worker};
use crate::daemon::clock::{self, Stopwatch};
use crate::engine::{Halt, Input};
use crate::kafka::Disposition;

const TOPIC_CHECK_INTERVAL: Duration = Duration::from_secs(10);

impl Worker {
    /// Idle partitions follow the clock (rule 7.1); the topic is looked at from time to time.
    pub(super) fn tick(&mut self) -> Result<(), Error> {
        self.report.tell(self.tasks.values());
        if let Some(jump) = self.clock.jump() {
            tracing::error!(
                seconds = jump.as_secs(),
                "the clock jumped: idle partitions are not closed until the process is restarted"
            );
            return Ok(());
        }
        let timeout = self.job.idle_timeout;
        let watermark = clock::now()
            .saturating_sub(timeout)
            .saturating_sub(self.job.common.engine.watermark_delay);
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            if self.is_idle(partition, timeout) {
                let failed = self.failed(partition);
                if let Some(task) = self.tasks.get_mut(&partition) {
                    task.state.tell(Input::Idle { watermark }).map_err(failed)?;
                }
            }
        }
        if self.since_check.elapsed() >= TOPIC_CHECK_INTERVAL {
            self.since_check = Stopwatch::start();
            self.look_at_ends();
            self.check_topic()?;
        }
        Ok(())
    }

    /// Whether a partition has been read to its end, and nothing was added to it, for the idle timeout.
    fn is_idle(&mut self, partition: i32, timeout: crate::model::Span) -> bool {
        let source = Rc::clone(&self.source);
        let Some(task) = self.tasks.get_mut(&partition) else { return false };
        let timeout = Duration::from_micros(u64::try_from(timeout.micros()).unwrap_or(u64::MAX));
        if !task.is_at_end || task.is_paused || task.quiet.elapsed() < timeout {
            return false;
        }
        let Ok((_, end)) = source.log_bounds(partition) else { return false };
        match task.end_seen {
            Some(seen) if seen == end => true,
            Some(_) => {
                task.is_at_end = false;
                task.end_seen = None;
                false
            }
            None => {
                task.end_seen = Some(end);
                false
            }
        }
    }

    /// How far the log reaches: for the lag, never for a decision.
    fn look_at_ends(&mut self) {
        let source = Rc::clone(&self.source);
        for (partition, task) in &mut self.tasks {
            let Ok((_, end)) = source.log_bounds(*partition) else { return };
            task.log_end = Some(end);
        }
    }

    fn check_topic(&mut self) -> Result<(), Error> {
        match self.source.partitions() {
            Ok(now) if now != self.job.partitions => {
                let name = self.name(self.tasks.keys().next().copied().unwrap_or(0));
                let before = self.job.partitions;
                Err(Error::Halted(name, Halt::PartitionsChanged { before, now }))
            }
            Err(error) if error.disposition() == Disposition::Halt => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
