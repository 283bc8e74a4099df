//! Memory of the daemon, as the system counts it.

use std::fmt::Write as _;
use std::fs;

use crate::daemon::{Scene, started, text_of, wait_until};

const METRICS: &str =
    r#"{"metrics": [{"code": "calls", "aggregation": "count", "period": "month"}]}"#;
/// A key each. In memory at once they take some 90 MB, and on their way to the disk as much again.
const KEYS: u32 = 200_000;
/// The limit, what RocksDB and the process take beside it, and what the system adds.
const RESIDENT_KIB_MAX: u64 = 140 << 10;

/// As much as comes between two commits by time is more than memory may hold: commits come before their time.
#[test]
fn memory_limit_holds_between_two_commits_by_time() {
    let scene = Scene::new(METRICS);
    let configuration = Scene::configuration("", "127.0.0.1:0").replace(
        "commit_interval = \"50ms\"",
        "commit_interval = \"10m\"\nmemory_limit = \"16MiB\"",
    );
    scene.write("odometer.toml", &configuration);
    let mut lines = String::new();
    for number in 0..KEYS {
        let event = format!(
            r#"{{"id":"e{number}","type":"calls","customer":"c{number}","time":"2026-01-07T08:00:00Z"}}"#
        );
        writeln!(lines, "{event}").expect("a text takes it");
    }
    scene.append("in/events", &lines);
    let (daemon, address) = started(&scene);
    let status = format!("/proc/{}/status", daemon.id());
    let mut most = 0;
    wait_until(&scene, "nearly all are counted and committed", || {
        let status = fs::read_to_string(&status).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.expect("it is told").trim_end_matches("kB").trim().to_owned();
        most = resident.parse::<u64>().expect("a number").max(most);
        counted(&text_of(&address, "/metrics")) > KEYS / 10 * 9
    });
    assert!(most < RESIDENT_KIB_MAX, "{most} KiB");
    daemon.terminate(&scene);
}

/// As of the last commit.
fn counted(series: &str) -> u32 {
    let head = "odometer_records_total{disposition=\"counted\"} ";
    let found = series.lines().find_map(|line| line.strip_prefix(head)).expect("it is told");
    found.parse().expect("a number")
}
