//! `recovery::decide` over its whole truth table, against the sentences of the design.

use odometer::engine::{
    Binding, Checkpoint, CommitId, Committed, Cursor, Decision, Facts, Halt, LocalState, Noted,
    StartFrom, Unfit, Visible, decide,
};

const LOG: [(i64, i64); 4] = [(0, 100), (60, 100), (0, 40), (0, 0)];

fn binding() -> Binding {
    let text = |text: &str| text.to_owned();
    Binding { cluster: text("c"), group: text("g"), topic: text("t"), partition: 3, partitions: 4 }
}

fn foreign() -> Vec<Binding> {
    let text = || "another".to_owned();
    vec![
        Binding { cluster: text(), ..binding() },
        Binding { group: text(), ..binding() },
        Binding { topic: text(), ..binding() },
        Binding { partition: 1, ..binding() },
        Binding { partitions: 8, ..binding() },
    ]
}

fn id(byte: u8) -> CommitId {
    CommitId([byte; 16])
}

/// What the log may have in place of the last record that was read.
fn records() -> Vec<Noted> {
    let gap = |policy: &str| Noted::Gap { policy: Ok(policy.to_owned()) };
    vec![
        Noted::Nothing,
        Noted::Same,
        Noted::Other,
        gap("compact"),
        gap("compact,delete"),
        gap("delete"),
        Noted::Gap { policy: Err("it may not be asked".to_owned()) },
        Noted::Damaged { reason: "failed CRC32C check".to_owned() },
    ]
}

/// What stands in a state's place.
type Found = (Option<LocalState>, Option<Unfit>);

fn damaged() -> Unfit {
    Unfit::Damaged {
        directory: "state/t-3".to_owned(),
        reason: "000012.sst does not match".to_owned(),
    }
}

fn of_other_form() -> Unfit {
    Unfit::OtherForm { directory: "state/t-3".to_owned(), reason: "it is of form 2".to_owned() }
}

/// A damaged state, one of another form, no state, a genesis, states whose chain holds the commit 1 first, last, or not; each with each binding and record.
fn locals() -> Vec<Found> {
    let unfit = [damaged(), of_other_form()].map(|unfit| (None, Some(unfit)));
    let mut locals = vec![(None, None)];
    locals.extend(unfit);
    let bindings = foreign().into_iter().chain([binding()]);
    for binding in bindings {
        for chain in [vec![id(1)], vec![id(1), id(2)], vec![id(0), id(1)], vec![id(7), id(8)]] {
            for noted in records() {
                for is_genesis in [false, true] {
                    if is_genesis && chain.len() > 1 {
                        continue;
                    }
                    let state = LocalState {
                        binding: binding.clone(),
                        chain: chain.clone(),
                        is_genesis,
                        cursor: Cursor::at_offset(50),
                        outbox_last: 9,
                        noted: noted.clone(),
                    };
                    locals.push((Some(state), None));
                }
            }
        }
    }
    locals
}

/// No offset, a foreign one, and those of a genesis or a commit with the same or another number of partitions.
fn offsets() -> Vec<Option<Committed>> {
    let mut offsets = vec![None, Some(Committed { offset: 50, metadata: Err("x".to_owned()) })];
    for is_genesis in [false, true] {
        for partitions in [4, 8] {
            let visible =
                Visible { commit: id(1), is_genesis, sequence: 5, watermark: None, partitions };
            offsets.push(Some(Committed { offset: 50, metadata: Ok(visible) }));
        }
    }
    offsets
}

/// No checkpoint, and such whose chains hold the commit 1 first, last, or not, alone or before or behind one of the others.
fn checkpoints() -> Vec<Vec<Checkpoint>> {
    let checkpoint = |chain: &[u8], number| {
        let chain = chain.iter().copied().map(id).collect();
        Checkpoint { chain, number }
    };
    let (first, last) = (checkpoint(&[1, 3], 12), checkpoint(&[0, 1], 11));
    let without = checkpoint(&[7, 9], 13);
    vec![
        vec![],
        vec![first.clone()],
        vec![last.clone()],
        vec![without.clone()],
        vec![first.clone(), last.clone()],
        vec![without.clone(), first],
        vec![last, without],
    ]
}

