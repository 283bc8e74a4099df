//! What a worker does by the clock: idle partitions, lag, whether its tasks get on. It asks nobody: the broker's answers
//! come from the outlook.

use std::time::Duration;

use super::outlook::Answer;
use super::task::Task;
use super::worker::{Error, Worker};
use crate::engine::{Halt, Input};

/// For how long an offset may stand still while there is something to read, in commits and at least.
const STANDSTILL_COMMITS: u32 = 6;
const STANDSTILL_MIN: Duration = Duration::from_secs(30);

impl Worker {
    /// Takes the outlook's answer; idle partitions follow the clock (rule 7.1).
    pub(super) fn tick(&mut self) -> Result<(), Error> {
        self.outlook.watch(self.options.worker, self.tasks.keys().copied().collect());
        self.check_topic()?;
        let answer = self.outlook.answer();
        if let Some(answer) = &answer {
            self.take_ends(answer)?;
        }
        self.report.tell(self.tasks.values());
        self.tell_progress();
        self.settle_stalled();
        if let Some(jump) = self.clock.jump() {
            tracing::error!(
                seconds = jump.as_secs(),
                "the clock jumped: idle partitions are not closed until the process is restarted"
            );
            return Ok(());
        }
        answer.map_or(Ok(()), |answer| self.close_idle(&answer))
    }

    fn close_idle(&mut self, answer: &Answer) -> Result<(), Error> {
        // What is re-keyed has marks of what is idle: here it may only be late.
        if self.job.origin.is_some() {
            return Ok(());
        }
        let span = self.job.idle_timeout;
        let timeout = Duration::from_micros(u64::try_from(span.micros()).unwrap_or(u64::MAX));
        // By the clock of the question: what was appended since is younger.
        let watermark =
            answer.at.saturating_sub(span).saturating_sub(self.job.common.engine.watermark_delay);
        for (partition, end) in &answer.ends {
            if let Some(task) = self.tasks.get_mut(partition)
                && !self.unstarted.contains(partition)
                && is_idle(task, *end, answer, timeout)
            {
                let outcome = task.state.tell(Input::Idle { watermark });
                self.absorb(*partition, outcome)?;
            }
        }
        Ok(())
    }

    /// Notes how far the logs reach. Where something stands there that is no record, the cursor goes on past it.
    fn take_ends(&mut self, answer: &Answer) -> Result<(), Error> {
        let mut is_any_behind = false;
        for (partition, end) in &answer.ends {
            if let Some(task) = self.tasks.get_mut(partition) {
                task.log_end = Some(*end);
                is_any_behind |= task.is_read && task.cursor() < *end;
            }
        }
        if is_any_behind { self.pass_over() } else { Ok(()) }
    }

    /// Moves cursors past what was handed out and is no record: ends of transactions, and what aborted ones wrote.
    /// To be called when every record that was handed out is folded.
    pub(super) fn pass_over(&mut self) -> Result<(), Error> {
        let positions = match self.source.positions() {
            Ok(positions) => positions,
            Err(error) => {
                tracing::debug!(%error, "how far the client has read is not known");
                return Ok(());
            }
        };
        for (partition, position) in positions {
            if let Some(task) = self.tasks.get_mut(&partition) {
                let outcome = task.pass_over(position);
                self.absorb(partition, outcome)?;
            }
        }
        Ok(())
    }

    fn tell_progress(&mut self) {
        let limit = STANDSTILL_MIN.max(self.job.commit_interval * STANDSTILL_COMMITS);
        for (partition, task) in &mut self.tasks {
            let Some(end) = task.log_end else { continue };
            // Cut only when the commit before it is visible: where it moves, that one moved.
            let stored = task.state.processor.ledger().last().cursor.offset;
            let stands = task.progress.note(stored, end - task.cursor());
            self.report.standstill(*partition, (stands >= limit).then_some((stored, end)));
        }
    }

    fn check_topic(&mut self) -> Result<(), Error> {
        let before = self.job.partitions;
        match self.outlook.partitions()? {
            Some(now) if now != before => {
                let name = self.name(self.tasks.keys().next().copied().unwrap_or(0));
                Err(Error::Halted(name, Halt::PartitionsChanged { before, now }))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether everything in the log was read (up to an `end` beyond which nothing stood, open transactions included, when
/// that was asked), and no record had come for the idle timeout by then.
fn is_idle(task: &Task, end: i64, answer: &Answer, timeout: Duration) -> bool {
    let quiet = task.quiet.elapsed().saturating_sub(answer.asked.elapsed());
    !task.is_paused && task.cursor() == end && quiet >= timeout
}
