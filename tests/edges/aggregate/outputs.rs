//! What a run writes: rejects, forms of totals, provisional ones; and what happens where it cannot write.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{aggregate, events, expect_failure, newest, sum_metrics, wait_until};
use crate::program::{expect_status, odometer, run, write};

const GROUPED: &str = r#"{"metrics": [
    {"code": "tokens", "event_type": "call", "aggregation": "sum", "value": "properties.v", "group_by": ["model"]}]}"#;

const MIXED: &str = r#"{"id":"1","type":"call","customer":"a,b","time":"2026-01-05T00:00:00Z","properties":{"v":1.5,"model":"x"}}
{"id":"2","type":"call","customer":"c","time":"2026-01-06T00:00:00Z","properties":{"v":2}}
{"id":"2","type":"call","customer":"c","time":"2026-01-06T00:00:00Z","properties":{"v":2}}
{"id":"3","type":"other","customer":"c","time":"2026-01-06T00:00:00Z"}

not json
{"id":"4","type":"call","customer":"c","time":"2026-01-06T00:00:00Z","properties":{"v":"many"}}
"#;

#[test]
fn reject_says_why_and_where_and_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", MIXED);
    let outcome = aggregate(folder.path(), &["--metrics", &metrics, "--input", &input]);
    let rejects = outcome.read_rejects();
    let [malformed, bad_value] = rejects.as_slice() else { panic!("{rejects:?}") };
    assert_eq!(malformed["reason"], "malformed");
    assert_eq!(malformed["event"], "not json");
    assert_eq!(malformed["tenant"], serde_json::Value::Null);
    let offset = MIXED.find("not json").expect("it is there");
    assert_eq!(
        malformed["source"],
        serde_json::json!({"file": input, "line": 6, "offset": offset})
    );
    assert_eq!(malformed["at"], serde_json::Value::Null);
    assert_eq!(bad_value["reason"], "bad_value");
    assert_eq!((&bad_value["metric"], &bad_value["tenant"]), (&"tokens".into(), &"default".into()));
    assert_eq!(bad_value["event"]["id"], "4");
    assert_eq!(bad_value["source"]["line"], 7);
    let expected = serde_json::json!({
        "read": 6, "counted": 2, "duplicate": 1, "unmatched": 1, "late": 0, "invalid": 2,
        "finals": 2, "corrections": 0, "provisionals": 0,
        "rejects": {"malformed": 1, "bad_value": 1},
        "seconds": outcome.summary["seconds"],
    });
    assert_eq!(outcome.summary, expected);
    assert!(outcome.summary["seconds"].is_f64(), "{}", outcome.summary);
}

#[test]
fn rejects_without_a_file_are_counted_on_stderr() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", MIXED);
    let output = run(["aggregate", "--metrics", &metrics, "--input", &input]);
    let (stdout, stderr) = expect_status(&output, 0);
    assert_eq!(stdout.lines().count(), 2);
    assert!(
        stderr.contains("malformed 1, bad_value 1") && stderr.contains("--rejects"),
        "{stderr}"
    );
}

#[test]
fn reference_time_and_tenant_are_flags() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "m.json", &sum_of("acme"));
    let input = write(folder.path(), "events.ndjson", MIXED);
    let now = "2026-01-05T12:00:00Z";
    let flags = ["--metrics", &metrics, "--input", &input, "--now", now, "--tenant", "acme"];
    let outcome = aggregate(folder.path(), &flags);
    assert_eq!(outcome.summary["rejects"]["in_future"], 4);
    let rejects = outcome.read_rejects();
    let in_future = rejects.iter().find(|reject| reject["reason"] == "in_future");
    assert_eq!(in_future.expect("one")["at"], now);
    assert_eq!(newest(&outcome.totals).len(), 1);
    assert_eq!(outcome.totals[0]["tenant"], "acme");
}

