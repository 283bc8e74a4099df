//! What became of a delivery whose transaction ended in doubt: one pure function over what is pending, what was known to
//! be visible, and what the broker says is committed.
//!
//! It is asked after a producer of a new epoch has ended the transaction, one way or the other; before that no answer is
//! final. Beside `recovery`, which decides the same of a task that starts.

use super::ledger::CommitId;
use super::recovery::{Committed, Visible};

/// A delivery in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// Its commit.
    pub commit: CommitId,
    /// Sequence of the last entry of it, or of earlier commits, that is known to be visible.
    pub delivered: u64,
    /// Sequence of its last entry.
    pub through: u64,
    /// The commit that the committed offset was last known to name, with the sequence beside it; `None`: there was no
    /// offset.
    pub known: Option<(CommitId, u64)>,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// It is visible, all of it: nothing is sent again.
    Done,
    /// What comes after that sequence is not visible, and is to be sent.
    Again {
        /// Sequence of the last visible entry.
        delivered: u64,
    },
    /// Somebody else committed: the task is no longer this process's.
    Lost,
}

/// What the committed offset says of a delivery in doubt.
///
/// The offset and the entries are of one transaction: where it names the commit, everything up to its sequence is
/// visible, and nothing after it.
pub fn settle(doubt: &Doubt, committed: Option<&Committed>) -> Settled {
    let again = Settled::Again { delivered: doubt.delivered };
    let Some(committed) = committed else {
        return if doubt.known.is_none() { again } else { Settled::Lost };
    };
    let Ok(Visible { commit, sequence, .. }) = committed.metadata else { return Settled::Lost };
    if commit != doubt.commit {
        return if doubt.known == Some((commit, sequence)) { again } else { Settled::Lost };
    }
    if sequence < doubt.delivered || sequence > doubt.through {
        // What is visible stays so, and nobody else sends of this commit.
        return Settled::Lost;
    }
    if sequence == doubt.through { Settled::Done } else { Settled::Again { delivered: sequence } }
}
