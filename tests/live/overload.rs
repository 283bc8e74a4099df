//! Much at once: a month of many keys that ends at one instant, and a customer who makes nearly all events.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::proxy::{Cut, END_TRANSACTION, Proxy};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const METRICS: &str = r#"{"metrics": [
  {"code": "calls", "event_type": "call", "aggregation": "count", "period": "month"},
  {"code": "bytes", "event_type": "store", "aggregation": "sum", "value": "properties.n", "period": "hour"}
]}"#;

/// Customers whose month closes, one event each.
const KEYS: u32 = 160_000;
/// Events of the hot customer, and of each other partition.
const HOT: u32 = 360_000;
const OTHERS: u32 = 4_000;

fn event(id: u32, kind: &str, customer: &str, time: &str) -> Outgoing {
    let text = format!(
        r#"{{"id":"{kind}-{customer}-{id}","type":"{kind}","customer":"{customer}","time":"{time}","properties":{{"n":{id}}}}}"#
    );
    Outgoing::keyed(customer, text)
}

/// How many of the month's totals are visible.
fn closed(scene: &Scene<'_>) -> usize {
    let totals = scene.broker.read_committed_all(&scene.totals);
    totals.iter().filter(|record| record.text().contains(r#""metric":"calls""#)).count()
}

#[test]
fn month_of_many_keys_closes_in_several_transactions_and_kills_double_none() {
    let broker = Broker::start_proxied();
    let proxy = Proxy::start(&broker);
    let scene = Scene::new(&broker, 1);
    // As many transactions as there are slices of 20,000 totals.
    let configuration = scene.configuration(Some("earliest"), "1h");
    let configuration = configuration
        .replace(broker.address(), &proxy.address)
        .replace("\"300ms\"", "\"300ms\"\ncommit_bytes = \"256KiB\"");
    let mut daemon = Daemon::new(&configuration, METRICS);
    daemon.start();
    let customers = (0..KEYS).map(|number| format!("c{number}"));
    scene.produce(customers.map(|name| event(1, "call", &name, "2024-03-20T08:00:00Z")));
    scene.await_done(&mut daemon);
    assert!(daemon.terminate().success());
    // The first closes the month; those behind it are of the next one.
    let mut later = (0..).map(|id| event(id, "store", "other", "2024-04-03T08:00:00Z"));
    scene.produce(later.by_ref().take(3000));
    let mut visible = 0;
    for _ in 0..2 {
        proxy.cut_after(END_TRANSACTION, 2, Cut::Hold);
        daemon.start();
        wait::until("some transactions have ended, and one is to", WORK_LIMIT, || {
            daemon.assert_running();
            (proxy.hits() > 0).then_some(())
        });
        let now = closed(&scene);
        assert!((visible + 1..KEYS as usize).contains(&now), "{now} after {visible}");
        visible = now;
        daemon.kill();
        // What was held arrives late.
        proxy.let_pass();
    }
    daemon.start();
    scene.finish(&mut daemon);
    assert_eq!(closed(&scene), KEYS as usize);
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
