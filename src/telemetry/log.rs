//! The log: where its lines go and what they look like. What is logged is said where it happens.
//!
//! Lines go to stderr, so that results on stdout stay clean; colours only where stderr is a terminal.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, OnceLock};

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

/// What a line of the log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// The format of the log that was set up.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The filter of the log that was set up, and what puts another in its place.
static LEVELS: OnceLock<(Mutex<String>, Reload)> = OnceLock::new();

type Reload = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

/// What lines look like at present; text where no log was set up.
pub fn format() -> LogFormat {
    FORMAT.get().copied().unwrap_or_default()
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
#[error(
    "log filter {filter:?} is wrong: {reason}; right would be \"info\" or \"warn,odometer=debug\""
)]
pub struct LogError {
    filter: String,
    reason: String,
}

/// Says whether a filter can be read.
///
/// # Errors
/// A filter that cannot.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    levels_of(filter).map(drop)
}

pub(super) fn levels_of(filter: &str) -> Result<EnvFilter, LogError> {
    let wrong = |reason: String| LogError { filter: filter.to_owned(), reason };
    // A word by itself could be the name of a module, all of whose lines are wanted; more likely it is a level that there is not.
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| word.eq_ignore_ascii_case(level));
    let words = filter.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    if let Some(word) = words.into_iter().find(|word| !is_level(word)) {
        return Err(wrong(format!("{word:?} is none of {}", levels.join(", "))));
    }
    EnvFilter::try_new(filter).map_err(|error| wrong(error.to_string()))
}

/// Sends log lines to stderr from here on. `filter` is a level, or levels by module as `tracing-subscriber` has them.
///
/// Where a log is set up already (in tests), that one stays.
///
/// # Errors
/// A filter that cannot be read.
pub fn set_up(format: LogFormat, filter: &str) -> Result<(), LogError> {
    let levels = levels_of(filter)?;
    let is_terminal = io::stderr().is_terminal();
    let (lines, reload) = writing(format, levels, io::stderr, is_terminal);
    if tracing::dispatcher::set_global_default(lines).is_ok() {
        FORMAT.get_or_init(|| format);
        LEVELS.get_or_init(|| (Mutex::new(filter.to_owned()), reload));
    }
    Ok(())
}

/// Which lines are written at present; `None` where no log was set up.
pub fn filter() -> Option<String> {
    LEVELS.get().map(|(filter, _)| filter.lock().expect("no holder panics").clone())
}

/// From now on other lines are written.
///
/// # Errors
/// A filter that cannot be read, and a process that has no log.
pub fn change_filter(filter: &str) -> Result<(), LogError> {
    let levels = levels_of(filter)?;
    let failed = |reason: String| LogError { filter: filter.to_owned(), reason };
    let Some((present, reload)) = LEVELS.get() else {
        return Err(failed("this process has no log of its own".to_owned()));
    };
    let mut present = present.lock().expect("no holder panics");
    reload(levels).map_err(|error| failed(error.to_string()))?;
    filter.clone_into(&mut present);
    Ok(())
}

/// A log into some writer. Of a line in JSON the keys `timestamp` (RFC 3339, UTC), `level`, `target` and `message` are
/// fixed; the event's own fields stand beside them, in place of a field [`SUMMARY`] its members.
pub(super) fn writing<W>(
    format: LogFormat,
    levels: EnvFilter,
    writer: W,
    is_terminal: bool,
) -> (tracing::Dispatch, Reload)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(levels).with_writer(writer);
    match format {
        LogFormat::Json => {
            let lines = lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_ansi(false)
                .map_event_format(SpreadSummary)
                .with_filter_reloading();
            let handle = lines.reload_handle();
            (lines.finish().into(), Box::new(move |levels| handle.reload(levels)))
        }
        LogFormat::Text => {
            let lines = lines.with_ansi(is_terminal).with_target(false).with_filter_reloading();
            let handle = lines.reload_handle();
            (lines.finish().into(), Box::new(move |levels| handle.reload(levels)))
        }
    }
}

/// Name of the field that bears a JSON object as text: `tracing` knows no fields with members.
pub const SUMMARY: &str = "summary";

/// Lines in JSON, with the members of a summary in its place.
struct SpreadSummary(Format<Json>);

impl<S> FormatEvent<S, JsonFields> for SpreadSummary
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if event.metadata().fields().field(SUMMARY).is_none() {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let mut line: Map<String, Value> = serde_json::from_str(&line).map_err(|_| fmt::Error)?;
        if let Some(Value::String(text)) = line.remove(SUMMARY) {
            let members: Map<String, Value> =
                serde_json::from_str(&text).map_err(|_| fmt::Error)?;
            line.extend(members);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}