fn sum_of(tenant: &str) -> String {
    super::SUM.replace(r#"{"code""#, &format!(r#"{{"tenant": "{tenant}", "code""#))
}

#[test]
fn csv_quotes_what_needs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = write(folder.path(), "m.json", GROUPED);
    let input = write(folder.path(), "events.ndjson", MIXED);
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--output-format", "csv"];
    let (stdout, _) = expect_status(&run(flags), 0);
    let mut lines: Vec<&str> = stdout.lines().collect();
    let header = lines.remove(0);
    lines.sort_unstable();
    assert_eq!(header, "tenant,metric,customer,group,start,end,kind,revision,value,events");
    let month = "2026-01-01T00:00:00Z,2026-02-01T00:00:00Z";
    assert_eq!(
        lines,
        [
            format!(r#"default,tokens,"a,b","{{""model"":""x""}}",{month},final,1,1.5,1"#),
            format!(r#"default,tokens,c,"{{""model"":null}}",{month},final,1,2,1"#),
        ]
    );
}

#[test]
fn table_is_aligned_and_leaves_out_empty_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", MIXED);
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--output-format", "table"];
    let (stdout, _) = expect_status(&run(flags), 0);
    let lines: Vec<&str> = stdout.lines().collect();
    let [header, first, second] = lines.as_slice() else { panic!("{stdout}") };
    assert!(header.contains("METRIC") && !header.contains("GROUP") && !header.contains("TENANT"));
    assert!(first.contains("a,b") && second.contains(" c "), "{stdout}");
    assert_eq!([header.len(), first.len()], [second.len(), second.len()], "{stdout}");
    let nothing = write(folder.path(), "empty.ndjson", "");
    let flags =
        ["aggregate", "--metrics", &metrics, "--input", &nothing, "--output-format", "table"];
    assert_eq!(expect_status(&run(flags), 0).0, "no totals\n");
}

#[test]
fn open_periods_are_provisional_where_they_are_kept_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    // Three days over the end of January: that is due, February is not.
    let input = write(folder.path(), "events.ndjson", &events(3 * 86_400));
    for limit in ["1GiB", "256KiB"] {
        let flags =
            ["--metrics", &metrics, "--input", &input, "--keep-open", "--memory-limit", limit];
        let outcome = aggregate(folder.path(), &flags);
        let count = |kind: &str, month: &str| {
            let is_meant = |total: &&serde_json::Value| {
                total["kind"] == kind
                    && total["period"]["start"].as_str().is_some_and(|at| at.starts_with(month))
            };
            outcome.totals.iter().filter(is_meant).count()
        };
        assert_eq!((count("final", "2026-01"), count("provisional", "2026-02")), (7, 7), "{limit}");
        assert_eq!(outcome.totals.len(), 14, "{limit}");
        assert_eq!(
            (&outcome.summary["finals"], &outcome.summary["provisionals"]),
            (&7.into(), &7.into())
        );
        let open = outcome.totals.iter().find(|total| total["kind"] == "provisional");
        let open = open.expect("one");
        assert_eq!((&open["revision"], &open["delta"]), (&0.into(), &open["value"]));
        assert_eq!(open["previous"], serde_json::Value::Null);
    }
}

#[test]
fn full_disk_is_a_clear_failure() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        println!("skipped: there is no /dev/full here");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", &events(10));
    let said = expect_failure(&["--metrics", &metrics, "--input", &input, "--output", "/dev/full"]);
    assert!(said.contains("/dev/full") && said.contains("the disk is full"), "{said}");
    assert!(!full.is_file(), "a device is written to, never replaced");
}

#[test]
fn output_that_cannot_be_made_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let said = expect_failure(&["--metrics", &metrics, "--output", "/nowhere/at/all/totals"]);
    assert!(said.contains("/nowhere/at/all/totals"), "{said}");
    assert!(said.contains("its directory does not exist"), "{said}");
}

#[test]
fn two_outputs_of_one_name_are_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    for other in ["x", "./x"] {
        let flags = ["aggregate", "--metrics", &metrics, "--output", "x", "--rejects", other];
        let (_, stderr) = expect_status(&run(flags), 2);
        assert!(stderr.contains("--output and --rejects are both x"), "{stderr}");
    }
}

#[test]
fn output_over_what_is_read_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", &events(10));
    let around = folder.path().join(".").join("events.ndjson");
    let around = around.to_str().expect("text");
    let flags = ["--input", &input, "--output", around, "--rejects", &metrics];
    let output = run([&["aggregate", "--metrics", &metrics], &flags[..]].concat());
    let (_, stderr) = expect_status(&output, 2);
    for words in ["which --input reads", "which --metrics reads", ": 2 faults"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert_eq!(fs::read_to_string(&input).expect("text"), events(10));
}

