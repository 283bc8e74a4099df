//! What to do with a task when it starts or is taken over: one pure function over all the facts.
//!
//! The truth about what is visible is the committed offset and its metadata. A state may be used if and only if its
//! chain of commits contains the commit that the metadata names: one on this machine first, else the newest checkpoint that
//! is such. Nothing is guessed: where the facts do not decide,
//! the task halts and says what would settle it.

use std::fmt;

use super::effect::Cursor;
use super::halt::Halt;
use super::ledger::CommitId;
use crate::model::EventTime;

/// What a state belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Id of the Kafka cluster.
    pub cluster: String,
    /// Consumer group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// How many partitions the topic had when the state began.
    pub partitions: i32,
}

impl Binding {
    /// Why a task of that binding may not use a state of this one; `None`: it may.
    pub fn foreign_to(&self, wanted: &Binding) -> Option<Halt> {
        if self.partitions != wanted.partitions && self.cluster == wanted.cluster {
            let (before, now) = (self.partitions, wanted.partitions);
            return Some(Halt::PartitionsChanged { before, now });
        }
        let differs = |field, found: &str, wanted: &str| {
            (found != wanted).then(|| Halt::ForeignState {
                field,
                found: found.to_owned(),
                wanted: wanted.to_owned(),
            })
        };
        differs("cluster", &self.cluster, &wanted.cluster)
            .or_else(|| differs("group", &self.group, &wanted.group))
            .or_else(|| differs("topic", &self.topic, &wanted.topic))
            .or_else(|| {
                let (found, wanted) = (self.partition.to_string(), wanted.partition.to_string());
                differs("partition", &found, &wanted)
            })
    }
}

/// A state found on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalState {
    /// What it belongs to.
    pub binding: Binding,
    /// Its commits since the last one known to be visible, oldest first; the last one is what it holds.
    pub chain: Vec<CommitId>,
    /// Whether its only commit is its genesis: then it is no state.
    pub is_genesis: bool,
    /// Where reading goes on.
    pub cursor: Cursor,
    /// Sequence of its last outbox entry.
    pub outbox_last: u64,
    /// What the log has in place of the last record that was read.
    pub noted: Noted,
}

/// What the log has where the last record that was read stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Noted {
    /// None was read, or the log does not reach to its offset.
    Nothing,
    /// That record.
    Same,
    /// Another one.
    Other,
    /// No record at just that offset, though the log has earlier and later ones.
    Gap {
        /// The topic's `cleanup.policy`, or why it is not known.
        policy: Result<String, String>,
    },
    /// A batch that is damaged: which record it had is not known.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
}

/// A checkpoint of the task's state in the store of checkpoints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Its commits since the last one that was known to be visible, oldest first; the last one is what it holds.
    pub chain: Vec<CommitId>,
    /// Number of its last commit, never that of a genesis.
    pub number: u64,
}

/// What the metadata of a committed offset says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visible {
    /// The commit that the offset belongs to.
    pub commit: CommitId,
    /// Whether that is a genesis.
    pub is_genesis: bool,
    /// Sequence of the last visible outbox entry.
    pub sequence: u64,
    /// The watermark of that commit.
    pub watermark: Option<EventTime>,
    /// How many partitions the topic had.
    pub partitions: i32,
}

/// The group's committed offset for the partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The offset.
    pub offset: i64,
    /// Its metadata; the error is the text that could not be read.
    pub metadata: Result<Visible, String>,
}

/// Where a task without offset and state begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartFrom {
    /// At the first record.
    Earliest,
    /// After the last one.
    Latest,
}

/// Why a state on this machine cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is not what was written.
    Damaged {
        /// Where it is.
        directory: String,
        /// What is not as it was.
        reason: String,
    },
    /// Another version of this program wrote it in another form.
    OtherForm {
        /// Where it is.
        directory: String,
        /// Which, and which is known.
        reason: String,
    },
}

/// All that is known when a task starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// What the task is.
    pub binding: Binding,
    /// The state on this machine.
    pub local: Option<LocalState>,
    /// Checkpoints, the newest first: none where none are kept. Those after the first one whose chain has the committed
    /// commit, and all where the state on this machine has it, change nothing.
    pub checkpoints: Vec<Checkpoint>,
    /// Why what lies in the place of that state is none: then `local` is `None`.
    pub unfit: Option<Unfit>,
    /// The committed offset.
    pub committed: Option<Committed>,
    /// First offset of the log.
    pub log_start: i64,
    /// One past the last offset of the log.
    pub log_end: i64,
    /// What is configured.
    pub start_from: Option<StartFrom>,
}

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Make a genesis at this offset, commit it with its id, then read.
    Begin {
        /// Where.
        offset: i64,
    },
    /// Start empty at the offset of a genesis that is committed already.
    Adopt {
        /// Where.
        offset: i64,
        /// Its genesis.
        genesis: CommitId,
    },
    /// Use the local state: make visible what follows `delivered`, then read on from its cursor.
    Resume {
        /// Sequence of the last visible entry.
        delivered: u64,
        /// Whether the committed offset names an earlier commit.
        is_offset_behind: bool,
    },
    /// Bring the checkpoint with this last commit here, in place of what is here, and decide again.
    Restore {
        /// Its last commit.
        commit: CommitId,
    },
    /// Do not serve.
    Halt(Halt),
}

