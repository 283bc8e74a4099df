//! Where a lane goes on: decided from what the group has committed for its source topic, and from nothing else.
//!
//! The offset and what was made of the records before it were committed in one transaction with their copies, so neither is
//! ever guessed once there is one.

use std::fmt;

use super::note::{LaneNote, decode_note};
use crate::engine::{Progress, StartFrom};

/// What is known when a source partition is given to the stage.
#[derive(Clone, Debug)]
pub struct LaneFacts<'f> {
    /// Its number.
    pub partition: u32,
    /// The committed offset and its metadata.
    pub committed: Option<(i64, &'f str)>,
    /// What the group has noted for the topic's partitions, as far as it has noted anything.
    pub notes: &'f [LaneNote],
    /// How the topics are now; its progress means nothing.
    pub now: &'f LaneNote,
    /// Whether nothing was ever written to the internal topic, asked before what is committed.
    pub is_internal_new: bool,
    /// First offset of the log.
    pub log_start: i64,
    /// One past the last.
    pub log_end: i64,
    /// What the settings say.
    pub start_from: Option<StartFrom>,
}

/// Where a lane goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaneStart {
    /// At its beginning, which is to be committed before anything is read.
    Begin {
        /// The offset.
        offset: i64,
    },
    /// Where it was left.
    GoOn {
        /// The offset.
        offset: i64,
        /// How far it had come.
        progress: Option<Progress>,
        /// How many partitions the source topic had when it was begun.
        sources: u32,
    },
}

/// Why a lane cannot go on: nothing of its topic is read then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaneFault {
    /// Somebody else's offset.
    Foreign {
        /// The offset.
        offset: i64,
        /// Its metadata.
        metadata: String,
    },
    /// The source topic is another one than it was.
    SourceReplaced {
        /// Its id before.
        before: String,
        /// And now.
        now: String,
    },
    /// The internal topic is.
    IntoReplaced {
        /// Its id before.
        before: String,
        /// And now.
        now: String,
    },
    /// The internal topic has another number of partitions.
    IntoResized {
        /// How many it had.
        before: u32,
        /// And has now.
        now: u32,
    },
    /// The group's offsets are gone, while the internal topic was written to.
    OffsetsGone,
    /// Neither an offset nor a setting says where to begin.
    NothingToStartFrom,
    /// The log no longer has what follows the offset.
    OutOfLog {
        /// The offset.
        offset: i64,
        /// First offset of the log.
        log_start: i64,
        /// One past the last.
        log_end: i64,
    },
}

/// Decides where a lane goes on.
///
/// # Errors
/// Why it cannot.
pub fn begin(facts: &LaneFacts<'_>) -> Result<LaneStart, LaneFault> {
    for note in facts.notes {
        agree(note, facts.now)?;
    }
    let LaneFacts { log_start, log_end, .. } = *facts;
    if let Some((offset, metadata)) = facts.committed {
        let foreign = || LaneFault::Foreign { offset, metadata: metadata.to_owned() };
        let note = decode_note(metadata).ok_or_else(foreign)?;
        agree(&note, facts.now)?;
        if offset < log_start || offset > log_end {
            return Err(LaneFault::OutOfLog { offset, log_start, log_end });
        }
        let LaneNote { progress, sources, .. } = note;
        return Ok(LaneStart::GoOn { offset, progress, sources });
    }
    // What was begun before the topic got it says so for ever, whatever was committed since.
    let is_added = facts.notes.iter().any(|note| note.sources <= facts.partition);
    let offset = match facts.start_from {
        // A partition that the topic got since holds nothing but what came since.
        _ if is_added => log_start,
        _ if facts.notes.is_empty() && !facts.is_internal_new => {
            return Err(LaneFault::OffsetsGone);
        }
        None => return Err(LaneFault::NothingToStartFrom),
        Some(StartFrom::Earliest) => log_start,
        Some(StartFrom::Latest) => log_end,
    };
    Ok(LaneStart::Begin { offset })
}

