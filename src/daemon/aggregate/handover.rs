//! A note beside a lasting state of which outputs hold what of its outbox: a run that is killed once its outputs are whole
//! has delivered, and the next run on the state puts in place what is missing.
//!
//! ```text
//! outputs settled ─► note ─► rejects, summary, totals renamed ─► note renamed, last of all ─► (next run) outbox trimmed
//!      killed: delivered by the next run      killed: put in place by the next run
//! ```
//! Until the run has ended, whoever started it may start it again with outputs of the same names, and what they held has
//! to come again: so the outbox is trimmed no sooner than by the next run after one that came to its end, and until then
//! each note carries on what those before it said. Only files can be handed over: what goes to a stream may have come
//! through or not, and is sent again.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pieces::{Delivered, Delivery, Kind, Of, Piece};
use super::{Outputs, file_failure};
use crate::daemon::CommandError;
use crate::engine::CommitRecord;
use crate::file::{Handover, Located, Spool, Target};

const NAME: &str = "handover.json";
/// Its name once the run has come to its end.
const FINISHED_NAME: &str = "finished.json";

/// Of the fields. One of another version, or one that is damaged, cannot tell what is delivered, and nothing else can.
const VERSION: u32 = 3;

/// Which outputs hold what the state's outbox did at a commit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    version: u32,
    /// Number of that commit.
    commit: u64,
    /// Number of the commit from which on its summary tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_since: Option<u64>,
    /// Those of earlier runs first; of one run in the order in which they appear: rejects, summary, totals.
    pieces: Vec<Piece>,
}

