//! Offsets that somebody reset, or that the broker forgot, and states that were brought from elsewhere: `odometer state adopt`
//! has the group go on from the state, and nothing is lost or doubled; what it cannot go on from it refuses.

use std::fs;
use std::path::Path;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::unique;
use crate::wait;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

/// What the command says, and its exit status.
fn adopt(daemon: &Daemon, arguments: &[&str]) -> (String, Option<i32>) {
    daemon.told(&["state", "adopt"], arguments)
}

fn expect_adopted(scene: &Scene<'_>, daemon: &Daemon, flags: &[&str]) {
    for partition in 0..scene.partitions {
        let task = format!("{}-{partition}", scene.usage);
        let (said, status) = adopt(daemon, &[&[task.as_str(), "--yes"], flags].concat());
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains(&format!("{} partition {partition}", scene.usage)), "{said}");
    }
}

fn expect_refused(daemon: &Daemon, arguments: &[&str], words: &str) {
    let (said, status) = adopt(daemon, arguments);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(words), "no {words:?} in: {said}");
}

/// A program that was killed while it worked, once its members have left the group.
pub(crate) fn killed<'b>(seed: u64, load: usize) -> (Scene<'b>, Daemon, Load)
where
    'static: 'b,
{
    let scene = Scene::new(Broker::shared(), 2);
    let mut stream = Load::new(seed, 2);
    scene.produce(stream.by_ref().take(load));
    let mut daemon = scene.daemon();
    daemon.start();
    wait::until("some of each partition is done", WORK_LIMIT, || {
        let offsets = scene.broker.committed_offsets(&scene.group, &scene.usage);
        let is_begun = |one: &Option<(i64, String)>| one.as_ref().is_some_and(|(at, _)| *at > 200);
        offsets.iter().all(is_begun).then_some(())
    });
    daemon.kill();
    (scene, daemon, stream)
}

/// Waits until the group is in that state.
pub(crate) fn await_group(scene: &Scene<'_>, wanted: &str) {
    wait::until(wanted, WORK_LIMIT, || {
        let state = scene.broker.tool(GROUPS, &["--describe", "--state", "--group", &scene.group]);
        state.contains(wanted).then_some(())
    });
}

/// Waits until the group has no members any more, and has one of Kafka's tools change its offsets.
pub(crate) fn change_offsets(scene: &Scene<'_>, arguments: &[&str], words: &str) {
    let all = [&["--group", &scene.group, "--topic", &scene.usage][..], arguments].concat();
    wait::until("the tool may change the offsets", WORK_LIMIT, || {
        let state = scene.broker.tool(GROUPS, &["--describe", "--state", "--group", &scene.group]);
        if !state.contains("Empty") {
            return None;
        }
        let told = scene.broker.tool(GROUPS, &all);
        told.contains(words).then_some(())
    });
}

/// Starts the program, which halts all its tasks with these words and ends.
pub(crate) fn expect_halt(daemon: &mut Daemon, words: &str) {
    let known = daemon.said().len();
    daemon.start();
    assert_eq!(daemon.await_end().code(), Some(1), "{}", daemon.said());
    assert!(daemon.said()[known..].contains(words), "{}", daemon.said());
}

pub(crate) fn expect_exact(scene: &Scene<'_>, daemon: &mut Daemon, mut load: Load) {
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    scene.work_through(daemon);
    scene.assert_exact(DEFINITIONS);
}

#[test]
fn offset_that_a_tool_moved_is_that_of_the_state_again() {
    let (scene, mut daemon, load) = killed(27, 20_000);
    change_offsets(&scene, &["--reset-offsets", "--to-earliest", "--execute"], &scene.usage);
    expect_halt(&mut daemon, "odometer state adopt");
    expect_adopted(&scene, &daemon, &[]);
    let task = format!("{}-0", scene.usage);
    let (said, status) = adopt(&daemon, &[&task, "--yes"]);
    assert!(status == Some(0) && said.contains("of this state already"), "{said}");
    expect_exact(&scene, &mut daemon, load);
}

#[test]
fn offset_that_is_gone_is_that_of_the_newest_state_alone() {
    let (scene, mut daemon, mut load) = killed(28, 5000);
    let task = format!("{}-0", scene.usage);
    let (place, copy) = (daemon.directory().join("state"), daemon.directory().join("older"));
    copy_folder(&place, &copy);
    scene.produce(load.by_ref().take(10_000));
    scene.work_through(&mut daemon);
    expect_refused_while_at_work(&scene, &mut daemon);
    change_offsets(&scene, &["--delete-offsets"], &scene.usage);
    expect_halt(&mut daemon, "odometer state adopt");
    let newest = daemon.directory().join("newest");
    fs::rename(&place, &newest).expect("it may be moved");
    copy_folder(&copy, &place);
    expect_refused(&daemon, &[&task, "--yes"], "older than what is visible");
    fs::remove_dir_all(&place).expect("it is there");
    fs::rename(&newest, &place).expect("it may be moved");
    expect_adopted(&scene, &daemon, &[]);
    expect_exact(&scene, &mut daemon, load);
}

/// By the lock of its directory, and by the group where it is another directory.
fn expect_refused_while_at_work(scene: &Scene<'_>, daemon: &mut Daemon) {
    let task = format!("{}-0", scene.usage);
    let other = scene.daemon();
    copy_folder(&daemon.directory().join("state"), &other.directory().join("state"));
    daemon.start();
    await_group(scene, "Stable");
    expect_refused(daemon, &[&task, "--yes"], "in use by another process");
    expect_refused(&other, &[&task, "--yes"], "has 2 members");
    assert!(daemon.terminate().success());
}

#[test]
fn state_of_another_group_is_adopted_where_that_is_said() {
    let (mut scene, mut daemon, load) = killed(29, 5000);
    scene.work_through(&mut daemon);
    scene.group = unique("group");
    let ids = daemon.directory().join("state/transactional-ids");
    fs::remove_file(ids).expect("those of the other group");
    daemon.write("odometer.toml", &scene.configuration(Some("earliest"), "1h"));
    let task = format!("{}-0", scene.usage);
    expect_refused(&daemon, &[&task, "--yes"], "odometer state adopt --rebind");
    expect_adopted(&scene, &daemon, &["--rebind"]);
    expect_exact(&scene, &mut daemon, load);
}

/// Nothing says that two partitions are the same log: what the state read last is looked for in the one that it is to serve.
#[test]
fn state_of_another_partition_is_not_adopted() {
    let (scene, mut daemon, load) = killed(30, 5000);
    scene.work_through(&mut daemon);
    let state = daemon.directory().join("state");
    let [first, second] = [0, 1].map(|number| format!("{}-{number}", scene.usage));
    let kept = daemon.directory().join("kept");
    fs::rename(state.join(&second), &kept).expect("it may be moved");
    copy_folder(&state.join(&first), &state.join(&second));
    change_offsets(&scene, &["--delete-offsets"], &scene.usage);
    expect_refused(&daemon, &[&second, "--yes"], "odometer state adopt --rebind");
    expect_refused(&daemon, &[&second, "--yes", "--rebind"], "recreated or truncated");
    fs::remove_dir_all(state.join(&second)).expect("it is there");
    fs::rename(&kept, state.join(&second)).expect("it may be moved");
    expect_adopted(&scene, &daemon, &[]);
    expect_exact(&scene, &mut daemon, load);
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).expect("it may be copied");
        }
    }
}
