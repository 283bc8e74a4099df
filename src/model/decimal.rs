//! Exact decimals: values, sums and totals with 18 fraction digits, expression numbers with 38 (section 3). STUB

use std::fmt;

/// Why a number could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberError {
    /// More integer digits than the kind of number holds.
    OutOfRange,
    /// Division or remainder by zero.
    DivisionByZero,
}

/// A number inside an expression: at most 38 integer and 38 fraction digits (rule 3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Number(i128);

impl Number {
    /// 0
    pub const ZERO: Number = Number(0);
    /// Reads a JSON number token (RFC 8259; exponents of any size), rounded to 38 fraction digits.
    pub fn parse_json(text: &str) -> Result<Self, NumberError> {
        todo!()
    }
    /// Reads `-?[0-9]+(\.[0-9]+)?` whole (rule 3.1); `None` where the text is not of that form.
    pub fn parse_numeric(text: &str) -> Option<Result<Self, NumberError>> {
        todo!()
    }
    /// An integer.
    pub fn from_integer(value: i128) -> Result<Self, NumberError> {
        todo!()
    }
    /// Sum.
    pub fn add(self, other: Self) -> Result<Self, NumberError> {
        todo!()
    }
    /// Difference.
    pub fn subtract(self, other: Self) -> Result<Self, NumberError> {
        todo!()
    }
    /// Product, rounded half away from zero.
    pub fn multiply(self, other: Self) -> Result<Self, NumberError> {
        todo!()
    }
    /// Quotient, rounded half away from zero.
    pub fn divide(self, other: Self) -> Result<Self, NumberError> {
        todo!()
    }
    /// Remainder with the dividend's sign.
    pub fn remainder(self, other: Self) -> Result<Self, NumberError> {
        todo!()
    }
    /// `-self`
    #[must_use]
    pub fn negate(self) -> Self {
        todo!()
    }
    /// `|self|`
    #[must_use]
    pub fn absolute(self) -> Self {
        todo!()
    }
    /// Half away from zero to so many fraction digits, -38 to 38 (negative: to tens, hundreds ...).
    pub fn round(self, digits: i32) -> Result<Self, NumberError> {
        todo!()
    }
    /// To plus infinity.
    pub fn ceil(self, digits: i32) -> Result<Self, NumberError> {
        todo!()
    }
    /// To minus infinity.
    pub fn floor(self, digits: i32) -> Result<Self, NumberError> {
        todo!()
    }
    /// Whether it has no fraction.
    pub fn is_integer(self) -> bool {
        todo!()
    }
    /// An event's value: 18 fraction digits, half away from zero, then at most 20 integer digits (rule 3.2).
    pub fn to_quantity(self) -> Result<Quantity, NumberError> {
        todo!()
    }
    /// As a total: 18 fraction digits, half away from zero (rule 3.4). Its `Display` is the number's text by 3.4.
    pub fn to_amount(self) -> Amount {
        todo!()
    }
}

/// All 38 fraction digits, without trailing zeros, exponent, `-0` or `+`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// An event's value: 18 fraction digits, at most 20 integer digits (rule 3.2): an `i128` of 10^-18 units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Quantity(i128);

impl Quantity {
    /// 0
    pub const ZERO: Quantity = Quantity(0);
    /// From 10^-18 units; `None` beyond 38 digits.
    pub fn from_units(units: i128) -> Option<Self> {
        todo!()
    }
    /// In 10^-18 units.
    pub const fn units(self) -> i128 {
        self.0
    }
}

/// A sum or a total: 18 fraction digits in 256 bits of 10^-18 units. It holds the sum of 2^64 values of 20 integer
/// digits each with room to spare; running over would be a broken invariant, and panics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Amount(i128);

impl Amount {
    /// 0
    pub const ZERO: Amount = Amount(0);
    /// A whole number.
    pub fn from_integer(value: u64) -> Self {
        todo!()
    }
    /// Sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        todo!()
    }
    /// Difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        todo!()
    }
    /// Product with a whole number (a length in microseconds, a number of days).
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        todo!()
    }
    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        todo!()
    }
    /// As an expression's number, exact; fails beyond 38 integer digits.
    pub fn to_number(self) -> Result<Number, NumberError> {
        todo!()
    }
    /// Half away from zero to `precision` fraction digits, -18 to 18 (rule 3.5).
    #[must_use]
    pub fn round(self, precision: i8) -> Self {
        todo!()
    }
    /// To plus infinity (rule 3.5).
    #[must_use]
    pub fn ceil(self, precision: i8) -> Self {
        todo!()
    }
    /// To minus infinity (rule 3.5).
    #[must_use]
    pub fn floor(self, precision: i8) -> Self {
        todo!()
    }
    /// Two's complement, little endian, 32 bytes.
    pub fn to_le_bytes(self) -> [u8; 32] {
        todo!()
    }
    /// Inverse of [`Amount::to_le_bytes`].
    pub fn from_le_bytes(bytes: [u8; 32]) -> Self {
        todo!()
    }
}

impl From<Quantity> for Amount {
    fn from(value: Quantity) -> Self {
        todo!()
    }
}

/// Plain decimal by rule 3.4: no exponent, no trailing fraction zeros, no `-0`, no `+`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// An exact quotient, not yet rounded: averages and weighted levels divide once, at the end (rule 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// Dividend.
    pub numerator: Amount,
    /// Divisor, greater than 0.
    pub denominator: u64,
}

impl Ratio {
    /// Rounded to 18 fraction digits, half away from zero (rule 3.4).
    pub fn to_amount(self) -> Amount {
        todo!()
    }
    /// Rounded to 38 fraction digits, half away from zero (rule 3.3).
    pub fn to_number(self) -> Result<Number, NumberError> {
        todo!()
    }
}
