//! Layer 0, the words: instants, periods, exact numbers, events, totals, rejects.
//!
//! Everything here is a value. It knows nothing of metrics, state, bytes on a wire, or clocks.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod decimal;
mod event;
mod json;
mod period;
mod reject;
mod time;
mod total;

pub use decimal::{Amount, Number, NumberError, Quantity, Ratio};
pub use event::{Event, SourcePosition};
pub use json::{Document, Node, NodeKind, Object, Value};
pub use period::Period;
pub use reject::{Disposition, Reject, RejectReason};
pub use time::{EventTime, Span};
pub use total::{GroupValue, PeriodTotal, Provenance, TotalKind};
