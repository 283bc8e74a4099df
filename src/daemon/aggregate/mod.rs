//! `odometer aggregate`: the engine over one finite input, and its totals when that has ended well.
//!
//! ```text
//! reader thread            this thread
//! Input ─► chunk ─bounded─► lines ─► events ─► task: processor ─► effects ─► outputs, state
//! ```
//! Reading order: `feed` (the reader thread), `task` (carries out effects), `state` (what outlives the run, or memory;
//! `limits`, `mark`, `last_line`), `outputs` (what waits until the end; `handover`, `pieces`), `table`, `console` (what
//! people see). A run that fails or is stopped leaves no totals; with `--state` it leaves what it has read.

mod console;
mod feed;
mod handover;
mod last_line;
mod limits;
mod mark;
mod outputs;
mod pieces;
mod state;
mod task;

use std::path::Path;
use std::sync::Arc;

use self::console::Console;
use self::feed::{Fed, Feed};
use self::limits::Limits;
use self::outputs::Outputs;
use self::state::Opened;
use self::task::Task;
use super::cli::AggregateArguments;
use super::clock::Stopwatch;
use super::lines::{Decoder, REJECT_BYTES_MAX, Reading};
use super::signals::StopSignal;
use super::{CommandError, definition_files};
use crate::definition::{Definitions, Plan};
use crate::engine::{Cursor, Options};
use crate::file::{self, Source, Target};
use crate::format::{Encoder, LineSplitter, Place, RECORD_BYTES_MAX};
use crate::store;

/// Number of the commit up to which the outputs of a run that came to its end hold everything; `None`: no such run is
/// known of that state.
pub(super) fn last_commit_delivered(state: &Path) -> Option<u64> {
    handover::Note::finished(state).ok().flatten()
}

