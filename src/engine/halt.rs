//! Why a task is not served, or nothing delivered, in words: the reason, and the manual steps that settle it.
//!
//! Whoever counts the same records anew emits the same ids again, under which the reader of the old totals topic knows
//! totals of another content. So wherever a text sends the operator to a new group, it also says what becomes of the
//! state and of the totals topic.

#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use self::words::{
    named, write_customer_of_another_task, write_record_damaged, write_record_gone,
    write_rejects_replaced, write_split_customer, write_state_damaged, write_state_of_other_form,
    write_totals_partitions_changed, write_totals_replaced,
};
use super::ledger::CommitId;

/// Why a task is not served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// Neither offset nor state, and `start_from` is unset.
    NothingToStartFrom,
    /// The state belongs to something else.
    ForeignState {
        /// What of the binding differs.
        field: &'static str,
        /// What the state says.
        found: String,
        /// What the task is.
        wanted: String,
    },
    /// The topic has another number of partitions than when it was last served.
    PartitionsChanged {
        /// Then.
        before: i32,
        /// Now.
        now: i32,
    },
    /// There is a state but the group has no offset.
    OffsetGone,
    /// The group has an offset that odometer did not commit.
    ForeignOffset {
        /// The offset.
        offset: i64,
        /// Its metadata.
        metadata: String,
    },
    /// Another process served the task; its state is not here.
    StateElsewhere {
        /// The commit whose state is wanted.
        commit: CommitId,
    },
    /// The log does not reach back to the cursor.
    HistoryGone {
        /// Where reading would go on.
        offset: i64,
        /// First offset of the log.
        log_start: i64,
    },
    /// The log ends before the cursor.
    TopicRecreated {
        /// Where reading would go on.
        offset: i64,
        /// One past the last offset of the log.
        log_end: i64,
    },
    /// The last record that was read is another one now.
    RecordReplaced {
        /// Where reading would go on.
        offset: i64,
    },
    /// The last record that was read is no longer in the log, though the log goes on around it.
    RecordGone {
        /// Where reading would go on.
        offset: i64,
        /// The topic's `cleanup.policy`, which is not to compact; or why it is not known.
        policy: Result<String, String>,
    },
    /// The batch that the last record was read from is damaged on the broker's disk.
    RecordDamaged {
        /// Where reading would go on.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// While it was read, the topic was deleted and created anew.
    TopicReplaced {
        /// Id of the one that was read.
        before: String,
        /// Id of the one that has its name now.
        now: String,
    },
    /// The topic of totals was deleted and created anew.
    TotalsReplaced(Replaced),
    /// The topic of rejects was.
    RejectsReplaced(Replaced),
    /// The topic of totals has another number of partitions than when totals were last delivered to it.
    TotalsPartitionsChanged {
        /// Then.
        before: i32,
        /// Now.
        now: i32,
        /// Where it is remembered.
        memory: String,
    },
    /// The state on this machine is not what was written: a file of it is damaged or missing, or a record unreadable.
    StateDamaged {
        /// Where it is.
        directory: String,
        /// What is wrong with it, the file named where that is known.
        reason: String,
    },
    /// The state on this machine was written by another version of this program, in a form that this one does not read.
    StateOfOtherForm {
        /// Where it is.
        directory: String,
        /// Which form, and which one is read.
        reason: String,
    },
    /// A customer of this task was also seen in another one.
    CustomerInTwoTasks {
        /// Whose.
        tenant: String,
        /// Who.
        customer: String,
        /// The other task.
        other: String,
    },
    /// The same of a customer of whom the state keeps no more than a digest.
    FormerCustomerInTwoTasks {
        /// Digest of tenant and customer.
        digest: u64,
        /// The other task.
        other: String,
    },
    /// A customer of a topic that this program re-keyed belongs to another task by its name alone.
    CustomerOfAnotherTask {
        /// Whose.
        tenant: String,
        /// Who.
        customer: String,
        /// The task.
        other: String,
    },
}

/// A topic that was delivered to, and has another id now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// Id of the one that was delivered to.
    pub before: String,
    /// Id of the one that has its name now.
    pub now: String,
    /// Where it is remembered.
    pub memory: String,
}

/// How counting begins anew, so that no id comes twice with another content, and what that means for who is billed.
const ANEW: &str = "a new source.group_id, an empty state.directory (`odometer state discard` sets states \
aside), another sink.topic and another rejects.topic. Periods that were closed stand in the old totals topic, those still open do not: bill \
each period from one of the two topics only";

/// What makes a state anew, and what is left where that cannot be; followed by [`ANEW`].
const REBUILT: &str = "`odometer state rebuild TASK` makes it anew from the log or, where that does \
not reach back, count the topic again from source.start_from = \"earliest\"";

/// How texts name the task in the commands that settle it.
const TASK: &str = "TASK`";

impl Halt {
    /// That a customer is also in that other task; `known`: its tenant and name, where the state has them.
    pub fn customer_in_two_tasks(
        known: Option<(String, String)>,
        digest: u64,
        other: String,
    ) -> Self {
        match known {
            Some((tenant, customer)) => Halt::CustomerInTwoTasks { tenant, customer, other },
            None => Halt::FormerCustomerInTwoTasks { digest, other },
        }
    }

