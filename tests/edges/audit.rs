//! `odometer audit` over files: what the program wrote is sound, and whatever is done to it afterwards is found.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::daemon::{Scene, append, wait_until};
use crate::program::{expect_status, odometer, run, write};

const METRICS: &str = r#"{"metrics": [
    {"code": "n", "event_type": "t", "aggregation": "count", "period": "minute", "group_by": ["g"]},
    {"code": "v", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "hour",
     "result": "CASE WHEN value > 20 THEN NULL ELSE value / 3 END"}]}"#;

/// A day later than all others: it closes what they fall into.
const CLOSING: &str = "{\"id\":\"end\",\"type\":\"t\",\"customer\":\"z\",\"time\":1767312000,\"properties\":{\"v\":1}}\n";

const CUSTOMERS: u32 = 3;
const MINUTES: u32 = 4;
const ROUNDS: u32 = 3;

/// An event of each customer in each minute.
fn events(round: u32) -> String {
    let event = |number: u32| {
        let (customer, minute) = (number % CUSTOMERS, number / CUSTOMERS);
        let time = 1_767_225_600 + minute * 60 + round;
        let group = if minute % 2 == 0 { "\"g\":\"é/&\"," } else { "" };
        format!(
            "{{\"id\":\"{round}-{number}\",\"type\":\"t\",\"customer\":\"c {customer}\",\"time\":{time},\
             \"properties\":{{{group}\"v\":{number}.5}}}}\n"
        )
    };
    (0..CUSTOMERS * MINUTES).map(event).collect()
}

/// The outputs of a run in which what was closed is corrected, in several parts.
fn scene() -> Scene {
    let scene = Scene::new(METRICS);
    scene.configure("rotate_size = \"4KiB\"");
    let daemon = scene.start();
    scene.append("in/a.ndjson", &format!("{}{CLOSING}", events(0)));
    for round in 0..ROUNDS {
        let counts = || {
            let totals = scene.lines("totals");
            let events = totals.iter().filter(|total| total["metric"] == "n");
            let wanted = u64::from(round) + 1;
            events.filter(|total| total["events"] == wanted).count()
        };
        wait_until(&scene, "a round is counted", || counts() == (CUSTOMERS * MINUTES) as usize);
        if round + 1 < ROUNDS {
            scene.append("in/a.ndjson", &events(round + 1));
        }
    }
    daemon.terminate(&scene);
    scene
}

#[track_caller]
fn audit(scene: &Scene, flags: &[&str], status: i32) -> (String, String) {
    let mut command = odometer(["audit"].iter().chain(flags));
    expect_status(&command.current_dir(scene.path("")).output().expect("it runs"), status)
}

