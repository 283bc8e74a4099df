//! How what a worker folded becomes visible: cut, transactions, doubts, the end.
//!
//! ```text
//! cut (Store) -> deliver: one transaction of all tasks -> its courier -> visible -> Trim
//!                   └── in doubt -> Renew -> settle by what is committed -> deliver what is not visible
//! ```

use std::time::Duration;

use super::courier::{Order, Reply, Standing};
use super::task::Task;
use super::worker::{Error, POLL_WAIT, Worker};
use crate::daemon::clock::Stopwatch;
use crate::engine::{Settled, Visible};
use crate::kafka::{Disposition, Membership};
use crate::telemetry::TransactionOutcome;

/// Bytes of entries that one transaction takes of a task.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;
/// How long the end of the process may take, beside a request that is under way. README.md and the help name it.
const ENDING_MAX: Duration = Duration::from_secs(30);

impl Worker {
    /// Cuts a commit of every task that has none under way.
    pub(super) fn cut(&mut self) -> Result<(), Error> {
        let took = Stopwatch::start();
        self.since_cut = Stopwatch::start();
        for partition in self.tasks.keys().copied().collect::<Vec<_>>() {
            let looked = self.registry.looked_of(&self.name(partition));
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            if let Some(looked) = looked {
                task.state.store.note_looked(looked);
            }
            let outcome = task.state.cut().map(|()| task.state.processor.ledger().is_publishing());
            if self.absorb(partition, outcome)? == Some(true) {
                self.since_commit.entry(partition).or_insert(took);
            }
        }
        // Told before the offset is visible: who sees the offset finds its events counted.
        self.report.tell(self.tasks.values());
        self.held += took.elapsed();
        Ok(())
    }

    pub(super) fn is_cut_due(&self) -> bool {
        let bytes = self.job.commit_bytes_max;
        self.since_cut.elapsed() >= self.job.commit_interval
            || self.tasks.values().any(|task| task.state.wants_commit(bytes))
    }

    fn is_any_pending(&self) -> bool {
        self.tasks.values().any(|task| task.state.pending.is_some())
    }

    /// Takes the courier's answer if it is there, and gives it what is to be carried next.
    pub(super) fn follow(&mut self) -> Result<(), Error> {
        let outcome = match self.courier.reply() {
            Some(reply) => self.take_reply(reply),
            None => Ok(()),
        };
        self.put_off(outcome)?;
        if self.pause.is_over() {
            let outcome = self.deliver();
            self.put_off(outcome)?;
        }
        Ok(())
    }

