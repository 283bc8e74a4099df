//! An event's value, as it is folded: small enough for one `i128`.
//!
//! It only says what such a value may be; it is made from a [`super::Number`] and summed in a
//! [`super::Amount`].

use super::rounding::LIMIT;

/// An event's value: 18 fraction digits, at most 20 integer digits (rule 3.2): an `i128` of 10^-18
/// units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quantity(i128);

impl Quantity {
    /// 0
    pub const ZERO: Quantity = Quantity(0);

    /// From 10^-18 units; `None` beyond 38 digits.
    #[must_use]
    pub const fn from_units(units: i128) -> Option<Self> {
        if -LIMIT < units && units < LIMIT { Some(Self(units)) } else { None }
    }

    /// In 10^-18 units.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }
}
