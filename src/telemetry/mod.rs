//! Layer 5, what operators watch: `catalogue` names everything that Prometheus reads, `series` keeps it, `log` the log's set-up.
//!
//! Nothing here decides when something is counted or said.

pub mod catalogue;
mod labels;
pub mod log;
pub mod series;
#[cfg(test)]
mod tests;

pub use labels::{ReloadOutcome, TaskFigures, TaskLabel, TaskState, TransactionOutcome};
pub use log::LogFormat;
pub use series::Series;