impl Note {
    /// Of a run that delivered what was not, to rejects, summary and totals, and told of what came after the commit of that
    /// number. `directory` is the state's.
    pub(super) fn new(
        directory: &Path,
        (told_since, last): (u64, &CommitRecord),
        delivered: Delivered,
        [rejects, summary, totals]: [Delivery; 3],
    ) -> Result<Self, CommandError> {
        let base = real(directory)?;
        let rejects = match (rejects, &totals) {
            // They come again with the totals.
            (Delivery::Nowhere, Delivery::File(output, _)) => Delivery::File(output.clone(), 0),
            (rejects, _) => rejects,
        };
        let own = [(Kind::Rejects, rejects), (Kind::Summary, summary), (Kind::Totals, totals)];
        let own = own.map(|(kind, delivery)| {
            let Delivery::File(output, count) = delivery else { return None };
            let entries = match kind {
                Kind::Summary => Vec::new(),
                Kind::Rejects | Kind::Totals => delivered.rest(kind, last.outbox_last),
            };
            Some(Piece { kind, entries, count, output: output.seen_from(&base), of: Of::Own })
        });
        let Delivered { mut pieces, replaced, .. } = delivered;
        pieces.extend(replaced);
        pieces.extend(own.into_iter().flatten());
        Ok(Note { version: VERSION, commit: last.number, told_since: Some(told_since), pieces })
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

    /// Number of the greatest commit that a run noted: a state that has fewer has lost some.
    pub(super) fn newest_commit(directory: &Path) -> Result<Option<u64>, CommandError> {
        let read = |name: &str| Self::read(&directory.join(name));
        let notes = [read(NAME)?, read(FINISHED_NAME)?];
        Ok(notes.into_iter().flatten().map(|note| note.commit).max())
    }

    /// Number of the last commit of the last run that came to its end; `None`: none did.
    pub(super) fn finished(directory: &Path) -> Result<Option<u64>, CommandError> {
        let note = Self::read(&directory.join(FINISHED_NAME))?;
        Ok(note.map(|note| note.commit))
    }

    /// Puts the outputs of runs in place that were killed before they could, and says what of the state's outbox is
    /// delivered thereby. `trimmed` is the sequence of the last entry that it does not have any more.
    ///
    /// What was in an output is not where that one is not found, or where this run writes a file of the same name: it would
    /// take away what the other one gave, and so has to give it again.
    ///
    /// # Errors
    /// Where this run would take away what it cannot give again, as the outbox was trimmed after a run in between.
    pub(super) fn complete(
        directory: &Path,
        outputs: &Outputs,
        trimmed: u64,
    ) -> Result<Delivered, CommandError> {
        let base = real(directory)?;
        let Killed { commit, untold, pieces } = Self::of_killed(directory)?;
        let mut delivered = Delivered { commit, trimmed, ..Delivered::default() };
        let found = pieces.into_iter().filter_map(|piece| {
            let output = piece.output.locate(&base)?;
            Some((piece, output))
        });
        let mut found: VecDeque<(Piece, Located)> = found.collect();
        while let Some((piece, output)) = found.pop_front() {
            // It is gone once a later one is put into its place.
            if found.iter().any(|(_, later)| later.replaces(&output)) {
                continue;
            }
            if outputs.places().any(|place| place == output.place()) {
                if piece.is_last_copy(trimmed) {
                    return Err(would_be_lost(output.place()));
                }
                delivered.replaced.push(Piece { of: Of::Replaced, ..piece });
                continue;
            }
            if output.complete().map_err(file_failure)? {
                let path = output.place().display();
                tracing::info!(%path, "an earlier run was cut off at its end: its output is in place");
            }
            delivered.pieces.push(piece);
        }
        delivered.untold_since = untold.and_then(|(since, summary)| {
            let is_it = |piece: &Piece| piece.kind == Kind::Summary && piece.output == summary;
            (!delivered.pieces.iter().any(is_it)).then_some(since)
        });
        Ok(delivered)
    }

    /// What runs hold that did not say that they came to their end.
    fn of_killed(directory: &Path) -> Result<Killed, CommandError> {
        if let Some(mut note) = Self::read(&directory.join(NAME))? {
            let is_it = |piece: &&Piece| piece.kind == Kind::Summary && piece.of == Of::Own;
            let summary = note.pieces.iter().find(is_it).map(|piece| piece.output.clone());
            note.pieces.iter_mut().for_each(|piece| piece.of = Of::Earlier);
            let untold = note.told_since.zip(summary);
            return Ok(Killed { commit: Some(note.commit), untold, pieces: note.pieces });
        }
        let Some(mut note) = Self::read(&directory.join(FINISHED_NAME))? else {
            return Ok(Killed::default());
        };
        note.pieces.retain(|piece| piece.of == Of::Earlier);
        Ok(Killed { pieces: note.pieces, ..Killed::default() })
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
            Versioned { version: 2..=VERSION } => {
                let note: Self = serde_json::from_slice(&text).map_err(damaged)?;
                Ok(Note { version: VERSION, ..note })
            }
            Versioned { version: 1 } => {
                let note: Version1 = serde_json::from_slice(&text).map_err(damaged)?;
                Ok(note.into())
            }
            Versioned { version } => {
                let what = format!("is of version {version} and not of {VERSION}");
                return Err(refused(what));
            }
        }
        .map(Some)
    }
}

/// What is known of runs that did not say that they came to their end.
#[derive(Default)]
struct Killed {
    /// Number of the last commit of the last of them; `None`: the last run came to its end.
    commit: Option<u64>,
    /// From which commit on its summary tells, and where that is.
    untold: Option<(u64, Handover)>,
    pieces: Vec<Piece>,
}

/// The path of a directory without links, which ways begin at.
fn real(directory: &Path) -> Result<PathBuf, CommandError> {
    directory.canonicalize().map_err(|error| {
        CommandError::failed_by(format!("cannot look at {}", directory.display()), error)
    })
}

