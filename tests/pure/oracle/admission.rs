//! Who gets in: the watermark, the faults that depend on it, and the remembered ids (sections 1, 2, rule 7.1).

use std::collections::BTreeMap;

use odometer::model::{Event, EventTime, RejectReason, Span};

use super::options::{Options, WatermarkClock};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// One partition's watermark and its remembered ids.
#[derive(Clone, Default, Debug)]
pub struct Admission {
    watermark: Option<EventTime>,
    /// Greatest time of an event without a fault.
    greatest: Option<EventTime>,
    /// When the counted event of a tenant and id happened, for ever: forgetting is worked out.
    counted: BTreeMap<(String, String), EventTime>,
    /// What is before this has been too old once, under whatever window.
    oldest: Option<EventTime>,
}

impl Admission {
    /// The event time believed complete.
    pub fn watermark(&self) -> Option<EventTime> {
        self.watermark
    }

    /// Greatest time of an event without a fault of rule 1.8.
    pub fn greatest(&self) -> Option<EventTime> {
        self.greatest
    }

    /// The last faults of rule 1.8. `timestamp` is the record's own.
    pub fn fault(
        &self,
        event: &Event<'_>,
        timestamp: Option<EventTime>,
        options: &Options,
    ) -> Option<RejectReason> {
        let reference = [timestamp, options.now].into_iter().flatten().min();
        let latest = reference.map(|clock| clock.saturating_add(options.max_future_skew));
        if latest.is_some_and(|latest| event.time > latest) {
            return Some(RejectReason::InFuture);
        }
        self.oldest.is_some_and(|oldest| event.time < oldest).then_some(RejectReason::TooOld)
    }

    /// From now on the window is this one; what was forgotten under another stays so.
    pub fn forget(&mut self, window: Span) {
        let oldest = self.watermark.map(|mark| mark.saturating_sub(window));
        self.oldest = self.oldest.max(oldest);
    }

    /// Whether the event's id is remembered (rules 2.3, 2.4).
    pub fn is_remembered(&self, event: &Event<'_>) -> bool {
        let id = (event.tenant.to_string(), event.id.to_string());
        let Some(time) = self.counted.get(&id) else { return false };
        let day_end = (time.micros().div_euclid(MICROS_PER_DAY) + 1) * MICROS_PER_DAY;
        self.oldest.is_none_or(|oldest| oldest < EventTime::from_micros(day_end))
    }

    /// Remembers the id of a counted event.
    pub fn remember(&mut self, event: &Event<'_>) {
        self.counted.insert((event.tenant.to_string(), event.id.to_string()), event.time);
    }

    /// An event without a fault has been read, whatever became of it (rule 7.1).
    pub fn pass(&mut self, time: EventTime, timestamp: Option<EventTime>, options: &Options) {
        self.greatest = self.greatest.max(Some(time));
        let shown = match options.watermark_clock {
            WatermarkClock::Event => Some(time),
            WatermarkClock::Record => timestamp,
        };
        let mark = shown.map(|shown| shown.saturating_sub(options.watermark_delay));
        self.watermark = self.watermark.max(mark);
    }

    /// The partition was idle at `clock` (rule 7.1).
    pub fn idle(&mut self, clock: EventTime, options: &Options) {
        if self.greatest.is_none() {
            return;
        }
        let quiet_since = clock.saturating_sub(options.idle_timeout);
        self.watermark =
            self.watermark.max(Some(quiet_since.saturating_sub(options.watermark_delay)));
    }
}
