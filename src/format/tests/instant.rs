//! Ways to write an instant, and ways that are none (rule 1.2).

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use proptest::prelude::*;

use crate::format::TimeUnit;
use crate::format::instant::{of_number, of_text};
use crate::model::EventTime;

fn check_number(token: &str, unit: TimeUnit, expected: Option<i64>) {
    assert_eq!(of_number(token, unit).map(EventTime::micros), expected, "{token} {unit}");
}

#[test]
fn number_counts_the_unit_of_the_format() {
    check_number("1772359230", TimeUnit::Seconds, Some(1_772_359_230_000_000));
    check_number("1772359230123", TimeUnit::Milliseconds, Some(1_772_359_230_123_000));
    check_number("1772359230123.5", TimeUnit::Milliseconds, Some(1_772_359_230_123_500));
    check_number("1772359230123456", TimeUnit::Microseconds, Some(1_772_359_230_123_456));
    check_number("1772359230123456789", TimeUnit::Nanoseconds, Some(1_772_359_230_123_456));
    check_number("999", TimeUnit::Nanoseconds, Some(0));
}

#[test]
fn finer_digits_are_cut_off_toward_minus_infinity() {
    check_number("1772197623.45080299", TimeUnit::Seconds, Some(1_772_197_623_450_802));
    check_number("1793509199.99999999", TimeUnit::Seconds, Some(1_793_509_199_999_999));
    check_number("0.0000009", TimeUnit::Seconds, Some(0));
    let nines = format!("0.{}", "9".repeat(100));
    check_number(&nines, TimeUnit::Seconds, Some(999_999));
    // Not 253370764800, the first second of the year 9999, to which 38 digits would be rounded.
    let last = format!("253370764799.{}", "9".repeat(100));
    check_number(&last, TimeUnit::Seconds, Some(253_370_764_799_999_999));
    // A hair before 1970 is floored into 1969.
    check_number("-0.0000001", TimeUnit::Seconds, None);
}

#[test]
fn exponent_moves_the_point() {
    check_number("177459857.5892150e1", TimeUnit::Seconds, Some(1_774_598_575_892_150));
    check_number("1.77235923e9", TimeUnit::Seconds, Some(1_772_359_230_000_000));
    check_number("1.77235923E+9", TimeUnit::Seconds, Some(1_772_359_230_000_000));
    check_number("17723592301e-1", TimeUnit::Seconds, Some(1_772_359_230_100_000));
    check_number("1e99999999999999999999999", TimeUnit::Seconds, None);
    check_number("1e-99999999999999999999999", TimeUnit::Seconds, Some(0));
    check_number("0e99999999999999999999999", TimeUnit::Seconds, Some(0));
    let long = format!("1{}e-{}", "0".repeat(10_000), 9_991);
    check_number(&long, TimeUnit::Seconds, Some(1_000_000_000_000_000));
    let small = format!("0.{}1e10000", "0".repeat(9_990));
    check_number(&small, TimeUnit::Seconds, Some(1_000_000_000_000_000));
}

#[test]
fn years_1970_to_9998_are_admitted() {
    check_number("0", TimeUnit::Seconds, Some(0));
    check_number("-0", TimeUnit::Seconds, Some(0));
    check_number("-0.000e5", TimeUnit::Seconds, Some(0));
    check_number("-1", TimeUnit::Seconds, None);
    check_number("253370764799", TimeUnit::Seconds, Some(253_370_764_799_000_000));
    check_number("253370764800", TimeUnit::Seconds, None);
    check_number("999999999999", TimeUnit::Seconds, None);
    check_number("9223372036854775808", TimeUnit::Microseconds, None);
    check_number(&"9".repeat(5_000), TimeUnit::Nanoseconds, None);
}

#[test]
fn text_is_rfc_3339_or_a_plain_number() {
    let check = |text: &str, expected: Option<i64>| {
        assert_eq!(of_text(text, TimeUnit::Seconds).map(EventTime::micros), expected, "{text}");
    };
    check("2026-03-01T10:00:30Z", Some(1_772_359_230_000_000));
    check("2026-03-01t11:00:30.5+01:00", Some(1_772_359_230_500_000));
    check("2026-03-01 09:00:30.99999999-01:00", Some(1_772_359_230_999_999));
    check("2026-03-01T10:00:60z", Some(1_772_359_259_000_000));
    check("1772359230.25", Some(1_772_359_230_250_000));
    check("007", Some(7_000_000));
    check("-0", Some(0));
    check("1970-01-01T00:00:00Z", Some(0));
    check("1970-01-01T00:59:59+01:00", None);
    check("1969-12-31T23:00:00-01:00", Some(0));
    check("9998-12-31T23:59:59.9999999Z", Some(253_370_764_799_999_999));
    check("9998-12-31T23:59:59-00:01", None);
    check("9999-01-01T00:59:59+01:00", Some(253_370_764_799_000_000));
    for text in [
        "",
        " ",
        "2026-03-01T10:00:30",
        "2026-03-01",
        "2026-03-01T10:00:61Z",
        "2026-02-29T00:00:00Z",
        "1.7e9",
        "+5",
        ".5",
        "5.",
        " 5",
        "5 ",
        "0x5",
        "1_000",
        "--5",
        "-",
        "1.2.3",
        "1.-2",
        "٣",
        "2026-03-01T10:00:30.Z",
        "2026-03-01T10:00:30+0100",
        "2026-03-01T24:00:00Z",
        "now",
        "2026-03-01T10:00Z",
        "20260301T100030Z",
        "2026-3-1T10:00:30Z",
        "٢٠٢٦-03-01T10:00:30Z",
    ] {
        check(text, None);
    }
}

#[test]
fn text_without_a_date_counts_the_unit_of_the_format() {
    let read = of_text("1772359230123", TimeUnit::Milliseconds);
    assert_eq!(read, Some(EventTime::from_micros(1_772_359_230_123_000)));
}

/// The floor of the number in microseconds, by whole numbers of any size.
fn reference(mantissa: &str, exponent: i64, unit: u32) -> Option<i64> {
    let fraction = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits: BigInt = mantissa.replace('.', "").parse().expect("digits");
    let places = exponent - i64::try_from(fraction).expect("few digits") + i64::from(unit) - 3;
    let power = BigInt::from(10).pow(u32::try_from(places.abs()).expect("a small exponent"));
    let scaled = if places >= 0 { digits * power } else { floor_div(&digits, &power) };
    scaled.to_i64().filter(|micros| EventTime::from_micros(*micros).is_admissible())
}

fn floor_div(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = dividend / divisor;
    let is_cut_up = *dividend < BigInt::ZERO && dividend % divisor != BigInt::ZERO;
    if is_cut_up { quotient - 1 } else { quotient }
}

proptest! {
    #[test]
    fn number_is_floored_exactly(
        mantissa in r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,30})?",
        exponent in -25_i64..25,
        unit in prop::sample::select(vec![
            (TimeUnit::Seconds, 9),
            (TimeUnit::Milliseconds, 6),
            (TimeUnit::Microseconds, 3),
            (TimeUnit::Nanoseconds, 0),
        ]),
    ) {
        let expected = reference(&mantissa, exponent, unit.1);
        check_number(&format!("{mantissa}e{exponent}"), unit.0, expected);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in r"[-0-9TtZz:+. ]{0,30}|\PC{0,30}") {
        let _ = of_text(&text, TimeUnit::Seconds);
        let _ = EventTime::parse_rfc3339(&text);
    }
}
