//! The metadata of an offset that the stage committed: what it had made of the source partition up to there.
//!
//! ```text
//! odometer-rekey/1 progress=<micros, quiet or -> sources=<n> source=<id or -> partitions=<n> into=<id or ->
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
    /// How many partitions the source topic had when this one was begun; it stays.
    pub sources: u32,
    /// The source topic's id, where its broker tells one.
    pub source: Option<String>,
    /// How many partitions the internal topic had: they decide where a customer goes.
    pub partitions: u32,
    /// The internal topic's id.
    pub into: Option<String>,
}

/// The metadata.
pub fn encode_note(note: &LaneNote) -> String {
    let LaneNote { progress, sources, source, partitions, into } = note;
    let progress = match progress {
        None => NONE.to_owned(),
        Some(Progress::Quiet) => QUIET.to_owned(),
        Some(Progress::Reached(at)) => at.micros().to_string(),
    };
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| NONE.to_owned());
    let (source, into) = (id(source), id(into));
    format!(
        "{HEAD} progress={progress} sources={sources} source={source} partitions={partitions} into={into}"
    )
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
    let source = id_of(field("source")?);
    let partitions = field("partitions")?.parse().ok()?;
    let into = id_of(field("into")?);
    words.next().is_none().then_some(LaneNote { progress, sources, source, partitions, into })
}

/// What stands for an id, where there is one.
fn id_of(text: &str) -> Option<String> {
    (text != NONE).then(|| text.to_owned())
}
