//! `odometer rejects list`: groups in three shapes, or the entries themselves.

use std::fs;

use serde_json::json;

use super::{lines, rejects};
use crate::program::{expect_status, odometer, run, write};

#[test]
fn rejects_are_shown_by_reason_and_metric() {
    let folder = tempfile::tempdir().expect("a folder");
    let rejects = rejects(folder.path());
    let (stdout, _) = expect_status(&run(["rejects", "list", "--input", &rejects]), 0);
    let groups = lines(&stdout);
    let found: Vec<_> =
        groups.iter().map(|one| json!([one["reason"], one["metric"], one["count"]])).collect();
    assert_eq!(
        found,
        [
            json!(["bad_value", "tokens", 2]),
            json!(["malformed", null, 1]),
            json!(["missing_field", null, 1]),
            json!(["bad_value", "seconds", 1]),
        ],
        "{stdout}"
    );
    let example = &groups[0]["examples"][0];
    assert!(example["detail"].as_str().expect("a text").contains("no number"), "{example}");
    assert!(example["source"].as_str().expect("a text").ends_with("events.ndjson line 1"));
    assert!(example["event"].as_str().expect("a text").contains(r#""v":1.50"#), "as it stood");
    assert!(stdout.starts_with(r#"{"reason":"bad_value","tenant":"default","metric":"tokens","#));

    let more = ["rejects", "list", "--examples", "5", "--metric", "tokens", "--input", &rejects];
    let (stdout, _) = expect_status(&run(more), 0);
    assert_eq!(lines(&stdout)[0]["examples"].as_array().map(Vec::len), Some(2));
}

#[test]
fn table_and_csv_show_an_example_and_no_control_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    let rejects = rejects(folder.path());
    let list = ["rejects", "list", "--input", &rejects, "--output-format"];
    let (table, _) = expect_status(&run(list.iter().chain(&["table"])), 0);
    for words in ["REASON", "COUNT", "bad_value", "missing_field", "customer is missing", "line 4:"]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(table.contains("{\"id\":\"e3\u{fffd}"), "{table}");
    assert!(!table.contains("TENANT"), "all are of the default one: {table}");
    let (csv, _) = expect_status(&run(list.iter().chain(&["csv"])), 0);
    assert!(csv.starts_with("reason,tenant,metric,count,first_at,last_at,detail,source,event\n"));
    assert!(csv.contains("bad_value,default,tokens,2,,,"), "{csv}");
    assert_eq!(csv.lines().count(), 5, "{csv}");
    for text in [table, csv] {
        assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
    }
    let none =
        ["rejects", "list", "--reason", "late", "--output-format", "table", "--input", &rejects];
    assert_eq!(expect_status(&run(none), 0).0, "no rejects\n");
}

#[test]
fn entries_come_as_they_stand_from_compressed_files_and_pipes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = rejects(folder.path());
    let text = fs::read_to_string(&path).expect("text");
    let compressed = folder.path().join("rejects.ndjson.zst");
    let bytes = zstd::encode_all(text.as_bytes(), 1).expect("it compresses");
    fs::write(&compressed, bytes).expect("the folder takes files");
    let compressed = compressed.to_str().expect("text");
    let (stdout, _) =
        expect_status(&run(["rejects", "list", "--entries", "--input", &path, compressed]), 0);
    assert_eq!(stdout, [text.as_str(), &text].concat());

    let mut piped =
        odometer(["rejects", "list", "--entries", "--reason", "malformed", "--input", "-"]);
    piped.stdin(fs::File::open(&path).expect("it is there"));
    let (stdout, _) = expect_status(&piped.output().expect("it runs"), 0);
    assert_eq!(lines(&stdout).len(), 1, "{stdout}");
    assert!(text.contains(&stdout));
}

#[test]
fn configured_output_is_read_with_its_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = rejects(folder.path());
    let text = fs::read_to_string(&path).expect("text");
    let (first, rest) = text.split_at(text.find('\n').expect("lines") + 1);
    let (second, third) = rest.split_at(rest.find('\n').expect("lines") + 1);
    write(folder.path(), "refused.000001.ndjson", first);
    write(folder.path(), "refused.000002.ndjson", second);
    // Who writes it is in the middle of a line.
    write(folder.path(), "refused.ndjson", &format!("{third}{{\"reason\":\"bad_"));
    // The definitions may be what is being fixed.
    let configuration = "[source]\nkind = \"file\"\npaths = [\"in/*.ndjson\"]\n[rejects]\npath = \"refused.ndjson\"\n\
        [metrics]\nfiles = [\"not-there.toml\"]\n";
    write(folder.path(), "odometer.toml", configuration);
    let list = ["rejects", "list", "--entries", "--config", "odometer.toml"];
    let mut command = odometer(list);
    let output = command.current_dir(folder.path()).output().expect("it runs");
    assert_eq!(expect_status(&output, 0).0, text);

    let mut command = odometer(list.iter().chain(&["--set", "rejects.path=-"]));
    let output = command.current_dir(folder.path()).output().expect("it runs");
    let (_, stderr) = expect_status(&output, 2);
    assert!(stderr.contains("rejects.path") && stderr.contains("--input"), "{stderr}");
    let mut command = odometer(list.iter().chain(&["--set", "rejects.path=gone/rejects.ndjson"]));
    let output = command.current_dir(folder.path()).output().expect("it runs");
    let (_, stderr) = expect_status(&output, 1);
    assert!(stderr.contains("cannot open gone/rejects.ndjson: there is no such file"), "{stderr}");
}

#[test]
fn what_is_no_entry_is_named_by_its_line_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(rejects(folder.path())).expect("text");
    let mixed = format!("{text}\n{{\"id\":\"e1\"}}\n\u{1b}[2J\n{text}");
    let path = write(folder.path(), "mixed.ndjson", &mixed);
    let output = run(["rejects", "list", "--entries", "--input", &path]);
    let (stdout, stderr) = expect_status(&output, 1);
    assert_eq!(stdout, [text.as_str(), &text].concat());
    let count = text.lines().count();
    for words in [
        format!("mixed.ndjson line {}", count + 2),
        format!("mixed.ndjson line {}", count + 3),
        "missing field `reason`".to_owned(),
        "2 texts that were read are no entries".to_owned(),
    ] {
        assert!(stderr.contains(&words), "{words}: {stderr}");
    }
    assert!(!stderr.contains("\u{1b}[2J"), "{stderr:?}");
}

#[test]
fn wrong_usage_says_what_would_be_right() {
    for (arguments, words) in [
        (&["rejects", "list"][..], "--config"),
        (&["rejects", "list", "--input", "r", "--reason", "odd"], "bad_value"),
        (&["rejects", "list", "--input", "r", "--since", "today"], "RFC 3339"),
        (&["rejects", "list", "--input", "r", "--set", "a.b=1"], "--config"),
        (&["rejects", "list", "--config", "not-there.toml"], "not-there.toml"),
    ] {
        let (_, stderr) = expect_status(&run(arguments), 2);
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
    let (_, stderr) = expect_status(&run(["rejects", "list", "--input", "not-there"]), 1);
    assert!(stderr.contains("cannot open not-there: there is no such file"), "{stderr}");
    let (help, _) = expect_status(&run(["rejects", "list", "--help"]), 0);
    assert!(help.contains("Example"), "{help}");
}
