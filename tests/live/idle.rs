//! Partitions to which nothing is written: they follow the clock, and hold nobody up.

use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const PARTITIONS: i32 = 32;
const MINUTELY: &str =
    r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "minute"}]}"#;
/// A round of one request a partition, each behind a fetch that waits for half a second, takes five times as long.
const VISIBLE_LIMIT: Duration = Duration::from_secs(3);

#[test]
fn idle_partitions_do_not_hold_up_their_worker() {
    let scene = Scene::new(Broker::shared(), PARTITIONS);
    let event = |id: i32, partition: i32| {
        let text = format!(
            r#"{{"id":"{id}","type":"c","customer":"{partition}","time":"2024-03-01T00:00:00Z"}}"#
        );
        Outgoing::keyed("k", text).to(partition)
    };
    scene.produce((0..PARTITIONS).map(|partition| event(0, partition)));
    let configuration = scene
        .configuration(Some("earliest"), "1s")
        .replace("workers = 2", "workers = 1")
        .replace("commit_interval = \"300ms\"", "commit_interval = \"200ms\"");
    let mut daemon = Daemon::new(&configuration, MINUTELY);
    daemon.start();
    scene.await_done(&mut daemon);
    wait::until("every minute is closed by the clock", WORK_LIMIT, || {
        daemon.assert_running();
        (i32::try_from(scene.revisions()) == Ok(PARTITIONS)).then_some(())
    });
    for id in 1..6 {
        let since = wait::Deadline::after(VISIBLE_LIMIT);
        scene.produce([event(id, 0)]);
        wait::until("the event is visible as done", WORK_LIMIT, || {
            let (offset, _) = scene.broker.committed_offset(&scene.group, &scene.usage, 0)?;
            (offset > i64::from(id)).then_some(())
        });
        eprintln!("one event beside {} idle partitions: {:?}", PARTITIONS - 1, since.elapsed());
        assert!(!since.has_passed(), "event {id} took {:?}", since.elapsed());
    }
}
