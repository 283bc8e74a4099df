//! Exact arithmetic of the oracle: big rationals, the three roundings, and decimal texts (section 3 of the rules).
//!
//! Nothing of `model::decimal` is used here: what the product works out in fixed-point decimals is
//! worked out once more in fractions of unlimited size.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use odometer::model::Number;

/// An exact number.
pub type Exact = BigRational;

/// Fraction digits of values and totals (rules 3.2, 3.4).
pub const TOTAL_DIGITS: i32 = 18;

/// Fraction digits inside expressions (rule 3.3).
pub const STEP_DIGITS: i32 = 38;

/// Integer digits of an event's value (rule 3.2).
const VALUE_INTEGER_DIGITS: i32 = 20;

/// Integer digits inside expressions (rule 3.3).
const STEP_INTEGER_DIGITS: i32 = 38;

/// 0
pub fn zero() -> Exact {
    Exact::zero()
}

/// A whole number.
pub fn whole(value: impl Into<BigInt>) -> Exact {
    Exact::from_integer(value.into())
}

/// `10^digits`, also for negative digits.
pub fn power_of_ten(digits: i32) -> Exact {
    let power = whole(BigInt::from(10).pow(digits.unsigned_abs()));
    if digits < 0 { power.recip() } else { power }
}

/// Half away from zero to so many fraction digits.
pub fn round_half(number: &Exact, digits: i32) -> Exact {
    let scale = power_of_ten(digits);
    (number * &scale).round() / scale
}

/// To plus infinity.
pub fn round_up(number: &Exact, digits: i32) -> Exact {
    let scale = power_of_ten(digits);
    (number * &scale).ceil() / scale
}

/// To minus infinity.
pub fn round_down(number: &Exact, digits: i32) -> Exact {
    let scale = power_of_ten(digits);
    (number * &scale).floor() / scale
}

/// Reads `-?[0-9]+(\.[0-9]+)?` whole (rule 3.1), however long: fractions of a million digits would be reduced for
/// minutes. Fraction digits past the 39th are cut off, for no half at 38 digits or fewer depends on them; a whole
/// part of more than 38 digits stands as 10^38, which is beyond every range.
pub fn parse_plain(text: &str) -> Option<Exact> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (integer, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if integer.is_empty() || !is_digits(integer) || !is_digits(fraction) {
        return None;
    }
    let integer = integer.trim_start_matches('0');
    let magnitude = if integer.len() > 38 {
        power_of_ten(STEP_INTEGER_DIGITS)
    } else {
        let fraction = &fraction[..fraction.len().min(39)];
        let units: BigInt = format!("0{integer}{fraction}").parse().expect("all are digits");
        let places = i32::try_from(fraction.len()).expect("39 at most");
        whole(units) * power_of_ten(-places)
    };
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Plain decimal by rule 3.4. The number has at most 38 fraction digits.
pub fn plain_text(number: &Exact) -> String {
    let units = (number * power_of_ten(STEP_DIGITS)).to_integer();
    let digits = format!("{:0>39}", units.abs().to_string());
    let (integer, fraction) = digits.split_at(digits.len() - 38);
    let sign = if units.is_negative() { "-" } else { "" };
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{integer}{dot}{fraction}")
}

/// The number as a text by rule 3.4, rounding included.
pub fn total_text(number: &Exact) -> String {
    plain_text(&round_half(number, TOTAL_DIGITS))
}

/// An expression's number.
pub fn from_number(number: Number) -> Exact {
    let text = number.to_string();
    parse_plain(&text).unwrap_or_else(|| panic!("{text} is no plain decimal"))
}

/// As an expression's number, rounded by rule 3.3; `None` beyond 38 integer digits.
pub fn to_number(number: &Exact) -> Option<Number> {
    let text = plain_text(&step(number)?);
    Some(Number::parse_json(&text).unwrap_or_else(|error| panic!("{text}: {error:?}")))
}

/// A number as a step of an expression has it (rule 3.3); `None` beyond 38 integer digits.
pub fn step(number: &Exact) -> Option<Exact> {
    let rounded = round_half(number, STEP_DIGITS);
    (rounded.abs() < power_of_ten(STEP_INTEGER_DIGITS)).then_some(rounded)
}

/// A number as an event's value (rules 3.2, 3.3); `None` where it is out of range.
pub fn event_value(number: &Exact) -> Option<Exact> {
    let rounded = round_half(&step(number)?, TOTAL_DIGITS);
    (rounded.abs() < power_of_ten(VALUE_INTEGER_DIGITS)).then_some(rounded)
}

#[test]
fn roundings_follow_rule_3_5() {
    let cases = [("123.456", -2, "100", "200", "100"), ("-1.5", 0, "-2", "-1", "-2")];
    for (text, digits, half, up, down) in cases {
        let number = parse_plain(text).expect("plain");
        assert_eq!(plain_text(&round_half(&number, digits)), half);
        assert_eq!(plain_text(&round_up(&number, digits)), up);
        assert_eq!(plain_text(&round_down(&number, digits)), down);
    }
}

#[test]
fn texts_are_plain_decimals() {
    let cases = [
        ("-0", "0"),
        ("007", "7"),
        ("-1.50", "-1.5"),
        ("0.000000000000000001", "0.000000000000000001"),
    ];
    for (text, plain) in cases {
        assert_eq!(plain_text(&parse_plain(text).expect("plain")), plain);
    }
    for text in ["", "-", "+5", ".5", "5.", "1e3", " 5", "5\n", "٣", "1.2.3"] {
        assert!(parse_plain(text).is_none(), "{text:?} is no plain decimal");
    }
}

#[test]
fn long_numbers_are_read_as_far_as_rules_3_2_and_3_3_look() {
    let long = |digit: &str| digit.repeat(1_000_000);
    let cases = [
        (long("9"), None),
        (format!("-{}", long("9")), None),
        (format!("{}7", long("0")), Some("7")),
        (format!("0.{}", long("9")), Some("1")),
        (format!("-0.{}1", long("0")), Some("0")),
        ("9".repeat(20), Some("99999999999999999999")),
        (format!("{}.4{}", "9".repeat(20), long("9")), Some("99999999999999999999.5")),
        (format!("{}.{}", "9".repeat(20), long("9")), None),
        ("1".repeat(21), None),
        ("1".repeat(39), None),
    ];
    for (text, value) in cases {
        let number = event_value(&parse_plain(&text).expect("plain"));
        let start = &text[..text.len().min(30)];
        assert_eq!(number.map(|number| plain_text(&number)).as_deref(), value, "{start}");
    }
    // Halves are told at the 38th digit, then again at the 18th.
    let (below, half) = (format!("0.{}4{}", "0".repeat(38), long("9")), "0".repeat(38));
    assert_eq!(plain_text(&step(&parse_plain(&below).expect("plain")).expect("small")), "0");
    let half = step(&parse_plain(&format!("0.{half}5")).expect("plain")).expect("small");
    assert_eq!(plain_text(&half), format!("0.{}1", "0".repeat(37)));
}
