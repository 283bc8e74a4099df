//! Lago's own clients, as they are published, against a daemon: each makes, finds, lists, changes and deletes metrics, and
//! tells refusals in its own way.
//!
//! `tests/clients` has a program for each client, which looks at the answers, and the versions of the packages that
//! `.ci/setup test` installs for it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::daemon::{Scene, address_in, wait_until};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// A metric that no client sees.
const METRICS: &str =
    r#"{"metrics":[{"code":"own","event_type":"never","aggregation":"count","tenant":"acme"}]}"#;

const DEFINER: &str = "definer-of-acme";
const READER: &str = "reader-of-acme";

/// Where `.ci/setup test` put the packages of that name.
pub(crate) fn packages(name: &str, within: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let path = cache.unwrap_or_else(home).join("odometer").join(name).join(within);
    assert!(path.exists(), "no {}: run `make setup-test` first", path.display());
    path
}

fn python(client: &str) -> Command {
    let mut command = Command::new(packages(&format!("clients/{client}"), "bin/python"));
    command.arg(Path::new(PROGRAMS).join(client).join("billable_metrics.py"));
    command
}

fn javascript() -> Command {
    let packages = packages("clients/javascript", "node_modules");
    let mut command = Command::new("node");
    command.env("NODE_PATH", packages);
    command.arg(Path::new(PROGRAMS).join("javascript/billable_metrics.cjs"));
    command
}

/// A daemon with a key of each role, and the client's program at work on it.
fn check(mut client: Command) {
    let scene = Scene::new(METRICS);
    let key = |key: &str, role: &str| {
        let digest = Sha256::digest(key.as_bytes());
        let hex = |byte: &u8| format!("{byte:02x}");
        let hash: String = digest.iter().map(hex).collect();
        format!(
            "{{ name = \"{key}\", tenant = \"acme\", role = \"{role}\", hash = \"sha256:{hash}\" }}"
        )
    };
    let keys = format!("keys = [{}, {}]\n", key(DEFINER, "define"), key(READER, "read"));
    scene.write("odometer.toml", &(Scene::configuration("", "127.0.0.1:0") + &keys));
    let daemon = scene.start();
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    let address = address_in(&scene.log()).expect("it listens");
    client.args([format!("http://{address}").as_str(), DEFINER, READER].map(OsStr::new));
    // A proxy of the machine is for others.
    client.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
    let name = client.get_program().to_string_lossy().into_owned();
    let output = client.output();
    let output =
        output.unwrap_or_else(|error| panic!("{name}: {error}: run `make setup-test` first"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && said.ends_with("all is well\n"),
        "{name}: {}\n{said}{complained}\nthe log:\n{}",
        output.status,
        scene.log()
    );
    daemon.terminate(&scene);
}

/// Packages come from wherever the machine has them from.
#[test]
fn versions_of_packages_name_no_registry() {
    for file in [
        "python-new/requirements.txt",
        "python-0.36/requirements.txt",
        "javascript/package.json",
        "javascript/package-lock.json",
    ] {
        let text = fs::read_to_string(Path::new(PROGRAMS).join(file)).expect("text");
        assert!(text.contains("lago-"), "{file} has no client");
        assert!(!text.contains("://") && !text.contains("index-url"), "{file} names a registry");
    }
}

#[test]
fn newest_client_for_python_is_answered() {
    check(python("python-new"));
}

#[test]
fn client_for_python_of_the_first_generation_is_answered() {
    check(python("python-0.36"));
}

#[test]
fn client_for_javascript_is_answered() {
    check(javascript());
}
