//! A note beside a lasting state that its outputs are whole and about to appear: a run that is killed from then on has
//! delivered, and the next run on the state puts in place what is missing.
//!
//! ```text
//! outputs settled ─► note ─► rejects, summary, totals renamed ─► outbox trimmed
//!      killed: delivered by the next run      killed: put in place by the next run
//! ```
//! Only files can be handed over: what goes to a stream may have come through or not, and is sent again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Outputs, file_failure};
use crate::daemon::CommandError;
use crate::file::{Handover, Spool, Target};

const NAME: &str = "handover.json";

/// Which outputs hold all that the state's outbox did at a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// Number of the state's last commit.
    pub(super) commit: u64,
    /// In the order in which they appear.
    pub(super) outputs: Vec<Handover>,
}

impl Note {
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
        let read = fs::read(path_in(directory)).ok();
        let note: Option<Note> = read.and_then(|text| serde_json::from_slice(&text).ok());
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
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join(NAME)
}
