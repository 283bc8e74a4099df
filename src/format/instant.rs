//! Instants as events write them: an RFC 3339 text, or a number of some unit since the epoch (rule
//! 1.2).
//!
//! A number is taken digit by digit, never rounded on the way: what is finer than a
//! microsecond is cut off toward minus infinity, at any length and with any exponent.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "digits are counted within one record, exponents are clamped, values have 18 digits"
)]

use std::fmt;

use crate::model::EventTime;

/// Microseconds of an admissible time have no more digits than this (9998-12-31 has 18).
const MICROS_DIGITS_MAX: i64 = 18;

/// In what an input format counts time since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeUnit {
    /// 10^6 microseconds.
    #[default]
    Seconds,
    /// 10^3 microseconds.
    Milliseconds,
    /// The unit of [`EventTime`].
    Microseconds,
    /// 10^-3 microseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// `k` where the unit is 10^k microseconds.
    const fn exponent(self) -> i64 {
        match self {
            TimeUnit::Seconds => 6,
            TimeUnit::Milliseconds => 3,
            TimeUnit::Microseconds => 0,
            TimeUnit::Nanoseconds => -3,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeUnit::Seconds => "seconds",
            TimeUnit::Milliseconds => "milliseconds",
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
        })
    }
}

/// Reads the content of a string: RFC 3339, or a number of the form in rule 3.1.
pub(super) fn of_text(text: &str, unit: TimeUnit) -> Option<EventTime> {
    EventTime::parse_rfc3339(text)
        .or_else(|| if is_numeric(text) { of_number(text, unit) } else { None })
        .filter(|time| time.is_admissible())
}

/// Reads a date and time without an offset, as one of UTC.
pub(super) fn of_zoneless(text: &str) -> Option<EventTime> {
    EventTime::parse_rfc3339(&format!("{text}Z")).filter(|time| time.is_admissible())
}

/// Reads a JSON number token, or a text of the form in rule 3.1. `None` where the instant is not
/// admissible.
pub(super) fn of_number(token: &str, unit: TimeUnit) -> Option<EventTime> {
    let (is_negative, token) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let significant = || whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0');
    let digits = i64::try_from(significant().count()).ok()?;
    if digits == 0 {
        return Some(EventTime::EARLIEST);
    }
    // The value in microseconds is 0.d1d2d3... * 10^places: the first `places` digits are whole.
    let fraction_digits = i64::try_from(fraction.len()).ok()?;
    let places = digits - fraction_digits + clamped(exponent) + unit.exponent();
    if is_negative || places > MICROS_DIGITS_MAX {
        return None;
    }
    let mut micros = 0;
    let mut following = significant().map(|digit| i64::from(digit - b'0'));
    for _ in 0..places {
        micros = micros * 10 + following.next().unwrap_or(0);
    }
    Some(EventTime::from_micros(micros)).filter(|time| time.is_admissible())
}

/// An exponent's value, held within what no record's digits can outweigh.
fn clamped(exponent: &str) -> i64 {
    const BEYOND: i64 = 1 << 40;
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let add = |value: i64, digit: u8| (value * 10 + i64::from(digit - b'0')).min(BEYOND);
    sign * digits.bytes().fold(0, add)
}

/// Whether the text is `-?[0-9]+(\.[0-9]+)?` whole (rule 3.1).
fn is_numeric(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(unsigned),
    }
}
