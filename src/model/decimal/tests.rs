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
    #![proptest_config(ProptestConfig::with_cases(2000))]

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

#[test]
fn quantity_is_at_most_38_digits() {
    let limit = 10_i128.pow(38);
    assert_eq!(Quantity::from_units(limit), None);
    assert_eq!(Quantity::from_units(-limit), None);
    assert_eq!(Quantity::from_units(limit - 1).map(Quantity::units), Some(limit - 1));
}
