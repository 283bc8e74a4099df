//! The tour that `make run` shows, as a newcomer takes it: totals, corrections and rejects, an event of one's own, a kill.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::daemon::{address_in, get, pause};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The tour in a folder of its own, on a free port.
struct Tour {
    folder: PathBuf,
    script: Child,
}

impl Tour {
    fn start(folder: &Path) -> Self {
        let file = |name: &str| File::create(folder.join(name)).expect("the folder takes files");
        let script = Command::new("examples/tour/run")
            .arg(env!("CARGO_BIN_EXE_odometer"))
            .current_dir(folder)
            .env("ODOMETER__ADMIN__ADDRESS", "127.0.0.1:0")
            .stdout(file("screen"))
            .stderr(file("said"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the script runs");
        Tour { folder: folder.to_owned(), script }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn wait_until(&self, what: &str, mut has_come: impl FnMut(&str) -> bool) {
        for _ in 0..1_200 {
            if has_come(&self.text("screen")) {
                return;
            }
            pause(100);
        }
        let (screen, said) = (self.text("screen"), self.text("said"));
        let end = screen.len().saturating_sub(2_000);
        panic!("{what}: not in two minutes; it said:\n{said}\nand showed:\n{}", &screen[end..]);
    }

    fn append(&self, id: &str) {
        let path = self.folder.join("data/tour/usage/mine.ndjson");
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
        let event = format!(
            r#"{{"id":"{id}","type":"llm_call","customer":"me","time":"2026-01-26T00:00:00Z","properties":{{"input":100,"output":20,"model":"swift-2","status":200}}}}"#
        );
        writeln!(file, "{event}").expect("the folder takes files");
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) -> String {
        signal(self.script.id(), "INT");
        let status = self.script.wait().expect("it ends");
        assert!(status.success(), "{status}: {}", self.text("said"));
        self.text("said")
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "{name} to {process}");
}

/// Identities of all revisions, each of which is there once.
fn revisions(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("data/tour/totals.ndjson")).expect("totals");
    let mut ids = BTreeSet::new();
    for line in text.lines() {
        let total: Value = serde_json::from_str(line).expect("JSON");
        let id = total["id"].as_str().expect("an id").to_owned();
        assert!(ids.insert(id), "it is there twice: {line}");
    }
    ids
}

#[test]
fn a_newcomer_sees_what_the_tour_promises() {
    let folder = tempfile::tempdir().expect("a folder");
    symlink(Path::new(ROOT).join("examples"), folder.path().join("examples")).expect("a link");
    let tour = Tour::start(folder.path());
    tour.wait_until("totals, corrections and rejects", |screen| {
        ["final", "correction", "refused"].iter().all(|word| screen.contains(word))
    });
    let guide = tour.text("said");
    for words in ["usage --metric llm_tokens", "/metrics", "mine-1", "kill -9"] {
        assert!(guide.contains(words), "{words}: {guide}");
    }
    let shows = |screen: &str, words: [&str; 3]| {
        screen.lines().any(|line| words.iter().all(|word| line.contains(word)))
    };
    tour.append("mine-1");
    tour.wait_until("a total of the event", |screen| shows(screen, ["final", " me ", "160"]));
    tour.append("mine-1");
    tour.append("mine-2");
    tour.wait_until("a correction, to which the repeat adds nothing", |screen| {
        shows(screen, ["correction", " me ", "320, was 160: revision 2"])
    });

    let process = tour.text("data/tour/odometer.pid");
    signal(process.trim().parse().expect("a process"), "KILL");
    tour.wait_until("it is started again", |_| {
        tour.text("said").contains("started again: it goes on")
            && tour.text("data/tour/odometer.pid") != process
    });
    let address = || address_in(&tour.text("data/tour/odometer.log"));
    let before = revisions(folder.path());
    tour.wait_until("it goes on", |_| revisions(folder.path()).len() > before.len() + 20);
    let address = address().expect("it listens");
    let (status, usage) = get(&address, "/v1/usage?metric=llm_tokens&customer=me");
    assert_eq!((status, &usage["totals"][0]["value"]), (200, &Value::from("320")), "{usage}");
    tour.end();
    let before = revisions(folder.path());

    let tour = Tour::start(folder.path());
    tour.wait_until("the next run goes on", |_| revisions(folder.path()).len() > before.len() + 20);
    assert!(revisions(folder.path()).is_superset(&before));
    let parts = fs::read_dir(folder.path().join("data/tour/usage")).expect("a folder");
    assert_eq!(parts.count(), 3, "two parts and the newcomer's own file");
    tour.end();
}
