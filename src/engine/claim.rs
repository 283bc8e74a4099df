//! Whether a customer is in two tasks of whichever processes: one pure function over what is claimed of it, and what the
//! process that looks at the claim knows by itself.
//!
//! A claim names a customer and the partitions that it was seen in. It is true whoever makes it, and however late, for it
//! speaks of records: so nothing is decided by its place in any order, and the answers to it only grow.

use std::collections::BTreeSet;

/// What follows from a claim.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verdict {
    /// Partitions of this process whose tasks halt, each with another one that the customer is in.
    pub halted: Vec<(i32, i32)>,
    /// What is to be claimed now: the claim did not say all, and others are yet to see it.
    pub answer: Option<BTreeSet<i32>>,
}

/// Judges the claim that a customer is in these partitions. `own`: one that it is in, of those that this process has;
/// `is_served`: whether it has that partition.
pub fn judge_claim(
    claimed: &BTreeSet<i32>,
    own: Option<i32>,
    is_served: impl Fn(i32) -> bool,
) -> Verdict {
    let mut all = claimed.clone();
    all.extend(own);
    let other_than = |partition: i32| all.iter().copied().find(|other| *other != partition);
    let is_here = |partition: i32| own == Some(partition) || is_served(partition);
    let halted = all.iter().filter(|partition| is_here(**partition));
    let halted = halted.filter_map(|partition| Some((*partition, other_than(*partition)?)));
    let halted: Vec<(i32, i32)> = halted.collect();
    let is_news = all.len() > claimed.len() && !halted.is_empty();
    Verdict { halted, answer: is_news.then_some(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        claimed: &[i32],
        own: Option<i32>,
        served: &[i32],
        halted: &[(i32, i32)],
        answer: &[i32],
    ) {
        let set = |list: &[i32]| list.iter().copied().collect::<BTreeSet<i32>>();
        let verdict = judge_claim(&set(claimed), own, |partition| served.contains(&partition));
        let answer = Some(set(answer)).filter(|answer| !answer.is_empty());
        assert_eq!(verdict, Verdict { halted: halted.to_vec(), answer }, "{claimed:?} {own:?}");
    }

    #[test]
    fn customer_of_one_task_halts_nothing() {
        check(&[3], None, &[1, 2], &[], &[]);
        check(&[3], None, &[3], &[], &[]);
        check(&[3], Some(3), &[3], &[], &[]);
    }

    #[test]
    fn customer_of_another_process_halts_the_task_here_and_is_answered() {
        check(&[3], Some(1), &[1, 2], &[(1, 3)], &[1, 3]);
        // Also where the task was halted before it was served.
        check(&[3], Some(1), &[], &[(1, 3)], &[1, 3]);
        // Both are here: one of them has it by the claim alone.
        check(&[3], Some(1), &[1, 3], &[(1, 3), (3, 1)], &[1, 3]);
    }

    #[test]
    fn claim_of_several_halts_what_is_here_and_needs_no_answer() {
        check(&[1, 3], Some(1), &[1, 2], &[(1, 3)], &[]);
        // Whether or not the process has counted the customer by now.
        check(&[1, 3], None, &[1, 2], &[(1, 3)], &[]);
        check(&[1, 3], None, &[2], &[], &[]);
        check(&[1, 3], Some(2), &[2], &[(2, 1)], &[1, 2, 3]);
    }

    /// Processes that each have one partition of a customer's and look at one log of claims, which keeps the newest alone.
    struct Group {
        log: Vec<BTreeSet<i32>>,
        /// By partition: up to where it has looked, and whether it is halted.
        looked: Vec<(usize, bool)>,
    }

    impl Group {
        /// The task of a partition looks at the next claim, if there is one.
        fn look(&mut self, place: usize, is_compacted: bool) -> bool {
            let partition = i32::try_from(place).expect("few");
            let (next, is_halted) = &mut self.looked[place];
            if is_compacted {
                *next = (*next).max(self.log.len().saturating_sub(1));
            }
            let Some(claimed) = self.log.get(*next) else { return false };
            let verdict = judge_claim(claimed, Some(partition), |served| served == partition);
            *next += 1;
            *is_halted |= !verdict.halted.is_empty();
            self.log.extend(verdict.answer);
            true
        }
    }

    #[test]
    fn all_tasks_of_a_customer_halt_in_whatever_order_they_look() {
        for seed in 0_u64..2000 {
            let count = 2 + usize::try_from(seed % 3).expect("small");
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut dice = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                usize::try_from(state >> 33).expect("31 bits") % below
            };
            let claim = |place: usize| BTreeSet::from([i32::try_from(place).expect("few")]);
            let mut group = Group { log: Vec::new(), looked: vec![(0, false); count] };
            let mut unclaimed: Vec<usize> = (0..count).collect();
            let mut quiet = 0;
            while quiet < 100 {
                if !unclaimed.is_empty() && dice(4) == 0 {
                    let place = unclaimed.swap_remove(dice(unclaimed.len()));
                    group.log.push(claim(place));
                }
                let is_any = group.look(dice(count), seed % 2 == 0 && dice(3) == 0);
                quiet = if is_any || !unclaimed.is_empty() { 0 } else { quiet + 1 };
            }
            assert!(group.looked.iter().all(|(_, is_halted)| *is_halted), "seed {seed}");
            // Each answer says more than what it answers, and nobody answers twice.
            assert!(group.log.len() <= 64, "seed {seed}: {:?}", group.log);
            // A restart of any of them halts it again: the newest claim names it, or another than it.
            for place in 0..count {
                let last = group.log.last().expect("they claimed");
                let own = i32::try_from(place).expect("few");
                let verdict = judge_claim(last, Some(own), |served| served == own);
                assert!(!verdict.halted.is_empty(), "seed {seed}: {last:?}");
            }
        }
    }
}
