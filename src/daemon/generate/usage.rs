//! What is used: the types of events, how often each happens, and their properties.
//!
//! `config/metrics.toml` holds metrics that fit them.

use super::chance::{Chance, Purpose, mixed};
use super::pen::Pen;

/// The types in turn, one letter for each of 64 records in a row.
///
/// ```text
/// L llm_call   A api_call   B bandwidth   P storage, a put   D storage, a delete   S seat   H heartbeat
/// ```
const TURNS: [u8; 64] = *b"LABLAPSLALBALDALPALBALALHBALALSLABLALPALBALALDABLALSALBALALBALAL";

/// A delete removes what the put so many records before it stored, if that one was a put.
const PUT_DISTANCE: u64 = 64 * 150 + 8;

const MODELS: [(u64, &str); 4] =
    [(50, "swift-2"), (25, "atlas-large"), (20, "atlas-mini"), (5, "vision-1")];
const REGIONS: [(u64, &str); 3] = [(45, "eu"), (40, "us"), (15, "ap")];
const LLM_STATUSES: [(u64, u64); 5] = [(94, 200), (1, 400), (3, 429), (1, 500), (1, 503)];
const API_STATUSES: [(u64, u64); 5] = [(93, 200), (2, 201), (1, 400), (3, 404), (1, 500)];
const PATHS: [(u64, &str); 7] = [
    (30, "/v1/search"),
    (25, "/v1/documents"),
    (15, "/v1/documents/export"),
    (10, "/v1/users"),
    (10, "/v1/reports"),
    (5, "/v1/webhooks"),
    (5, "/v1/health"),
];
/// What a customer's tier follows from is even, so that one in ten is an enterprise.
const TIERS: [&str; 10] =
    ["free", "free", "free", "free", "free", "free", "pro", "pro", "pro", "enterprise"];

const INPUT_TOKENS_MAX: u64 = 32_768;
const OUTPUT_TOKENS_MAX: u64 = 4_096;
const LATENCY_MICROS_MAX: u64 = 2_000_000;
const SAMPLE_BYTES_MIN: u64 = 4_096;
const SAMPLE_BYTES_MAX: u64 = 1 << 32;
const OBJECT_BYTES_MAX: u64 = 1 << 38;

/// A type of event, with what only it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Usage {
    /// A call of a language model.
    LlmCall,
    /// A call of the HTTP interface.
    ApiCall,
    /// Traffic since the last sample.
    Bandwidth,
    /// The level of storage changes by the object that the record `object` stored: up, or down again.
    Storage {
        /// Number of the record that put it there.
        object: u64,
        /// Whether it goes away.
        is_removed: bool,
    },
    /// A seat is given to somebody, or taken back.
    Seat,
    /// Says that a customer's agent lives: no metric wants it.
    Heartbeat,
}

/// Type of the record `number`. `is_told` says of an earlier record whether it tells of usage at all, not of a
/// repeated or a bad one; a delete is of an object that such a one stored.
pub(super) fn usage_of(number: u64, is_told: impl Fn(u64) -> bool) -> Usage {
    match turn(number) {
        b'L' => Usage::LlmCall,
        b'A' => Usage::ApiCall,
        b'B' => Usage::Bandwidth,
        b'S' => Usage::Seat,
        b'H' => Usage::Heartbeat,
        b'D' => {
            let put = number.checked_sub(PUT_DISTANCE);
            match put.filter(|put| turn(*put) == b'P' && is_told(*put)) {
                Some(object) => Usage::Storage { object, is_removed: true },
                None => Usage::Storage { object: number, is_removed: false },
            }
        }
        _ => Usage::Storage { object: number, is_removed: false },
    }
}

fn turn(number: u64) -> u8 {
    let place = usize::try_from(number % 64).expect("64 turns");
    TURNS[place]
}

