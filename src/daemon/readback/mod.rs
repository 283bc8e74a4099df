//! What was written to an output, read back once, wherever it stands: given files, an output with its rotated parts, or a
//! topic.
//!
//! No more than one record is in memory, but for what a topic's client fetches ahead. Knows nothing of what records mean.

mod console;

pub(super) use console::Console;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::CommandError;
use super::clock::Stopwatch;
use crate::file::{self, History, Input, Source};
use crate::format::{Line, LineSplitter};
use crate::kafka::{self, Log, LogRecord, LogStep};
use crate::settings::{self, KafkaFlow, Settings};

/// Longest record: far more than any message of Kafka's has.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// How long the topic is waited for before anything else is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// For how many times as long as an answer a silent broker is waited for.
pub(super) const PATIENCE: u32 = 3;

/// How far the reading is, in bytes or offsets; `length` 0: not known.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Progress {
    position: u64,
    length: u64,
}

/// A record of an output.
pub(super) struct Record<'b> {
    pub(super) place: Place<'b>,
    /// Of a topic's record, where it has one.
    pub(super) key: Option<&'b [u8]>,
    pub(super) value: Value<'b>,
    /// Whether it is the end of a file that who writes it may be in the middle of.
    pub(super) may_grow: bool,
    pub(super) progress: Progress,
}

/// What a record holds.
#[derive(Clone, Copy)]
pub(super) enum Value<'b> {
    Whole(&'b [u8]),
    /// A topic's record without a value.
    Absent,
    /// So many bytes, which are more than any output's record has.
    TooLong(u64),
}

/// Where a record stands.
#[derive(Clone, Copy)]
pub(super) enum Place<'b> {
    Line { file: &'b str, line: u64 },
    Offset { topic: &'b str, partition: i32, offset: i64 },
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "{file} line {line}"),
            Place::Offset { topic, partition, offset } => {
                write!(f, "{topic} partition {partition} offset {offset}")
            }
        }
    }
}

/// Takes records; `false`: no more of them.
pub(super) type Taker<'t> = dyn FnMut(&Record<'_>) -> Result<bool, CommandError> + 't;

/// Where records stand.
enum Output {
    Files(Vec<Source>),
    Parts(PathBuf),
    Topic { log: Box<Log>, topic: String, patience: Duration },
}

/// Reads records.
pub(super) struct Records {
    output: Output,
    progress: Progress,
}

impl Records {
    /// Of these files, one after the other; `-` is standard input.
    pub(super) fn of_files(files: &[PathBuf]) -> Self {
        Self::new(Output::Files(files.iter().map(|file| Source::of_argument(file)).collect()))
    }

    /// Of the output that bears this name, its finished parts first.
    pub(super) fn of_output(path: PathBuf) -> Self {
        Self::new(Output::Parts(path))
    }

    /// Of a topic that the sink writes to, up to its present end.
    pub(super) fn of_topic(flow: &KafkaFlow, topic: &str) -> Result<Self, CommandError> {
        let timeout = flow.source.request_timeout;
        let properties = flow.sink.properties.expose();
        let log = Log::open(&properties, &flow.source.group_id, topic, timeout)
            .map_err(|error| refused(&error))?;
        let (log, topic) = (Box::new(log), topic.to_owned());
        Ok(Self::new(Output::Topic { log, topic, patience: timeout * PATIENCE }))
    }

    /// Whether nothing was removed from the beginning of a topic; of files it is not known.
    pub(super) fn is_whole(&self) -> bool {
        matches!(&self.output, Output::Topic { log, .. } if log.is_whole())
    }

    fn new(output: Output) -> Self {
        Records { output, progress: Progress::default() }
    }

    /// Gives all of them to `take`, or until it wants no more.
    pub(super) fn each(self, take: &mut Taker<'_>) -> Result<(), CommandError> {
        let Records { output, mut progress } = self;
        match output {
            Output::Files(sources) => {
                let inputs = sources.iter().map(|source| {
                    Input::open(source, file::Options::default())
                        .map(|input| (source.name(), input))
                });
                let inputs =
                    inputs.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
                let lengths = inputs.iter().map(|(_, input)| input.progress().length_bytes());
                progress.length = lengths.sum::<Option<u64>>().unwrap_or(0);
                for (name, input) in inputs {
                    if !progress.of_file(&name, input, false, take)? {
                        break;
                    }
                }
                Ok(())
            }
            Output::Parts(path) => progress.of_parts(&path, take),
            Output::Topic { mut log, topic, patience } => {
                progress.of_topic(&mut log, &topic, patience, take)
            }
        }
    }
}

impl Progress {
    /// So far of so much.
    pub(super) fn of(position: u64, length: u64) -> Self {
        Progress { position, length }
    }

    fn of_parts(&mut self, path: &Path, take: &mut Taker<'_>) -> Result<(), CommandError> {
        let mut history = History::open(path).map_err(|error| failed(&error))?;
        self.length = history.length_bytes();
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
        let mut splitter = LineSplitter::new(RECORD_BYTES_MAX);
        let mut chunk = Vec::new();
        let before = self.position;
        loop {
            input.read_chunk(&mut chunk).map_err(|error| failed(&error))?;
            self.position = before + input.progress().read_bytes();
            if chunk.is_empty() {
                break;
            }
            for line in splitter.lines(&chunk) {
                if !take(&self.of_line(name, line, false))? {
                    return Ok(false);
                }
            }
        }
        splitter.finish().map_or(Ok(true), |line| take(&self.of_line(name, line, may_grow)))
    }

    fn of_line<'b>(self, file: &'b str, line: Line<'b>, may_grow: bool) -> Record<'b> {
        let value =
            if line.is_whole() { Value::Whole(line.bytes) } else { Value::TooLong(line.length) };
        let place = Place::Line { file, line: line.number };
        Record { place, key: None, value, may_grow, progress: self }
    }

    fn of_topic(
        &mut self,
        log: &mut Log,
        topic: &str,
        patience: Duration,
        take: &mut Taker<'_>,
    ) -> Result<(), CommandError> {
        self.length = log.length();
        let mut silent = Stopwatch::start();
        loop {
            match log.step(LOOK).map_err(|error| refused(&error))? {
                LogStep::Record(LogRecord { partition, offset, key, value }) => {
                    self.position = log.position();
                    let record = Record {
                        place: Place::Offset { topic, partition, offset },
                        key: key.as_deref(),
                        value: value.as_deref().map_or(Value::Absent, Value::Whole),
                        may_grow: false,
                        progress: *self,
                    };
                    if !take(&record)? {
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
}

/// The configuration that the arguments name. Its definitions are not looked at: they may be what is being fixed.
pub(super) fn configured(
    config: Option<&Path>,
    overrides: &[(String, String)],
) -> Result<Option<Settings>, CommandError> {
    let Some(file) = config else { return Ok(None) };
    let loaded = Settings::load(file, settings::environment(), overrides);
    loaded
        .map(Some)
        .map_err(|faults| CommandError::Faults(faults.iter().map(ToString::to_string).collect()))
}

fn failed(error: &file::Error) -> CommandError {
    CommandError::failed(error.to_string())
}

pub(super) fn refused(error: &kafka::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
