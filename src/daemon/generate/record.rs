//! The stream of records: each one a function of the seed and its number.
//!
//! So nothing is remembered: an earlier record that is to be repeated is simply made once more, however far back it
//! lies, and a stream of any length takes no more memory than one record.

use super::arguments::GenerateArguments;
use super::chance::{Chance, Purpose};
use super::event_clock::EventClock;
use super::flaw;
use super::pen::Pen;
use super::share::Share;
use super::usage::{Usage, usage_of};
use crate::model::{EventTime, Span};

/// How many records are looked at to find one that may be repeated.
const SEARCHED_MAX: u64 = 64;

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// A new event, on time.
    Plain,
    /// A new event, a little after its time.
    Disordered,
    /// A new event, long after its time.
    Late,
    /// An earlier event's id once more.
    Duplicate,
    /// No event that can be counted.
    Bad,
}

/// Every record there can be.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    seed: u64,
    customers: u64,
    duplicates: Share,
    disorder: Share,
    disorder_by: Span,
    late: Share,
    late_by: Span,
    bad: Share,
    clock: EventClock,
}

/// An event before it is written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    seed: u64,
    /// Which record it is; its id follows from that.
    number: u64,
    usage: Usage,
    /// Whose it is.
    pub(super) customer: u64,
    /// When it happened.
    pub(super) time: EventTime,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Written {
    /// What became of it.
    pub(super) fate: Fate,
    /// Whose it is.
    pub(super) customer: u64,
}

impl Stream {
    /// The records that the arguments ask for; `now` is the wall clock's time.
    pub(super) fn new(arguments: &GenerateArguments, now: EventTime) -> Self {
        let start = arguments.first_time(now);
        let clock = match (arguments.follow, arguments.rate_limit()) {
            (true, Some(rate)) => EventClock::steady(start, rate),
            _ => EventClock::spread(start, arguments.span, arguments.count()),
        };
        Stream {
            seed: arguments.seed,
            customers: arguments.customers,
            duplicates: arguments.duplicates,
            disorder: arguments.disorder,
            disorder_by: arguments.disorder_by,
            late: arguments.late,
            late_by: arguments.late_by,
            bad: arguments.bad,
            clock,
        }
    }

    /// Writes the record `number`.
    pub(super) fn write(&self, number: u64, pen: &mut Pen) -> Written {
        let fate = self.fate(number);
        match fate {
            Fate::Plain | Fate::Disordered | Fate::Late => self.write_new(number, fate, pen),
            Fate::Duplicate => self.write_duplicate(number, pen),
            Fate::Bad => {
                let draft = self.draft(number, fate);
                flaw::write(pen, &draft, &mut self.chance(number, Purpose::Properties));
                Written { fate, customer: draft.customer }
            }
        }
    }

    fn write_new(&self, number: u64, fate: Fate, pen: &mut Pen) -> Written {
        let draft = self.draft(number, fate);
        draft.write(pen, &mut self.chance(number, Purpose::Properties));
        Written { fate, customer: draft.customer }
    }

    /// Most are sent twice as they are; some come back with other usage and another time under the same id.
    fn write_duplicate(&self, number: u64, pen: &mut Pen) -> Written {
        let mut chance = self.chance(number, Purpose::OtherProperties);
        let Some(original) = self.original(number, &mut chance) else {
            return self.write_new(number, Fate::Plain, pen);
        };
        let mut draft = self.draft(original, self.fate(original));
        if chance.below(4) == 0 {
            draft.time = self.draft(number, Fate::Plain).time;
            draft.write(pen, &mut chance);
        } else {
            draft.write(pen, &mut self.chance(original, Purpose::Properties));
        }
        Written { fate: Fate::Duplicate, customer: draft.customer }
    }

    /// An earlier record that is an event of its own; mostly one that is not long ago.
    fn original(&self, number: u64, chance: &mut Chance) -> Option<u64> {
        let newest = number.checked_sub(1)?;
        let first = newest - chance.skewed(number);
        (first.saturating_sub(SEARCHED_MAX)..=first).rev().find(|earlier| self.is_told(*earlier))
    }

    /// Whether the record is an event of its own.
    fn is_told(&self, number: u64) -> bool {
        match self.fate(number) {
            Fate::Plain | Fate::Disordered | Fate::Late => true,
            Fate::Duplicate | Fate::Bad => false,
        }
    }

    fn fate(&self, number: u64) -> Fate {
        let mut drawn = self.chance(number, Purpose::Fate).below(Share::WHOLE.billionths());
        let shares = [
            (Fate::Duplicate, self.duplicates),
            (Fate::Disordered, self.disorder),
            (Fate::Late, self.late),
            (Fate::Bad, self.bad),
        ];
        for (fate, share) in shares {
            if drawn < share.billionths() {
                // The first record has nothing before it.
                let is_repeat = fate == Fate::Duplicate && number == 0;
                return if is_repeat { Fate::Plain } else { fate };
            }
            drawn -= share.billionths();
        }
        Fate::Plain
    }

    fn draft(&self, number: u64, fate: Fate) -> Draft {
        let mut chance = self.chance(number, Purpose::Envelope);
        let usage = usage_of(number, |earlier| self.is_told(earlier));
        // Who removes an object is who stored it.
        let drawn = chance.skewed(self.customers) + 1;
        let customer = match usage {
            Usage::Storage { object, is_removed: true } => {
                self.chance(object, Purpose::Envelope).skewed(self.customers) + 1
            }
            _ => drawn,
        };
        let jitter = u32::try_from(chance.below(1 << u32::BITS)).expect("32 bits");
        let time = self.clock.time(number, jitter).saturating_sub(self.delay(fate, &mut chance));
        Draft { seed: self.seed, number, usage, customer, time: time.max(EventTime::EARLIEST) }
    }

    /// How long before the clock's time the event happened.
    fn delay(&self, fate: Fate, chance: &mut Chance) -> Span {
        let micros = |span: Span| u64::try_from(span.micros()).expect("a length is not negative");
        let drawn = match fate {
            Fate::Plain | Fate::Duplicate | Fate::Bad => 0,
            Fate::Disordered => chance.below(micros(self.disorder_by) + 1),
            Fate::Late => {
                let least = micros(self.late_by) / 2;
                least + chance.below(micros(self.late_by) - least + 1)
            }
        };
        Span::from_micros(i64::try_from(drawn).expect("no longer than a length"))
    }

    fn chance(&self, number: u64, purpose: Purpose) -> Chance {
        Chance::new(self.seed, number, purpose)
    }
}

impl Draft {
    /// An event for tests.
    #[cfg(test)]
    pub(super) fn example(number: u64, time: EventTime) -> Self {
        Draft { seed: 1, number, usage: usage_of(number, |_| true), customer: 7, time }
    }

    /// Writes the event; `chance` is what its usage follows from.
    pub(super) fn write(&self, pen: &mut Pen, chance: &mut Chance) {
        pen.text("{\"id\":\"");
        pen.id(self.seed, self.number);
        pen.text("\",\"type\":\"");
        pen.text(self.usage.event_type());
        pen.text("\",\"customer\":\"customer-");
        pen.number(self.customer);
        pen.text("\",\"time\":\"");
        pen.time(self.time);
        pen.text("\",\"properties\":");
        self.usage.write(pen, self.seed, self.customer, chance);
        pen.text("}");
    }

    /// The event's id.
    pub(super) fn id_text(&self) -> String {
        let mut pen = Pen::new();
        pen.id(self.seed, self.number);
        String::from_utf8_lossy(pen.bytes()).into_owned()
    }
}
