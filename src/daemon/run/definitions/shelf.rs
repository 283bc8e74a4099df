//! Where definitions outlive the process: beside the state that was made by them.
//!
//! ```text
//! definitions.ndjson        a record a line (see `registry::Record`), the newest of a metric counts
//! definition-files.ndjson   what files defined when a process last worked, a version a line
//! ```

use std::path::{Path, PathBuf};

use crate::daemon::CommandError;
use crate::file::{self, Journal};
use crate::registry::{Kept, Record, Registry};

const RECORDS: &str = "definitions.ndjson";
const FILES: &str = "definition-files.ndjson";

/// Past how many lines for each record the journal is written anew.
const LINES_PER_RECORD: usize = 4;

/// The state directory's part of it.
pub(super) struct Shelf {
    directory: PathBuf,
    records: Journal,
    lines: usize,
}

impl Shelf {
    /// What was kept.
    pub(super) fn open(directory: &Path) -> Result<(Self, Registry), CommandError> {
        let path = directory.join(RECORDS);
        let (records, lines) = Journal::open(&path).map_err(failed)?;
        let mut registry = Registry::default();
        for (number, line) in (1..).zip(&lines) {
            let put = Record::read(line.as_bytes()).and_then(|record| registry.put(record));
            put.map_err(|fault| unreadable(&path, number, &fault.0))?;
        }
        let shelf = Shelf { directory: directory.to_owned(), records, lines: lines.len() };
        let path = directory.join(FILES);
        let (_, lines) = Journal::open(&path).map_err(failed)?;
        let mut kept: Vec<Kept> = Vec::with_capacity(lines.len());
        for (number, line) in (1..).zip(&lines) {
            let read = serde_json::from_str(line);
            kept.push(read.map_err(|error| unreadable(&path, number, &error.to_string()))?);
        }
        let registry = registry.with_kept(&kept).map_err(|fault| unreadable(&path, 1, &fault.0))?;
        Ok((shelf, registry))
    }

    /// Keeps what files define now.
    pub(super) fn keep(&self, registry: &Registry) -> Result<(), CommandError> {
        let lines: Vec<String> = registry
            .kept()
            .iter()
            .map(|kept| serde_json::to_string(kept).expect("texts are JSON"))
            .collect();
        let (mut journal, before) = Journal::open(&self.directory.join(FILES)).map_err(failed)?;
        if before == lines {
            return Ok(());
        }
        journal.rewrite(lines.iter().map(String::as_str)).map_err(failed)
    }

    /// Keeps a record; `registry` has it already.
    pub(super) fn store(
        &mut self,
        record: &Record,
        registry: &Registry,
    ) -> Result<(), file::Error> {
        self.records.append(&record.text())?;
        self.lines += 1;
        let count = registry.records().count();
        if self.lines > count.saturating_mul(LINES_PER_RECORD).max(64) {
            let texts: Vec<String> = registry.records().map(Record::text).collect();
            match self.records.rewrite(texts.iter().map(String::as_str)) {
                Ok(()) => self.lines = texts.len(),
                // What was to be stored is; the next change tries again.
                Err(error) => {
                    tracing::warn!(%error, "the definitions' journal could not be shortened")
                }
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, line: usize, reason: &str) -> CommandError {
    CommandError::failed(format!(
        "{}:{line}: no definition that this program wrote: {reason}",
        path.display()
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: file::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
