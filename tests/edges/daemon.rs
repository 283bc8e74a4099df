//! The daemon over files as a child process, in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::odometer;

/// A folder with definitions, configuration, an input folder, and outputs.
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new(metrics: &str) -> Self {
        let scene = Scene { folder: tempfile::tempdir().expect("a folder") };
        scene.write("metrics.json", metrics);
        scene.configure("");
        fs::create_dir(scene.path("in")).expect("the folder takes folders");
        scene
    }

    pub(crate) fn configure(&self, sink: &str) {
        self.configure_with(sink, "");
    }

    /// With the address of the admin listener.
    pub(crate) fn configure_with(&self, sink: &str, admin: &str) {
        self.write("odometer.toml", &Self::configuration(sink, admin));
    }

    /// What `configure_with` writes.
    pub(crate) fn configuration(sink: &str, admin: &str) -> String {
        format!(
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
address = "{admin}"
"#
        )
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder takes files");
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        append(&self.path(name), text);
    }

    pub(crate) fn start(&self) -> Daemon {
        self.start_on("odometer.toml")
    }

    /// With another configuration.
    pub(crate) fn start_on(&self, configuration: &str) -> Daemon {
        self.start_program(odometer(["run", "--config", configuration]))
    }

    /// What runs the daemon in some other way.
    pub(crate) fn start_program(&self, mut program: std::process::Command) -> Daemon {
        program.stdout(Stdio::null());
        self.start_writing(program)
    }

    /// The same, its standard output where it is led to.
    pub(crate) fn start_writing(&self, mut program: std::process::Command) -> Daemon {
        program.current_dir(self.folder.path());
        let log = OpenOptions::new().append(true).create(true).open(self.path("log"));
        program.stderr(log.expect("the folder takes files"));
        Daemon(program.spawn().expect("the program starts"))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Whole lines of an output, its finished parts first.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
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
    pub(crate) fn totals(&self) -> BTreeMap<String, (String, u64)> {
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
pub(crate) struct Daemon(Child);

impl Daemon {
    /// As the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Asks it to read its files again.
    pub(crate) fn hang_up(&self) {
        let mut kill = std::process::Command::new("kill");
        let asked = kill.args(["-HUP", &self.0.id().to_string()]).status();
        assert!(asked.expect("kill is here").success());
    }

    /// It ends by itself, with that status.
    #[track_caller]
    pub(crate) fn expect_end(mut self, scene: &Scene, status: i32) {
        wait_until(scene, "it ends", || self.0.try_wait().expect("it was started").is_some());
        let found = self.0.wait().expect("it ended");
        assert_eq!(found.code(), Some(status), "{found}: {}", scene.log());
    }

    /// Asks it to end, which it must do well.
    #[track_caller]
    pub(crate) fn terminate(mut self, scene: &Scene) {
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

pub(crate) fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.expect("a file").write_all(text.as_bytes()).expect("the folder takes files");
}

pub(crate) fn pause(millis: u64) {
    let (_never, nothing) = mpsc::channel::<()>();
    assert!(nothing.recv_timeout(Duration::from_millis(millis)).is_err());
}

#[track_caller]
pub(crate) fn wait_until(scene: &Scene, what: &str, mut has_come: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if has_come() {
            return;
        }
        pause(10);
    }
    panic!("{what}: not in a minute; the log:\n{}", scene.log());
}

/// A daemon that listens, and where.
pub(crate) fn listening(scene: &Scene) -> (Daemon, String) {
    scene.configure_with("", "127.0.0.1:0");
    started(scene)
}

/// The same, as it is configured.
pub(crate) fn started(scene: &Scene) -> (Daemon, String) {
    let daemon = scene.start();
    wait_until(scene, "it listens", || address_in(&scene.log()).is_some());
    wait_until(scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    (daemon, address)
}

/// Where a daemon of that log listens.
pub(crate) fn address_in(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("admin listener answers"))?;
    let (_, address) = line.split_once("address=")?;
    Some(address.trim().to_owned())
}

/// Status and body.
pub(crate) fn get(address: &str, path: &str) -> (u16, Value) {
    request(address, &format!("GET {path}"), "")
}

/// Status and body of the answer to a method and path with that body.
pub(crate) fn request(address: &str, line: &str, body: &str) -> (u16, Value) {
    let (status, body) = answer(address, line, body);
    // Long answers come in one piece: there is no proxy between.
    let body = body.find('{').map_or(body.as_str(), |at| &body[at..=body.rfind('}').unwrap_or(at)]);
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}")))
}

/// The body of a page that is no JSON.
pub(crate) fn text_of(address: &str, path: &str) -> String {
    answer(address, &format!("GET {path}"), "").1
}

/// Status and body of an answer of any kind.
pub(crate) fn answer(address: &str, line: &str, body: &str) -> (u16, String) {
    answer_with(address, line, "", body)
}

/// The same with headers, each with its end.
pub(crate) fn answer_with(address: &str, line: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let head = "host: odometer\r\nconnection: close\r\n";
    write!(stream, "{line} HTTP/1.1\r\n{head}{headers}content-length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}
