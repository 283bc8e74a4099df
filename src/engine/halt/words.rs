//! The longer texts of halts.

use std::fmt;

use super::{ANEW, REBUILT, Replaced};

/// What a customer in two tasks means, and what settles it.
const SPLIT_CUSTOMER: &str = "its totals would be split. Key the records by customer, so that all \
of one customer's records share a partition, in a topic of their own, or set source.partitioning = \
\"any\"";

pub(super) fn named(tenant: &str, customer: &str) -> String {
    format!("customer {customer:?} of tenant {tenant:?}")
}

pub(super) fn write_split_customer(
    f: &mut fmt::Formatter<'_>,
    who: &str,
    other: &str,
) -> fmt::Result {
    write!(f, "{who} is also in {other}: {SPLIT_CUSTOMER}, and count that with {ANEW}")
}

pub(super) fn write_customer_of_another_task(
    f: &mut fmt::Formatter<'_>,
    who: &str,
    other: &str,
) -> fmt::Result {
    write!(
        f,
        "{who} belongs to {other}, and its records were not re-keyed by this group: nobody else may \
         write to the internal topic. Count under {ANEW}"
    )
}

pub(super) fn write_record_gone(
    f: &mut fmt::Formatter<'_>,
    offset: i64,
    policy: Result<&String, &String>,
) -> fmt::Result {
    match policy {
        Ok(policy) => write!(
            f,
            "reading should go on at offset {offset}, but the last record that was read before \
                 it is no longer in the log, though earlier ones are, and the topic does not compact \
                 (cleanup.policy {policy:?}): the topic was recreated or truncated. Totals of other \
                 events would come under ids that their reader knows: count it with {ANEW}. Where it \
                 is the same log all the same, `odometer state adopt --rebind TASK` goes on"
        ),
        Err(reason) => write!(
            f,
            "reading should go on at offset {offset}, but the last record that was read before \
                 it is no longer in the log: compaction took it away, or the topic was recreated or \
                 truncated. Whether it compacts is not known ({reason}): let the user ask for that, \
                 and start again, or where it does `odometer state adopt --rebind TASK`; if it does \
                 not, count it with {ANEW}"
        ),
    }
}

pub(super) fn write_record_damaged(
    f: &mut fmt::Formatter<'_>,
    offset: i64,
    reason: &str,
) -> fmt::Result {
    write!(
        f,
        "reading should go on at offset {offset}, but the record that was read before it is in a \
         batch that the broker's disk has damaged ({reason}), so that it does not tell whether the \
         log is still the one that was read. Restore the partition from a good replica or, where \
         nobody has deleted or truncated the topic, move the beginning of its log to offset {offset} \
         (kafka-delete-records.sh) and start again, or have `odometer state adopt --rebind TASK` go on"
    )
}

pub(super) fn write_state_damaged(
    f: &mut fmt::Formatter<'_>,
    directory: &str,
    reason: &str,
) -> fmt::Result {
    write!(
        f,
        "the state in {directory} is damaged ({reason}): totals that rest on it might be wrong, so none \
         is made. Mend the disk and have `odometer state restore TASK` bring a checkpoint, or put a \
         copy of the directory in its place that is of the commit that the group's offset names or of \
         a later one; if there is none, {REBUILT} with {ANEW}"
    )
}

pub(super) fn write_state_of_other_form(
    f: &mut fmt::Formatter<'_>,
    directory: &str,
    reason: &str,
) -> fmt::Result {
    write!(
        f,
        "the state in {directory} was written by another version of odometer ({reason}): nothing is wrong \
         with it, so have that version go on with it. To stay with this one, `odometer state restore TASK` \
         brings a checkpoint that it can read; if there is none, put the state aside (`odometer state \
         discard` with its directory), and {REBUILT} with {ANEW}"
    )
}

pub(super) fn write_totals_replaced(
    f: &mut fmt::Formatter<'_>,
    replaced: &Replaced,
) -> fmt::Result {
    let Replaced { before, now, memory } = replaced;
    write!(
        f,
        "it was deleted and created anew (its id was {before}, and now is {now}): it lacks what was \
         delivered before, so that a correction may come without its first revision, and what was \
         sent last may be in it, or in neither. Where readers have what they need of the old one, \
         and what was sent last (`odometer state export` has it), `odometer state adopt sink-topics` takes \
         the new one into {memory}; else count the source topic again from source.start_from = \"earliest\" with {ANEW}"
    )
}

/// No order among rejects is to be kept, and no reader knows one by an id.
pub(super) fn write_rejects_replaced(
    f: &mut fmt::Formatter<'_>,
    replaced: &Replaced,
) -> fmt::Result {
    let Replaced { before, now, memory } = replaced;
    write!(
        f,
        "it was deleted and created anew (its id was {before}, and now is {now}): it lacks the \
         rejects before, and those that were sent last may be in it, or in neither. Where nobody \
         needs them any more, `odometer state adopt sink-topics` takes the new one into {memory}; to have \
         them again, count the source topic again from source.start_from = \"earliest\" with {ANEW}"
    )
}

pub(super) fn write_totals_partitions_changed(
    f: &mut fmt::Formatter<'_>,
    before: i32,
    now: i32,
    memory: &str,
) -> fmt::Result {
    write!(
        f,
        "it had {before} partitions and now has {now}: later revisions of a customer would go to \
         another partition, out of order with those before, and compaction would keep both. Where \
         readers can take that, `odometer state adopt sink-topics` takes the new number into {memory}; else \
         count the source topic again from source.start_from = \"earliest\" with {ANEW}"
    )
}
