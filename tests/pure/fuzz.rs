//! Every decoder on its corpus, and on what a seed makes of that: `fuzz/src/lib.rs` has the decoders, and libFuzzer
//! drives the same ones with coverage (`make fuzz`).
//!
//! `ODOMETER_SEED` and `ODOMETER_SEEDS` choose the seeds. One seed changes every file of the corpus once.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::decoders::{TARGETS, Target};
use crate::driver::seeds;
use crate::worlds::Dice;

/// Seeds of a usual run.
const SEEDS: u64 = 60;

/// Longest input: what is longer shows no other kind of fault, and takes its time.
const BYTES_MAX: usize = 16 << 10;

/// What means something to a decoder, so that chance need not find it.
const WORDS: [&[u8]; 36] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"\"",
    b"\\",
    b",",
    b":",
    b"'",
    b".",
    b"-",
    b"e",
    b"\n",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"null",
    b"true",
    b"1e999999999",
    b"-0",
    b"0.1",
    b"9223372036854775808",
    b"340282366920938463463374607431768211456",
    b"99999999999999999999999999999999999999",
    b"1970-01-01T00:00:00Z",
    b"9999-12-31T23:59:59.999999+14:00",
    b" AND ",
    b" OR ",
    b" NOT ",
    b"CASE ",
    b"properties.",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0\0\0\0\0",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(paths.len() >= 3, "{} has too few files", folder.display());
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

/// Tells what a decoder failed on, however it did.
#[track_caller]
fn give(name: &str, target: Target, seed: Option<u64>, data: &[u8]) {
    let is_good = catch_unwind(AssertUnwindSafe(|| target(data))).is_ok();
    assert!(is_good, "{name} fails, seed {seed:?}, on b\"{}\"", data.escape_ascii());
}

fn mutated(dice: &mut Dice, corpus: &[Vec<u8>], mut data: Vec<u8>) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(data.len() + 1);
        let until = at + dice.below(data.len() - at + 1).min(64);
        match dice.below(8) {
            0 => data.truncate(at),
            1 => drop(data.drain(at..until)),
            2 => {
                let byte = dice.bits().to_le_bytes()[0];
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            3 => {
                let bit = dice.below(8);
                if let Some(place) = data.get_mut(at) {
                    *place ^= 1 << bit;
                }
            }
            4 | 5 => drop(data.splice(at..at, dice.pick(&WORDS).iter().copied())),
            6 => {
                // Deeper, longer: the same again and again.
                let piece = data[at..until].repeat(1 + dice.below(300));
                drop(data.splice(at..at, piece));
            }
            _ => {
                let other = dice.pick(corpus);
                let from = dice.below(other.len() + 1);
                drop(data.splice(at.., other[from..].iter().copied()));
            }
        }
        data.truncate(BYTES_MAX);
    }
    data
}

#[test]
fn no_decoder_fails_on_its_corpus() {
    for (name, target) in TARGETS {
        for data in corpus(name) {
            give(name, *target, None, &data);
        }
        give(name, *target, None, b"");
    }
}

#[test]
fn no_decoder_fails_on_what_chance_makes_of_its_corpus() {
    for seed in seeds(SEEDS) {
        for (name, target) in TARGETS {
            let corpus = corpus(name);
            let mut dice = Dice::new(seed);
            for data in &corpus {
                let data = mutated(&mut dice, &corpus, data.clone());
                give(name, *target, Some(seed), &data);
            }
        }
    }
}

/// Each decoder has a program for libFuzzer, and the other way round.
#[test]
fn every_decoder_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let programs = manifest.matches("[[bin]]").count();
    let of_daemon = usize::from(!cfg!(feature = "daemon"));
    assert_eq!(programs, TARGETS.len() + of_daemon);
    for (name, _) in TARGETS {
        let program = format!("fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("path = \"{program}\"")), "{program}");
        let text = fs::read_to_string(folder.join(&program)).expect("a program");
        assert!(text.contains("odometer_fuzz::"), "{program}");
    }
}
