//! The commit protocol of one task, as a state machine: store, copy where copies are kept, deliver, trim, in that order.
//!
//! ```text
//! without copies:  idle --Cut--> storing --Stored--> delivering --Delivered--> idle
//! with copies:     idle --Cut--> storing --Stored--> idle, and beside it, of the last stored commit:
//!                  idle --Publish--> copying --Copied--> delivering --Delivered--> idle
//! ```
//! With copies (checkpoints in an object store) a commit is the state of this machine alone until it is published, so that
//! what is visible always rests on a copy that any machine can take; the commits between cost no more than the disk. What is
//! published was made by the process itself: a commit that it found may be another one's too, which hangs and copies it yet.
//! Identity of a state is the id of its last commit; cursor and watermark are only asserted. State may
//! run ahead of what is visible, never behind. Knows nothing of what a commit holds.

use super::effect::{Cursor, Effect};
use crate::model::EventTime;

/// Random name of a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommitId(pub [u8; 16]);

/// Dispositions of all events that a state has read (rule 1.4).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Events read.
    pub read: u64,
    /// Folded by a metric.
    pub counted: u64,
    /// With a remembered id.
    pub duplicate: u64,
    /// Wanted or taken by no metric.
    pub unmatched: u64,
    /// Refused for lateness.
    pub late: u64,
    /// Refused for another reason.
    pub invalid: u64,
}

impl Counters {
    /// What came since these counts stood at `before`.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "counts only grow")]
    pub fn since(&self, before: &Counters) -> Counters {
        Counters {
            read: self.read - before.read,
            counted: self.counted - before.counted,
            duplicate: self.duplicate - before.duplicate,
            unmatched: self.unmatched - before.unmatched,
            late: self.late - before.late,
            invalid: self.invalid - before.invalid,
        }
    }

    /// Read less everything accounted for: always 0.
    #[expect(clippy::arithmetic_side_effects, reason = "five counts of 64 bits")]
    pub fn imbalance(&self) -> i128 {
        let ended = [self.counted, self.duplicate, self.unmatched, self.late, self.invalid];
        i128::from(self.read) - ended.into_iter().map(i128::from).sum::<i128>()
    }
}

/// What a commit says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommitRecord {
    /// Its name.
    pub id: CommitId,
    /// The commit before; `None` for a genesis.
    pub parent: Option<CommitId>,
    /// 0 for a genesis, then one more each.
    pub number: u64,
    /// Where reading goes on.
    pub cursor: Cursor,
    /// Sequence of the last outbox entry ever made; 0 before the first.
    pub outbox_last: u64,
    /// How far event time is believed complete.
    pub watermark: Option<EventTime>,
    /// The greatest time of events without a fault.
    pub latest_time: Option<EventTime>,
    /// Events before this are too old for ever (rule 1.7): their ids and periods may be forgotten.
    pub too_old_before: Option<EventTime>,
    /// Revision of the plan that all of it was made by since that one came (rule 5.6); it never goes back.
    pub plan_revision: u64,
    /// Dispositions.
    pub counters: Counters,
}

impl CommitRecord {
    /// The first commit of a fresh state, before anything is read.
    pub fn genesis(id: CommitId, cursor: Cursor) -> Self {
        CommitRecord {
            id,
            parent: None,
            number: 0,
            cursor,
            outbox_last: 0,
            watermark: None,
            latest_time: None,
            too_old_before: None,
            plan_revision: 0,
            counters: Counters::default(),
        }
    }
}

/// How far a commit is on its way to be visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Publishing {
    /// It is being copied.
    Copying(CommitRecord),
    /// Its entries and its offset are being delivered.
    Delivering(CommitRecord),
}

/// The protocol of one task.
#[derive(Clone, Debug)]
pub struct Ledger {
    last: CommitRecord,
    delivered: u64,
    is_offset_behind: bool,
    keeps_copies: bool,
    /// Whether another process may copy the last stored commit under its name.
    is_shared: bool,
    storing: Option<CommitRecord>,
    publishing: Option<Publishing>,
}

impl Ledger {
    /// Goes on from a stored commit, of whose outbox entries those up to `delivered` are known to be visible.
    /// `is_offset_behind`: the committed offset names an earlier commit. `keeps_copies`: nothing becomes visible that was not
    /// copied.
    pub fn resume(
        last: CommitRecord,
        delivered: u64,
        is_offset_behind: bool,
        keeps_copies: bool,
    ) -> Self {
        assert!(delivered <= last.outbox_last, "entries were delivered that were never made");
        // A genesis is never copied.
        let is_shared = keeps_copies && last.number > 0;
        let (storing, publishing) = (None, None);
        Ledger { last, delivered, is_offset_behind, keeps_copies, is_shared, storing, publishing }
    }

    /// The last stored commit.
    pub fn last(&self) -> &CommitRecord {
        &self.last
    }

    /// Sequence of the last entry known to be visible.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether a commit may be cut now.
    pub fn is_idle(&self) -> bool {
        self.storing.is_none() && (self.keeps_copies || self.publishing.is_none())
    }

    /// Whether the last stored commit is visible, with everything before it.
    pub fn is_all_visible(&self) -> bool {
        self.storing.is_none() && self.publishing.is_none() && !self.is_behind()
    }

    /// Whether a commit is on its way to be visible.
    pub fn is_publishing(&self) -> bool {
        self.publishing.is_some()
    }

