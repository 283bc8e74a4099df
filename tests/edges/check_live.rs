//! What `check --live` tries of a configuration over files, and of one whose broker is away.

use std::fs;
use std::path::Path;

use crate::daemon::{Scene, listening, wait_until};
use crate::program::{expect_status, odometer, write};

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

/// The trials' lines, and what is said at the end.
fn check(folder: &Path, set: &[&str], status: i32) -> (Vec<String>, String) {
    let mut command = odometer(["check", "--config", "odometer.toml", "--live"]);
    for setting in set {
        command.args(["--set", setting]);
    }
    let output = command.current_dir(folder).output().expect("the program starts");
    let (stdout, stderr) = expect_status(&output, status);
    let is_trial = |line: &&str| line.starts_with("ok  ") || line.starts_with("FAILED");
    let trials: Vec<String> = stdout.lines().filter(is_trial).map(str::to_owned).collect();
    assert!(!trials.is_empty(), "{stdout}");
    (trials, if status == 0 { stdout } else { stderr })
}

/// Every path below a folder.
fn tree(folder: &Path) -> Vec<String> {
    let pattern = format!("{}/**/*", folder.display());
    let found = glob::glob(&pattern).expect("a pattern");
    found.map(|path| path.expect("readable").display().to_string()).collect()
}

#[test]
fn what_would_work_is_told_and_nothing_is_left_behind() {
    let scene = Scene::new(METRICS);
    let folder = scene.path("");
    let before = tree(&folder);
    let set = ["state.directory=deep/below/state", "admin.address=127.0.0.1:0"];
    let (trials, said) = check(&folder, &set, 0);
    for words in [
        "ok      state.directory deep/below/state: it takes files; no state is there yet",
        "ok      admin.address",
        "state in deep/below/state: there is none yet: a start begins it",
        "source.paths \"in/*\": finds no file yet",
        "sink.path out/totals.ndjson: it can be made",
        "rejects.path out/rejects.ndjson: it can be made",
    ] {
        assert!(trials.iter().any(|line| line.contains(words)), "{words}: {trials:#?}");
    }
    assert!(said.contains("6 trials, no failure"), "{said}");
    assert_eq!(tree(&folder), before);
}

#[test]
fn what_a_daemon_holds_is_told() {
    let scene = Scene::new(METRICS);
    scene.append("in/a.ndjson", "");
    let (daemon, address) = listening(&scene);
    let set = format!("admin.address={address}");
    let (trials, said) = check(&scene.path(""), &[&set], 1);
    for words in [
        "FAILED  state.directory state: state directory state is in use by another process",
        &format!("FAILED  admin.address {address}"),
        "ok      source.paths \"in/*\": finds 1 files",
        "FAILED  sink.path out/totals.ndjson: another process writes to it",
        "FAILED  rejects.path out/rejects.ndjson: another process writes to it",
    ] {
        assert!(trials.iter().any(|line| line.starts_with(words)), "{words}: {trials:#?}");
    }
    assert!(said.contains("4 of 6 trials failed"), "{said}");
    daemon.terminate(&scene);
    let (trials, _) = check(&scene.path(""), &[&set], 0);
    assert!(trials[0].contains("a state is there"), "{trials:#?}");
}

#[test]
fn what_would_not_work_is_named_with_its_reason() {
    let scene = Scene::new(METRICS);
    scene.write("file", "of somebody else");
    fs::create_dir(scene.path("theirs")).expect("the folder takes folders");
    scene.write("theirs/photo.jpg", "of somebody else");
    let set = [
        "state.directory=theirs",
        "source.paths=gone/*.ndjson,in/*",
        "sink.path=file/totals.ndjson",
        "admin.address=",
    ];
    let (trials, said) = check(&scene.path(""), &set, 1);
    for words in ["holds no state of `odometer run`", "gone", "file/totals.ndjson: "] {
        let is_told = |line: &String| line.starts_with("FAILED") && line.contains(words);
        assert!(trials.iter().any(is_told), "{words}: {trials:#?}");
    }
    assert!(said.contains("3 of 6 trials failed"), "{said}");
}

#[test]
fn store_of_checkpoints_is_tried_and_nothing_is_left_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("file://{}/kept/below", folder.path().display());
    let configuration = |store: &str| {
        format!(
            r#"
[source]
topics = ["usage"]
start_from = "earliest"
request_timeout = "1s"
[source.kafka.properties]
"bootstrap.servers" = "127.0.0.1:1"
[state.checkpoint]
store = "{store}"
[state.checkpoint.properties]
{{properties}}
[admin]
address = "127.0.0.1:0"
"#
        )
    };
    let trial = |configuration: &str| {
        write(folder.path(), "odometer.toml", configuration);
        let before = tree(folder.path());
        let (trials, _) = check(folder.path(), &[], 1);
        assert_eq!(tree(folder.path()), before);
        let is_of_it = |line: &String| line.contains("state.checkpoint.store");
        trials.into_iter().find(is_of_it).expect("it is tried")
    };
    let told = trial(&configuration(&store).replace("{properties}", ""));
    assert!(told.starts_with("ok ") && told.ends_with("it takes files"), "{told}");

    write(folder.path(), "kept", "a file of somebody else");
    let told = trial(&configuration(&store).replace("{properties}", ""));
    assert!(told.starts_with("FAILED") && told.contains("kept"), "{told}");

    let away = "aws_endpoint = \"http://127.0.0.1:1\"\naws_region = \"eu-west-1\"\n\
                aws_allow_http = true\naws_access_key_id = \"a\"\naws_secret_access_key = \"s3cr3t\"";
    let told = trial(&configuration("s3://bucket/prefix").replace("{properties}", away));
    assert!(told.starts_with("FAILED") && told.contains("127.0.0.1:1"), "{told}");
    assert!(!told.contains("s3cr3t"), "{told}");
}

