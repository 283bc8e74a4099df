//! A Prometheus of a test's own, on the configuration of `deploy/prometheus`: it scrapes one daemon each second.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::deployed;

/// The server; dropped it ends, and what it stored goes.
pub(crate) struct Prometheus {
    folder: TempDir,
    process: Child,
    address: String,
}

impl Prometheus {
    /// Scrapes that address as the deployment's configuration says, but each second.
    pub(crate) fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |name: &str| fs::read_to_string(deployed(name)).expect("part of the deployment");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("the folder takes files");
        };
        let configuration = text("prometheus/prometheus.yaml");
        assert!(configuration.contains("\"odometer:9464\""), "the target of compose.yaml");
        let configuration = configuration.replace("odometer:9464", target);
        write("prometheus.yaml", configuration.replace("15s", "1s"));
        write("alerts.yaml", text("prometheus/alerts.yaml"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound port").to_string();
        drop(listener);
        let log = fs::File::create(folder.path().join("log")).expect("the folder takes files");
        let process = Command::new("prometheus")
            .arg("--config.file=prometheus.yaml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; make setup-test installs it"));
        Prometheus { folder, process, address }
    }

    /// What it logged, for a test that fails.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The values that a query has now, none of which is no number; `None` while the server does not answer.
    #[track_caller]
    pub(crate) fn query(&self, expression: &str) -> Option<Vec<f64>> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression)))?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = answer["data"]["result"].as_array().expect("a vector").iter();
        let value = |sample: &Value| sample["value"][1].as_str().expect("a text").parse::<f64>();
        let values = result.map(|sample| value(sample).expect("a number"));
        Some(values.filter(|value| !value.is_nan()).collect())
    }

    /// The body of an answer, where it is well.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        // Of HTTP/1.0, so that the answer comes in one piece.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It is this test's own, and has nothing to keep.
        drop(self.process.kill());
        drop(self.process.wait());
        if std::thread::panicking() {
            eprintln!("--- Prometheus said ---\n{}", self.said());
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

/// Every expression of the dashboard, as Grafana would ask it: all jobs, all instances.
pub(crate) fn dashboard_queries() -> Vec<String> {
    let text = fs::read_to_string(deployed("grafana/dashboards/odometer.json"));
    let dashboard: Value = serde_json::from_str(&text.expect("a dashboard")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: Vec<String> = targets
        .map(|target| {
            let expression = target["expr"].as_str().expect("a text");
            let expression = expression.replace("$__rate_interval", "15s");
            let expression = expression.replace("$job", ".+").replace("$instance", ".+");
            assert!(!expression.contains('$'), "an unknown variable: {expression}");
            expression
        })
        .collect();
    assert!(queries.len() > 20, "{queries:?}");
    queries
}

/// Those of the queries that have no data yet.
pub(crate) fn without_data<'q>(server: &Prometheus, queries: &'q [String]) -> Vec<&'q str> {
    let has_none = |query: &&str| server.query(query).is_none_or(|values| values.is_empty());
    queries.iter().map(String::as_str).filter(has_none).collect()
}
