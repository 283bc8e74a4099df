//! `odometer run` over files, as people run it: growing and rotated files, kills, bad surroundings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::daemon::{Scene, address_in, append, get, pause, wait_until};
use crate::program::{expect_status, run};

/// How often the program is killed.
const KILLS: u64 = 50;
const FILES: usize = 3;

const METRICS: &str = r#"{"metrics": [
    {"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"},
    {"code": "s", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "10s"},
    {"code": "u", "event_type": "t", "aggregation": "unique_count", "value": "properties.v", "period": "minute"}]}"#;

/// The event of a number: one in twenty is a repeat, and times lie up to half a minute apart from their order.
fn event(number: u64) -> String {
    let id = if number % 20 == 19 { number - 7 } else { number };
    let time = 1_767_225_600 + id / 10 + (id * 7919) % 30;
    format!(
        "{{\"id\":\"e{id}\",\"type\":\"t\",\"customer\":\"c{}\",\"time\":{time},\"properties\":{{\"v\":{}}}}}\n",
        id % 5,
        id % 97
    )
}

/// What all periods come to, and ends them: an event two days later.
fn end(scene: &Scene) {
    scene.append(
        "in/z.ndjson",
        "{\"id\":\"end\",\"type\":\"x\",\"customer\":\"c\",\"time\":1767500000}\n",
    );
}

/// What `aggregate` makes of all events.
#[track_caller]
fn expected(scene: &Scene, numbers: u64) -> BTreeMap<String, (String, u64)> {
    let other = Scene::new(METRICS);
    let text: String = (0..numbers).map(event).collect();
    other.write("all.ndjson", &text);
    fs::create_dir(other.path("out")).expect("the folder takes folders");
    let path = |name: &str| other.path(name).to_str().expect("text").to_owned();
    let metrics = scene.path("metrics.json");
    let flags = ["--watermark-delay", "1h", "--metrics", metrics.to_str().expect("text")];
    let mut arguments = vec!["aggregate".to_owned()];
    arguments.extend(flags.map(str::to_owned));
    arguments.extend(["--input".to_owned(), path("all.ndjson")]);
    arguments.extend(["--output".to_owned(), path("out/totals.ndjson")]);
    expect_status(&run(arguments), 0);
    other.totals()
}

/// Appends events to files in pieces that end anywhere, and renames files as a log rotation does.
fn write_events(folder: &Path, is_over: &AtomicBool) -> u64 {
    let mut number = 0;
    let mut halves: [String; FILES] = std::array::from_fn(|_| String::new());
    while !is_over.load(Ordering::Relaxed) {
        for (place, half) in halves.iter_mut().enumerate() {
            let path = folder.join(format!("{place}.ndjson"));
            let text: String = (number..number + 20).map(event).collect();
            number += 20;
            let text = std::mem::take(half) + &text;
            let cut = text.len() - usize::try_from(number % 60).expect("small");
            append(&path, &text[..cut]);
            text[cut..].clone_into(half);
            if number.is_multiple_of(1_200) {
                append(&path, half);
                half.clear();
                fs::rename(&path, folder.join(format!("{place}.{number}.old"))).expect("renamed");
            }
        }
        pause(5);
    }
    for (place, half) in halves.iter().enumerate() {
        append(&folder.join(format!("{place}.ndjson")), half);
    }
    number
}

#[test]
fn a_folder_that_is_not_there_is_told_once_and_again_when_it_has_gone() {
    let scene = Scene::new(METRICS);
    let told = || scene.log().matches("there is no directory").count();
    fs::remove_dir(scene.path("in")).expect("it is there");
    let daemon = scene.start();
    wait_until(&scene, "it is told", || told() > 0);
    fs::create_dir(scene.path("in")).expect("the folder takes folders");
    scene.append("in/a.ndjson", &event(1));
    wait_until(&scene, "the file is found", || scene.log().contains("a file is followed"));
    assert_eq!(told(), 1, "{}", scene.log());
    fs::remove_dir_all(scene.path("in")).expect("it is there");
    wait_until(&scene, "it is told again", || told() > 1);
    daemon.terminate(&scene);
    assert_eq!(told(), 2, "{}", scene.log());
    assert!(scene.log().contains("/in: make it, or correct the pattern"), "{}", scene.log());
}

/// The first kill may come before anything was acknowledged.
#[test]
fn what_is_left_of_a_first_delivery_that_was_killed_is_cut_back() {
    let scene = Scene::new(METRICS);
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    daemon.terminate(&scene);
    scene.append("out/totals.ndjson", "{\"id\":\"half of a to");
    scene.append("in/a.ndjson", &(0..100).map(event).collect::<String>());
    end(&scene);
    let daemon = scene.start();
    let expected = expected(&scene, 100);
    wait_until(&scene, "every period is closed", || scene.lines("totals").len() >= expected.len());
    daemon.terminate(&scene);
    assert_eq!(scene.totals(), expected);
}

#[test]
fn kills_while_files_grow_and_rotate_lose_and_double_nothing() {
    let scene = Scene::new(METRICS);
    scene.configure_with("rotate_size = \"40KiB\"", "127.0.0.1:0");
    let is_over = AtomicBool::new(false);
    let folder = scene.path("in");
    let numbers = thread::scope(|scope| {
        let writer = scope.spawn(|| write_events(&folder, &is_over));
        for kill in 0..KILLS {
            let daemon = scene.start();
            pause(20 + (kill * 37) % 150);
            daemon.kill();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().expect("it writes")
    });
    fs::remove_file(scene.path("log")).expect("there is a log");
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    // What is read behind the end would be late, and corrected after the periods are closed.
    wait_until(&scene, "everything is read", || {
        get(&address, "/v1/usage?metric=n").1["as_of"][0]["read"] == numbers
    });
    end(&scene);
    let expected = expected(&scene, numbers);
    wait_until(&scene, "every period is closed", || scene.lines("totals").len() >= expected.len());
    daemon.terminate(&scene);
    let totals = scene.totals();
    let wrong = expected.iter().find(|(key, total)| totals.get(*key) != Some(total));
    assert_eq!(wrong.map(|(key, total)| (key, total, totals.get(key))), None);
    assert_eq!(totals.len(), expected.len());
    let parts = fs::read_dir(scene.path("out")).expect("a folder").count();
    assert!(parts > 3, "outputs were rotated: {parts} files");
}
