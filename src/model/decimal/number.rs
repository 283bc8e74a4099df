//! Numbers inside an expression, and how they are reckoned with (rule 3.3).
//!
//! Nearly all are short: an `i128` coefficient and a scale, dealt with in a few machine words. What
//! does not fit falls back to 10^-38 units in 256 bits. Which of the two holds a value is not to be
//! seen from outside. Names, NULL and the rest of the expression language are not known here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::rounding::{DIGITS, LIMIT, Rounding, power_of_ten, trim};
use super::text::{self, Token};
use super::wide::Wide;
use super::{Amount, Quantity};

/// Why a number could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberError {
    /// More integer digits than the kind of number holds.
    OutOfRange,
    /// Division or remainder by zero.
    DivisionByZero,
}

/// A number inside an expression: at most 38 integer and 38 fraction digits (rule 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Number(Form);

#[derive(Clone, Copy, Debug)]
enum Form {
    /// `coefficient` * 10^-`scale`, fewer than 39 digits, scale 0 to 38.
    Short { coefficient: i128, scale: u8 },
    /// 10^-38 units, fewer than 77 digits.
    Long(Wide),
}

impl Number {
    /// 0
    pub const ZERO: Number = Number(Form::Short { coefficient: 0, scale: 0 });

    /// Reads a JSON number token (RFC 8259; exponents of any size), rounded to 38 fraction digits.
    ///
    /// Leading zeros are passed over, which JSON itself does not have.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits, and for a text that is no such token.
    pub fn parse_json(text: &str) -> Result<Self, NumberError> {
        Self::from_token(Token::split(text).ok_or(NumberError::OutOfRange)?)
    }

    /// Reads `-?[0-9]+(\.[0-9]+)?` whole (rule 3.1); `None` where the text is not of that form.
    #[must_use]
    pub fn parse_numeric(text: &str) -> Option<Result<Self, NumberError>> {
        Token::split_plain(text).map(Self::from_token)
    }

    /// Reads more: `+5`, `.5`, `5.`, `1e3`; `None` where the text is no decimal.
    pub fn parse_decimal(text: &str) -> Option<Result<Self, NumberError>> {
        Self::parse_numeric(text).or_else(|| Token::split_lenient(text).map(Self::from_token))
    }

    /// An integer.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 digits.
    pub fn from_integer(value: i128) -> Result<Self, NumberError> {
        Self::short(value, 0).ok_or(NumberError::OutOfRange)
    }

    /// Sum.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits.
    #[expect(clippy::should_implement_trait, reason = "`+` cannot fail, this can")]
    pub fn add(self, other: Self) -> Result<Self, NumberError> {
        if let Some((left, right, scale)) = self.align(other)
            && let Some(sum) = Self::short(left.wrapping_add(right), scale)
        {
            return Ok(sum);
        }
        let sum = self.units().checked_add(other.units());
        Self::from_units(sum.ok_or(NumberError::OutOfRange)?)
    }

    /// Difference.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits.
    pub fn subtract(self, other: Self) -> Result<Self, NumberError> {
        self.add(other.negate())
    }

    /// Product, rounded half away from zero.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 38 integer digits.
    pub fn multiply(self, other: Self) -> Result<Self, NumberError> {
        if let (
            Form::Short { coefficient, scale },
            Form::Short { coefficient: factor, scale: more },
        ) = (self.0, other.0)
            && let Some(product) = coefficient.checked_mul(factor)
            && let Some(product) = Self::short(product, scale.saturating_add(more))
        {
            return Ok(product);
        }
        let units = self.units().multiply_divide(other.units(), Wide::from(LIMIT));
        Self::from_units(units.ok_or(NumberError::OutOfRange)?)
    }

    /// Quotient, rounded half away from zero.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`], [`NumberError::OutOfRange`] beyond 38 integer digits.
    pub fn divide(self, other: Self) -> Result<Self, NumberError> {
        if other.is_zero() {
            return Err(NumberError::DivisionByZero);
        }
        if let Some((dividend, divisor, _)) = self.align(other)
            && let Some(quotient) = Self::divide_short(dividend, divisor)
        {
            return quotient;
        }
        let units = self.units().multiply_divide(Wide::from(LIMIT), other.units());
        Self::from_units(units.ok_or(NumberError::OutOfRange)?)
    }

    /// Remainder with the dividend's sign.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`].
    pub fn remainder(self, other: Self) -> Result<Self, NumberError> {
        if other.is_zero() {
            return Err(NumberError::DivisionByZero);
        }
        if let Some((dividend, divisor, scale)) = self.align(other)
            && let Some(remainder) = dividend.checked_rem(divisor)
        {
            return Ok(Self(Form::Short { coefficient: remainder, scale }));
        }
        let (_, remainder) = self.units().divide_remainder(other.units());
        Self::from_units(remainder)
    }

