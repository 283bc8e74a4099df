//! Much at once: a month of many keys that ends at one instant, and a customer who makes nearly all events.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const METRICS: &str = r#"{"metrics": [
  {"code": "calls", "event_type": "call", "aggregation": "count", "period": "month"},
  {"code": "bytes", "event_type": "store", "aggregation": "sum", "value": "properties.n", "period": "hour"}
]}"#;

/// Customers whose month closes, one event each.
const KEYS: u32 = 100_000;
const KILLS: u32 = 4;
/// Events of the hot customer, and of each other partition.
const HOT: u32 = 360_000;
const OTHERS: u32 = 4_000;

fn event(id: u32, kind: &str, customer: &str, time: &str) -> Outgoing {
    let text = format!(
        r#"{{"id":"{kind}-{customer}-{id}","type":"{kind}","customer":"{customer}","time":"{time}","properties":{{"n":{id}}}}}"#
    );
    Outgoing::keyed(customer, text)
}

#[test]
fn month_of_many_keys_closes_at_once_and_kills_in_the_middle_double_none() {
    let scene = Scene::new(Broker::shared(), 1);
    let configuration = scene.configuration(Some("earliest"), "1h");
    // What a slice of closing made goes out before the next one is made.
    let configuration = configuration.replace("\"300ms\"", "\"300ms\"\ncommit_bytes = \"256KiB\"");
    let mut daemon = Daemon::new(&configuration, METRICS);
    daemon.start();
    let customers = (0..KEYS).map(|number| format!("c{number}"));
    scene.produce(customers.map(|name| event(1, "call", &name, "2024-03-20T08:00:00Z")));
    scene.finish(&mut daemon);
    // The first closes the month; those behind it are of the next one.
    scene.produce((0..3000).map(|id| event(id, "store", "other", "2024-04-03T08:00:00Z")));
    let written = || scene.broker.ends_of(&scene.totals).iter().sum::<i64>();
    let of_the_month = || {
        let totals = scene.broker.read_committed_all(&scene.totals);
        totals.iter().filter(|record| record.text().contains(r#""metric":"calls""#)).count()
    };
    let mut stages = Vec::new();
    for _ in 0..KILLS {
        let before = written();
        daemon.start();
        wait::until("more of the month is written", WORK_LIMIT, || {
            daemon.assert_running();
            let is_over = scene.done() == scene.broker.end_of(&scene.usage);
            (written() > before || is_over).then_some(())
        });
        daemon.kill();
        stages.push((of_the_month(), scene.done() - i64::from(KEYS)));
    }
    println!("totals of the month, records behind it: {stages:?}");
    scene.work_through(&mut daemon);
    assert_eq!(of_the_month(), KEYS as usize);
    scene.assert_exact(METRICS);
}

/// Memory calls for commits, however long the time between two of them is to be.
#[test]
fn keys_that_memory_does_not_hold_are_committed_before_their_time() {
    let scene = Scene::new(Broker::shared(), 1);
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration.replace("\"300ms\"", "\"10m\"\nmemory_limit = \"16MiB\"");
    let mut daemon = Daemon::new(&configuration, METRICS);
    let customers = (0..KEYS).map(|number| format!("c{number}"));
    scene.produce(customers.map(|name| event(1, "call", &name, "2024-03-20T08:00:00Z")));
    daemon.start();
    wait::until("more than memory holds is committed", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.done() > i64::from(KEYS / 4 * 3)).then_some(())
    });
    // The first closes the month, the last an hour of the next one.
    let ends = [(1, "2024-04-03T08:00:00Z"), (2, "2024-04-03T19:00:00Z")];
    scene.produce(ends.map(|(id, time)| event(id, "store", "other", time)));
    assert!(daemon.terminate().success(), "{}", daemon.said());
    daemon.write("odometer.toml", &configuration.replace("\"10m\"", "\"300ms\""));
    daemon.start();
    wait::until("the month is visible", WORK_LIMIT, || {
        daemon.assert_running();
        // Also the ends of transactions count.
        let written = scene.broker.ends_of(&scene.totals).iter().sum::<i64>();
        (written > i64::from(KEYS) && scene.revisions() > KEYS as usize).then_some(())
    });
    scene.finish(&mut daemon);
    scene.assert_exact(METRICS);
}

#[test]
fn hot_customer_holds_up_no_other_partition() {
    let scene = Scene::new(Broker::shared(), 4);
    let at = |id: u32, of: u32| {
        let minute = u64::from(id) * 6_000 / u64::from(of);
        format!("2024-03-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440, minute / 60 % 24, minute % 60)
    };
    let hot = (0..HOT).map(|id| event(id, "store", "hot", &at(id, HOT)).to(0));
    scene.produce(hot);
    for partition in 1..4 {
        let name = format!("other-{partition}");
        scene.produce(
            (0..OTHERS).map(|id| event(id, "store", &name, &at(id, OTHERS)).to(partition)),
        );
    }
    let configuration = scene.configuration(Some("earliest"), "1h");
    // All tasks in one hand, and a limit that is soon reached.
    let configuration = configuration
        .replace("workers = 2", "workers = 1")
        .replace("\"300ms\"", "\"100ms\"\nmemory_limit = \"16MiB\"");
    let mut daemon = Daemon::new(&configuration, METRICS);
    daemon.start();
    scene.finish(&mut daemon);
    scene.assert_exact(METRICS);
    // When the last total of each customer became visible, by the clock of who wrote it.
    let last = |customer: &str| {
        let of = format!(r#""customer":"{customer}""#);
        let totals = scene.broker.read_committed_all(&scene.totals);
        let times = totals.iter().filter(|record| record.text().contains(&of));
        times.filter_map(|record| record.timestamp).max().expect("it has totals")
    };
    for partition in 1..4 {
        assert!(last(&format!("other-{partition}")) < last("hot"));
    }
}