fn would_be_lost(place: &Path) -> CommandError {
    let place = place.display();
    CommandError::failed(format!(
        "{place} holds what a run gave that was killed at its very end, before another run on this state; that is \
         nowhere else, and would be replaced: move {place} away, remove it if it is not needed, or name another file"
    ))
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A note of one run alone, which all went to files.
#[derive(Deserialize)]
struct Version1 {
    commit: u64,
    /// Sequence of the last outbox entry that they hold.
    through: u64,
    /// Rejects, where these are kept, and totals.
    outputs: Vec<Handover>,
}

impl From<Version1> for Note {
    fn from(note: Version1) -> Self {
        let piece = |kind, output| Piece {
            kind,
            entries: vec![(1, note.through)],
            count: note.through,
            output,
            of: Of::Own,
        };
        let mut outputs = note.outputs;
        let pieces = match (outputs.pop(), outputs.pop()) {
            (Some(totals), rejects) => {
                let rejects = rejects.unwrap_or_else(|| totals.clone());
                vec![piece(Kind::Rejects, rejects), piece(Kind::Totals, totals)]
            }
            (None, _) => Vec::new(),
        };
        Note { version: VERSION, commit: note.commit, told_since: None, pieces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: what is written by one version is read by those after it.
    const VERSION_1: &str = include_str!("../../../tests/data/formats/handover-1.json");
    const VERSION_2: &str = include_str!("../../../tests/data/formats/handover-2.json");
    const VERSION_3: &str = include_str!("../../../tests/data/formats/handover-3.json");

    fn put(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(NAME), text).expect("it can be written");
        folder
    }

    fn read(text: &str) -> Note {
        let folder = put(text);
        let note = Note::read(&folder.path().join(NAME)).expect("it can be read");
        note.expect("it is there")
    }

    #[test]
    fn version_1_is_read() {
        let note = read(VERSION_1);
        assert_eq!((note.version, note.commit, note.told_since), (VERSION, 3, None));
        let place = |piece: &Piece| {
            serde_json::to_value(&piece.output).expect("plain data")["place"].take()
        };
        let places: Vec<_> = note.pieces.iter().map(place).collect();
        assert_eq!(places, ["/data/rejects", "/data/totals"]);
        let kinds: Vec<Kind> = note.pieces.iter().map(|piece| piece.kind).collect();
        assert_eq!(kinds, [Kind::Rejects, Kind::Totals]);
        assert!(note.pieces.iter().all(|piece| piece.entries == [(1, 7)] && piece.of == Of::Own));
    }

    #[test]
    fn version_2_is_read() {
        let note = read(VERSION_2);
        let [monday, rejects, tuesday] = note.pieces.as_slice() else { panic!("{note:?}") };
        assert_eq!((monday.kind, &monday.entries[..]), (Kind::Totals, &[(8, 9)][..]));
        assert_eq!((rejects.kind, &rejects.entries[..]), (Kind::Rejects, &[(8, 12)][..]));
        assert_eq!((tuesday.kind, &tuesday.entries[..]), (Kind::Totals, &[(10, 12)][..]));
        assert_eq!([monday.of, rejects.of, tuesday.of], [Of::Earlier, Of::Own, Of::Own]);
        let text = serde_json::to_string(&note).expect("plain data");
        assert_eq!(text, VERSION_2.trim_end().replace("\"version\":2", "\"version\":3"));
    }

    #[test]
    fn version_3_is_read_and_written() {
        let note = read(VERSION_3);
        let kinds: Vec<Kind> = note.pieces.iter().map(|piece| piece.kind).collect();
        assert_eq!(kinds, [Kind::Rejects, Kind::Summary, Kind::Totals]);
        assert_eq!((note.commit, note.told_since), (5, Some(3)));
        assert_eq!(serde_json::to_string(&note).expect("plain data"), VERSION_3.trim_end());
    }

    #[test]
    fn other_versions_and_damaged_ones_are_refused() {
        for (text, words) in [
            (VERSION_2.replace("\"version\":2", "\"version\":4"), "is of version 4 and not of 3"),
            (VERSION_2.replace("\"version\":2,", ""), "is damaged"),
            (VERSION_2.replace("pieces", "peaces"), "is damaged"),
            (VERSION_1.replace("through", "thru"), "is damaged"),
            (String::new(), "is damaged"),
        ] {
            let folder = put(&text);
            let error = Note::read(&folder.path().join(NAME)).expect_err("it cannot be read");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
