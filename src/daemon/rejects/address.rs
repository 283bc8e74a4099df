//! Where a refused event goes when it is sent again: back to where it was read.
//!
//! A customer's events are where they were: the partition that an event was read from is its customer's, whatever hash
//! its producer takes. It decides that alone, and sends nothing.

use std::fmt;

use super::arguments::PartitionBy;
use crate::format::{Original, Refusal, RefusedAt, customer_of};
use crate::settings::Topic;

/// Why an entry cannot be sent again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Obstacle {
    /// Only its beginning is there.
    Cut,
    /// There is no event.
    Absent,
    /// It would be several lines of a file, or none.
    NoLine,
    /// It is of a topic that is not read.
    OtherTopic,
    /// It was read from a file, and there are several topics.
    NoTopic,
    /// Neither partition nor customer is known.
    NoPartition,
    /// Events of its format bear no id, by which one that was sent twice could be told.
    NoId,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Obstacle::Cut => {
                "the entry holds only the beginning of the event: have its producer send it again"
            }
            Obstacle::Absent => "the record had no value, or null: there is nothing to send",
            Obstacle::NoLine => {
                "the text has a line break, or is blank: it cannot be one line of a file"
            }
            Obstacle::OtherTopic => {
                "the event was read from a topic that source.topics does not name: use the configuration that reads it"
            }
            Obstacle::NoTopic => {
                "the event was read from a file, and source.topics names several topics: give one with --set"
            }
            Obstacle::NoPartition => {
                "its partition is not there, and it has no readable customer to be keyed by"
            }
            Obstacle::NoId => {
                "events of its format bear no id, so that each copy would count, and its type may have stood beside it: \
                 have its producer send it again, once"
            }
        })
    }
}

/// A topic that events go back to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) topic: Topic,
    /// How many partitions it has.
    pub(super) partitions: i32,
}

/// A topic, a key and a partition; without one the key decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address<'d> {
    pub(super) topic: &'d str,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<String>,
}

/// The event of an entry, all of it.
pub(super) fn whole<'r>(refusal: &'r Refusal<'_>) -> Result<&'r [u8], Obstacle> {
    match &refusal.original {
        Original::Whole(bytes) => Ok(bytes),
        Original::Cut(_) => Err(Obstacle::Cut),
        Original::Absent => Err(Obstacle::Absent),
    }
}

/// That an event is one line.
pub(super) fn check_line(event: &[u8]) -> Result<(), Obstacle> {
    let is_blank = event.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
    if is_blank || event.contains(&b'\n') { Err(Obstacle::NoLine) } else { Ok(()) }
}

