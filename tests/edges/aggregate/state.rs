//! `--state`: what one run leaves the next one goes on from, also where the first was killed.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::{
    aggregate, event, events, expect_failure, newest, sum_metrics, wait_for_log, wait_until,
};
use crate::program::{expect_status, odometer, run, write};

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

/// A period that the end of an earlier input closed becomes due, nothing comes of that, and its chain is let go before the
/// next event moves it out of what is kept.
#[test]
fn recurring_period_is_final_once_however_little_memory_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let definition = r#"{"metrics":[{"code":"level","event_type":"call","aggregation":"sum",
        "value":"properties.units","recurring":true,"period":"quarter"}]}"#;
    let metrics = write(folder, "level.json", definition);
    let record = |id: u32, customer: &str, day: &str, units: u32| {
        format!(
            r#"{{"id":"e{id}","type":"call","customer":"{customer}","time":"{day}T00:00:00Z","properties":{{"units":{units}}}}}"#
        ) + "\n"
    };
    let one = write(folder, "one.ndjson", &record(1, "c", "2026-01-10", 5));
    let later = record(2, "d", "2026-04-10", 1) + &record(3, "c", "2026-05-20", 1);
    let two = write(folder, "two.ndjson", &later);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let flags = ["--metrics", &metrics, "--state", &state, "--memory-limit", "1", "--input"];
    let first = aggregate(folder, &[&flags[..], &[&one]].concat());
    let [total] = first.totals.as_slice() else { panic!("{:?}", first.totals) };
    assert_eq!((&total["value"], &total["events"]), (&"5".into(), &1.into()));
    let second = aggregate(folder, &[&flags[..], &[&two]].concat());
    let found: Vec<_> = (second.totals.iter())
        .map(|total| (total["customer"].as_str(), total["value"].as_str(), &total["revision"]))
        .collect();
    let first = serde_json::Value::from(1);
    let of_april = [(Some("c"), Some("6"), &first), (Some("d"), Some("1"), &first)];
    assert!(found.len() == 2 && of_april.iter().all(|total| found.contains(total)), "{found:?}");
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
    let expected = serde_json::json!({
        "read": 101, "counted": 100, "duplicate": 0, "unmatched": 0, "late": 0, "invalid": 1,
        "finals": 7, "corrections": 0, "provisionals": 0, "rejects": {"malformed": 1},
        "seconds": again.summary["seconds"],
    });
    assert_eq!(again.summary, expected, "what the first run read is in these outputs");
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
    assert_eq!(outcome.summary["read"], MANY, "what both runs read is in these outputs");
    assert_eq!(outcome.summary["duplicate"], 0, "nothing was read twice");
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
fn metric_that_no_file_defines_any_more_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metric = |code: &str| {
        format!(r#"{{"code":"{code}","event_type":"t","aggregation":"count","period":"day"}}"#)
    };
    let both = format!(r#"{{"metrics":[{},{}]}}"#, metric("a"), metric("b"));
    let both = write(folder, "both.json", &both);
    let one = write(folder, "one.json", &format!(r#"{{"metrics":[{}]}}"#, metric("a")));
    let text = r#"{"id":"1","type":"t","customer":"c","time":"2026-03-01T00:00:00Z"}"#;
    let input = write(folder, "e.ndjson", &format!("{text}\n"));
    let state = folder.join("state").to_str().expect("text").to_owned();
    let output = folder.join("out").to_str().expect("text").to_owned();
    let said = |metrics: &str| {
        let flags = ["aggregate", "--metrics", metrics, "--input", &input, "--state", &state];
        let more = ["--output", &output, "--keep-open"];
        expect_status(&run([&flags[..], &more].concat()), 0).1
    };
    assert!(!said(&both).contains("no --metrics file defines"));
    let told = said(&one);
    assert!(told.contains("no --metrics file defines") && told.contains("metric=\"b\""), "{told}");
    assert!(!said(&both).contains("no --metrics file defines"));
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

/// The log of the state's database.
fn log_of(state: &Path) -> std::path::PathBuf {
    let entries =
        fs::read_dir(state).expect("a folder").map(|entry| entry.expect("readable").path());
    let mut logs = entries.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    logs.next().expect("a database has its log")
}

#[test]
fn state_that_lost_commits_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(1_000)));
    for (name, harm) in [
        (
            "damaged",
            (|log| {
                let mut bytes = fs::read(log).expect("it is there");
                let middle = bytes.len() / 2;
                bytes[middle..middle + 20].fill(0xAA);
                fs::write(log, bytes).expect("it can be written");
            }) as fn(&Path),
        ),
        ("missing", |log| fs::remove_file(log).expect("it is there")),
        ("empty", |log| fs::write(log, "").expect("it can be written")),
    ] {
        let state = folder.join(name);
        let flags = ["--metrics", &metrics, "--input", &input, "--state"];
        let flags = [&flags[..], &[state.to_str().expect("text")]].concat();
        aggregate(folder, &flags);
        harm(&log_of(&state));
        let said = expect_failure(&flags);
        assert!(said.contains(name) && said.contains("is damaged"), "{name}: {said}");
    }
}

#[test]
fn state_that_was_killed_as_it_began_is_begun_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(100)));
    let names = ["LOG", "LOCK", "000000.dbtmp", "IDENTITY", "MANIFEST-000001", "000001.dbtmp"];
    for count in 1..=names.len() {
        let state = folder.join(format!("state-{count}"));
        fs::create_dir(&state).expect("a folder");
        for name in &names[..count] {
            fs::write(state.join(name), "").expect("a file");
        }
        let state = state.to_str().expect("text");
        let run = aggregate(folder, &["--metrics", &metrics, "--input", &input, "--state", state]);
        assert_eq!(newest(&run.totals).len(), 7, "{count}");
    }
}

