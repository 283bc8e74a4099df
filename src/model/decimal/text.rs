//! Decimals as text: reading number tokens (rules 1.3 and 3.1), writing plain decimals (rule 3.4).
//!
//! It knows digits and exponents, not what range a number must keep to.

use std::fmt;
use std::iter;

use super::rounding::{DIGITS, LIMIT, power_of_ten, trim};
use super::wide::Wide;

/// A decimal as written: `integer.fraction` * 10^`exponent`, both digits only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    is_negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Token<'a> {
    /// Splits `-?[0-9]+(\.[0-9]+)?`; `None` where the text is not of that form.
    pub(super) fn split_plain(text: &'a str) -> Option<Self> {
        let (token, rest) = Self::split_prefix(text.as_bytes())?;
        rest.is_empty().then_some(token)
    }

    /// Splits the same with an optional exponent, `([eE][+-]?[0-9]+)?`; `None` where the text is not of that form.
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let (token, rest) = Self::split_prefix(text.as_bytes())?;
        match rest {
            [] => Some(token),
            [b'e' | b'E', b'-', digits @ ..] => {
                Some(Self { exponent: exponent(digits)?.saturating_neg(), ..token })
            }
            [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => {
                Some(Self { exponent: exponent(digits)?, ..token })
            }
            _ => None,
        }
    }

    fn split_prefix(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_negative, text) = match text {
            [b'-', text @ ..] => (true, text),
            _ => (false, text),
        };
        let (integer, rest) = split_digits(text)?;
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest)?,
            _ => (&[][..], rest),
        };
        Some((Self { is_negative, integer, fraction, exponent: 0 }, rest))
    }

    /// The same decimal as a coefficient and a scale of 0 to 38, where it is as short as most are.
    pub(super) fn to_short(self) -> Option<(i128, u8)> {
        let length = self.integer.len().checked_add(self.fraction.len())?;
        // 19 digits always fit 64 bits.
        if length > 19 {
            return None;
        }
        let digits = self.integer.iter().chain(self.fraction);
        let coefficient = digits.fold(0_u64, |value, digit| {
            value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')))
        });
        let scale = i64::try_from(self.fraction.len()).ok()?.saturating_sub(self.exponent);
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= DIGITS)?;
        Some((self.signed(i128::from(coefficient)), scale))
    }

    /// In 10^-38 units, rounded half away from zero; `None` where it has more than 38 integer digits even before.
    pub(super) fn to_units(self) -> Option<Wide> {
        let digits =
            || self.integer.iter().chain(self.fraction).map(|digit| digit.wrapping_sub(b'0'));
        let Some(zeros) = digits().position(|digit| digit != 0) else {
            return Some(Wide::ZERO);
        };
        // The value is 0.d1d2d3... * 10^point, with d1 not 0.
        let point = i64::try_from(self.integer.len())
            .and_then(|integer| Ok(integer.saturating_sub(i64::try_from(zeros)?)))
            .map_or(i64::MAX, |point| point.saturating_add(self.exponent));
        if point > i64::from(DIGITS) {
            return None;
        }
        // Below 0.1 * 10^-38 nothing can round up to a unit.
        let Some(point) = i8::try_from(point).ok().filter(|point| *point >= -38) else {
            return Some(Wide::ZERO);
        };
        let mut digits = digits().skip(zeros).chain(iter::repeat(0));
        let mut take = |count: u8| {
            digits
                .by_ref()
                .take(usize::from(count))
                .fold(0_i128, |value, digit| value.wrapping_mul(10).wrapping_add(i128::from(digit)))
        };
        let integer = take(u8::try_from(point).unwrap_or(0));
        let leading_zeros = u8::try_from(point.saturating_neg()).unwrap_or(0);
        let fraction = take(DIGITS.saturating_sub(leading_zeros));
        // The first digit cut off decides: from 5 on it is a half or more.
        let away = i128::from(take(1) >= 5);
        let units = Wide::from(self.signed(integer)).checked_multiply(LIMIT)?;
        units.checked_add(Wide::from(self.signed(fraction.wrapping_add(away))))
    }

    fn signed(self, magnitude: i128) -> i128 {
        if self.is_negative { magnitude.wrapping_neg() } else { magnitude }
    }
}

/// The digits at the start, at least one, and what follows.
fn split_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

/// An exponent, held at 10^18 at most: no text is long enough for its digits to outweigh that.
fn exponent(digits: &[u8]) -> Option<i64> {
    let (digits, rest) = split_digits(digits)?;
    let value = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    rest.is_empty().then_some(value.min(1_000_000_000_000_000_000))
}

/// Writes `units` * 10^-`scale` in plain decimal: no exponent, no trailing fraction zeros, no `-0`, no `+`.
pub(super) fn write(f: &mut fmt::Formatter<'_>, units: Wide, scale: u8) -> fmt::Result {
    let one = Wide::from(power_of_ten(scale).expect("a scale of at most 38"));
    let (integer, fraction) = units.divide_remainder(one);
    if units < Wide::ZERO {
        f.write_str("-")?;
    }
    write_integer(f, integer)?;
    let fraction = fraction.to_i128().expect("a remainder below 10^38");
    if fraction == 0 {
        return Ok(());
    }
    let (fraction, width) = trim(fraction, scale);
    write!(f, ".{:0width$}", fraction.unsigned_abs(), width = usize::from(width))
}

fn write_integer(f: &mut fmt::Formatter<'_>, integer: Wide) -> fmt::Result {
    let (above, below) = integer.divide_remainder(Wide::from(LIMIT));
    let above = above.to_i128().expect("256 bits by 10^38 leave 40 digits").unsigned_abs();
    let below = below.to_i128().expect("a remainder below 10^38").unsigned_abs();
    if above == 0 { write!(f, "{below}") } else { write!(f, "{above}{below:038}") }
}