#[test]
fn stream_that_is_redirected_to_a_file_is_added_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", MIXED);
    let log = folder.path().join("log");
    fs::write(&log, "before\n").expect("the folder takes files");
    let file = || fs::OpenOptions::new().append(true).open(&log).expect("it is there");
    let mut program = odometer(["aggregate", "--metrics", &metrics, "--input", &input]);
    program.args(["--output", "/dev/stdout", "--rejects", "/dev/stderr"]);
    let ended = program.stdout(file()).stderr(file()).status().expect("the program starts");
    assert!(ended.success());
    let text = fs::read_to_string(&log).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let [before, rejects @ .., first, second, done] = lines.as_slice() else { panic!("{text}") };
    assert_eq!((*before, rejects.len()), ("before", 2), "{text}");
    assert!(first.contains("final") && second.contains("final") && done.contains("done"), "{text}");
}

#[test]
fn what_a_killed_run_left_behind_is_removed_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let temporary = folder.join("temporary");
    fs::create_dir(&temporary).expect("the folder takes folders");
    let start = || {
        let mut program = odometer(["aggregate", "--metrics", &metrics, "--memory-limit", "1MiB"]);
        program.arg("--output").arg(folder.join("totals")).env("TMPDIR", &temporary);
        program.stdin(Stdio::piped()).spawn().expect("the program starts")
    };
    let is_there = |folder: &Path, begin: &str| {
        let names = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(begin)).count()
    };
    let text = events(50_000);
    let [mut killed, mut alive] = [start(), start()].map(|mut program| {
        let mut pipe = program.stdin.take().expect("a pipe");
        pipe.write_all(text.as_bytes()).expect("the program reads");
        (program, pipe)
    });
    wait_until("both spill", || is_there(&temporary, "odometer-spill") == 2);
    assert_eq!(is_there(folder, ".totals"), 2, "the second took nothing of the first");
    killed.0.kill().expect("it is running");
    killed.0.wait().expect("it ends");
    assert_eq!((is_there(&temporary, "odometer-spill"), is_there(folder, ".totals")), (2, 2));
    let mut third = start();
    let mut pipe = third.stdin.take().expect("a pipe");
    pipe.write_all(text.as_bytes()).expect("the program reads");
    wait_until("the third spills", || {
        is_there(&temporary, "odometer-spill") == 2 && is_there(folder, ".totals") == 2
    });
    drop((pipe, alive.1));
    assert!(third.wait().expect("it ends").success() && alive.0.wait().expect("it ends").success());
    assert_eq!((is_there(&temporary, ""), is_there(folder, ".totals")), (0, 0));
}

/// Files that wait in a folder.
fn waiting(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable"));
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".odometer-")).collect()
}

#[test]
fn what_a_killed_run_left_behind_is_removed_by_a_run_of_other_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let start = |name: &str| {
        let mut program = odometer(["aggregate", "--metrics", &metrics]);
        for flag in ["output", "rejects", "summary"] {
            program.arg(format!("--{flag}")).arg(folder.join(format!("{name}-{flag}")));
        }
        program.stdin(Stdio::piped()).spawn().expect("the program starts")
    };
    let (mut killed, mut alive) = (start("killed"), start("alive"));
    wait_until("both have begun", || waiting(folder).len() == 6);
    killed.kill().expect("it is running");
    killed.wait().expect("it ends");
    let input = write(folder, "events.ndjson", &events(10));
    let output = folder.join("totals").to_str().expect("text").to_owned();
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--output", &output];
    expect_status(&run(flags), 0);
    let left = waiting(folder);
    assert!(left.len() == 3 && left.iter().all(|name| name.starts_with(".alive-")), "{left:?}");
    drop(alive.stdin.take());
    assert!(alive.wait().expect("it ends").success());
    assert_eq!(waiting(folder), Vec::<String>::new());
}

#[test]
fn output_keeps_the_permissions_of_what_it_replaces() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    for mode in [0o640, 0o444, 0o777] {
        let output = write(folder, "totals", "before");
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&output, permissions).expect("it is ours");
        let mut program = odometer(["aggregate", "--metrics", &metrics, "--output", &output]);
        let mut program = program.stdin(Stdio::piped()).spawn().expect("the program starts");
        let mode_of = |name: &str| {
            let found = fs::metadata(folder.join(name)).expect("it is there");
            found.permissions().mode() & 0o7777
        };
        wait_until("it may be read by no more than before", || {
            waiting(folder).first().is_some_and(|name| mode_of(name) == mode | 0o600)
        });
        let mut pipe = program.stdin.take().expect("a pipe");
        pipe.write_all(events(10).as_bytes()).expect("the program reads");
        drop(pipe);
        assert!(program.wait().expect("it ends").success());
        assert_eq!(fs::read_to_string(&output).expect("text").lines().count(), 7);
        assert_eq!(mode_of("totals"), mode);
        fs::remove_file(&output).expect("it is there");
    }
}

