//! Chance that repeats itself: whole numbers that follow from the seed and a record's number alone.
//!
//! `SplitMix64`: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. No floats, so that every
//! machine draws alike.

/// 2^64 over the golden ratio, made odd: the generator's step.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a sequence of draws is for; two uses of one record draw independently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// What becomes of the record.
    Fate,
    /// Who, when.
    Envelope,
    /// What is used, and how much.
    Properties,
    /// The properties of a repeated id with another body.
    OtherProperties,
    /// How large the object is that a record puts into storage.
    Object,
}

/// A sequence of draws.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The draws for one purpose of one record.
    pub(super) fn new(seed: u64, number: u64, purpose: Purpose) -> Self {
        let salt = match purpose {
            Purpose::Fate => 1,
            Purpose::Envelope => 2,
            Purpose::Properties => 3,
            Purpose::OtherProperties => 4,
            Purpose::Object => 5,
        };
        Chance(mixed(mixed(seed.wrapping_add(STEP.wrapping_mul(salt))) ^ number))
    }

    /// 64 even bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// One of `0..limit`, each alike.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        high_half(self.bits(), limit)
    }

    /// One of `0..limit`, small ones much more often: every doubling of the range is as likely as every other, which
    /// is Zipf's law in steps. `limit` is at least 1.
    pub(super) fn skewed(&mut self, limit: u64) -> u64 {
        // Octave k holds 2^k - 1 .. 2^(k+1) - 1; the last one may be cut, and weighs as much less.
        const WEIGHT: u64 = 1 << 16;
        let octaves = (limit + 1).ilog2();
        let rest = limit + 1 - (1 << octaves);
        let rest_weight = high_half(rest << (64 - octaves), WEIGHT);
        let drawn = self.below(u64::from(octaves) * WEIGHT + rest_weight);
        let octave = drawn / WEIGHT;
        let length = if octave < u64::from(octaves) { 1 << octave } else { rest };
        (1 << octave) - 1 + self.below(length)
    }

    /// One of some choices, by weights that add up to 100.
    pub(super) fn choice<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut drawn = self.below(100);
        for (weight, choice) in choices {
            if drawn < *weight {
                return *choice;
            }
            drawn -= weight;
        }
        unreachable!("the weights add up to 100")
    }
}

/// The generator's last step: a bijection, so that different numbers stay different.
pub(super) fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// `bits / 2^64 * limit`, cut.
fn high_half(bits: u64, limit: u64) -> u64 {
    let product = u128::from(bits) * u128::from(limit);
    u64::try_from(product >> 64).expect("the product of two halves has two halves")
}

#[cfg(test)]
mod tests {
    use super::{Chance, Purpose};

    #[test]
    fn draws_stay_below_their_limit_and_reach_it() {
        let mut chance = Chance::new(7, 0, Purpose::Fate);
        for limit in [1, 2, 3, 4, 5, 63, 64, 65, 100, 1 << 40] {
            let mut greatest = 0;
            for _ in 0..2_000 {
                let (even, skewed) = (chance.below(limit), chance.skewed(limit));
                assert!(even < limit && skewed < limit, "{even} and {skewed} of {limit}");
                greatest = greatest.max(skewed);
            }
            assert!(greatest >= limit / 2, "{greatest} of {limit}");
        }
    }

    #[test]
    fn a_few_draw_most() {
        let mut chance = Chance::new(7, 0, Purpose::Fate);
        let mut counts = [0_u32; 1_000];
        for _ in 0..100_000 {
            counts[usize::try_from(chance.skewed(1_000)).expect("small")] += 1;
        }
        let of_first_ten: u32 = counts[..10].iter().sum();
        assert!((30_000..40_000).contains(&of_first_ten), "{of_first_ten}");
        assert!(counts[0] > 9_000 && counts.iter().filter(|count| **count > 0).count() > 990);
    }

    #[test]
    fn the_same_seed_draws_the_same_for_ever() {
        // Golden: files that were made once can be made again by every later version.
        let mut chance = Chance::new(1, 2, Purpose::Envelope);
        let drawn = [chance.bits(), chance.below(1_000), chance.skewed(1_000)];
        assert_eq!(drawn, [2_899_213_143_588_043_120, 783, 11]);
    }
}
