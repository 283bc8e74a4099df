//! The bytes of the state: golden entries that are read for ever, and any bytes at all, which no decoder panics on.
//!
//! `tests/data/formats/state-1.txt` holds a state of version 1, one entry a line: key and value in hexadecimal. The
//! test writes nothing: where the format changes on purpose, a file of a new version joins the old one.
//! `state-1-offsets.txt` holds the entries that differ where offsets are kept, `state-1-forgotten.txt` the notes of metrics
//! whose periods were forgotten, `state-1-sources.txt` what is known of partitions that events were re-keyed from,
//! `state-1-claims.txt` which customers are claimed.

use std::collections::{BTreeMap, BTreeSet};

use odometer::definition::Plan;
use odometer::engine::{Cursor, Input, Mark, Progress};
use odometer::format::state::{self, ClaimsNote};
use odometer::model::EventTime;

use crate::decoders;
use crate::driver::{Driver, Style};
use crate::oracle::{Options, Record};
use crate::worlds::{self, Dice};

const STATE_1: &str = include_str!("../data/formats/state-1.txt");
const STATE_1_OFFSETS: &str = include_str!("../data/formats/state-1-offsets.txt");
const STATE_1_FORGOTTEN: &str = include_str!("../data/formats/state-1-forgotten.txt");

const STATE_1_SOURCES: &str = include_str!("../data/formats/state-1-sources.txt");

const STATE_1_CLAIMS: &str = include_str!("../data/formats/state-1-claims.txt");

/// A metric of every kind of entry and of every aggregate.
const DEFINITIONS: &str = include_str!("../data/formats/state-1-definitions.json");

