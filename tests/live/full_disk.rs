//! The disk of a task's state is full, read-only, or takes no larger file: the task waits for it and its siblings go on; once
//! the disk does its work again so does the task, without a lost or doubled total.
//!
//! A small filesystem needs a mount, which wants root or a user namespace; where there is neither, only the limit on
//! the size of a file stands for the full disk.

use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::load::{DEFINITIONS, Load};
use crate::prometheus::{History, Scrape};
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// Events before the disk is small, and more than it takes after that.
const BEFORE: usize = 2000;
const AFTER: usize = 40_000;

/// Keeps every file of the program below so many blocks of 512 bytes: a write past that fails with EFBIG.
const FILE_LIMIT: &str = r#"trap '' XFSZ; ulimit -f 2048; exec "$@""#;

/// Runs the program with the state in `$1` on a filesystem of its own that is mounted with `$2`, and with `$3` from when
/// there is a file `mended`; ends it in order once there is a file `stop`. The filesystem ends with the shell, however
/// that ends.
const OWN_FILESYSTEM: &str = r#"
place=$1; first=$2; then=$3; shift 3
cp -a "$place" before && mount -t tmpfs -o size=100m small "$place" && cp -a before/. "$place"/ || exit 99
mount -o "remount,$first" "$place" || exit 98
"$@" & child=$!
while kill -0 $child && [ ! -e mended ]; do sleep 0.1; done
mount -o "remount,$then" "$place" || exit 97
while kill -0 $child && [ ! -e stop ]; do sleep 0.1; done
kill -TERM $child
wait $child"#;

/// Ways to a mount of one's own, the shell and its children in a process space that ends with the command.
const NAMESPACES: [&[&str]; 2] = [
    &["unshare", "--mount", "--pid", "--fork", "--kill-child"],
    &["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"],
];

const WAITS: &str = "a task waits for its disk";
const WORKS: &str = "the disk of a task does its work again";

#[test]
fn full_filesystem_stops_its_task_alone_until_there_is_room() {
    let Some(mut filling) = Filling::begin_mounted(23, "size=8m", "size=400m") else { return };
    filling.await_wait(&[0], "the disk is full");
    // What the store gives up as it is opened again may be room for another commit.
    let scrape = wait::until("the series say so", WORK_LIMIT, || {
        let scrape = Scrape::now(&filling.page("/metrics"));
        (scrape.value("odometer_tasks{state=\"stalled\"}") > 0.0).then_some(scrape)
    });
    History::held(&scrape).assert_fires_at_least(&["OdometerNotReady", "OdometerTaskStalled"]);
    filling.expect_exact_when_mended();
}

#[test]
fn read_only_filesystem_stops_its_task_alone_until_it_may_be_written() {
    let Some(mut filling) = Filling::begin_mounted(25, "ro", "rw") else { return };
    filling.await_wait(&[0], "Read-only file system");
    filling.expect_exact_when_mended();
}

#[test]
fn file_that_cannot_grow_stops_tasks_and_loses_nothing() {
    let mut filling = Filling::begin(24);
    for _ in 0..2 {
        filling.known = filling.daemon.said().len();
        filling.daemon.start_by(&["sh", "-c", FILE_LIMIT, "sh"]);
        filling.await_wait(&[0, 1], "File too large");
        let status = filling.daemon.terminate();
        let said = filling.said();
        if status.success() {
            // Both were begun again just then.
            for partition in 0..2 {
                assert!(filling.is_at_work(partition), "told that all was served:\n{said}");
            }
        } else {
            assert_eq!(status.code(), Some(1), "it is told that not all was served: {status}");
            assert!(said.contains("waited for its disk to the end"), "{said}");
        }
    }
    let Filling { scene, mut daemon, .. } = filling;
    daemon.start();
    scene.finish(&mut daemon);
    scene.assert_exact(DEFINITIONS);
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
    /// How much it had said before the disk was as it is.
    known: usize,
}

impl Filling {
    fn begin(seed: u64) -> Self {
        let scene = Scene::new(Broker::shared(), 2);
        let mut load = Load::new(seed, 2);
        scene.produce(load.by_ref().take(BEFORE));
        // All tasks in one hand.
        let configuration = scene.configuration(Some("earliest"), "1h");
        let configuration = configuration.replace("workers = 2", "workers = 1");
        let mut daemon = Daemon::new(&configuration, DEFINITIONS);
        scene.work_through(&mut daemon);
        scene.produce(load.by_ref().take(AFTER));
        scene.produce(load.end());
        let known = daemon.said().len();
        Self { scene, daemon, known }
    }

