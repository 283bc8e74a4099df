//! The stage that re-keys topics whose records are keyed by anything but the customer (`source.partitioning = "any"`).
//!
//! ```text
//! source topic ─► stage: decode, find the customer's partition ─► internal topic ─► worker ─► task
//!                    └── one Kafka transaction: copies, marks, and the source topic's offsets
//! ```
//! It keeps no state: how far a source partition has come stands in the metadata of its committed offset. In reading order:
//! `setup` (both topics, before there are threads), `plan` (what to do), `stage` (one thread) with `lanes` (its source
//! partitions) and `cut` (its transactions), `unpack` (the other end: what a task reads). Decides nothing about totals.

mod cut;
mod lanes;
mod plan;
mod setup;
mod stage;
mod unpack;

pub(super) use self::plan::Origin;
pub(super) use self::setup::{Stages, stages};
pub(super) use self::stage::{Shared, Stage};
pub(super) use self::unpack::unpack;
