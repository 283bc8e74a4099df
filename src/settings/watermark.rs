//! When event time is believed complete: section `watermark`.

use super::reader::{Faulty, Table};
use super::tree::Content;
use crate::model::Span;

pub(super) const KEYS: [&str; 4] = ["delay", "idle_timeout", "clock", "max_future_skew"];

/// When event time is believed complete (rules 1.6, 7.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watermark {
    /// How far the watermark stays behind the newest time. Default none.
    pub delay: Span,
    /// How long a partition has nothing to read before the clock moves its watermark. Default 60 s.
    pub idle_timeout: Span,
    /// What moves it while there is something to read.
    pub clock: WatermarkClock,
    /// How far an event's time may lie past the clock. Default 5 minutes.
    pub future_skew_max: Span,
}

/// What moves the watermark.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum WatermarkClock {
    /// The times of the events.
    #[default]
    Event,
    /// The timestamps of the records.
    Record,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Watermark, Faulty> {
    let year = Span::from_seconds(366 * 86_400);
    let delay = table.value_or("delay", Span::ZERO, |field| field.span(Span::ZERO..=year));
    let timeouts = Span::from_micros(100_000)..=year;
    let idle_timeout =
        table.value_or("idle_timeout", Span::from_seconds(60), |field| field.span(timeouts));
    let clocks = [("event", WatermarkClock::Event), ("record", WatermarkClock::Record)];
    let clock = table.value_or("clock", WatermarkClock::default(), |field| field.choice(&clocks));
    let future_skew_max = table.value_or("max_future_skew", Span::from_seconds(300), |field| {
        field.span(Span::ZERO..=year)
    });
    Ok(Watermark {
        delay: delay?,
        idle_timeout: idle_timeout?,
        clock: clock?,
        future_skew_max: future_skew_max?,
    })
}

/// Lines of files have no timestamps: who lets these move the watermark believes that it has an effect.
pub(super) fn check_of_files(table: &Table<'_>) -> Result<(), Faulty> {
    let Some(field) = table.field("clock") else { return Ok(()) };
    match field.content() {
        Content::Text(text) | Content::Unquoted(text) if text == "record" => Err(field.fault(
            "\"record\" has no effect where source.kind is \"file\", whose lines have no timestamps: leave it out",
        )),
        _ => Ok(()),
    }
}
