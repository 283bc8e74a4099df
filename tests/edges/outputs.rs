//! `odometer run` over files: whose its outputs are, and what they may not take.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::sync::Arc;

use odometer::definition::Plan;
use odometer::format::definitions;
use odometer::store::{Options, Store};
use serde_json::Value;

use crate::daemon::{Scene, wait_until};
use crate::program::{odometer, run};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

/// A line that this state has not written.
const FOREIGN: &str = "{\"id\": \"somebody else's\"}\n";

/// Events of periods of their own, each an hour and more behind the one before it.
fn events(numbers: std::ops::Range<u64>) -> String {
    let event = |number: u64| {
        let time = 1_767_225_600 + number * 7_200;
        format!("{{\"id\":\"{number}\",\"type\":\"t\",\"customer\":\"c\",\"time\":{time}}}\n")
    };
    numbers.map(event).collect()
}

#[test]
fn a_foreign_part_ends_the_daemon_and_costs_no_total() {
    let scene = Scene::new(METRICS);
    scene.configure("rotate_size = \"1KiB\"");
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let foreign = "out/totals.000002.ndjson";
    scene.write(foreign, FOREIGN);
    scene.append("in/a.ndjson", &events(0..10));
    wait_until(&scene, "a part is full", || scene.path("out/totals.000001.ndjson").exists());
    scene.append("in/a.ndjson", &events(10..20));
    daemon.expect_end(&scene, 1);
    for _ in 0..3 {
        scene.start().expect_end(&scene, 1);
        let log = scene.log();
        let last = log.lines().last().expect("it says why");
        assert!(last.contains("totals.000002.ndjson is there already"), "{log}");
    }
    assert_eq!(fs::read_to_string(scene.path(foreign)).expect("readable"), FOREIGN);
    fs::remove_file(scene.path(foreign)).expect("it is there");
    let daemon = scene.start();
    wait_until(&scene, "it runs again", || scene.log().matches("odometer runs").count() == 2);
    wait_until(&scene, "every period is closed", || scene.lines("totals").len() >= 19);
    daemon.terminate(&scene);
    assert_eq!(scene.totals().len(), 19);
}

#[test]
fn an_output_belongs_to_one_daemon() {
    for output in ["totals", "rejects"] {
        let scene = Scene::new(METRICS);
        let other = Scene::configuration("", "")
            .replace("\"state\"", "\"other-state\"")
            .replace("in/*", "other-in/*")
            .replace(if output == "totals" { "out/rejects" } else { "out/totals" }, "out/others");
        scene.write("other.toml", &other);
        fs::create_dir(scene.path("other-in")).expect("the folder takes folders");
        let daemon = scene.start();
        wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
        scene.start_on("other.toml").expect_end(&scene, 1);
        let said = format!("out/{output}.ndjson: another process writes to it");
        assert!(scene.log().contains(&said), "{}", scene.log());
        daemon.terminate(&scene);
    }
}

/// `ulimit -f` counts kibibytes in this shell.
fn limited(arguments: &str) -> std::process::Command {
    let program = odometer([""; 0]);
    let mut shell = std::process::Command::new("bash");
    let program = program.get_program().to_str().expect("text");
    shell.args(["-c", &format!("ulimit -f 8; exec {program} {arguments}")]);
    shell
}

#[test]
fn a_file_larger_than_the_process_may_write_is_a_failure_that_names_it() {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", &events(0..200));
    scene.start_program(limited("run --config odometer.toml")).expect_end(&scene, 1);
    let log = scene.log();
    let last = log.lines().last().expect("it says why");
    assert!(last.contains("odometer: error: ") && last.contains("arge"), "{log}");
    let daemon = scene.start();
    wait_until(&scene, "every period is closed", || scene.lines("totals").len() >= 199);
    daemon.terminate(&scene);

    let path = |name: &str| scene.path(name).to_str().expect("text").to_owned();
    let (metrics, input, output) = (path("metrics.json"), path("in/a.ndjson"), path("all.ndjson"));
    let aggregate = format!("aggregate --metrics {metrics} --input {input} --output {output}");
    let ended = limited(&aggregate).output().expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("all.ndjson") && said.contains("ulimit -f"), "{said}");
    assert!(run(aggregate.split(' ')).status.success());
}

