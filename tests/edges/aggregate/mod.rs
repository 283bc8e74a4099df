//! `odometer aggregate` as people run it: real files and pipes, its flags, its state.

mod dialects;
mod formats;
mod input;
mod memory;
mod outputs;
mod real_data;
mod resume;
mod state;
mod versions;
mod worlds;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::program::{expect_status, run, write};

/// Sums by month: the least that can be asked for.
const SUM: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.v"}]}"#;

/// What a run over a folder's files came to.
struct Outcome {
    totals: Vec<Value>,
    /// As text: a refused event may hold a number that `serde_json` does not read.
    rejects: Vec<String>,
    summary: Value,
}

/// Runs the command with outputs in `folder`, which must end well.
#[track_caller]
fn aggregate(folder: &Path, arguments: &[&str]) -> Outcome {
    let [totals, rejects, summary] = ["totals", "rejects", "summary"]
        .map(|name| folder.join(name).to_str().expect("text").to_owned());
    let mut all = vec!["aggregate", "--output", &totals, "--rejects", &rejects];
    all.extend(["--summary", &summary]);
    all.extend(arguments);
    let (stdout, _) = expect_status(&run(&all), 0);
    assert_eq!(stdout, "");
    let text = |path: &str| std::fs::read_to_string(path).expect("the run wrote it");
    Outcome {
        totals: lines(&text(&totals)),
        rejects: text(&rejects).lines().map(str::to_owned).collect(),
        summary: serde_json::from_str(&text(&summary)).expect("a summary is JSON"),
    }
}

impl Outcome {
    fn read_rejects(&self) -> Vec<Value> {
        lines(&self.rejects.join("\n"))
    }
}

fn lines(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    lines.iter_mut().for_each(Value::sort_all_objects);
    lines
}

/// Runs the command, which must fail with status 1, and gives what it says.
#[track_caller]
fn expect_failure(arguments: &[&str]) -> String {
    let mut all = vec!["aggregate"];
    all.extend(arguments);
    let (stdout, stderr) = expect_status(&run(all), 1);
    assert_eq!(stdout, "", "a run that fails writes no totals");
    stderr
}

/// The newest revision of each key, one spelling for each; revisions must follow each other.
#[track_caller]
fn newest<'t>(totals: impl IntoIterator<Item = &'t Value>) -> Vec<String> {
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for total in totals {
        if total["kind"] == "provisional" {
            continue;
        }
        let period = &total["period"];
        let mut shown = serde_json::json!({ "start": period["start"], "end": period["end"] });
        for name in ["tenant", "metric", "customer", "group"] {
            shown[name] = total[name].clone();
        }
        shown.sort_all_objects();
        let key = shown.to_string();
        let revision = total["revision"].as_u64().expect("a number");
        let before = newest.get(&key).map_or(0, |(revision, _)| *revision);
        assert_eq!(revision, before + 1, "revisions of {key}");
        shown["value"] = total["value"].clone();
        shown["events"] = total["events"].clone();
        shown.sort_all_objects();
        newest.insert(key, (revision, shown.to_string()));
    }
    let mut lines: Vec<String> = newest.into_values().map(|(_, line)| line).collect();
    lines.sort();
    lines
}

/// So many events of seven customers, a second apart, from January 30 on.
fn events(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&event(number));
    }
    text
}

fn event(number: usize) -> String {
    let time = 1_769_731_200 + number;
    format!(
        "{{\"id\":\"e{number}\",\"type\":\"call\",\"customer\":\"c{}\",\"time\":{time},\"properties\":{{\"v\":{number}}}}}\n",
        number % 7
    )
}

/// A definitions file in `folder`.
fn sum_metrics(folder: &Path) -> String {
    write(folder, "metrics.json", SUM)
}

/// Whether nothing that waits was left behind in a folder.
#[track_caller]
fn expect_no_parts(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(!name.contains(".odometer-"), "{name} was left behind");
    }
}

/// Lets time pass.
fn pause(millis: u64) {
    let (_never, nothing) = mpsc::channel::<()>();
    // Nothing ever comes: this is how to wait without sleeping.
    assert!(nothing.recv_timeout(Duration::from_millis(millis)).is_err());
}

/// Waits until the state's log has so many bytes: a commit was made.
fn wait_for_log(state: &Path, bytes: u64) {
    wait_until("a commit is made", || {
        let entries = std::fs::read_dir(state).into_iter().flatten().flatten();
        let mut logs =
            entries.filter(|entry| entry.path().extension().is_some_and(|one| one == "log"));
        logs.any(|log| log.metadata().is_ok_and(|log| log.len() >= bytes))
    });
}

/// Waits, a minute at most, until something has come about.
fn wait_until(what: &str, has_come: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if has_come() {
            return;
        }
        pause(10);
    }
    panic!("{what}: not in a minute");
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}