fn ndjson(totals: &[Value]) -> String {
    let lines: Vec<String> = totals.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

/// The faults as they are told: kind, line, and line of the one before.
#[track_caller]
fn faults(scene: &Scene, totals: &[Value], missing: &str) -> Vec<Value> {
    scene.write("tampered.ndjson", &ndjson(totals));
    let flags = ["--missing", missing, "--input", "tampered.ndjson"];
    let mut command = odometer(["audit"].iter().chain(&flags));
    let output = command.current_dir(scene.path("")).output().expect("it runs");
    let is_sound = output.stdout.is_empty();
    let (stdout, stderr) = expect_status(&output, i32::from(!is_sound));
    let found: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .map(|one: Value| json!([one["fault"], one["at"]["line"], one["before"]["at"]["line"]]))
        .collect();
    assert!(stderr.contains(&format!("faults={}", found.len())), "{stderr}");
    found
}

#[test]
fn outputs_of_a_run_are_sound_and_what_is_done_to_them_is_found() {
    let scene = scene();
    let totals = scene.lines("totals");
    assert!(scene.path("out/totals.000002.ndjson").exists(), "there are parts");
    for flags in
        [&["--config", "odometer.toml"][..], &["--config", "odometer.toml", "--missing", "none"]]
    {
        let (stdout, stderr) = audit(&scene, flags, 0);
        assert_eq!(stdout, "");
        let words = format!("keys={} revisions={} provisional=0 gaps=0 faults=0", 15, totals.len());
        assert!(stderr.contains(&words), "{words}: {stderr}");
    }
    assert!(totals.iter().any(|total| total["value"].is_null()), "a result that is none");
    tampered(&scene, &totals);
    chosen(&scene, &totals);
}

/// Each kind, and how it is told.
fn tampered(scene: &Scene, totals: &[Value]) {
    assert_eq!(faults(scene, totals, "none"), [Value::Null; 0]);
    let place = |revision: u64| {
        let is_one = |total: &Value| {
            total["metric"] == "n" && total["customer"] == "c 1" && total["revision"] == revision
        };
        let first = totals.iter().find(|total| is_one(total)).expect("there is one");
        let key = |total: &Value| (total["period"].clone(), total["customer"].clone());
        let mine = totals.iter().position(|total| {
            total["metric"] == "n" && total["revision"] == revision && key(total) == key(first)
        });
        mine.expect("it is there")
    };
    let [first, second, third] = [place(1), place(2), place(3)];
    assert!(first < second && second < third);
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = totals.to_vec();
        change(&mut changed);
        changed
    };
    // Lines are counted from 1.
    let doubled = with(&|totals| totals.push(totals[second].clone()));
    let expected = json!(["doubled", totals.len() + 1, third + 1]);
    assert_eq!(faults(scene, &doubled, "any"), [expected]);

    let lost = with(&|totals| drop(totals.remove(second)));
    let expected = json!(["lost", third, first + 1]);
    assert_eq!(faults(scene, &lost, "oldest"), [expected]);
    assert_eq!(faults(scene, &lost, "any"), [Value::Null; 0]);
    let lost = with(&|totals| drop(totals.remove(first)));
    assert_eq!(faults(scene, &lost, "oldest"), [Value::Null; 0]);
    assert_eq!(faults(scene, &lost, "none"), [json!(["lost", second, null])]);

    let swapped = with(&|totals| totals.swap(second, third));
    let expected =
        [json!(["lost", second + 1, first + 1]), json!(["disordered", third + 1, second + 1])];
    assert_eq!(faults(scene, &swapped, "oldest"), expected);

    let previous = with(&|totals| {
        totals[second]["previous"] = "7".into();
        totals[second]["delta"] = "-5".into();
    });
    let expected = json!(["previous", second + 1, first + 1]);
    assert_eq!(faults(scene, &previous, "any"), [expected]);
    let delta = with(&|totals| totals[second]["delta"] = "1.000000000000000001".into());
    assert_eq!(faults(scene, &delta, "any"), [json!(["delta", second + 1, null])]);
    // Its key is another's, and no revision of that.
    let misnamed = with(&|totals| totals[first]["customer"] = "nobody".into());
    let expected = [json!(["misnamed", first + 1, null]), json!(["lost", second + 1, null])];
    assert_eq!(faults(scene, &misnamed, "none"), expected);
    let unreadable = with(&|totals| totals[third] = json!({ "reason": "late" }));
    assert_eq!(faults(scene, &unreadable, "any"), [json!(["unreadable", third + 1, null])]);
}

