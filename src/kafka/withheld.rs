//! Committed offsets that the broker keeps back: while a transaction on them is open, who asks for what is final gets no
//! answer at all. The same question for what is not final tells that apart from a broker that is away.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::{Error, Options};

/// Where the broker keeps what groups commit.
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// How long an answer is waited for at most: a broker that is there has it at hand.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// What is known of offsets that are kept back; as text, what is likely and how it is ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withheld {
    servers: String,
    group: String,
    /// What the transactional ids of this process begin with.
    own: String,
    /// The partition of the offsets topic that has the group's, where it is known.
    partition: Option<i32>,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Withheld { servers, group, own, partition } = self;
        let partition = partition.map_or_else(|| "P".to_owned(), |number| number.to_string());
        let place = format!("--topic {OFFSETS_TOPIC} --partition {partition}");
        write!(
            f,
            "the broker answers, but keeps back the committed offsets of group {group:?}: most \
             likely a transaction on them was left open, of a transactional id that begins with \
             {group}- (those of this process: {own}-). Unless its timeout ends it, end it by hand: \
             `kafka-transactions.sh --bootstrap-server {servers} list` shows the ids with state \
             Ongoing, `forceTerminateTransaction --transactionalId ID` ends one; what no id has any \
             more is shown by `describe-producers {place}` (and, once it is old, by `find-hanging \
             {place}`), and ended by `abort {place} --start-offset OFFSET`"
        )
    }
}

/// What a failed question for committed offsets says of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doubt {
    /// Nothing.
    None,
    /// They may be kept back, or this one answer was lost.
    Perhaps,
    /// The broker says that they are kept back.
    Surely,
}

/// Asks once more where the committed offsets were asked for in vain.
pub(super) struct Doubter {
    /// Whether the last question ended in [`Doubt::Perhaps`]: twice in a row is no lost answer.
    is_suspected: Cell<bool>,
    config: ClientConfig,
    withheld: Withheld,
    timeout: Duration,
}

impl Doubter {
    pub(super) fn new(options: &Options) -> Self {
        let mut config = Options::client(&options.source);
        // In the group it needs no further grant; it never subscribes nor commits, and so is no member of it.
        config.set("group.id", &options.group);
        config.set("enable.auto.commit", "false");
        config.set("isolation.level", "read_uncommitted");
        let servers = options.source.get("bootstrap.servers").cloned().unwrap_or_default();
        let (group, instance) = (options.group.clone(), &options.instance);
        let own = format!("{group}-{instance}");
        let withheld = Withheld { servers, group, own, partition: None };
        let timeout = options.request_timeout.min(ANSWER_WAIT);
        Doubter { is_suspected: Cell::new(false), config, withheld, timeout }
    }

    /// The committed offsets were told.
    pub(super) fn answered(&self) {
        self.is_suspected.set(false);
    }

    fn is_to_tell(&self, doubt: Doubt) -> bool {
        let was_suspected = self.is_suspected.replace(doubt != Doubt::None);
        doubt == Doubt::Surely || (doubt == Doubt::Perhaps && was_suspected)
    }

    /// The same error, or what is behind it.
    pub(super) fn explained(&self, error: Error, wanted: &TopicPartitionList) -> Error {
        let Ok(client) = self.config.create::<BaseConsumer>() else { return error };
        let asks = || client.committed_offsets(wanted.clone(), self.timeout).map(drop);
        if !self.is_to_tell(doubt(error.code(), asks)) {
            return error;
        }
        let partition = self.partition(&client);
        Error::Withheld(Box::new(Withheld { partition, ..self.withheld.clone() }))
    }

    /// `None`: the offsets topic may not be asked for.
    fn partition(&self, client: &BaseConsumer) -> Option<i32> {
        let metadata = client.fetch_metadata(Some(OFFSETS_TOPIC), self.timeout).ok()?;
        let count = metadata.topics().first()?.partitions().len();
        partition_of_group(&self.withheld.group, i32::try_from(count).ok()?)
    }
}

/// Whether a transaction may be behind that failure, where `asks` is the same question for what is not final.
fn doubt(code: Option<RDKafkaErrorCode>, asks: impl Fn() -> Result<(), KafkaError>) -> Doubt {
    use RDKafkaErrorCode as Code;
    match code {
        Some(Code::UnstableOffsetCommit) => Doubt::Surely,
        // The client goes on asking by itself, for as long as it may.
        Some(Code::OperationTimedOut | Code::RequestTimedOut) if asks().is_ok() => Doubt::Perhaps,
        _ => Doubt::None,
    }
}

/// Which partition of the offsets topic has a group's: by Java's hash of its name.
fn partition_of_group(group: &str, count: i32) -> Option<i32> {
    let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    let hash = group.encode_utf16().fold(0, step);
    hash.checked_abs().unwrap_or(0).checked_rem(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_that_answers_otherwise_keeps_offsets_back() {
        use RDKafkaErrorCode as Code;
        let away = || Err(KafkaError::OffsetFetch(Code::OperationTimedOut));
        assert_eq!(doubt(Some(Code::OperationTimedOut), || Ok(())), Doubt::Perhaps);
        assert_eq!(doubt(Some(Code::OperationTimedOut), away), Doubt::None);
        assert_eq!(doubt(Some(Code::UnstableOffsetCommit), away), Doubt::Surely);
        assert_eq!(doubt(Some(Code::GroupAuthorizationFailed), || Ok(())), Doubt::None);
        assert_eq!(doubt(None, || Ok(())), Doubt::None);
    }

    #[test]
    fn one_lost_answer_is_not_told_as_a_transaction() {
        let doubter = Doubter {
            is_suspected: Cell::new(false),
            config: ClientConfig::new(),
            withheld: withheld(),
            timeout: ANSWER_WAIT,
        };
        assert!(!doubter.is_to_tell(Doubt::Perhaps));
        assert!(doubter.is_to_tell(Doubt::Perhaps), "twice in a row");
        doubter.answered();
        assert!(!doubter.is_to_tell(Doubt::Perhaps));
        assert!(!doubter.is_to_tell(Doubt::None));
        assert!(!doubter.is_to_tell(Doubt::Perhaps));
        assert!(doubter.is_to_tell(Doubt::Surely));
    }

    #[test]
    fn group_is_kept_where_java_would() {
        assert_eq!(partition_of_group("odometer", 1), Some(0));
        // "Aa" and "BB" have the same hash, 2112.
        assert_eq!(partition_of_group("Aa", 50), Some(12));
        assert_eq!(partition_of_group("BB", 50), Some(12));
        // The hash of this one is the least of all numbers, which has no absolute value.
        assert_eq!(partition_of_group("polygenelubricants", 50), Some(0));
        assert_eq!(partition_of_group("odometer", 0), None);
    }

    fn withheld() -> Withheld {
        Withheld {
            servers: "kafka:9092".to_owned(),
            group: "odometer".to_owned(),
            own: "odometer-a".to_owned(),
            partition: Some(7),
        }
    }

    #[test]
    fn text_says_what_to_do() {
        let text = withheld().to_string();
        for words in [
            "odometer-a-",
            "kafka-transactions.sh --bootstrap-server kafka:9092 list",
            "forceTerminateTransaction --transactionalId ID",
            "describe-producers --topic __consumer_offsets --partition 7",
            "find-hanging --topic __consumer_offsets --partition 7",
            "abort --topic __consumer_offsets --partition 7 --start-offset OFFSET",
        ] {
            assert!(text.contains(words), "no {words} in: {text}");
        }
    }
}