/// The line of the first trial that failed.
#[track_caller]
fn failure(scene: &Scene, set: &[&str]) -> String {
    let set = [&["admin.address="], set].concat();
    let (trials, _) = check(&scene.path(""), &set, 1);
    trials.into_iter().find(|line| line.starts_with("FAILED")).expect("one failed")
}

#[test]
fn what_a_start_would_refuse_is_told_beforehand() {
    let scene = Scene::new(METRICS);
    fs::create_dir(scene.path("out")).expect("the folder takes folders");
    scene.append("out/totals.ndjson", "of somebody else");
    let told = failure(&scene, &[]);
    assert!(told.contains("sink.path out/totals.ndjson: it holds 16 bytes"), "{told}");
    fs::remove_file(scene.path("out/totals.ndjson")).expect("it is there");
    for hour in 0..20 {
        let time = 1_767_225_600 + hour * 3_600;
        let event =
            format!("{{\"id\":\"{hour}\",\"type\":\"t\",\"customer\":\"c\",\"time\":{time}}}\n");
        scene.append("in/a.ndjson", &event);
    }
    let daemon = scene.start();
    wait_until(&scene, "it delivers", || scene.lines("totals").len() >= 18);
    daemon.terminate(&scene);
    let (trials, _) = check(&scene.path(""), &["admin.address="], 0);
    assert!(trials.iter().any(|line| line.contains("a start goes on from it")), "{trials:#?}");

    scene.write("out/totals.000001.ndjson", "of somebody else");
    let told = failure(&scene, &["sink.rotate_size=1KiB"]);
    assert!(told.contains("totals.000001.ndjson is there already"), "{told}");
    fs::remove_file(scene.path("out/totals.000001.ndjson")).expect("it is there");

    let totals = fs::read_to_string(scene.path("out/totals.ndjson")).expect("it is there");
    scene.write("out/totals.ndjson", &totals[1..]);
    let told = failure(&scene, &[]);
    assert!(told.contains("were acknowledged: somebody cut it"), "{told}");
    scene.write("out/totals.ndjson", &totals);

    scene.write("metrics.json", &METRICS.replace("minute", "hour"));
    let told = failure(&scene, &[]);
    assert!(told.starts_with("FAILED  state in state: "), "{told}");
    scene.write("metrics.json", METRICS);

    let pipe = std::process::Command::new("mkfifo").arg(scene.path("out/pipe")).status();
    assert!(pipe.expect("it starts").success());
    let told = failure(&scene, &["sink.path=out/pipe"]);
    assert!(told.contains("it is no ordinary file"), "{told}");
}

#[test]
fn a_state_without_its_head_is_told_in_the_same_words_everywhere() {
    let scene = Scene::new(METRICS);
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    daemon.terminate(&scene);
    fs::remove_file(scene.path("state/files/CURRENT")).expect("it is there");
    let told = failure(&scene, &[]);
    assert!(told.contains("the file CURRENT of its database is missing"), "{told}");
    for command in ["inspect", "verify"] {
        let output = odometer(["state", command]).arg(scene.path("state")).output();
        let (_, stderr) = expect_status(&output.expect("it starts"), 1);
        assert!(stderr.contains("the file CURRENT of its database is missing"), "{stderr}");
    }
}

#[test]
fn a_broker_that_is_away_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "metrics.json", METRICS);
    let configuration = r#"
        admin.address = ""
        metrics.files = ["metrics.json"]
        [source]
        topics = ["usage"]
        request_timeout = "1s"
        [source.kafka.properties]
        "bootstrap.servers" = "127.0.0.1:1"
    "#;
    write(folder.path(), "odometer.toml", configuration);
    let (trials, _) = check(folder.path(), &[], 1);
    let is_told =
        |line: &String| line.starts_with("FAILED  broker 127.0.0.1:1: ") && line.contains("onnect");
    assert!(trials.iter().any(is_told), "{trials:#?}");
    let (_, stderr) = expect_status(
        &odometer(["check", "--metrics", "m", "--live"]).output().expect("it starts"),
        2,
    );
    assert!(stderr.contains("--live"), "{stderr}");
}
