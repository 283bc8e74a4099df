//! How far the partitions of a source have come whose events were re-keyed into a task's own partition (rule 7.1).
//!
//! ```text
//! source partitions --re-keyed, each record with its Mark--> a task: the least of all marks is its watermark
//! ```
//! Pure: knows nothing of who re-keys, and of no bytes.

use std::collections::BTreeSet;

use crate::model::EventTime;

/// How far one source partition has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It never had an event, and has been idle: nobody waits for it.
    Quiet,
    /// The greatest time of its events without a fault, or the clock less the idle timeout where that is later.
    Reached(EventTime),
}

/// What is said of a source partition: it holds for everything that comes after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Which.
    pub partition: u32,
    /// How far it has come; `None`: it had no event yet, and may have one at any time.
    pub progress: Option<Progress>,
}

/// Where a record stood before it was re-keyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// How many partitions its topic has.
    pub partitions: u32,
    /// Its own partition, and how far that had come before the record.
    pub mark: Mark,
}

/// All source partitions of a task. Of a source that is read as it stands there are none.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Sources {
    marks: Vec<Option<Progress>>,
    least: Option<EventTime>,
    /// Since the last commit.
    changed: BTreeSet<u32>,
}

impl Sources {
    /// As they were stored.
    pub fn of(marks: &[Mark]) -> Self {
        let mut sources = Sources::default();
        for mark in marks {
            sources.expect(mark.partition.saturating_add(1));
            sources.note(*mark);
        }
        sources.changed.clear();
        sources
    }

    /// The topic has at least so many partitions: nothing is complete before each of them was heard of.
    pub fn expect(&mut self, partitions: u32) {
        let known = u32::try_from(self.marks.len()).unwrap_or(u32::MAX);
        if partitions > known {
            self.changed.extend(known..partitions);
            self.marks.resize(index(partitions), None);
            self.least = None;
        }
    }

    /// Takes what is said of a partition; it never goes back.
    ///
    /// # Panics
    /// Where its number is beyond how many there are.
    pub fn note(&mut self, mark: Mark) {
        let place = self.marks.get_mut(index(mark.partition));
        let place = place.expect("a source partition is one of those that its topic has");
        let before = *place;
        let after = match (before, mark.progress) {
            (Some(Progress::Reached(before)), Some(Progress::Reached(now))) => {
                Some(Progress::Reached(before.max(now)))
            }
            (Some(Progress::Reached(_)), _) | (_, None) => before,
            (None | Some(Progress::Quiet), now) => now,
        };
        if after == before {
            return;
        }
        *place = after;
        self.changed.insert(mark.partition);
        // Only the hindmost holds the others up.
        if self.least.is_none() || before == self.least.map(Progress::Reached) {
            self.least = least(&self.marks);
        } else if let (Some(Progress::Quiet), Some(Progress::Reached(now))) = (before, after) {
            self.least = self.least.min(Some(now));
        }
    }

    /// Up to which time all of them are complete: the least of what they have reached, once each was heard of.
    pub fn least(&self) -> Option<EventTime> {
        self.least
    }

    /// What changed since the last call: to be stored.
    pub fn take_changed(&mut self) -> Vec<Mark> {
        let changed = std::mem::take(&mut self.changed);
        let mark = |partition| Mark { partition, progress: self.progress(partition) };
        changed.into_iter().map(mark).collect()
    }

    /// How far a partition has come.
    pub fn progress(&self, partition: u32) -> Option<Progress> {
        self.marks.get(index(partition)).copied().flatten()
    }
}

fn least(marks: &[Option<Progress>]) -> Option<EventTime> {
    let mut least = None;
    for mark in marks {
        match mark {
            None => return None,
            Some(Progress::Quiet) => {}
            Some(Progress::Reached(at)) => {
                least = Some(least.map_or(*at, |least: EventTime| least.min(*at)));
            }
        }
    }
    least
}