#[test]
fn state_without_its_first_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(100)));
    let state = folder.join("state");
    let flags = ["--metrics", &metrics, "--input", &input, "--state"];
    let flags = [&flags[..], &[state.to_str().expect("text")]].concat();
    aggregate(folder, &flags);
    fs::remove_file(state.join("CURRENT")).expect("it is there");
    let said = expect_failure(&flags);
    assert!(said.contains("CURRENT of its database is missing"), "{said}");
}

#[test]
fn log_that_ends_in_the_middle_of_a_commit_is_none_that_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(1_000)));
    let state = folder.join("state").to_str().expect("text").to_owned();
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    let calm = newest(&aggregate(folder, &flags).totals);
    let log = log_of(Path::new(&state));
    let length = fs::metadata(&log).expect("it is there").len();
    let file = fs::OpenOptions::new().write(true).open(&log).expect("it is there");
    file.set_len(length * 2 / 3).expect("it can be cut");
    // The run noted that it came to its end: what is missing was lost since.
    let said = expect_failure(&flags);
    assert!(said.contains("commits of earlier runs are missing"), "{said}");
    // One that was killed in the middle of its commit has noted nothing.
    fs::remove_file(Path::new(&state).join("finished.json")).expect("it is there");
    assert_eq!(newest(&aggregate(folder, &flags).totals), calm);
}

#[test]
fn database_of_something_else_or_of_another_version_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, input) = (sum_metrics(folder), write(folder, "events.ndjson", &events(10)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (other, later) = (path("other"), path("later"));
    let flags = ["--metrics", &metrics, "--input", &input, "--state"];
    let database = rocksdb::DB::open_default(&other).expect("a database");
    database.put("mine", "all of it").expect("a database takes entries");
    drop(database);
    let said = expect_failure(&[&flags[..], &[&other]].concat());
    assert!(said.contains("is no state of odometer"), "{said}");

    aggregate(folder, &[&flags[..], &[&later]].concat());
    let database = rocksdb::DB::open_default(&later).expect("a database");
    let key = [odometer::format::state::IDENTITY];
    let identity = database.get(key).expect("it can be read").expect("a state says what it is");
    let identity = String::from_utf8(identity).expect("text");
    let format = identity.find("\"format\":").expect("it names its format") + 9;
    let end = format + identity[format..].find([',', '}']).expect("it goes on");
    database.put(key, format!("{}987{}", &identity[..format], &identity[end..])).expect("it can");
    drop(database);
    let said = expect_failure(&[&flags[..], &[&later]].concat());
    assert!(said.contains("the state has format 987"), "{said}");
}

#[test]
fn state_that_may_not_be_written_is_not_said_to_be_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, state) = (sum_metrics(folder), folder.join("blocked"));
    fs::create_dir(&state).expect("the folder takes folders");
    // No permission stops root, but a folder in the place of the lock stops everybody.
    fs::create_dir(state.join("LOCK")).expect("the folder takes folders");
    let said = expect_failure(&["--metrics", &metrics, "--state", state.to_str().expect("text")]);
    assert!(said.contains("blocked") && !said.contains("in use"), "{said}");
}

