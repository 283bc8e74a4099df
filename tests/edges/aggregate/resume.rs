//! Where a run goes on after one that was cut off: at the last commit, where its input is still what was read; else at
//! its beginning.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::{
    Outcome, aggregate, event, events, expect_failure, newest, status, sum_metrics, wait_for_log,
};
use crate::program::{expect_status, odometer, run, write};

/// More records than are committed at once.
const MANY: usize = 150_000;

const SAID: &str = "what it had read has changed since";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).expect("memory takes all")
}

/// With five lines put in at line 1000, which is behind the head that an input is known by.
fn with_more(text: &str) -> String {
    let place = text.match_indices('\n').nth(999).expect("it is long").0 + 1;
    let more: String = (0..5).map(|number| event(MANY + number)).collect();
    [&text[..place], &more, &text[place..]].concat()
}

/// What the flags give in one run without a state.
fn in_one_run(folder: &Path, metrics: &str, text: &str) -> Vec<String> {
    let input = write(folder, "one-run.ndjson", text);
    newest(&aggregate(folder, &["--metrics", metrics, "--input", &input]).totals)
}

/// A run over a changed input: all of it is read again, and nothing in it is lost.
#[track_caller]
fn expect_read_again(outcome: &Outcome, records: u64) {
    let count = |name: &str| outcome.summary[name].as_u64().expect("a number");
    assert!(count("duplicate") >= 65_536, "a commit had been made: {}", outcome.summary);
    let ends = (count("counted"), count("duplicate"));
    assert_eq!(ends, (records, count("read") - records), "{}", outcome.summary);
    assert_eq!(count("invalid"), 0, "no line was cut in the middle");
}

#[test]
fn lines_put_in_since_a_run_was_cut_off_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, text) = (sum_metrics(folder), events(MANY));
    let changed = with_more(&text);
    let calm = in_one_run(folder, &metrics, &changed);
    let half = text.len() / 2;
    let middle = half + text[half..].find('\n').expect("it goes on") + 1;
    for (name, compress) in [("e.ndjson.gz", gzip as fn(&str) -> Vec<u8>), ("e.ndjson.zst", zstd)] {
        let input = folder.join(name).to_str().expect("text").to_owned();
        let state = folder.join(format!("{name}-state")).to_str().expect("text").to_owned();
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
        let whole = compress(&text);
        fs::write(&input, &whole[..whole.len() * 3 / 4]).expect("the folder takes files");
        expect_failure(&flags);
        fs::write(&input, compress(&changed)).expect("the folder takes files");
        let outcome = aggregate(folder, &flags);
        expect_read_again(&outcome, 150_005);
        assert_eq!(newest(&outcome.totals), calm, "{name}");
    }
    // What is only added to an input is no change of what was read, also where it was read to its end.
    for ended in [true, false] {
        let state = folder.join(format!("state-{ended}")).to_str().expect("text").to_owned();
        let first = if ended { &text[..middle] } else { &text[..middle - 1] };
        let input = write(folder, "e.ndjson", first);
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
        expect_failure(&[&flags[..], &["--output", "/dev/full"]].concat());
        write(folder, "e.ndjson", &text);
        let outcome = aggregate(folder, &flags);
        let counts = (&outcome.summary["read"], &outcome.summary["duplicate"]);
        assert_eq!(counts, (&MANY.into(), &0.into()), "{ended}");
        assert_eq!(newest(&outcome.totals), in_one_run(folder, &metrics, &text), "{ended}");
    }
}

#[test]
fn line_that_was_added_to_since_it_was_read_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let input = write(folder, "e.ndjson", &format!("{}{{\"id\"", events(100)));
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    expect_failure(&[&flags[..], &["--output", "/dev/full"]].concat());
    write(folder, "e.ndjson", &events(101));
    let outcome = aggregate(folder, &flags);
    assert_eq!(outcome.summary["counted"], 101, "{}", outcome.summary);
    // The half line of the first run is a reject of its own.
    assert_eq!((outcome.rejects.len(), &outcome.summary["invalid"]), (1, &1.into()));
}