/// Whether the topics are still those that something was noted of.
fn agree(before: &LaneNote, now: &LaneNote) -> Result<(), LaneFault> {
    let differs = |before: &Option<String>, now: &Option<String>| match (before, now) {
        (Some(before), Some(now)) if before != now => Some((before.clone(), now.clone())),
        _ => None,
    };
    if let Some((before, now)) = differs(&before.source, &now.source) {
        return Err(LaneFault::SourceReplaced { before, now });
    }
    if let Some((before, now)) = differs(&before.into, &now.into) {
        return Err(LaneFault::IntoReplaced { before, now });
    }
    if before.partitions != now.partitions {
        return Err(LaneFault::IntoResized { before: before.partitions, now: now.partitions });
    }
    Ok(())
}

/// What would settle it all: nothing that was delivered is counted again.
const ANEW: &str =
    "count under another source.group_id from here on, with other topics of totals and rejects";

impl fmt::Display for LaneFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaneFault::Foreign { offset, metadata } => write!(
                f,
                "offset {offset} was not committed by a stage that re-keys (its metadata is {metadata:?}): \
                 a group that has counted the topic by customer cannot count it otherwise. Set \
                 source.partitioning = \"customer\" again, or {ANEW}"
            ),
            LaneFault::SourceReplaced { before, now } => write!(
                f,
                "the source topic was deleted and created anew (its id was {before}, and is {now}): {ANEW}"
            ),
            LaneFault::IntoReplaced { before, now } => write!(
                f,
                "the internal topic was deleted and created anew (its id was {before}, and is {now}): what \
                 it held and was not counted is lost to it. Rebuild the totals: {ANEW}"
            ),
            LaneFault::IntoResized { before, now } => write!(
                f,
                "the internal topic has {now} partitions, and had {before} when it was first written to: \
                 customers would move. Give it {before} again, or {ANEW}"
            ),
            LaneFault::OffsetsGone => write!(
                f,
                "the group has no committed offset for the source topic, while its internal topic was \
                 written to: offsets of a group without members expire (offsets.retention.minutes). \
                 Where it was left cannot be known: {ANEW}"
            ),
            LaneFault::NothingToStartFrom => f.write_str(
                "there is no committed offset, and source.start_from is unset: set it to \"earliest\" or \
                 \"latest\"",
            ),
            LaneFault::OutOfLog { offset, log_start, log_end } => write!(
                f,
                "offset {offset}, where it was left, is not in the log, which has {log_start} to {log_end}: \
                 records that were not re-keyed are gone. Raise the topic's retention, and {ANEW}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rekeyed::encode_note;
    use crate::model::EventTime;

    fn note() -> LaneNote {
        let id = |id: &str| Some(id.to_owned());
        LaneNote { progress: None, sources: 3, source: id("s"), partitions: 4, into: id("i") }
    }

    fn facts<'f>(now: &'f LaneNote, notes: &'f [LaneNote]) -> LaneFacts<'f> {
        LaneFacts {
            partition: 1,
            committed: None,
            notes,
            now,
            is_internal_new: true,
            log_start: 5,
            log_end: 9,
            start_from: Some(StartFrom::Earliest),
        }
    }

    #[test]
    fn lane_goes_on_where_it_was_left_whatever_the_settings_say() {
        let progress = Some(Progress::Reached(EventTime::from_micros(8)));
        let text = encode_note(&LaneNote { progress, ..note() });
        for start_from in [None, Some(StartFrom::Earliest), Some(StartFrom::Latest)] {
            for (offset, is_there) in [(4, false), (5, true), (9, true), (10, false)] {
                let now = note();
                let committed = Some((offset, text.as_str()));
                let found = begin(&LaneFacts { committed, start_from, ..facts(&now, &[]) });
                if is_there {
                    assert_eq!(found, Ok(LaneStart::GoOn { offset, progress, sources: 3 }));
                } else {
                    let fault = LaneFault::OutOfLog { offset, log_start: 5, log_end: 9 };
                    assert_eq!(found, Err(fault));
                }
            }
        }
    }

    #[test]
    fn lane_without_an_offset_begins_only_where_nothing_was_ever_moved() {
        let now = note();
        let begin_at = |offset| Ok(LaneStart::Begin { offset });
        assert_eq!(begin(&facts(&now, &[])), begin_at(5));
        let latest = LaneFacts { start_from: Some(StartFrom::Latest), ..facts(&now, &[]) };
        assert_eq!(begin(&latest), begin_at(9));
        let unset = LaneFacts { start_from: None, ..facts(&now, &[]) };
        assert_eq!(begin(&unset), Err(LaneFault::NothingToStartFrom));
        let written = LaneFacts { is_internal_new: false, ..facts(&now, &[]) };
        assert_eq!(begin(&written), Err(LaneFault::OffsetsGone));
        // A sibling has begun, and perhaps written, while this one was about to.
        let notes = [note()];
        let sibling = LaneFacts { is_internal_new: false, ..facts(&now, &notes) };
        assert_eq!(begin(&sibling), begin_at(5));
    }

    #[test]
    fn partition_that_was_added_is_read_from_its_beginning() {
        let now = LaneNote { sources: 4, ..note() };
        let notes = [note()];
        for start_from in [None, Some(StartFrom::Latest)] {
            let added = LaneFacts {
                partition: 3,
                start_from,
                is_internal_new: false,
                ..facts(&now, &notes)
            };
            assert_eq!(begin(&added), Ok(LaneStart::Begin { offset: 5 }));
        }
    }

    #[test]
    fn lane_says_for_ever_how_many_partitions_there_were_when_it_was_begun() {
        // Else one that goes on could hide from a sibling that it was added.
        let text = encode_note(&note());
        let now = LaneNote { sources: 4, ..note() };
        let own = LaneFacts { committed: Some((6, &text)), ..facts(&now, &[]) };
        let found = begin(&own);
        assert_eq!(found, Ok(LaneStart::GoOn { offset: 6, progress: None, sources: 3 }));
    }

    #[test]
    fn lane_does_not_go_on_between_topics_that_are_others() {
        let text = encode_note(&note());
        let other = Some("x".to_owned());
        let (x, s, i) = ("x".to_owned(), "s".to_owned(), "i".to_owned());
        for (now, fault) in [
            (
                LaneNote { source: other.clone(), ..note() },
                LaneFault::SourceReplaced { before: s, now: x.clone() },
            ),
            (LaneNote { into: other, ..note() }, LaneFault::IntoReplaced { before: i, now: x }),
            (LaneNote { partitions: 5, ..note() }, LaneFault::IntoResized { before: 4, now: 5 }),
        ] {
            let own = LaneFacts { committed: Some((6, &text)), ..facts(&now, &[]) };
            assert_eq!(begin(&own), Err(fault.clone()));
            let notes = [note()];
            assert_eq!(begin(&facts(&now, &notes)), Err(fault), "by what a sibling has noted");
        }
        let now = LaneNote { source: None, into: None, ..note() };
        let own = LaneFacts { committed: Some((6, &text)), ..facts(&now, &[]) };
        assert!(begin(&own).is_ok(), "brokers that tell no id are held to the number alone");
    }

    #[test]
    fn offset_of_somebody_else_is_refused() {
        let of_task = "odometer/1 commit=abababababababababababababababab genesis=0 sequence=17 \
                       watermark=-5 partitions=4";
        let now = note();
        for metadata in ["", of_task] {
            let own = LaneFacts { committed: Some((6, metadata)), ..facts(&now, &[]) };
            let fault = LaneFault::Foreign { offset: 6, metadata: metadata.to_owned() };
            assert_eq!(begin(&own), Err(fault));
        }
    }
}
