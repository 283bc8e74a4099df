//! `settlement::settle` over all that can be pending, known and committed, against the sentences of the design.

use odometer::engine::{CommitId, Committed, Doubt, Settled, Visible, settle};

/// The pending commit; the others are an earlier one and a stranger's.
const PENDING: CommitId = CommitId([1; 16]);
const COMMITS: [CommitId; 3] = [CommitId([0; 16]), PENDING, CommitId([9; 16])];
const SEQUENCES: u64 = 4;

fn pairs() -> impl Iterator<Item = (CommitId, u64)> {
    COMMITS.into_iter().flat_map(|commit| (0..SEQUENCES).map(move |sequence| (commit, sequence)))
}

/// No offset, one that odometer did not write, and those of every commit and sequence.
fn offsets() -> Vec<Option<Committed>> {
    let mut offsets = vec![None, Some(Committed { offset: 7, metadata: Err("x".to_owned()) })];
    for (commit, sequence) in pairs() {
        for is_genesis in [false, true] {
            let visible = Visible { commit, is_genesis, sequence, watermark: None, partitions: 4 };
            offsets.push(Some(Committed { offset: 7, metadata: Ok(visible) }));
        }
    }
    offsets
}

/// The design, sentence by sentence.
fn right(doubt: &Doubt, committed: Option<&Committed>) -> Settled {
    let named = match committed {
        // Nothing was committed, and nothing had been: nothing changed.
        None if doubt.known.is_none() => {
            return Settled::Again { delivered: doubt.delivered };
        }
        None => return Settled::Lost,
        Some(committed) => match &committed.metadata {
            Err(_) => return Settled::Lost,
            Ok(visible) => (visible.commit, visible.sequence),
        },
    };
    // The transaction went out: its last entry is the last of the delivery, or more is to come.
    if named == (PENDING, doubt.through) {
        return Settled::Done;
    }
    let is_part = named.0 == PENDING && (doubt.delivered..doubt.through).contains(&named.1);
    if is_part {
        return Settled::Again { delivered: named.1 };
    }
    // It did not: what was visible is visible, and nothing else.
    if named.0 != PENDING && doubt.known == Some(named) {
        return Settled::Again { delivered: doubt.delivered };
    }
    Settled::Lost
}

#[test]
fn deliveries_in_doubt_are_settled_as_designed_for_all_facts() {
    let mut counts = [0_u32; 3];
    for delivered in 0..SEQUENCES {
        for through in delivered..SEQUENCES {
            for known in pairs().map(Some).chain([None]) {
                let doubt = Doubt { commit: PENDING, delivered, through, known };
                for committed in offsets() {
                    let settled = settle(&doubt, committed.as_ref());
                    let right = right(&doubt, committed.as_ref());
                    assert_eq!(settled, right, "{doubt:?} and {committed:?}");
                    counts[match settled {
                        Settled::Done => 0,
                        Settled::Again { .. } => 1,
                        Settled::Lost => 2,
                    }] += 1;
                }
            }
        }
    }
    assert_eq!(counts.iter().sum::<u32>(), 10 * 13 * 26, "every combination is looked at");
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}
