//! Whether something in a topic is not decided: behind the beginning of an open transaction nothing is told to a reader of
//! committed records, also what other producers have committed there.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::trouble::{self, Trouble};
use super::{Access, Error, Options, check_topics};

/// The partitions of a topic in which a transaction is open, or was a moment ago. `properties` are librdkafka's.
///
/// # Errors
/// A broker that does not answer in time, or a topic that is not there or not authorised.
pub fn undecided(
    properties: &BTreeMap<String, String>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<i32>, Error> {
    let (counts, _) = check_topics(properties, &[(topic, Access::Read)], timeout)?;
    // For the first one the end of a log is where its first open transaction begins.
    let [committed, all] = ["read_committed", "read_uncommitted"].map(|isolation| {
        let mut config = Options::client(properties);
        config.set("isolation.level", isolation);
        let client: Result<BaseConsumer<Trouble>, _> =
            config.create_with_context(Trouble::default());
        client.map_err(Error::Client)
    });
    let end = |client: &BaseConsumer<Trouble>, partition| {
        let bounds = client.fetch_watermarks(topic, partition, timeout);
        bounds.map(|(_, end)| end).map_err(|cause| {
            let error = Error::Request { what: "asking how far the topic reaches", cause };
            error.explained(trouble::last_said(client))
        })
    };
    let (committed, all) = (committed?, all?);
    let mut found = Vec::new();
    for partition in 0..counts.first().copied().unwrap_or(0) {
        // In this order: what is begun between the two questions shows, and is asked for again.
        let stable = end(&committed, partition)?;
        if stable < end(&all, partition)? {
            found.push(partition);
        }
    }
    Ok(found)
}
