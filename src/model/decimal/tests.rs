//! Decimals against a naive oracle of big rationals, at the borders and at random.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use proptest::prelude::*;

use super::rounding::Rounding;
use super::{Amount, Number, NumberError, Quantity, Ratio};

fn ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// A plain decimal or one with an exponent, as an exact rational.
fn exact(text: &str) -> BigRational {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().expect("a small exponent");
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{integer}{fraction}").parse().expect("digits");
    let scale = i32::try_from(fraction.len()).expect("a short fraction") - exponent;
    if scale >= 0 {
        BigRational::new(digits, ten(scale.unsigned_abs()))
    } else {
        BigRational::from(digits * ten(scale.unsigned_abs()))
    }
}

/// Rounds by the words of rules 3.3 and 3.5.
fn rounded(value: &BigRational, digits: i32, rounding: Rounding) -> BigRational {
    let unit = if digits >= 0 {
        BigRational::new(BigInt::from(1), ten(digits.unsigned_abs()))
    } else {
        BigRational::from(ten(digits.unsigned_abs()))
    };
    let scaled = value / &unit;
    let half = BigRational::new(BigInt::from(1), BigInt::from(2));
    let whole = match rounding {
        Rounding::Ceil => scaled.ceil(),
        Rounding::Floor => scaled.floor(),
        Rounding::HalfAway if scaled.is_negative() => (scaled - half).ceil(),
        Rounding::HalfAway => (scaled + half).floor(),
    };
    whole * unit
}

/// What rule 3.3 makes of an exact result.
fn ruled(value: &BigRational) -> Result<BigRational, NumberError> {
    let result = rounded(value, 38, Rounding::HalfAway);
    if result.abs() < BigRational::from(ten(38)) {
        Ok(result)
    } else {
        Err(NumberError::OutOfRange)
    }
}

fn number(text: &str) -> Number {
    Number::parse_json(text).expect("a number in range")
}

fn shown(result: Result<Number, NumberError>) -> Result<BigRational, NumberError> {
    result.map(|number| exact(&number.to_string()))
}

fn hash_of(number: Number) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

/// Digits that sit at the borders more often than chance would have it.
fn digits(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::collection::vec(b'0'..=b'9', length.clone()),
        1 => length.clone().prop_map(|length| vec![b'9'; length]),
        1 => length.clone().prop_map(|length| vec![b'0'; length]),
        1 => (length.clone(), b'1'..=b'5').prop_map(|(length, first)| {
            let mut digits = vec![b'0'; length];
            if let Some(digit) = digits.first_mut() {
                *digit = first;
            }
            digits
        }),
        1 => (length, b'1'..=b'5').prop_map(|(length, last)| {
            let mut digits = vec![b'0'; length];
            if let Some(digit) = digits.last_mut() {
                *digit = last;
            }
            digits
        }),
    ]
    .prop_map(|digits| String::from_utf8(digits).expect("digits"))
}

