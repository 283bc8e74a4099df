//! States that are lost or wrong: `odometer state rebuild` makes them anew from the log, corrects what was billed otherwise and
//! nothing else, can be killed at any moment and repeated, and refuses what it cannot know.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use rdkafka::Offset;
use serde_json::Value;

use crate::adopt::{await_group, change_offsets, expect_exact, expect_halt, killed};
use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::judgement::Outcome;
use crate::load::{DEFINITIONS, Dice, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record};
use crate::wait;

/// What the command writes, what it says, and its exit status.
pub(crate) struct Said {
    rows: Vec<Value>,
    words: String,
    status: Option<i32>,
}

fn command(daemon: &Daemon, arguments: &[&str]) -> Command {
    daemon.command(&["state", "rebuild"], arguments)
}

fn rebuild(daemon: &Daemon, arguments: &[&str]) -> Said {
    let output = command(daemon, arguments).output().expect("the program can be run");
    let rows = String::from_utf8(output.stdout).expect("results are text");
    let row = |line: &str| serde_json::from_str(line).expect("a difference is JSON");
    Said {
        rows: rows.lines().map(row).collect(),
        words: String::from_utf8_lossy(&output.stderr).into_owned(),
        status: output.status.code(),
    }
}

pub(crate) fn expect_rebuilt(daemon: &Daemon, arguments: &[&str]) -> Said {
    let said = rebuild(daemon, arguments);
    assert_eq!(said.status, Some(0), "{}", said.words);
    said
}

fn expect_refused(daemon: &Daemon, arguments: &[&str], words: &str) -> Said {
    let said = rebuild(daemon, arguments);
    assert_eq!(said.status, Some(1), "{}", said.words);
    assert!(said.words.contains(words), "no {words:?} in: {}", said.words);
    said
}

fn kinds(said: &Said, kind: &str) -> usize {
    said.rows.iter().filter(|row| row["difference"] == kind).count()
}

fn tasks(scene: &Scene<'_>) -> Vec<String> {
    (0..scene.partitions).map(|partition| format!("{}-{partition}", scene.usage)).collect()
}

fn lose_states(scene: &Scene<'_>, daemon: &Daemon) {
    for task in tasks(scene) {
        fs::remove_dir_all(daemon.directory().join("state").join(task)).expect("it is there");
    }
}

#[test]
fn state_that_is_lost_is_made_anew_and_nothing_is_billed_twice() {
    let (scene, mut daemon, load) = killed(61, 20_000);
    lose_states(&scene, &daemon);
    expect_halt(&mut daemon, "odometer state rebuild");
    for task in tasks(&scene) {
        let said = expect_rebuilt(&daemon, &[&task, "--dry-run"]);
        assert!(said.rows.is_empty(), "{:?}", said.rows);
    }
    let entries = fs::read_dir(daemon.directory().join("state")).expect("it is there");
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    assert_eq!(folders.count(), 0, "nothing stays of a trial");
    for task in tasks(&scene) {
        let said = expect_rebuilt(&daemon, &[&task, "--yes"]);
        assert!(said.rows.is_empty(), "{:?}", said.rows);
        assert!(said.words.contains("0 corrections, 0 first"), "{}", said.words);
    }
    expect_exact(&scene, &mut daemon, load);
}

#[test]
fn rebuild_that_is_killed_is_repeated() {
    let (scene, mut daemon, load) = killed(62, 20_000);
    lose_states(&scene, &daemon);
    await_group(&scene, "Empty");
    let mut dice = Dice(62);
    for task in tasks(&scene) {
        for _ in 0..6 {
            let mut process = command(&daemon, &[&task, "--yes"]).spawn().expect("it can be run");
            let ended = wait::within(Duration::from_millis(dice.below(2500)), || {
                process.try_wait().expect("a child can be asked")
            });
            if ended.is_none() {
                process.kill().expect("a child can be killed");
                process.wait().expect("a killed child ends");
            }
        }
        expect_rebuilt(&daemon, &[&task, "--yes"]);
    }
    expect_exact(&scene, &mut daemon, load);
}

