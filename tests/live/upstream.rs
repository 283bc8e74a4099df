//! Producers that write events in transactions of their own: what is open, aborted, or an end of a transaction.

use std::time::Duration;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::broker::Broker;
use crate::daemon::{Daemon, http, http_body};
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, unique};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);
/// Late events are refused, so that a minute that was closed too early shows.
const MINUTELY: &str =
    r#"{"metrics": [{"code": "c", "aggregation": "count", "period": "minute", "late": "drop"}]}"#;

#[test]
fn open_transaction_keeps_its_partition_from_following_the_clock() {
    let scene = Scene::new(Broker::shared(), 1);
    scene.produce([event(0, "1", "00:00:01")]);
    let upstream = Upstream::new(scene.broker, &scene.usage);
    upstream.write(&[event(0, "2", "00:00:02")]);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "2s"), MINUTELY);
    daemon.start();
    wait::until("what comes before the transaction is read", WORK_LIMIT, || {
        (scene.done() == 1).then_some(())
    });
    let task = format!("task {}", scene.task(0));
    wait::until("the task is said to stand still", WORK_LIMIT, || {
        daemon.assert_running();
        assert_eq!(scene.revisions(), 0, "nothing is closed over an event that is in the log");
        let (status, body) = http(&scene.admin, "/readyz")?;
        (status == 503 && body.contains(&task)).then_some(())
    });
    assert_eq!(lags(&scene), [1]);

    upstream.commit();
    wait::until("the minute is closed", WORK_LIMIT, || (scene.revisions() == 1).then_some(()));
    let total = scene.broker.read_committed_all(&scene.totals)[0].text().to_owned();
    assert!(total.contains(r#""events":2"#), "both events are in {total}");
    assert_eq!(scene.broker.read_committed_all(&scene.rejects), []);
    wait::until("the process is ready again", WORK_LIMIT, || {
        (http(&scene.admin, "/readyz")?.0 == 200).then_some(())
    });
}

/// Partition 0 ends with a commit, 1 with an abort after a commit, 2 holds nothing but aborted records, 3 is plain.
#[test]
fn ends_of_transactions_and_aborted_records_are_read_past() {
    let scene = Scene::new(Broker::shared(), 4);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "2s"), MINUTELY);
    daemon.start();
    let upstream = Upstream::new(scene.broker, &scene.usage);
    upstream.write(&[event(0, "1", "00:00:01"), event(1, "2", "00:00:02")]);
    upstream.commit();
    for _ in 0..3 {
        upstream.write(&[event(1, "3", "00:00:03"), event(2, "4", "00:00:04")]);
        upstream.abort();
    }
    scene.produce([event(3, "5", "00:00:05")]);
    scene.await_done(&mut daemon);
    wait::until("every minute with events is closed", WORK_LIMIT, || {
        (scene.revisions() == 3).then_some(())
    });
    wait::until("nothing is left to read", WORK_LIMIT, || (lags(&scene) == [0; 4]).then_some(()));
    assert!(daemon.terminate().success());

    // What was read last is found again where the log goes on past it.
    scene.produce(everywhere("a", "00:01:01"));
    daemon.start();
    scene.await_done(&mut daemon);
    upstream.write(&everywhere("b", "00:01:02"));
    upstream.commit();
    scene.finish(&mut daemon);

    // Retention takes all that was read.
    for partition in 0..4 {
        scene.broker.delete_records(&scene.usage, partition);
    }
    daemon.start();
    scene.produce(everywhere("c", "00:02:01"));
    scene.finish(&mut daemon);
}

/// A log of the same length with other records is not the one that was read, also where its last offset is no record.
#[test]
fn recreated_topic_is_refused_past_the_end_of_a_transaction() {
    let scene = Scene::new(Broker::shared(), 1);
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), MINUTELY);
    daemon.start();
    let upstream = Upstream::new(scene.broker, &scene.usage);
    upstream.write(&[event(0, "1", "00:00:01")]);
    upstream.commit();
    wait::until("the end of the transaction is read", WORK_LIMIT, || {
        (scene.done() == 2).then_some(())
    });
    assert!(daemon.terminate().success());
    scene.broker.delete_topic(&scene.usage);
    scene.broker.create_topic(&scene.usage, 1);
    upstream.write(&[event(0, "2", "00:00:01")]);
    upstream.commit();
    daemon.start();
    assert!(!daemon.await_end().success());
    assert!(daemon.said().contains("the topic was recreated or truncated"), "{}", daemon.said());
}

/// A producer that writes to one topic in transactions.
pub(crate) struct Upstream {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Upstream {
    pub(crate) fn new(broker: &Broker, topic: &str) -> Self {
        let producer: ThreadedProducer<DefaultProducerContext> = (broker.client())
            .set("transactional.id", unique("upstream"))
            .set("transaction.timeout.ms", "300000")
            .create()
            .expect("a producer");
        producer.init_transactions(LIMIT).expect("a transactional producer");
        Self { producer, topic: topic.to_owned() }
    }

    /// Writes records in a transaction that stays open.
    pub(crate) fn write(&self, records: &[Outgoing]) {
        self.producer.begin_transaction().expect("a transaction");
        for Outgoing { partition, key, value, headers: _ } in records {
            let record = BaseRecord::to(&self.topic)
                .partition(partition.expect("a partition"))
                .key(key.as_deref().unwrap_or_default())
                .payload(value.as_deref().unwrap_or_default());
            assert!(self.producer.send(record).is_ok(), "a record is taken");
        }
        self.producer.flush(LIMIT).expect("records stored");
    }

    pub(crate) fn commit(&self) {
        self.producer.commit_transaction(LIMIT).expect("a commit");
    }

    fn abort(&self) {
        self.producer.abort_transaction(LIMIT).expect("an abort");
    }
}

/// An event of a customer of its partition, at that time of a day in 2024.
fn event(partition: i32, id: &str, time: &str) -> Outgoing {
    let text = format!(
        r#"{{"id":"{id}","type":"c","customer":"customer-{partition}","time":"2024-03-01T{time}Z"}}"#
    );
    Outgoing::keyed("k", text).to(partition)
}

/// One such event for each of four partitions.
fn everywhere(id: &str, time: &str) -> Vec<Outgoing> {
    (0..4).map(|partition| event(partition, id, time)).collect()
}

/// The lag of every partition, in their order.
fn lags(scene: &Scene<'_>) -> Vec<i64> {
    let series = http_body(&scene.admin, "/metrics").expect("the admin listener answers");
    let of = |partition: i32| {
        let (topic, partition) =
            (format!("topic=\"{}\"", scene.usage), format!("partition=\"{partition}\""));
        let is_it = |line: &&str| {
            line.starts_with("odometer_lag_records{")
                && line.contains(&topic)
                && line.contains(&partition)
        };
        let value = series.lines().find(is_it).and_then(|line| line.rsplit(' ').next());
        value.map_or(-1, |value| value.parse().expect("a whole number"))
    };
    (0..scene.partitions).map(of).collect()
}
