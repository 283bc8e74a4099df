//! What goes wrong with Kafka, and what is to be done about it.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

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
    /// A request was not answered, or refused.
    #[error("{what}: {cause}")]
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

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Error::Client(_) | Error::TopicMissing(_) => Disposition::Halt,
            Error::NoClusterId => Disposition::Retry,
            Error::Request { cause, .. } | Error::Unreachable { cause, .. } => {
                disposition_of(cause)
            }
        }
    }
}

fn disposition_of(cause: &KafkaError) -> Disposition {
    use RDKafkaErrorCode as Code;
    let Some(code) = cause.rdkafka_error_code() else { return Disposition::Restart };
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::UnsupportedVersion
        | Code::InvalidTransactionTimeout
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
        | Code::RebalanceInProgress => Disposition::Retry,
        _ => Disposition::Restart,
    }
}