/// Runs a script where it may mount what it likes; `None` where that is not allowed.
fn in_a_world_of_its_own(script: &str) -> Option<String> {
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let output = |script| Command::new("unshare").args(unshare).arg(script).output().ok();
    output("mount -t tmpfs none /mnt").filter(|output| output.status.success())?;
    let output = output(script).expect("it ran before");
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8(text).expect("text"))
}

#[test]
fn full_disk_is_named_whatever_lies_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, disk) = (sum_metrics(folder), folder.join("disk"));
    fs::create_dir(&disk).expect("the folder takes folders");
    let mut text = "nonsense\n".repeat(20_000);
    text.push_str(&events(150_000));
    let input = write(folder, "events.ndjson", &text);
    let (disk, calm) = (disk.display(), folder.join("calm"));
    let program = format!(
        "{} aggregate --metrics {metrics} --input {input} --log-level warn",
        env!("CARGO_BIN_EXE_odometer")
    );
    let small = format!("mount -t tmpfs -o size=1m none {disk} && cd {disk} && ! ");
    let cases = [
        (format!("{small} {program} --rejects rejects --output totals"), "cannot write rejects"),
        (format!("{small} {program} --rejects - --output totals"), "a temporary file in /"),
        (format!("{small} {program} --memory-limit 1MiB --output totals"), "memory does not hold"),
        (format!("{small} {program} --state state --output totals"), "state directory state"),
    ];
    for (script, words) in cases {
        let script = format!("export TMPDIR={disk}; {script} && ls -A | grep -v '^state$'; exit 0");
        let Some(said) = in_a_world_of_its_own(&script) else {
            println!("skipped: no folder can be mounted here");
            return;
        };
        let lines: Vec<&str> = said.lines().collect();
        let [said] = lines.as_slice() else { panic!("{script}: {said}") };
        assert!(said.contains(words) && said.contains("disk is full"), "{script}: {said}");
    }
    let larger = format!("mount -o remount,size=200m {disk}");
    let script = format!(
        "{small} {program} --state state && {larger} && {program} --state state --output {} && \
         {program} --output {}",
        calm.with_extension("after").display(),
        calm.display()
    );
    in_a_world_of_its_own(&script);
    let read = |path: &Path| super::lines(&fs::read_to_string(path).expect("it was written"));
    assert_eq!(newest(&read(&calm.with_extension("after"))), newest(&read(&calm)));
}

#[test]
fn interrupted_run_leaves_what_stood_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, output) = (sum_metrics(folder), write(folder, "totals", "before"));
    let mut program = odometer(["aggregate", "--metrics", &metrics, "--output", &output])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = program.stdin.take().expect("a pipe");
    pipe.write_all(events(1_000).as_bytes()).expect("the program reads");
    // The output waits beside its place from then on, and signals are heeded.
    wait_until("the run has begun", || fs::read_dir(folder).expect("a folder").count() == 3);
    let id = program.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill is here");
    assert!(sent.success());
    let ended = program.wait_with_output().expect("the program ends");
    assert_eq!(super::status(&ended), Some(1));
    let said = String::from_utf8(ended.stderr).expect("text");
    assert!(said.contains("no totals were written"), "{said}");
    assert_eq!(fs::read_to_string(&output).expect("text"), "before");
    super::expect_no_parts(folder);
}

#[test]
fn second_signal_ends_a_run_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (metrics, pipe) = (sum_metrics(folder), folder.join("pipe"));
    let input = write(folder, "events.ndjson", &events(1_000));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is here").success());
    let mut program = odometer(["aggregate", "--metrics", &metrics, "--input", &input]);
    program.arg("--output").arg(folder.join("totals")).arg("--rejects").arg(folder.join("rejects"));
    // It hangs on a summary that nobody reads.
    let mut program = program.arg("--summary").arg(&pipe).spawn().expect("the program starts");
    wait_until("it hangs", || folder.join("rejects").exists());
    let status = loop {
        let id = program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill is here").success());
        super::pause(300);
        if let Some(status) = program.try_wait().expect("it can be waited for") {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
    assert!(!folder.join("totals").exists(), "no output that looks whole");
}

#[test]
fn terminal_shows_how_far_it_is_and_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "events.ndjson", &events(100_000));
    let line =
        format!("{} aggregate --metrics {metrics} --input {input}", env!("CARGO_BIN_EXE_odometer"));
    let script = ["-qec", &line, "/dev/null"];
    let Ok(output) = Command::new("script").args(script).stdin(Stdio::null()).output() else {
        println!("skipped: there is no script here");
        return;
    };
    let (shown, _) = expect_status(&output, 0);
    for words in ["events/s", " rejects", "METRIC", "\u{1b}["] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("{\"id\""), "{shown}");
}

