//! What a worker does when the group gives it partitions or takes them.

use super::pause::Pause;
use super::takeover::{self, Outcome};
use super::worker::{Error, POLL_WAIT, Worker};
use crate::kafka::{Disposition, Membership};

impl Worker {
    /// Answers what the group changed of what this worker owns.
    pub(super) fn change_membership(&mut self) -> Result<(), Error> {
        while let Some(membership) = self.source.membership() {
            if let Membership::Given(partitions) = &membership
                && partitions
                    .iter()
                    .any(|partition| self.registry.is_served(&self.name(*partition)))
            {
                // A sibling lost it and has not heard of that yet: it has its state in hand until then.
                if self.source.is_membership_waiting() {
                    // Taken again already: nothing of it is read in between.
                    self.take_none(partitions)?;
                    continue;
                }
                self.source.put_back(membership);
                return Ok(());
            }
            self.change(membership)?;
        }
        Ok(())
    }

    /// Accepts partitions of which nothing is to be read.
    pub(super) fn take_none(&self, partitions: &[i32]) -> Result<(), Error> {
        let starts: Vec<(i32, i64)> = partitions.iter().map(|partition| (*partition, 0)).collect();
        self.source.assign(&starts)?;
        Ok(self.source.pause(partitions)?)
    }

    fn change(&mut self, membership: Membership) -> Result<(), Error> {
        match membership {
            Membership::Given(partitions) => self.take(&partitions),
            Membership::Taken { partitions, is_lost } => {
                tracing::info!(?partitions, is_lost, "partitions taken");
                if is_lost {
                    self.report.lost();
                    self.give_up_all(&partitions);
                }
                // What is folded goes out while the group still knows this member; what fails is done by the next owner.
                if let Err(error) = self.commit_twice() {
                    tracing::warn!(%error, "not everything was committed before a rebalance");
                }
                self.give_up_all(&partitions);
                self.source.unassign(&partitions)?;
                Ok(())
            }
        }
    }

    /// What was under way when the group changed is fenced, and goes out at the second try.
    fn commit_twice(&mut self) -> Result<(), Error> {
        match self.commit_all() {
            Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                tracing::info!(%error, "a delivery was overtaken by a rebalance; it is made again");
                self.commit_all()
            }
            other => other,
        }
    }

    pub(super) fn give_up_all(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.give_up(*partition);
        }
    }

    /// Starts the tasks of partitions that the group gave.
    fn take(&mut self, partitions: &[i32]) -> Result<(), Error> {
        tracing::info!(?partitions, "partitions given");
        if partitions.is_empty() {
            self.report.joined();
            return Ok(self.source.assign(&[])?);
        }
        let mut pause = Pause::new();
        let committed = loop {
            let asked = self.ask_committed(partitions);
            match asked {
                Ok(committed) => break committed,
                Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                    pause.begin();
                    tracing::warn!(%error, pause_seconds = pause.seconds(), "asking again");
                    self.wait(&pause);
                }
                Err(error) => return Err(error),
            }
            if self.stop.is_raised() || self.abort.is_raised() {
                self.source.put_back(Membership::Given(partitions.to_vec()));
                return Ok(());
            }
        };
        let mut starts = Vec::new();
        for (partition, committed) in partitions.iter().copied().zip(committed) {
            let outcome = takeover::take_over(
                &self.job,
                &self.options,
                &self.source,
                &self.registry,
                partition,
                committed,
            );
            match outcome {
                Ok(Outcome::Serves(task)) => {
                    starts.push((partition, task.cursor()));
                    self.registry.serve(&self.name(partition));
                    self.tasks.insert(partition, *task);
                }
                Ok(Outcome::Halted(halt)) => return Err(Error::Halted(self.name(partition), halt)),
                Err(error) => return Err(Error::Task(self.name(partition), Box::new(error))),
            }
        }
        // A genesis is visible before anything is read.
        let outcome = self.finish();
        self.put_off(outcome)?;
        self.report.joined();
        Ok(self.source.assign(&starts)?)
    }

    fn ask_committed(
        &mut self,
        partitions: &[i32],
    ) -> Result<Vec<Option<crate::engine::Committed>>, Error> {
        // Ends what an earlier run of this worker left open, so that the answer is final.
        self.make_certain()?;
        Ok(self.source.committed(partitions)?)
    }

    fn wait(&self, pause: &Pause) {
        while !pause.is_over() && !self.stop.is_raised() && !self.abort.is_raised() {
            // Not a sleep: the group is served meanwhile. Records cannot come, for nothing is assigned yet.
            let _ = self.source.poll(POLL_WAIT);
        }
    }
}
