//! Why a client has no connection, in librdkafka's words: the codes of its answers say only that none came.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::remedy::needed;

/// How many waiting events of a client are looked at for a reason.
const EVENTS_MAX: usize = 64;

/// What to look at where the broker ends connections and says no more.
const PERHAPS_SECURE: &str = "a listener that ends every connection at once may want TLS or SASL: \
see \"security.protocol\" in source.kafka.properties";

/// What to look at where the broker says by an alert of TLS that it goes by a certificate of the client's.
const PERHAPS_CERTIFICATE: &str = "; the broker wants a certificate of this client, or does not take the one that it shows: \
see \"ssl.certificate.location\" and \"ssl.key.location\" in source.kafka.properties";

/// The alerts that speak of certificates, by their numbers (RFC 8446, 6): bad, unsupported, revoked, expired, unknown, of an
/// unknown authority, and required. Who asks for one by TLS 1.2 or in Java says `bad_certificate` where there is none.
const ALERTS_ON_CERTIFICATES: [u32; 7] = [42, 43, 44, 45, 46, 48, 116];

/// How much a saying tells: a later one takes the place of one that tells no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Worth {
    /// That all brokers are down, which follows from what was said before.
    Consequence,
    /// That a connection ended, perhaps for the lack of TLS.
    Ending,
    /// That one could not be made.
    Cause,
}

/// What a client said of its connections.
#[derive(Default)]
pub(super) struct Trouble {
    last: Mutex<Option<(Worth, String)>>,
    /// Lines on connections that failed. They are there before the client knows what follows from it, and before any poll.
    failures: AtomicU64,
}

impl Trouble {
    /// Takes an error event.
    pub(super) fn note(&self, error: &KafkaError, reason: &str) {
        // That a log was read to its end comes the same way, and is no trouble.
        if matches!(error, KafkaError::PartitionEOF(_))
            || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF)
        {
            return;
        }
        self.keep(
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AllBrokersDown) => Worth::Consequence,
                Some(RDKafkaErrorCode::BrokerTransportFailure)
                    if is_ending(reason) && !is_on_certificate(reason) =>
                {
                    Worth::Ending
                }
                _ => Worth::Cause,
            },
            &format!("{reason}{}{}", needed(error), certificate_needed(reason)),
        );
    }

    /// Takes a line of the log, of which `FAIL` are those on connections.
    pub(super) fn note_line(&self, facility: &str, line: &str) {
        if facility == "FAIL" {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let worth = if is_on_certificate(line) { Worth::Cause } else { Worth::Ending };
            self.keep(worth, &format!("{line}{}", certificate_needed(line)));
        }
    }

    fn keep(&self, worth: Worth, text: &str) {
        let mut last = self.last.lock().expect("no holder panics");
        if last.as_ref().is_none_or(|(present, _)| *present <= worth) {
            *last = Some((worth, text.to_owned()));
        }
    }

    pub(super) fn last(&self) -> Option<String> {
        self.last.lock().expect("no holder panics").as_ref().map(|(_, text)| text.clone())
    }

    /// How often a connection failed so far.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Whether a connection was there, and the other side ended it.
fn is_ending(reason: &str) -> bool {
    ["Disconnected", "Send failed", "Receive failed"].iter().any(|words| reason.contains(words))
}

/// Whether the other side ended it for the sake of a certificate.
fn is_on_certificate(reason: &str) -> bool {
    let number = reason.split_once("SSL alert number ").map(|(_, rest)| rest);
    let number = number.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let number = number.flatten().and_then(|digits| digits.parse().ok());
    number.is_some_and(|number| ALERTS_ON_CERTIFICATES.contains(&number))
}

fn certificate_needed(reason: &str) -> &'static str {
    if is_on_certificate(reason) { PERHAPS_CERTIFICATE } else { "" }
}

/// What a client that nobody polls has said so far. It is in no group, so that no record is lost by this.
pub(super) fn last_said(client: &BaseConsumer<Trouble>) -> Option<String> {
    for _ in 0..EVENTS_MAX {
        // The context takes each; one that is dealt with inside looks like none.
        drop(client.poll(std::time::Duration::ZERO));
    }
    let (worth, text) = client.context().last.lock().expect("no holder panics").clone()?;
    Some(match worth {
        Worth::Ending => format!("{text}; {PERHAPS_SECURE}"),
        Worth::Consequence | Worth::Cause => text,
    })
}

impl ClientContext for Trouble {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        self.note_line(facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(&error, reason);
    }
}

impl ConsumerContext for Trouble {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_that_the_other_side_ends_may_want_sasl() {
        let transport = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        for (reason, worth) in [
            ("kafka:9092/bootstrap: Disconnected: connection closed by peer", Worth::Ending),
            (
                "kafka:9092/bootstrap: Send failed: Broken pipe (after 1ms in state UP)",
                Worth::Ending,
            ),
            (
                "kafka:9092/bootstrap: Connect to kafka:9092 failed: Connection refused",
                Worth::Cause,
            ),
        ] {
            let trouble = Trouble::default();
            trouble.note(&transport, reason);
            let last = trouble.last.lock().expect("no holder panics").clone();
            assert_eq!(last, Some((worth, reason.to_owned())));
        }
    }

    #[test]
    fn alert_on_a_certificate_names_where_to_look() {
        let transport = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        for (number, is_named) in [(42, true), (116, true), (40, false), (4, false)] {
            let reason = format!(
                "ssl://kafka:9093/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert: SSL alert \
                 number {number} (after 0ms in state APIVERSION_QUERY)"
            );
            let (by_event, by_line) = (Trouble::default(), Trouble::default());
            by_event.note(&transport, &reason);
            by_line.note_line("FAIL", &reason);
            for trouble in [by_event, by_line] {
                let (worth, text) =
                    trouble.last.into_inner().expect("no holder panics").expect("it is kept");
                let expected = if is_named { Worth::Cause } else { Worth::Ending };
                assert_eq!(worth, expected, "{number}");
                assert_eq!(text.contains("ssl.certificate.location"), is_named, "{text}");
            }
        }
    }

    #[test]
    fn end_of_a_log_is_no_cause() {
        let trouble = Trouble::default();
        trouble.note(&KafkaError::Global(RDKafkaErrorCode::PartitionEOF), "the end");
        trouble.note(&KafkaError::PartitionEOF(1), "the end");
        trouble.note_line("REQTMOUT", "a request timed out");
        assert_eq!((trouble.last(), trouble.failures()), (None, 0));
        trouble.note_line("FAIL", "connection refused");
        assert_eq!(
            (trouble.last().as_deref(), trouble.failures()),
            (Some("connection refused"), 1)
        );
    }
}
