//! `odometer rejects replay` over files: what was refused is counted after a fix, once, and nothing else is touched.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::{EVENTS, WRONG, rejects};
use crate::daemon::{Scene, append, pause, wait_until};
use crate::program::{expect_status, odometer, run, write};

/// What [`WRONG`] should have said.
const RIGHT: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.v", "period": "hour"},
    {"code": "seconds", "event_type": "call", "aggregation": "max", "value": "properties.s", "period": "hour"}]}"#;

/// The same as versions of [`WRONG`]: what has state is never changed in place.
const FIXED: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.amount", "period": "hour"},
    {"code": "seconds", "event_type": "call", "aggregation": "max", "value": "properties.t", "period": "hour"},
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.v", "period": "hour",
        "effective_from": "2024-03-01T00:00:00Z"},
    {"code": "seconds", "event_type": "call", "aggregation": "max", "value": "properties.s", "period": "hour",
        "effective_from": "2024-03-01T00:00:00Z"}]}"#;

/// Refused by both metrics of [`WRONG`].
const REFUSED: &str = concat!(
    r#"{"id":"e1","type":"call","customer":"acme","time":"2024-03-01T00:10:00Z","properties":{"v":1.50,"s":3}}"#,
    "\n",
    r#"{"id":"e2","type":"call","customer":"acme","time":"2024-03-01T00:20:00Z","properties":{"v": 2,"s":1}}"#,
    "\n",
    r#"{"id":"e3","type":"call","customer":"b","time":"2024-03-01T00:30:00Z","properties":{"v":4,"s":2}}"#,
    "\n",
);

/// Closes the hour of the others.
const CLOSING: &str = r#"{"id":"end","type":"call","customer":"z","time":"2024-03-01T05:00:00Z","properties":{"v":1,"s":1}}
"#;

impl Scene {
    fn replay(&self, flags: &[&str], status: i32) -> (String, String) {
        let words = ["rejects", "replay", "--config", "odometer.toml"];
        let mut command = odometer(words.iter().chain(flags));
        let output = command.current_dir(self.path("")).output().expect("it runs");
        expect_status(&output, status)
    }

    fn rejects_of(&self, reason: &str) -> usize {
        self.lines("rejects").iter().filter(|reject| reject["reason"] == reason).count()
    }

    fn inputs(&self) -> usize {
        fs::read_dir(self.path("in")).expect("a folder").count()
    }
}

