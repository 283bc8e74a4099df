//! `--state`: what one run leaves the next one goes on from, also where the first was killed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::{aggregate, event, events, expect_failure, newest, sum_metrics, wait_until};
use crate::program::{odometer, write};

/// More records than are committed at once.
const MANY: usize = 150_000;

#[test]
fn second_run_over_the_same_events_counts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(100)));
    let state = folder.join("state").to_str().expect("text").to_owned();
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    let first = aggregate(folder, &flags);
    assert_eq!((first.totals.len(), &first.summary["counted"]), (7, &100.into()));
    let second = aggregate(folder, &flags);
    assert_eq!((second.totals.len(), &second.summary["duplicate"]), (0, &100.into()));
}

#[test]
fn later_event_of_a_closed_period_is_a_correction() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let one = write(folder, "one.ndjson", &event(7));
    let two = write(folder, "two.ndjson", &event(14));
    aggregate(folder, &["--metrics", &metrics, "--input", &one, "--state", &state]);
    let second = aggregate(folder, &["--metrics", &metrics, "--input", &two, "--state", &state]);
    let [total] = second.totals.as_slice() else { panic!("{:?}", second.totals) };
    assert_eq!(total["kind"], "correction");
    assert_eq!((&total["value"], &total["previous"]), (&"21".into(), &"7".into()));
    assert_eq!((&total["delta"], &total["revision"]), (&"14".into(), &2.into()));
}

#[test]
fn what_could_not_be_delivered_is_delivered_by_the_next_run() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let text = format!("{}nonsense\n", events(100));
    let input = write(folder, "events.ndjson", &text);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    expect_failure(&[&flags[..], &["--output", "/dev/full"]].concat());
    let again = aggregate(folder, &flags);
    assert_eq!((newest(&again.totals).len(), again.rejects.len()), (7, 1));
    assert_eq!(again.summary["read"], 0, "all of it was read by the first run");
    let third = aggregate(folder, &flags);
    assert_eq!((third.totals.len(), &third.summary["duplicate"]), (0, &100.into()));
}

#[test]
fn run_that_was_cut_off_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let whole = zstd::encode_all(events(MANY).as_bytes(), 1).expect("memory takes all");
    let input = folder.join("events.ndjson.zst");
    let state = folder.join("state").to_str().expect("text").to_owned();
    let path = input.to_str().expect("text").to_owned();
    let flags = ["--metrics", &metrics, "--input", &path, "--state", &state];
    fs::write(&input, &whole[..whole.len() * 3 / 4]).expect("the folder takes files");
    let said = expect_failure(&flags);
    assert!(said.contains("ends in the middle"), "{said}");
    fs::write(&input, &whole).expect("the folder takes files");
    let outcome = aggregate(folder, &flags);
    let read = outcome.summary["read"].as_u64().expect("a number");
    assert!(read > 0 && read < 100_000, "{read} of {MANY} were read again");
    assert_eq!(outcome.summary["duplicate"], 0);
    assert_eq!(newest(&outcome.totals), totals_of_one_run(folder, &metrics));
}

#[test]
fn run_that_was_killed_is_made_good_by_one_over_the_whole_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let text = events(MANY);
    let state = folder.join("state");
    let mut program = odometer(["aggregate", "--metrics", &metrics, "--output"])
        .args([&folder.join("never"), Path::new("--state"), &state])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = program.stdin.take().expect("a pipe");
    pipe.write_all(&text.as_bytes()[..text.len() * 2 / 3]).expect("the program reads");
    wait_for_log(&state, 1 << 20);
    program.kill().expect("it is running");
    program.wait().expect("it ends");
    drop(pipe);
    assert!(!folder.join("never").exists());
    let (input, state) =
        (write(folder, "all.ndjson", &text), state.to_str().expect("text").to_owned());
    let outcome = aggregate(folder, &["--metrics", &metrics, "--input", &input, "--state", &state]);
    let duplicate = outcome.summary["duplicate"].as_u64().expect("a number");
    assert!(duplicate >= 65_536, "{duplicate} were committed before the kill");
    assert_eq!(newest(&outcome.totals), totals_of_one_run(folder, &metrics));
}

/// Waits until the state's log has so many bytes: a commit was made.
fn wait_for_log(state: &Path, bytes: u64) {
    wait_until("a commit is made", || {
        let entries = fs::read_dir(state).into_iter().flatten().flatten();
        let mut logs =
            entries.filter(|entry| entry.path().extension().is_some_and(|one| one == "log"));
        logs.any(|log| log.metadata().is_ok_and(|log| log.len() >= bytes))
    });
}

fn totals_of_one_run(folder: &Path, metrics: &str) -> Vec<String> {
    let input = write(folder, "one-run.ndjson", &events(MANY));
    newest(&aggregate(folder, &["--metrics", metrics, "--input", &input]).totals)
}

#[test]
fn state_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let state = folder.path().join("state");
    let mut first = odometer(["aggregate", "--metrics", &metrics, "--state"])
        .arg(&state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    wait_for_log(&state, 1);
    let said = expect_failure(&["--metrics", &metrics, "--state", state.to_str().expect("text")]);
    assert!(said.contains("is in use by another process"), "{said}");
    drop(first.stdin.take());
    assert!(first.wait().expect("it ends").success());
}

#[test]
fn directory_that_is_no_state_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let other = folder.path().join("other");
    fs::create_dir(&other).expect("the folder takes folders");
    fs::write(other.join("thesis.txt"), "mine").expect("the folder takes files");
    let said = expect_failure(&["--metrics", &metrics, "--state", other.to_str().expect("text")]);
    assert!(said.contains("cannot be used") && said.contains("thesis.txt"), "{said}");
    assert_eq!(fs::read_dir(&other).expect("a folder").count(), 1);
}

#[test]
fn metric_that_changed_its_meaning_in_place_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(10)));
    let state = folder.join("state").to_str().expect("text").to_owned();
    aggregate(folder, &["--metrics", &metrics, "--input", &input, "--state", &state]);
    let other = write(folder, "other.json", &super::SUM.replace("\"sum\"", "\"max\""));
    let said = expect_failure(&["--metrics", &other, "--input", &input, "--state", &state]);
    assert!(said.contains("tokens") && said.contains("effective_from"), "{said}");
}
