//! `odometer rejects` over topics: what was refused goes back to where it was read, and is counted once.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::Value;

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record, unique};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(30);

/// A scene of two topics with two partitions each, and a program whose metrics read the property of that name.
struct Story<'b> {
    scene: Scene<'b>,
    seats: String,
    daemon: Daemon,
}

impl<'b> Story<'b> {
    fn new(broker: &'b Broker, property: &str) -> Self {
        let scene = Scene::new(broker, 2);
        let seats = unique("seats");
        scene.broker.create_topic(&seats, 2);
        let topics = format!("topics = [\"{}\"", scene.usage);
        let configuration = scene.configuration(Some("earliest"), "1h");
        let configuration = configuration
            .replace(&topics, &format!("{topics}, \"{seats}\""))
            .replace("[rejects]", "[rejects]\ninclude = [\"duplicate\"]");
        let story = Story { daemon: Daemon::new(&configuration, ""), scene, seats };
        story.define(&[property]);
        story
    }

    /// The first version of each metric reads one property, the next one, where there is one, another.
    fn define(&self, properties: &[&str]) {
        let metric = |code: &str, topic: &str, (version, property): (usize, &&str)| {
            let begin =
                if version == 0 { "" } else { r#","effective_from":"2024-03-01T00:00:00Z""# };
            format!(
                r#"{{"code":"{code}","event_type":"{code}","topic":"{topic}","aggregation":"sum","value":"properties.{property}","period":"hour"{begin}}}"#
            )
        };
        let versions = |code, topic| -> Vec<String> {
            properties.iter().enumerate().map(|one| metric(code, topic, one)).collect()
        };
        let metrics =
            [versions("calls", &self.scene.usage), versions("seats", &self.seats)].concat();
        self.daemon.write("metrics.json", &format!(r#"{{"metrics":[{}]}}"#, metrics.join(",")));
    }

    /// Runs the program until it is done with both topics.
    fn work(&mut self) {
        self.daemon.start();
        let Story { scene, seats, daemon } = self;
        wait::until("the program is done with both topics", WORK_LIMIT, || {
            daemon.assert_running();
            let is_done = |topic: &str| {
                scene.broker.committed_records(&scene.group, topic) == scene.broker.end_of(topic)
            };
            (is_done(&scene.usage) && is_done(seats)).then_some(())
        });
        assert!(self.daemon.terminate().success());
    }

    fn rejects(&self, words: &[&str], status: i32) -> (String, String) {
        expect(
            self.program()
                .args(["rejects", words[0], "--config", "odometer.toml"])
                .args(&words[1..]),
            status,
        )
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_odometer"));
        command.current_dir(self.daemon.directory()).stdin(Stdio::null());
        command
    }

    /// Value and events of each metric and customer; there is one revision of each.
    fn totals(&self) -> BTreeMap<String, String> {
        let mut totals = BTreeMap::new();
        for record in self.scene.broker.read_committed_all(&self.scene.totals) {
            let total: Value = serde_json::from_str(record.text()).expect("a total is JSON");
            let text = |name: &str| total[name].as_str().expect("a text").to_owned();
            let key = format!("{} {}", text("metric"), text("customer"));
            assert_eq!(total["revision"], 1, "{total}");
            let worth = format!("{} {}", text("value"), total["events"]);
            assert_eq!(totals.insert(key, worth), None, "twice: {total}");
        }
        totals
    }

    fn duplicates(&self) -> usize {
        let rejects = self.scene.broker.read_committed_all(&self.scene.rejects);
        rejects.iter().filter(|one| one.text().starts_with(r#"{"reason":"duplicate""#)).count()
    }
}

#[track_caller]
fn expect(command: &mut Command, status: i32) -> (String, String) {
    let Output { status: found, stdout, stderr } =
        command.output().expect("the program can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert_eq!(found.code(), Some(status), "stdout:\n{stdout}\nstderr:\n{stderr}");
    (stdout, stderr)
}

fn event(kind: &str, number: usize, customer: &str) -> Outgoing {
    let value = format!(
        r#"{{"id":"{kind}{number}","type":"{kind}","customer":"{customer}","time":"2024-03-01T00:{number:02}:00Z","properties":{{"v": {number}.50}}}}"#
    );
    Outgoing::keyed(customer, value)
}

/// Customers of either partition, and in the end one in each whose time closes the hour.
fn events(kind: &str) -> Vec<Outgoing> {
    (0..20).map(|number| event(kind, number, &format!("customer-{number}"))).collect()
}

fn ends(kind: &str, round: u32) -> Vec<Outgoing> {
    let end = |partition: i32| {
        let value = format!(
            r#"{{"id":"end{round}{partition}","type":"{kind}","customer":"end-{partition}","time":"2024-03-01T0{round}:00:00Z","properties":{{"v":1}}}}"#
        );
        Outgoing::keyed("end", value).to(partition)
    };
    vec![end(0), end(1)]
}

fn sorted(records: &[Record]) -> Vec<(i32, &str, &str)> {
    let mut found: Vec<_> =
        records.iter().map(|one| (one.partition, one.key_text(), one.text())).collect();
    found.sort_unstable();
    found
}

#[test]
fn refused_events_go_back_to_their_partitions_and_count_once() {
    let mut story = Story::new(Broker::shared(), "amount");
    let (usage, seats) = (story.scene.usage.clone(), story.seats.clone());
    let broker = story.scene.broker;
    broker.produce(&usage, events("calls"));
    broker.produce(&seats, events("seats"));
    // No event: it has no customer, and is not told by its key any more.
    broker.produce(&usage, [Outgoing::keyed("k", b"\xff\xfe".to_vec()).to(1)]);
    let sent: BTreeMap<&str, Vec<Record>> =
        [&usage, &seats].map(|topic| (topic.as_str(), broker.read_committed_all(topic))).into();
    story.work();

    let (list, _) = story.rejects(&["list"], 0);
    let groups: Vec<Value> =
        list.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let counts: Vec<_> = groups
        .iter()
        .map(|one| (one["reason"].to_string(), one["metric"].to_string(), one["count"].as_u64()))
        .collect();
    for (reason, metric, count) in
        [("bad_value", "\"calls\"", 20), ("bad_value", "\"seats\"", 20), ("malformed", "null", 1)]
    {
        let expected = (format!("\"{reason}\""), metric.to_owned(), Some(count));
        assert!(counts.contains(&expected), "{expected:?}: {list}");
    }
    assert!(groups[0]["first_at"].is_string() && groups[0]["examples"][0]["event"].is_string());

    story.define(&["amount", "v"]);
    let (said, _) = story.rejects(&["replay", "--dry-run"], 0);
    assert!(said.contains("WOULD BE SENT"), "{said}");
    assert_eq!(broker.end_of(&usage), 21, "nothing is sent");
    for round in 1..=2 {
        let (said, stderr) = story.rejects(&["replay", "--reason", "bad_value"], 0);
        let row: Vec<&str> = said.lines().nth(1).expect("a row").split_whitespace().collect();
        assert_eq!(row, ["bad_value", "40", "0", "0", "0"], "{round}: {said}{stderr}");
    }
    // Of a record without a customer no more is known than where it stood.
    story.rejects(&["replay", "--reason", "malformed"], 0);
    for topic in [&usage, &seats] {
        let records = broker.read_committed_all(topic);
        let first = &sent[topic.as_str()];
        let is_event = |one: &&Record| one.value.as_deref() != Some(b"\xff\xfe");
        let count = first.iter().filter(is_event).count();
        let again: Vec<Record> =
            records[..].iter().filter(|one| !first.contains(one)).cloned().collect();
        let (again, faulty): (Vec<Record>, Vec<Record>) =
            again.into_iter().partition(|one| is_event(&one));
        let once: Vec<Record> = first.iter().filter(is_event).cloned().collect();
        let twice: Vec<Record> = once.iter().chain(&once).cloned().collect();
        assert_eq!(again.len(), 2 * count);
        assert_eq!(sorted(&again), sorted(&twice), "topic, key and bytes");
        for one in faulty {
            assert_eq!((one.partition, one.key), (1, None));
        }
    }
    let partitions: Vec<i32> = sent[usage.as_str()].iter().map(|one| one.partition).collect();
    assert!(partitions.contains(&0) && partitions.contains(&1), "customers are in both");

    broker.produce(&usage, ends("calls", 3));
    broker.produce(&seats, ends("seats", 3));
    story.work();
    assert_eq!(story.duplicates(), 40, "the second time they are duplicates");
    let expected: BTreeMap<String, String> = (0..20)
        .flat_map(|number| {
            let value = format!("{number}.5 1");
            ["calls", "seats"].map(|metric| (format!("{metric} customer-{number}"), value.clone()))
        })
        .collect();
    assert_eq!(story.totals(), expected);

    // Once more after the hour is closed: nothing is corrected.
    story.rejects(&["replay", "--reason", "bad_value"], 0);
    story.work();
    assert_eq!(story.duplicates(), 80);
    assert_eq!(story.totals(), expected);
}

/// A reject of an event of that topic, which its number tells from others.
fn entry(topic: &str, number: usize) -> String {
    format!(
        r#"{{"reason":"bad_value","tenant":"default","metric":"calls","detail":"d","source":{{"topic":"{topic}","partition":0,"offset":{number}}},"event":{{"id":"{number}","customer":"c"}},"at":"2024-03-01T00:00:00Z"}}"#
    )
}

#[test]
fn only_committed_rejects_are_read_up_to_the_present_end() {
    let story = Story::new(Broker::shared(), "v");
    let rejects = &story.scene.rejects;
    let entry = |number| entry(&story.scene.usage, number);
    let (empty, _) = story.rejects(&["list", "--entries"], 0);
    assert_eq!(empty, "");
    let broker = story.scene.broker;
    let producer: ThreadedProducer<DefaultProducerContext> =
        (broker.client()).set("transactional.id", unique("writer")).create().expect("a producer");
    producer.init_transactions(LIMIT).expect("a transactional producer");
    let write = |number: usize| {
        producer.begin_transaction().expect("a transaction");
        let body = entry(number);
        producer
            .send(BaseRecord::<(), _>::to(rejects).partition(0).payload(&body))
            .expect("a record taken");
        producer.flush(LIMIT).expect("records stored");
    };
    write(1);
    producer.commit_transaction(LIMIT).expect("a commit");
    write(2);
    producer.abort_transaction(LIMIT).expect("an abort");
    broker.produce(
        rejects,
        [Outgoing { partition: Some(1), value: Some(entry(3).into()), ..Outgoing::default() }],
    );
    broker.produce(
        rejects,
        [Outgoing { partition: Some(1), value: Some(b"odd".to_vec()), ..Outgoing::default() }],
    );
    // And one that is still open.
    write(4);
    let (found, stderr) = story.rejects(&["list", "--entries"], 1);
    assert_eq!(found, format!("{}\n{}\n", entry(1), entry(3)));
    let place = format!("{rejects} partition 1 offset 1");
    assert!(
        stderr.contains(&place) && stderr.contains("1 text that was read is no entry"),
        "{stderr}"
    );
    producer.commit_transaction(LIMIT).expect("a commit");
    let (found, _) = story.rejects(&["list", "--entries"], 1);
    assert!(found.contains(&entry(4)), "{found}");

    // By the customer's key, whatever partition it came from; a topic that is not read is told.
    story.rejects(&["replay", "--partition-by", "customer"], 1);
    let sent = broker.read_committed_all(&story.scene.usage);
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|one| one.partition == sent[0].partition && one.key_text() == "c"));
    let flags = ["replay", "--dry-run", "--set", &format!("source.topics={}", story.seats)];
    let (said, stderr) = story.rejects(&flags, 1);
    assert!(stderr.contains("source.topics does not name"), "{said}{stderr}");

    let (_, stderr) = story.rejects(&["list", "--set", "rejects.topic=nowhere"], 1);
    assert!(stderr.contains("topic \"nowhere\" does not exist"), "{stderr}");
    let (_, stderr) = story.rejects(&["replay", "--set", "source.topics=nowhere"], 1);
    assert!(stderr.contains("topic \"nowhere\" does not exist"), "{stderr}");
}

#[test]
fn broker_that_goes_away_ends_a_replay_that_says_how_to_go_on() {
    const COUNT: usize = 500;
    let broker = Broker::start();
    let story = Story::new(&broker, "v");
    let usage = &story.scene.usage;
    let entries = (0..COUNT).map(|number| Outgoing::keyed("k", entry(usage, number)));
    broker.produce(&story.scene.rejects, entries);
    let flags = ["replay", "--rate", "50", "--config", "odometer.toml"];
    let mut command = story.program();
    command.arg("rejects").args(flags).args(["--set", "source.request_timeout=1s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program can be run");
    wait::until("some events are sent", WORK_LIMIT, || (broker.end_of(usage) > 5).then_some(()));
    broker.kill();
    wait::until("the program gives up", WORK_LIMIT, || child.try_wait().expect("it was started"));
    let output = child.wait_with_output().expect("it has ended");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for words in ["are known to have arrived", "run the same command again", broker.address()] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }

    broker.restart();
    let (said, _) = story.rejects(&["replay"], 0);
    assert!(said.contains(&COUNT.to_string()), "{said}");
    let sent = broker.read_committed_all(usage);
    let events: std::collections::BTreeSet<&str> = sent.iter().map(Record::text).collect();
    assert_eq!(events.len(), COUNT, "each is there at least once");
}
