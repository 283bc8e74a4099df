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
    assert!(lines[10].ends_with(": 10 faults"), "{}", lines[10]);
    for line in &lines[..10] {
        let place = line.strip_prefix(&format!("{file}:")).expect("a line names its file");
        assert!(place.starts_with(|first: char| first.is_ascii_digit()), "{line}");
        assert!(line.contains("metrics["), "{line}");
    }
}

/// The same ten faults in every form.
#[test]
fn ten_faults_are_found_in_json_and_yaml_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = [
        r#""code": "one", "agregation": "count""#,
        r#""code": "two", "aggregation": "summ", "period": "fortnight""#,
        r#""code": "three", "aggregation": "sum", "value": "properties.v +", "anchor": 32, "timezone": "Mars/Olympus""#,
        r#""code": "four", "aggregation": "count", "grace": 5, "late": "never", "recurring": "yes""#,
    ];
    let json = metrics.map(|metric| format!("{{{metric}}}")).join(",\n");
    let yaml = metrics.map(|metric| format!("- {}", metric.replace(", ", "\n  "))).join("\n");
    let yaml = yaml.replace('"', "").replace(" +", " + ");
    let texts = [
        ("m.json", format!("{{\"metrics\": [\n{json}]}}")),
        ("m.yaml", format!("metrics:\n{yaml}")),
    ];
    for (name, text) in texts {
        let file = write(folder.path(), name, &text);
        let (_, stderr) = expect_status(&run(["check", "--metrics", &file]), 2);
        assert!(stderr.ends_with(": 10 faults\n"), "{text}\n{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with(&file)).count(), 10, "{stderr}");
    }
}

#[test]
fn definitions_made_to_break_a_reader_are_one_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let metric = |value: &str| {
        format!(r#"{{"metrics": [{{"code": "a", "aggregation": "sum", "value": "{value}"}}]}}"#)
    };
    let laughs = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1));
    let laughs = format!("a0: &a0 [lol]\n{}metrics: *a29\n", laughs.collect::<String>());
    for (name, text) in [
        ("deep.json", format!("{{\"metrics\": {}}}", deep("[", "]"))),
        ("deep.toml", format!("metrics = {}", deep("[", "]"))),
        ("deep-tables.toml", format!("[{}]", vec!["a"; 100_000].join("."))),
        ("deep.yaml", format!("metrics: {}", deep("{a: ", "}"))),
        ("deep-list.yaml", format!("metrics:\n{}x\n", "- ".repeat(100_000))),
        ("laughs.yaml", laughs),
        ("long.json", metric(&vec!["1"; 10_240].join("+"))),
        ("deep-value.json", metric(&format!("{}1{}", "(".repeat(8_000), ")".repeat(8_000)))),
        ("deepest-value.json", metric(&format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)))),
        ("deep-case.json", metric(&format!("{}TRUE", "NOT ".repeat(4_000)))),
        ("empty.json", String::new()),
    ] {
        let file = write(folder.path(), name, &text);
        let (_, stderr) = expect_status(&run(["check", "--metrics", &file]), 2);
        assert!(stderr.starts_with(&file) && stderr.ends_with(": 1 fault\n"), "{stderr:.400}");
        assert!(stderr.len() < 1_000, "{name}: {} bytes", stderr.len());
    }
    let path = folder.path().join("latin-1.toml");
    std::fs::write(&path, b"[[metrics]]\ncode = \"caf\xe9\"\n").expect("the folder takes files");
    let (_, stderr) = expect_status(&run(["check", "--metrics", path.to_str().expect("text")]), 2);
    assert!(stderr.contains("byte 23 is no UTF-8"), "{stderr}");
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
fn entries_of_one_metric_are_told_by_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"metrics": [{"code": "a", "event_type": "t", "aggregation": "count"}]}"#;
    let one = write(folder.path(), "one.json", text);
    let two = write(folder.path(), "two.json", text);
    let (_, stderr) = expect_status(&run(["check", "--metrics", &one, &two]), 2);
    let words = format!(
        "{two}:1:14: metrics[0] (code \"a\"): {one}:1:14: metrics[0] (code \"a\") is of the same metric"
    );
    assert!(stderr.contains(&words), "{stderr}");
    let (_, stderr) = expect_status(&run(["check", "--metrics", &one, &one]), 2);
    assert!(stderr.contains("one.json: the file is named twice"), "{stderr}");
    assert!(!stderr.contains("is of the same metric"), "{stderr}");
}

#[test]
fn topics_that_nobody_reads_are_told_by_their_place_and_with_all_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = r#"{"metrics": [{"code": "a", "event_type": "t", "aggregation": "count"},
        {"code": "b", "event_type": "t", "aggregation": "count", "topic": "three"}]}"#;
    let metrics = write(folder.path(), "m.json", text);
    let text =
        CONFIGURATION.replace("METRICS", &metrics).replace("[\"usage\"]", "[\"one\", \"two\"]");
    let wrong = text.replace("[state]", "[state]\ncommit_interval = \"5\"");
    for (name, text, count) in [("o.toml", text, "2 faults"), ("p.toml", wrong, "3 faults")] {
        let file = write(folder.path(), name, &text);
        let (_, stderr) = expect_status(&run(["check", "--config", &file]), 2);
        for words in [
            "m.json:1:14: metrics[0] (code \"a\"): topic: is missing",
            "m.json:2:9: metrics[1] (code \"b\"): topic: \"three\" is not read",
            count,
        ] {
            assert!(stderr.contains(words), "{words}: {stderr}");
        }
    }
}

