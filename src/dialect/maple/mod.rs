//! Maple's billable metrics.
//!
//! ```text
//! {...} ─► billable_metric: all faults at once ─► native: the same metric natively
//!   │        └─► rule ─► condition: the comparator tree as a filter
//!   └─► partial: what a body changes; search: what one asks for
//! ```
//! Little is published of comparators, so they are read widely; what cannot be told is refused, never left out, since a
//! metric that matches more than was meant bills too much. Unknown keys are ignored and named.

mod answer;
mod billable_metric;
mod condition;
mod express;
mod findings;
mod native;
mod partial;
mod rule;
mod search;
#[cfg(test)]
mod tests;

pub use answer::Identity;
pub use billable_metric::{Aggregator, BillableMetric, Read, State};
pub use express::bodies;
pub use partial::merged;
pub use search::{LIMIT, LIMIT_MAX, Mark, Search, SortKey};
