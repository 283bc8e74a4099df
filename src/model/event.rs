//! A usage fact in canonical form (rule 1.1), borrowed from the record it was read from.

use std::borrow::Cow;

use super::json::Object;
use super::time::EventTime;

/// One usage event. The five identifying texts are non-empty and at most 512 bytes each (rule 1.1).
#[derive(Clone, Debug)]
pub struct Event<'d> {
    /// Whose metrics it is for.
    pub tenant: Cow<'d, str>,
    /// Its identity within the tenant (rule 2.1).
    pub id: Cow<'d, str>,
    /// What joins that identity: none for most formats; an absent part is empty.
    pub scope: Vec<Cow<'d, str>>,
    /// Which metrics want it (rule 5.1).
    pub event_type: Cow<'d, str>,
    /// Who is billed.
    pub customer: Cow<'d, str>,
    /// When the usage happened.
    pub time: EventTime,
    /// What the expressions read; empty where the event had none.
    pub properties: Object<'d>,
}

/// Where an event was read: enough for a person to find it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourcePosition {
    /// Offset in the task's topic partition.
    Offset(i64),
    /// Partition and offset in the topic that its events were re-keyed from.
    Rekeyed {
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// A line of a file.
    Line {
        /// Which of the task's files, counted from 0.
        file: u32,
        /// Counted from 1.
        line: u64,
        /// Byte at which the line starts.
        offset: u64,
    },
}
