//! A note beside a lasting state that its outputs are whole and about to appear: a run that is killed from then on has
//! delivered, and the next run on the state puts in place what is missing.
//!
//! ```text
//! outputs settled ─► note ─► rejects, summary, totals renamed ─► note renamed, last of all ─► (next run) outbox trimmed
//!      killed: delivered by the next run      killed: put in place by the next run
//! ```
//! Until the run has ended, whoever started it may start it again with outputs of the same names, and what they held has
//! to come again: so the outbox is trimmed no sooner than by the next run. Only files can be handed over: what goes to a
//! stream may have come through or not, and is sent again.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Outputs, file_failure};
use crate::daemon::CommandError;
use crate::engine::CommitRecord;
use crate::file::{Handover, Spool, Target};
use crate::format::OutgoingKind;

const NAME: &str = "handover.json";
/// Its name once the run has come to its end.
const FINISHED_NAME: &str = "finished.json";

/// Of the fields. One of another version, or one that is damaged, cannot tell what is delivered, and nothing else can.
const VERSION: u32 = 1;

/// Which outputs hold all that the state's outbox did at a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    version: u32,
    /// Number of that commit.
    commit: u64,
    /// Sequence of the last outbox entry that they hold.
    through: u64,
    /// In the order in which they appear: rejects, where these are kept, and totals.
    outputs: Vec<Handover>,
}

/// What of the outbox is delivered, by the outputs of a run that was killed before it could say so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Delivered {
    /// Sequence of the last entry that this is about.
    pub(super) through: u64,
    /// Whether totals are.
    pub(super) totals: bool,
    /// Whether rejects are.
    pub(super) rejects: bool,
}

impl Delivered {
    /// Whether an entry is.
    pub(super) fn has(&self, sequence: u64, kind: OutgoingKind) -> bool {
        let is_of_it = match kind {
            OutgoingKind::Total(_) => self.totals,
            OutgoingKind::Reject => self.rejects,
        };
        is_of_it && sequence <= self.through
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Note {
    /// Of outputs in the order in which they appear.
    pub(super) fn new(last: &CommitRecord, outputs: Vec<Handover>) -> Self {
        Note { version: VERSION, commit: last.number, through: last.outbox_last, outputs }
    }

    /// Notes it: from here on the outputs are delivered.
    pub(super) fn write(&self, directory: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_vec(self).expect("plain fields are JSON");
        let place = Target::File(directory.join(NAME));
        let mut spool = Spool::create(&place).map_err(file_failure)?;
        spool.write(&text).and_then(|()| spool.publish()).map_err(file_failure)
    }

    /// Notes that the run has come to its end: nothing of it comes after this.
    pub(super) fn finish(directory: &Path) -> Result<(), CommandError> {
        let path = directory.join(NAME);
        let failed = |error| CommandError::failed_by(format!("renaming {}", path.display()), error);
        fs::rename(&path, directory.join(FINISHED_NAME)).map_err(failed)
    }

    /// Number of the last commit of the last run that came to its end; `None`: none did.
    pub(super) fn finished(directory: &Path) -> Result<Option<u64>, CommandError> {
        let note = Self::read(&directory.join(FINISHED_NAME))?;
        Ok(note.map(|note| note.commit))
    }

    /// Puts the outputs of a run in place that was killed before it could, and says what of the state's outbox is
    /// delivered thereby.
    ///
    /// What was in an output is not where that one is lost, or where this run writes a file of the same name: it would take
    /// away what the other one gave, and so has to give it again.
    pub(super) fn complete(directory: &Path, outputs: &Outputs) -> Result<Delivered, CommandError> {
        let Some(note) = Self::read(&directory.join(NAME))? else {
            return Ok(Delivered::default());
        };
        let is_replaced = |output: &Handover| outputs.places().any(|place| place == output.place());
        let mut stands = Vec::with_capacity(note.outputs.len());
        for output in &note.outputs {
            stands.push(output.is_there() && !is_replaced(output));
            if stands.last() == Some(&true) {
                let path = output.place().display();
                output.complete().map_err(file_failure)?;
                tracing::info!(%path, "an earlier run was cut off at its end: its output is in place");
            }
        }
        // Where only totals were kept, nobody wanted to see rejects.
        let (totals, rejects) = match stands.as_slice() {
            [totals] => (*totals, true),
            [rejects, totals] => (*totals, *rejects),
            _ => (false, false),
        };
        Ok(Delivered { through: note.through, totals, rejects })
    }

    fn read(path: &Path) -> Result<Option<Self>, CommandError> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| {
                CommandError::failed_by(format!("cannot read {}", path.display()), error)
            })?,
        };
        let refused = |what: String| {
            CommandError::failed(format!(
                "{} {what}, so that it cannot be told what an earlier run delivered; remove it to have that delivered \
                 again",
                path.display()
            ))
        };
        let damaged = |error| refused(format!("is damaged ({error})"));
        match serde_json::from_slice(&text).map_err(damaged)? {
            Versioned { version: VERSION } => {}
            Versioned { version } => {
                let what = format!("is of version {version} and not of {VERSION}");
                return Err(refused(what));
            }
        }
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: what is written by one version is read by those after it.
    const VERSION_1: &str = include_str!("../../../tests/data/formats/handover-1.json");

    fn put(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(NAME), text).expect("it can be written");
        folder
    }

    #[test]
    fn version_1_is_read_and_written() {
        let folder = put(VERSION_1);
        let note = Note::read(&folder.path().join(NAME)).expect("it can be read");
        let note = note.expect("it is there");
        assert_eq!((note.version, note.commit, note.through), (1, 3, 7));
        let places: Vec<&Path> = note.outputs.iter().map(Handover::place).collect();
        assert_eq!(places, [Path::new("/data/rejects"), Path::new("/data/totals")]);
        assert_eq!(serde_json::to_string(&note).expect("plain data"), VERSION_1.trim_end());
    }

    #[test]
    fn other_versions_and_damaged_ones_are_refused() {
        for (text, words) in [
            (VERSION_1.replace("\"version\":1", "\"version\":2"), "is of version 2 and not of 1"),
            (VERSION_1.replace("\"version\":1,", ""), "is damaged"),
            (VERSION_1.replace("through", "thru"), "is damaged"),
            (String::new(), "is damaged"),
        ] {
            let folder = put(&text);
            let error = Note::read(&folder.path().join(NAME)).expect_err("it cannot be read");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