#[expect(clippy::as_conversions, reason = "no machine that runs this has narrower words")]
const fn index(number: u32) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_micros(seconds * 1_000_000)
    }

    fn reached(partition: u32, seconds: i64) -> Mark {
        Mark { partition, progress: Some(Progress::Reached(at(seconds))) }
    }

    fn quiet(partition: u32) -> Mark {
        Mark { partition, progress: Some(Progress::Quiet) }
    }

    /// The least after each mark, of three partitions.
    fn check(marks: &[Mark], expected: &[Option<i64>]) {
        let mut sources = Sources::default();
        sources.expect(3);
        let told = marks.iter().map(|mark| {
            sources.note(*mark);
            sources.least()
        });
        let expected: Vec<_> = expected.iter().map(|seconds| seconds.map(at)).collect();
        assert_eq!(told.collect::<Vec<_>>(), expected, "{marks:?}");
    }

    #[test]
    fn nothing_is_complete_before_each_partition_was_heard_of() {
        let marks = [reached(0, 5), reached(2, 3), reached(1, 9), reached(2, 7), reached(0, 8)];
        check(&marks, &[None, None, Some(3), Some(5), Some(7)]);
    }

    #[test]
    fn nobody_waits_for_a_partition_that_is_quiet() {
        check(&[quiet(0), reached(1, 4), quiet(2), reached(1, 6)], &[None, None, Some(4), Some(6)]);
        check(&[quiet(0), quiet(1), quiet(2)], &[None, None, None]);
    }

    #[test]
    fn partition_that_was_quiet_counts_from_its_first_event_on() {
        let marks = [quiet(0), quiet(1), reached(2, 9), reached(0, 2), quiet(0), reached(0, 1)];
        check(&marks, &[None, None, Some(9), Some(2), Some(2), Some(2)]);
        check(
            &[quiet(0), quiet(1), reached(2, 9), reached(0, 12)],
            &[None, None, Some(9), Some(9)],
        );
    }

    #[test]
    fn partition_that_had_no_event_is_not_heard_of_by_that() {
        let unheard = Mark { partition: 1, progress: None };
        check(&[reached(0, 5), reached(2, 5), unheard, quiet(1)], &[None, None, None, Some(5)]);
    }

    #[test]
    fn more_partitions_are_waited_for() {
        let mut sources = Sources::default();
        sources.expect(1);
        sources.note(reached(0, 4));
        assert_eq!(sources.least(), Some(at(4)));
        sources.expect(2);
        assert_eq!(sources.least(), None);
        sources.expect(1);
        sources.note(reached(1, 3));
        assert_eq!(sources.least(), Some(at(3)));
    }

    #[test]
    fn what_is_stored_comes_back_and_only_what_changed_is_stored() {
        let mut sources = Sources::default();
        sources.expect(4);
        for mark in [reached(1, 4), quiet(2), reached(3, 2)] {
            sources.note(mark);
        }
        let stored = sources.take_changed();
        assert_eq!(stored.len(), 4, "the one that is to be waited for as well");
        assert_eq!(Sources::of(&stored), sources);
        assert_eq!(Sources::of(&stored).take_changed(), []);
        sources.note(reached(1, 4));
        sources.note(reached(3, 5));
        assert_eq!(sources.take_changed(), [reached(3, 5)]);
    }

    #[test]
    fn least_is_that_of_all_marks_however_they_come() {
        // A linear congruential generator: every order of many marks.
        let mut state = 7_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut sources = Sources::default();
        sources.expect(5);
        let mut greatest = [None; 5];
        for _ in 0..5_000 {
            let (partition, time) = (u32::try_from(next(5)).expect("few"), next(100_000));
            let time = i64::try_from(time).expect("few");
            let place = &mut greatest[usize::try_from(partition).expect("few")];
            *place = (*place).max(Some(time));
            sources.note(reached(partition, time));
            let all: Option<Vec<i64>> = greatest.iter().copied().collect();
            assert_eq!(sources.least(), all.and_then(|all| all.into_iter().min()).map(at));
        }
    }
}
