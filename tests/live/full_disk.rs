//! The disk of the state directory fills up: the program stops and says so, and once there is room again it goes on
//! without a lost or doubled total.
//!
//! A small filesystem needs a mount, which wants root or a user namespace; where there is neither, only the limit on
//! the size of a file stands for the full disk.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::{DEFINITIONS, Load};
use crate::scene::Scene;

/// Events before the disk is small, and more than it takes after that.
const BEFORE: usize = 2000;
const AFTER: usize = 40_000;

/// Keeps every file of the program below so many blocks of 512 bytes: a write past that fails with EFBIG.
const FILE_LIMIT: &str = r#"trap '' XFSZ; ulimit -f 2048; exec "$@""#;

/// Runs the program with its state on a filesystem of 20 MiB, and again while that is full. The state survives in
/// `after`: the filesystem ends with the shell, however that ends.
const SMALL_FILESYSTEM: &str = r#"
cp -a state before && mount -t tmpfs -o size=20m small state && cp -a before/. state/ || exit 99
"$@"; first=$?
"$@"; second=$?
cp -a state after || exit 98
[ "$first $second" = "1 1" ] && exit 1
echo "ended with $first, then $second" >&2
exit 97"#;

/// Ways to a mount of one's own, the shell and its children in a process space that ends with the command.
const NAMESPACES: [&[&str]; 2] = [
    &["unshare", "--mount", "--pid", "--fork", "--kill-child"],
    &["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"],
];

#[test]
fn full_filesystem_stops_it_and_loses_nothing() {
    let Some(namespace) = NAMESPACES.into_iter().find(|namespace| can_mount(namespace)) else {
        eprintln!("no mount without root or user namespaces: left to the limit on a file's size");
        return;
    };
    let mut filling = Filling::begin(23);
    let command = [namespace, &["sh", "-c", SMALL_FILESYSTEM, "sh"]].concat();
    filling.expect_stop(&command, "the disk is full");
    let folder = filling.daemon.directory();
    fs::remove_dir_all(folder.join("state")).expect("the state under the mount");
    fs::rename(folder.join("after"), folder.join("state")).expect("what the mount held");
    filling.expect_exact();
}

#[test]
fn file_that_cannot_grow_stops_it_and_loses_nothing() {
    let mut filling = Filling::begin(24);
    for _ in 0..2 {
        filling.expect_stop(&["sh", "-c", FILE_LIMIT, "sh"], "File too large");
    }
    filling.expect_exact();
}

fn can_mount(namespace: &[&str]) -> bool {
    let folder = TempDir::with_prefix("odometer-mount-").expect("a temporary folder");
    let status = Command::new(namespace[0])
        .args(&namespace[1..])
        .args(["mount", "-t", "tmpfs", "-o", "size=1m", "small"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// A program with some work done, and more to do than its disk will take.
struct Filling {
    scene: Scene<'static>,
    daemon: Daemon,
}

impl Filling {
    fn begin(seed: u64) -> Self {
        let scene = Scene::new(Broker::shared(), 2);
        let mut load = Load::new(seed, 2);
        scene.produce(load.by_ref().take(BEFORE));
        let mut daemon = scene.daemon();
        scene.work_through(&mut daemon);
        scene.produce(load.by_ref().take(AFTER));
        scene.produce(load.end());
        Self { scene, daemon }
    }

    /// Runs it by that command until it ends: with status 1, and an error that names directory and reason.
    fn expect_stop(&mut self, command: &[&str], reason: &str) {
        let known = self.daemon.said().len();
        self.daemon.start_by(command);
        let status = self.daemon.await_end();
        let said = self.daemon.said();
        assert_eq!(status.code(), Some(1), "it said:\n{}", &said[known..]);
        let errors = said[known..].lines().filter(|line| line.contains("rror"));
        let directory = format!("state directory state/{}", self.scene.usage);
        let is_told = errors.clone().any(|line| line.contains(&directory) && line.contains(reason));
        assert!(is_told, "no {reason:?} with {directory:?} in:\n{}", &said[known..]);
        assert!(
            self.scene.done() < self.scene.broker.end_of(&self.scene.usage),
            "it has not filled"
        );
    }

    fn expect_exact(mut self) {
        self.daemon.start();
        self.scene.await_done(&mut self.daemon);
        assert!(self.daemon.terminate().success());
        self.scene.assert_exact(DEFINITIONS);
    }
}
