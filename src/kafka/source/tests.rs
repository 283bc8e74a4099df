//! What is held and what is read, against a mock cluster.

use rdkafka::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::super::horizon::tests::options;
use super::*;

const LIMIT: Duration = Duration::from_secs(30);
const RECORDS: i64 = 40;

/// So slow that the reading takes longer than half a second, after which the client asks again by itself.
const ROUND_TRIP: Duration = Duration::from_millis(40);

#[test]
fn what_is_held_is_not_asked_for_and_can_be_left() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("usage", 1, 1).expect("a topic");
    let source = Source::open(&options(cluster.bootstrap_servers())).expect("a client");
    let is_told = || source.consumer.assignment().expect("the client answers").count() > 0;
    await_given(&source);
    source.assign(&[]).expect("it is held");
    source.pause(&[0]).expect("it is not read anyway");
    source.resume(&[0]).expect("it is still held");
    assert!(!is_told());
    source.unassign(&[0]).expect("it is given up");
    source.begin(&[(0, 0)]).expect("it is still the group's gift");
    assert!(is_told());
    source.unassign(&[0]).expect("it is given up");
    assert!(!is_told());
    source.close();
}

fn await_given(source: &Source) {
    let given = loop {
        assert!(matches!(source.poll(LIMIT), Happening::Nothing | Happening::Trouble(_)));
        if let Some(membership) = source.membership() {
            break membership;
        }
    };
    let Membership::Given { partitions, member } = given else { panic!("{given:?}") };
    assert_eq!(partitions, [0]);
    assert!(source.group_metadata(&member).is_some());
    for other in ["", "another"] {
        assert!(source.group_metadata(other).is_none());
    }
}

#[test]
fn what_was_held_is_read_from_where_it_begins() {
    let cluster = MockCluster::new(1).expect("a mock cluster");
    cluster.create_topic("usage", 1, 1).expect("a topic");
    let options = options(cluster.bootstrap_servers());
    let producer: BaseProducer = Options::client(&options.source).create().expect("a producer");
    for number in 0..RECORDS {
        // A batch each, of which a fetch brings one.
        let text = number.to_string();
        let record = BaseRecord::<(), str>::to("usage").payload(&text).partition(0);
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        producer.flush(LIMIT).expect("it is stored");
    }
    cluster.broker_round_trip_time(1, ROUND_TRIP).expect("a broker");
    let source = Source::open(&options).expect("a client");
    await_given(&source);
    source.assign(&[]).expect("it is held");
    source.begin(&[(0, 2)]).expect("it begins");
    let mut offsets = Vec::new();
    while offsets.last() != Some(&(RECORDS - 1)) {
        let Happening::Record(message) = source.poll(LIMIT) else { break };
        offsets.push(message.offset());
    }
    // Before anything fails: a client that is not answered waits for ever.
    source.close();
    assert_eq!(offsets, (2..RECORDS).collect::<Vec<_>>());
}
