//! Whose the files are that the program makes: nobody's but its user's, however lax whoever starts it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Scene, address_in, answer, wait_until};
use crate::program::{expect_status, write};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

/// The program, started by somebody who lets everybody read and write what is made.
fn lax(arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_odometer")]);
    shell.args(arguments);
    shell
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// Each of these is its owner's, and so is everything below; gives what was looked at.
#[track_caller]
fn expect_private(places: &[PathBuf]) -> Vec<String> {
    let mut looked_at = Vec::new();
    let mut left = places.to_vec();
    while let Some(path) = left.pop() {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        // A program's own file may be stricter: some of RocksDB's are not written to again.
        let found = mode(&path);
        assert_eq!(found & !wanted, 0, "{} has the mode {found:o}", path.display());
        looked_at.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            left.extend(entries.map(|entry| entry.expect("readable").path()));
        }
    }
    looked_at
}

/// Events of a quarter of an hour each; one in five is refused.
fn events(numbers: std::ops::Range<u64>) -> String {
    let event = |number: u64| {
        let time = 1_767_225_600 + number * 900;
        let customer = if number.is_multiple_of(5) { "[]" } else { "\"c\"" };
        format!("{{\"id\":\"{number}\",\"type\":\"t\",\"customer\":{customer},\"time\":{time}}}\n")
    };
    numbers.map(event).collect()
}

/// Gives the daemon events, a few at a time, until it has finished these parts.
fn feed_until(scene: &Scene, parts: &[&str]) {
    let mut number = 0;
    wait_until(scene, "parts are full", || {
        scene.append("in/a.ndjson", &events(number..number + 5));
        number += 5;
        parts.iter().all(|part| scene.path(part).exists())
    });
}

#[test]
fn state_and_outputs_of_the_daemon_are_its_users_alone() {
    let scene = Scene::new(METRICS);
    scene.configure_with("rotate_size = \"1KiB\"", "127.0.0.1:0");
    let run = ["run", "--config", "odometer.toml"];
    let daemon = scene.start_program(lax(&run));
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    let made = r#"{"code": "made", "event_type": "t", "aggregation": "count"}"#;
    assert_eq!(answer(&address, "POST /v1/metrics", made).0, 201);
    feed_until(&scene, &["out/totals.000002.ndjson", "out/rejects.000002.ndjson"]);
    let places = [scene.path("state"), scene.path("out")];
    let while_it_runs = expect_private(&places);
    daemon.terminate(&scene);
    // A second start compacts and replaces what the first one left.
    let daemon = scene.start_program(lax(&run));
    let runs = || scene.log().matches("odometer runs").count() == 2;
    wait_until(&scene, "it runs again", runs);
    daemon.terminate(&scene);
    let found = [while_it_runs, expect_private(&places)].concat();
    for name in [
        "state",
        "out",
        "lock",
        "definitions.ndjson",
        "CURRENT",
        "LOCK",
        "LOG",
        "totals.ndjson",
        "rejects.ndjson",
        "totals.000001.ndjson",
    ] {
        assert!(found.iter().any(|found| found == name), "no {name} among {found:?}");
    }
    let is_seen = |begin: &str| found.iter().any(|name| name.starts_with(begin));
    assert!(["MANIFEST-", "OPTIONS-"].into_iter().all(is_seen), "{found:?}");
}

#[test]
fn state_and_outputs_of_a_finite_run_are_its_users_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "metrics.json", METRICS);
    let first = write(folder.path(), "first.ndjson", &events(0..100));
    let second = write(folder.path(), "second.ndjson", &events(100..200));
    let names = ["state", "totals.ndjson", "rejects.ndjson", "summary.json"];
    let places = names.map(|name| folder.path().join(name));
    let [state, totals, rejects, summary] =
        places.each_ref().map(|place| place.to_str().expect("text"));
    let run = |input: &str| {
        let mut run = lax(&["aggregate", "--metrics", &metrics, "--input", input]);
        run.args(["--state", state, "--output", totals, "--rejects", rejects]);
        run.args(["--summary", summary, "--memory-limit", "16MiB"]);
        expect_status(&run.output().expect("the shell starts"), 0);
    };
    run(&first);
    let found = expect_private(&places);
    assert!(found.iter().any(|name| name == "CURRENT"), "{found:?}");
    // Who was let read it reads on: the file is replaced, what it permits stays.
    fs::set_permissions(totals, Permissions::from_mode(0o640)).expect("it is ours");
    run(&second);
    assert_eq!(mode(Path::new(totals)), 0o640);
    expect_private(&[places[0].clone(), places[2].clone(), places[3].clone()]);
}

#[test]
fn who_was_let_read_an_output_reads_its_next_parts() {
    let scene = Scene::new(METRICS);
    scene.configure("rotate_size = \"1KiB\"");
    let daemon = scene.start_program(lax(&["run", "--config", "odometer.toml"]));
    wait_until(&scene, "it is made", || scene.path("out/totals.ndjson").exists());
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let shared = Permissions::from_mode(0o640);
    fs::set_permissions(scene.path("out/totals.ndjson"), shared).expect("it is ours");
    feed_until(&scene, &["out/totals.000003.ndjson"]);
    daemon.terminate(&scene);
    for part in ["totals.000001.ndjson", "totals.000002.ndjson", "totals.ndjson"] {
        assert_eq!(mode(&scene.path("out").join(part)), 0o640, "{part}");
    }
    assert_eq!(mode(&scene.path("out/rejects.ndjson")), 0o600);
}

#[test]
fn stricter_umask_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("events.ndjson");
    let mut shell = Command::new("sh");
    let script = format!(
        "umask 0277; exec {} generate --events 10 --output {}",
        env!("CARGO_BIN_EXE_odometer"),
        output.display()
    );
    let told = shell.args(["-c", &script]).output().expect("the shell starts");
    expect_status(&told, 0);
    assert_eq!(mode(&output), 0o400);
}