impl Usage {
    /// The event's type.
    pub(super) fn event_type(self) -> &'static str {
        match self {
            Usage::LlmCall => "llm_call",
            Usage::ApiCall => "api_call",
            Usage::Bandwidth => "bandwidth",
            Usage::Storage { .. } => "storage",
            Usage::Seat => "seat",
            Usage::Heartbeat => "heartbeat",
        }
    }

    /// Writes the event's properties, an object.
    pub(super) fn write(self, pen: &mut Pen, seed: u64, customer: u64, chance: &mut Chance) {
        match self {
            Usage::LlmCall => llm_call(pen, customer, chance),
            Usage::ApiCall => api_call(pen, customer, chance),
            Usage::Bandwidth => {
                pen.text("{\"bytes\":");
                pen.number(SAMPLE_BYTES_MIN + chance.skewed(SAMPLE_BYTES_MAX));
                pen.text(",\"link\":\"uplink-");
                pen.number(chance.below(2) + 1);
                pen.text("\"}");
            }
            Usage::Storage { object, is_removed } => storage(pen, seed, object, is_removed),
            Usage::Seat => {
                pen.text("{\"seat\":\"user-");
                pen.number(chance.below(many(customer, 400)) + 1);
                let operation = chance.choice(&[(70, "add"), (30, "remove")]);
                member(pen, "\",\"operation\":\"", operation);
                pen.text("\"}");
            }
            Usage::Heartbeat => pen.text("{\"agent\":\"2.4.1\"}"),
        }
    }
}

fn llm_call(pen: &mut Pen, customer: u64, chance: &mut Chance) {
    member(pen, "{\"model\":\"", chance.choice(&MODELS));
    pen.text("\",\"input\":");
    pen.number(chance.skewed(INPUT_TOKENS_MAX) + 1);
    pen.text(",\"output\":");
    pen.number(chance.skewed(OUTPUT_TOKENS_MAX));
    pen.text(",\"status\":");
    pen.number(chance.choice(&LLM_STATUSES));
    member(pen, ",\"region\":\"", chance.choice(&REGIONS));
    pen.text("\",\"user\":\"user-");
    pen.number(chance.below(many(customer, 2_000)) + 1);
    pen.text("\"}");
}

fn api_call(pen: &mut Pen, customer: u64, chance: &mut Chance) {
    let tier = usize::try_from(mixed(customer) % 10).expect("ten tiers");
    member(pen, "{\"path\":\"", chance.choice(&PATHS));
    // A tier that no definition declares, as they come up in real life.
    let tier = if chance.below(100) == 0 { "trial" } else { TIERS[tier] };
    member(pen, "\",\"tier\":\"", tier);
    pen.text("\",\"status\":");
    pen.number(chance.choice(&API_STATUSES));
    pen.text(",\"latency_ms\":");
    pen.thousandths(chance.skewed(LATENCY_MICROS_MAX) + 500);
    pen.text("}");
}

fn storage(pen: &mut Pen, seed: u64, object: u64, is_removed: bool) {
    let mut size = Chance::new(seed, object, Purpose::Object);
    pen.text(if is_removed { "{\"bytes\":-" } else { "{\"bytes\":" });
    pen.number(size.skewed(OBJECT_BYTES_MAX) + 1);
    pen.text(",\"object\":\"object-");
    pen.number(object);
    pen.text("\"}");
}

fn member(pen: &mut Pen, before: &str, value: &str) {
    pen.text(before);
    pen.text(value);
}

/// How many of something a customer has: the first ones, which use most, have most.
fn many(customer: u64, most: u64) -> u64 {
    3 + most / customer
}

#[cfg(test)]
mod tests {
    use super::{PUT_DISTANCE, TURNS, Usage, usage_of};

    #[test]
    fn every_type_has_its_turns() {
        #[expect(clippy::naive_bytecount, reason = "these are 64")]
        let count = |letter: u8| TURNS.iter().filter(|turn| **turn == letter).count();
        let counts = b"LABPDSH".map(count);
        assert_eq!(counts, [24, 22, 9, 3, 2, 3, 1]);
        assert_eq!(counts.iter().sum::<usize>(), 64);
    }

    #[test]
    fn an_object_is_removed_at_most_once_and_after_it_was_put() {
        let mut removed = std::collections::BTreeSet::new();
        for number in 0..40_000 {
            if let Usage::Storage { object, is_removed: true } = usage_of(number, |_| true) {
                assert_eq!(object + PUT_DISTANCE, number);
                let put = Usage::Storage { object, is_removed: false };
                assert_eq!(usage_of(object, |_| true), put);
                assert!(removed.insert(object), "{object}");
            }
        }
        assert!(removed.len() > 800, "{}", removed.len());
    }
}
