//! What a worker makes of its client's troubles.

use std::rc::Rc;
use std::time::Duration;

use super::membership::Moving;
use super::worker::{Error, Worker};
use crate::daemon::clock::Stopwatch;
use crate::kafka::{self, FatalError, Source};

/// How long after the broker was away the group may mistake a member.
const MISTAKEN_MAX: Duration = Duration::from_secs(60);

impl Worker {
    /// The client goes on by itself after most troubles; some cannot end well.
    pub(super) fn trouble(&mut self, error: &rdkafka::error::KafkaError) -> Result<(), Error> {
        use rdkafka::error::RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                Err(kafka::Error::TopicMissing(self.options.topics.source.clone()).into())
            }
            Some(Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation) => {
                self.is_out_of_range = true;
                self.report.trouble(error, None);
                Ok(())
            }
            _ => {
                if !self.has_joined
                    && let Some(reason) = kafka::refused_membership(error)
                {
                    self.report.refused(&reason);
                }
                self.report.trouble(error, self.source.last_trouble().as_deref());
                Ok(())
            }
        }
    }

    /// Notes that connections failed, which may be told behind what follows from it.
    pub(super) fn watch_connections(&mut self) {
        let failures = self.source.failures();
        if failures != self.failures {
            self.failures = failures;
            self.since_away = Some(Stopwatch::start());
        }
    }

    /// Joins the group anew with another client, where that may help.
    ///
    /// Of a static member whose place was lost while the broker was away, a heartbeat of before may reach the group after it
    /// has joined anew: librdkafka sends it again by itself. The group then takes it for another process of the same
    /// name, and the client gives up for good. Where the broker was not away, there is another process.
    pub(super) fn outlive(&mut self, error: FatalError) -> Result<(), Error> {
        self.watch_connections();
        let was_away = self.since_away.is_some_and(|since| since.elapsed() < MISTAKEN_MAX);
        if !error.is_fenced || !was_away {
            return Err(Error::Fatal(error.text));
        }
        tracing::warn!(
            error = error.text,
            "the group mistook this member for another one after the broker was away: it joins again"
        );
        // Whoever takes its name again while the broker is there is another process.
        (self.since_away, self.failures) = (None, 0);
        self.member.clear();
        self.has_joined = false;
        self.report.lost();
        self.give_up_all(&self.tasks.keys().copied().collect::<Vec<_>>());
        for partition in std::mem::take(&mut self.restores).into_keys() {
            self.registry.release_unless_halted(&self.name(partition));
        }
        self.unstarted.clear();
        self.moving = Moving::default();
        let source = Rc::new(Source::open(&self.options)?);
        if let Ok(former) = Rc::try_unwrap(std::mem::replace(&mut self.source, source)) {
            former.close();
        }
        Ok(())
    }

    /// The client says which offset in words, and not which partition.
    pub(super) fn damaged(&self, error: &rdkafka::error::KafkaError) -> kafka::Error {
        let partitions: Vec<String> = self.tasks.keys().map(ToString::to_string).collect();
        let place = match &partitions[..] {
            [one] => format!("partition {one}"),
            several => format!("one of the partitions {}", several.join(", ")),
        };
        let reason = self.source.last_trouble().unwrap_or_else(|| error.to_string());
        kafka::Error::DamagedBatch { topic: self.options.topics.source.clone(), place, reason }
    }
}