#[test]
fn refused_events_are_counted_after_a_fix_and_once() {
    let scene = Scene::new(WRONG);
    let configuration =
        Scene::configuration("", "").replace("[rejects]", "[rejects]\ninclude = [\"duplicate\"]");
    scene.write("odometer.toml", &configuration);
    scene.append("in/usage.ndjson", REFUSED);
    let daemon = scene.start();
    wait_until(&scene, "all are refused", || scene.rejects_of("bad_value") == 6);
    daemon.terminate(&scene);

    scene.write("metrics.json", FIXED);
    let daemon = scene.start();
    let (said, _) = scene.replay(&["--dry-run"], 0);
    assert!(said.contains("WOULD BE SENT"), "{said}");
    assert_eq!(scene.inputs(), 1, "nothing is sent");
    // Two metrics refused each event: it goes out once.
    let (said, stderr) = scene.replay(&[], 0);
    let words: Vec<&str> = said.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(words, ["bad_value", "3", "3", "0", "0"], "{said}");
    assert!(stderr.contains("in/replayed-"), "{stderr}");
    assert_eq!(scene.inputs(), 2);
    // What comes twice is a duplicate, whether the first ones were read by then or not.
    scene.replay(&["--reason", "bad_value"], 0);
    wait_until(&scene, "the second ones are duplicates", || scene.rejects_of("duplicate") == 3);
    append(&scene.path("in/usage.ndjson"), CLOSING);
    wait_until(&scene, "the hour is closed", || scene.totals().len() >= 4);
    let first = scene.totals();
    let expected = [
        (r#""seconds"/"acme"/"2024-03-01T00:00:00Z""#, ("3", 2)),
        (r#""seconds"/"b"/"2024-03-01T00:00:00Z""#, ("2", 1)),
        (r#""tokens"/"acme"/"2024-03-01T00:00:00Z""#, ("3.5", 2)),
        (r#""tokens"/"b"/"2024-03-01T00:00:00Z""#, ("4", 1)),
    ];
    let expected =
        expected.map(|(key, (value, events))| (key.to_owned(), (value.to_owned(), events)));
    assert_eq!(first, expected.into_iter().collect());

    // Also once the hour is closed.
    scene.replay(&["--reason", "bad_value"], 0);
    wait_until(&scene, "the third ones are duplicates", || scene.rejects_of("duplicate") == 6);
    // By themselves duplicates are not sent, and so never grow more.
    let (said, _) = scene.replay(&["--dry-run"], 0);
    let row = said.lines().find(|row| row.trim_start().starts_with("duplicate")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["duplicate", "0", "0", "6", "0"]);
    daemon.terminate(&scene);
    assert_eq!(scene.totals(), first);
    assert_eq!(scene.rejects_of("bad_value"), 6, "{}", scene.log());
}

#[test]
fn events_come_byte_for_byte_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rejects = rejects(folder.path());
    let replay = ["rejects", "replay", "--input", &rejects, "--output", "-"];
    let (stdout, stderr) = expect_status(&run(replay), 0);
    let events: Vec<&str> = EVENTS.lines().collect();
    assert_eq!(stdout.lines().collect::<Vec<_>>(), [events[0], events[1], events[3]], "{stderr}");
    assert!(stderr.contains("left_out=1") && stderr.contains("repeated=1"), "{stderr}");
    let (stdout, _) = expect_status(&run(replay.iter().chain(&["--reason", "malformed"])), 0);
    assert_eq!(stdout.lines().collect::<Vec<_>>(), [events[2]]);
    let chosen = ["--metric", "seconds", "--reason", "bad_value"];
    let (stdout, _) = expect_status(&run(replay.iter().chain(&chosen)), 0);
    assert_eq!(stdout.lines().collect::<Vec<_>>(), [events[0]]);
}

/// An entry of its own for each event.
fn entry(number: usize, event: &str) -> String {
    format!(
        "{{\"reason\":\"bad_value\",\"tenant\":\"default\",\"metric\":\"m\",\"detail\":\"d\",\"source\":{{\"topic\":\"usage\",\
         \"partition\":0,\"offset\":{number}}},\"event\":{event},\"at\":\"2024-03-01T00:00:00Z\"}}\n"
    )
}

#[test]
fn what_cannot_be_sent_is_told_and_the_rest_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = entry(1, "\"{\"").replace("}\n", ",\"truncated\":true}\n");
    let text = [
        cut,
        entry(2, "null"),
        entry(3, "\"two\\nlines\""),
        entry(4, "{\"id\":4}"),
        "no entry\n".to_owned(),
    ]
    .concat();
    let input = write(folder.path(), "rejects.ndjson", &text);
    let replay = ["rejects", "replay", "--input", &input, "--output"];
    let (stdout, stderr) = expect_status(&run(replay.iter().chain(&["-"])), 1);
    assert_eq!(stdout, "{\"id\":4}\n");
    for words in ["only the beginning", "nothing to send", "line break", "line 5"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    // Without what is no entry the others are what the status is for.
    let input = write(folder.path(), "rejects.ndjson", &text.replace("no entry\n", ""));
    let output = folder.path().join("again.ndjson");
    let replay =
        ["rejects", "replay", "--input", &input, "--output", output.to_str().expect("text")];
    let (stdout, stderr) = expect_status(&run(replay), 1);
    assert!(stderr.contains("3 rejects that were asked for cannot be sent"), "{stderr}");
    let row = stdout.lines().nth(1).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["bad_value", "1", "0", "0", "3"]);
    assert_eq!(fs::read_to_string(&output).expect("it is there"), "{\"id\":4}\n");
    // A second time the file is there: others may write to it.
    let (_, stderr) = expect_status(&run(replay), 1);
    assert!(stderr.contains("is there already: name a new file"), "{stderr}");
    assert_eq!(fs::read_to_string(&output).expect("it is there"), "{\"id\":4}\n");
}

#[test]
fn late_and_too_old_events_are_told_to_be_refused_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = entry(1, "{\"id\":1}").replace("bad_value", "late");
    let old = entry(2, "{\"id\":2}").replace("bad_value", "too_old");
    let input = write(folder.path(), "rejects.ndjson", &[late, old].concat());
    let output = folder.path().join("out.ndjson");
    let replay =
        ["rejects", "replay", "--input", &input, "--output", output.to_str().expect("text")];
    let (_, stderr) = expect_status(&run(replay), 0);
    assert!(stderr.contains("late=1") && stderr.contains("too_old=1"), "{stderr}");
    // Nothing sent, nothing left behind.
    let none = folder.path().join("none.ndjson");
    let replay = ["rejects", "replay", "--input", &input, "--output", none.to_str().expect("text")];
    expect_status(&run(replay.iter().chain(&["--metric", "other"])), 0);
    assert!(!none.exists());
}

#[test]
fn run_that_is_stopped_says_how_far_it_got_and_leaves_whole_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let text: String =
        (0..1000).map(|number| entry(number, &format!("{{\"id\":{number}}}"))).collect();
    let input = write(folder.path(), "rejects.ndjson", &text);
    let output = folder.path().join("out.ndjson");
    let replay = ["rejects", "replay", "--rate", "20", "--input", &input, "--output"];
    let mut command = odometer(replay.iter().chain(&[output.to_str().expect("text")]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let written = || fs::read_to_string(&output).unwrap_or_default();
    while written().lines().count() < 3 {
        pause(10);
    }
    let asked = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(asked.expect("kill is here").success());
    let (stdout, stderr) = expect_status(&child.wait_with_output().expect("it ends"), 1);
    let count = written().lines().count();
    assert!(count < 1000 && written().ends_with("}\n"), "{}", written());
    for words in
        [&format!("stopped by a signal after {count} events"), "run the same command again"]
    {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert!(stdout.contains(&count.to_string()), "{stdout}");
}

/// What is counted keeps its meaning, so the fix is a metric of another code.
#[test]
fn refused_events_of_a_period_that_counted_others_are_counted_by_another_metric() {
    let metric = |code: &str, value: &str, more: &str| {
        format!(
            r#"{{"code": "{code}", "event_type": "call", "aggregation": "sum", "value": "properties.{value}", "period": "hour"{more}}}"#
        )
    };
    let wrong = metric("tokens", "amount", "");
    let scene = Scene::new(&format!("{{\"metrics\": [{wrong}]}}"));
    let counted = r#"{"id":"c1","type":"call","customer":"acme","time":"2024-03-01T00:05:00Z","properties":{"amount":7}}"#;
    scene.append("in/usage.ndjson", &format!("{counted}\n{REFUSED}"));
    let daemon = scene.start();
    wait_until(&scene, "three are refused", || scene.rejects_of("bad_value") == 3);
    daemon.terminate(&scene);
    let version = metric("tokens", "v", r#", "effective_from": "2024-03-01T00:00:00Z""#);
    scene.write("metrics.json", &format!("{{\"metrics\": [{wrong}, {version}]}}"));
    scene.start().expect_end(&scene, 1);
    assert!(scene.log().contains("inside of what is counted already"), "{}", scene.log());
    let other = metric("tokens_v", "v", "");
    scene.write("metrics.json", &format!("{{\"metrics\": [{wrong}, {other}]}}"));
    let daemon = scene.start();
    scene.replay(&[], 0);
    scene.replay(&[], 0);
    append(&scene.path("in/usage.ndjson"), CLOSING);
    wait_until(&scene, "the hour is closed", || scene.totals().len() >= 3);
    daemon.terminate(&scene);
    let totals = scene.totals();
    let value = |metric: &str, customer: &str| {
        let key = format!("\"{metric}\"/\"{customer}\"/\"2024-03-01T00:00:00Z\"");
        totals.get(&key).map(|(value, events)| (value.as_str(), *events))
    };
    assert_eq!(value("tokens", "acme"), Some(("7", 1)), "{totals:?}");
    assert_eq!(value("tokens_v", "acme"), Some(("3.5", 2)), "{totals:?}");
    assert_eq!(value("tokens_v", "b"), Some(("4", 1)), "{totals:?}");
}

#[test]
fn output_that_the_daemon_would_not_read_is_refused() {
    let scene = Scene::new(RIGHT);
    fs::create_dir(scene.path("out")).expect("the folder takes folders");
    scene.write("out/rejects.ndjson", &entry(1, "{\"id\":1}"));
    for (flags, words) in [
        (&["--output", "elsewhere.ndjson"][..], "found by no pattern of source.paths (in/*)"),
        (&["--output", "in/a.gz"], "compressed"),
        (&["--set", "source.paths=in/usage.ndjson"], "--output is missing"),
        (&["--partition-by", "customer"], "--partition-by has no effect"),
        (&["--rate", "0"], "whole number"),
    ] {
        let (_, stderr) = scene.replay(flags, 2);
        assert!(stderr.contains(words), "{flags:?}: {stderr}");
    }
    let (_, stderr) = scene.replay(&["--set", "source.paths=gone/*"], 1);
    assert!(stderr.contains("creating gone/replayed-"), "{stderr}");
    let (_, stderr) = scene.replay(&["--dry-run", "--set", "source.paths=in/**/*.ndjson"], 0);
    assert!(!stderr.contains("--output"), "{stderr}");
    scene.replay(&["--output", "in/mine.ndjson"], 0);
    let text = fs::read_to_string(scene.path("in/mine.ndjson")).expect("it is there");
    assert_eq!(text, "{\"id\":1}\n");
    assert_eq!(scene.inputs(), 1, "faults leave nothing behind");
    let (_, stderr) = expect_status(&run(["rejects", "replay", "--input", "r"]), 2);
    assert!(stderr.contains("--output is missing"), "{stderr}");
}

#[test]
fn broker_that_is_not_there_is_a_failure_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = "[source]\nkind = \"kafka\"\ntopics = [\"usage\"]\nrequest_timeout = \"1s\"\n\
        [source.kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n[metrics]\nfiles = [\"m.toml\"]\n";
    let config = write(folder.path(), "odometer.toml", configuration);
    let input = write(folder.path(), "rejects.ndjson", &entry(1, "{\"id\":1}"));
    for arguments in [
        &["rejects", "list", "--config", &config][..],
        &["rejects", "replay", "--config", &config],
        &["rejects", "replay", "--config", &config, "--input", &input],
    ] {
        let (_, stderr) = expect_status(&run(arguments), 1);
        assert!(stderr.contains("127.0.0.1:1"), "{stderr}");
    }
    // To a file none is needed.
    let arguments = ["rejects", "replay", "--config", &config, "--input", &input, "--output", "-"];
    assert_eq!(expect_status(&run(arguments), 0).0, "{\"id\":1}\n");
}

#[test]
fn totals_are_those_of_a_run_that_was_right_from_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let [wrong, right] = [("wrong.json", WRONG), ("right.json", RIGHT)]
        .map(|(name, text)| write(folder.path(), name, text));
    let input = write(folder.path(), "usage.ndjson", &[REFUSED, CLOSING].concat());
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let aggregate = |metrics: &str, input: &str, name: &str, rejects: &str| -> Vec<Value> {
        let (output, rejects) = (path(name), path(rejects));
        let words = ["aggregate", "--metrics", metrics, "--input", input, "--output", &output];
        expect_status(&run(words.iter().chain(&["--rejects", &rejects])), 0);
        super::lines(&fs::read_to_string(&output).expect("text"))
    };
    let expected = aggregate(&right, &input, "expected", "none");
    assert_eq!(aggregate(&wrong, &input, "nothing", "rejects"), Vec::<Value>::new());
    let again = path("again.ndjson");
    expect_status(&run(["rejects", "replay", "--input", &path("rejects"), "--output", &again]), 0);
    let without_source = |totals: Vec<Value>| -> Vec<Value> {
        let cut = |mut total: Value| {
            total["source"] = Value::Null;
            total
        };
        totals.into_iter().map(cut).collect()
    };
    let found = aggregate(&right, &again, "found", "none");
    assert_eq!(without_source(found), without_source(expected));
}
