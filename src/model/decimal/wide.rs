//! Signed integers of 256 bits, what amounts and long numbers are made of.
//!
//! ```text
//! byte  0 .. 16   low    u128, little endian
//! byte 16 .. 32   high   i128, two's complement
//! ```
//!
//! Sums stand on the hot path and are done here in two halves; products and quotients are rare and
//! left to `bnum`. What a unit is worth is not known here.

use std::cmp::Ordering;

use bnum::cast::As;
use bnum::types::{I256, U256, U512};

use super::rounding::{DIGITS, Rounding, power_of_ten};

/// A signed integer of 256 bits. The derived order is the numeric one: the signed half is compared
/// first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Wide {
    high: i128,
    low: u128,
}

impl Wide {
    /// 0
    pub(super) const ZERO: Wide = Wide { high: 0, low: 0 };

    /// 10^76, the first one that the units of an expression's number cannot reach (rule 3.3).
    const LIMIT: Wide = Wide {
        high: 29_387_358_770_557_187_699_218_413_430_556_141_945,
        low: 158_788_995_957_577_343_786_214_718_011_688_878_080,
    };

    /// The value as an `i128`, where it fits.
    pub(super) fn to_i128(self) -> Option<i128> {
        let low = self.low.cast_signed();
        (self.high == low >> 127).then_some(low)
    }

    /// 10^`exponent`; `None` beyond 76.
    pub(super) fn power_of_ten(exponent: u8) -> Option<Self> {
        let above = exponent.saturating_sub(DIGITS);
        let power = Self::from(power_of_ten(exponent.min(DIGITS))?);
        if above == 0 { Some(power) } else { power.checked_multiply(power_of_ten(above)?) }
    }

    /// Sum.
    pub(super) const fn checked_add(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let (high, is_over) = self.high.overflowing_add(other.high);
        let (high, is_back) = high.overflowing_add(if carry { 1 } else { 0 });
        // The carry can only undo an overflow of the negative side, or make one of the positive
        // side.
        if is_over == is_back { Some(Self { high, low }) } else { None }
    }

    /// Difference.
    pub(super) const fn checked_subtract(self, other: Self) -> Option<Self> {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let (high, is_over) = self.high.overflowing_sub(other.high);
        let (high, is_back) = high.overflowing_sub(if borrow { 1 } else { 0 });
        if is_over == is_back { Some(Self { high, low }) } else { None }
    }

    /// Product.
    pub(super) fn checked_multiply(self, factor: i128) -> Option<Self> {
        if let Some(product) = self.to_i128().and_then(|value| value.checked_mul(factor)) {
            return Some(Self::from(product));
        }
        self.to_bnum().checked_mul(factor.as_()).map(Self::from_bnum)
    }

    /// -1, 0 or 1, as an order against zero.
    pub(super) fn sign(self) -> Ordering {
        self.cmp(&Self::ZERO)
    }

    /// Quotient cut toward zero, and the remainder with the dividend's sign. `divisor` is not 0.
    pub(super) fn divide_remainder(self, divisor: Self) -> (Self, Self) {
        if let (Some(dividend), Some(divisor)) = (self.to_i128(), divisor.to_i128())
            && let Some(quotient) = dividend.checked_div(divisor)
            && let Some(remainder) = dividend.checked_rem(divisor)
        {
            return (Self::from(quotient), Self::from(remainder));
        }
        let (dividend, divisor) = (self.to_bnum(), divisor.to_bnum());
        let quotient =
            dividend.checked_div(divisor).expect("no division by zero, nor of -2^255 by -1");
        let remainder = dividend.wrapping_sub(quotient.wrapping_mul(divisor));
        (Self::from_bnum(quotient), Self::from_bnum(remainder))
    }

    /// Quotient, rounded. `divisor` is greater than 0.
    pub(super) fn divide(self, divisor: Self, rounding: Rounding) -> Self {
        assert!(divisor > Self::ZERO, "a divisor greater than zero, not {divisor:?}");
        let (quotient, remainder) = self.divide_remainder(divisor);
        let rest = if remainder < Self::ZERO { remainder.negate() } else { remainder };
        let half =
            divisor.checked_subtract(rest).map_or(Ordering::Less, |missing| rest.cmp(&missing));
        let step = Self::from(rounding.step(remainder.sign(), half));
        quotient.checked_add(step).expect("a rounded quotient is no greater than its dividend")
    }

    /// `self * factor / divisor`, rounded once, half away from zero; `None` where the result does
    /// not fit.
    ///
    /// The product is held in 512 bits. `divisor` is not 0.
    pub(super) fn multiply_divide(self, factor: Self, divisor: Self) -> Option<Self> {
        let wide = |value: Self| value.to_bnum().unsigned_abs().as_::<U512>();
        let product = wide(self).checked_mul(wide(factor)).expect("255 and 255 bits make 510");
        // Half a divisor more, then cut: that is rounding half away from zero, for odd divisors
        // too.
        let (divisor_magnitude, half) = (wide(divisor), wide(divisor).wrapping_shr(1));
        let magnitude = product.wrapping_add(half).checked_div(divisor_magnitude);
        let magnitude = magnitude.expect("a divisor other than zero");
        if magnitude.leading_zeros() <= U256::BITS {
            return None;
        }
        let magnitude = Self::from_bnum(magnitude.as_::<I256>());
        let negatives =
            [self, factor, divisor].into_iter().filter(|value| *value < Self::ZERO).count();
        Some(if negatives % 2 == 0 { magnitude } else { magnitude.negate() })
    }

    /// `-self`
    pub(super) fn negate(self) -> Self {
        Self::ZERO.checked_subtract(self).expect("a value other than -2^255")
    }

    /// Whether it is 10^76 or more, or -10^76 or less.
    pub(super) fn is_beyond_76_digits(self) -> bool {
        self >= Self::LIMIT || self <= Self::LIMIT.negate()
    }

    /// Whether it has so many digits before its trailing zeros that 38 cannot hold them. A `false`
    /// says nothing.
    ///
    /// 10^n has n factors of two, so a value with t of them is at most c * 10^t. With c below 10^38
    /// < 2^127, that is below 2^(127 + 4t).
    pub(super) const fn is_surely_beyond_38_digits(self) -> bool {
        let high_bits = 128_u32.saturating_sub((self.high ^ (self.high >> 127)).leading_zeros());
        high_bits > self.low.trailing_zeros().saturating_mul(4)
    }

    /// Two's complement, little endian.
    pub(super) const fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (low, high) = bytes.split_at_mut(16);
        low.copy_from_slice(&self.low.to_le_bytes());
        high.copy_from_slice(&self.high.to_le_bytes());
        bytes
    }

    /// Inverse of [`Wide::to_le_bytes`].
    pub(super) fn from_le_bytes(bytes: [u8; 32]) -> Self {
        let (halves, _) = bytes.as_chunks::<16>();
        match halves {
            [low, high] => {
                Self { high: i128::from_le_bytes(*high), low: u128::from_le_bytes(*low) }
            }
            _ => unreachable!("32 bytes are two halves"),
        }
    }

    fn to_bnum(self) -> I256 {
        I256::from_le_bytes(self.to_le_bytes())
    }

    fn from_bnum(value: I256) -> Self {
        Self::from_le_bytes(value.to_le_bytes())
    }
}

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        Self { high: value >> 127, low: value.cast_unsigned() }
    }
}