    /// What is left to make visible of the last stored commit: the first thing to do after a start, unless a commit has to
    /// be made first.
    pub fn catch_up(&mut self) -> Option<Effect> {
        assert!(self.is_idle(), "a commit is under way");
        (self.is_behind() && !self.is_shared).then(|| self.begin_publishing())
    }

    /// Whether a commit is to be made even where nothing happened: the last one cannot become visible, and is not.
    pub fn wants_own(&self) -> bool {
        self.is_shared && self.is_behind()
    }

    fn is_behind(&self) -> bool {
        self.is_offset_behind || self.delivered < self.last.outbox_last
    }

    /// Begins a commit.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits number more commits than can be made"
    )]
    pub fn cut(&mut self, next: CommitRecord) -> Effect {
        assert!(self.is_idle(), "a commit is under way");
        assert_eq!(next.parent, Some(self.last.id), "a commit follows the last one");
        assert_eq!(next.number, self.last.number + 1, "commits are numbered without gaps");
        assert!(next.cursor >= self.last.cursor, "a cursor never goes back");
        assert!(next.watermark >= self.last.watermark, "a watermark never goes back");
        assert!(next.plan_revision >= self.last.plan_revision, "a plan never goes back");
        assert_eq!(next.counters.imbalance(), 0, "rule 1.4: {:?}", next.counters);
        self.storing = Some(next);
        Effect::Store(next)
    }

    /// The commit is durable on this machine. With copies it is published when that is asked for.
    pub fn stored(&mut self) -> Option<Effect> {
        self.last = self.storing.take().expect("a commit was being stored");
        self.is_offset_behind = true;
        self.is_shared = false;
        (!self.keeps_copies).then(|| self.begin_publishing())
    }

    /// Begins to make the last stored commit visible, where it is not, was made here, and no earlier one is on its way.
    pub fn publish(&mut self) -> Option<Effect> {
        assert!(self.keeps_copies, "without copies each commit is published at once");
        let is_free = self.storing.is_none() && self.publishing.is_none();
        let may = is_free && self.is_behind() && !self.is_shared;
        may.then(|| self.begin_publishing())
    }

    /// A genesis needs no copy: whoever finds it named begins empty.
    fn begin_publishing(&mut self) -> Effect {
        if self.keeps_copies && self.last.number > 0 {
            self.publishing = Some(Publishing::Copying(self.last));
            return Effect::Checkpoint { commit: self.last.id, number: self.last.number };
        }
        self.deliver(self.last)
    }

    /// The copy of the commit that is being published is durable.
    pub fn copied(&mut self) -> Effect {
        let Some(Publishing::Copying(record)) = self.publishing else {
            panic!("nothing was being copied: {:?}", self.publishing);
        };
        self.deliver(record)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "64 bits number more entries than can be made"
    )]
    fn deliver(&mut self, record: CommitRecord) -> Effect {
        self.publishing = Some(Publishing::Delivering(record));
        Effect::Deliver {
            commit: record.id,
            cursor: record.cursor,
            from: self.delivered + 1,
            through: record.outbox_last,
            watermark: record.watermark,
        }
    }

    /// Entries up to `sequence` and the offset are visible.
    pub fn delivered_through(&mut self, sequence: u64) -> Effect {
        let Some(Publishing::Delivering(record)) = self.publishing.take() else {
            panic!("nothing was being delivered");
        };
        assert!(sequence >= self.delivered, "what is visible stays so");
        assert_eq!(sequence, record.outbox_last, "a delivery covers its commit");
        self.delivered = sequence;
        self.is_offset_behind = self.last.id != record.id;
        Effect::Trim { through: sequence, commit: record.number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> CommitRecord {
        CommitRecord {
            number,
            outbox_last: number,
            ..CommitRecord::genesis(CommitId([u8::try_from(number).expect("few"); 16]), CURSOR)
        }
    }

    const CURSOR: Cursor = Cursor { file: 0, offset: 7, line: 0 };

    /// What a process finds may be published by another one that has it too: its own commit comes first.
    #[test]
    fn with_copies_a_commit_that_was_found_is_not_published() {
        let mut ledger = Ledger::resume(record(3), 2, true, true);
        assert!(ledger.wants_own());
        assert_eq!(ledger.catch_up(), None);
        assert_eq!(ledger.publish(), None);
        let own = CommitRecord { parent: Some(record(3).id), outbox_last: 3, ..record(4) };
        ledger.cut(own);
        assert_eq!(ledger.stored(), None, "it is published when that is asked for");
        assert!(!ledger.wants_own());
        let copying = Effect::Checkpoint { commit: own.id, number: 4 };
        assert_eq!(ledger.publish(), Some(copying));
        assert!(matches!(ledger.copied(), Effect::Deliver { from: 3, through: 3, .. }));
    }

    #[test]
    fn commit_that_was_found_is_published_without_copies_and_none_is_wanted_where_all_is_visible() {
        let mut alone = Ledger::resume(record(3), 2, true, false);
        assert!(!alone.wants_own());
        assert!(matches!(alone.catch_up(), Some(Effect::Deliver { from: 3, through: 3, .. })));
        let mut behind_nothing = Ledger::resume(record(3), 3, false, true);
        assert!(!behind_nothing.wants_own());
        assert_eq!(behind_nothing.catch_up(), None);
        // A genesis is in no copy.
        let mut genesis = Ledger::resume(record(0), 0, true, true);
        assert!(!genesis.wants_own());
        assert!(matches!(genesis.catch_up(), Some(Effect::Deliver { .. })));
    }
}
