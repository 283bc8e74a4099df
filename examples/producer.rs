//! A producer of usage events, as an application would have one: `producer BROKER TOPIC CUSTOMER COUNT [FIRST]`.
//!
//! Three things make a total right whatever happens on the way:
//! * the id is the application's own and says what happened, so that whoever sends it again sends the same id: an id
//!   counts once;
//! * the key is the customer, so that all events of a customer, and their repeats, share a partition;
//! * a record counts as sent once the broker has said so, and is sent again until then.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde_json::json;

/// What is told of each record: a program that bills must not drop one in silence.
struct Receipts;

impl rdkafka::ClientContext for Receipts {}

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            eprintln!("a record was not delivered: {error}; start again, its id counts once");
            std::process::exit(1);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an application says when something happened")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [broker, topic, customer, count, more @ ..] = arguments.as_slice() else {
        return Err("usage: producer BROKER TOPIC CUSTOMER COUNT [FIRST]".into());
    };
    let first: u64 = more.first().map_or(Ok(0), |first| first.parse())?;
    let producer: ThreadedProducer<Receipts> = ClientConfig::new()
        .set("bootstrap.servers", broker)
        // Retries of the client itself neither double nor reorder.
        .set("enable.idempotence", "true")
        // As Java's clients do it, so that producers in other languages put a customer where this one does.
        .set("partitioner", "murmur2_random")
        .create_with_context(Receipts)?;
    for number in first..first + count.parse::<u64>()? {
        let event = json!({
            "id": format!("{customer}-call-{number}"),
            "type": "api_call",
            "customer": customer,
            "time": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
            "properties": { "path": "/v1/search", "status": 200, "tier": "pro", "latency_ms": 42 },
        });
        send(&producer, topic, customer, &event.to_string())?;
    }
    // Nothing is sent before this has come back.
    producer.flush(Duration::from_secs(60))?;
    println!("sent {count} events of {customer}");
    Ok(())
}

/// Hands a record to the client, which waits for room.
fn send(
    producer: &ThreadedProducer<Receipts>,
    topic: &str,
    customer: &str,
    event: &str,
) -> Result<(), KafkaError> {
    let mut record = BaseRecord::to(topic).key(customer).payload(event);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.flush(Duration::from_millis(100)).unwrap_or_default();
            }
            Err((error, _)) => return Err(error),
        }
    }
}
