//! What of a lasting state's outbox outputs hold: the words of the note of it (`handover`), and what it says of an entry.

use serde::{Deserialize, Serialize};

use crate::engine::CommitRecord;
use crate::file::Handover;
use crate::format::OutgoingKind;

/// What of the outbox one output holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// First and last sequence of each stretch of entries that it holds those of its kind of, ascending; of a summary none.
    pub(super) entries: Vec<(u64, u64)>,
    /// How many that are.
    pub(super) count: u64,
    /// Its file, by the ways from the state's directory; for rejects that nobody wanted to see that of the totals.
    pub(super) output: Handover,
    pub(super) of: Of,
}

/// Of which run an output is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Of {
    /// Of the one that noted it.
    Own,
    /// Of one before, that was killed before it could say that it ended.
    Earlier,
    /// Of one before, and the run that noted it has an output of the same name: gone once that run has ended.
    Replaced,
}

/// What an output takes: of the outbox, or what is told of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Rejects,
    Summary,
    Totals,
}

impl Kind {
    fn of(kind: OutgoingKind) -> Self {
        match kind {
            OutgoingKind::Total(_) => Kind::Totals,
            OutgoingKind::Reject => Kind::Rejects,
        }
    }
}

impl Piece {
    fn has(&self, sequence: u64) -> bool {
        self.entries.iter().any(|&(first, last)| (first..=last).contains(&sequence))
    }

    /// Whether it holds anything that an outbox trimmed up to a sequence does not.
    pub(super) fn is_last_copy(&self, trimmed: u64) -> bool {
        self.count > 0 && self.entries.last().is_some_and(|&(_, last)| last <= trimmed)
    }
}

/// Where one kind of output of a run goes, once it is whole.
pub(super) enum Delivery {
    /// Nobody wants to see it.
    Nowhere,
    /// Nothing can be told of what came through.
    Stream,
    /// A file, which holds so many.
    File(Handover, u64),
}

/// What of the outbox is delivered, by the outputs of runs that were killed before they could say so.
#[derive(PartialEq, Eq, Default, Debug)]
pub(super) struct Delivered {
    /// Number of the last commit that the last of these runs noted.
    pub(super) commit: Option<u64>,
    /// Sequence of the last entry that the outbox does not have any more.
    pub(super) trimmed: u64,
    pub(super) pieces: Vec<Piece>,
    /// Those that this run will replace, by what holds no less: they stand until it does.
    pub(super) replaced: Vec<Piece>,
    /// Number of the commit from which on the last of these runs told in a summary that is not where it was to be.
    pub(super) untold_since: Option<u64>,
}

impl Delivered {
    /// Whether an entry is.
    pub(super) fn has(&self, sequence: u64, kind: OutgoingKind) -> bool {
        let kind = Kind::of(kind);
        self.pieces.iter().any(|piece| piece.kind == kind && piece.has(sequence))
    }

    /// Whether a run was killed only after the state's last commit, and all is delivered.
    pub(super) fn is_whole(&self, last: &CommitRecord) -> bool {
        let has_all = |kind: &Kind| self.rest(*kind, last.outbox_last).is_empty();
        self.commit == Some(last.number) && [Kind::Rejects, Kind::Totals].iter().all(has_all)
    }

    /// The stretches up to a sequence that are not.
    pub(super) fn rest(&self, kind: Kind, through: u64) -> Vec<(u64, u64)> {
        let held = self.pieces.iter().filter(|piece| piece.kind == kind);
        let mut held: Vec<(u64, u64)> = held.flat_map(|piece| piece.entries.clone()).collect();
        held.sort_unstable();
        let mut rest = Vec::new();
        let mut next = self.trimmed + 1;
        for (first, last) in held {
            if next < first {
                rest.push((next, first - 1));
            }
            next = next.max(last + 1);
        }
        if next <= through {
            rest.push((next, through));
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_no_piece_has() {
        let piece = |kind, entries: &[(u64, u64)]| {
            let text = r#"{"kind":"totals","entries":[],"count":0,"of":"own",
                "output":{"part":"p","place":"o","device":1,"inode":1,"length":0}}"#;
            let piece: Piece = serde_json::from_str(text).expect("a piece");
            Piece { kind, entries: entries.to_vec(), ..piece }
        };
        let delivered = Delivered {
            trimmed: 2,
            pieces: vec![
                piece(Kind::Totals, &[(6, 7), (10, 10)]),
                piece(Kind::Totals, &[(3, 4)]),
                piece(Kind::Rejects, &[(3, 12)]),
                piece(Kind::Totals, &[(1, 2)]),
            ],
            ..Delivered::default()
        };
        assert_eq!(delivered.rest(Kind::Totals, 12), [(5, 5), (8, 9), (11, 12)]);
        assert_eq!(delivered.rest(Kind::Totals, 10), [(5, 5), (8, 9)]);
        assert_eq!(delivered.rest(Kind::Rejects, 12), []);
        assert_eq!(Delivered::default().rest(Kind::Rejects, 0), []);
    }
}
