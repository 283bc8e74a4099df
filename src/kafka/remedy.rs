//! What an operator changes where a broker, or a group, refuses something: said with the refusal.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What is to be changed where a request was refused: mostly, which grant is missing.
pub(super) fn needed(cause: &KafkaError) -> &'static str {
    match cause.rdkafka_error_code() {
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
            ": grant the operation Read on the group that source.group_id names"
        }
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
            ": grant the operations Describe and Write on the transactional ids that begin with \
             source.group_id"
        }
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => {
            ": lower sink.transaction_timeout, or raise the broker's transaction.max.timeout.ms"
        }
        Some(RDKafkaErrorCode::InvalidSessionTimeout) => {
            ": set session.timeout.ms of source.kafka.properties to something between \
             group.min.session.timeout.ms and group.max.session.timeout.ms of the broker"
        }
        Some(RDKafkaErrorCode::InconsistentGroupProtocol) => {
            ": another program is in the group and shares partitions in another way \
             (partition.assignment.strategy; here it is cooperative-sticky): stop that one, or give \
             source.group_id a name that nobody else has"
        }
        Some(RDKafkaErrorCode::GroupMaxSizeReached) => {
            ": raise the broker's group.max.size, or take fewer source.workers"
        }
        _ => "",
    }
}

/// Why a group refuses a member, in words, with what is to be changed; `None`: the error says nothing of that.
pub fn refused_membership(error: &KafkaError) -> Option<String> {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(
            code @ (Code::InvalidSessionTimeout
            | Code::InconsistentGroupProtocol
            | Code::GroupMaxSizeReached
            | Code::InvalidGroupId
            | Code::GroupAuthorizationFailed),
        ) => Some(format!("{code}{}", needed(error))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_that_refuses_a_member_says_what_to_change() {
        for (code, words) in [
            (RDKafkaErrorCode::InvalidSessionTimeout, "group.max.session.timeout.ms"),
            (RDKafkaErrorCode::InconsistentGroupProtocol, "source.group_id"),
            (RDKafkaErrorCode::GroupAuthorizationFailed, "grant the operation Read on the group"),
        ] {
            let text = refused_membership(&KafkaError::MessageConsumption(code));
            let text = text.expect("it is a refusal");
            assert!(text.contains(words) && text.contains(&code.to_string()), "{text}");
        }
        let passing = KafkaError::MessageConsumption(RDKafkaErrorCode::RebalanceInProgress);
        assert_eq!(refused_membership(&passing), None);
    }
}
