//! Recorded exchanges of other systems' APIs, each against a real listener of a real daemon.
//!
//! ```text
//! tests/data/exchanges/<dialect>/<file>.json
//!   {"keys": [{"key": "...", "tenant": "...", "role": "..."}], "configuration": "<added below [admin]>", "exchanges": [
//!     {"what": "...", "call": "POST /path", "headers": {...}, "body": {...}, "answer": {"status": 200, "body": {...}}},
//!     {"what": "...", "restart": true}]}
//! ```
//! A file has a daemon of its own. `text` stands for a body that is no JSON. An answer without `body` has none; `headers` are
//! those that must be there. See `comparison` for `<uuid>` and the like, and for `$name`.

mod comparison;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::comparison::Captured;
use crate::daemon::{Daemon, Scene, address_in, wait_until};

/// A metric of its own, so that there is something to work on.
const METRICS: &str =
    r#"{"metrics":[{"code":"of_a_file","event_type":"never","aggregation":"count"}]}"#;

#[test]
fn exchanges_of_lago_are_answered_as_recorded() {
    run_all("lago");
}

#[test]
fn exchanges_of_maple_are_answered_as_recorded() {
    run_all("maple");
}

#[test]
fn exchanges_of_zenskar_are_answered_as_recorded() {
    run_all("zenskar");
}

