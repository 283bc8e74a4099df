//! What the scenarios count: a metric of every aggregation, and an endless stream of events for them, the same for
//! the same seed, with disorder, late events, repeats, unwanted and faulty ones.

use std::collections::VecDeque;
use std::fmt::Write as _;

use crate::topic::Outgoing;

/// Every aggregation, every way of late events, recurring and prorated state, buckets, filter and result. The periods
/// are short, so that thousands of them close while a test runs.
pub(crate) const DEFINITIONS: &str = r#"{"metrics": [
  {"code": "calls", "event_type": "call", "aggregation": "count", "period": "hour", "group_by": ["model"]},
  {"code": "tokens", "event_type": "call", "aggregation": "sum", "period": "15m", "grace": "10m",
   "value": "properties.input + 3 * properties.output", "filter": "properties.status < 500",
   "group_by": ["model", {"property": "region", "values": ["eu", "us"]}]},
  {"code": "smallest", "event_type": "call", "aggregation": "min", "period": "hour",
   "value": "properties.latency"},
  {"code": "largest", "event_type": "call", "aggregation": "max", "period": "hour", "late": "drop",
   "value": "properties.latency"},
  {"code": "average", "event_type": "call", "aggregation": "avg", "period": "day", "timezone": "Europe/Berlin",
   "value": "properties.latency", "rounding": {"function": "round", "precision": 3}},
  {"code": "newest", "event_type": "call", "aggregation": "latest", "period": "hour",
   "value": "properties.input"},
  {"code": "oldest", "event_type": "call", "aggregation": "first", "period": "hour", "late": "carry",
   "value": "properties.input"},
  {"code": "users", "event_type": "call", "aggregation": "unique_count", "period": "day",
   "value": "properties.user"},
  {"code": "seats", "event_type": "seat", "aggregation": "unique_count", "period": "day", "recurring": true,
   "prorated": true, "value": "properties.seat", "operation": "operation"},
  {"code": "level", "event_type": "store", "aggregation": "weighted_sum", "period": "day", "recurring": true,
   "value": "properties.bytes", "result": "value / 1000"},
  {"code": "slowest", "event_type": "call", "aggregation": "percentile", "percentile": 95, "period": "hour",
   "value": "properties.latency", "group_by": ["region"]},
  {"code": "burst", "event_type": "store", "aggregation": "percentile", "percentile": 90, "period": "day",
   "value": "properties.bytes", "late": "carry",
   "inner": {"aggregation": "sum", "every": "30m", "fill": "zero"}}
]}"#;

/// Seconds since the epoch at which the events begin: 2024-03-01T00:00:00Z.
const BEGIN: u64 = 1_709_251_200;
/// Event seconds that pass from one event to the next.
const STEP: u64 = 6;
/// How events are spread over time.
const SPREAD: Spread = Spread { disorder: 900, lateness: 40 * 3600 };
/// A repeat is one of so many newest records.
const REPEAT_FROM: usize = 2000;
const CUSTOMERS: u64 = 24;

/// How far back events reach, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    /// Out of order without being late for long.
    pub(crate) disorder: u64,
    /// Of a late event: most of what it falls into is closed.
    pub(crate) lateness: u64,
}

/// An endless stream of records for the partitions of one topic, by customer.
pub(crate) struct Load {
    dice: Dice,
    partitions: u64,
    count: u64,
    begin: u64,
    /// The clock of the events, in seconds since the epoch, and how far each event moves it.
    now: u64,
    step: u64,
    spread: Spread,
    newest: VecDeque<Outgoing>,
}

impl Load {
    /// The stream of that seed.
    pub(crate) fn new(seed: u64, partitions: i32) -> Self {
        let partitions = u64::try_from(partitions).expect("some partitions");
        Self {
            dice: Dice(seed),
            partitions,
            count: 0,
            begin: BEGIN,
            now: BEGIN,
            step: STEP,
            spread: SPREAD,
            newest: VecDeque::new(),
        }
    }

    /// The same by a clock that the caller sets, which begins there.
    pub(crate) fn by_clock(seed: u64, partitions: i32, begin: u64, spread: Spread) -> Self {
        Self { begin, now: begin, step: 0, spread, ..Self::new(seed, partitions) }
    }

    /// Sets the clock of the events.
    pub(crate) fn set_clock(&mut self, now: u64) {
        self.now = now;
    }

    /// An event of another kind, at a time as the others bear it; it may be repeated as they are.
    pub(crate) fn other(&mut self, kind: &str, properties: &str) -> Outgoing {
        self.count += 1;
        let (customer, time) = (self.dice.below(CUSTOMERS), self.time());
        let text = format!(
            r#"{{"id":"e{}","customer":"customer-{customer}","type":"{kind}","time":{time},"properties":{properties}}}"#,
            self.count
        );
        let record = self.addressed(customer, text);
        self.remember(&record);
        record
    }