    /// Whether it is about what the process was told, or a topic as a whole: then no task of it may go on.
    pub fn is_for_all(&self) -> bool {
        match self {
            Halt::NothingToStartFrom
            | Halt::ForeignState { .. }
            | Halt::PartitionsChanged { .. }
            | Halt::TopicReplaced { .. }
            | Halt::TotalsReplaced(_)
            | Halt::RejectsReplaced(_)
            | Halt::TotalsPartitionsChanged { .. } => true,
            // A log may be cut by itself, as by the election of a leader that lacks records.
            Halt::OffsetGone
            | Halt::ForeignOffset { .. }
            | Halt::StateElsewhere { .. }
            | Halt::HistoryGone { .. }
            | Halt::TopicRecreated { .. }
            | Halt::RecordReplaced { .. }
            | Halt::RecordGone { .. }
            | Halt::RecordDamaged { .. }
            | Halt::StateDamaged { .. }
            | Halt::StateOfOtherForm { .. }
            | Halt::CustomerInTwoTasks { .. }
            | Halt::CustomerOfAnotherTask { .. }
            | Halt::FormerCustomerInTwoTasks { .. } => false,
        }
    }
}

impl Halt {
    /// The same text with the task's name in the commands that settle it, as its folder is called.
    pub fn of_task(&self, folder: &str) -> String {
        self.to_string().replace(TASK, &format!("{folder}`"))
    }
}

/// The reason, and the manual steps that settle it; commands name the task as `TASK`.
impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::NothingToStartFrom => f.write_str(
                "neither a state nor a committed offset exists, and source.start_from is unset: \
                 set it to \"earliest\" to count every record of the topic, or to \"latest\" to \
                 count only those to come",
            ),
            Halt::ForeignState { found, .. } if found.is_empty() => f.write_str(
                "the state directory belongs to a run over files: point state.directory to this \
                 task's own state, or to an empty directory",
            ),
            Halt::ForeignState { field, found, wanted } => write!(
                f,
                "the state directory belongs to {field} {found}, but this task is of {field} \
                 {wanted}: point state.directory to this task's own state, or put this one out of \
                 the way (`odometer state discard` with its directory); `odometer state adopt --rebind \
                 TASK` takes it where it is the same log all the same"
            ),
            Halt::PartitionsChanged { before, now } => write!(
                f,
                "the topic had {before} partitions and now has {now}: customers may have moved \
                 between partitions. Create a topic with the final number of partitions, produce \
                 to it from a known point on, and count it with {ANEW}"
            ),
            Halt::OffsetGone => write!(
                f,
                "there is a state, but the group has no committed offset: what was delivered is \
                 not known (Kafka forgets the offsets of a group that is empty for \
                 offsets.retention.minutes, and those of a topic that is deleted). `odometer state \
                 adopt TASK` commits that of the state; where it is not the newest, {REBUILT} with \
                 {ANEW}"
            ),
            Halt::ForeignOffset { offset, metadata } => write!(
                f,
                "the group's committed offset {offset} was not committed by odometer (metadata \
                 {metadata:?}): somebody else has the group, or a tool moved its offset, and what \
                 was delivered is not known. If nothing was counted for this group yet, choose a \
                 source.group_id that nobody else has; else `odometer state adopt TASK` commits that \
                 of the state or, where it is not the newest, {REBUILT} with {ANEW}"
            ),
            Halt::StateElsewhere { commit } => write!(
                f,
                "the group's offset names commit {commit}, whose state is not in this \
                 state.directory: start where that state is, bring its directory here while \
                 neither process runs, or have `odometer state restore TASK` bring a checkpoint. If \
                 it is lost for good, {REBUILT} with {ANEW}"
            ),
            Halt::HistoryGone { offset, log_start } => write!(
                f,
                "reading should go on at offset {offset}, but the log begins at {log_start}: what \
                 stood between was deleted before it was read, and any record of it, but those of \
                 aborted transactions, is not counted. Raise the topic's retention; \
                 `odometer state adopt --past-gap TASK` goes on at the beginning of the log, without \
                 what is gone"
            ),
            Halt::TopicRecreated { offset, log_end } => write!(
                f,
                "reading should go on at offset {offset} of a log that ends at {log_end}: the topic \
                 was recreated or truncated. Totals of other events would come under ids that their reader knows: \
                 count it with {ANEW}"
            ),
            Halt::RecordReplaced { offset } => write!(
                f,
                "reading should go on at offset {offset}, but the record before it is another one than \
                 was read: the topic was recreated or truncated. Totals of other events would come \
                 under ids that their reader knows: count it with {ANEW}. Where it is the same log all \
                 the same, `odometer state adopt --rebind TASK` goes on"
            ),
            Halt::RecordGone { offset, policy } => write_record_gone(f, *offset, policy.as_ref()),
            Halt::RecordDamaged { offset, reason } => write_record_damaged(f, *offset, reason),
            Halt::StateDamaged { directory, reason } => write_state_damaged(f, directory, reason),
            Halt::StateOfOtherForm { directory, reason } => {
                write_state_of_other_form(f, directory, reason)
            }
            Halt::TopicReplaced { before, now } => write!(
                f,
                "the topic was deleted and created anew while it was read (its id was {before}, \
                 and now is {now}): what of the new one stands below the offsets that were reached \
                 was not read. Totals of other events would come under ids that their reader knows: \
                 count it with {ANEW}"
            ),
            Halt::TotalsReplaced(replaced) => write_totals_replaced(f, replaced),
            Halt::RejectsReplaced(replaced) => write_rejects_replaced(f, replaced),
            Halt::TotalsPartitionsChanged { before, now, memory } => {
                write_totals_partitions_changed(f, *before, *now, memory)
            }
            Halt::CustomerInTwoTasks { tenant, customer, other } => {
                write_split_customer(f, &named(tenant, customer), other)
            }
            Halt::FormerCustomerInTwoTasks { digest, other } => {
                let who = format!("a customer without open periods (digest {digest:016x})");
                write_split_customer(f, &who, other)
            }
            Halt::CustomerOfAnotherTask { tenant, customer, other } => {
                write_customer_of_another_task(f, &named(tenant, customer), other)
            }
        }
    }
}
