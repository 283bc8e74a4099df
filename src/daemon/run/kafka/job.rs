//! What the workers of one source topic are to do: settings in the form in which they are used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::customers::Claims;
use super::keeper::Keeper;
use super::rekey::Origin;
use super::setup;
use crate::daemon::run::state::Common;
use crate::engine::{Binding, StartFrom};
use crate::format::{EventFormat, partition_of_customer};
use crate::model::Span;
use crate::{kafka, store};

/// One source topic's work.
pub(super) struct Job {
    pub(super) common: Common,
    /// `None`: its records are read as they were written.
    pub(super) origin: Option<Origin>,
    pub(super) format: EventFormat,
    /// Tenant of events that name none.
    pub(super) tenant: String,
    /// Id of the cluster.
    pub(super) cluster: String,
    /// How many partitions the source topic had when the process started.
    pub(super) partitions: i32,
    /// How many partitions the totals topic has.
    pub(super) totals_partitions: u32,
    /// Where each task's state has its directory.
    pub(super) state_directory: PathBuf,
    pub(super) store: store::Options,
    /// Puts checkpoints into their store, where there is one.
    pub(super) keeper: Option<Arc<Keeper>>,
    /// Where the customers of its tasks are claimed, for other processes to see.
    pub(super) claims: Option<Claims>,
    pub(super) start_from: Option<StartFrom>,
    pub(super) commit_interval: Duration,
    /// Past how many bytes of outbox a commit comes early.
    pub(super) commit_bytes_max: usize,
    pub(super) idle_timeout: Span,
}

impl Job {
    /// The topic that events were written to, which metrics name.
    pub(super) fn written_to<'j>(&'j self, options: &'j kafka::Options) -> &'j str {
        self.origin.as_ref().map_or(&options.topics.source, |origin| &origin.topic)
    }

    /// What the state of a partition belongs to.
    pub(super) fn binding(&self, options: &kafka::Options, partition: i32) -> Binding {
        Binding {
            cluster: self.cluster.clone(),
            group: options.group.clone(),
            topic: options.topics.source.clone(),
            partition,
            partitions: self.partitions,
        }
    }

    /// The partition that a customer belongs to, where this program chose it.
    pub(super) fn home_of(&self, tenant: &str, customer: &str) -> Option<i32> {
        self.origin.as_ref()?;
        let partitions = self.partitions.unsigned_abs();
        let home = partition_of_customer(tenant, customer, partitions);
        Some(i32::try_from(home).expect("partitions are numbered by i32"))
    }

    /// Where the state of a partition lies.
    pub(super) fn directory(&self, topic: &str, partition: i32) -> PathBuf {
        setup::state_directory(&self.state_directory, topic, partition)
    }
}
