//! A state that the disk has damaged, whatever file of it: its task halts by name and its siblings go on; with a sound copy in
//! its place it goes on as if nothing had been.

use std::fs;
use std::path::{Path, PathBuf};

use crate::adopt::copy_folder;
use crate::broker::Broker;
use crate::daemon::http;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// Every file that a state rests on.
const KINDS: [&str; 4] = ["CURRENT", "MANIFEST", "sst", "log"];

#[test]
fn damaged_state_halts_its_task_alone_and_a_sound_copy_goes_on() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(26, 2);
    let mut daemon = scene.daemon();
    // What the first run leaves in logs, the second puts in tables.
    for _ in 0..2 {
        scene.produce(load.by_ref().take(2000));
        scene.work_through(&mut daemon);
    }
    let state = daemon.directory().join(format!("state/{}-0", scene.usage));
    let copy = daemon.directory().join("copy");
    copy_folder(&state, &copy);
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    let stands = scene.broker.committed_offset(&scene.group, &scene.usage, 0);
    let mut names = Vec::new();
    for kind in KINDS {
        let file = damage(&state, kind);
        let known = daemon.said().len();
        daemon.start();
        let page = wait::until("the task halts", WORK_LIMIT, || {
            daemon.assert_running();
            let (_, page) = http(&scene.admin, "/readyz")?;
            page.contains("is damaged").then_some(page)
        });
        assert!(page.contains(&format!("task {}", scene.task(0))), "{page}");
        wait::until("the other goes on", WORK_LIMIT, || {
            daemon.assert_running();
            let offset = scene.broker.committed_offset(&scene.group, &scene.usage, 1);
            (offset.map(|(offset, _)| offset) == Some(scene.broker.ends_of(&scene.usage)[1]))
                .then_some(())
        });
        assert_eq!(daemon.terminate().code(), Some(1), "a task is halted");
        let said = daemon.said()[known..].to_owned();
        let halted = said.lines().find(|line| line.contains("task halted"));
        let halted = halted.unwrap_or_else(|| panic!("no halt in:\n{said}"));
        for words in ["is damaged", &format!("state/{}-0", scene.usage)] {
            assert!(halted.contains(words), "{kind}: no {words:?} in: {halted}");
        }
        names.push((kind, file, halted.to_owned()));
        assert_eq!(scene.broker.committed_offset(&scene.group, &scene.usage, 0), stands);
        fs::remove_dir_all(&state).expect("the state is there");
        copy_folder(&copy, &state);
    }
    for (kind, file, halted) in &names {
        // Of a table whose properties cannot be understood, where its checksums say nothing, RocksDB suspects who lists it.
        let is_suspected = *kind == "sst" && halted.contains("properties unsorted");
        let is_named = halted.contains(file) || (is_suspected && halted.contains("/MANIFEST-"));
        assert!(is_named, "{file} is not named in: {halted}");
    }
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// The machine goes on with the version before, or the next one was there for a while.
#[test]
fn state_of_another_version_halts_its_task_alone_and_that_version_goes_on() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(27, 2);
    let mut daemon = scene.daemon();
    scene.produce(load.by_ref().take(2000));
    scene.work_through(&mut daemon);
    let state = daemon.directory().join(format!("state/{}-0", scene.usage));
    let stands = scene.broker.committed_offset(&scene.group, &scene.usage, 0);
    scene.produce(load.by_ref().take(2000));
    scene.produce(load.end());
    let known = daemon.said().len();
    change_identity(&state, "\"format\":1", "\"format\":987");
    daemon.start();
    wait::until("the other goes on", WORK_LIMIT, || {
        daemon.assert_running();
        let offset = scene.broker.committed_offset(&scene.group, &scene.usage, 1);
        (offset.map(|(offset, _)| offset) == Some(scene.broker.ends_of(&scene.usage)[1]))
            .then_some(())
    });
    wait::until("the task halts", WORK_LIMIT, || {
        let (_, page) = http(&scene.admin, "/readyz")?;
        page.contains("written by another version of odometer").then_some(())
    });
    assert_eq!(daemon.terminate().code(), Some(1), "a task is halted");
    let said = daemon.said()[known..].to_owned();
    let halted = said.lines().find(|line| line.contains("task halted")).expect("it is told");
    for words in ["has format 987", "reads format 1", &format!("restore {}-0`", scene.usage)] {
        assert!(halted.contains(words), "no {words:?} in: {halted}");
    }
    assert_eq!(scene.broker.committed_offset(&scene.group, &scene.usage, 0), stands);
    change_identity(&state, "\"format\":987", "\"format\":1");
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
}

/// Writes what a state says it is anew.
fn change_identity(state: &Path, from: &str, to: &str) {
    let database = rocksdb::DB::open_default(state).expect("a database");
    let key = [odometer::format::state::IDENTITY];
    let identity = database.get(key).expect("it can be read").expect("a state says what it is");
    let identity = String::from_utf8(identity).expect("text");
    assert!(identity.contains(from), "{identity}");
    database.put(key, identity.replace(from, to)).expect("it can be written");
}

/// Turns bytes all over the newest file of that kind; its name.
fn damage(state: &Path, kind: &str) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(state)
        .expect("a state")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.starts_with(kind) || path.extension().is_some_and(|ending| ending == kind)
        })
        .collect();
    files.sort();
    let file = files.pop().expect("a file of each kind");
    let mut bytes = fs::read(&file).expect("it may be read");
    bytes.iter_mut().skip(7).step_by(512).for_each(|byte| *byte ^= 0xff);
    fs::write(&file, bytes).expect("it may be written");
    file.file_name().expect("a name").to_string_lossy().into_owned()
}
