//! Maple's billable metrics.
//!
//! ```text
//! {...} ─► billable_metric: all faults at once ─► native: the same metric natively
//!            └─► rule ─► comparison, operator: the comparator tree as a filter
//! ```
//! Little is published of comparators, so they are read widely; what cannot be told is refused, never left out, since a
//! metric that matches more than was meant bills too much. Unknown keys are ignored and named.

mod answer;
mod billable_metric;
mod comparison;
mod condition;
mod native;
mod operator;
mod rule;
#[cfg(test)]
mod tests;

pub use answer::Identity;
pub use billable_metric::{Aggregator, BillableMetric, Read, State, merged};
