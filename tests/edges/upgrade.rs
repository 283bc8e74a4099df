//! A state that an earlier build wrote, and what this one makes of it.
//!
//! `tests/data/states/files-1.tar.gz` was made on 22 November 2026 by the build of that noon: definitions, 600 events of `odometer
//! generate`, and the state and outputs of a daemon that read 400 of them, was stopped and started in between, and was killed in the end.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::daemon::{Scene, wait_until};
use crate::program::{expect_status, odometer};

/// Closes every period of the others.
const END: &str = r#"{"id":"end","type":"api_call","customer":"end","time":"2026-06-01T00:00:00Z","properties":{}}"#;
const READ_BEFORE: usize = 400;

/// A folder with what the earlier build left, and all events.
fn unpacked() -> (Scene, String) {
    let scene = Scene::new("{}");
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/states/files-1.tar.gz");
    let tar = Command::new("tar").args(["-xzf", archive, "-C"]).arg(scene.path("")).status();
    assert!(tar.expect("tar starts").success());
    let configuration = Scene::configuration("", "").replace("metrics.json", "metrics.toml");
    scene.write("odometer.toml", &configuration);
    let events = fs::read_to_string(scene.path("events.ndjson")).expect("it is there") + END + "\n";
    scene.write("events.ndjson", &events);
    (scene, events)
}

/// Value of each total's newest revision, with its events, by its key.
fn newest(lines: &[Value]) -> BTreeMap<String, (u64, String)> {
    let mut totals = BTreeMap::new();
    // At the end of a file `aggregate` closes what is open, and a daemon does not.
    let is_closed = |total: &&Value| total["period"]["end"].as_str() < Some("2026-05-01");
    for total in lines.iter().filter(is_closed) {
        let name = format!(
            "{} {} {} {}",
            total["metric"], total["customer"], total["group"], total["period"]["start"]
        );
        let revision = total["revision"].as_u64().expect("a revision");
        let worth = format!("{} of {}", total["value"], total["events"]);
        let before = totals.insert(name.clone(), (revision, worth));
        let last = before.map_or(0, |(revision, _)| revision);
        assert_eq!(revision, last + 1, "{name}");
    }
    totals
}

#[test]
fn state_of_an_earlier_build_is_gone_on_with() {
    let (scene, events) = unpacked();
    let before = scene.lines("totals").len();
    assert!(before > 100, "it had delivered {before}");
    let rest: String = events.split_inclusive('\n').skip(READ_BEFORE).collect();
    scene.append("in/rest.ndjson", &rest);

    let aggregate = odometer([
        "aggregate",
        "--metrics",
        "metrics.toml",
        "--input",
        "events.ndjson",
        "--watermark-delay",
        "1h",
        "--output",
        "all.ndjson",
        "--rejects",
        "refused.ndjson",
    ])
    .current_dir(scene.path(""))
    .output();
    expect_status(&aggregate.expect("it starts"), 0);
    let all = fs::read_to_string(scene.path("all.ndjson")).expect("it was written");
    let all: Vec<Value> =
        all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let expected = newest(&all);

    let daemon = scene.start();
    wait_until(&scene, "all totals are there", || newest(&scene.lines("totals")) == expected);
    daemon.terminate(&scene);
    assert!(scene.lines("totals").len() > before);
}

#[test]
fn state_of_an_earlier_build_can_be_looked_at() {
    let (scene, _) = unpacked();
    let verified = odometer(["state", "verify", "state", "--metrics", "metrics.toml"])
        .current_dir(scene.path(""))
        .output();
    let (stdout, _) = expect_status(&verified.expect("it starts"), 0);
    assert!(stdout.contains("in order"), "{stdout}");
    let listed = odometer(["state", "list", "state"]).current_dir(scene.path("")).output();
    let (stdout, _) = expect_status(&listed.expect("it starts"), 0);
    let row: Value = serde_json::from_str(stdout.trim()).expect("JSON");
    assert_eq!((&row["format"], &row["is_sound"]), (&1.into(), &true.into()), "{row}");
}
