//! A share of records, read exactly: `0.01` and `1%` are the same one.

use std::fmt;
use std::str::FromStr;

/// A part of the whole, in billionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share(u64);

impl Share {
    /// All of it.
    pub(super) const WHOLE: Share = Share(1_000_000_000);

    /// In billionths of the whole.
    pub(super) fn billionths(self) -> u64 {
        self.0
    }
}

/// Why a text is no share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareError;

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a share from 0 to 1 such as 0.01, or from 0% to 100% such as 1%")
    }
}

impl std::error::Error for ShareError {}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let (number, parts) = match text.strip_suffix('%') {
            Some(number) => (number, 100),
            None => (text, 1),
        };
        let billionths = billionths(number).ok_or(ShareError)?;
        // What is finer than a billionth is cut off.
        let share = Share(billionths / parts);
        if share.0 <= Share::WHOLE.0 { Ok(share) } else { Err(ShareError) }
    }
}

/// A decimal of at most three digits before the point, and nine after it.
fn billionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() > 3 || fraction.len() > 9 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * Share::WHOLE.0 + fraction)
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn a_share_is_a_decimal_or_percents() {
        for (text, billionths) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("100%", 1_000_000_000),
            ("0.01", 10_000_000),
            ("1%", 10_000_000),
            ("0.5%", 5_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(text.parse::<Share>().map(Share::billionths), Ok(billionths), "{text}");
        }
        for text in ["", "%", "-1", "1.1", "101%", ".5", "5.", "1e-3", "0.0000000001", "NaN", "1 %"]
        {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
