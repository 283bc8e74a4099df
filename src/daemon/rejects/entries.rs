//! The entries that were asked for, one after the other, wherever they stand: given files, an output with its rotated
//! parts, or a topic.
//!
//! No more than one entry is in memory, but for what a topic's client fetches ahead. What is no entry is named and passed
//! over.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::arguments::Selection;
use crate::daemon::CommandError;
use crate::daemon::clock::Stopwatch;
use crate::file::{self, History, Input, Source};
use crate::format::{Line, LineSplitter, Refusal};
use crate::kafka::{self, Log, LogStep};
use crate::settings::{Flow, Settings};

/// Longest entry: far more than any message of Kafka's has.
const ENTRY_BYTES_MAX: usize = 64 << 20;

/// How many of the texts that are no entries are named; the others are counted.
const FAULTS_NAMED_MAX: u64 = 10;

/// How long the topic is waited for before anything else is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// For how many times as long as an answer a silent broker is waited for.
pub(super) const PATIENCE: u32 = 3;

/// How far the reading is, in bytes or offsets; `length` 0: not known.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Progress {
    pub(super) position: u64,
    pub(super) length: u64,
}

/// An entry that was asked for.
pub(super) struct Entry<'b> {
    pub(super) refusal: Refusal<'b>,
    /// As it stands.
    pub(super) body: &'b [u8],
    pub(super) progress: Progress,
}

/// Takes entries; `false`: no more of them.
pub(super) type Taker<'t> = dyn FnMut(&Entry<'_>) -> Result<bool, CommandError> + 't;

/// Where entries stand.
enum Place {
    Files(Vec<Source>),
    Output(PathBuf),
    Topic { log: Box<Log>, topic: String, patience: Duration },
}

/// Reads entries.
pub(super) struct Entries<'s> {
    selection: &'s Selection,
    place: Option<Place>,
    progress: Progress,
    /// How many texts were no entries.
    faults: u64,
}

impl<'s> Entries<'s> {
    /// Finds what is to be read.
    pub(super) fn open(
        selection: &'s Selection,
        settings: Option<&Settings>,
    ) -> Result<Self, CommandError> {
        let place = match (selection.input.as_slice(), settings) {
            ([], Some(settings)) => configured(settings)?,
            (files, _) => {
                Place::Files(files.iter().map(|file| Source::of_argument(file)).collect())
            }
        };
        Ok(Entries { selection, place: Some(place), progress: Progress::default(), faults: 0 })
    }

    /// Gives all of them to `take`, or until it wants no more.
    pub(super) fn each(&mut self, take: &mut Taker<'_>) -> Result<(), CommandError> {
        match self.place.take().expect("entries are read once") {
            Place::Files(sources) => {
                let inputs = sources.iter().map(|source| {
                    Input::open(source, file::Options::default())
                        .map(|input| (source.name(), input))
                });
                let inputs =
                    inputs.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
                let lengths = inputs.iter().map(|(_, input)| input.progress().length_bytes());
                self.progress.length = lengths.sum::<Option<u64>>().unwrap_or(0);
                for (name, input) in inputs {
                    if !self.of_file(&name, input, false, take)? {
                        break;
                    }
                }
                Ok(())
            }
            Place::Output(path) => self.of_output(&path, take),
            Place::Topic { mut log, topic, patience } => {
                self.of_topic(&mut log, &topic, patience, take)
            }
        }
    }

    /// That some of what was read is no entry.
    pub(super) fn outcome(&self) -> Result<(), CommandError> {
        match self.faults {
            0 => Ok(()),
            1 => Err(CommandError::failed("1 text that was read is no entry of a rejects output")),
            faults => Err(CommandError::failed(format!(
                "{faults} texts that were read are no entries of a rejects output"
            ))),
        }
    }

    fn of_output(&mut self, path: &Path, take: &mut Taker<'_>) -> Result<(), CommandError> {
        let mut history = History::open(path).map_err(|error| failed(&error))?;
        self.progress.length = history.length_bytes();
        while let Some((path, input)) = history.next_file().map_err(|error| failed(&error))? {
            if !self.of_file(&path.display().to_string(), input, true, take)? {
                break;
            }
        }
        Ok(())
    }

