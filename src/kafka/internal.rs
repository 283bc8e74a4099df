//! The internal topic that a source topic's events are re-keyed into: what it must be, and its making.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::limits::{Inquiry, topic_limit};
use super::making::{Making, make_topic};
use super::topic_id::topic_id;
use super::{Access, Error, TopicId, check_topics};

/// What the header of a re-keyed record, its framing and the broker's own take at most.
const ENVELOPE_BYTES: usize = 64 << 10;
/// What brokers take where nothing else is set.
const MESSAGE_BYTES: usize = 1_048_588;

/// What is to be made where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// Its name.
    pub name: &'w str,
    /// The source topic.
    pub source: &'w str,
    /// How many partitions; `None`: as many as the source topic has.
    pub partitions: Option<i32>,
    /// For how long it keeps records.
    pub retention_ms: i64,
    /// Whether it may be made: something that stood in it may be lost otherwise.
    pub may_be_made: bool,
}

/// Both topics as they are.
#[derive(Clone, Debug)]
pub struct Internal {
    /// How many partitions the source topic has.
    pub sources: i32,
    /// The source topic's id.
    pub source_id: Option<TopicId>,
    /// How many the internal topic has.
    pub partitions: i32,
    /// Its id.
    pub id: Option<TopicId>,
    /// How large a record of it may be.
    pub message_bytes_max: usize,
}

/// What is wrong with an internal topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InternalFault {
    /// It is gone, and was written to.
    Gone(String),
    /// It has another number of partitions than the settings say.
    OtherPartitions {
        /// Its name.
        topic: String,
        /// How many it has.
        found: i32,
        /// How many it is to have.
        wanted: i32,
    },
    /// It is compacted.
    Compacted(String),
}

impl fmt::Display for InternalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InternalFault::Gone(topic) => write!(
                f,
                "internal topic {topic:?} does not exist any more, though the group has re-keyed events \
                 into it: those that were not counted are lost to it. Count under another \
                 source.group_id from here on, with other topics of totals and rejects"
            ),
            InternalFault::OtherPartitions { topic, found, wanted } => write!(
                f,
                "internal topic {topic:?} has {found} partitions, and source.rekeyed_partitions is \
                 {wanted}: set it to {found}, or leave it out; the number cannot be changed later"
            ),
            InternalFault::Compacted(topic) => write!(
                f,
                "internal topic {topic:?} is compacted, and its records have no keys: set its \
                 cleanup.policy to delete"
            ),
        }
    }
}

/// Looks at both topics; makes the internal one where there is none.
///
/// # Errors
/// A broker that does not answer or does not let it be made, or a topic that is not as it must be.
pub fn internal_topic(
    source: &BTreeMap<String, String>,
    sink: &BTreeMap<String, String>,
    wanted: &Wanted<'_>,
    timeout: Duration,
) -> Result<Internal, Error> {
    let (counts, _) = check_topics(source, &[(wanted.source, Access::Read)], timeout)?;
    let sources = counts[0];
    let source_id = topic_id(source, wanted.source, timeout)?;
    let found = check_topics(sink, &[(wanted.name, Access::Write)], timeout);
    let partitions = match found {
        Ok((counts, _)) => counts[0],
        Err(Error::TopicMissing(topic)) if !wanted.may_be_made => {
            return Err(Error::Internal(InternalFault::Gone(topic)));
        }
        Err(Error::TopicMissing(_)) => make(source, sink, wanted, sources, timeout)?,
        Err(error) => return Err(error),
    };
    if let Some(count) = wanted.partitions.filter(|count| *count != partitions) {
        let topic = wanted.name.to_owned();
        let fault = InternalFault::OtherPartitions { topic, found: partitions, wanted: count };
        return Err(Error::Internal(fault));
    }
    let policy = Inquiry::open(sink, timeout)?.of_topic(wanted.name, "cleanup.policy")?;
    if policy.is_ok_and(|policy| policy.contains("compact")) {
        return Err(Error::Internal(InternalFault::Compacted(wanted.name.to_owned())));
    }
    // Where it is not told, what a topic of our own making takes at the least.
    let limit = topic_limit(sink, wanted.name, timeout)?;
    let message_bytes_max = limit.unwrap_or(MESSAGE_BYTES + ENVELOPE_BYTES);
    let id = topic_id(sink, wanted.name, timeout)?;
    Ok(Internal { sources, source_id, partitions, id, message_bytes_max })
}

/// Makes it, so that it takes every record that the source topic takes; how many partitions it has then.
fn make(
    source: &BTreeMap<String, String>,
    sink: &BTreeMap<String, String>,
    wanted: &Wanted<'_>,
    sources: i32,
    timeout: Duration,
) -> Result<i32, Error> {
    let longest = topic_limit(source, wanted.source, timeout)?.unwrap_or(MESSAGE_BYTES);
    let settings = [
        ("cleanup.policy", "delete".to_owned()),
        ("retention.ms", wanted.retention_ms.to_string()),
        ("max.message.bytes", longest.saturating_add(ENVELOPE_BYTES).to_string()),
    ];
    let partitions = wanted.partitions.unwrap_or(sources);
    let what = "making the internal topic";
    let making = Making { name: wanted.name, partitions, settings: &settings, what };
    make_topic(sink, &making, timeout)?;
    tracing::info!(topic = wanted.name, partitions, "an internal topic is made");
    // Brokers may know of it a little later: the caller asks again.
    match check_topics(sink, &[(wanted.name, Access::Write)], timeout) {
        Err(Error::TopicMissing(_)) => Err(Error::Leaderless((0..partitions).collect())),
        found => found.map(|(counts, _)| counts[0]),
    }
}
