//! `odometer check`: what is understood, or every fault at once.

use crate::program::{expect_status, run, write};

const TEN_FAULTS: &str = r#"
[[metrics]]
code = "one"
agregation = "count"

[[metrics]]
code = "two"
aggregation = "summ"
period = "fortnight"

[[metrics]]
code = "three"
aggregation = "sum"
value = "properties.v +"
anchor = 32
timezone = "Mars/Olympus"

[[metrics]]
code = "four"
aggregation = "count"
grace = 5
late = "never"
recurring = "yes"
"#;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/metrics.toml");

#[test]
fn ten_faults_are_ten_lines_and_their_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "m.toml", TEN_FAULTS);
    let (stdout, stderr) = expect_status(&run(["check", "--metrics", &file]), 2);
    assert_eq!(stdout, "");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 11, "{stderr}");
    assert_eq!(lines[10], "odometer: 10 faults");
    for line in &lines[..10] {
        let place = line.strip_prefix(&format!("{file}:")).expect("a line names its file");
        assert!(place.starts_with(|first: char| first.is_ascii_digit()), "{line}");
        assert!(line.contains("metrics["), "{line}");
    }
}

#[test]
fn faults_of_all_files_are_listed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = write(folder.path(), "one.json", r#"{"metrics": [{"code": "a"}]}"#);
    let two = write(folder.path(), "two.yaml", "metrics:\n- code: b\n");
    let (_, stderr) =
        expect_status(&run(["check", "--metrics", &one, &two, "/nowhere/three.toml"]), 2);
    for words in ["/nowhere/three.toml: cannot be read", "one.json:1:", "two.yaml:2:", "3 faults"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn faults_are_lines_of_the_log_where_that_is_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "m.toml", TEN_FAULTS);
    let output = run(["check", "--log-format", "json", "--metrics", &file]);
    let (_, stderr) = expect_status(&output, 2);
    for line in stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(line["level"], "ERROR");
    }
    assert_eq!(stderr.lines().count(), 11, "{stderr}");
}

#[test]
fn the_shipped_definitions_are_understood() {
    let (stdout, stderr) = expect_status(&run(["check", "--metrics", SHIPPED]), 0);
    assert_eq!(stderr, "");
    for words in ["llm_tokens (LLM tokens)", "next borders", "late events", "7 metrics, no faults"]
    {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
}

#[test]
fn what_is_understood_may_go_to_a_closed_pipe() {
    use std::process::Stdio;
    let mut child = crate::program::odometer(["check", "--metrics", SHIPPED])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(expect_status(&output, 0).1, "");
}