/// A run over an input that is killed after its outputs are whole, and its rejects are in their place: the summary
/// goes to a pipe that nobody opens.
fn killed_at_its_end(folder: &Path, flags: &[&str], outputs: &[&str]) {
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is here");
    assert!(made.success());
    let mut program = odometer(["aggregate"]);
    program.args(flags).args(outputs).arg("--summary").arg(&pipe);
    let mut program = program.spawn().expect("the program starts");
    wait_until("its rejects are in place", || Path::new(outputs[1]).exists());
    program.kill().expect("it hangs");
    program.wait().expect("it ends");
    fs::remove_file(pipe).expect("it is there");
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("it was written")
}

#[test]
fn outputs_of_a_run_that_was_killed_at_its_end_are_put_in_place_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &format!("{}nonsense\n", events(1_000)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (state, totals, rejects) = (path("state"), path("first"), path("first-rejects"));
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    killed_at_its_end(folder, &flags, &["--rejects", &rejects, "--output", &totals]);
    assert!(!Path::new(&totals).exists());
    let next = aggregate(folder, &flags);
    assert_eq!((next.totals.len(), next.rejects.len(), &next.summary["read"]), (0, 0, &0.into()));
    assert_eq!(newest(&super::lines(&text(&totals))).len(), 7);
    assert_eq!(text(&rejects).lines().count(), 1);
    let third = aggregate(folder, &flags);
    assert_eq!((third.totals.len(), &third.summary["duplicate"]), (0, &1_000.into()));
}

#[test]
fn outputs_of_a_run_that_was_killed_at_its_end_are_left_alone_by_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &format!("{}nonsense\n", events(1_000)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (state, totals, rejects) = (path("state"), path("first"), path("first-rejects"));
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    killed_at_its_end(folder, &flags, &["--rejects", &rejects, "--output", &totals]);
    let other = aggregate(folder, &["--metrics", &metrics, "--input", &input]);
    assert_eq!((other.totals.len(), Path::new(&totals).exists()), (7, false));
    let next = aggregate(folder, &flags);
    assert_eq!((next.totals.len(), next.rejects.len()), (0, 0));
    assert_eq!(newest(&super::lines(&text(&totals))).len(), 7);
    super::expect_no_parts(folder);
}

#[test]
fn run_that_replaces_the_outputs_of_one_that_was_killed_at_its_end_repeats_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &format!("{}nonsense\n", events(1_000)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let state = path("state");
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    // The names that the next run writes to as well.
    killed_at_its_end(
        folder,
        &flags,
        &["--rejects", &path("rejects"), "--output", &path("totals")],
    );
    let next = aggregate(folder, &flags);
    assert_eq!((newest(&next.totals).len(), next.rejects.len()), (7, 1));
    super::expect_no_parts(folder);
}

/// Two outputs, of which only one bears the name of another run's: what is in the other one is not given twice.
#[test]
fn run_that_replaces_one_output_of_one_that_was_killed_repeats_only_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &format!("{}nonsense\n", events(1_000)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (state, totals) = (path("state"), path("first"));
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    killed_at_its_end(folder, &flags, &["--rejects", &path("rejects"), "--output", &totals]);
    // Writes totals and rejects to names of its own; only that of the rejects is the same.
    let next = aggregate(folder, &flags);
    assert_eq!((next.totals.len(), next.rejects.len()), (0, 1));
    assert_eq!(newest(&super::lines(&text(&totals))).len(), 7);
    super::expect_no_parts(folder);
}

#[test]
fn outputs_that_are_gone_are_delivered_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &format!("{}nonsense\n", events(1_000)));
    let path = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (state, rejects) = (path("state"), path("first-rejects"));
    let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
    killed_at_its_end(folder, &flags, &["--rejects", &rejects, "--output", &path("first")]);
    fs::remove_file(&rejects).expect("it is there");
    let next = aggregate(folder, &flags);
    assert_eq!((next.totals.len(), next.rejects.len()), (0, 1));
    assert_eq!(newest(&super::lines(&text(path("first")))).len(), 7);
}