/// The last record read stands where it stood.
#[test]
fn changed_head_alone_is_another_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let text = events(3_000);
    let input = write(folder, "e.ndjson", &text);
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    expect_failure(&[&flags[..], &["--output", "/dev/full"]].concat());
    write(folder, "e.ndjson", &text.replacen("\"e7\"", "\"x7\"", 1));
    let outcome = aggregate(folder, &flags);
    let count = |name: &str| outcome.summary[name].as_u64().expect("a number");
    assert_eq!((count("read"), count("counted"), count("duplicate")), (6_000, 3_001, 2_999));
    let both = in_one_run(folder, &metrics, &(text + &event(7).replace("\"e7\"", "\"x7\"")));
    assert_eq!(newest(&outcome.totals), both);
}

#[test]
fn changed_input_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let text = events(3_000);
    for (name, after, is_told) in [
        ("longer", text.clone() + &event(3_000), false),
        ("put-in", with_more(&text), true),
        ("shorter", text[..text.len() - 1_000].to_owned(), true),
    ] {
        let state = folder.join(name).to_str().expect("text").to_owned();
        let input = write(folder, &format!("{name}.ndjson"), &text);
        let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--state", &state];
        let failed = crate::program::run([&flags[..], &["--output", "/dev/full"]].concat());
        crate::program::expect_status(&failed, 1);
        write(folder, &format!("{name}.ndjson"), &after);
        let (_, stderr) = crate::program::expect_status(&crate::program::run(flags), 0);
        assert_eq!(stderr.contains(SAID), is_told, "{name}: {stderr}");
        assert_eq!(stderr.contains("going on"), !is_told, "{name}: {stderr}");
    }
}

#[test]
fn summaries_of_runs_that_were_killed_tell_of_their_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, state) = (sum_metrics(folder), folder.join("state"));
    let text = format!("nonsense\n{}", events(MANY));
    let input = write(folder, "e.ndjson", &text);
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is here");
    assert!(made.success());
    // It never ends: its outputs go to a pipe that nobody opens.
    let mut program = odometer(["aggregate", "--metrics", &metrics, "--input", &input, "--state"]);
    let program = program.arg(&state).arg("--output").arg(&pipe).stderr(Stdio::null());
    let mut program = program.spawn().expect("the program starts");
    wait_for_log(&state, 1 << 20);
    program.kill().expect("it hangs");
    assert_eq!(status(&program.wait_with_output().expect("it ends")), None);
    let state = state.to_str().expect("text");
    let outcome = aggregate(folder, &["--metrics", &metrics, "--input", &input, "--state", state]);
    let expected = serde_json::json!({
        "read": MANY + 1, "counted": MANY, "duplicate": 0, "unmatched": 0, "late": 0, "invalid": 1,
        "finals": 7, "corrections": 0, "provisionals": 0, "rejects": {"malformed": 1},
        "seconds": outcome.summary["seconds"],
    });
    assert_eq!(outcome.summary, expected);
    assert_eq!((outcome.totals.len(), outcome.rejects.len()), (7, 1));
}

#[test]
fn notes_of_another_version_are_refused_or_as_good_as_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "e.ndjson", &events(100));
    let state = folder.join("state");
    let flags = ["--metrics", &metrics, "--input", &input, "--state"];
    let flags = [&flags[..], &[state.to_str().expect("text")]].concat();
    expect_failure(&[&flags[..], &["--output", "/dev/full"]].concat());
    let replace = |name: &str, text: &str| {
        fs::write(state.join(name), text).expect("the state takes files");
    };
    replace("handover.json", r#"{"version":4,"of":"another shape"}"#);
    let said = expect_failure(&flags);
    assert!(said.contains("handover.json is of version 4 and not of 3"), "{said}");
    fs::remove_file(state.join("handover.json")).expect("it is there");
    let mark = fs::read_to_string(state.join("aggregate.json")).expect("it is there");
    replace("aggregate.json", &mark.replace("\"version\":1", "\"version\":2"));
    let outcome = aggregate(folder, &flags);
    assert_eq!(outcome.summary["duplicate"], 100, "it is read from its beginning");
    assert_eq!(newest(&outcome.totals).len(), 7);
}

