//! Instants of event time and spans between them, in whole microseconds (rule 1.2).
//!
//! Knows nothing of zones or calendars, and reads no clock.



const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant, in microseconds since the Unix epoch.
///
/// Events lie between [`EventTime::EARLIEST`] and [`EventTime::LATEST`]; borders of periods may lie a little outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventTime(i64);

impl EventTime {
    /// The first instant an event may bear: 1970-01-01T00:00:00Z.
    pub const EARLIEST: EventTime = EventTime(0);
    /// The last instant an event may bear: 9998-12-31T23:59:59.999999Z.
    pub const LATEST: EventTime = EventTime(253_370_764_799_999_999);

    /// The instant so many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        EventTime(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether an event may bear this instant: the years 1970 to 9998 (rule 1.2).
    pub fn is_admissible(self) -> bool {
        self >= Self::EARLIEST && self <= Self::LATEST
    }

    /// This instant moved by `span`, or the end of the representable range.
    #[must_use]
    pub fn saturating_add(self, span: Span) -> Self {
        EventTime(self.0.saturating_add(span.0))
    }

    /// This instant moved back by `span`, or the end of the representable range.
    #[must_use]
    pub fn saturating_sub(self, span: Span) -> Self {
        EventTime(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this instant (negative where it is later).
    pub fn since(self, earlier: EventTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Number of the UTC day that holds this instant, counted from the epoch.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
    }
}
