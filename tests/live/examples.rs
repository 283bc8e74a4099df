//! The programs of `examples/`, as users would run them: producers, and consumers of totals that are killed, run again and
//! read everything twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, unique};
use crate::wait;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const METRICS: &str = r#"{"metrics": [{"code": "calls", "event_type": "api_call", "aggregation": "count",
    "period": "1s", "group_by": ["tier"], "late": "correct"}]}"#;

/// How long a consumer waits for a record before it ends.
const PATIENCE: &str = "15";

/// An example in one of the languages, to be given its arguments.
#[derive(Clone, Copy, Debug)]
enum Language {
    Rust,
    Python,
}

/// Where the examples in Rust are: cargo builds them beside the program, here where that was not done yet.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--examples"])
        .current_dir(ROOT)
        .status();
    assert!(status.expect("cargo runs").success(), "the examples are built");
    let program = Path::new(env!("CARGO_BIN_EXE_odometer"));
    program.parent().expect("a folder").join("examples")
});

/// The interpreter that `.ci/setup test` gave the packages of `examples/requirements.txt`.
fn python() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let python = cache.unwrap_or_else(home).join("odometer/python/bin/python");
    assert!(python.exists(), "no {}: run `make setup-test` first", python.display());
    python
}

impl Language {
    fn example(self, name: &str, arguments: &[&str]) -> Command {
        let mut command = match self {
            Language::Rust => Command::new(BUILT.join(name)),
            Language::Python => {
                let mut command = Command::new(python());
                command.arg(Path::new(ROOT).join("examples").join(format!("{name}.py")));
                command
            }
        };
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn run(self, name: &str, arguments: &[&str]) -> String {
        let output: Output = self.example(name, arguments).output().expect("the example starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{self:?} {name}: {stdout}{stderr}");
        stdout
    }

    /// What each customer is billed by, all lines together, and how many lines there are.
    fn billed(self, path: &Path) -> (BTreeMap<String, i64>, usize) {
        let rows: Vec<(String, String)> = match self {
            Language::Rust => {
                let ledger = fs::read(path).expect("a ledger");
                let ledger: Value = serde_json::from_slice(&ledger).expect("JSON");
                let lines = ledger["lines"].as_array().expect("lines").iter();
                let text = |value: &Value| value.as_str().expect("text").to_owned();
                lines.map(|line| (text(&line["customer"]), text(&line["quantity"]))).collect()
            }
            Language::Python => {
                let question = "import sqlite3,sys\n\
                    for row in sqlite3.connect(sys.argv[1]).execute('SELECT customer, quantity FROM lines'):\n  \
                    print(*row)";
                let asked = Command::new(python()).args(["-c", question]).arg(path).output();
                let said = String::from_utf8(asked.expect("python runs").stdout).expect("text");
                let row =
                    |line: &str| line.split_once(' ').map(|(one, two)| (one.into(), two.into()));
                said.lines().map(|line| row(line).expect("two columns")).collect()
            }
        };
        let mut sums = BTreeMap::new();
        for (customer, quantity) in &rows {
            *sums.entry(customer.clone()).or_default() += quantity.parse::<i64>().expect("a count");
        }
        (sums, rows.len())
    }
}

/// The totals that are there.
fn totals(scene: &Scene<'_>) -> Vec<Value> {
    let records = scene.broker.read_committed_all(&scene.totals);
    records.iter().map(|record| serde_json::from_str(record.text()).expect("JSON")).collect()
}

fn sum(totals: &[Value]) -> i64 {
    let deltas = totals.iter().map(|total| total["delta"].as_str().expect("a delta"));
    deltas.map(|delta| delta.parse::<i64>().expect("a count")).sum()
}

#[test]
fn examples_produce_and_invoice_each_event_once() {
    let scene = Scene::new(Broker::shared(), 2);
    let address = scene.broker.address().to_owned();
    let configuration = scene.configuration(Some("earliest"), "1s");
    let mut daemon = Daemon::new(&configuration, METRICS);
    daemon.start();
    for (language, customer) in [(Language::Rust, "acme"), (Language::Python, "globex")] {
        // Whoever does not know whether all went out sends all of it again.
        for _ in 0..2 {
            let said = language.run("producer", &[&address, &scene.usage, customer, "300"]);
            assert_eq!(said.trim(), format!("sent 300 events of {customer}"));
        }
        language.run("producer", &[&address, &scene.usage, customer, "50", "300"]);
    }
    let all = wait::until("every event is in a total", WORK_LIMIT, || {
        daemon.assert_running();
        let totals = totals(&scene);
        (sum(&totals) == 700).then_some(totals)
    });
    let first = all.iter().find(|total| total["customer"] == "acme").expect("a total of acme");
    let start = first["period"]["start"].as_str().expect("a time");
    let late = format!(
        r#"{{"id":"late","type":"api_call","customer":"acme","time":"{start}","properties":{{"tier":"pro"}}}}"#
    );
    scene.produce([Outgoing::keyed("acme", late)]);
    let all = wait::until("the late one makes a correction", WORK_LIMIT, || {
        daemon.assert_running();
        let totals = totals(&scene);
        (sum(&totals) == 701).then_some(totals)
    });
    assert!(all.iter().any(|total| total["kind"] == "correction"), "{all:?}");
    assert!(daemon.terminate().success());

    let expected = BTreeMap::from([("acme".to_owned(), 351), ("globex".to_owned(), 350)]);
    let folder = tempfile::tempdir().expect("a folder");
    for language in [Language::Rust, Language::Python] {
        let path = folder.path().join(format!("{language:?}"));
        let file = path.to_str().expect("text");
        let group = unique("invoicing");
        let arguments = [&address, &scene.totals, &group, file];
        let mut consumer = language.example("invoicing", &arguments).spawn().expect("it starts");
        wait::until("some lines are there", WORK_LIMIT, || {
            let has_lines = path.exists() && language.billed(&path).1 > 0;
            has_lines.then_some(())
        });
        consumer.kill().expect("a child can be killed");
        consumer.wait().expect("a killed child ends");
        let again = unique("invoicing");
        // On from where it was killed, and everything once more.
        for group in [&group, &again] {
            let arguments = [&address, &scene.totals, group.as_str(), file, PATIENCE];
            language.run("invoicing", &arguments);
            assert_eq!(language.billed(&path), (expected.clone(), all.len()), "{language:?}");
        }
    }
}
