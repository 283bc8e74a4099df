//! Chance from a seed: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").

/// A source of chance: the same seed gives the same throws for ever.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that are thrown by `seed`.
    pub fn new(seed: u64) -> Self {
        Dice { state: seed }
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `limit - 1`.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a small number");
        assert!(limit > 0, "there is nothing below 0");
        usize::try_from(self.bits() % limit).expect("less than the limit")
    }

    /// From the first number to the last, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        let width = u64::try_from(last - first + 1).expect("first to last");
        first + i64::try_from(self.bits() % width).expect("less than the width")
    }

    /// True in so many of a hundred throws.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of some.
    pub fn pick<'p, T>(&mut self, some: &'p [T]) -> &'p T {
        &some[self.below(some.len())]
    }

    /// One of some texts.
    pub fn text(&mut self, some: &[&str]) -> String {
        (*self.pick(some)).to_owned()
    }
}

#[test]
fn same_seed_gives_same_throws() {
    let mut dice = Dice::new(7);
    let throws: Vec<u64> = (0..3).map(|_| dice.bits()).collect();
    // The first outputs of the published algorithm for seed 7.
    assert_eq!(throws, [0x63CB_E1E4_5932_0DD7, 0x044C_3CD7_F43C_661C, 0xE698_4080_BAB1_2A02]);
}