#[test]
fn a_state_that_would_be_read_as_events_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(
        folder.path(),
        "m.json",
        r#"{"metrics": [{"code": "a", "event_type": "t", "aggregation": "count"}]}"#,
    );
    let text = |paths: &str, state: &str| {
        format!(
            "[source]\nkind = \"file\"\npaths = [{paths:?}]\n[sink]\npath = \"out/totals\"\n[rejects]\npath = \
             \"out/rejects\"\n[state]\ndirectory = {state:?}\n[metrics]\nfiles = [{metrics:?}]\n"
        )
    };
    for (paths, state, status) in [
        ("data/**/*.ndjson", "data/state", 2),
        ("data/**/*", "data/state", 2),
        ("data/*/*.log", "data/state", 0),
        ("data/*.ndjson", "data/state", 0),
        ("data/**/*.ndjson", "state", 0),
    ] {
        let file = write(folder.path(), "o.toml", &text(paths, state));
        let (_, stderr) = expect_status(&run(["check", "--config", &file]), status);
        assert_eq!(stderr.contains("would be read as events"), status == 2, "{paths}: {stderr}");
    }
}

#[test]
fn faults_of_a_configuration_and_of_its_definitions_are_listed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "one.json", r#"{"metrics": [{"code": "a"}]}"#);
    let text = format!(
        "[source]\nkind = \"file\"\npaths = [\"in/*\"]\ncolour = 1\n[sink]\npath = \"out\"\n[telemetry]\nlog_level = \
         \"loud\"\n[metrics]\nfiles = [{metrics:?}]\n"
    );
    let config = write(folder.path(), "odometer.toml", &text);
    let (_, stderr) = expect_status(&run(["check", "--config", &config]), 2);
    for words in ["unknown key \"colour\"", "telemetry.log_level", "one.json:1:"] {
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

const CONFIGURATION: &str = r#"
[source]
topics = ["usage"]
start_from = "earliest"
[source.kafka.properties]
"bootstrap.servers" = "127.0.0.1:9092"
"sasl.password" = "do not print me"
[state]
directory = "data/state"
[metrics]
files = ["METRICS"]
"#;

#[test]
fn a_configuration_is_printed_with_its_definitions_and_without_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "o.toml", &CONFIGURATION.replace("METRICS", SHIPPED));
    let (stdout, stderr) = expect_status(&run(["check", "--config", &file]), 0);
    assert_eq!(stderr, "");
    for words in ["source.topics", "127.0.0.1:9092", "llm_tokens", "7 metrics, no faults"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    assert!(!stdout.contains("do not print me") && stdout.contains("***"), "{stdout}");
    let set = ["--set", "state.commit_interval=7s"];
    let (stdout, _) = expect_status(&run([&["check", "--config", &file][..], &set].concat()), 0);
    assert!(stdout.contains("7s"), "{stdout}");
    let set = ["--set", "state.commit_interval=never"];
    let (_, stderr) = expect_status(&run([&["check", "--config", &file][..], &set].concat()), 2);
    assert!(stderr.contains("state.commit_interval"), "{stderr}");
}

#[test]
fn every_fault_of_a_configuration_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = CONFIGURATION.replace("start_from = \"earliest\"", "start_form = \"earliest\"");
    let text =
        text.replace("[state]", "[state]\ncommit_interval = \"5\"").replace("METRICS", SHIPPED);
    let file = write(folder.path(), "o.toml", &text);
    let (_, stderr) = expect_status(&run(["check", "--config", &file]), 2);
    for words in ["o.toml", "start_form", "commit_interval", "2 faults"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    let (_, of_run) = expect_status(&run(["run", "--config", &file]), 2);
    assert_eq!(of_run, stderr, "the daemon says the same");
}

#[test]
fn faults_of_the_definitions_that_a_configuration_names_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "m.toml", TEN_FAULTS);
    let file = write(folder.path(), "o.toml", &CONFIGURATION.replace("METRICS", &metrics));
    let (_, stderr) = expect_status(&run(["check", "--config", &file]), 2);
    assert!(stderr.contains(&format!("{metrics}:")) && stderr.contains("10 faults"), "{stderr}");
}

#[test]
fn files_that_define_nothing_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("empty.toml", ""), ("none.json", r#"{"metrics":[]}"#)] {
        let file = write(folder.path(), name, text);
        let (stdout, stderr) = expect_status(&run(["check", "--metrics", &file]), 2);
        assert_eq!(stdout, "");
        assert!(stderr.contains("no metric is defined"), "{stderr}");
    }
}