    /// `may_grow`: who writes the file may be in the middle of its last line. Returns whether more is wanted.
    fn of_file(
        &mut self,
        name: &str,
        mut input: Input,
        may_grow: bool,
        take: &mut Taker<'_>,
    ) -> Result<bool, CommandError> {
        let mut splitter = LineSplitter::new(ENTRY_BYTES_MAX);
        let mut chunk = Vec::new();
        let before = self.progress.position;
        loop {
            input.read_chunk(&mut chunk).map_err(|error| failed(&error))?;
            self.progress.position = before + input.progress().read_bytes();
            if chunk.is_empty() {
                break;
            }
            for line in splitter.lines(&chunk) {
                if !self.of_line(name, line, take)? {
                    return Ok(false);
                }
            }
        }
        match splitter.finish() {
            Some(line) if may_grow && Refusal::read(line.bytes).is_err() => {
                tracing::info!(
                    file = name,
                    line = line.number,
                    "the last line is not finished yet"
                );
                Ok(true)
            }
            Some(line) => self.of_line(name, line, take),
            None => Ok(true),
        }
    }

    fn of_line(
        &mut self,
        name: &str,
        line: Line<'_>,
        take: &mut Taker<'_>,
    ) -> Result<bool, CommandError> {
        let place = || format!("{name} line {}", line.number);
        if line.is_whole() {
            return self.of_body(line.bytes, &place, take);
        }
        self.note(&place(), &format!("it has {} bytes", line.length));
        Ok(true)
    }

    fn of_topic(
        &mut self,
        log: &mut Log,
        topic: &str,
        patience: Duration,
        take: &mut Taker<'_>,
    ) -> Result<(), CommandError> {
        self.progress.length = log.length();
        let mut silent = Stopwatch::start();
        loop {
            match log.step(LOOK).map_err(|error| refused(&error))? {
                LogStep::Record(record) => {
                    self.progress.position = log.position();
                    let place = || {
                        format!("{topic} partition {} offset {}", record.partition, record.offset)
                    };
                    if !self.of_body(record.value.as_deref().unwrap_or_default(), &place, take)? {
                        return Ok(());
                    }
                    silent = Stopwatch::start();
                }
                LogStep::Nothing if silent.elapsed() < patience => {}
                LogStep::Nothing => return Err(refused(&log.silence())),
                LogStep::End => return Ok(()),
            }
        }
    }

    fn of_body(
        &mut self,
        body: &[u8],
        place: &dyn Fn() -> String,
        take: &mut Taker<'_>,
    ) -> Result<bool, CommandError> {
        match Refusal::read(body) {
            Ok(refusal) if self.selection.holds(&refusal) => {
                take(&Entry { refusal, body, progress: self.progress })
            }
            Ok(_) => Ok(true),
            Err(fault) => {
                self.note(&place(), &fault.to_string());
                Ok(true)
            }
        }
    }

    fn note(&mut self, place: &str, fault: &str) {
        self.faults += 1;
        if self.faults <= FAULTS_NAMED_MAX {
            tracing::warn!(place, fault, "no entry of a rejects output: passed over");
        }
    }
}

/// Where a configuration has its rejects written.
fn configured(settings: &Settings) -> Result<Place, CommandError> {
    match &settings.flow {
        Flow::Files(files) => match &files.rejects {
            Some(path) => Ok(Place::Output(path.clone())),
            None => Err(CommandError::Faults(vec![
                "rejects.path is \"-\", standard output, which cannot be read back: give the file that it went to \
                 as --input"
                    .to_owned(),
            ])),
        },
        Flow::Kafka(flow) => {
            let topic = flow.rejects_topic.clone();
            let timeout = flow.source.request_timeout;
            let properties = flow.sink.properties.expose();
            let log = Log::open(&properties, &flow.source.group_id, &topic, timeout)
                .map_err(|error| refused(&error))?;
            Ok(Place::Topic { log: Box::new(log), topic, patience: timeout * PATIENCE })
        }
    }
}

fn failed(error: &file::Error) -> CommandError {
    CommandError::failed(error.to_string())
}

pub(super) fn refused(error: &kafka::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