/// A decimal within rule 3.3.
fn decimal() -> impl Strategy<Value = String> {
    let long = (any::<bool>(), digits(1..=38), digits(0..=38));
    let short = (any::<bool>(), digits(1..=6), digits(0..=4));
    prop_oneof![long, short].prop_map(|(is_negative, integer, fraction)| {
        let sign = if is_negative { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{integer}{point}{fraction}")
    })
}

fn amount_of(units: &BigInt) -> Amount {
    let fill = if units.is_negative() { 0xff } else { 0 };
    let mut bytes = [fill; 32];
    for (byte, value) in bytes.iter_mut().zip(units.to_signed_bytes_le()) {
        *byte = value;
    }
    Amount::from_le_bytes(bytes)
}

fn units_of(amount: Amount) -> BigInt {
    BigInt::from_signed_bytes_le(&amount.to_le_bytes())
}

/// Units of an amount, up to 75 digits.
fn units() -> impl Strategy<Value = BigInt> {
    (any::<bool>(), prop_oneof![digits(1..=75), digits(1..=38)]).prop_map(
        |(is_negative, digits)| {
            let magnitude: BigInt = digits.parse().expect("digits");
            if is_negative { -magnitude } else { magnitude }
        },
    )
}

/// Units of 10^-18 by rule 3.4.
fn amount_units(value: &BigRational) -> BigInt {
    (rounded(value, 18, Rounding::HalfAway) * ten(18)).to_integer()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn printed_number_is_the_number_read(text in decimal()) {
        prop_assert_eq!(exact(&number(&text).to_string()), exact(&text));
        prop_assert_eq!(Number::parse_numeric(&text), Some(Ok(number(&text))));
    }

    #[test]
    fn number_token_is_rounded_then_checked(
        sign in "-?", integer in digits(1..=50), fraction in digits(1..=90), exponent in -90..=90_i32,
    ) {
        let text = format!("{sign}{integer}.{fraction}e{exponent}");
        prop_assert_eq!(shown(Number::parse_json(&text)), ruled(&exact(&text)));
    }

    #[test]
    fn steps_are_rounded_then_checked(left in decimal(), right in decimal()) {
        let (a, b) = (number(&left), number(&right));
        let (x, y) = (exact(&left), exact(&right));
        prop_assert_eq!(shown(a.add(b)), ruled(&(&x + &y)));
        prop_assert_eq!(shown(a.subtract(b)), ruled(&(&x - &y)));
        prop_assert_eq!(shown(a.multiply(b)), ruled(&(&x * &y)));
        let (quotient, remainder) = if y.is_zero() {
            (Err(NumberError::DivisionByZero), Err(NumberError::DivisionByZero))
        } else {
            (ruled(&(&x / &y)), ruled(&(&x % &y)))
        };
        prop_assert_eq!(shown(a.divide(b)), quotient);
        prop_assert_eq!(shown(a.remainder(b)), remainder);
        prop_assert_eq!(shown(Ok(a.negate())), Ok(-&x));
        prop_assert_eq!(shown(Ok(a.absolute())), Ok(x.abs()));
        prop_assert_eq!(a.is_zero(), x.is_zero());
        prop_assert_eq!(a.is_integer(), x.is_integer());
        prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        prop_assert_eq!(a == b, x == y);
    }

    #[test]
    fn numbers_of_one_value_are_equal_however_they_were_had(text in decimal(), other in decimal()) {
        let a = number(&text);
        if let Ok(sum) = a.add(number(&other)) {
            let back = sum.subtract(number(&other)).expect("it was in range");
            prop_assert_eq!(a.cmp(&back), Ordering::Equal);
            prop_assert_eq!(hash_of(a), hash_of(back));
        }
    }

    #[test]
    fn number_rounds_to_digits(text in decimal(), digits in -38..=38_i32) {
        let (a, x) = (number(&text), exact(&text));
        for (result, rounding) in [
            (a.round(digits), Rounding::HalfAway),
            (a.ceil(digits), Rounding::Ceil),
            (a.floor(digits), Rounding::Floor),
        ] {
            prop_assert_eq!(shown(result), ruled(&rounded(&x, digits, rounding)));
        }
    }

    #[test]
    fn number_becomes_amount_and_quantity(text in decimal()) {
        let (a, x) = (number(&text), exact(&text));
        let units = amount_units(&x);
        prop_assert_eq!(units_of(a.to_amount()), units.clone());
        let quantity = a.to_quantity().map(|quantity| BigInt::from(quantity.units()));
        let expected = if units.abs() < ten(38) { Ok(units) } else { Err(NumberError::OutOfRange) };
        prop_assert_eq!(quantity, expected);
    }

    #[test]
    fn amounts_are_exact(left in units(), right in units(), factor in any::<i32>()) {
        let (a, b) = (amount_of(&left), amount_of(&right));
        prop_assert_eq!(units_of(a.plus(b)), &left + &right);
        prop_assert_eq!(units_of(a.minus(b)), &left - &right);
        prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        prop_assert_eq!(a.is_zero(), left.is_zero());
        prop_assert_eq!(a.is_negative(), left.is_negative());
        let small = &left / ten(10);
        prop_assert_eq!(units_of(amount_of(&small).times(i64::from(factor))), small * factor);
        prop_assert_eq!(exact(&a.to_string()), BigRational::new(left.clone(), ten(18)));
        prop_assert_eq!(shown(a.to_number()), ruled(&BigRational::new(left, ten(18))));
    }

    #[test]
    fn amount_rounds_to_precision(units in units(), precision in -18..=18_i8) {
        let (a, x) = (amount_of(&units), BigRational::new(units, ten(18)));
        for (result, rounding) in [
            (a.round(precision), Rounding::HalfAway),
            (a.ceil(precision), Rounding::Ceil),
            (a.floor(precision), Rounding::Floor),
        ] {
            prop_assert_eq!(exact(&result.to_string()), rounded(&x, i32::from(precision), rounding));
        }
    }

    #[test]
    fn ratio_is_rounded_once(
        units in units(), denominator in prop_oneof![1..=u64::MAX, 1..=1000_u64],
    ) {
        let ratio = Ratio { numerator: amount_of(&units), denominator };
        let x = BigRational::new(units, ten(18) * denominator);
        prop_assert_eq!(units_of(ratio.to_amount()), amount_units(&x));
        prop_assert_eq!(shown(ratio.to_number()), ruled(&x));
    }
}

/// What `text` reads as, in plain decimal or as a fault.
#[track_caller]
fn check_token(text: &str, expected: &str) {
    let shown = Number::parse_json(text).map_or_else(fault, |number| number.to_string());
    assert_eq!(shown, expected, "of the token {text:.80}");
}

fn fault(error: NumberError) -> String {
    match error {
        NumberError::OutOfRange => "out of range".to_owned(),
        NumberError::DivisionByZero => "division by zero".to_owned(),
    }
}

#[test]
fn number_token_of_any_size_is_read() {
    check_token("0", "0");
    check_token("-0", "0");
    check_token("-0.000e5", "0");
    check_token("0e999999999999999999999", "0");
    check_token("0.00e-999999999999999999999", "0");
    check_token("1e400", "out of range");
    check_token("-1e400", "out of range");
    check_token("1e-400", "0");
    check_token("-1e-400", "0");
    check_token("1e9223372036854775807", "out of range");
    check_token("1e9223372036854775808", "out of range");
    check_token("1e-9223372036854775808", "0");
    check_token("1e-99999999999999999999999999", "0");
    check_token("1E+3", "1000");
    check_token("1.50e1", "15");
    check_token("100000000000000000000000000000000000000000e-30", "100000000000");
    check_token("99999999999999999999999999999999999999", "99999999999999999999999999999999999999");
    check_token("100000000000000000000000000000000000000", "out of range");
    check_token(
        "99999999999999999999999999999999999999.9",
        "99999999999999999999999999999999999999.9",
    );
    check_token("1e37", "10000000000000000000000000000000000000");
    check_token("1e38", "out of range");
    check_token("-1e38", "out of range");
    check_token("1e-38", "0.00000000000000000000000000000000000001");
    check_token("0.5e-38", "0.00000000000000000000000000000000000001");
    check_token("-5e-39", "-0.00000000000000000000000000000000000001");
    check_token("0.49999e-38", "0");
    check_token("170141183460469231731687303715884105728", "out of range");
    check_token(
        "0.170141183460469231731687303715884105728",
        "0.17014118346046923173168730371588410573",
    );
    check_token(
        "1.70141183460469231731687303715884105728",
        "1.70141183460469231731687303715884105728",
    );
}

#[test]
fn number_is_rounded_before_its_range_is_checked() {
    let nines = "9".repeat(38);
    check_token(&format!("{nines}.{nines}"), &format!("{nines}.{nines}"));
    check_token(&format!("{nines}.{nines}4"), &format!("{nines}.{nines}"));
    check_token(&format!("{nines}.{nines}5"), "out of range");
    check_token(&format!("-{nines}.{nines}5"), "out of range");
    check_token(&format!("0.{nines}5"), "1");
    check_token(&format!("-9.{nines}5"), "-10");
}

#[test]
fn thousands_of_digits_are_read_in_one_pass() {
    let (zeros, nines) = ("0".repeat(1_000_000), "9".repeat(1_000_000));
    check_token(&nines, "out of range");
    check_token(&format!("{nines}e-999999"), "10");
    check_token(&format!("0.{nines}"), "1");
    check_token(&format!("0.{zeros}1"), "0");
    check_token(&format!("0.{zeros}1e1000001"), "1");
    check_token(&format!("0.{zeros}1e1000000"), "0.1");
    check_token(&format!("1{zeros}e-1000000"), "1");
    check_token(&format!("{zeros}7"), "7");
    check_token(&format!("1e{nines}"), "out of range");
    check_token(&format!("1e-{nines}"), "0");
}

#[test]
fn what_is_no_number_token_is_refused() {
    for text in [
        "", "-", "+5", ".5", "5.", "1e", "1e+", "1e5x", " 5", "5 ", "1.5.2", "1_0", "--1",
        "\u{0665}",
    ] {
        check_token(text, "out of range");
    }
}

#[test]
fn numeric_text_has_no_exponent_and_no_plus() {
    assert_eq!(Number::parse_numeric("007"), Some(Ok(number("7"))));
    assert_eq!(Number::parse_numeric("-007.50"), Some(Ok(number("-7.5"))));
    assert_eq!(Number::parse_numeric("-0"), Some(Ok(Number::ZERO)));
    assert_eq!(Number::parse_numeric(&"9".repeat(39)), Some(Err(NumberError::OutOfRange)));
    for text in ["", "-", "+5", ".5", "5.", "1e3", " 5", "5 ", "abc", "0x10", "1,5"] {
        assert_eq!(Number::parse_numeric(text), None, "of {text:?}");
    }
}

#[test]
fn third_of_ten_by_three_is_not_ten() {
    let quotient = number("10").divide(number("3")).expect("in range");
    let product = quotient.multiply(number("3")).expect("in range");
    assert_eq!(product.to_string(), format!("9.{}", "9".repeat(38)));
}

#[test]
fn division_by_zero_is_an_error() {
    for dividend in ["0", "1", "99999999999999999999999999999999999999.1"] {
        let dividend = number(dividend);
        assert_eq!(dividend.divide(number("0.00")), Err(NumberError::DivisionByZero));
        assert_eq!(dividend.remainder(number("-0")), Err(NumberError::DivisionByZero));
    }
}

#[test]
fn integer_has_at_most_38_digits() {
    let limit = 10_i128.pow(38);
    for value in [limit, -limit, i128::MAX, i128::MIN] {
        assert_eq!(Number::from_integer(value), Err(NumberError::OutOfRange));
    }
    assert_eq!(Number::from_integer(1 - limit), Ok(number(&(1 - limit).to_string())));
}

#[test]
fn rounding_can_leave_the_range() {
    let largest = number(&format!("{0}.{0}", "9".repeat(38)));
    assert_eq!(largest.round(38), Ok(largest));
    assert_eq!(largest.floor(0).map(|number| number.to_string()), Ok("9".repeat(38)));
    for digits in [37, 0, -37, -38] {
        assert_eq!(largest.round(digits), Err(NumberError::OutOfRange));
        assert_eq!(largest.ceil(digits), Err(NumberError::OutOfRange));
        assert_eq!(largest.negate().floor(digits), Err(NumberError::OutOfRange));
    }
    assert_eq!(number("1").ceil(-38), Err(NumberError::OutOfRange));
    assert_eq!(number("1").round(-38), Ok(Number::ZERO));
    assert_eq!(number("1").round(39), Err(NumberError::OutOfRange));
    assert_eq!(number("1").round(i32::MIN), Err(NumberError::OutOfRange));
}

#[test]
fn number_rounds_as_rule_3_5_says() {
    let shown = |result: Result<Number, NumberError>| result.expect("in range").to_string();
    assert_eq!(shown(number("12.345").round(2)), "12.35");
    assert_eq!(shown(number("-12.5").round(0)), "-13");
    assert_eq!(shown(number("1250").round(-2)), "1300");
    assert_eq!(shown(number("5").round(-1)), "10");
    assert_eq!(shown(number("-12.351").ceil(1)), "-12.3");
    assert_eq!(shown(number("129").floor(-1)), "120");
    assert_eq!(shown(number("1").ceil(-3)), "1000");
    assert_eq!(shown(number("-0.4").round(0)), "0");
}

#[test]
fn amount_rounds_as_rule_3_5_says() {
    let amount = |text: &str| number(text).to_amount();
    assert_eq!(amount("123.456").ceil(-2).to_string(), "200");
    assert_eq!(amount("-1.5").ceil(0).to_string(), "-1");
    assert_eq!(amount("123.456").round(2).to_string(), "123.46");
    assert_eq!(amount("123.456").floor(-2).to_string(), "100");
    assert_eq!(amount("-0.3").ceil(0).to_string(), "0");
    assert_eq!(amount("1e-18").ceil(-18).to_string(), "1000000000000000000");
}

#[test]
fn totals_are_printed_plainly() {
    let shown = |text: &str| number(text).to_amount().to_string();
    assert_eq!(shown("-0.5"), "-0.5");
    assert_eq!(shown("1e3"), "1000");
    assert_eq!(shown("1.500"), "1.5");
    assert_eq!(shown("-4e-19"), "0");
    assert_eq!(shown("-5e-19"), "-0.000000000000000001");
    assert_eq!(
        shown("100000000000000000000000000000000000.01"),
        "100000000000000000000000000000000000.01"
    );
}

#[test]
fn quantity_is_rounded_before_its_range_is_checked() {
    let units = |text: &str| number(text).to_quantity().map(Quantity::units);
    let limit = 10_i128.pow(38);
    assert_eq!(units("99999999999999999999.9999999999999999994"), Ok(limit - 1));
    assert_eq!(units("99999999999999999999.9999999999999999995"), Err(NumberError::OutOfRange));
    assert_eq!(units("-99999999999999999999.9999999999999999995"), Err(NumberError::OutOfRange));
    assert_eq!(units("100000000000000000000"), Err(NumberError::OutOfRange));
    assert_eq!(units("-0.0000000000000000005"), Ok(-1));
}

#[test]
fn amount_keeps_its_bytes() {
    let mut one = [0; 32];
    one[..8].copy_from_slice(&10_u64.pow(18).to_le_bytes());
    assert_eq!(Amount::from_integer(1).to_le_bytes(), one);
    let minus_unit = Amount::from(Quantity::from_units(-1).expect("in range"));
    assert_eq!(minus_unit.to_le_bytes(), [0xff; 32]);
    assert_eq!(Amount::from_le_bytes([0xff; 32]), minus_unit);
}

#[test]
fn whole_numbers_become_amounts() {
    assert_eq!(Amount::from_integer(u64::MAX).to_string(), u64::MAX.to_string());
    assert_eq!(Amount::from_integer(0), Amount::ZERO);
}

#[test]
#[should_panic(expected = "a sum of amounts fits 256 bits")]
fn sum_that_runs_over_panics() {
    let mut largest = [0xff; 32];
    largest[31] = 0x7f;
    let _ = Amount::from_le_bytes(largest).plus(Amount::from_integer(1));
}

#[test]
#[should_panic(expected = "a difference of amounts fits 256 bits")]
fn difference_that_runs_over_panics() {
    let mut smallest = [0; 32];
    smallest[31] = 0x80;
    let _ = Amount::from_le_bytes(smallest).minus(Amount::from_integer(1));
}

#[test]
#[should_panic(expected = "a multiple of an amount fits 256 bits")]
fn multiple_that_runs_over_panics() {
    let mut large = [0; 32];
    large[31] = 0x01;
    let _ = Amount::from_le_bytes(large).times(i64::MAX);
}

#[test]
fn sums_reach_both_ends_of_256_bits() {
    let mut largest = [0xff; 32];
    largest[31] = 0x7f;
    let mut smallest = [0; 32];
    smallest[31] = 0x80;
    let (largest, smallest) = (Amount::from_le_bytes(largest), Amount::from_le_bytes(smallest));
    assert_eq!(largest.plus(smallest).to_string(), "-0.000000000000000001");
    assert_eq!(units_of(smallest.minus(smallest)), BigInt::ZERO);
    let bound = BigInt::from(2).pow(255);
    assert_eq!(exact(&smallest.to_string()), BigRational::new(-bound.clone(), ten(18)));
    assert_eq!(exact(&largest.to_string()), BigRational::new(bound - 1, ten(18)));
    assert_eq!(smallest.to_number(), Err(NumberError::OutOfRange));
}

#[test]
fn quantity_is_at_most_38_digits() {
    let limit = 10_i128.pow(38);
    assert_eq!(Quantity::from_units(limit), None);
    assert_eq!(Quantity::from_units(-limit), None);
    assert_eq!(Quantity::from_units(limit - 1).map(Quantity::units), Some(limit - 1));
}

#[test]
fn amount_reads_its_own_text_and_no_other() {
    let most = "9".repeat(58);
    for text in
        ["0", "-1", "0.000000000000000001", "12.5", &most, &format!("-{most}.{}", "9".repeat(18))]
    {
        let amount = Amount::parse(text).unwrap_or_else(|| panic!("{text} is an amount"));
        assert_eq!(amount.to_string(), *text);
    }
    let beyond = format!("1{}", "0".repeat(58));
    for text in [
        "",
        "-",
        "-0",
        "+1",
        "1.",
        ".5",
        "1.50",
        "01",
        "1e3",
        " 1",
        "1,5",
        "--1",
        "1.-5",
        "\u{661}",
        "0.0000000000000000001",
        &beyond,
        &"9".repeat(500),
    ] {
        assert_eq!(Amount::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn every_sum_comes_back_from_its_text(units in any::<i128>(), factor in any::<i64>()) {
        let units = units % 10_i128.pow(38);
        if let Some(quantity) = Quantity::from_units(units) {
            let amount = Amount::from(quantity).times(factor);
            prop_assert_eq!(Amount::parse(&amount.to_string()), Some(amount));
        }
    }
}
