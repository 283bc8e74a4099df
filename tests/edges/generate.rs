//! `odometer generate` to files and pipes: repeatable, in the shares asked for, and readable as events.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use odometer::format::{EventFormat, decode, definitions};
use odometer::model::Document;

use crate::program::{expect_status, odometer, run};

const MIXED: [&str; 16] = [
    "generate",
    "--events",
    "20000",
    "--customers",
    "50",
    "--seed",
    "11",
    "--duplicates",
    "5%",
    "--disorder",
    "0.1",
    "--late",
    "1%",
    "--bad",
    "2%",
    "--log-level=warn",
];

/// Records as the program writes them.
fn lines(arguments: &[&str]) -> Vec<Vec<u8>> {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<Vec<u8>> =
        output.stdout.split(|byte| *byte == b'\n').map(Vec::from).collect();
    assert_eq!(lines.pop(), Some(Vec::new()), "the last line is ended");
    lines
}

/// `(id, customer, type, time in microseconds)` of a record that is an event.
fn event(line: &[u8]) -> Option<(String, String, String, i64)> {
    let mut document = Document::default();
    let event = decode(line, &mut document, &EventFormat::native(), "default").ok()?;
    let [id, customer, event_type] =
        [&event.id, &event.customer, &event.event_type].map(|text| text.clone().into_owned());
    Some((id, customer, event_type, event.time.micros()))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.ndjson");
    let to_stdout = run(MIXED).stdout;
    let mut to_file = MIXED.to_vec();
    to_file.extend(["--output", file.to_str().expect("text")]);
    expect_status(&run(&to_file), 0);
    assert!(!to_stdout.is_empty());
    assert!(std::fs::read(&file).expect("it was written") == to_stdout, "file and stdout differ");
    let mut other_seed = MIXED.to_vec();
    other_seed.extend(["--seed", "12"]);
    other_seed.drain(5..7);
    assert!(run(&other_seed).stdout != to_stdout, "another seed gives other bytes");
}

#[test]
fn a_later_version_makes_the_same_file() {
    // Golden: what a seed made once it makes for ever.
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/generated/seed-11.ndjson");
    let golden = std::fs::read(golden).expect("it is in the repository");
    let arguments = [
        "generate",
        "--events=100",
        "--seed=11",
        "--duplicates=20%",
        "--disorder=10%",
        "--late=10%",
        "--bad=30%",
    ];
    assert!(run(arguments).stdout == golden, "the records of seed 11 are not what they were");
}

#[test]
fn without_shares_every_record_is_a_new_event_in_order() {
    let lines = lines(&["generate", "--events", "5000", "--log-level=warn"]);
    assert_eq!(lines.len(), 5_000);
    let events: Vec<_> = lines.iter().map(|line| event(line).expect("an event")).collect();
    let ids: BTreeSet<_> = events.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), 5_000);
    assert!(events.is_sorted_by_key(|(.., time)| *time));
    let days = (events[4_999].3 - events[0].3) / 86_400_000_000;
    assert_eq!(days, 9, "ten days are covered");
}

#[test]
fn shares_are_kept_and_bad_ones_are_of_many_kinds() {
    let lines = lines(&MIXED);
    assert_eq!(lines.len(), 20_000);
    let events: Vec<_> = lines.iter().filter_map(|line| event(line)).collect();
    let mut seen: BTreeMap<&str, Vec<&(String, String, String, i64)>> = BTreeMap::new();
    for event in &events {
        seen.entry(&event.0).or_default().push(event);
    }
    let repeats = events.len() - seen.len();
    assert!((800..1_200).contains(&repeats), "{repeats} of 1000 duplicates");
    let changed = seen.values().filter(|same| same.iter().any(|event| event.3 != same[0].3));
    assert!(changed.count() > 100, "some duplicates have another body");
    let one_customer =
        |same: &&Vec<_>| same.iter().all(|event: &&(_, String, _, _)| event.1 == same[0].1);
    assert!(seen.values().all(|same| one_customer(&same)), "a repeat is of the same customer");

    let mut reasons = BTreeMap::new();
    for line in &lines {
        let mut document = Document::default();
        if let Err(fault) = decode(line, &mut document, &EventFormat::native(), "default") {
            *reasons.entry(fault.detail.split(' ').next().unwrap_or("").to_owned()).or_insert(0) +=
                1;
        }
    }
    let refused: i32 = reasons.values().sum();
    // Of 21 kinds of bad ones 5 are events with a value that a metric refuses.
    assert!((230..380).contains(&refused), "{refused} of 305 records without an event");
    assert!(reasons.len() >= 6, "{reasons:?}");
}

#[test]
fn a_few_customers_make_most_of_the_usage() {
    let lines =
        lines(&["generate", "--events", "20000", "--customers", "1000", "--log-level=warn"]);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in &lines {
        *counts.entry(event(line).expect("an event").1).or_default() += 1;
    }
    let mut sizes: Vec<u32> = counts.into_values().collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    assert!(sizes.len() > 700, "{} customers", sizes.len());
    assert!(sizes.iter().take(10).sum::<u32>() > 5_000, "{:?}", &sizes[..10]);
}

#[test]
fn the_shipped_metrics_want_what_is_generated() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/metrics.toml");
    let text = std::fs::read_to_string(path).expect("it is shipped");
    let definitions = definitions::read(&[(path, &text)]).expect("it is valid");
    let lines = lines(&["generate", "--events", "1000", "--log-level=warn"]);
    let types: BTreeSet<String> =
        lines.iter().map(|line| event(line).expect("an event").2).collect();
    for metric in &definitions.metrics {
        assert!(types.contains(&metric.event_type), "{} wants {}", metric.code, metric.event_type);
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut child = odometer(["generate", "--events", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    assert!(event(line.as_bytes()).is_some(), "{line}");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(expect_status(&output, 0).1, "");
}

#[test]
fn following_ends_with_a_signal_and_whole_lines() {
    let mut child = odometer(["generate", "--follow", "--rate", "200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    for _ in 0..5 {
        out.read_line(&mut text).expect("a line");
    }
    // Twice in a moment, as timeout(1) does it, is still one wish.
    signal(&child, "INT");
    signal(&child, "INT");
    out.read_to_string(&mut text).expect("the rest");
    let output = child.wait_with_output().expect("it ends");
    let (_, stderr) = expect_status(&output, 0);
    assert!(stderr.contains("generated"), "{stderr}");
    assert!(text.ends_with('\n') && text.lines().all(|line| event(line.as_bytes()).is_some()));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    // It hangs on a pipe that nobody reads.
    let mut child = odometer(["generate", "--events", "100000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut String::new()).expect("a line");
    let (_never, nothing) = mpsc::channel::<()>();
    let status = loop {
        signal(&child, "TERM");
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        _ = nothing.recv_timeout(Duration::from_millis(300));
    };
    assert_eq!(status.code(), Some(130));
    drop(out);
}

fn signal(child: &Child, name: &str) {
    let process = child.id().to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &process]).status();
    assert!(sent.expect("kill is there").success());
}

#[test]
fn following_with_a_start_and_a_count_is_repeatable() {
    let arguments = [
        "generate",
        "--follow",
        "--rate",
        "2000",
        "--events",
        "200",
        "--start",
        "2026-01-01T00:00:00Z",
        "--log-level=warn",
    ];
    let first = lines(&arguments);
    assert_eq!(first, lines(&arguments));
    let times: Vec<i64> = first.iter().map(|line| event(line).expect("an event").3).collect();
    assert_eq!(times[199] - times[0], 99_000, "199 records at 2000 a second, cut to milliseconds");
}
