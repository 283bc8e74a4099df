//! A note beside a lasting state that its outputs are whole and about to appear: a run that is killed from then on has
//! delivered, and the next run on the state puts in place what is missing.
//!
//! ```text
//! outputs settled ─► note ─► rejects, summary, totals renamed ─► outbox trimmed
//!      killed: delivered by the next run      killed: put in place by the next run
//! ```
//! Only files can be handed over: what goes to a stream may have come through or not, and is sent again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Outputs, file_failure};
use crate::daemon::CommandError;
use crate::file::{Handover, Spool, Target};

const NAME: &str = "handover.json";

/// Of the fields. One of another version, or one that is damaged, cannot tell what is delivered, and nothing else can.
const VERSION: u32 = 1;

/// Which outputs hold all that the state's outbox did at a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    version: u32,
    /// Number of the state's last commit.
    commit: u64,
    /// In the order in which they appear.
    outputs: Vec<Handover>,
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Note {
    /// Of outputs in the order in which they appear.
    pub(super) fn new(commit: u64, outputs: Vec<Handover>) -> Self {
        Note { version: VERSION, commit, outputs }
    }

    /// Notes it: from here on the outputs are delivered.
    pub(super) fn write(&self, directory: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_vec(self).expect("plain fields are JSON");
        let mut spool = Spool::create(&Target::File(path_in(directory))).map_err(file_failure)?;
        spool.write(&text).and_then(|()| spool.publish()).map_err(file_failure)
    }

    /// Puts the outputs of a run in place that was killed before it could, and says whether all that the state's outbox
    /// holds is delivered thereby.
    ///
    /// It is not where one is lost, or where this run writes a file of the same name: it would take away what the
    /// other one gave, and so has to give it again.
    pub(super) fn complete(
        directory: &Path,
        commit: u64,
        outputs: &Outputs,
    ) -> Result<bool, CommandError> {
        let note = Self::read(directory)?;
        let Some(note) = note.filter(|note| note.commit == commit) else { return Ok(false) };
        let is_replaced = |output: &Handover| outputs.places().any(|place| place == output.place());
        if note.outputs.iter().any(|output| !output.is_there() || is_replaced(output)) {
            return Ok(false);
        }
        for output in &note.outputs {
            output.complete().map_err(file_failure)?;
            let path = output.place().display();
            tracing::info!(%path, "an earlier run was cut off at its end: its output is in place");
        }
        Ok(true)
    }

    fn read(directory: &Path) -> Result<Option<Self>, CommandError> {
        let path = path_in(directory);
        let text = match fs::read(&path) {
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

fn path_in(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: what is written by one version is read by those after it.
    const VERSION_1: &str = include_str!("../../../tests/data/formats/handover-1.json");

    fn put(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(path_in(folder.path()), text).expect("it can be written");
        folder
    }

    #[test]
    fn version_1_is_read_and_written() {
        let note = Note::read(put(VERSION_1).path()).expect("it can be read").expect("it is there");
        assert_eq!((note.version, note.commit), (1, 7));
        let places: Vec<&Path> = note.outputs.iter().map(Handover::place).collect();
        assert_eq!(places, [Path::new("/data/rejects"), Path::new("/data/totals")]);
        assert_eq!(serde_json::to_string(&note).expect("plain data"), VERSION_1.trim_end());
        assert_eq!(Note::new(note.commit, note.outputs.clone()), note);
    }

    #[test]
    fn other_versions_and_damaged_ones_are_refused() {
        for (text, words) in [
            (VERSION_1.replace("\"version\":1", "\"version\":2"), "is of version 2 and not of 1"),
            (VERSION_1.replace("\"version\":1,", ""), "is damaged"),
            (VERSION_1.replace("commit", "comit"), "is damaged"),
            (String::new(), "is damaged"),
        ] {
            let error = Note::read(put(&text).path()).expect_err("it cannot be read");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
