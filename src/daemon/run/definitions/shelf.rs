//! Where definitions outlive the process: over files beside the state, over Kafka in a topic.
//!
//! ```text
//! definitions.ndjson        a record a line (see `registry::Record`), the newest of a metric counts
//! definition-files.ndjson   what files defined when a process last worked, a version a line
//! ```

use std::path::{Path, PathBuf};

use crate::daemon::CommandError;
use crate::file::{self, Journal};
use crate::kafka::{self, DefinitionTopic, DefinitionWriter};
use crate::registry::{Kept, Record, Registry};

const RECORDS: &str = "definitions.ndjson";
const FILES: &str = "definition-files.ndjson";

/// Past how many lines for each record the journal is written anew.
const LINES_PER_RECORD: usize = 4;
const LINES_MIN: usize = 64;

/// Where records are kept.
pub(super) enum Shelf {
    /// In the state directory.
    Journal(Box<Lines>),
    /// In a topic.
    Topic(Box<DefinitionTopic>),
    /// Nowhere, for that reason.
    None(String),
}

/// The journal, and how long it is.
pub(super) struct Lines {
    journal: Journal,
    count: usize,
}

/// Why a record is not stored, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon::run) enum Error {
    #[error(transparent)]
    File(#[from] file::Error),
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    Nowhere(String),
}

impl Error {
    /// Whether another listener had its turn meanwhile.
    pub(super) fn is_overtaken(&self) -> bool {
        matches!(self, Error::Kafka(error) if error.is_overtaken())
    }

    /// Whether the topic takes no record of that size: nothing was written.
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self, Error::Kafka(error) if error.is_too_large())
    }
}

/// The turn to write.
pub(super) enum Turn {
    /// Nobody else writes.
    Own,
    /// Whoever wrote before is fenced.
    Topic(DefinitionWriter),
}

impl Shelf {
    /// The journal in the state directory, with what it has.
    pub(super) fn journal(directory: &Path) -> Result<(Self, Registry), CommandError> {
        let path = directory.join(RECORDS);
        let (journal, lines) = Journal::open(&path).map_err(failed)?;
        let registry = records(&path, &lines)?;
        Ok((Shelf::Journal(Box::new(Lines { journal, count: lines.len() })), registry))
    }

    /// Takes in what was stored since the last look.
    pub(super) fn refresh(&mut self, registry: &mut Registry) -> Result<(), Error> {
        let Shelf::Topic(topic) = self else { return Ok(()) };
        let values = topic.read()?;
        take_in(topic, values, registry)
    }

    /// Begins a change, with all that was stored before taken in.
    pub(super) fn begin(&mut self, registry: &mut Registry) -> Result<Turn, Error> {
        match self {
            Shelf::Journal(_) => Ok(Turn::Own),
            Shelf::None(reason) => Err(Error::Nowhere(reason.clone())),
            Shelf::Topic(topic) => {
                let (writer, values) = topic.begin()?;
                take_in(topic, values, registry)?;
                Ok(Turn::Topic(writer))
            }
        }
    }

    /// Stores a record and puts it. After an error it is not put; whether a topic has it all the same, the next turn tells.
    pub(super) fn store(
        &mut self,
        turn: Turn,
        record: &Record,
        registry: &mut Registry,
    ) -> Result<(), Error> {
        let mut next = registry.clone();
        next.put(record.clone()).map_err(|fault| Error::Unreadable(fault.0))?;
        match (&mut *self, turn) {
            (Shelf::Journal(lines), _) => lines.store(record, &next)?,
            (Shelf::None(reason), _) => return Err(Error::Nowhere(reason.clone())),
            (Shelf::Topic(topic), Turn::Topic(writer)) => {
                let Record { tenant, code, generation, .. } = record;
                let key = serde_json::json!([tenant, code, generation]).to_string();
                writer.write(topic.name(), &key, &record.text())?;
            }
            (Shelf::Topic(_), Turn::Own) => unreachable!("a topic's turn is a topic's"),
        }
        *registry = next;
        Ok(())
    }
}

