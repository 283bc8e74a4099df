//! What a worker does when the group gives it partitions or takes them.
//!
//! The group is answered at once. What cannot be started yet, for the broker does not answer or a sibling still has it in
//! hand, is accepted with nothing read of it, and started later: else the group could not take it back meanwhile.

use std::collections::BTreeSet;

use super::takeover::{self, Outcome, Scene};
use super::task::Task;
use super::worker::{Error, Worker};
use crate::kafka::{self, Disposition, Membership};

/// Whether the group is moving partitions that a worker gave up: till then nobody may have them.
#[derive(Default)]
pub(super) struct Moving {
    /// How often it gives partitions, or none, until it is done.
    gifts_left: u32,
}

impl Moving {
    /// Where partitions are taken in order, the client is given what the same round brings, if anything, joins again, and
    /// is given what that brings: only then the others have what was taken. One that lost them just joins again.
    fn taken(&mut self, is_lost: bool) {
        self.gifts_left = if is_lost { 1 } else { 2 };
    }

    fn given(&mut self) {
        self.gifts_left = self.gifts_left.saturating_sub(1);
    }

    pub(super) fn is_over(&self) -> bool {
        self.gifts_left == 0
    }
}

impl Worker {
    /// Answers what the group changed of what this worker owns.
    pub(super) fn change_membership(&mut self) -> Result<(), Error> {
        while let Some(membership) = self.source.membership() {
            self.change(membership)?;
        }
        if std::mem::take(&mut self.is_out_of_range) {
            self.start_again()?;
        }
        self.retry_stalled();
        self.start_waiting()
    }

    /// Which partition's offset is out of its log is not said. A start looks at the bounds of the logs and at the records
    /// before the cursors, asks again where the broker does not answer, and halts what has no way on. What is not stored
    /// yet is left: a log that is another one now was perhaps another one then.
    fn start_again(&mut self) -> Result<(), Error> {
        self.start_all_again("an offset is out of its log, by the broker")?;
        self.start_pause.begin();
        Ok(())
    }

    /// Accepts partitions of which nothing is to be read.
    pub(super) fn take_none(&self) -> Result<(), Error> {
        Ok(self.source.assign(&[])?)
    }

    fn change(&mut self, membership: Membership) -> Result<(), Error> {
        match membership {
            Membership::Given { partitions, member } => {
                if self.member != member {
                    self.member = member;
                    self.begin_anew()?;
                }
                self.take(&partitions)
            }
            Membership::Taken { partitions, is_lost } => {
                tracing::info!(?partitions, is_lost, "partitions taken");
                self.moving.taken(is_lost);
                // The client takes them in order also where the group has given them to others long since.
                let is_lost = is_lost || !self.source.is_known_as(&self.member);
                self.unstarted.retain(|partition| !partitions.contains(partition));
                for partition in &partitions {
                    if self.restores.remove(partition).is_some() {
                        self.registry.release_unless_halted(&self.name(*partition));
                    }
                }
                if is_lost {
                    self.has_joined = false;
                    self.report.lost();
                    self.give_up_all(&partitions);
                }
                self.commit_before_taken();
                self.give_up_all(&partitions);
                self.forget_stalled(&partitions);
                self.source.unassign(&partitions)?;
                Ok(())
            }
        }
    }

    /// The group had taken this worker for gone, and knows it by another id: what it kept may have been another's
    /// meanwhile, of which the client says nothing. What is committed by now tells.
    fn begin_anew(&mut self) -> Result<(), Error> {
        if self.tasks.is_empty() {
            return Ok(());
        }
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        let reason = "the group had taken this member for gone";
        tracing::info!(?partitions, "{reason}: its tasks start again");
        self.start_all_again(reason)
    }

    /// Drops all tasks, to be started by what is committed by then.
    fn start_all_again(&mut self, reason: &str) -> Result<(), Error> {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        self.give_up_all(&partitions);
        // What is under way is of tasks that are no more: it ends before others take their places.
        self.commit_before_taken();
        self.source.pause(&partitions)?;
        self.report.waits(&partitions, reason);
        self.unstarted.extend(partitions);
        Ok(())
    }

