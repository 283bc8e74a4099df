//! A quotient that has not been rounded yet.
//!
//! Averages and weighted levels carry it to the end, so that one division rounds once.

use super::rounding::{Rounding, power_of_ten};
use super::wide::Wide;
use super::{Amount, Number, NumberError};

/// An exact quotient, not yet rounded: averages and weighted levels divide once, at the end (rule
/// 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// Dividend.
    pub numerator: Amount,
    /// Divisor, greater than 0.
    pub denominator: u64,
}

impl Ratio {
    /// Rounded to 18 fraction digits, half away from zero (rule 3.4).
    ///
    /// # Panics
    /// Where the denominator is 0.
    #[must_use]
    pub fn to_amount(self) -> Amount {
        Amount::from_wide(self.numerator.units().divide(self.divisor(), Rounding::HalfAway))
    }

    /// Rounded to 38 fraction digits, half away from zero (rule 3.3).
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits.
    ///
    /// # Panics
    /// Where the denominator is 0.
    pub fn to_number(self) -> Result<Number, NumberError> {
        let to_number_units = Wide::from(power_of_ten(20).expect("20 is in the table"));
        let units = self.numerator.units().multiply_divide(to_number_units, self.divisor());
        Number::from_units(units.ok_or(NumberError::OutOfRange)?)
    }

    fn divisor(self) -> Wide {
        assert!(self.denominator > 0, "a ratio's denominator is greater than zero");
        Wide::from(i128::from(self.denominator))
    }
}