#[test]
fn totals_that_were_wrong_are_corrected_once() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(63, 2);
    let mut daemon = scene.daemon();
    scene.produce(load.by_ref().take(10_000));
    scene.work_through(&mut daemon);
    await_group(&scene, "Empty");
    lose_states(&scene, &daemon);
    // Else a start holds what files define against what they did.
    fs::remove_file(daemon.directory().join("state/definition-files.ndjson")).expect("it is there");
    let right = DEFINITIONS.replace("properties.input + 3 * properties.output", "properties.input");
    assert_ne!(right, DEFINITIONS);
    daemon.write("metrics.json", &right);
    let mut corrections = 0;
    for task in tasks(&scene) {
        let told = expect_rebuilt(&daemon, &[&task, "--dry-run"]);
        let done = expect_rebuilt(&daemon, &[&task, "--yes"]);
        assert_eq!(told.rows, done.rows, "what was told is done");
        assert_eq!(kinds(&done, "correction"), done.rows.len(), "{}", done.words);
        for row in &done.rows {
            let total = &row["total"];
            assert_eq!(total["metric"], "tokens", "{row}");
            assert_eq!(total["previous"], row["billed"]["value"], "{row}");
            let before = row["billed"]["revision"].as_u64().expect("a number");
            assert_eq!(total["revision"].as_u64(), Some(before + 1), "{row}");
        }
        corrections += done.rows.len();
    }
    assert!(corrections > 100, "only {corrections}");
    let before = scene.revisions();
    daemon.start();
    wait::until("the corrections are delivered", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.revisions() >= before + corrections).then_some(())
    });
    assert!(daemon.terminate().success());
    assert_eq!(scene.revisions(), before + corrections, "and nothing else is");
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    let (mut found, mut expected) = (Outcome::found(&scene), Outcome::expected(&scene, &right));
    found.forget_firsts();
    expected.forget_firsts();
    found.assert_is(&expected);
}

#[test]
fn log_that_is_shorter_than_what_was_billed_is_refused() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(64, 1);
    let mut daemon = scene.daemon();
    let task = tasks(&scene).remove(0);
    let said = rebuild(&daemon, &["usage-x", "--yes"]);
    assert_eq!(said.status, Some(2), "{}", said.words);
    assert!(said.words.contains("is no task of the configuration"), "{}", said.words);
    scene.produce(load.by_ref().take(6000));
    scene.work_through(&mut daemon);
    daemon.start();
    await_group(&scene, "Stable");
    expect_refused(&daemon, &[&task, "--yes"], "in use by another process");
    let other = scene.daemon();
    expect_refused(&other, &[&task, "--yes"], "members: stop every process of it first");
    assert!(daemon.terminate().success());
    await_group(&scene, "Empty");
    expect_refused(&daemon, &[&task, "--from-offset", "999999"], "expected one from 0 to");
    let visible = scene.broker.read_committed_all(&scene.totals).len();
    scene.broker.delete_records_before(&scene.usage, 0, Offset::Offset(2000));
    let told = expect_refused(&daemon, &[&task, "--yes"], "the log begins at offset 2000");
    assert!(kinds(&told, "missing") > 0 && kinds(&told, "kept") > 0, "{}", told.words);
    assert!(told.words.contains("totals were billed of which the replay gives nothing"));
    assert_eq!(kinds(&told, "correction"), 0, "nothing is corrected to what is left");
    // The operator may say so: what was billed stays as it was billed.
    expect_rebuilt(&daemon, &[&task, "--yes", "--allow-missing"]);
    daemon.start();
    await_group(&scene, "Stable");
    assert!(daemon.terminate().success());
    assert_eq!(scene.broker.read_committed_all(&scene.totals).len(), visible);
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    assert!(scene.revisions() > visible, "it goes on");
    // Each revision is one more than the one before, upon its value.
    let _ = Outcome::found(&scene);
}

#[test]
fn offset_that_is_lost_is_that_of_the_rebuilt_state() {
    let (scene, mut daemon, mut load) = killed(65, 5000);
    scene.work_through(&mut daemon);
    change_offsets(&scene, &["--delete-offsets"], &scene.usage);
    lose_states(&scene, &daemon);
    scene.produce(load.by_ref().take(10));
    for task in tasks(&scene) {
        expect_rebuilt(&daemon, &[&task, "--yes"]);
    }
    expect_exact(&scene, &mut daemon, load);
}