/// Where an entry's event goes among these topics.
pub(super) fn address<'d>(
    destinations: &'d [Destination],
    by: PartitionBy,
    refusal: &Refusal<'_>,
    event: &[u8],
) -> Result<Address<'d>, Obstacle> {
    let (destination, original) = match (&refusal.source, destinations) {
        (RefusedAt::Topic { topic, partition, .. }, _) => {
            let found = destinations.iter().find(|one| one.topic.name == *topic);
            (found.ok_or(Obstacle::OtherTopic)?, Some(*partition))
        }
        (RefusedAt::File { .. }, [only]) => (only, None),
        (RefusedAt::File { .. }, _) => return Err(Obstacle::NoTopic),
    };
    if !destination.topic.format.has_ids() {
        return Err(Obstacle::NoId);
    }
    let key = customer_of(event, &destination.topic.format);
    let original = original.filter(|number| (0..destination.partitions).contains(number));
    let partition = match (by, &key) {
        (PartitionBy::Customer, Some(_)) => None,
        (PartitionBy::Original | PartitionBy::Customer, _) => original,
    };
    if partition.is_none() && key.is_none() {
        return Err(Obstacle::NoPartition);
    }
    Ok(Address { topic: &destination.topic.name, partition, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::EventFormat;

    fn destination(name: &str, partitions: i32) -> Destination {
        let topic = Topic {
            name: name.to_owned(),
            format: EventFormat::native(),
            tenant: "default".to_owned(),
        };
        Destination { topic, partitions }
    }

    fn entry(source: &str, event: &str) -> String {
        format!(
            r#"{{"reason":"bad_value","tenant":null,"metric":null,"detail":"","source":{source},"event":{event},"at":null}}"#
        )
    }

    /// Where it goes among the topics `usage` of 4 partitions and `seats` of 2.
    fn check(
        by: PartitionBy,
        source: &str,
        event: &str,
    ) -> Result<(String, Option<i32>, Option<String>), Obstacle> {
        let topics = [destination("usage", 4), destination("seats", 2)];
        let entry = entry(source, event);
        let refusal = Refusal::read(entry.as_bytes()).expect("an entry");
        let address = address(&topics, by, &refusal, whole(&refusal)?)?;
        Ok((address.topic.to_owned(), address.partition, address.key))
    }

    const ACME: &str = r#"{"customer":"acme"}"#;
    const BROKEN: &str = r#""{""#;

    fn of_topic(name: &str, partition: i32) -> String {
        format!(r#"{{"topic":"{name}","partition":{partition},"offset":1}}"#)
    }

    #[test]
    fn event_goes_back_to_its_topic_and_partition() {
        use PartitionBy::{Customer, Original};
        let acme = || Some("acme".to_owned());
        let to = |name: &str, partition, key| Ok((name.to_owned(), partition, key));
        assert_eq!(check(Original, &of_topic("usage", 3), ACME), to("usage", Some(3), acme()));
        assert_eq!(check(Original, &of_topic("seats", 1), BROKEN), to("seats", Some(1), None));
        assert_eq!(check(Customer, &of_topic("usage", 3), ACME), to("usage", None, acme()));
        assert_eq!(check(Customer, &of_topic("usage", 3), BROKEN), to("usage", Some(3), None));
        // The topic has fewer partitions now.
        assert_eq!(check(Original, &of_topic("seats", 3), ACME), to("seats", None, acme()));
        assert_eq!(check(Original, &of_topic("seats", 3), BROKEN), Err(Obstacle::NoPartition));
        assert_eq!(check(Original, &of_topic("other", 0), ACME), Err(Obstacle::OtherTopic));
        assert_eq!(check(Original, r#"{"file":"f","line":1}"#, ACME), Err(Obstacle::NoTopic));
    }

    #[test]
    fn events_without_an_id_are_not_sent_twice() {
        let mut topic = destination("usage", 4);
        topic.topic.format = EventFormat::zenskar();
        let text = entry(&of_topic("usage", 1), ACME);
        let refusal = Refusal::read(text.as_bytes()).expect("an entry");
        let event = whole(&refusal).expect("it is whole");
        let topics = [topic];
        let found = address(&topics, PartitionBy::Original, &refusal, event);
        assert_eq!(found, Err(Obstacle::NoId));
    }

    #[test]
    fn event_of_a_file_is_keyed_into_the_only_topic() {
        let topics = [destination("usage", 4)];
        for (event, expected) in
            [(ACME, Ok(Some("acme".to_owned()))), (BROKEN, Err(Obstacle::NoPartition))]
        {
            let entry = entry(r#"{"file":"f","line":1}"#, event);
            let refusal = Refusal::read(entry.as_bytes()).expect("an entry");
            let event = whole(&refusal).expect("it is whole");
            let found = address(&topics, PartitionBy::Original, &refusal, event);
            assert_eq!(found.map(|address| address.key), expected);
        }
    }

    #[test]
    fn what_is_no_line_is_told() {
        assert_eq!(check_line(b"{} "), Ok(()));
        for event in [&b""[..], b" \t\r", b"{\n}", b"a\n"] {
            assert_eq!(check_line(event), Err(Obstacle::NoLine));
        }
    }
}