/// Runs on one state, each of which can be made one that was killed once its outputs were in their places.
struct Runs {
    folder: tempfile::TempDir,
    metrics: String,
}

impl Runs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics = sum_metrics(folder.path());
        let runs = Runs { folder, metrics };
        let faulty = |from: usize| {
            (from..from + 100).map(event).collect::<String>() + &format!("no event {from}\n")
        };
        write(runs.folder.path(), "monday", &faulty(0));
        write(runs.folder.path(), "tuesday", &faulty(100));
        runs
    }

    fn path(&self, name: &str) -> String {
        match name {
            "-" | "/dev/full" => name.to_owned(),
            _ => self.folder.path().join(name).to_str().expect("text").to_owned(),
        }
    }

    fn start(&self, input: &str, output: &str, rejects: Option<&str>) -> std::process::Output {
        let (input, state, output) = (self.path(input), self.path("state"), self.path(output));
        let mut flags = vec!["aggregate", "--metrics", &self.metrics, "--input", &input, "--state"];
        flags.extend([&state, "--output", &output]);
        let rejects = rejects.map(|name| self.path(name));
        if let Some(rejects) = &rejects {
            flags.extend(["--rejects", rejects]);
        }
        run(flags)
    }

    /// What it wrote to standard output.
    #[track_caller]
    fn run(&self, input: &str, output: &str, rejects: Option<&str>) -> Vec<String> {
        let (stdout, _) = expect_status(&self.start(input, output, rejects), 0);
        stdout.lines().map(str::to_owned).collect()
    }

    /// One that never said that it ended.
    #[track_caller]
    fn run_killed(&self, input: &str, output: &str, rejects: Option<&str>) {
        self.run(input, output, rejects);
        let state = self.folder.path().join("state");
        fs::rename(state.join("finished.json"), state.join("handover.json")).expect("it ended");
    }

    fn lines(&self, output: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(output)).expect("it is there");
        text.lines().map(str::to_owned).collect()
    }

    /// How many lines each output has.
    fn counts<const N: usize>(&self, outputs: [&str; N]) -> [usize; N] {
        outputs.map(|output| self.lines(output).len())
    }
}

/// A run that has said nothing of its end yet may be started again by whoever saw it killed.
#[test]
fn a_run_that_was_killed_right_before_its_end_gives_its_outputs_again() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", None);
    let first = runs.lines("o1");
    assert_eq!(first.len(), 7);
    runs.run_killed("monday", "o1", None);
    assert_eq!(runs.lines("o1"), first, "under the same name");
    runs.run("monday", "o2", None);
    assert_eq!(runs.lines("o2"), [""; 0], "it stands under another name");
    assert_eq!(runs.lines("o1"), first);
    runs.run("monday", "o2", None);
    let state = runs.path("state");
    let (said, _) = expect_status(&run(["state", "inspect", &state]), 0);
    assert!(said.contains("0 entries wait, of 9 ever made"), "{said}");
    expect_status(&run(["state", "verify", &state]), 0);
}

/// What a stream took may have come through or not, which says nothing of the files beside it.
#[test]
fn outputs_that_are_files_stand_where_others_are_streams() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", Some("-"));
    assert_eq!(runs.run("monday", "o2", Some("-")).len(), 1, "the reject again");
    assert_eq!(runs.counts(["o1", "o2"]), [7, 0]);
    let runs = Runs::new();
    runs.run_killed("monday", "-", Some("r1"));
    assert_eq!(runs.run("monday", "-", Some("r2")).len(), 7, "the totals again");
    assert_eq!(runs.counts(["r1", "r2"]), [1, 0]);
}

