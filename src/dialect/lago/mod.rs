//! Lago's billable metrics, of both generations of its API.
//!
//! ```text
//! {"billable_metric":{...}} ─► body: the fields ─► billable_metric, divisions: all faults at once
//!                                                    ├─► native: the same metric natively
//!                                                    └─► answer: what Lago would answer
//! ```
//! Unknown keys are ignored, as Lago does. `evaluation` works an expression out for one event.

mod answer;
mod billable_metric;
mod body;
mod divisions;
mod evaluation;
mod express;
mod native;
#[cfg(test)]
mod tests;

pub use answer::{Identity, error_details};
pub use billable_metric::{Aggregation, BillableMetric, Refusal, Rounding};
pub use body::{BadRequest, fields_of, merged};
pub use divisions::{Branch, Filter, Group};
pub use evaluation::{EvaluationFault, NeedsTime, evaluate};
pub use express::bodies;
