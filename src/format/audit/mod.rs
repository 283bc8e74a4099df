//! Totals read back and held against the promise that was made of them (rules 7.4 and 7.6): of each key every revision
//! once, one after the other, each upon the value of the one before.
//!
//! `revision` reads one total and holds it against itself, `chain` holds it against the one before it. Neither knows where
//! totals stand: who reads them names a place for each, and gets it back with what is wrong.

mod chain;
mod fault;
mod revision;
#[cfg(test)]
mod tests;

pub use chain::{Audit, AuditCounts, AuditRules};
pub use fault::{AuditFault, AuditKind};
pub use revision::{Revision, RevisionFault};
