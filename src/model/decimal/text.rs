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
    #[inline]
    pub(super) fn split_plain(text: &'a str) -> Option<Self> {
        let (token, rest) = Self::split_prefix(text.as_bytes())?;
        rest.is_empty().then_some(token)
    }

    /// Splits the same with an optional exponent, `([eE][+-]?[0-9]+)?`; `None` where the text is
    /// not of that form.
    #[inline]
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let (mut token, rest) = Self::split_prefix(text.as_bytes())?;
        if !rest.is_empty() {
            token.exponent = exponent(rest)?;
        }
        Some(token)
    }

    /// Splits `[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`; `None` where the text is not of that form.
    pub(super) fn split_lenient(text: &'a str) -> Option<Self> {
        let (is_negative, text) = match text.as_bytes() {
            [b'-', text @ ..] => (true, text),
            [b'+', text @ ..] | text => (false, text),
        };
        let (integer, rest) = split_digits(text).unwrap_or((&[], text));
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest).unwrap_or((&[], rest)),
            _ => (&[][..], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = if rest.is_empty() { 0 } else { exponent(rest)? };
        Some(Self { is_negative, integer, fraction, exponent })
    }

    #[inline]
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
    #[inline]
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
        let coefficient = self.signed(i128::from(coefficient));
        let scale = i64::try_from(self.fraction.len()).ok()?.saturating_sub(self.exponent);
        if let Ok(scale) = u8::try_from(scale) {
            return (scale <= DIGITS).then_some((coefficient, scale));
        }
        let zeros = u8::try_from(scale.saturating_neg()).ok()?;
        Some((coefficient.checked_mul(power_of_ten(zeros)?)?, 0))
    }

    /// Integer part, and fraction in 10^-38 units, rounded half away from zero (to 10^38 at most);
    /// `None` where it has more than 38 integer digits even before.
    pub(super) fn to_halves(self) -> Option<(i128, i128)> {
        let digits =
            || self.integer.iter().chain(self.fraction).map(|digit| digit.wrapping_sub(b'0'));
        let Some(zeros) = digits().position(|digit| digit != 0) else {
            return Some((0, 0));
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
            return Some((0, 0));
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
        Some((self.signed(integer), self.signed(fraction.wrapping_add(away))))
    }

    fn signed(self, magnitude: i128) -> i128 {
        if self.is_negative { magnitude.wrapping_neg() } else { magnitude }
    }
}

/// The digits at the start, at least one, and what follows.
#[inline]
fn split_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

/// Reads `[eE][+-]?[0-9]+`, held at 10^18 at most: no text is long enough for its digits to
/// outweigh that.
fn exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'e' | b'E', b'-', digits @ ..] => (true, digits),
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => (false, digits),
        _ => return None,
    };
    let (digits, rest) = split_digits(digits)?;
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    let magnitude = magnitude.min(1_000_000_000_000_000_000);
    rest.is_empty().then_some(if is_negative { magnitude.saturating_neg() } else { magnitude })
}

/// Writes `units` * 10^-`scale` in plain decimal: no exponent, no trailing fraction zeros, no `-0`,
/// no `+`.
pub(super) fn write(f: &mut fmt::Formatter<'_>, units: Wide, scale: u8) -> fmt::Result {
    let one = Wide::from(power_of_ten(scale).expect("a scale of at most 38"));
    let (integer, fraction) = units.divide_remainder(one);
    let (above, below) = integer.divide_remainder(Wide::from(LIMIT));
    if units < Wide::ZERO {
        f.write_str("-")?;
    }
    if above == Wide::ZERO {
        write_padded(f, below, 0)?;
    } else {
        write_padded(f, above, 0)?;
        write_padded(f, below, DIGITS)?;
    }
    if fraction == Wide::ZERO {
        return Ok(());
    }
    let (fraction, width) = trim(fraction.to_i128().expect("a remainder below 10^38"), scale);
    f.write_str(".")?;
    write_padded(f, Wide::from(fraction), width)
}

/// Writes the magnitude of a value of at most 38 digits, with leading zeros up to `width`.
fn write_padded(f: &mut fmt::Formatter<'_>, value: Wide, width: u8) -> fmt::Result {
    let magnitude = value.to_i128().expect("a part of at most 38 digits").unsigned_abs();
    let width = usize::from(width);
    // Printing 64 bits is several times faster than printing 128.
    match u64::try_from(magnitude) {
        Ok(magnitude) => write!(f, "{magnitude:0width$}"),
        Err(_) => write!(f, "{magnitude:0width$}"),
    }
}