/// Names the decision for all facts.
pub fn decide(facts: &Facts) -> Decision {
    match &facts.unfit {
        None => {}
        Some(Unfit::Damaged { directory, reason }) => return damaged(facts, directory, reason),
        // Nothing is wrong with it: the program that reads it goes on with it.
        Some(Unfit::OtherForm { directory, reason }) => {
            let (directory, reason) = (directory.clone(), reason.clone());
            return Decision::Halt(Halt::StateOfOtherForm { directory, reason });
        }
    }
    if let Some(halt) =
        facts.local.as_ref().and_then(|local| local.binding.foreign_to(&facts.binding))
    {
        return Decision::Halt(halt);
    }
    let state = facts.local.as_ref().filter(|local| !local.is_genesis);
    let Some(committed) = &facts.committed else {
        return match (state, facts.start_from) {
            (Some(state), _) => Decision::Halt(without_offset(facts, state)),
            (None, _) if !facts.checkpoints.is_empty() => Decision::Halt(Halt::OffsetGone),
            (None, None) => Decision::Halt(Halt::NothingToStartFrom),
            (None, Some(StartFrom::Earliest)) => Decision::Begin { offset: facts.log_start },
            (None, Some(StartFrom::Latest)) => {
                Decision::Begin { offset: begun_at(facts).unwrap_or(facts.log_end) }
            }
        };
    };
    let visible = match &committed.metadata {
        Ok(visible) => visible,
        Err(metadata) => {
            let (offset, metadata) = (committed.offset, metadata.clone());
            return Decision::Halt(Halt::ForeignOffset { offset, metadata });
        }
    };
    if visible.partitions != facts.binding.partitions {
        let (before, now) = (visible.partitions, facts.binding.partitions);
        return Decision::Halt(Halt::PartitionsChanged { before, now });
    }
    let usable = facts.local.as_ref().filter(|local| local.chain.contains(&visible.commit));
    let mut checkpoints = facts.checkpoints.iter();
    match (usable, checkpoints.find(|one| one.chain.contains(&visible.commit))) {
        (Some(local), _) => resume(facts, local, visible),
        (None, Some(checkpoint)) => restore(checkpoint),
        (None, None) if visible.is_genesis => adopt(facts, committed.offset, visible.commit),
        (None, None) => Decision::Halt(Halt::StateElsewhere { commit: visible.commit }),
    }
}

/// What it held may be visible, whatever the offset says: it is not as if nothing had been there. A checkpoint that may be
/// used replaces it.
fn damaged(facts: &Facts, directory: &str, reason: &str) -> Decision {
    let committed = facts.committed.as_ref().and_then(|one| one.metadata.as_ref().ok());
    let visible = committed.filter(|visible| visible.partitions == facts.binding.partitions);
    let usable = visible.and_then(|visible| {
        facts.checkpoints.iter().find(|one| one.chain.contains(&visible.commit))
    });
    let (directory, reason) = (directory.to_owned(), reason.to_owned());
    usable.map_or(Decision::Halt(Halt::StateDamaged { directory, reason }), restore)
}

/// Whether the log reaches to where it reads on is found when it is here.
fn restore(checkpoint: &Checkpoint) -> Decision {
    let commit = *checkpoint.chain.last().expect("its chain has the committed commit");
    Decision::Restore { commit }
}

/// Where a task began whose process was killed before its first offset was committed: what came since is its to count, or
/// it would be nobody's.
fn begun_at(facts: &Facts) -> Option<i64> {
    let begun = facts.local.as_ref().filter(|local| local.is_genesis && !local.chain.is_empty());
    let offset = begun.map(|local| local.cursor.offset);
    offset.filter(|offset| (facts.log_start..=facts.log_end).contains(offset))
}

/// Kafka forgets a group's offsets with the topic too: what the log holds tells which it was.
fn without_offset(facts: &Facts, state: &LocalState) -> Halt {
    let (offset, log_end) = (state.cursor.offset, facts.log_end);
    if offset > log_end {
        return Halt::TopicRecreated { offset, log_end };
    }
    another_log(state).unwrap_or(Halt::OffsetGone)
}

fn resume(facts: &Facts, local: &LocalState, visible: &Visible) -> Decision {
    if let Some(halt) = unreachable_cursor(facts, local.cursor.offset) {
        return Decision::Halt(halt);
    }
    if let Some(halt) = another_log(local) {
        return Decision::Halt(halt);
    }
    let is_offset_behind = local.chain.last() != Some(&visible.commit);
    Decision::Resume { delivered: visible.sequence, is_offset_behind }
}

/// Compaction takes records away, and nothing else does from within a log: any other gap is of a log that was cut and
/// went on differently.
fn another_log(local: &LocalState) -> Option<Halt> {
    let offset = local.cursor.offset;
    match &local.noted {
        Noted::Nothing | Noted::Same => None,
        Noted::Other => Some(Halt::RecordReplaced { offset }),
        Noted::Gap { policy: Ok(policy) } if policy.contains("compact") => None,
        Noted::Damaged { reason } => Some(Halt::RecordDamaged { offset, reason: reason.clone() }),
        Noted::Gap { policy } => Some(Halt::RecordGone { offset, policy: policy.clone() }),
    }
}

fn adopt(facts: &Facts, offset: i64, genesis: CommitId) -> Decision {
    match unreachable_cursor(facts, offset) {
        Some(halt) => Decision::Halt(halt),
        None => Decision::Adopt { offset, genesis },
    }
}

fn unreachable_cursor(facts: &Facts, offset: i64) -> Option<Halt> {
    if offset > facts.log_end {
        return Some(Halt::TopicRecreated { offset, log_end: facts.log_end });
    }
    let log_start = facts.log_start;
    (offset < log_start).then_some(Halt::HistoryGone { offset, log_start })
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
