//! What the broker says of the entries of a transaction: its end tells only that something was wrong.

use std::sync::Mutex;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::{ClientContext, Message};

use super::trouble::Trouble;

/// What a producer hears.
#[derive(Default)]
pub(super) struct Receipts {
    pub(super) trouble: Trouble,
    refused: Mutex<Option<(String, RDKafkaErrorCode)>>,
}

impl Receipts {
    /// The topic that refused an entry first, and why. What follows a refusal is refused for it.
    pub(super) fn refused(&self) -> Option<(String, RDKafkaErrorCode)> {
        self.refused.lock().expect("no holder panics").clone()
    }
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.trouble.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.error(error, reason);
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = ();

    // A transaction whose entries were not all delivered does not commit.
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut refused = self.refused.lock().expect("no holder panics");
        refused.get_or_insert_with(|| (message.topic().to_owned(), code));
    }
}
