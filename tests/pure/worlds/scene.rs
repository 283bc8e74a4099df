//! Where and when a random world plays: zones with odd changes of the clock, and instants beside them.

use odometer::definition::PeriodUnit;
use odometer::model::{EventTime, Span};

use super::dice::Dice;
use crate::oracle::calendar::OracleCalendar;

/// A zone, and an instant near which its clock or its calendar does something odd.
const STAGES: [(&str, &str); 26] = [
    ("UTC", "2026-03-01T00:00:00Z"),
    ("UTC", "1970-01-02T00:00:00Z"),
    ("UTC", "2024-02-29T00:00:00Z"),
    ("UTC", "2000-12-31T23:00:00Z"),
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("Europe/Berlin", "9998-12-20T00:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Havana", "2026-03-08T05:00:00Z"),
    ("America/Havana", "2026-11-01T05:00:00Z"),
    ("America/St_Johns", "2009-03-08T03:31:00Z"),
    ("America/St_Johns", "2009-11-01T02:31:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00Z"),
    ("Asia/Kolkata", "2026-01-01T00:00:00Z"),
    ("Africa/Cairo", "2026-10-29T21:00:00Z"),
    ("Africa/Cairo", "2026-04-23T22:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Africa/Monrovia", "1972-01-07T00:44:30Z"),
    ("Antarctica/Troll", "2026-03-29T01:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Chatham", "2026-04-04T14:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
];

/// Mean time between two events, and how many of them a world has at most.
const PACES: [(i64, i64); 6] =
    [(5, 500), (60, 450), (1_200, 400), (10_800, 300), (86_400, 200), (400_000, 100)];

/// The stage of one world.
#[derive(Clone, Debug)]
pub struct Scene {
    /// A zone that most calendars of the world are in.
    pub zone: String,
    /// What the events are scattered about.
    pub middle: EventTime,
    /// Mean seconds between two events.
    pub pace: i64,
    /// How many events there are.
    pub events: usize,
    /// The tenant of most definitions and events, where they name one.
    pub tenant: Option<&'static str>,
    /// Types that definitions want.
    pub event_types: Vec<String>,
    /// Calendars that definitions name: their borders are where mistakes show.
    pub calendars: Vec<OracleCalendar>,
}

impl Scene {
    /// A scene by chance.
    pub fn new(dice: &mut Dice) -> Self {
        let (zone, middle) = *dice.pick(&STAGES);
        let (pace, most) = *dice.pick(&PACES);
        let middle = EventTime::parse_rfc3339(middle).expect("an instant");
        let events = usize::try_from(dice.between(most / 4, most)).expect("positive");
        let tenant = *dice.pick(&[None, None, Some("t2"), Some("7")]);
        Scene {
            zone: zone.to_owned(),
            middle,
            pace,
            events,
            tenant,
            event_types: Vec::new(),
            calendars: Vec::new(),
        }
    }

    /// The zone of the scene, or now and then another.
    pub fn any_zone(&self, dice: &mut Dice) -> String {
        if dice.chance(70) { self.zone.clone() } else { dice.pick(&STAGES).0.to_owned() }
    }

    /// An instant within the time of the events.
    pub fn instant(&self, dice: &mut Dice) -> EventTime {
        let reach = self.pace * i64::try_from(self.events).expect("few events") / 2;
        let seconds = dice.between(-reach, reach);
        admissible(self.middle.micros() + seconds * 1_000_000 + dice.between(0, 999_999))
    }

    /// An instant at, just before or just after a border of one of the calendars; `near` itself where
    /// the border lies so far ahead that all later events would be too old.
    pub fn border(&self, dice: &mut Dice, near: EventTime) -> EventTime {
        let unnamed = OracleCalendar::new(PeriodUnit::Hour, &self.zone, 1, 1);
        let calendar =
            if self.calendars.is_empty() { &unnamed } else { dice.pick(&self.calendars) };
        let period = calendar.period_at(near);
        let is_far = period.end.since(near) > Span::from_seconds(self.pace * 10);
        let border = if is_far { period.start } else { *dice.pick(&[period.start, period.end]) };
        if near.since(border) > Span::from_seconds(self.pace * 100) {
            return near;
        }
        admissible(border.micros() + *dice.pick(&[0, 0, 0, -1, 1, -1_000_000]))
    }

    /// The events' time so far after the first of them, at which the scene begins.
    pub fn begin(&self) -> EventTime {
        let half = Span::from_seconds(self.pace * i64::try_from(self.events / 2).expect("few"));
        admissible(self.middle.saturating_sub(half).micros())
    }
}

/// The instant, or the nearest one that an event may bear.
pub fn admissible(micros: i64) -> EventTime {
    EventTime::from_micros(micros).clamp(EventTime::EARLIEST, EventTime::LATEST)
}
