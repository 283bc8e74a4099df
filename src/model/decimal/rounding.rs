//! The three ways to round (rules 3.3 and 3.5), and the powers of ten they round to.
//!
//! One decision, [`Rounding::step`], serves every width of integer; who divides is not known here.

use std::cmp::Ordering;

/// Where a value between two neighbours goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rounding {
    /// To the nearer one; from the middle away from zero.
    HalfAway,
    /// To plus infinity.
    Ceil,
    /// To minus infinity.
    Floor,
}

impl Rounding {
    /// What to add to a quotient that was cut toward zero: -1, 0 or 1.
    ///
    /// `sign` is that of the remainder, `half` compares twice its magnitude with the divisor's.
    pub(super) const fn step(self, sign: Ordering, half: Ordering) -> i128 {
        match (self, sign, half) {
            (_, Ordering::Equal, _)
            | (Self::HalfAway, _, Ordering::Less)
            | (Self::Ceil, Ordering::Less, _)
            | (Self::Floor, Ordering::Greater, _) => 0,
            (Self::HalfAway | Self::Ceil, Ordering::Greater, _) => 1,
            (Self::HalfAway | Self::Floor, Ordering::Less, _) => -1,
        }
    }
}

/// Number of digits on either side of the point of an expression's number (rule 3.3).
pub(super) const DIGITS: u8 = 38;

/// 10^38, the first integer that a number or a quantity's units cannot reach.
pub(super) const LIMIT: i128 = 10_i128.pow(38);

/// 10^0 to 10^38, all the powers of ten that 127 bits hold.
const POWERS: [i128; 39] = powers();

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "runs at compile time, where a fault stops the build"
)]
const fn powers() -> [i128; 39] {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
}

/// 10^`exponent`; `None` beyond 38.
pub(super) fn power_of_ten(exponent: u8) -> Option<i128> {
    POWERS.get(usize::from(exponent)).copied()
}

/// The same decimal, `coefficient` * 10^-`scale`, without trailing fraction zeros.
pub(super) fn trim(coefficient: i128, scale: u8) -> (i128, u8) {
    if coefficient == 0 {
        return (0, 0);
    }
    // Greedy by powers of two takes off any count of zeros below 64 in six steps.
    [32_u8, 16, 8, 4, 2, 1].into_iter().fold((coefficient, scale), |(coefficient, scale), zeros| {
        // 10^n divides only what 2^n divides; this spares nearly all of the slow divisions.
        if u32::from(zeros) > coefficient.trailing_zeros() {
            return (coefficient, scale);
        }
        let shorter = power_of_ten(zeros).and_then(|power| {
            let quotient = coefficient.checked_div(power)?;
            let is_whole = quotient.wrapping_mul(power) == coefficient;
            scale.checked_sub(zeros).filter(|_| is_whole).map(|scale| (quotient, scale))
        });
        shorter.unwrap_or((coefficient, scale))
    })
}
