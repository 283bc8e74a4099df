//! Layer 3, every byte that enters, leaves or outlives the process.
//!
//! In the order in which an event meets them: `lines` cuts a file into records, `json` reads a
//! record's text, `event` and `instant` find the event in it; `total`, `partition`, `reject` (read back by `refusal`) and
//! `summary` write what leaves, `outgoing` gives it its final form, `audit` reads totals back and holds revisions against
//! each other, `usage` shows what has not left yet, `evaluation` says what an expression of Lago's gives. `definitions` reads definition
//! files (`wording` and `toml` have what all files that people write need), `state` is the store's bytes,
//! `checkpoint` says which files of a state are kept elsewhere, `metadata` is a committed offset's, `rekeyed` carries events of a topic that is keyed by anything to their customers' partitions. All of it is pure: bytes in, values out, or the other way round.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod audit;
mod checkpoint;
mod claim;
pub mod definitions;
mod evaluation;
mod event;
mod instant;
mod json;
mod lines;
mod metadata;
mod outgoing;
mod partition;
mod refusal;
mod reject;
pub mod rekeyed;
pub mod state;
mod summary;
#[cfg(test)]
mod tests;
pub mod toml;
mod total;
mod usage;
pub mod wording;

pub use audit::{Audit, AuditCounts, AuditFault, AuditKind, AuditRules, Revision, RevisionFault};
pub use checkpoint::{KeptFile, Manifest, NoManifest};
pub use claim::{Claim, ClaimFault, claim_scope};
pub use evaluation::evaluate_expression;
pub use event::{
    EventFormat, Fault, FieldPath, Found, Identity, Layout, Origin, Preset, RECORD_BYTES_MAX,
    TimeForm, customer_of, decode, event_of, events_of, parse,
};
pub use instant::TimeUnit;
pub use json::{JsonError, JsonFault, LEVELS_MAX, scan};
pub use lines::{Line, LineSplitter, Lines};
pub use metadata::{decode_metadata, encode_metadata};
pub use outgoing::{Encoder, Outgoing, OutgoingKind, Place};
pub use partition::partition_of_customer;
pub use refusal::{Original, Refusal, RefusalFault, RefusedAt};
pub use reject::{RejectSource, RejectedRecord, reject_body};
pub use summary::{RejectCounts, Summary};
pub use total::{
    MetricNames, TOTAL_COLUMNS, TotalRecord, TotalSource, csv_line, kind_name, total_row,
};
pub use usage::{Missing, Unanswered, UsageCursor, UsagePage, UsagePart, UsageTask};
