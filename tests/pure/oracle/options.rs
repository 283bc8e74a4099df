//! What the oracle is given beside definitions and records.

use std::collections::BTreeMap;
use std::ops::Range;

use odometer::model::{EventTime, Span};

/// Where the watermark takes its instants from (rule 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatermarkClock {
    /// The events' own times.
    Event,
    /// The records' timestamps.
    Record,
}

/// Settings of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long ids are remembered (rule 2.4).
    pub dedup_window: Span,
    /// After so many records the task is started anew with that window. In order, each once.
    pub window_switches: Vec<(usize, Span)>,
    /// How far the watermark stays behind (rule 7.1).
    pub watermark_delay: Span,
    /// Whose instants make the watermark.
    pub watermark_clock: WatermarkClock,
    /// How far an event may lie ahead (rule 1.6).
    pub max_future_skew: Span,
    /// The clock at reading; `None`: nothing lies in the future.
    pub now: Option<EventTime>,
    /// After how long without records a partition follows the clock (rule 7.1).
    pub idle_timeout: Span,
    /// Instants of the clock at which the partition is found idle, each after so many records.
    pub idle_ticks: Vec<(usize, EventTime)>,
    /// After so many records a finite input ends, and another one begins on the same state (rule 7.1).
    pub input_ends: Vec<usize>,
    /// Whether what is still open after the last record stays so.
    pub keep_open: bool,
    /// Whether totals say at which offsets their events stood; a record's offset is its place.
    pub keeps_offsets: bool,
    /// After so many records the task is started anew with that turned over. In order, each once.
    pub offset_switches: Vec<usize>,
    /// Codes that are metrics only while these records are read.
    pub lives: BTreeMap<String, Range<usize>>,
    /// When the metrics of codes whose life ends are deleted, by the clock: nothing is carried past the period of that instant.
    pub deaths: BTreeMap<String, EventTime>,
}

/// The defaults of the product; no clock.
impl Default for Options {
    fn default() -> Self {
        Options {
            dedup_window: Span::from_seconds(35 * 86_400),
            window_switches: Vec::new(),
            watermark_delay: Span::ZERO,
            watermark_clock: WatermarkClock::Event,
            max_future_skew: Span::from_seconds(300),
            now: None,
            idle_timeout: Span::from_seconds(60),
            idle_ticks: Vec::new(),
            input_ends: Vec::new(),
            keep_open: false,
            keeps_offsets: false,
            offset_switches: Vec::new(),
            lives: BTreeMap::new(),
            deaths: BTreeMap::new(),
        }
    }
}

impl Options {
    /// The window by which the record of that place is judged.
    pub fn window_at(&self, place: usize) -> Span {
        let newest = self.window_switches.iter().rev().find(|(switch, _)| *switch <= place);
        newest.map_or(self.dedup_window, |(_, window)| *window)
    }

    /// Whether the code's metric folds the record of that place.
    pub fn is_alive(&self, code: &str, place: usize) -> bool {
        self.lives.get(code).is_none_or(|life| life.contains(&place))
    }

    /// Since when the code's metric is deleted, once the record of that place is to come.
    pub fn deleted_at(&self, code: &str, place: usize) -> Option<EventTime> {
        let is_over = self.lives.get(code).is_some_and(|life| life.end <= place);
        self.deaths.get(code).copied().filter(|_| is_over)
    }

    /// Whether the offset of the record of that place is kept.
    pub fn keeps_offset(&self, place: usize) -> bool {
        let switches = self.offset_switches.iter().filter(|switch| **switch <= place).count();
        self.keeps_offsets ^ (switches % 2 == 1)
    }
}