#[test]
fn totals_whose_beginning_is_gone_are_taken_for_delivered_where_that_is_allowed() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut load = Load::new(66, 1);
    let mut daemon = scene.daemon();
    let task = tasks(&scene).remove(0);
    scene.produce(load.by_ref().take(6000));
    scene.work_through(&mut daemon);
    await_group(&scene, "Empty");
    let before = scene.broker.read_committed_all(&scene.totals);
    for (partition, end) in (0..).zip(scene.broker.ends_of(&scene.totals)) {
        scene.broker.delete_records_before(&scene.totals, partition, Offset::Offset(end / 2));
    }
    let left = scene.broker.read_committed_all(&scene.totals);
    let keys = |records: &[Record]| -> BTreeSet<String> {
        records.iter().map(|record| record.key_text().to_owned()).collect()
    };
    let gone = &keys(&before) - &keys(&left);
    assert!(gone.len() > 50 && left.len() > 50, "{} and {}", gone.len(), left.len());
    lose_states(&scene, &daemon);
    let told = expect_refused(&daemon, &[&task, "--yes"], "has lost its beginning");
    let words = format!("lacks {} totals of the replay", gone.len());
    assert!(told.rows.is_empty() && told.words.contains(&words), "no {words} in: {}", told.words);
    let told = expect_rebuilt(&daemon, &[&task, "--yes", "--allow-missing"]);
    assert!(told.words.contains("0 corrections, 0 first"), "{}", told.words);
    daemon.start();
    await_group(&scene, "Stable");
    assert!(daemon.terminate().success());
    assert_eq!(scene.broker.read_committed_all(&scene.totals), left, "nothing comes twice");
    // What was gone is as if it stood there still.
    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    let after = scene.broker.read_committed_all(&scene.totals);
    let mut behind = after.into_iter().filter(|record| !left.contains(record)).collect::<Vec<_>>();
    // A number that was given, or could have been, is not given again: what is behind a gap is no chain to judge here.
    let first = |record: &Record| json(record)["revision"].as_u64().expect("a number") > 6000;
    let (jumps, ids) = (behind.iter().filter(|one| first(one)).count(), |records: &[Record]| {
        records.iter().map(|record| json(record)["id"].to_string()).collect::<BTreeSet<_>>()
    });
    assert!(jumps > 0, "no total that was gone came again");
    assert!(ids(&before).is_disjoint(&ids(&behind)), "an id is given once");
    let expected = Outcome::expected(&scene, DEFINITIONS);
    let mut all = before;
    all.append(&mut behind);
    let found = Outcome::of(&all, &scene.broker.read_committed_all(&scene.rejects));
    let violations = found.violations(&expected);
    let others: Vec<_> =
        violations.iter().filter(|one| !one.contains("in order, each once")).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn json(record: &Record) -> Value {
    serde_json::from_str(record.text()).expect("JSON")
}

/// A count by the minute that takes nothing late.
const MINUTELY: &str = r#"{"metrics": [
    {"code": "call", "aggregation": "count", "period": "minute", "late": "drop"}]}"#;

fn call(id: &str, time: &str) -> Outgoing {
    let text =
        format!(r#"{{"id":"{id}","type":"call","customer":"acme","time":"2024-03-01T{time}Z"}}"#);
    Outgoing::keyed("k", text).to(0)
}

/// What only the clock closed stays closed, by the watermark of the offset or, where that is lost, by what was billed.
#[test]
fn periods_that_the_clock_closed_are_closed_in_a_rebuilt_state() {
    for is_offset_lost in [false, true] {
        let scene = Scene::new(Broker::shared(), 1);
        let task = tasks(&scene).remove(0);
        let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1s"), MINUTELY);
        scene.produce((0..3).map(|n| call(&n.to_string(), &format!("00:0{n}:00"))));
        daemon.start();
        wait::until("every minute is closed by the clock", WORK_LIMIT, || {
            daemon.assert_running();
            (scene.revisions() == 3).then_some(())
        });
        assert!(daemon.terminate().success());
        if is_offset_lost {
            change_offsets(&scene, &["--delete-offsets"], &scene.usage);
        }
        await_group(&scene, "Empty");
        lose_states(&scene, &daemon);
        let told = expect_rebuilt(&daemon, &[&task, "--yes"]);
        assert!(told.words.contains("0 corrections, 0 first"), "{}", told.words);
        daemon.write("odometer.toml", &scene.configuration(Some("earliest"), "1h"));
        scene.produce([
            call("late", "00:02:30"),
            call("next", "00:09:00"),
            call("end", "02:00:00"),
        ]);
        scene.work_through(&mut daemon);
        let totals = scene.broker.read_committed_all(&scene.totals);
        let rejects = scene.broker.read_committed_all(&scene.rejects);
        let reason = if is_offset_lost { "late" } else { "too_old" };
        assert!(rejects.iter().all(|one| json(one)["reason"] == reason), "{rejects:?}");
        // By the clock all of it is late; by what was billed, what belongs to the minutes that were.
        let wanted = if is_offset_lost { (4, 1) } else { (3, 3) };
        assert_eq!((totals.len(), rejects.len()), wanted);
        let _ = Outcome::found(&scene);
    }
}
