//! The metadata of an offset that the stage committed: what it had made of the source partition up to there.
//!
//! ```text
//! odometer-rekey/1 progress=<micros, quiet or -> sources=<n> partitions=<n> topic=<id of the internal topic, or ->
//! ```

use crate::engine::Progress;
use crate::model::EventTime;

const HEAD: &str = "odometer-rekey/1";
const NONE: &str = "-";
const QUIET: &str = "quiet";

/// What is known of a source partition at its committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneNote {
    /// How far it has come.
    pub progress: Option<Progress>,
    /// How many partitions the source topic had.
    pub sources: u32,
    /// How many the internal topic had: they decide where a customer goes.
    pub partitions: u32,
    /// The internal topic's id, where its broker tells one.
    pub topic: Option<String>,
}

/// The metadata.
pub fn encode_note(note: &LaneNote) -> String {
    let LaneNote { progress, sources, partitions, topic } = note;
    let progress = match progress {
        None => NONE.to_owned(),
        Some(Progress::Quiet) => QUIET.to_owned(),
        Some(Progress::Reached(at)) => at.micros().to_string(),
    };
    let topic = topic.as_deref().unwrap_or(NONE);
    format!("{HEAD} progress={progress} sources={sources} partitions={partitions} topic={topic}")
}

/// Inverse of [`encode_note`]; `None` for a text of another form.
pub fn decode_note(text: &str) -> Option<LaneNote> {
    let mut words = text.split(' ');
    if words.next()? != HEAD {
        return None;
    }
    let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let progress = match field("progress")? {
        NONE => None,
        QUIET => Some(Progress::Quiet),
        micros => Some(Progress::Reached(EventTime::from_micros(micros.parse().ok()?))),
    };
    let sources = field("sources")?.parse().ok()?;
    let partitions = field("partitions")?.parse().ok()?;
    let topic = match field("topic")? {
        "" => return None,
        NONE => None,
        id => Some(id.to_owned()),
    };
    words.next().is_none().then_some(LaneNote { progress, sources, partitions, topic })
}