#[test]
fn runs_that_share_a_file_of_rejects_keep_their_totals_apart() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", Some("r"));
    assert_eq!(runs.counts(["o1", "r"]), [7, 1]);
    for _ in 0..2 {
        runs.run_killed("tuesday", "o2", Some("r"));
        assert_eq!(runs.counts(["o1", "o2", "r"]), [7, 7, 2]);
    }
    runs.run("tuesday", "o2", Some("r"));
    assert_eq!(runs.counts(["o1", "o2", "r"]), [7, 7, 2]);
    runs.run("tuesday", "o3", Some("r"));
    // What is no event has no id by which it could be found to be read twice.
    assert_eq!(runs.counts(["o1", "o2", "o3", "r"]), [7, 7, 0, 1], "of runs that ended");
}

/// A run that told of what it had read, and was killed before that was in its place: the next one puts it there, or tells
/// it itself.
#[test]
fn a_summary_that_a_killed_run_did_not_put_in_place_is_not_lost() {
    let runs = Runs::new();
    let told = |input: &str, outputs: [&str; 2], flags: &[&str]| {
        let [input, output, summary] = [input, outputs[0], outputs[1]].map(|name| runs.path(name));
        let state = runs.path("state");
        let always =
            ["aggregate", "--metrics", &runs.metrics, "--input", &input, "--state", &state];
        let more = ["--output", &output, "--summary", &summary];
        expect_status(&run([&always[..], &more, flags].concat()), 0);
    };
    let read = |summary: &str| -> u64 {
        let text = fs::read_to_string(runs.path(summary)).expect("it is there");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["read"]
            .as_u64()
            .expect("a number")
    };
    // As it was right after the note: the summary, and what comes after it, wait under other names.
    let kill = |outputs: &[&str]| {
        let state = runs.folder.path().join("state");
        let note = state.join("handover.json");
        fs::rename(state.join("finished.json"), &note).expect("it ended");
        let note: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(note).expect("it is there")).expect("JSON");
        for output in outputs {
            let of = |piece: &&serde_json::Value| {
                let place = piece["output"]["place"].as_str().expect("a way");
                piece["of"] == "own" && place.ends_with(&format!("/{output}"))
            };
            let pieces = note["pieces"].as_array().expect("a list");
            let part = pieces.iter().find(of).expect("it is noted")["output"]["part"].as_str();
            let part = state.join(part.expect("a way"));
            fs::rename(runs.path(output), part).expect("it is in its place");
        }
    };
    // With nothing to be delivered beside it.
    told("monday", ["o1", "s1"], &["--keep-open", "--rejects", &runs.path("r1")]);
    kill(&["o1", "s1"]);
    told("monday", ["o1", "s1"], &["--keep-open", "--rejects", &runs.path("r1")]);
    assert_eq!(read("s1"), 101);
    // Put in place by a run of other names, which does not tell it again.
    kill(&["o1", "s1"]);
    told("tuesday", ["o2", "s2"], &["--keep-open"]);
    assert_eq!((read("s1"), read("s2")), (101, 101));
    // Told again from where that one told, not from the beginning.
    kill(&["o2", "s2"]);
    told("tuesday", ["o2", "s2"], &["--keep-open"]);
    assert_eq!((read("s1"), read("s2")), (101, 101));
    // In its place already, and replaced by one that tells no less.
    kill(&[]);
    told("tuesday", ["o3", "s2"], &[]);
    assert_eq!(read("s2"), 101);
    kill(&["s2"]);
    told("tuesday", ["o3", "s4"], &[]);
    assert_eq!((read("s2"), read("s4"), runs.lines("o3").len()), (101, 0, 7));
}

