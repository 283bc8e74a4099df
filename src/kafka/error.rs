//! What goes wrong with Kafka, and what is to be done about it.

use std::fmt;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::TopicId;
use super::customers::CustomersFault;
use super::definitions::DefinitionsFault;
use super::internal::InternalFault;
use super::remedy::needed;
use super::withheld::Withheld;

/// What is done with a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Events are read from it.
    Read,
    /// Totals or rejects go to it.
    Write,
}

/// The operations that it needs, as Kafka's ACLs name them.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Read => "Describe and Read",
            Access::Write => "Describe and Write",
        })
    }
}

/// Why Kafka did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings make no client.
    #[error(
        "the Kafka client cannot be made: {0}; see source.kafka.properties and sink.kafka.properties"
    )]
    Client(#[source] KafkaError),
    /// A topic does not exist.
    #[error(
        "topic {0:?} does not exist: create it with the number of partitions it is to keep, or correct its name"
    )]
    TopicMissing(String),
    /// A topic that totals or rejects go to is gone, while there is something for it.
    #[error(
        "topic {topic:?} does not exist any more, and nothing is delivered: create it again with \
         the number of partitions that it had; then the process ends, and says what that means for \
         what was delivered before ({cause})"
    )]
    SinkTopicGone {
        /// Its name.
        topic: String,
        /// What failed for it.
        cause: Box<Error>,
    },
    /// A topic is not the one that it was, though it has its name.
    #[error("topic {topic:?} was deleted and created anew: its id was {before}, and is {now}")]
    TopicReplaced {
        /// Its name.
        topic: String,
        /// Id when the process started.
        before: TopicId,
        /// Id now.
        now: TopicId,
    },
    /// The user may not do with a topic what is to be done with it.
    #[error(
        "topic {topic:?} is not authorised: grant the operations {access} on it to the user that \
         the Kafka properties name. To a user without Describe, Kafka does not tell whether a topic \
         exists: its name may also be wrong"
    )]
    Unauthorised {
        /// Its name; more than one where the broker does not say which.
        topic: String,
        /// What is to be done with it.
        access: Access,
    },
    /// There is none, and the user may not make it.
    #[error(
        "topic {0:?} does not exist, and is not authorised to be made: create it, or grant the operation Create on it to \
         the user that the Kafka properties name"
    )]
    Unmade(String),
    /// The user may not use a transactional id.
    #[error(
        "transactional id {0:?} is not authorised: grant the operations Describe and Write on the \
         transactional ids that begin with source.group_id, and deny them on none of these, to the \
         user that the Kafka properties name"
    )]
    UnauthorisedId(String),
    /// An entry is larger than its topic takes.
    #[error(
        "topic {topic:?} refuses an entry as too large: its max.message.bytes is {limit}. Raise that \
         to what it was when the entry was made, or higher, and message.max.bytes of \
         sink.kafka.properties where that is lower; at the next start the entry is delivered"
    )]
    EntryTooLarge {
        /// Its name; more than one where the broker does not say which.
        topic: String,
        /// What the topic said of itself.
        limit: String,
    },
    /// A record that goes to the source again is larger than its topic takes.
    #[error(
        "topic {topic:?} refuses a record as too large: raise its max.message.bytes to what it was \
         when the record came, or leave such records out"
    )]
    RecordTooLarge {
        /// Its name.
        topic: String,
    },
    /// The group has members that are no workers of this program.
    #[error(
        "the group has members that share partitions by {assignor:?}, and not by \"cooperative-sticky\" \
         as this program: stop the program that they are of, or give source.group_id a name that \
         nobody else has"
    )]
    OtherMembers {
        /// How they share them.
        assignor: String,
    },
    /// A request was not answered, or refused.
    #[error("{what}: {cause}{}", needed(.cause))]
    Request {
        /// What was asked.
        what: &'static str,
        /// The answer.
        #[source]
        cause: KafkaError,
    },
    /// A request was not answered, and the client says what keeps it from the broker.
    #[error("{what}: {cause}: {reason}")]
    Unreachable {
        /// What was asked.
        what: &'static str,
        /// The answer.
        #[source]
        cause: KafkaError,
        /// Address, and what went wrong there.
        reason: String,
    },
    /// The client reads no further: what the log has there is no sound batch of records.
    #[error(
        "topic {topic:?}: a batch of records of {place} is damaged ({reason}); nothing of it was \
         counted, and the state is valid. Start again; where it is said again, the broker's log is \
         damaged: restore the partition from a good replica or, to go on without the batch, move the \
         beginning of its log past it (kafka-delete-records.sh); what the next start says then tells \
         how to count what is left"
    )]
    DamagedBatch {
        /// Its name.
        topic: String,
        /// Which partition; those that it may be where the client does not say.
        place: String,
        /// What the client said.
        reason: String,
    },
    /// Of some partitions it is not told how far their logs reach.
    #[error("partitions {0:?} have no leader, or one that does not answer")]
    Leaderless(Vec<i32>),
    /// The broker answers, and keeps the committed offsets back.
    #[error("{0}")]
    Withheld(Box<Withheld>),
    /// Something about the topic of definitions.
    #[error("{0}")]
    Definitions(DefinitionsFault),
    /// The topic of customers is not as it must be.
    #[error("{0}")]
    Customers(CustomersFault),
    /// An internal topic is not as it must be.
    #[error("{0}")]
    Internal(InternalFault),
    /// The broker did not say which cluster it is of.
    #[error("the broker did not tell its cluster id")]
    NoClusterId,
}

