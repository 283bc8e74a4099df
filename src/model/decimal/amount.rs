//! Sums and totals: wide enough that no sum of values can leave it.
//!
//! Adding stands on the path of every event; rounding and printing come once a period.

use std::fmt;
use std::iter;

use super::rounding::Rounding;
use super::wide::Wide;
use super::{Number, NumberError, Quantity, text};

/// Fraction digits of an amount (rule 3.4).
const SCALE: u8 = 18;

/// 10^18, the units of 1.
const ONE: i128 = 10_i128.pow(18);

/// A sum or a total: 18 fraction digits in 256 bits of 10^-18 units. It holds the sum of 2^64
/// values of 20 integer digits each with room to spare; running over would be a broken invariant,
/// and panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Amount(Wide);

impl Amount {
    /// 0
    pub const ZERO: Amount = Amount(Wide::ZERO);

    /// A whole number.
    #[must_use]
    pub fn from_integer(value: u64) -> Self {
        Self(Wide::from(i128::from(value).wrapping_mul(ONE)))
    }

    /// Sum.
    ///
    /// # Panics
    /// Where it needs more than 256 bits.
    #[must_use]
    #[inline]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("a sum of amounts fits 256 bits"))
    }

    /// Difference.
    ///
    /// # Panics
    /// Where it needs more than 256 bits.
    #[must_use]
    #[inline]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.checked_subtract(other.0).expect("a difference of amounts fits 256 bits"))
    }

    /// Product with a whole number (a length in microseconds, a number of days).
    ///
    /// # Panics
    /// Where it needs more than 256 bits.
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        let product = self.0.checked_multiply(i128::from(factor));
        Self(product.expect("a multiple of an amount fits 256 bits"))
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether it is less than 0.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self < Self::ZERO
    }

    /// As an expression's number, exact.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits.
    pub fn to_number(self) -> Result<Number, NumberError> {
        Number::from_decimal(self.0, SCALE)
    }

    /// Half away from zero to `precision` fraction digits, -18 to 18 (rule 3.5).
    ///
    /// # Panics
    /// Where `precision` is beyond that, or the result needs more than 256 bits.
    #[must_use]
    pub fn round(self, precision: i8) -> Self {
        self.rounded(precision, Rounding::HalfAway)
    }

    /// To plus infinity, to `precision` fraction digits, -18 to 18 (rule 3.5).
    ///
    /// # Panics
    /// Where `precision` is beyond that, or the result needs more than 256 bits.
    #[must_use]
    pub fn ceil(self, precision: i8) -> Self {
        self.rounded(precision, Rounding::Ceil)
    }

    /// To minus infinity, to `precision` fraction digits, -18 to 18 (rule 3.5).
    ///
    /// # Panics
    /// Where `precision` is beyond that, or the result needs more than 256 bits.
    #[must_use]
    pub fn floor(self, precision: i8) -> Self {
        self.rounded(precision, Rounding::Floor)
    }

    fn rounded(self, precision: i8, rounding: Rounding) -> Self {
        assert!((-18..=18).contains(&precision), "a precision from -18 to 18, not {precision}");
        let dropped = 18_i8.saturating_sub(precision).unsigned_abs();
        let step = super::rounding::power_of_ten(dropped).expect("0 to 36 digits are dropped");
        let product = self.0.divide(Wide::from(step), rounding).checked_multiply(step);
        Self(product.expect("a rounded amount fits 256 bits"))
    }

    /// Inverse of its text (rule 3.4); `None` for any other text, also one that says the same number in another way, and
    /// for more than 58 digits before the point, which no total has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let zeros = usize::from(SCALE).checked_sub(fraction.len())?;
        let digits = integer.bytes().chain(fraction.bytes());
        let units =
            digits.chain(iter::repeat_n(b'0', zeros)).try_fold(Wide::ZERO, |units, digit| {
                let digit = char::from(digit).to_digit(10)?;
                let units =
                    units.checked_multiply(10)?.checked_add(Wide::from(i128::from(digit)))?;
                (!units.is_beyond_76_digits()).then_some(units)
            })?;
        let amount = Self(if text.starts_with('-') { units.negate() } else { units });
        (amount.to_string() == text).then_some(amount)
    }

    /// Two's complement, little endian, 32 bytes.
    #[must_use]
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// Inverse of [`Amount::to_le_bytes`].
    #[must_use]
    pub fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(Wide::from_le_bytes(bytes))
    }

    /// In 10^-18 units.
    pub(super) const fn units(self) -> Wide {
        self.0
    }

    /// From 10^-18 units.
    pub(super) const fn from_wide(units: Wide) -> Self {
        Self(units)
    }
}

impl From<Quantity> for Amount {
    #[inline]
    fn from(value: Quantity) -> Self {
        Self(Wide::from(value.units()))
    }
}

/// Plain decimal by rule 3.4: no exponent, no trailing fraction zeros, no `-0`, no `+`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, self.0, SCALE)
    }
}