fn run_all(dialect: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/exchanges").join(dialect);
    let entries = fs::read_dir(&folder).expect("the folder is part of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    let outcomes: Vec<Outcome> = files.iter().map(|file| run(file)).collect();
    let failures: Vec<String> =
        outcomes.iter().flat_map(|outcome| outcome.failures.clone()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    expect_told(&outcomes);
}

/// Each answer is one that `/openapi.json` tells of.
fn expect_told(outcomes: &[Outcome]) {
    let folder = tempfile::tempdir().expect("a folder");
    let document = folder.path().join("openapi.json");
    fs::write(&document, &outcomes[0].document).expect("the folder takes files");
    let lines: Vec<String> =
        outcomes.iter().flat_map(|outcome| &outcome.transcript).map(Value::to_string).collect();
    let transcript = folder.path().join("transcript.ndjson");
    fs::write(&transcript, lines.join("\n")).expect("the folder takes files");
    let told = crate::openapi::wrong(&document, Some(&transcript));
    let told = told.unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(told, format!("{} answers, 0 wrong\n", lines.len()));
}

/// What came of the exchanges of a file.
struct Outcome {
    /// What was answered otherwise.
    failures: Vec<String>,
    /// Every call with its answer.
    transcript: Vec<Value>,
    /// `/openapi.json`
    document: String,
}

/// Makes the calls of a file.
fn run(file: &Path) -> Outcome {
    let text = fs::read_to_string(file).expect("readable");
    let file = file.display();
    let recorded: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    expect_keys(&recorded, &["keys", "configuration", "exchanges"]);
    let scene = Scene::new(METRICS);
    let configuration = Scene::configuration("", "127.0.0.1:0") + &keys(&recorded["keys"]);
    let added = recorded["configuration"].as_str().unwrap_or_default();
    scene.write("odometer.toml", &(configuration + added));
    let (mut daemon, mut address) = started(&scene);
    let mut captured = Captured::default();
    let (mut failures, mut transcript) = (Vec::new(), Vec::new());
    let exchanges = recorded["exchanges"].as_array().expect("a list of exchanges");
    assert!(!exchanges.is_empty(), "{file} has no exchange");
    for exchange in exchanges {
        let known = ["what", "restart", "call", "headers", "body", "text", "answer"];
        expect_keys(exchange, &known);
        let what = exchange["what"].as_str().expect("an exchange says what it shows");
        if exchange["restart"] == true {
            daemon.kill();
            (daemon, address) = started(&scene);
            continue;
        }
        if let Err(reason) = asked(&address, exchange, &mut captured, &mut transcript) {
            failures.push(format!("{file}: {what}: {reason}"));
        }
    }
    let document = sent(&address, "GET /openapi.json", "", "").body;
    daemon.terminate(&scene);
    Outcome { failures, transcript, document }
}

/// As the configuration knows them: by their hashes.
fn keys(recorded: &Value) -> String {
    let entry = |entry: &Value| {
        let digest = Sha256::digest(entry["key"].as_str().expect("a text"));
        let hex = |byte: &u8| format!("{byte:02x}");
        let hash: String = digest.iter().map(hex).collect();
        let (name, tenant, role) = (&entry["key"], &entry["tenant"], &entry["role"]);
        format!("{{ name = {name}, tenant = {tenant}, role = {role}, hash = \"sha256:{hash}\" }}")
    };
    let entries: Vec<String> = recorded.as_array().into_iter().flatten().map(entry).collect();
    format!("keys = [{}]\n", entries.join(", "))
}

fn started(scene: &Scene) -> (Daemon, String) {
    fs::remove_file(scene.path("log")).ok();
    let daemon = scene.start();
    wait_until(scene, "it runs", || scene.log().contains("odometer runs"));
    (daemon, address_in(&scene.log()).expect("it listens"))
}

#[track_caller]
fn expect_keys(object: &Value, known: &[&str]) {
    for key in object.as_object().expect("an object").keys() {
        assert!(known.contains(&key.as_str()), "nothing is known of {key:?}: {object}");
    }
}

/// Makes a call, and holds the answer against what is recorded.
fn asked(
    address: &str,
    exchange: &Value,
    captured: &mut Captured,
    transcript: &mut Vec<Value>,
) -> Result<(), String> {
    let call = captured.filled(exchange["call"].as_str().ok_or("it has no call")?)?;
    let mut headers = String::new();
    for (name, value) in exchange["headers"].as_object().into_iter().flatten() {
        let value = captured.filled(value.as_str().ok_or("a header is no text")?)?;
        headers.extend([name, ": ", &value, "\r\n"]);
    }
    let body = match (&exchange["body"], exchange["text"].as_str()) {
        (Value::Null, text) => text.unwrap_or_default().to_owned(),
        (body, None) => captured.filled(&body.to_string())?,
        (_, Some(_)) => return Err("it has a body and a text: one of them".to_owned()),
    };
    let answer = sent(address, &call, &headers, &body);
    transcript.push(json!({
        "what": exchange["what"], "call": call, "sent": exchange["body"], "status": answer.status,
        "headers": answer.headers(), "body": answer.body,
    }));
    let expected = &exchange["answer"];
    expect_keys(expected, &["status", "headers", "body"]);
    let told = format!("{call}\nanswered:\n{} {}", answer.status, answer.body);
    let wanted = format!("{}\n{}", expected["status"], expected["body"]);
    let wrong = |reason: &str| format!("{reason}\n{told}\nexpected:\n{wanted}");
    if expected["status"] != answer.status {
        return Err(wrong("another status"));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let found = answer.header(name).map_or(Value::Null, Value::from);
        captured.compare(name, value, &found).map_err(|reason| wrong(&reason))?;
    }
    if expected["body"].is_null() {
        return if answer.body.is_empty() { Ok(()) } else { Err(wrong("a body")) };
    }
    if answer.header("content-type") != Some("application/json") {
        return Err(wrong("no application/json"));
    }
    let found = serde_json::from_str(&answer.body).map_err(|_| wrong("no JSON"))?;
    captured.compare("body", &expected["body"], &found).map_err(|reason| wrong(&reason))
}

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// By names in small letters.
    fn headers(&self) -> BTreeMap<String, &str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    }
}

fn sent(address: &str, call: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    let head = "host: odometer\r\nconnection: close\r\ncontent-type: application/json\r\n";
    write!(stream, "{call} HTTP/1.1\r\n{head}{headers}content-length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