/// What to do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// Ask again after a pause.
    Retry,
    /// Make a new producer, ask the broker what is committed, and decide anew.
    Restart,
    /// Stop: trying again cannot help.
    Halt,
}

impl Error {
    pub(super) fn request(what: &'static str) -> impl FnOnce(KafkaError) -> Error {
        move |cause| Error::Request { what, cause }
    }

    /// The same with what the client said beside it, where it said something.
    pub(super) fn explained(self, reason: Option<String>) -> Error {
        match (self, reason) {
            (Error::Request { what, cause }, Some(reason)) => {
                Error::Unreachable { what, cause, reason }
            }
            (error, _) => error,
        }
    }

    /// Whether another producer of the same transactional id began meanwhile.
    pub fn is_overtaken(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code(),
            Some(
                Code::Fenced
                    | Code::ProducerFenced
                    | Code::InvalidProducerEpoch
                    | Code::InvalidProducerIdMapping
                    | Code::ConcurrentTransactions
            )
        )
    }

    /// Whether a record is larger than its topic takes.
    pub fn is_too_large(&self) -> bool {
        self.code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
    }

    /// The code of the answer to a request.
    pub(super) fn code(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Error::Request { cause, .. } | Error::Unreachable { cause, .. } => code_of(cause),
            Error::Client(_)
            | Error::TopicMissing(_)
            | Error::TopicReplaced { .. }
            | Error::Unauthorised { .. }
            | Error::Unmade(_)
            | Error::UnauthorisedId(_)
            | Error::OtherMembers { .. }
            | Error::EntryTooLarge { .. }
            | Error::RecordTooLarge { .. }
            | Error::DamagedBatch { .. }
            | Error::Internal(_)
            | Error::SinkTopicGone { .. }
            | Error::Leaderless(_)
            | Error::Withheld(_)
            | Error::Definitions(_)
            | Error::Customers(_)
            | Error::NoClusterId => None,
        }
    }

    /// Whether a broker answered that it does not know the topic, or not that partition of it.
    pub fn is_topic_unknown(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code(),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
        )
    }

    /// Whether the coordinator, of the group or of transactions, is not ready yet: mostly for seconds after a broker came.
    pub fn is_coordinator_away(&self) -> bool {
        use RDKafkaErrorCode as Code;
        matches!(
            self.code(),
            Some(
                Code::CoordinatorLoadInProgress
                    | Code::CoordinatorNotAvailable
                    | Code::NotCoordinator
            )
        )
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::Client(_)
            | Error::TopicMissing(_)
            | Error::TopicReplaced { .. }
            | Error::Unauthorised { .. }
            | Error::Unmade(_)
            | Error::UnauthorisedId(_)
            | Error::OtherMembers { .. }
            | Error::EntryTooLarge { .. }
            | Error::RecordTooLarge { .. }
            | Error::DamagedBatch { .. }
            | Error::Customers(_)
            | Error::Internal(_) => Disposition::Halt,
            Error::Definitions(fault) => fault.disposition(),
            Error::SinkTopicGone { .. }
            | Error::Leaderless(_)
            | Error::Withheld(_)
            | Error::NoClusterId => Disposition::Retry,
            Error::Request { cause, .. } | Error::Unreachable { cause, .. } => {
                disposition_of(cause)
            }
        }
    }
}

/// The crate gives none of what an administrator's request was answered.
fn code_of(cause: &KafkaError) -> Option<RDKafkaErrorCode> {
    match cause {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

fn disposition_of(cause: &KafkaError) -> Disposition {
    use RDKafkaErrorCode as Code;
    let Some(code) = code_of(cause) else { return Disposition::Restart };
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::InvalidTransactionTimeout
        | Code::PolicyViolation
        // The client does not take what it was given: it has not asked anybody.
        | Code::NotConfigured
        | Code::InvalidArgument => Disposition::Halt,
        Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::CoordinatorNotAvailable
        | Code::CoordinatorLoadInProgress
        | Code::NotCoordinator
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        // Also of a broker that goes away or comes back, of which the client does not know what it understands.
        | Code::UnsupportedVersion
        | Code::RebalanceInProgress => Disposition::Retry,
        _ => Disposition::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_timeout_that_the_broker_refuses_is_named() {
        let cause = KafkaError::MetadataFetch(RDKafkaErrorCode::InvalidTransactionTimeout);
        let error = Error::request("taking up the transactional id")(cause);
        assert_eq!(error.disposition(), Disposition::Halt);
        let text = error.to_string();
        for words in ["lower sink.transaction_timeout", "transaction.max.timeout.ms"] {
            assert!(text.contains(words), "no {words} in: {text}");
        }
    }

    #[test]
    fn broker_that_comes_back_ends_nothing() {
        use RDKafkaErrorCode as Code;
        for code in [Code::UnsupportedVersion, Code::OperationTimedOut, Code::NotCoordinator] {
            let error = Error::request("asking")(KafkaError::MetadataFetch(code));
            assert_eq!(error.disposition(), Disposition::Retry, "{code}");
        }
        // An administrator's request is answered by the same codes.
        let late = Error::request("making")(KafkaError::AdminOp(Code::OperationTimedOut));
        assert_eq!(late.disposition(), Disposition::Retry);
        let refused = KafkaError::AdminOp(Code::PolicyViolation);
        assert_eq!(Error::request("making")(refused).disposition(), Disposition::Halt);
        let refused = KafkaError::MetadataFetch(Code::SaslAuthenticationFailed);
        assert_eq!(Error::request("asking")(refused).disposition(), Disposition::Halt);
    }
}
