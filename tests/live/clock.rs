//! The machine's clock jumps: nothing depends on it but when a partition without records is closed, and that never goes back.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::{Daemon, http};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const METRICS: &str = r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "day"}]}"#;
/// What the program says of a jump.
const JUMPED: &str = "the clock jumped";

/// More than a day: what is counted now is closed by a clock that is so far ahead, wherever in its day now is.
const JUMP: i64 = 26 * 3_600;
const DAY: u64 = 86_400;
/// So much of its day is left when the test begins.
const DAY_LEFT_MIN: u64 = 300;

/// The clock of one process: the machine's, and as many seconds besides as a file says, which may change under it.
struct Clock {
    library: PathBuf,
    offset: PathBuf,
}

impl Clock {
    fn new(daemon: &Daemon) -> Self {
        let place = |name: &str| daemon.directory().join(name);
        let clock = Clock { library: place("clock.so"), offset: place("clock") };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&clock.library)
            .arg(source)
            .status();
        assert!(compiled.expect("a C compiler").success());
        clock.set(0);
        clock
    }

    /// From now on it is the machine's and that, in seconds.
    fn set(&self, offset: i64) {
        // The file is mapped by who runs: it stays the one that it is.
        let file = File::options().write(true).create(true).truncate(false).open(&self.offset);
        let written = file.and_then(|file| file.write_all_at(&offset.to_ne_bytes(), 0));
        written.expect("the folder can be written");
    }

    fn start(&self, daemon: &mut Daemon) {
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let offset = format!("CLOCK_OFFSET_FILE={}", self.offset.display());
        daemon.start_by(&["env", &preload, &offset]);
    }
}

#[test]
fn clock_that_jumps_closes_nothing_and_makes_nothing_late() {
    let left = DAY - wait::clock() % DAY;
    if left < DAY_LEFT_MIN {
        wait::pass(Duration::from_secs(left + 1));
    }
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1s"), METRICS);
    let clock = Clock::new(&daemon);
    clock.start(&mut daemon);
    let mut number = 0;
    let mut count_one = |daemon: &mut Daemon| {
        number += 1;
        let time = wait::clock();
        let text = format!(r#"{{"id":"{number}","type":"c","customer":"a","time":{time}}}"#);
        scene.produce([Outgoing::keyed("a", text)]);
        scene.await_done(daemon);
        time
    };
    let first = count_one(&mut daemon);
    wait::until("the partition follows the clock", WORK_LIMIT, || {
        daemon.assert_running();
        (watermark(&scene)? > first).then_some(())
    });
    for offset in [JUMP, -JUMP] {
        let known = daemon.said().len();
        clock.set(offset);
        wait::until("the jump is noticed", WORK_LIMIT, || {
            daemon.assert_running();
            daemon.said()[known..].contains(JUMPED).then_some(())
        });
        let before = watermark(&scene).expect("it is told");
        count_one(&mut daemon);
        wait::pass(Duration::from_secs(3));
        let now = watermark(&scene).expect("it is told");
        assert!(before <= now && now <= wait::clock(), "{before}, then {now}");
        assert_eq!(scene.revisions(), 0, "the day is not over");
    }
    // When it is right again, it is followed again.
    clock.set(0);
    let last = count_one(&mut daemon);
    wait::until("the partition follows the clock", WORK_LIMIT, || {
        daemon.assert_running();
        (watermark(&scene)? > last).then_some(())
    });
    assert!(daemon.terminate().success(), "{}", daemon.said());

    // A process that knows nothing else goes by the clock that it has. The broker takes nothing of so far ahead.
    clock.set(JUMP);
    clock.start(&mut daemon);
    wait::until("the day is closed", WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said().contains("Invalid timestamp").then_some(())
    });
    daemon.kill();
    assert_eq!(scene.revisions(), 0);
    let ahead = wait::clock() + DAY;
    clock.set(0);
    clock.start(&mut daemon);
    wait::until("the day is visible", WORK_LIMIT, || (scene.revisions() == 1).then_some(()));
    count_one(&mut daemon);
    wait::until("the correction is visible", WORK_LIMIT, || (scene.revisions() == 2).then_some(()));
    assert!(watermark(&scene).expect("it is told") > ahead, "it does not go back");
    assert!(daemon.terminate().success(), "{}", daemon.said());
    let totals = scene.broker.read_committed_all(&scene.totals);
    let values = totals.iter().map(|total| {
        let total: serde_json::Value = serde_json::from_str(total.text()).expect("a total");
        (total["revision"].as_u64(), total["value"].as_str().map(str::to_owned))
    });
    let expected =
        [("3", 1), ("4", 2)].map(|(value, revision)| (Some(revision), Some(value.to_owned())));
    assert_eq!(values.collect::<Vec<_>>(), expected);
    // By a clock that is behind the event that came then is in the future (rule 1.6): it may be sent again.
    let rejects = scene.broker.read_committed_all(&scene.rejects);
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0].text().contains("in_future"), "{}", rejects[0].text());
}

/// The watermark of the task, in seconds since the epoch, where it is told.
fn watermark(scene: &Scene<'_>) -> Option<u64> {
    let (_, page) = http(&scene.admin, "/metrics")?;
    let line =
        page.lines().find(|line| line.starts_with("odometer_watermark_timestamp_seconds{"))?;
    let seconds: f64 = line.rsplit(' ').next()?.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an instant of our time"
    )]
    Some(seconds as u64)
}