    /// What is folded goes out while the group still knows this member; what fails is done by the next owner.
    pub(super) fn commit_before_taken(&mut self) {
        if let Err(error) = self.commit_twice() {
            tracing::warn!(%error, "not everything was committed before a rebalance");
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

    /// Starts the tasks of partitions that the group gave, now or later.
    fn take(&mut self, partitions: &[i32]) -> Result<(), Error> {
        tracing::info!(?partitions, "partitions given");
        self.has_joined = true;
        self.moving.given();
        let Some(starts) = self.try_start(partitions)? else {
            let waiting = partitions.iter().filter(|one| !self.stalled.is_waiting(**one));
            self.unstarted.extend(waiting);
            return self.take_none();
        };
        self.unstarted.extend(self.waiting(partitions));
        if self.unstarted.is_empty() {
            self.report.joined();
        }
        Ok(self.source.assign(&starts)?)
    }

    /// Starts what waits for it, if it is time to try again.
    fn start_waiting(&mut self) -> Result<(), Error> {
        self.look_at_restores();
        if self.unstarted.is_empty() || !self.start_pause.is_over() {
            return Ok(());
        }
        let is_restored = |one: &&i32| !self.restores.contains_key(one);
        let partitions: Vec<i32> = self.unstarted.iter().filter(is_restored).copied().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        let Some(starts) = self.try_start(&partitions)? else { return Ok(()) };
        if !starts.is_empty() {
            self.source.begin(&starts)?;
        }
        self.unstarted = self.waiting(&self.unstarted.iter().copied().collect::<Vec<_>>());
        if self.unstarted.is_empty() {
            self.report.joined();
        }
        Ok(())
    }

    /// Where reading goes on once the tasks are started, but those that are halted. `None`: not now.
    fn try_start(&mut self, partitions: &[i32]) -> Result<Option<Vec<(i32, i64)>>, Error> {
        let mut missing = partitions.to_vec();
        // What an earlier try began stays begun: nothing is read of it before all are there.
        missing.retain(|partition| !self.tasks.contains_key(partition));
        missing.retain(|partition| !self.restores.contains_key(partition));
        // Halted here or by the worker that had it before.
        missing.retain(|partition| self.registry.halted(&self.name(*partition)).is_none());
        // A sibling lost it and has not heard of that yet, or it is this worker that has not: the state is in one hand.
        let (taken, held): (Vec<i32>, Vec<i32>) =
            missing.iter().partition(|partition| self.registry.serve(&self.name(**partition)));
        if !held.is_empty() {
            self.release_unstarted(&taken);
            let reason = format!("another worker has not given the state of {held:?} up yet");
            self.report.waits(partitions, &reason);
            return Ok(None);
        }
        if !missing.is_empty()
            && let Err(error) = self.start_tasks(&missing)
        {
            self.release_unstarted(&missing);
            let error = self.passing(error)?;
            self.start_pause.begin();
            self.report.waits(partitions, &error.to_string());
            let pause_seconds = self.start_pause.seconds();
            if let kafka::Error::Withheld(_) = error {
                tracing::warn!(
                    %error,
                    pause_seconds,
                    "the broker keeps back what a task needs to start; it is asked again"
                );
            } else {
                tracing::warn!(
                    %error,
                    pause_seconds,
                    "the broker does not answer what a task needs to start; it is asked again"
                );
            }
            return Ok(None);
        }
        // A customer of one that was started may be another one's, of which nothing more may become visible.
        self.halt_where_told();
        // A genesis is visible before anything is read: whoever comes next must begin at the same offset.
        if self.is_any_beginning(partitions) {
            self.report.waits(partitions, "where they begin is not committed yet");
        }
        let outcome = self.finish();
        self.put_off(outcome)?;
        if self.is_any_beginning(partitions) {
            self.start_pause.begin();
            return Ok(None);
        }
        if self.waiting(partitions).iter().all(|partition| self.restores.contains_key(partition)) {
            self.start_pause.end();
        }
        self.note_begun(partitions);
        let started = partitions.iter().filter_map(|partition| self.tasks.get(partition));
        Ok(Some(started.map(|task| (task.partition, task.cursor())).collect()))
    }

    /// Which of them are neither served nor halted: their checkpoints are on the way, or cannot be had now.
    fn waiting(&self, partitions: &[i32]) -> BTreeSet<i32> {
        let is_waiting = |partition: &i32| {
            !self.tasks.contains_key(partition)
                && !self.stalled.is_waiting(*partition)
                && self.registry.halted(&self.name(*partition)).is_none()
        };
        partitions.iter().copied().filter(is_waiting).collect()
    }

    fn is_any_beginning(&self, partitions: &[i32]) -> bool {
        partitions.iter().filter_map(|partition| self.tasks.get(partition)).any(Task::is_beginning)
    }

    fn start_tasks(&mut self, partitions: &[i32]) -> Result<(), Error> {
        // Ends what an earlier run of this worker left open, so that the answer is final.
        self.make_certain()?;
        let committed = self.source.committed(partitions)?;
        for (partition, committed) in partitions.iter().copied().zip(committed) {
            let scene = Scene {
                job: &self.job,
                options: &self.options,
                plan: &self.plan,
                source: &self.source,
                registry: &self.registry,
            };
            match takeover::take_over(&scene, partition, committed) {
                Ok(Outcome::Serves(task)) => {
                    self.tasks.insert(partition, *task);
                }
                Ok(Outcome::Halted(halt)) if halt.is_for_all() => {
                    return Err(Error::Halted(self.name(partition), halt));
                }
                Ok(Outcome::Halted(halt)) => {
                    self.registry.halt(&self.name(partition), &halt);
                    self.tell_halted(partition);
                }
                Ok(Outcome::Restoring(restoring)) => self.restore(partition, restoring),
                Err(takeover::Error::Checkpoint(error)) => {
                    self.registry.release_unless_halted(&self.name(partition));
                    self.put_off_start(partition, &error);
                }
                Err(takeover::Error::Kafka(error)) => return Err(Error::Kafka(error)),
                Err(takeover::Error::Store(error)) => {
                    self.absorb(partition, Err::<(), _>(error))?;
                }
                Err(error) => return Err(Error::Task(self.name(partition), Box::new(error))),
            }
        }
        Ok(())
    }

    fn release_unstarted(&self, partitions: &[i32]) {
        for partition in partitions {
            if !self.tasks.contains_key(partition) && !self.restores.contains_key(partition) {
                self.registry.release_unless_halted(&self.name(*partition));
            }
        }
    }

    /// Gives an error of a start back where asking again may help; else it is the end.
    fn passing(&self, error: Error) -> Result<kafka::Error, Error> {
        let Error::Kafka(error) = error else { return Err(error) };
        if error.disposition() == Disposition::Halt {
            return Err(error.into());
        }
        // A broker that has just come back may know a topic a little later; one that is gone stays unknown.
        if error.is_topic_unknown()
            && let Err(error) = self.source.partitions()
            && error.disposition() == Disposition::Halt
        {
            return Err(error.into());
        }
        Ok(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_are_taken_move_until_the_group_has_been_joined_again() {
        let mut moving = Moving::default();
        assert!(moving.is_over());
        moving.given();
        assert!(moving.is_over(), "nothing was taken");
        moving.taken(false);
        moving.given();
        assert!(!moving.is_over(), "the others are not given them in the same round");
        moving.given();
        assert!(moving.is_over());
        moving.taken(false);
        moving.taken(true);
        assert!(!moving.is_over());
        moving.given();
        assert!(moving.is_over(), "what is lost the others have");
    }
}
