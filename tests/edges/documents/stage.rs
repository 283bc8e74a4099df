//! Where command lines of the documents are run: a folder with all that they name, and a daemon at work in it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::markdown::Block;
use super::root;
use crate::daemon::{Daemon, Scene, address_in, answer, get, request, wait_until};
use crate::program::{expect_status, run};

/// The daemon's configuration: over files, with the shipped metrics.
pub(super) const CONFIGURATION: &str = r#"
[source]
kind = "file"
paths = ["in/*"]
scan_interval = "20ms"
[sink]
path = "out/totals.ndjson"
[rejects]
path = "out/rejects.ndjson"
[state]
directory = "data/state"
commit_interval = "50ms"
[metrics]
files = ["config/metrics.toml"]
[admin]
address = "127.0.0.1:0"
"#;

/// Events that the daemon has read, some of them refused.
const EVENTS: u64 = 2000;

/// What stands for the program on the stage: the daemon is asked where it listens, its totals and rejects are those over
/// files, and what needs a broker or does not end is only checked.
const WRAPPER: &str = r#"#!/bin/sh
case "$1" in
run) shift && set -- check "$@" ;;
usage) shift && set -- usage --address ADDRESS "$@" ;;
definitions) case "$*" in *--metrics*) ;; *) set -- "$@" --address ADDRESS ;; esac ;;
rejects) set -- "$1" "$2" $(shift 2 && echo "$@" | sed 's#config/odometer.toml#odometer.toml#') ;;
audit) set -- $(echo "$@" | sed 's#config/odometer.toml#odometer.toml#') ;;
state) case "$2" in adopt | restore | rebuild) set -- "$@" --help ;; esac ;;
generate) case " $* " in *" --topic "* | *" --follow "*) exit 0 ;; esac ;;
esac
exec PROGRAM "$@"
"#;

/// A folder with a copy of `config`, the examples, events, definitions, and a daemon that has counted the events.
pub(super) struct Stage {
    // Ended before its folder goes.
    _daemon: Daemon,
    scene: Scene,
    address: String,
}

impl Stage {
    pub(super) fn new() -> Self {
        let scene = Scene::new("{}");
        for name in ["config", "bin", "tls"] {
            fs::create_dir(scene.path(name)).expect("the folder takes folders");
        }
        for name in ["metrics.toml", "odometer.toml"] {
            let from = root().join("config").join(name);
            fs::copy(from, scene.path("config").join(name)).expect("it is part of the repository");
        }
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
        scene.write("tls/tls.crt", &own.cert.pem());
        scene.write("tls/tls.key", &own.signing_key.serialize_pem());
        symlink(root().join("examples"), scene.path("examples")).expect("the folder takes links");
        scene.write("odometer.toml", CONFIGURATION);
        fs::copy(scene.path("config/metrics.toml"), scene.path("metrics.toml"))
            .expect("it is there");
        generate(&scene.path("usage.ndjson"));
        fs::copy(scene.path("usage.ndjson"), scene.path("in/usage.ndjson")).expect("it is there");
        let daemon = scene.start();
        wait_until(&scene, "it listens", || address_in(&scene.log()).is_some());
        let address = address_in(&scene.log()).expect("it listens");
        wait_until(&scene, "all is committed", || {
            let (_, page) = get(&address, "/v1/usage?metric=seats&limit=1");
            page["as_of"][0]["read"] == EVENTS
        });
        let stage = Stage { _daemon: daemon, scene, address };
        stage.wrap();
        stage
    }

    fn wrap(&self) {
        let text = WRAPPER.replace("PROGRAM", env!("CARGO_BIN_EXE_odometer"));
        self.scene.write("bin/odometer", &text.replace("ADDRESS", &self.address));
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin/odometer"), all).expect("it was written");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scene.path(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> String {
        self.scene.write(name, text);
        self.path(name).to_str().expect("text").to_owned()
    }

    /// Writes a block whose lead names a file, as in "`metrics.toml`:", under that name.
    pub(super) fn set_up(&self, block: &Block) {
        let name = block.lead.strip_prefix('`').and_then(|rest| rest.split_once('`'));
        let Some((name, _)) = name.filter(|_| block.lead.trim_end().ends_with(':')) else { return };
        let is_plain = !name.contains(['/', ' ']) && name.contains('.');
        if is_plain && ["toml", "json", "yaml"].contains(&block.language.as_str()) {
            self.write(name, &block.text);
        }
    }

    /// Runs a line as a shell does; `Err`: its status and what it says.
    pub(super) fn run(&self, line: &str) -> Result<(), String> {
        let path = std::env::join_paths([self.path("bin"), "/usr/bin".into(), "/bin".into()]);
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(self.path(""))
            .env("PATH", path.expect("paths without colons"))
            .stdin(Stdio::null())
            .output()
            .expect("bash is here");
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{line}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    /// Status of the daemon's answer.
    pub(super) fn ask(&self, line: &str, body: &str) -> u16 {
        answer(&self.address, line, body).0
    }

    /// The keys of every kind of object that the program writes.
    pub(super) fn shapes(&self) -> BTreeSet<Vec<String>> {
        let ask = |line: &str| request(&self.address, line, "").1;
        let usage = ask("GET /v1/usage?metric=llm_tokens");
        let metrics = ask("GET /v1/metrics");
        let mut seen =
            vec![usage["totals"][0].clone(), metrics["metrics"][0].clone(), usage, metrics];
        let lines = ["GET /healthz", "GET /readyz", "GET /v1/log-level", "GET /nowhere"];
        seen.extend(lines.map(ask));
        seen.push(self.summary());
        let rejects = self.scene.lines("rejects");
        seen.push(rejects.first().expect("some are refused").clone());
        seen.iter().map(keys).collect()
    }

    fn summary(&self) -> Value {
        let path = |name: &str| self.path(name).to_str().expect("text").to_owned();
        let (metrics, input) = (path("config/metrics.toml"), path("in/usage.ndjson"));
        let (output, summary) = (path("shape.ndjson"), path("shape.json"));
        let files = ["--metrics", &metrics, "--input", &input];
        let outputs = ["--output", &output, "--summary", &summary];
        expect_status(&run([&["aggregate"], &files[..], &outputs[..]].concat()), 0);
        let text = fs::read_to_string(summary).expect("the run wrote it");
        serde_json::from_str(&text).expect("a summary is JSON")
    }
}

/// The keys of an object, sorted.
pub(super) fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<String> =
        object.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    keys.sort();
    keys
}

fn generate(path: &Path) {
    let (path, events) = (path.to_str().expect("text"), EVENTS.to_string());
    let flags = ["--seed", "1", "--customers", "3", "--bad", "2%", "--output", path];
    expect_status(&run([&["generate", "--events", &events], &flags[..]].concat()), 0);
}
