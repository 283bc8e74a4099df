//! Which events were sent by this run already: one has an entry for each metric that refused it, and for each time that
//! it came.
//!
//! Known by a digest of 128 bits, of the newest ones alone: what is forgotten is sent once more, which changes no total.

use std::collections::HashSet;
use std::mem;

use sha2::{Digest, Sha256};

/// How many are known at least, once there were as many: some 40 MiB.
const KNOWN_MIN: usize = 1 << 19;

/// What was sent.
pub(super) struct Repeats {
    young: HashSet<[u8; 16]>,
    old: HashSet<[u8; 16]>,
    generation_max: usize,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self::of(KNOWN_MIN)
    }

    fn of(generation_max: usize) -> Self {
        Repeats { young: HashSet::new(), old: HashSet::new(), generation_max }
    }

    /// Whether an event with that address was not sent yet; from now on it was.
    pub(super) fn is_new(&mut self, address: &str, event: &[u8]) -> bool {
        let length = u64::try_from(address.len()).unwrap_or(u64::MAX);
        let digest = Sha256::new()
            .chain_update(length.to_be_bytes())
            .chain_update(address)
            .chain_update(event)
            .finalize();
        let Some(digest) = digest.first_chunk::<16>().copied() else { return true };
        if self.old.contains(&digest) || !self.young.insert(digest) {
            return false;
        }
        if self.young.len() >= self.generation_max {
            self.old = mem::take(&mut self.young);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_new_once_for_each_address() {
        let mut repeats = Repeats::new();
        assert!(repeats.is_new("usage", b"e"));
        assert!(!repeats.is_new("usage", b"e"));
        assert!(repeats.is_new("seats", b"e"));
        assert!(repeats.is_new("usag", b"ee"), "no address runs over into its event");
    }

    #[test]
    fn no_more_than_two_generations_are_known() {
        let mut repeats = Repeats::of(10);
        for round in 0..2 {
            for number in 0..20_u8 {
                assert!(repeats.is_new("", &[number]), "{round}");
                assert!(!repeats.is_new("", &[number]));
            }
            assert!(repeats.young.len() + repeats.old.len() <= 20);
            // Others push them out.
            for number in 100..120_u8 {
                assert!(repeats.is_new("", &[round, number]));
            }
        }
    }
}
