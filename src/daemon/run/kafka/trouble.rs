//! What a worker makes of its client's troubles.

use std::rc::Rc;

use super::membership::Moving;
use super::worker::{Error, Worker};
use crate::kafka::{self, FatalError, Source};

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

    /// Joins the group anew with another client, where that may help.
    pub(super) fn outlive(&mut self, error: FatalError) -> Result<(), Error> {
        if !self.away.explains(&self.source, &error) {
            return Err(Error::Fatal(error.text));
        }
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
