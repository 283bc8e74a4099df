//! `/openapi.json` of a daemon: a sound document, and one that the daemon keeps to whatever it is sent.
//!
//! `transcript.py` holds its examples, and the answers of all recorded exchanges, to its schemas. schemathesis makes calls of
//! it, well-formed and otherwise (`generators.py` has what it writes in SQL and expressions), and holds each answer to what
//! the document tells: status, type, headers, schema; and that nothing breaks. `.ci/setup test` installs the packages of
//! `requirements.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::daemon::{Daemon, Scene, address_in, text_of, wait_until};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/edges/openapi");

const METRICS: &str = r#"{"metrics":[
    {"code":"llm_tokens","event_type":"llm_call","aggregation":"sum","value":"properties.n","group_by":["model"]}
]}"#;
const EVENT: &str = r#"{"id":"a","type":"llm_call","customer":"acme","time":"2026-03-02T10:00:00Z","properties":{"n":3,"model":"m1"}}"#;

/// A key that may do all there is, of every tenant.
const KEY: &str = "operator-of-all";

/// What answers are held to. Not among them is what becomes of a thing that was deleted: to schemathesis it is the same thing
/// in whatever tenant.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,missing_required_header";
/// And those of the native calls and Maple's. Lago takes what others refuse, and to it another method is another path;
/// Zenskar takes parameters that mean nothing.
const STRICT_CHECKS: &str = "negative_data_rejection,unsupported_method,allow_header_conformance";

/// A program of the packages that `.ci/setup test` installed.
fn program(name: &str) -> Command {
    let path = crate::clients::packages("openapi", &format!("bin/{name}"));
    let mut command = Command::new(path);
    // A proxy of the machine is for others.
    command.env("NO_PROXY", "127.0.0.1").env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}

/// What it said, where it ended well.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// A daemon that has a total.
fn started(scene: &Scene) -> (Daemon, String) {
    let digest = Sha256::digest(KEY);
    let hex = |byte: &u8| format!("{byte:02x}");
    let hash: String = digest.iter().map(hex).collect();
    let keys = format!(
        "keys = [{{ name = \"op\", tenant = \"*\", role = \"operate\", hash = \"sha256:{hash}\" }}]\n"
    );
    scene.write("odometer.toml", &(Scene::configuration("", "127.0.0.1:0") + &keys));
    scene.write("in/events.ndjson", &format!("{EVENT}\n"));
    let daemon = scene.start();
    wait_until(scene, "it runs", || scene.log().contains("odometer runs"));
    (daemon, address_in(&scene.log()).expect("it listens"))
}

/// The document of the listener at an address, as a file in that folder.
fn document(address: &str, folder: &Path) -> PathBuf {
    let path = folder.join("openapi.json");
    fs::write(&path, text_of(address, "/openapi.json")).expect("the folder takes files");
    path
}

/// What of the answers in a transcript the document does not tell of; without one, what of its examples is wrong.
pub(crate) fn wrong(document: &Path, transcript: Option<&Path>) -> Result<String, String> {
    let mut python = program("python");
    python.arg(Path::new(PROGRAMS).join("transcript.py")).arg(document).args(transcript);
    said(&mut python)
}

#[test]
fn document_is_sound_and_its_examples_fit() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = started(&scene);
    let document = document(&address, &scene.path(""));
    let told = said(program("openapi-spec-validator").arg(&document));
    assert!(told.as_ref().is_ok_and(|told| told.contains("OK")), "{told:?}");
    let told = wrong(&document, None).unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(told, "0 answers, 0 wrong\n");
    daemon.terminate(&scene);
}

#[test]
fn whatever_schemathesis_sends_is_answered_as_the_document_tells() {
    let scene = Scene::new(METRICS);
    let (daemon, address) = started(&scene);
    let document = document(&address, &scene.path(""));
    let told = fs::read_to_string(&document).expect("text");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let paths = told["paths"].as_object().expect("an object");
    let operations: usize =
        paths.values().filter_map(Value::as_object).map(serde_json::Map::len).sum();
    let mut tested = 0;
    let strict = format!("{CHECKS},{STRICT_CHECKS}");
    let each = "examples,coverage,fuzzing";
    let lenient = ["--include-tag-regex", "lago|zenskar", "--max-examples", "80"];
    let strictly = ["--exclude-tag-regex", "lago|zenskar", "--max-examples", "80"];
    // Calls that go on with what others made are lost among malformed ones.
    let upon_another = ["--mode", "positive", "--max-examples", "300"];
    for (checks, phases, arguments) in [
        (CHECKS, each, lenient),
        (strict.as_str(), each, strictly),
        (CHECKS, "stateful", upon_another),
    ] {
        let mut schemathesis = program("schemathesis");
        schemathesis
            .current_dir(scene.path(""))
            .env("PYTHONPATH", PROGRAMS)
            .env("SCHEMATHESIS_HOOKS", "generators")
            .arg("run")
            .arg(&document)
            .args(["--url", &format!("http://{address}"), "--phases", phases, "--checks", checks])
            .args(["--header", &format!("Authorization: Bearer {KEY}")])
            // A key that is none would shut out this machine's address.
            .args(["--generation-with-security-parameters", "false"])
            .args(["--seed", "1", "--generation-database", "none", "--workers", "1"])
            // How fast a machine is says nothing.
            .args(["--request-timeout", "120", "--suppress-health-check", "all"])
            .args(arguments)
            .args(["--continue-on-failure", "--no-color"]);
        let told = said(&mut schemathesis);
        let told = told.unwrap_or_else(|told| panic!("{told}\nthe log:\n{}", scene.log()));
        tested += selected(&told, operations);
    }
    assert_eq!(tested, 2 * operations, "each call is tested alone, and upon another");
    assert!(!scene.log().contains("a request failed"), "{}", scene.log());
    daemon.terminate(&scene);
}

/// How many calls a run took, of how many there are: `Selected: 9/31`.
fn selected(told: &str, operations: usize) -> usize {
    assert!(told.contains(" generated, "), "{told}");
    let line = told.lines().find_map(|line| line.trim().strip_prefix("Selected: "));
    let (taken, all) = line.and_then(|line| line.split_once('/')).expect("it says how many");
    assert_eq!(all.parse(), Ok(operations), "{told}");
    taken.parse().expect("a number")
}

/// Packages come from wherever the machine has them from.
#[test]
fn versions_of_packages_name_no_registry() {
    let path = Path::new(PROGRAMS).join("requirements.txt");
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains("schemathesis=="), "{text}");
    assert!(!text.contains("://") && !text.contains("index-url"), "it names a registry");
}