    /// Waits until everything that is stored is visible.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        loop {
            self.deliver()?;
            let Some(reply) = self.await_courier()? else { return Ok(()) };
            self.take_reply(reply)?;
        }
    }

    /// Waits for the courier's answer; `None`: nothing is under way.
    ///
    /// # Errors
    /// The end of the process does not wait for it any longer.
    pub(super) fn await_courier(&mut self) -> Result<Option<Reply>, Error> {
        while self.courier.is_under_way() {
            if let Some(reply) = self.courier.wait(POLL_WAIT) {
                return Ok(Some(reply));
            }
            if self.is_out_of_time() {
                return Err(Error::Undelivered);
            }
        }
        Ok(None)
    }

    /// Whether the end of the process has begun, and has taken as long as it may.
    fn is_out_of_time(&mut self) -> bool {
        if self.stop.is_raised() || self.abort.is_raised() {
            self.ending.get_or_insert_with(Stopwatch::start);
        }
        self.ending.is_some_and(|ending| ending.elapsed() >= ENDING_MAX)
    }

    /// Makes everything visible that was folded.
    pub(super) fn commit_all(&mut self) -> Result<(), Error> {
        self.finish()?;
        self.cut()?;
        self.publish_all()?;
        self.finish()
    }

    fn is_anything_left(&self) -> bool {
        self.tasks.values().any(Task::has_anything_left)
    }

    /// What the broker or the disk may get over is tried again after a pause.
    pub(super) fn put_off(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        match outcome {
            Err(error) if error.is_passing() => {
                self.pause.begin();
                self.report.in_doubt(&format!("in doubt, and to be made again: {error}"));
                tracing::warn!(
                    %error,
                    pause_seconds = self.pause.seconds(),
                    "delivery is in doubt; it is asked about and made again"
                );
                Ok(())
            }
            other => other,
        }
    }

    /// Orders the next transaction of all tasks, or what must come before it.
    fn deliver(&mut self) -> Result<(), Error> {
        if self.courier.is_under_way() {
            return Ok(());
        }
        // Also where the tasks that it was for are another worker's by now.
        if self.standing == Standing::Failed {
            self.courier.send(Order::Renew);
            return Ok(());
        }
        if self.order_claims() {
            return Ok(());
        }
        match self.standing {
            _ if !self.is_any_pending() => {
                self.ask_again();
                return Ok(());
            }
            Standing::Unknown | Standing::Failed => {
                self.courier.send(Order::Renew);
                return Ok(());
            }
            Standing::Renewed => self.settle()?,
            Standing::Settled => {}
        }
        let took = Stopwatch::start();
        let part = |(partition, task): (&i32, &Task)| {
            (*partition, task.delivery(&self.job, TRANSACTION_BYTES_MAX))
        };
        let parts: Vec<_> = self.tasks.iter().map(part).collect();
        let mut deliveries = Vec::new();
        for (partition, delivery) in parts {
            deliveries.extend(self.absorb(partition, delivery)?.flatten());
        }
        // Taken once, when the transaction is cut: never refreshed (a rebalance in between must fence it). None where the
        // tasks are perhaps another's by now, which this worker is told next.
        if let Some(member) = self.source.group_metadata(&self.member)
            && !deliveries.is_empty()
        {
            self.courier.send(Order::Deliver { deliveries, member });
        }
        self.held += took.elapsed();
        Ok(())
    }

    fn take_reply(&mut self, reply: Reply) -> Result<(), Error> {
        match reply {
            Reply::Renewed(outcome) => {
                outcome?;
                self.standing = Standing::Renewed;
                Ok(())
            }
            Reply::Untried(error) => Err(error),
            Reply::Delivered { visible, outcome: Ok(()), arrival } => {
                self.report.transaction(TransactionOutcome::Committed);
                self.pause.end();
                self.take_visible(&visible)?;
                self.take_arrival(arrival)
            }
            Reply::Claimed(outcome) => {
                self.take_claimed(&outcome?);
                Ok(())
            }
            Reply::Asked { arrival } => self.take_arrival(arrival),
            Reply::Delivered { outcome: Err(error), visible: _, arrival: _ } => {
                self.report.transaction(TransactionOutcome::InDoubt);
                self.standing = Standing::Failed;
                self.is_arrival_known = false;
                Err(error.into())
            }
        }
    }

    /// What was committed may be in a topic that was made anew meanwhile, or nowhere. Where that is not told now it is asked
    /// again, or seen before the next transaction or at the next start.
    fn take_arrival(&mut self, arrival: Result<(), Error>) -> Result<(), Error> {
        match arrival {
            Err(Error::Kafka(error)) if error.disposition() != Disposition::Halt => {
                self.is_arrival_known = false;
                self.pause.begin();
                let reason =
                    format!("whether what was sent last has arrived is not known: {error}");
                self.report.in_doubt(&reason);
                tracing::warn!(%error, "whether the last delivery has arrived is asked again");
            }
            other => {
                other?;
                self.is_arrival_known = true;
                self.report.is_certain();
            }
        }
        Ok(())
    }

    /// Nothing is to be delivered: what is still to be asked is where the last delivery went.
    fn ask_again(&mut self) {
        if self.is_arrival_known {
            self.report.is_certain();
        } else if self.pause.is_over() && self.ending.is_none() {
            self.courier.send(Order::Ask);
        }
    }

    fn take_visible(&mut self, visible: &[(i32, Visible)]) -> Result<(), Error> {
        let took = Stopwatch::start();
        for (partition, visible) in visible {
            // A task that was halted meanwhile is not here any more.
            if let Some(task) = self.tasks.get_mut(partition) {
                let outcome = task.delivered(visible);
                self.absorb(*partition, outcome)?;
            }
        }
        self.held += took.elapsed();
        // Tasks need not be in step: of some a commit may always be under way.
        let mut longest = None;
        self.since_commit.retain(|partition, since| {
            let task = self.tasks.get(partition);
            let is_on_its_way =
                task.is_some_and(|task| task.state.processor.ledger().is_publishing());
            if !is_on_its_way {
                longest = longest.max(Some(since.elapsed()));
            }
            is_on_its_way
        });
        if let Some(longest) = longest {
            self.report.committed(longest, std::mem::take(&mut self.held));
        }
        Ok(())
    }

    /// Waits for what is under way and, after a doubt, asks what became of it: then what is committed is final.
    pub(super) fn make_certain(&mut self) -> Result<(), Error> {
        if let Some(reply) = self.await_courier()? {
            // Its failure is a doubt, which is settled here.
            let outcome = self.take_reply(reply);
            self.put_off(outcome)?;
        }
        if matches!(self.standing, Standing::Unknown | Standing::Failed) {
            self.courier.send(Order::Renew);
            if let Some(reply) = self.await_courier()? {
                self.take_reply(reply)?;
            }
        }
        if self.standing == Standing::Renewed {
            self.settle()?;
        }
        Ok(())
    }

    /// After a doubt: what is committed decides what went out, and what went out may have gone nowhere.
    fn settle(&mut self) -> Result<(), Error> {
        self.is_arrival_known = false;
        let partitions: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.state.pending.is_some())
            .map(|(partition, _)| *partition)
            .collect();
        if partitions.is_empty() {
            self.standing = Standing::Settled;
            return Ok(());
        }
        let committed = self.source.committed(&partitions)?;
        for (partition, committed) in partitions.into_iter().zip(committed) {
            let Some(task) = self.tasks.get_mut(&partition) else { continue };
            let outcome = task.settle(committed.as_ref());
            let Some(settled) = self.absorb(partition, outcome)? else { continue };
            let is_visible = settled == Settled::Done;
            tracing::info!(partition, is_visible, "a delivery in doubt is settled");
            if settled == Settled::Lost && self.job.keeper.is_some() {
                tracing::warn!(
                    partition,
                    "another process committed for this partition; it is begun again from the checkpoint"
                );
                self.begin_again(partition)?;
            } else if settled == Settled::Lost {
                let name = self.name(partition);
                self.registry.halt_because(
                    &name,
                    "another process committed for this partition; its state here is behind"
                        .to_owned(),
                );
            }
        }
        self.standing = Standing::Settled;
        self.halt_where_told();
        Ok(())
    }

    /// Reading waits where entries or state pile up because a commit cannot be delivered, and where it is not known what is
    /// defined by now. The group is served meanwhile.
    pub(super) fn hold_back(&mut self) -> Result<(), Error> {
        let limit = self.job.commit_bytes_max.saturating_mul(4);
        let is_stale = self.plans.is_stale();
        for (partition, task) in &mut self.tasks {
            let processor = &task.state.processor;
            let is_full = task.state.pending.is_some()
                && (processor.outbox_bytes() > limit || processor.is_far_past_memory());
            let is_paused = is_full || is_stale;
            if is_paused != task.is_paused {
                task.is_paused = is_paused;
                if is_paused {
                    self.source.pause(&[*partition])?;
                } else {
                    self.source.resume(&[*partition])?;
                }
            }
        }
        Ok(())
    }

    /// Finishes what is folded: stores it and makes it visible.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        self.pause.end();
        // A sibling that found a customer of its own in a task of this worker ends them both.
        self.halt_where_told();
        let mut is_any_left = false;
        loop {
            let outcome = self.commit_all();
            let is_done = outcome.is_ok() && !self.is_anything_left();
            self.put_off(outcome)?;
            if is_done {
                return if is_any_left { Err(Error::Undelivered) } else { Ok(()) };
            }
            if self.is_out_of_time() {
                return Err(Error::Undelivered);
            }
            let _ = self.source.poll(POLL_WAIT);
            while let Some(membership) = self.source.membership() {
                match membership {
                    Membership::Taken { partitions, is_lost } => {
                        if !is_lost && self.source.is_known_as(&self.member) {
                            self.commit_before_taken();
                        }
                        let taken = partitions.iter().filter_map(|one| self.tasks.get(one));
                        is_any_left |= taken.into_iter().any(Task::has_anything_left);
                        self.give_up_all(&partitions);
                        self.forget_stalled(&partitions);
                        self.source.unassign(&partitions)?;
                    }
                    // Nothing is begun any more; what was perhaps another's meanwhile is not gone on with.
                    Membership::Given { member, .. } => {
                        if self.member != member {
                            is_any_left |= self.is_anything_left();
                            self.give_up_all(&self.tasks.keys().copied().collect::<Vec<_>>());
                        }
                        self.take_none()?;
                    }
                }
            }
        }
    }
}