#[test]
fn outputs_of_runs_that_were_killed_anywhere_hold_every_revision_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let state = folder.join("state");
    let (mut totals, mut kills) = (Vec::new(), 0);
    for (number, part) in [0..60_000, 60_000..120_000].into_iter().enumerate() {
        // Each part begins with much of the one before: later events of a closed month, and repeats.
        let text: String = part.clone().step_by(3).chain(part).map(event).collect();
        let input = write(folder, &format!("events-{number}.ndjson"), &text);
        for millis in (0..).map(|turn| 20 + 35 * turn) {
            let output = folder.join(format!("totals-{number}-{millis}"));
            let mut program = odometer(["aggregate", "--metrics", &metrics, "--input", &input]);
            program.args([Path::new("--state"), &state, Path::new("--output"), &output]);
            let mut program = program.stderr(Stdio::null()).spawn().expect("the program starts");
            super::pause(millis);
            drop(program.kill());
            let ended = program.wait().expect("it ends");
            totals.push(output);
            if ended.success() {
                break;
            }
            assert_eq!(ended.code(), None, "no kill makes a state that is refused");
            kills += 1;
        }
    }
    assert!(kills > 4, "{kills} kills");
    // Of a run that was killed at its end they may have come into their place with the next one.
    let totals = totals.iter().filter(|path| path.exists());
    let totals: Vec<_> = totals.flat_map(|path| super::lines(&text(path))).collect();
    let events: String = (0..120_000).map(event).collect();
    let input = write(folder, "events.ndjson", &events);
    let calm = aggregate(folder, &["--metrics", &metrics, "--input", &input]);
    // That revisions follow each other, each once, is looked at on the way.
    assert_eq!(newest(&totals), newest(&calm.totals));
}

const DAILY: &str = r#"{"metrics": [{"code": "calls", "event_type": "call", "aggregation": "count", "period": "day"}]}"#;

/// Events of one day, each with an id and a customer of its own.
fn events_of_day(day: u64, count: u64) -> String {
    let time = 1_767_312_000 + day * 86_400;
    let event = |number: u64| {
        format!(
            r#"{{"id":"{day}-{number}","type":"call","customer":"c{number}","time":{time},"properties":{{"v":1}}}}"#
        )
    };
    (0..count).map(event).map(|line| line + "\n").collect()
}

/// The number that stands between two texts in what `state inspect` says.
fn inspected(state: &str, after: &str, until: &str) -> u64 {
    let (said, _) = expect_status(&run(["state", "inspect", state]), 0);
    let (_, rest) = said.split_once(after).unwrap_or_else(|| panic!("{after} in {said}"));
    let (number, _) = rest.split_once(until).expect("words follow");
    number.trim().replace(',', "").parse().unwrap_or_else(|error| panic!("{number}: {error}"))
}

/// Rules 2.4 and 7.5, where every run has one commit.
#[test]
fn short_runs_forget_what_may_be_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "daily.json", DAILY);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let per_run = 3_000;
    for day in 0..20 {
        let input = write(folder, "events.ndjson", &events_of_day(day, per_run));
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
        aggregate(folder, &[&flags[..], &["--dedup-window", "1d"]].concat());
        let now = [inspected(&state, "  ids", ","), inspected(&state, "calls:", "periods")];
        assert!(
            now.iter().all(|now| *now <= 4 * per_run),
            "{now:?} ids and keys of {per_run} a day, on day {day}"
        );
    }
}

/// Rule 2.4: what one run looks at of many ids is a part, and the next run goes on from there.
#[test]
fn runs_share_the_look_at_many_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = write(folder, "daily.json", DAILY);
    let state = folder.join("state").to_str().expect("text").to_owned();
    let (past, kept) = (20_000, 200_000);
    let runs = [events_of_day(0, past), events_of_day(10, kept)];
    let more = (11..15).map(|day| events_of_day(day, 1));
    let mut ids = Vec::new();
    for text in runs.into_iter().chain(more) {
        let input = write(folder, "events.ndjson", &text);
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state];
        aggregate(folder, &[&flags[..], &["--dedup-window", "5d"]].concat());
        ids.push(inspected(&state, "  ids", ","));
        expect_status(&run(["state", "verify", &state]), 0);
    }
    assert_eq!(ids.last(), Some(&(kept + 4)), "{ids:?}");
}