fn events() -> String {
    let lines = (0..14).map(|n| {
        let (day, hour) = (1 + n / 3, 5 + n);
        let operation = if n % 4 == 3 { "remove" } else { "add" };
        let (value, user) = (n * 7 % 11 - 4, n % 3);
        let code = ["avg", "count", "first", "inner", "inner2", "latest", "max", "min", "p"];
        let more = ["prorated", "seats", "stays", "sum", "unique", "weighted"];
        let types = code.iter().chain(&more);
        types
            .map(|kind| {
                format!(
                    r#"{{"id":"{kind}{n}","type":"{kind}","customer":"c{}","time":"2026-03-{day:02}T{hour:02}:00:00Z","properties":{{"v":{value}.25,"u":"user {user}","op":"{operation}","g":"red"}}}}"#,
                    n % 2
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text + "\n"
        + r#"{"id":"late","type":"sum","customer":"c0","time":"2026-03-01T05:30:00Z","properties":{"v":1}}"#
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn state_now(keeps_offsets: bool) -> Entries {
    state_after(&events(), keeps_offsets)
}

fn state_after(text: &str, keeps_offsets: bool) -> Entries {
    let options = Options { keep_open: true, keeps_offsets, ..Options::default() };
    let mut dice = Dice::new(1);
    let style = Style::stored(Some(20), 0);
    let mut driver = Driver::new(DEFINITIONS, &options, style, &mut dice);
    driver.leave_outbox();
    driver.run(&Record::lines(text.as_bytes()), &mut dice);
    driver.entries()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn golden(file: &str) -> Entries {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, value) = line.split_once(' ').expect("a key and a value");
            (unhex(key), unhex(value))
        })
        .collect()
}

#[test]
fn state_is_written_as_it_always_was() {
    let now = state_now(false);
    let kinds: BTreeSet<u8> = now.iter().map(|(key, _)| key[0]).collect();
    assert_eq!(kinds, b"BCDIKMOPRSU".iter().copied().collect(), "every kind of entry");
    assert!(golden(STATE_1) == now, "the state is written in another way:\n{}", text_of(&now));

    let without: BTreeSet<_> = now.into_iter().collect();
    let mut other = state_now(true);
    other.retain(|entry| !without.contains(entry));
    let kinds: BTreeSet<u8> = other.iter().map(|(key, _)| key[0]).collect();
    assert_eq!(kinds, b"KOR".iter().copied().collect(), "only these speak of offsets");
    let offsets = golden(STATE_1_OFFSETS);
    assert!(offsets == other, "offsets are written in another way:\n{}", text_of(&other));

    let much_later = r#"{"id":"much later","type":"sum","customer":"c0","time":"2028-03-01T05:30:00Z","properties":{"v":1}}"#;
    let mut notes = state_after(&format!("{}\n{much_later}", events()), false);
    notes.retain(|(key, _)| key[0] == b'G');
    let forgotten = golden(STATE_1_FORGOTTEN);
    assert!(forgotten == notes, "notes are written in another way:\n{}", text_of(&notes));
    assert!(forgotten.len() > 3, "some metrics have forgotten something");
}

#[test]
fn source_partitions_are_written_as_they_always_were() {
    let options = Options { keep_open: true, ..Options::default() };
    let mut dice = Dice::new(1);
    let style = Style::stored(Some(20), 0);
    let mut driver = Driver::new(DEFINITIONS, &options, style, &mut dice).rekeyed();
    let reached = Some(Progress::Reached(EventTime::from_micros(1_772_323_200_000_000)));
    let marks = [(0, reached), (2, Some(Progress::Quiet))];
    let marks = marks.map(|(partition, progress)| Mark { partition, progress });
    driver.give(Input::Upstream { partitions: 4, marks: &marks, cursor: Cursor::at_offset(1) });
    driver.finish();
    let mut now = driver.entries();
    now.retain(|(key, _)| key[0] == state::SOURCE);
    let golden = golden(STATE_1_SOURCES);
    assert!(golden == now, "source partitions are written in another way:\n{}", text_of(&now));
    let read = now.iter().map(|(key, value)| state::decode_source(key, value));
    let read: Vec<Mark> = read.map(|mark| mark.expect("what was written is read")).collect();
    assert_eq!([read[0], read[2]], marks);
    assert_eq!([read[1].progress, read[3].progress], [None, None]);
}

#[test]
fn claims_are_written_as_they_always_were() {
    let note = ClaimsNote {
        topic: "odometer-customers".to_owned(),
        id: Some("pY3_x-QyTk2vHn0aJw5b1g".to_owned()),
        scope: "usage/12/Zm9vYmFyYmF6cXV4MTIzNA".to_owned(),
        looked: 4711,
        commit: 23,
    };
    let customer = 0x00c5_a1e8_f0b2_d944;
    let now: Entries = vec![
        (vec![state::CLAIMS], state::encode_claims(&note)),
        (state::unclaimed_key(customer), Vec::new()),
    ];
    let golden = golden(STATE_1_CLAIMS);
    assert!(golden == now, "claims are written in another way:\n{}", text_of(&now));
    assert_eq!(state::decode_claims(&golden[0].1), Ok(note));
    assert_eq!(state::customer_of_unclaimed(&golden[1].0), Ok(customer));
}

fn text_of(entries: &Entries) -> String {
    let lines = entries.iter().map(|(key, value)| format!("{} {}\n", hex(key), hex(value)));
    lines.collect()
}

#[test]
fn state_that_was_written_once_is_read() {
    // Going on from the golden state gives what going on from today's gives.
    let text = r#"{"id":"new","type":"seats","customer":"c0","time":"2026-04-02T05:30:00Z","properties":{"u":"x"}}"#;
    let run = |entries: Entries, keeps_offsets: bool| {
        let options = Options { keeps_offsets, ..Options::default() };
        let mut dice = Dice::new(1);
        let style = Style::stored(Some(20), 0);
        let mut driver = Driver::resume(DEFINITIONS, &options, style, entries, &mut dice);
        driver.go_on(&Record::lines(text.as_bytes()));
        driver.sent
    };
    let sent = run(golden(STATE_1), false);
    assert!(sent.len() > 15, "every metric has something left to say: {}", sent.len());
    assert_eq!(sent, run(state_now(false), false));

    let mut with_offsets: BTreeMap<_, _> = golden(STATE_1).into_iter().collect();
    with_offsets.extend(golden(STATE_1_OFFSETS));
    let with_offsets: Entries = with_offsets.into_iter().collect();
    assert_eq!(run(with_offsets.clone(), true), run(state_now(true), true));
    // Whether offsets are kept may change between runs: nothing else depends on it.
    assert_eq!(run(with_offsets, false), sent);
    assert_eq!(run(golden(STATE_1), true).len(), sent.len());
}

#[test]
fn every_entry_is_known_without_the_definitions() {
    for (key, value) in
        [STATE_1, STATE_1_OFFSETS, STATE_1_FORGOTTEN, STATE_1_SOURCES, STATE_1_CLAIMS]
            .into_iter()
            .flat_map(golden)
    {
        let entry = state::read_entry(&key, &value);
        assert!(entry.is_ok(), "{} {}: {entry:?}", hex(&key), hex(&value));
    }
}

#[test]
fn no_decoder_panics_on_any_bytes() {
    let plan = Plan::new(worlds::definitions(DEFINITIONS));
    let entries = [state_now(false), state_now(true), golden(STATE_1_CLAIMS)].concat();
    let mut dice = Dice::new(3);
    for _ in 0..60_000 {
        let (mut key, mut value) = dice.pick(&entries).clone();
        for bytes in [&mut key, &mut value] {
            match dice.below(4) {
                0 => bytes.truncate(dice.below(bytes.len() + 1)),
                1 => bytes.extend((0..dice.below(9)).map(|_| dice.bits().to_le_bytes()[0])),
                _ => {}
            }
            for _ in 0..dice.below(4) {
                if !bytes.is_empty() {
                    let at = dice.below(bytes.len());
                    bytes[at] = dice.bits().to_le_bytes()[0];
                }
            }
        }
        decoders::decode_entry(&plan, &key, &value);
    }
}