#[test]
fn output_that_is_a_link_stays_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &events(10));
    let (place, link) = (write(folder, "place", "before"), folder.join("link"));
    std::os::unix::fs::symlink(&place, &link).expect("links can be made");
    let output = link.to_str().expect("text");
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--output", output];
    expect_status(&run(flags), 0);
    assert!(fs::symlink_metadata(&link).expect("it stands").is_symlink());
    assert_eq!(fs::read_to_string(&place).expect("text").lines().count(), 7);
    super::expect_no_parts(folder);
}

#[test]
fn link_to_nothing_yet_is_written_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let metrics = sum_metrics(folder);
    let input = write(folder, "events.ndjson", &events(10));
    fs::create_dir(folder.join("other")).expect("the folder takes folders");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, folder.join(name)).expect("links can be made");
        folder.join(name).to_str().expect("text").to_owned()
    };
    link("other/place", "second");
    let first = link("second", "first");
    let flags = ["aggregate", "--metrics", &metrics, "--input", &input, "--output"];
    expect_status(&run([&flags[..], &[&first]].concat()), 0);
    for name in ["first", "second"] {
        assert!(fs::symlink_metadata(folder.join(name)).expect("it stands").is_symlink(), "{name}");
    }
    let place = fs::read_to_string(folder.join("other/place")).expect("it was written");
    assert_eq!(place.lines().count(), 7);
    let circle = link("circle", "circle");
    expect_status(&run([&flags[..], &[&circle]].concat()), 1);
    assert!(fs::symlink_metadata(&circle).expect("it stands").is_symlink());
    let nowhere = link("nowhere/place", "to-nowhere");
    let (_, stderr) = expect_status(&run([&flags[..], &[&nowhere]].concat()), 1);
    assert!(stderr.contains("its directory does not exist"), "{stderr}");
}

#[test]
fn outputs_in_the_state_directory_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    fs::create_dir(path("state")).expect("the folder takes folders");
    let flags = ["aggregate", "--metrics", &metrics, "--state", &path("state")].map(str::to_owned);
    let outputs = ["--output".to_owned(), path("state/o"), "--rejects".to_owned(), path("state/r")];
    let (_, stderr) = expect_status(&run(flags.iter().chain(&outputs)), 2);
    assert!(stderr.contains("--output") && stderr.contains("--rejects"), "{stderr}");
    assert!(
        stderr.contains("name a place outside of it") && stderr.contains("2 faults"),
        "{stderr}"
    );
    assert_eq!(fs::read_dir(path("state")).expect("a folder").count(), 0, "nothing is left there");
    let link = path("link");
    std::os::unix::fs::symlink(path("state/CURRENT"), &link).expect("a link");
    let linked = ["aggregate", "--metrics", &metrics, "--state", &path("state"), "--output", &link];
    let (_, stderr) = expect_status(&run(linked), 2);
    assert!(stderr.contains("lies in the state directory"), "{stderr}");
    let mut bare = odometer(["aggregate", "--metrics", &metrics, "--state", ".", "--output", "t"]);
    let output = bare.current_dir(path("state")).output().expect("the program starts");
    let (_, stderr) = expect_status(&output, 2);
    assert!(stderr.contains("--output t lies in the state directory ."), "{stderr}");
    fs::create_dir(path("real")).expect("the folder takes folders");
    for state in ["new", "new/below", "real/../new"].map(path) {
        let flags =
            ["aggregate", "--metrics", &metrics, "--state", &state, "--output", &path("new")];
        let (_, stderr) = expect_status(&run(flags), 2);
        assert!(stderr.contains("is, or holds, the state directory"), "{stderr}");
        assert!(!Path::new(&path("new")).exists(), "nothing is made");
    }
}