    /// The same, at work again with the state of partition 0 on a filesystem mounted with those options, and later with
    /// the others. `None`: nothing can be mounted.
    fn begin_mounted(seed: u64, first: &str, then: &str) -> Option<Self> {
        let Some(namespace) = NAMESPACES.into_iter().find(|namespace| can_mount(namespace)) else {
            eprintln!(
                "no mount without root or user namespaces: left to the limit on a file's size"
            );
            return None;
        };
        let mut filling = Self::begin(seed);
        let place = format!("state/{}-0", filling.scene.usage);
        let shell = ["sh", "-c", OWN_FILESYSTEM, "sh", &place, first, then];
        filling.daemon.start_by(&[namespace, &shell].concat());
        Some(filling)
    }

    fn said(&self) -> String {
        self.daemon.said()[self.known..].to_owned()
    }

    /// Whether the last that it said of a task is that it goes on.
    fn is_at_work(&self, partition: i32) -> bool {
        let (task, number) = (self.scene.task(partition), format!("partition={partition} "));
        let is_told = |line: &&str| {
            (line.contains(WAITS) && line.contains(&task))
                || (line.contains("a task goes on with its state") && line.contains(&number))
        };
        self.said().lines().rfind(is_told).is_some_and(|line| !line.contains(WAITS))
    }

    fn page(&self, path: &str) -> String {
        http(&self.scene.admin, path).expect("it answers").1
    }

    fn is_at_end(&self, partition: usize) -> bool {
        let Scene { broker, group, usage, .. } = &self.scene;
        let offset = broker.committed_offset(group, usage, i32::try_from(partition).expect("few"));
        offset.map(|(offset, _)| offset) == Some(broker.ends_of(usage)[partition])
    }

    /// Waits until these partitions wait for their disk for that reason, as readiness and log say, and the others are done.
    fn await_wait(&mut self, partitions: &[i32], reason: &str) {
        wait::until("tasks wait for their disk", WORK_LIMIT, || {
            self.daemon.assert_running();
            let (status, page) = http(&self.scene.admin, "/readyz")?;
            let is_told =
                |partition: &i32| page.contains(&format!("task {}", self.scene.task(*partition)));
            (status == 503 && partitions.iter().all(is_told) && page.contains(reason)).then_some(())
        });
        for partition in (0..2_i32).filter(|one| !partitions.contains(one)) {
            let place = usize::try_from(partition).expect("not negative");
            wait::until("the others go on", WORK_LIMIT, || {
                self.daemon.assert_running();
                self.is_at_end(place).then_some(())
            });
        }
        for partition in partitions {
            let (said, task) = (self.said(), self.scene.task(*partition));
            let lines = said.lines().filter(|line| line.contains(WAITS) && line.contains(&task));
            let lines: Vec<&str> = lines.collect();
            let ends =
                said.lines().filter(|line| line.contains(WORKS) && line.contains(&task)).count();
            // A member that the group lost is given its partitions again, whose tasks begin again.
            let lost = said.lines().filter(|line| line.contains("is_lost=true")).count();
            let times = ends..=ends + 1 + lost;
            assert!(times.contains(&lines.len()), "told once each time of {task}:\n{said}");
            let directory = format!("state directory state/{}-{partition}", self.scene.usage);
            assert!(lines[0].contains("ERROR") && lines[0].contains(&directory), "{}", lines[0]);
            assert!(!self.is_at_end(usize::try_from(*partition).expect("not negative")));
        }
    }

    /// Mends the filesystem while the program runs, lets it work and end, and holds what came out against the rules.
    fn expect_exact_when_mended(mut self) {
        let folder = self.daemon.directory();
        fs::write(folder.join("mended"), "").expect("the folder can be written");
        self.scene.await_done(&mut self.daemon);
        wait::until("it is ready again", WORK_LIMIT, || {
            let (status, _) = http(&self.scene.admin, "/readyz")?;
            (status == 200).then_some(())
        });
        assert!(self.said().contains(WORKS), "{}", self.said());
        fs::write(self.daemon.directory().join("stop"), "").expect("the folder can be written");
        let status = self.daemon.await_end();
        assert!(status.success(), "{status}");
        self.scene.assert_exact(DEFINITIONS);
    }
}