/// What is written stands outside of the state, which takes nothing that is not its own.
fn check_places(arguments: &AggregateArguments) -> Result<(), CommandError> {
    let Some(state) = arguments.state.as_deref() else { return Ok(()) };
    // As a place to write to, which follows links as far as there is something.
    let real =
        |path: &Path| Target::File(path.to_owned()).place().or(std::path::absolute(path).ok());
    let real_state = state.canonicalize().ok().or_else(|| real(state));
    let related = |path: &Path| match (&real_state, real(path)) {
        (Some(state), Some(path)) if path == *state || state.starts_with(&path) => {
            Some("is, or holds,")
        }
        (Some(state), Some(path)) if path.starts_with(state) => Some("lies in"),
        _ => None,
    };
    let outputs = [
        ("--output", &arguments.output),
        ("--rejects", &arguments.rejects),
        ("--summary", &arguments.summary),
    ];
    let faults: Vec<String> = outputs
        .into_iter()
        .filter_map(|(flag, path)| path.as_deref().map(|path| (flag, path)))
        .filter(|(_, path)| *path != Path::new("-"))
        .filter_map(|(flag, path)| {
            let related = related(path)?;
            let (path, state) = (path.display(), state.display());
            Some(format!(
                "{flag} {path} {related} the state directory {state}: name a place outside of it"
            ))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(CommandError::Faults(faults)) }
}

/// Reads the input to its end and writes its totals, rejects and summary.
///
/// # Errors
/// Faulty definitions, input that cannot be read to its end, a state that cannot be used, a full disk, a signal.
pub(super) fn aggregate(arguments: &AggregateArguments) -> Result<(), CommandError> {
    let stopwatch = Stopwatch::start();
    let plan = Arc::new(Plan::new(definitions(arguments)?));
    let stop = StopSignal::install()
        .map_err(|error| CommandError::failed_by("cannot listen for signals", error))?;
    let source = Source::of_argument(arguments.input.as_deref().unwrap_or(Path::new("-")));
    check_places(arguments)?;
    let outputs = Outputs::create(arguments)?;
    // What cannot be read is no run: the state goes on with the one before.
    source.probe().map_err(file_failure)?;
    let opened = Opened::new(arguments, &plan, &source, &outputs)?;
    let (from, limits) = (opened.cursor, Limits::of(arguments));
    let place = Place::Files { pattern: source.name(), names: [(0, source.name())].into() };
    let encoder = Encoder::new(&plan, &place, REJECT_BYTES_MAX);
    let mut task = Task::new(&plan, options(arguments), limits, opened, encoder, outputs);
    task.catch_up()?;
    let mut console = Console::new(stopwatch);
    let feed = Feed::start(source, byte_of(from), stop.clone())?;
    read(arguments, &mut task, feed, from, &mut console)?;
    if arguments.keep_open {
        task.preview(&stop, &mut console)?;
    } else {
        task.close(&stop, &mut console)?;
    }
    drop(console);
    task.finish(stopwatch)
}

/// Reads the definitions. Flags that do not go together are told with the faults of these.
fn definitions(arguments: &AggregateArguments) -> Result<Definitions, CommandError> {
    let mut faults = outputs::faults(arguments);
    match definition_files::load_some(&arguments.metrics) {
        Ok(definitions) if faults.is_empty() => return Ok(definitions),
        Ok(_) => {}
        Err(CommandError::Faults(found)) => faults.extend(found),
        Err(other) => return Err(other),
    }
    Err(CommandError::Faults(faults))
}

fn options(arguments: &AggregateArguments) -> Options {
    Options {
        dedup_window: arguments.dedup_window,
        watermark_delay: arguments.watermark_delay,
        memory_bytes_max: Limits::of(arguments).processor_bytes_max,
        ..Options::default()
    }
}

/// Gives the task every record from a place on.
fn read(
    arguments: &AggregateArguments,
    task: &mut Task<'_>,
    mut feed: Feed,
    from: Cursor,
    console: &mut Console,
) -> Result<(), CommandError> {
    let batch_records_max = Limits::of(arguments).batch_records_max;
    let AggregateArguments { format, tenant, event_type, .. } = arguments;
    let mut decoder = Decoder::new(format, tenant, event_type.as_deref(), batch_records_max);
    let reading = Reading { file: 0, input: from.file, at: arguments.now };
    let mut splitter = LineSplitter::resume(RECORD_BYTES_MAX, from.line + 1, byte_of(from));
    let cursor_at = |(number, offset): (u64, u64)| Cursor {
        file: from.file,
        offset: i64::try_from(offset).expect("no input has 2^63 bytes"),
        line: number - 1,
    };
    loop {
        let chunk = match feed.next()? {
            Fed::Nothing => {
                console.show(feed.progress(), task.processor());
                continue;
            }
            Fed::Chunk(chunk) => chunk,
            Fed::End => break,
        };
        let mut lines = splitter.lines(&chunk);
        while let Some(batch) = decoder.batch(&mut lines, reading) {
            task.note_last(&batch.last);
            task.take(&batch.events, cursor_at(lines.position()))?;
            feed.check()?;
            while task.has_more_to_close() {
                console.show(feed.progress(), task.processor());
                task.close_slice()?;
                feed.check()?;
            }
        }
        console.show(feed.progress(), task.processor());
        feed.give_back(chunk);
    }
    let last = splitter.finish();
    let end = last.map(|line| cursor_at((line.number, line.offset + line.length)));
    match decoder.batch(&mut last.into_iter(), reading).zip(end) {
        Some((batch, end)) => {
            task.note_last(&batch.last);
            task.take(&batch.events, end)
        }
        None => Ok(()),
    }
}

/// Fails where the operator wants no more.
fn check(stop: &StopSignal) -> Result<(), CommandError> {
    if stop.is_raised() {
        return Err(CommandError::failed("stopped before the end: no totals were written"));
    }
    Ok(())
}

fn byte_of(cursor: Cursor) -> u64 {
    u64::try_from(cursor.offset).expect("a file's cursor counts its bytes")
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn file_failure(error: file::Error) -> CommandError {
    match error.source.kind() {
        std::io::ErrorKind::BrokenPipe => CommandError::OutputClosed,
        _ => CommandError::failed(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn store_failure(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
