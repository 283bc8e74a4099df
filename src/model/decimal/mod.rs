//! Exact decimals: values, sums and totals with 18 fraction digits, expression numbers with 38
//! (section 3).
//!
//! An event's value is read as a [`Number`], becomes a [`Quantity`], is summed in an [`Amount`]
//! and, where an aggregation divides, leaves as a [`Ratio`]. Nothing here is a float, and nothing
//! here knows what is being counted or how a period is rounded: that is said by the caller.

mod amount;
mod number;
mod quantity;
mod ratio;
mod rounding;
mod text;
mod wide;

#[cfg(test)]
mod tests;

pub use amount::Amount;
pub use number::{Number, NumberError};
pub use quantity::Quantity;
pub use ratio::Ratio;
