//! The CPU time of `odometer run` over a whole topic: starts it, waits until its group has committed the end of every
//! partition, and stops it in order.
//!
//! `daemon_drain PROGRAM CONFIG BROKER GROUP TOPIC`: the configuration names the same broker, group and topic, and an
//! empty state. What is printed and what a parent measures is the child's CPU time; this program's own is small.

mod cpu;

use std::process::{Child, Command};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const LIMIT: Duration = Duration::from_secs(10);

fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let [program, config, broker, group, topic] = arguments.as_slice() else {
        eprintln!("daemon_drain: wants PROGRAM CONFIG BROKER GROUP TOPIC");
        return;
    };
    let watcher: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", group)
        .create()
        .expect("valid settings");
    let (partitions, records) = ends(&watcher, topic);
    let mut child = Command::new(program)
        .args(["run", "--config", config])
        .spawn()
        .expect("the program can be run");
    await_commits(&watcher, &partitions, &mut child);
    let seconds = cpu::seconds(&child.id().to_string());
    let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
    assert!(stopped.expect("kill can be run").success(), "the program was gone");
    assert!(child.wait().expect("a child ends").success(), "the program failed while it drained");
    cpu::report("odometer run", records, "records", seconds);
}

/// The end of every partition, and the number of records up to there on a topic without transactions.
fn ends(watcher: &BaseConsumer, topic: &str) -> (TopicPartitionList, u64) {
    let metadata = watcher.fetch_metadata(Some(topic), LIMIT).expect("a broker that answers");
    let partitions = metadata.topics().first().expect("the topic asked for").partitions();
    assert!(!partitions.is_empty(), "no such topic: {topic}");
    let mut ends = TopicPartitionList::new();
    let mut records = 0;
    for partition in partitions {
        let (low, high) = watcher.fetch_watermarks(topic, partition.id(), LIMIT).expect("offsets");
        ends.add_partition_offset(topic, partition.id(), Offset::Offset(high)).expect("an offset");
        records += u64::try_from(high - low).expect("an end after the beginning");
    }
    (ends, records)
}

/// Asks a few times a second how far the group is.
fn await_commits(watcher: &BaseConsumer, ends: &TopicPartitionList, child: &mut Child) {
    loop {
        // Also the pause between two questions: nothing is assigned, so nothing comes.
        drop(watcher.poll(Duration::from_millis(200)));
        let status = child.try_wait().expect("a child can be asked");
        assert!(status.is_none(), "the program ended by itself: {status:?}");
        let Ok(committed) = watcher.committed_offsets(ends.clone(), LIMIT) else { continue };
        let reached = committed.elements().iter().all(|found| {
            let end = ends.find_partition(found.topic(), found.partition());
            found.offset().to_raw() >= end.and_then(|end| end.offset().to_raw())
        });
        if reached {
            return;
        }
    }
}