#[test]
fn outputs_without_a_folder_rotate_in_the_working_directory() {
    let scene = Scene::new(METRICS);
    let set = ["--set", "sink.path=totals.ndjson", "--set", "rejects.path=rejects.ndjson"];
    let run = ["run", "--config", "odometer.toml", "--set", "sink.rotate_size=1KiB"];
    let daemon = scene.start_program(odometer(run.iter().chain(&set)));
    for number in 0..3 {
        scene.append("in/a.ndjson", &events(number * 100..number * 100 + 100));
        let part = scene.path(&format!("totals.{:06}.ndjson", number + 1));
        wait_until(&scene, "a part is full", || part.exists());
    }
    daemon.terminate(&scene);
}

/// Lets the day be over on which the totals were begun.
fn end_the_day(scene: &Scene) {
    let definitions = definitions::read(&[("metrics.json", METRICS)]).expect("sound metrics");
    let plan = Arc::new(Plan::new(definitions));
    let fresh = || unreachable!("a daemon has begun the state");
    let directory = scene.path("state/files");
    let store = Store::open(&directory, &Options::new(1 << 20), &plan, fresh).expect("it opens");
    let mut written = store.written().expect("it is noted");
    let totals = written.totals.as_mut().expect("they go to a file");
    totals.day = totals.day.map(|day| day - 1);
    store.acknowledge(&written).expect("the disk takes it");
}

#[test]
fn a_day_that_is_over_ends_its_file_before_anything_is_written() {
    // With something to deliver at once, and with nothing at all.
    for is_quiet in [false, true] {
        let scene = Scene::new(METRICS);
        scene.configure("rotate_daily = true");
        scene.append("in/a.ndjson", &events(0..4));
        let daemon = scene.start();
        wait_until(&scene, "it delivers", || scene.lines("totals").len() >= 3);
        daemon.terminate(&scene);
        let before = fs::read_to_string(scene.path("out/totals.ndjson")).expect("it is there");
        end_the_day(&scene);
        if !is_quiet {
            scene.append("in/a.ndjson", &events(4..8));
        }
        let daemon = scene.start();
        let part = scene.path("out/totals.000001.ndjson");
        wait_until(&scene, "the file is ended", || part.exists());
        if !is_quiet {
            wait_until(&scene, "it delivers", || scene.lines("totals").len() >= 7);
        }
        daemon.terminate(&scene);
        assert_eq!(fs::read_to_string(part).expect("it is there"), before, "{is_quiet}");
    }
}

#[test]
fn a_reader_of_standard_output_that_has_gone_is_a_failure() {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", &events(0..4));
    let mut program = odometer(["run", "--config", "odometer.toml", "--set", "sink.path=-"]);
    program.current_dir(scene.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write standard output: its reader has gone"), "{stderr}");
}

/// What was written there cannot be taken back: what was not noted when the process was killed comes again, and is the same.
#[test]
fn standard_output_gets_each_total_at_least_once_and_says_so() {
    const ROUNDS: u64 = 6;
    let scene = Scene::new(METRICS);
    let out = scene.path("stdout");
    let start = || {
        let file = fs::File::options().create(true).append(true).open(&out);
        let mut program = odometer(["run", "--config", "odometer.toml", "--set", "sink.path=-"]);
        program.stdout(file.expect("the folder takes files"));
        scene.start_writing(program)
    };
    // Of a kill half a line may be left.
    let totals = || {
        let text = fs::read_to_string(&out).unwrap_or_default();
        let mut totals: BTreeMap<String, String> = BTreeMap::new();
        for line in text.lines() {
            let Ok(total) = serde_json::from_str::<Value>(line) else { continue };
            let id = total["id"].as_str().expect("an id").to_owned();
            let before = totals.insert(id, line.to_owned());
            assert!(before.is_none_or(|before| before == line), "{line}");
        }
        totals
    };
    for round in 0..ROUNDS {
        let known = totals().len();
        let daemon = start();
        scene.append("in/a.ndjson", &events(round * 10..(round + 1) * 10));
        wait_until(&scene, "some more came", || totals().len() > known);
        daemon.kill();
    }
    let daemon = start();
    let closed = usize::try_from(ROUNDS * 10 - 1).expect("few");
    let starts = usize::try_from(ROUNDS + 1).expect("few");
    wait_until(&scene, "it runs", || scene.log().matches("odometer runs").count() == starts);
    wait_until(&scene, "all periods but the last came", || totals().len() == closed);
    daemon.terminate(&scene);
    assert!(scene.log().contains("standard output is delivered to at least once"));
    assert!(totals().values().all(|total| total.contains(r#""value":"1""#)));
}