    /// `-self`
    #[must_use]
    pub fn negate(self) -> Self {
        Self(match self.0 {
            Form::Short { coefficient, scale } => {
                Form::Short { coefficient: coefficient.wrapping_neg(), scale }
            }
            Form::Long(units) => Form::Long(units.negate()),
        })
    }

    /// `|self|`
    #[must_use]
    pub fn absolute(self) -> Self {
        if self < Self::ZERO { self.negate() } else { self }
    }

    /// Half away from zero to so many fraction digits, -38 to 38 (negative: to tens, hundreds ...).
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] where `digits` is, or the result has more than 38 integer
    /// digits.
    pub fn round(self, digits: i32) -> Result<Self, NumberError> {
        self.rounded(digits, Rounding::HalfAway)
    }

    /// To plus infinity, to so many fraction digits, -38 to 38.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] where `digits` is, or the result has more than 38 integer
    /// digits.
    pub fn ceil(self, digits: i32) -> Result<Self, NumberError> {
        self.rounded(digits, Rounding::Ceil)
    }

    /// To minus infinity, to so many fraction digits, -38 to 38.
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] where `digits` is, or the result has more than 38 integer
    /// digits.
    pub fn floor(self, digits: i32) -> Result<Self, NumberError> {
        self.rounded(digits, Rounding::Floor)
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        matches!(self.0, Form::Short { coefficient: 0, .. })
    }

    /// Whether it has no fraction.
    #[must_use]
    pub fn is_integer(self) -> bool {
        match self.0 {
            Form::Short { scale: 0, .. } => true,
            Form::Short { coefficient, scale } => trim(coefficient, scale).1 == 0,
            Form::Long(units) => units.divide_remainder(Wide::from(LIMIT)).1 == Wide::ZERO,
        }
    }

    /// An event's value: 18 fraction digits, half away from zero, then at most 20 integer digits
    /// (rule 3.2).
    ///
    /// # Errors
    /// [`NumberError::OutOfRange`] beyond 20 integer digits.
    pub fn to_quantity(self) -> Result<Quantity, NumberError> {
        let units = self.amount_units().to_i128();
        units.and_then(Quantity::from_units).ok_or(NumberError::OutOfRange)
    }

    /// As a total: 18 fraction digits, half away from zero (rule 3.4). Its `Display` is the
    /// number's text by 3.4.
    #[must_use]
    pub fn to_amount(self) -> Amount {
        Amount::from_wide(self.amount_units())
    }

    /// `units` * 10^-`scale`, exact. `scale` is at most 38.
    pub(super) fn from_decimal(units: Wide, scale: u8) -> Result<Self, NumberError> {
        if let Some(short) = units.to_i128().and_then(|units| Self::short(units, scale)) {
            return Ok(short);
        }
        let missing = power_of_ten(DIGITS.saturating_sub(scale)).expect("38 or less");
        Self::from_units(units.checked_multiply(missing).ok_or(NumberError::OutOfRange)?)
    }

    /// From 10^-38 units; as short as it can be.
    pub(super) fn from_units(units: Wide) -> Result<Self, NumberError> {
        if units.is_beyond_76_digits() {
            return Err(NumberError::OutOfRange);
        }
        if units.is_surely_beyond_38_digits() {
            return Ok(Self(Form::Long(units)));
        }
        let (integer, fraction) = units.divide_remainder(Wide::from(LIMIT));
        let halves = integer.to_i128().zip(fraction.to_i128());
        let (integer, fraction) = halves.expect("76 digits are 38 and 38");
        Self::from_halves(integer, fraction)
    }

    /// `integer` + `fraction` * 10^-38, both of one sign, `fraction` 10^38 at most; as short as it
    /// can be.
    fn from_halves(integer: i128, fraction: i128) -> Result<Self, NumberError> {
        let (end, scale) = trim(fraction, DIGITS);
        let short = power_of_ten(scale)
            .and_then(|one| integer.checked_mul(one)?.checked_add(end))
            .and_then(|coefficient| Self::short(coefficient, scale));
        if let Some(short) = short {
            return Ok(short);
        }
        let units = Wide::from(integer).checked_multiply(LIMIT);
        let units = units.and_then(|units| units.checked_add(Wide::from(fraction)));
        let units = units.filter(|units| !units.is_beyond_76_digits());
        units.map(|units| Self(Form::Long(units))).ok_or(NumberError::OutOfRange)
    }

    /// Quotient of two coefficients of one scale, by long division in steps of 19 digits; `None`
    /// where a step needs more than 128 bits.
    fn divide_short(dividend: i128, divisor: i128) -> Option<Result<Self, NumberError>> {
        let divide =
            |dividend: i128| dividend.checked_div(divisor).zip(dividend.checked_rem(divisor));
        let step = 10_i128.pow(19);
        let (integer, rest) = divide(dividend)?;
        if rest == 0 {
            return Self::short(integer, 0).map(Ok);
        }
        let (upper, rest) = divide(rest.checked_mul(step)?)?;
        let (lower, rest) = divide(rest.checked_mul(step)?)?;
        // Twice the rest holds the divisor once from a half on.
        let (away, _) = divide(rest.checked_mul(2)?)?;
        let fraction = upper.checked_mul(step)?.checked_add(lower)?.checked_add(away)?;
        Some(Self::from_halves(integer, fraction))
    }

    fn from_token(token: Token<'_>) -> Result<Self, NumberError> {
        if let Some((coefficient, scale)) = token.to_short()
            && let Some(number) = Self::short(coefficient, scale)
        {
            return Ok(number);
        }
        let (integer, fraction) = token.to_halves().ok_or(NumberError::OutOfRange)?;
        Self::from_halves(integer, fraction)
    }

    /// `None` where the coefficient or the scale has outgrown the short form.
    fn short(coefficient: i128, scale: u8) -> Option<Self> {
        let is_short = -LIMIT < coefficient && coefficient < LIMIT && scale <= DIGITS;
        is_short.then_some(Self(Form::Short { coefficient, scale }))
    }

    /// Both coefficients at the greater scale, where they stay short.
    fn align(self, other: Self) -> Option<(i128, i128, u8)> {
        let (
            Form::Short { coefficient: left, scale: left_scale },
            Form::Short { coefficient: right, scale: right_scale },
        ) = (self.0, other.0)
        else {
            return None;
        };
        let raise = |coefficient: i128, by: u8| {
            let raised = coefficient.checked_mul(power_of_ten(by)?)?;
            (-LIMIT < raised && raised < LIMIT).then_some(raised)
        };
        match left_scale.cmp(&right_scale) {
            Ordering::Equal => Some((left, right, left_scale)),
            Ordering::Less => {
                Some((raise(left, right_scale.wrapping_sub(left_scale))?, right, right_scale))
            }
            Ordering::Greater => {
                Some((left, raise(right, left_scale.wrapping_sub(right_scale))?, left_scale))
            }
        }
    }

    /// Coefficient and scale.
    fn parts(self) -> (Wide, u8) {
        match self.0 {
            Form::Short { coefficient, scale } => (Wide::from(coefficient), scale),
            Form::Long(units) => (units, DIGITS),
        }
    }

    /// In 10^-18 units, half away from zero.
    fn amount_units(self) -> Wide {
        let (units, scale) = self.parts();
        let power = |exponent| power_of_ten(exponent).expect("scales differ by at most 38");
        if let Some(missing) = 18_u8.checked_sub(scale) {
            return units
                .checked_multiply(power(missing))
                .expect("38 digits by 10^18 fit 256 bits");
        }
        units.divide(Wide::from(power(scale.saturating_sub(18))), Rounding::HalfAway)
    }

    /// In 10^-38 units.
    fn units(self) -> Wide {
        let (coefficient, scale) = self.parts();
        let missing = power_of_ten(DIGITS.saturating_sub(scale)).expect("38 or less");
        coefficient.checked_multiply(missing).expect("76 digits fit 256 bits")
    }

    fn rounded(self, digits: i32, rounding: Rounding) -> Result<Self, NumberError> {
        if !(-38..=38).contains(&digits) {
            return Err(NumberError::OutOfRange);
        }
        let (coefficient, scale) = self.parts();
        let Ok(dropped) = u8::try_from(i32::from(scale).saturating_sub(digits)) else {
            return Ok(self);
        };
        let step = Wide::power_of_ten(dropped).expect("76 digits or less are dropped");
        let quotient = coefficient.divide(step, rounding);
        if let Ok(scale) = u8::try_from(digits) {
            return Self::from_decimal(quotient, scale);
        }
        let tens = u8::try_from(digits.saturating_neg()).ok().and_then(power_of_ten);
        let integer = quotient.checked_multiply(tens.expect("38 or less"));
        Self::from_decimal(integer.ok_or(NumberError::OutOfRange)?, 0)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.align(*other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.units().cmp(&other.units()),
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.units().hash(state);
    }
}

/// All 38 fraction digits, without trailing zeros, exponent, `-0` or `+`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (coefficient, scale) = self.parts();
        text::write(f, coefficient, scale)
    }
}
