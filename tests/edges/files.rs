//! `odometer run` over files, as people run it: growing and rotated files, kills, bad surroundings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{expect_status, odometer, run};

/// How often the program is killed.
const KILLS: u64 = 50;
const FILES: usize = 3;

const METRICS: &str = r#"{"metrics": [
    {"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"},
    {"code": "s", "event_type": "t", "aggregation": "sum", "value": "properties.v", "period": "10s"},
    {"code": "u", "event_type": "t", "aggregation": "unique_count", "value": "properties.v", "period": "minute"}]}"#;

/// A folder with definitions, configuration, an input folder, and outputs.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Scene { folder: tempfile::tempdir().expect("a folder") };
        scene.write("metrics.json", METRICS);
        scene.configure("");
        fs::create_dir(scene.path("in")).expect("the folder takes folders");
        scene
    }

    fn configure(&self, sink: &str) {
        self.write(
            "odometer.toml",
            &format!(
                r#"
[source]
kind = "file"
paths = ["in/*"]
scan_interval = "20ms"
[sink]
path = "out/totals.ndjson"
{sink}
[rejects]
path = "out/rejects.ndjson"
[state]
directory = "state"
commit_interval = "50ms"
[watermark]
delay = "1h"
idle_timeout = "1h"
[metrics]
files = ["metrics.json"]
[admin]
address = ""
"#
            ),
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder takes files");
    }

    fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    fn start(&self) -> Daemon {
        let mut program = odometer(["run", "--config", "odometer.toml"]);
        program.current_dir(self.folder.path()).stdout(Stdio::null());
        let log = OpenOptions::new().append(true).create(true).open(self.path("log"));
        program.stderr(log.expect("the folder takes files"));
        Daemon(program.spawn().expect("the program starts"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Whole lines of an output, its finished parts first.
    fn lines(&self, name: &str) -> Vec<Value> {
        let mut files: Vec<PathBuf> = match fs::read_dir(self.path("out")) {
            Ok(entries) => entries.map(|entry| entry.expect("readable").path()).collect(),
            Err(_) => Vec::new(),
        };
        let name_of =
            |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        files.retain(|path| name_of(path).starts_with(name));
        // "totals.000001.ndjson" comes before "totals.ndjson".
        files.sort();
        let texts = files.iter().map(|path| fs::read_to_string(path).expect("text"));
        let text: String = texts.collect();
        let whole = &text[..text.rfind('\n').map_or(0, |last| last + 1)];
        whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Value and events of each key; every revision must be there once, in order, upon the one before it.
    #[track_caller]
    fn totals(&self) -> BTreeMap<String, (String, u64)> {
        let mut newest: BTreeMap<String, (u64, String, u64)> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for total in self.lines("totals") {
            assert!(ids.insert(total["id"].to_string()), "twice: {total}");
            let key =
                format!("{}/{}/{}", total["metric"], total["customer"], total["period"]["start"]);
            let (revision, previous) = match newest.get(&key) {
                Some((revision, value, _)) => (*revision, Value::from(value.as_str())),
                None => (0, Value::Null),
            };
            assert_eq!(total["revision"], revision + 1, "{key}");
            assert_eq!(total["previous"], previous, "{key}");
            let value = total["value"].as_str().expect("a value").to_owned();
            newest.insert(key, (revision + 1, value, total["events"].as_u64().expect("a count")));
        }
        newest.into_iter().map(|(key, (_, value, events))| (key, (value, events))).collect()
    }
}

/// The running program; killed where a test lets go of it.
struct Daemon(Child);

impl Daemon {
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Asks it to end, which it must do well.
    #[track_caller]
    fn terminate(mut self, scene: &Scene) {
        let asked = std::process::Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(asked.expect("kill is here").success());
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}: {}", scene.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.expect("a file").write_all(text.as_bytes()).expect("the folder takes files");
}

fn pause(millis: u64) {
    let (_never, nothing) = mpsc::channel::<()>();
    assert!(nothing.recv_timeout(Duration::from_millis(millis)).is_err());
}

#[track_caller]
fn wait_until(scene: &Scene, what: &str, mut has_come: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if has_come() {
            return;
        }
        pause(10);
    }
    panic!("{what}: not in a minute; the log:\n{}", scene.log());
}

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
    let other = Scene::new();
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

/// The first kill may come before anything was acknowledged.
#[test]
fn what_is_left_of_a_first_delivery_that_was_killed_is_cut_back() {
    let scene = Scene::new();
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
    let scene = Scene::new();
    scene.configure("rotate_size = \"40KiB\"");
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
    let daemon = scene.start();
    wait_until(&scene, "all files are known", || scene.log().matches("odometer runs").count() > 0);
    pause(500);
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