/// After a run in between its totals are in its output alone.
#[test]
fn an_output_of_a_killed_run_is_not_replaced_by_what_is_less() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", None);
    for (input, output) in [("tuesday", "o2"), ("tuesday", "o3")] {
        runs.run(input, output, None);
        let refused = runs.start("monday", "o1", None);
        let (_, said) = expect_status(&refused, 1);
        assert!(
            said.contains("o1 holds what a run gave that was killed at its very end"),
            "{said}"
        );
        assert_eq!(runs.counts(["o1", "o2"]), [7, 7]);
    }
    fs::rename(runs.path("o1"), runs.path("kept")).expect("it is there");
    runs.run("monday", "o1", None);
    assert_eq!(runs.counts(["o1", "kept"]), [0, 7]);
    fs::rename(runs.path("kept"), runs.path("o1")).expect("it is there");
    runs.run("monday", "o1", None);
    assert_eq!(runs.counts(["o1"]), [0], "whoever moved it away knows of it");
}

/// What a run is going to replace stands until it does.
#[test]
fn an_output_stands_where_a_retry_was_killed_before_it_replaced_it() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", None);
    let first = fs::read(runs.path("o1")).expect("it is there");
    // A retry that was killed after its note, and whose waiting output another run of that name removed.
    runs.run_killed("tuesday", "o1", None);
    fs::write(runs.path("o1"), first).expect("it is there");
    runs.run("tuesday", "o2", None);
    assert_eq!(runs.counts(["o1", "o2"]), [7, 7]);
}

/// A job's folder may move, be restored or be mounted elsewhere between two runs.
#[test]
fn outputs_are_found_beside_a_state_that_was_moved() {
    let mut runs = Runs::new();
    runs.run_killed("monday", "o1", None);
    let elsewhere = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(runs.folder.path()).expect("a folder").flatten() {
        let (from, to) = (entry.path(), elsewhere.path().join(entry.file_name()));
        if from.is_dir() {
            fs::rename(from, to).expect("it can be moved");
        } else {
            // Another file of the same content.
            fs::copy(from, to).expect("it can be copied");
        }
    }
    runs.metrics = elsewhere.path().join("metrics.json").to_str().expect("text").to_owned();
    runs.folder = elsewhere;
    runs.run("monday", "o2", None);
    assert_eq!(runs.counts(["o1", "o2"]), [7, 0]);
    let (_, said) = expect_status(&runs.start("tuesday", "o1", None), 1);
    assert!(said.contains("o1 holds what a run gave"), "{said}");
}

#[test]
fn rejects_that_nobody_wanted_come_again_with_the_totals() {
    let runs = Runs::new();
    runs.run_killed("monday", "o1", None);
    runs.run_killed("monday", "o1", Some("r"));
    assert_eq!(runs.counts(["o1", "r"]), [7, 1]);
    runs.run("monday", "o2", Some("r2"));
    assert_eq!(runs.counts(["o1", "r", "o2", "r2"]), [7, 1, 0, 0]);
}

/// The header of a table without rows is nothing that could be lost.
#[test]
fn an_output_without_totals_may_be_replaced() {
    let runs = Runs::new();
    write(runs.folder.path(), "nothing", "no event\n");
    let flags = |input: &str, output: &str| {
        let [input, state, output] = [input, "state", output].map(|name| runs.path(name));
        let flags = ["aggregate", "--metrics", &runs.metrics, "--input", &input, "--state", &state];
        run([&flags[..], &["--output", &output, "--output-format", "csv"]].concat())
    };
    expect_status(&flags("nothing", "o1"), 0);
    let state = runs.folder.path().join("state");
    fs::rename(state.join("finished.json"), state.join("handover.json")).expect("it ended");
    expect_status(&flags("monday", "o2"), 0);
    expect_status(&flags("tuesday", "o1"), 0);
    assert_eq!(runs.counts(["o1", "o2"]), [8, 8]);
}

/// Also where it fails for what it was given, before it read anything.
#[test]
fn a_failed_start_does_not_forget_what_was_cut_off() {
    let runs = Runs::new();
    let failed = runs.start("monday", "/dev/full", Some("r"));
    expect_status(&failed, 1);
    expect_status(&runs.start("typo", "o", None), 1);
    let (_, said) = expect_status(&runs.start("monday", "o", Some("r")), 0);
    assert!(said.contains("going on"), "{said}");
    assert_eq!(runs.counts(["o", "r"]), [7, 1]);
}