    /// Repeats no event of that kind any more.
    pub(crate) fn forget(&mut self, kind: &str) {
        let mark = format!(r#""type":"{kind}""#);
        let bears = |record: &Outgoing| {
            let value = record.value.as_deref().unwrap_or_default();
            String::from_utf8_lossy(value).contains(&mark)
        };
        self.newest.retain(|record| !bears(record));
    }

    /// For every partition an event that nobody wants, ten days on: it closes all that came before.
    pub(crate) fn end(&self) -> Vec<Outgoing> {
        let time = self.now + 10 * 86_400;
        let event = |partition: u64| {
            let name = format!("end-{partition}");
            let value =
                format!(r#"{{"id":"{name}","type":"end","customer":"{name}","time":{time}}}"#);
            self.addressed(partition, value)
        };
        (0..self.partitions).map(event).collect()
    }

    /// The record of a customer with that number, keyed by the customer.
    fn addressed(&self, customer: u64, value: String) -> Outgoing {
        let partition = i32::try_from(customer % self.partitions).expect("few partitions");
        Outgoing::keyed(&format!("customer-{customer}"), value).to(partition)
    }

    fn remember(&mut self, record: &Outgoing) {
        self.newest.push_back(record.clone());
        if self.newest.len() > REPEAT_FROM {
            self.newest.pop_front();
        }
    }

    fn fresh(&mut self) -> Outgoing {
        let customer = self.dice.below(CUSTOMERS);
        let time = self.time();
        let mut text = format!(r#"{{"id":"e{}","customer":"customer-{customer}""#, self.count);
        let kind = match self.dice.below(100) {
            0..80 => "call",
            80..88 => "seat",
            88..97 => "store",
            _ => "unwanted",
        };
        write!(text, r#","type":"{kind}","time":{time},"properties":{{"#).expect("text grows");
        self.write_properties(&mut text, kind);
        text.push_str("}}");
        self.addressed(customer, text)
    }

    /// Mostly in order, with some disorder and a few late ones.
    fn time(&mut self) -> u64 {
        let back = match self.dice.below(100) {
            0..70 => 0,
            70..97 => self.dice.below(self.spread.disorder),
            _ => self.dice.below(self.spread.lateness),
        };
        self.now.saturating_sub(back).max(self.begin)
    }

    fn write_properties(&mut self, text: &mut String, kind: &str) {
        let dice = &mut self.dice;
        match kind {
            "call" => {
                let (input, output) = (dice.below(4000), dice.below(800));
                let status = if dice.below(50) == 0 { 503 } else { 200 };
                let (model, user) = (dice.below(4), dice.below(30));
                let region = ["eu", "us", "ap"][usize::try_from(dice.below(3)).expect("small")];
                let (whole, fraction) = (dice.below(3000), dice.below(1000));
                write!(
                    text,
                    r#""input":{input},"output":{output},"status":{status},"model":"m{model}","region":"{region}","user":"u{user}","latency":"{whole}.{fraction:03}""#
                )
            }
            "seat" => {
                let operation = if dice.below(3) == 0 { "remove" } else { "add" };
                write!(text, r#""seat":"s{}","operation":"{operation}""#, dice.below(12))
            }
            _ => {
                let bytes = dice.below(100_000);
                let sign = if dice.below(2) == 0 { "-" } else { "" };
                write!(text, r#""bytes":{sign}{bytes}"#)
            }
        }
        .expect("text grows");
    }

    /// One that is refused, each in another way.
    fn faulty(&mut self) -> Outgoing {
        let customer = self.dice.below(CUSTOMERS);
        let time = self.now;
        let number = self.count;
        let value = match self.dice.below(5) {
            0 => "{".to_owned(),
            1 => format!(r#"{{"id":"f{number}","type":"call","time":{time}}}"#),
            2 => format!(
                r#"{{"id":"f{number}","type":"call","customer":"customer-{customer}","time":"soon"}}"#
            ),
            3 => format!(
                r#"{{"id":"f{number}","type":"call","customer":"customer-{customer}","time":{time},"properties":{{"latency":"slow","user":"u1"}}}}"#
            ),
            _ => format!(
                r#"{{"id":"f{number}","type":"store","customer":"customer-{customer}","time":{time},"properties":{{"bytes":1e99}}}}"#
            ),
        };
        self.addressed(customer, value)
    }
}

impl Iterator for Load {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        self.count += 1;
        self.now += self.step;
        let record = match self.dice.below(100) {
            0..3 if !self.newest.is_empty() => {
                let length = u64::try_from(self.newest.len()).expect("few records");
                let place = usize::try_from(self.dice.below(length)).expect("few records");
                self.newest[place].clone()
            }
            3 => self.faulty(),
            _ => self.fresh(),
        };
        self.remember(&record);
        Some(record)
    }
}

/// Chance from a seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