fn take_in(
    topic: &mut DefinitionTopic,
    values: Vec<Vec<u8>>,
    registry: &mut Registry,
) -> Result<(), Error> {
    if values.is_empty() {
        return Ok(());
    }
    let mut read = registry.clone();
    let put = |value: &Vec<u8>| Record::read(value).and_then(|record| read.put(record));
    if let Err(fault) = values.iter().try_for_each(put) {
        let name = topic.name();
        let text =
            format!("topic {name:?} holds a record that this program has not written: {}", fault.0);
        topic.take_back(values);
        return Err(Error::Unreadable(text));
    }
    *registry = read;
    Ok(())
}

impl Lines {
    fn store(&mut self, record: &Record, registry: &Registry) -> Result<(), file::Error> {
        self.journal.append(&record.text())?;
        self.count += 1;
        let records = registry.records().count();
        if self.count > records.saturating_mul(LINES_PER_RECORD).max(LINES_MIN) {
            let texts: Vec<String> = registry.records().map(Record::text).collect();
            match self.journal.rewrite(texts.iter().map(String::as_str)) {
                Ok(()) => self.count = texts.len(),
                // What was to be stored is; the next change tries again.
                Err(error) => {
                    tracing::warn!(%error, "the definitions' journal could not be shortened");
                }
            }
        }
        Ok(())
    }
}

/// What files define, beside the state.
pub(super) struct FileShelf {
    path: PathBuf,
}

impl FileShelf {
    pub(super) fn in_directory(directory: &Path) -> Self {
        FileShelf { path: directory.join(FILES) }
    }

    /// What they defined when a process last worked.
    pub(super) fn kept(&self) -> Result<Vec<Kept>, CommandError> {
        let (_, lines) = Journal::open(&self.path).map_err(failed)?;
        kept(&self.path, &lines)
    }

    /// Keeps what they define now.
    pub(super) fn keep(&self, registry: &Registry) -> Result<(), CommandError> {
        let lines: Vec<String> = registry
            .kept()
            .iter()
            .map(|kept| serde_json::to_string(kept).expect("texts are JSON"))
            .collect();
        let (mut journal, before) = Journal::open(&self.path).map_err(failed)?;
        if before == lines {
            return Ok(());
        }
        journal.rewrite(lines.iter().map(String::as_str)).map_err(failed)
    }
}

/// What a state directory remembers: what was made over the listener, and what files had when a process last worked. Only
/// looks, and may be asked of the directory of a daemon at work.
///
/// # Errors
/// What cannot be read.
pub(in crate::daemon) fn beside(directory: &Path) -> Result<Registry, CommandError> {
    let [of_records, of_files] = [RECORDS, FILES].map(|name| directory.join(name));
    let registry = records(&of_records, &Journal::look(&of_records).map_err(failed)?)?;
    let kept = kept(&of_files, &Journal::look(&of_files).map_err(failed)?)?;
    registry.with_kept(&kept).map_err(|fault| CommandError::failed(fault.0))
}

fn records(path: &Path, lines: &[String]) -> Result<Registry, CommandError> {
    let mut registry = Registry::default();
    for (number, line) in (1..).zip(lines) {
        let put = Record::read(line.as_bytes()).and_then(|record| registry.put(record));
        put.map_err(|fault| unreadable(path, number, &fault.0))?;
    }
    Ok(registry)
}

fn kept(path: &Path, lines: &[String]) -> Result<Vec<Kept>, CommandError> {
    let mut kept = Vec::with_capacity(lines.len());
    for (number, line) in (1..).zip(lines) {
        let read = serde_json::from_str(line);
        kept.push(read.map_err(|error| unreadable(path, number, &error.to_string()))?);
    }
    Ok(kept)
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
