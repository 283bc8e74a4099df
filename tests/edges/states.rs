//! Commands over states while no process has them: what is listed, and what is put out of the way.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::daemon::{Scene, wait_until};
use crate::program::{expect_status, odometer, run};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;
const EVENT: &str = "{\"id\":\"1\",\"type\":\"t\",\"customer\":\"c\",\"time\":1767225600}\n";

/// A state directory that a daemon over files has worked on.
fn worked() -> Scene {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", EVENT);
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    daemon.terminate(&scene);
    scene
}

fn state(arguments: &[&str], directory: &Path, status: i32) -> (String, String) {
    let output = odometer(["state"]).args(arguments).arg(directory).output();
    expect_status(&output.expect("it starts"), status)
}

fn rows(directory: &Path) -> Vec<Value> {
    let (stdout, _) = state(&["list"], directory, 0);
    stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn states_are_listed_with_what_a_start_goes_by() {
    let scene = worked();
    let state_of = |name: &str| scene.path("state").join(name);
    let found = rows(&scene.path("state"));
    assert_eq!(found.len(), 1, "{found:?}");
    let row = &found[0];
    assert_eq!(row["directory"], state_of("files").display().to_string());
    assert_eq!(row["format"], 1);
    assert_eq!(row["cursor"], EVENT.len());
    assert_eq!((&row["number"], &row["waiting"]), (&1.into(), &0.into()), "{row}");
    assert_eq!((&row["is_sound"], &row["reason"]), (&true.into(), &Value::Null));
    assert!(row["bytes"].as_u64() > Some(0) && row["watermark"].is_string(), "{row}");
    let (table, _) = state(&["list", "--output-format", "table"], &scene.path("state"), 0);
    assert!(table.contains("WATERMARK") && table.contains("state/files"), "{table}");

    fs::remove_file(state_of("files/CURRENT")).expect("it is there");
    let found = rows(&state_of("files"));
    assert_eq!(found[0]["is_sound"], false);
    let reason = found[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("CURRENT of its database is missing"), "{reason}");
    state(&["list"], &scene.path("in"), 1);
}

#[test]
fn state_is_discarded_once_it_is_confirmed_and_nobody_has_it() {
    let scene = worked();
    let place = scene.path("state/files");
    let (_, stderr) = state(&["discard"], &place, 2);
    assert!(stderr.contains("--yes is missing"), "{stderr}");
    assert!(place.exists());

    let daemon = scene.start();
    let known = scene.log().len();
    wait_until(&scene, "it runs", || scene.log()[known..].contains("odometer runs"));
    let (_, stderr) = state(&["discard", "--yes"], &place, 1);
    assert!(stderr.contains("in use by another process"), "{stderr}");
    daemon.terminate(&scene);

    let (stdout, _) = state(&["discard", "--yes"], &place, 0);
    assert!(stdout.contains("files.aside-1"), "{stdout}");
    assert!(!place.exists() && scene.path("state/files.aside-1/CURRENT").exists());
    let found = rows(&scene.path("state"));
    assert!(found[0]["directory"].as_str().expect("text").ends_with("files.aside-1"));
}

#[test]
fn commands_that_change_a_task_take_one_of_a_configuration_over_kafka() {
    let scene = worked();
    let told = |command: &str, task: &str, file: &str| {
        let mut command = odometer(["state", command, task, "--yes", "--config"]);
        command.arg(scene.path(file)).current_dir(scene.path(""));
        expect_status(&command.output().expect("it starts"), 2).1
    };
    for (command, words) in [
        ("adopt", "over files there is no group"),
        ("rebuild", "over files discard the state"),
        ("restore", "over files no checkpoints are kept"),
    ] {
        let stderr = told(command, "files", "odometer.toml");
        assert!(stderr.contains(words), "{stderr}");
    }
    let configuration = fs::read_to_string(scene.path("odometer.toml")).expect("text");
    let kafka = configuration
        .replace("kind = \"file\"", "kind = \"kafka\"\ntopics = [\"usage\"]\ngroup_id = \"g\"")
        .replace("paths = [\"in/*\"]\n", "")
        .replace("scan_interval = \"20ms\"", "")
        .replace("path = \"out/totals.ndjson\"", "")
        .replace("path = \"out/rejects.ndjson\"", "")
        .replace(
            "[sink]",
            "[source.kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n[sink]",
        );
    scene.write("kafka.toml", &kafka);
    for task in ["seats-0", "usage", "usage-", "usage-01", "usage--1", "usage-x"] {
        for command in ["adopt", "rebuild"] {
            let stderr = told(command, task, "kafka.toml");
            assert!(stderr.contains("is no task of the configuration"), "{stderr}");
            assert!(stderr.contains("such as usage-0"), "{stderr}");
        }
    }
    let stderr = told("restore", "usage-0", "kafka.toml");
    assert!(stderr.contains("state.checkpoint.store is not set"), "{stderr}");
}

#[test]
fn what_is_no_state_of_a_daemon_is_not_discarded() {
    let scene = worked();
    for (place, words) in
        [("in", "holds no state of a task"), ("state", "holds no state of a task")]
    {
        let (_, stderr) = state(&["discard", "--yes"], &scene.path(place), 1);
        assert!(stderr.contains(words), "{stderr}");
    }
    fs::rename(scene.path("state/files"), scene.path("brought")).expect("it may be moved");
    let (_, stderr) = state(&["discard", "--yes"], &scene.path("brought"), 1);
    assert!(stderr.contains("is in no state.directory"), "{stderr}");
    expect_status(&run(["state", "discard"]), 2);
}