/// Files that are compressed, words for people, and flags that choose.
fn chosen(scene: &Scene, totals: &[Value]) {
    let (first, rest) = totals.split_at(totals.len() / 2);
    let packed = zstd::encode_all(ndjson(first).as_bytes(), 1).expect("it compresses");
    fs::write(scene.path("first.ndjson.zst"), packed).expect("the folder takes files");
    let file = fs::File::create(scene.path("rest.ndjson.gz")).expect("the folder takes files");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(ndjson(rest).as_bytes()).expect("it compresses");
    packed.finish().expect("it compresses");
    let flags = ["--missing", "none", "--input", "first.ndjson.zst", "rest.ndjson.gz"];
    audit(scene, &flags, 0);
    let (_, stderr) =
        audit(scene, &["--missing", "none", "--input", "rest.ndjson.gz", "first.ndjson.zst"], 1);
    assert!(stderr.contains("faults in"), "{stderr}");

    // Who writes it is in the middle of a line; before it stands one twice.
    let again = totals.iter().find(|total| total["customer"] == "c 2" && total["metric"] == "v");
    let again = again.expect("there is one");
    append(&scene.path("out/totals.ndjson"), &format!("{again}\n{{\"id\":\"0"));
    let config = ["--config", "odometer.toml"];
    let (stdout, stderr) = audit(scene, &[&config[..], &["--output-format", "text"]].concat(), 1);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    for words in [
        "out/totals.ndjson line ",
        ": doubled: default/v/c%202//2026-01-01T00%3A00%3A00Z revision 1: expected revision 4, \
         found revision 1 again; revision 3 is at out/totals.",
    ] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    for words in ["last line is not finished yet", "doubled=1", "1 fault in"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    for (flags, status) in [
        (&["--metric", "v"][..], 1),
        (&["--metric", "n"], 0),
        (&["--metric", "n", "--metric", "v", "--customer", "c 2", "--tenant", "default"], 1),
        (&["--customer", "c 1", "--customer", "c 0"], 0),
    ] {
        audit(scene, &[&config[..], flags].concat(), status);
    }
    // A name that was mistyped does not pass for totals without a fault.
    for flags in [["--tenant", "other"], ["--metric", "w"], ["--customer", "c2"]] {
        let (_, stderr) = audit(scene, &[&config[..], &flags].concat(), 1);
        assert!(stderr.contains("that were read is of the metric, customer or tenant"), "{stderr}");
    }
}

#[test]
fn provisional_totals_are_in_no_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "metrics.json", METRICS);
    let input = write(folder.path(), "events.ndjson", &events(0));
    let output = folder.path().join("totals.ndjson").to_str().expect("text").to_owned();
    let arguments = ["aggregate", "--metrics", &metrics, "--input", &input, "--output", &output];
    expect_status(&run(arguments.iter().chain(&["--keep-open"])), 0);
    let (stdout, stderr) =
        expect_status(&run(["audit", "--missing", "none", "--input", &output]), 0);
    assert_eq!(stdout, "");
    assert!(!stderr.contains("provisional=0"), "{stderr}");
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    for (arguments, words) in [
        (&["audit"][..], "--config"),
        (&["audit", "--input", "t", "--missing", "some"], "oldest"),
        (&["audit", "--input", "t", "--output-format", "table"], "ndjson"),
        (&["audit", "--input", "t", "--set", "a.b=1"], "--config"),
        (&["audit", "--config", "not-there.toml"], "not-there.toml"),
    ] {
        let (_, stderr) = expect_status(&run(arguments), 2);
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    let (_, stderr) = expect_status(&run(["audit", "--input", "not-there"]), 1);
    assert!(stderr.contains("cannot open not-there: there is no such file"), "{stderr}");
    let scene = Scene::new(METRICS);
    let (_, stderr) = audit(&scene, &["--config", "odometer.toml", "--set", "sink.path=-"], 2);
    assert!(stderr.contains("sink.path") && stderr.contains("--input"), "{stderr}");
}

/// Whoever takes only the first faults is not told that there are none.
#[test]
fn audit_whose_output_is_closed_has_failed() {
    let scene = scene();
    let totals: Vec<_> = fs::read_dir(scene.path("out")).expect("outputs").flatten().collect();
    let mut text = String::new();
    for file in totals.iter().filter(|one| one.file_name().to_string_lossy().starts_with("totals"))
    {
        text += &fs::read_to_string(file.path()).expect("text");
    }
    // More than a pipe holds.
    scene.write("twice.ndjson", &text.repeat(40));
    let mut command = odometer(["audit", "--output-format", "ndjson", "--input"]);
    command.arg(scene.path("twice.ndjson")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("closed before all faults were told"), "{said}");
}
