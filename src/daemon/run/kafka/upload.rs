//! What a task has in the store of checkpoints: the one that is being put, and the one that is visible.

use std::time::Duration;

use crossbeam_channel::{Receiver, Select, TryRecvError};

use super::keeper::{Keeper, PutAnswer};
use super::pause::Pause;
use crate::checkpoint::Base;
use crate::daemon::clock::Stopwatch;
use crate::daemon::run::copy::Copy;
use crate::daemon::run::state::random;
use crate::engine::{Binding, CommitId};
use crate::format::Manifest;
use crate::telemetry::Series;

/// The checkpoints of one task, as this process puts them.
pub(super) struct Upload {
    binding: Binding,
    /// What the store is known to have; it goes along with what is put.
    base: Option<Base>,
    under_way: Option<Receiver<PutAnswer>>,
    /// What could not be put, and is to be put again.
    failed: Option<Copy>,
    pause: Pause,
    last: Option<Manifest>,
    visible: Option<Manifest>,
    since_collect: Stopwatch,
}

impl Upload {
    /// Nothing is on its way. `visible`: the commit that the committed offset names.
    pub(super) fn new(binding: Binding, visible: Option<CommitId>) -> Self {
        Upload {
            binding,
            base: Some(Base::new(random(), visible)),
            under_way: None,
            failed: None,
            pause: Pause::new(),
            last: None,
            visible: None,
            since_collect: Stopwatch::start(),
        }
    }

    /// Whether one is on its way.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Waits for the answer, but no longer than that.
    pub(super) fn wait(&self, limit: Duration) {
        let mut select = Select::new();
        if let Some(answer) = &self.under_way {
            select.recv(answer);
            let _ = select.ready_timeout(limit);
        }
    }

    /// Whether one could not be put, and why not is being waited out.
    pub(super) fn is_failing(&self) -> bool {
        self.failed.is_some()
    }

    /// The commit is visible: what was replaced by its checkpoint may go.
    pub(super) fn delivered(&mut self, commit: CommitId) {
        if self.last.as_ref().is_some_and(|last| last.last() == commit) {
            self.visible = self.last.take();
        }
    }

    /// Takes the answer, if it is there, and gives the keeper what is next. Returns whether a checkpoint is durable now.
    pub(super) fn go_on(
        &mut self,
        keeper: &Keeper,
        copy: &mut Option<Copy>,
        series: &Series,
    ) -> bool {
        let is_put = self.take_answer(series);
        if self.under_way.is_none()
            && let Some(copy) = self.next(copy)
        {
            let base = self.base.take().expect("it comes back with each answer");
            let is_time = self.since_collect.elapsed() >= keeper.collect_interval();
            let visible = if is_time { self.visible.take() } else { None };
            if visible.is_some() {
                self.since_collect = Stopwatch::start();
            }
            let binding = self.binding.clone();
            self.under_way = Some(keeper.put(copy, base, binding, visible));
        }
        is_put
    }

    fn next(&mut self, copy: &mut Option<Copy>) -> Option<Copy> {
        if !self.pause.is_over() {
            return None;
        }
        self.failed.take().or_else(|| copy.take())
    }

    fn take_answer(&mut self, series: &Series) -> bool {
        let answer = match self.under_way.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return false,
            Some(Err(TryRecvError::Disconnected)) => panic!("a keeper answers every order"),
            Some(Ok(answer)) => answer,
        };
        self.under_way = None;
        self.base = Some(answer.base);
        match answer.outcome {
            Ok(put) => {
                series.observe_checkpoint(answer.took);
                self.pause.end();
                tracing::debug!(
                    partition = self.binding.partition,
                    number = put.manifest.number,
                    bytes_sent = put.bytes_sent,
                    "checkpoint put"
                );
                self.last = Some(put.manifest);
                true
            }
            Err((error, copy)) => {
                self.pause.begin();
                tracing::warn!(
                    %error,
                    partition = self.binding.partition,
                    pause_seconds = self.pause.seconds(),
                    "a checkpoint cannot be put; it is tried again, and totals wait for it"
                );
                self.failed = Some(copy);
                false
            }
        }
    }
}