/// The design, sentence by sentence; what is refused is only told apart by what it must not be.
fn is_right(facts: &Facts, decision: &Decision) -> bool {
    let is_reachable = facts.log_start <= 50 && 50 <= facts.log_end;
    let is_foreign = facts.local.as_ref().is_some_and(|local| local.binding != facts.binding);
    let is_state = facts.local.as_ref().is_some_and(|local| !local.is_genesis);
    let visible = facts.committed.as_ref().map(|committed| &committed.metadata);
    // A damaged state halts its task, whatever else is known, unless a checkpoint may take its place: nothing is begun in it.
    if let Some(Unfit::Damaged { directory, reason }) = facts.unfit.clone() {
        let commit = match visible {
            Some(Ok(visible)) if visible.partitions == 4 => {
                let usable = |one: &&Checkpoint| one.chain.contains(&visible.commit);
                facts.checkpoints.iter().find(usable).and_then(|one| one.chain.last().copied())
            }
            _ => None,
        };
        let halt = Decision::Halt(Halt::StateDamaged { directory, reason });
        return *decision == commit.map_or(halt, |commit| Decision::Restore { commit });
    }
    // One that another version wrote is right as it is: nothing takes its place.
    if let Some(Unfit::OtherForm { directory, reason }) = facts.unfit.clone() {
        return *decision == Decision::Halt(Halt::StateOfOtherForm { directory, reason });
    }
    // State is bound to cluster, group, topic; a changed partition count halts.
    if is_foreign {
        return matches!(
            decision,
            Decision::Halt(Halt::ForeignState { .. } | Halt::PartitionsChanged { .. })
        );
    }
    match visible {
        // Neither offset nor state: refuse to guess, unless `start_from` says. State without offset: halt.
        // The topic takes its offsets with it: what the log holds tells that it is another one.
        None if is_state => {
            let local = facts.local.as_ref().expect("a state");
            if facts.log_end < 50 {
                matches!(decision, Decision::Halt(Halt::TopicRecreated { .. }))
            } else if is_another_log(local) {
                is_of_another_log(local, decision)
            } else {
                *decision == Decision::Halt(Halt::OffsetGone)
            }
        }
        // A state that is elsewhere is one all the same.
        None if !facts.checkpoints.is_empty() => *decision == Decision::Halt(Halt::OffsetGone),
        None => match facts.start_from {
            None => *decision == Decision::Halt(Halt::NothingToStartFrom),
            Some(StartFrom::Earliest) => *decision == Decision::Begin { offset: facts.log_start },
            // What began once goes on where it began, also where that was not committed yet.
            Some(StartFrom::Latest) => {
                let has_begun = facts.local.as_ref().is_some_and(|local| !local.chain.is_empty());
                let offset = if has_begun && is_reachable { 50 } else { facts.log_end };
                *decision == Decision::Begin { offset }
            }
        },
        // Offset without metadata, or metadata of another binding: halt.
        Some(Err(_)) => matches!(decision, Decision::Halt(Halt::ForeignOffset { .. })),
        Some(Ok(visible)) if visible.partitions != 4 => {
            matches!(decision, Decision::Halt(Halt::PartitionsChanged { before: 8, now: 4 }))
        }
        Some(Ok(visible)) => {
            // A state may be used if and only if its chain contains the committed commit id.
            let usable = facts.local.as_ref().filter(|one| one.chain.contains(&visible.commit));
            // Newest such: local first, else the checkpoint.
            let restorable =
                facts.checkpoints.iter().find(|one| one.chain.contains(&visible.commit));
            match usable {
                Some(_) if !is_reachable => is_unreachable(decision),
                Some(local) if is_another_log(local) => is_of_another_log(local, decision),
                Some(local) => {
                    let is_offset_behind = local.chain.last() != Some(&visible.commit);
                    *decision == Decision::Resume { delivered: 5, is_offset_behind }
                }
                None if restorable.is_some() => {
                    let commit = restorable.and_then(|one| one.chain.last().copied());
                    Some(decision) == commit.map(|commit| Decision::Restore { commit }).as_ref()
                }
                // Metadata that names a genesis means: start empty at that offset, whoever you are.
                None if visible.is_genesis && is_reachable => {
                    *decision == Decision::Adopt { offset: 50, genesis: visible.commit }
                }
                None if visible.is_genesis => is_unreachable(decision),
                None => {
                    *decision == Decision::Halt(Halt::StateElsewhere { commit: visible.commit })
                }
            }
        }
    }
}

/// A gap where the last record stood is no proof that the log is the same, unless the topic compacts for certain.
fn is_another_log(local: &LocalState) -> bool {
    match &local.noted {
        Noted::Nothing | Noted::Same => false,
        // What is damaged proves as little.
        Noted::Other | Noted::Damaged { .. } => true,
        Noted::Gap { policy } => !matches!(policy.as_deref(), Ok("compact" | "compact,delete")),
    }
}

fn is_of_another_log(local: &LocalState, decision: &Decision) -> bool {
    let Decision::Halt(halt) = decision else { return false };
    match (&local.noted, halt) {
        (Noted::Other, Halt::RecordReplaced { offset: 50 }) => true,
        (Noted::Gap { policy }, Halt::RecordGone { offset: 50, policy: told }) => policy == told,
        (Noted::Damaged { reason }, Halt::RecordDamaged { offset: 50, reason: told }) => {
            reason == told
        }
        _ => false,
    }
}

fn is_unreachable(decision: &Decision) -> bool {
    let Decision::Halt(halt) = decision else { return false };
    matches!(halt, Halt::HistoryGone { .. } | Halt::TopicRecreated { .. })
}

#[test]
fn decisions_are_those_of_the_design_for_all_facts() {
    let mut count = 0;
    let starts = [None, Some(StartFrom::Earliest), Some(StartFrom::Latest)];
    for (local, unfit) in locals() {
        for committed in offsets() {
            for checkpoints in checkpoints() {
                for ((log_start, log_end), start_from) in
                    LOG.into_iter().flat_map(|log| starts.map(|start| (log, start)))
                {
                    let facts = Facts {
                        binding: binding(),
                        local: local.clone(),
                        unfit: unfit.clone(),
                        checkpoints: checkpoints.clone(),
                        committed: committed.clone(),
                        log_start,
                        log_end,
                        start_from,
                    };
                    let decision = decide(&facts);
                    assert!(is_right(&facts, &decision), "{decision:?} for {facts:?}");
                    if let Decision::Halt(halt) = &decision {
                        assert!(halt.to_string().len() > 40, "a halt names what settles it");
                    }
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 243 * 6 * 7 * 4 * 3, "every combination is looked at");
}
