//! What a broker says of all that a configuration wants of it: topics, settings, grants.

use std::collections::BTreeMap;
use std::time::Duration;

use super::live::Report;
use crate::daemon::CommandError;
use crate::daemon::clock::Stopwatch;
use crate::daemon::run::trial;
use crate::definition::Definitions;
use crate::engine::StartFrom;
use crate::kafka::{self, Access, Grant};
use crate::settings::{KafkaFlow, Partitioning, Settings, Topic};

/// How long it is asked again where a coordinator is not ready.
const COORDINATOR_WAIT: Duration = Duration::from_secs(30);
/// From one such question to the next.
const COORDINATOR_PAUSE: Duration = Duration::from_millis(500);
const NOT_YET: &str = "it does not exist yet: a start makes it, where the user may (Create)";
const NO_TOPIC: &str = "not asked for: there is no source topic";
/// What librdkafka takes where nothing is set.
const SESSION_TIMEOUT: &str = "45000";

/// Asks for everything; nothing is read, and nothing written. Only that the transactional id of the check was taken up is
/// kept by the broker, for as long as it keeps ids that nobody uses.
pub(super) fn check(
    settings: &Settings,
    flow: &KafkaFlow,
    definitions: &Definitions,
    report: &mut Report,
) -> Result<(), CommandError> {
    let (source, sink) = (flow.source.properties.expose(), flow.sink.properties.expose());
    let asked = Asked { flow, source: &source, sink: &sink };
    let servers = source.get("bootstrap.servers").map_or("", String::as_str);
    let found = kafka::check_topics(&source, &[], flow.source.request_timeout);
    let cluster = found.as_ref().map(|(_, cluster)| cluster.clone()).ok();
    let answer = |(_, cluster): (Vec<i32>, String)| format!("answers for cluster {cluster}");
    report.tell(&format!("broker {servers}"), found.map(answer).map_err(words))?;
    let Some(cluster) = cluster else {
        return report.tell("topics and grants", Err("not asked for: see above".to_owned()));
    };
    for topic in &flow.source.topics {
        let outcome = asked.topic(&source, &topic.name, Access::Read);
        report.tell(&format!("source topic {:?}", topic.name), outcome)?;
        if let Some(internal) = flow.source.internal_topic(&topic.name) {
            report.tell(&format!("internal topic {internal:?}"), asked.internal(&internal))?;
        }
    }
    let totals = asked.topic(&sink, &flow.sink.topic, Access::Write);
    report.tell(&format!("sink.topic {:?}", flow.sink.topic), totals)?;
    if flow.sink.is_audited {
        let read = asked.topic(&sink, &flow.sink.topic, Access::Read);
        report.tell("sink.audit, which reads that topic", read)?;
    }
    let rejects = asked.topic(&sink, &flow.rejects_topic, Access::Write);
    report.tell(&format!("rejects.topic {:?}", flow.rejects_topic), rejects)?;
    if let Some(topic) = &settings.metrics.topic {
        report.tell(&format!("metrics.topic {topic:?}"), asked.definitions(topic))?;
    }
    if let Some(topic) = &flow.source.customers_topic {
        report.tell(&format!("source.customers_topic {topic:?}"), asked.customers(topic))?;
    }
    report.tell(&format!("source.group_id {:?}", flow.source.group_id), asked.group())?;
    let session = source.get("session.timeout.ms").map_or(SESSION_TIMEOUT, String::as_str);
    report.tell(&format!("session.timeout.ms {session}"), asked.session(session))?;
    let outcome = asked.transactional_id();
    report.tell(&format!("transactional ids {:?}", asked.prefix()), outcome)?;
    let told = asked.told(cluster).map_err(|_| "not looked at: see above".to_owned());
    let found = told.and_then(|told| {
        let states = trial::of_states(settings, flow, definitions, &told)?;
        Ok((told, states))
    });
    let outcome = found.as_ref().map(|(_, states)| match states.len() {
        0 => "there are none yet".to_owned(),
        count => format!("{count} states, of this cluster, group and topics"),
    });
    report.tell("states, and what they delivered to", outcome.map_err(Clone::clone))?;
    let Ok((told, states)) = found else { return Ok(()) };
    report.tell("source.start_from", asked.beginnings(&told, &states))
}

/// Asks, and for a while again where a coordinator is not ready.
fn patiently<T>(ask: impl Fn() -> Result<T, kafka::Error>) -> Result<T, String> {
    let begun = Stopwatch::start();
    loop {
        match ask() {
            Err(error) if error.is_coordinator_away() && begun.elapsed() < COORDINATOR_WAIT => {
                std::thread::park_timeout(COORDINATOR_PAUSE);
            }
            answer => return answer.map_err(words),
        }
    }
}

/// Whether a group takes members of that session timeout, by what a broker says of its bounds.
fn within(session: &str, least: &str, most: &str) -> Result<String, String> {
    let numbers = [session, least, most].map(str::parse::<u64>);
    let [Ok(millis), Ok(from), Ok(through)] = numbers else {
        return Ok(format!("the broker tells no bounds of it, but {least:?} and {most:?}"));
    };
    let bounds = format!(
        "the broker takes {least} to {most} (group.min.session.timeout.ms, \
         group.max.session.timeout.ms)"
    );
    if (from..=through).contains(&millis) { Ok(bounds) } else { Err(bounds) }
}

struct Asked<'a> {
    flow: &'a KafkaFlow,
    source: &'a BTreeMap<String, String>,
    sink: &'a BTreeMap<String, String>,
}

impl Asked<'_> {
    fn topic(
        &self,
        properties: &BTreeMap<String, String>,
        topic: &str,
        access: Access,
    ) -> Result<String, String> {
        let timeout = self.flow.source.request_timeout;
        let (counts, _) =
            kafka::check_topics(properties, &[(topic, access)], timeout).map_err(words)?;
        let count = counts.first().copied().unwrap_or_default();
        let grant = kafka::check_topic_grant(properties, topic, access, timeout).map_err(words)?;
        let inquiry = kafka::Inquiry::open(properties, timeout).map_err(words)?;
        let policy = match inquiry.of_topic(topic, "cleanup.policy").map_err(words)? {
            Ok(policy) => format!("cleanup.policy {policy}"),
            Err(reason) => format!("cleanup.policy not known ({reason})"),
        };
        let may = match access {
            Access::Read => "may be read",
            Access::Write => "may be written to",
        };
        Ok(format!("{count} partitions, {policy}, {}", granted(grant, may)))
    }

    /// What was found of a topic that is read, and whether it may be written to as well.
    fn and_written(&self, topic: &str, read: &str) -> Result<String, String> {
        let timeout = self.flow.source.request_timeout;
        let grant = kafka::check_topic_grant(self.sink, topic, Access::Write, timeout);
        Ok(format!("{read}, {}", granted(grant.map_err(words)?, "may be written to")))
    }

    /// What a source topic's events are re-keyed into.
    fn internal(&self, topic: &str) -> Result<String, String> {
        let timeout = self.flow.source.request_timeout;
        match kafka::check_topics(self.sink, &[(topic, Access::Write)], timeout) {
            Err(kafka::Error::TopicMissing(_)) => Ok(NOT_YET.to_owned()),
            Err(error) => Err(words(error)),
            Ok(_) => {
                let read = self.topic(self.source, topic, Access::Read)?;
                if read.contains("cleanup.policy compact") {
                    let fault = kafka::InternalFault::Compacted(topic.to_owned());
                    return Err(fault.to_string());
                }
                self.and_written(topic, &read)
            }
        }
    }

    /// Where metrics that are made over the listener are kept; a start gets on without it.
    fn definitions(&self, topic: &str) -> Result<String, String> {
        let timeout = self.flow.source.request_timeout;
        match kafka::check_topics(self.sink, &[(topic, Access::Read)], timeout) {
            Err(kafka::Error::TopicMissing(_)) => Ok(NOT_YET.to_owned()),
            Err(kafka::Error::Unauthorised { .. }) => {
                Ok("it may not be read: metrics can be defined in files alone".to_owned())
            }
            Err(error) => Err(words(error)),
            Ok((counts, _)) => {
                kafka::DefinitionTopic::check_partitions(topic, &counts).map_err(words)?;
                self.and_written(topic, &self.topic(self.sink, topic, Access::Read)?)
            }
        }
    }

    /// Where the processes of the group tell each other which customers they see.
    fn customers(&self, topic: &str) -> Result<String, String> {
        let timeout = self.flow.source.request_timeout;
        match kafka::check_topics(self.sink, &[(topic, Access::Write)], timeout) {
            Err(kafka::Error::TopicMissing(_)) => Ok(NOT_YET.to_owned()),
            Err(error) => Err(words(error)),
            Ok((counts, _)) => {
                kafka::check_shape(self.sink, topic, &counts, timeout).map_err(words)?;
                self.and_written(topic, &self.topic(self.sink, topic, Access::Read)?)
            }
        }
    }

    fn is_rekeyed(&self) -> bool {
        self.flow.source.partitioning != Partitioning::Customer
    }

    fn group(&self) -> Result<String, String> {
        let (group, timeout) = (&self.flow.source.group_id, self.flow.source.request_timeout);
        let grant = patiently(|| kafka::check_group(self.source, group, timeout))?;
        Ok(granted(grant, "may be read with"))
    }

    /// What the ids of all workers begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.flow.source.group_id)
    }

    fn transactional_id(&self) -> Result<String, String> {
        let Some(topic) = self.flow.source.topics.first() else { return Ok(NO_TOPIC.to_owned()) };
        let options = trial::options(self.flow, topic);
        let id = self.prefix() + "check";
        patiently(|| kafka::check_transactional_id(&options, &id))?;
        Ok("may be used".to_owned())
    }

    fn session(&self, session: &str) -> Result<String, String> {
        let Some(topic) = self.flow.source.topics.first() else { return Ok(NO_TOPIC.to_owned()) };
        let options = trial::options(self.flow, topic);
        kafka::check_member(&options).map_err(words)?;
        let timeout = self.flow.source.request_timeout;
        let inquiry = kafka::Inquiry::open(self.source, timeout).map_err(words)?;
        let setting = |name| inquiry.of_broker(&topic.name, name);
        let least = setting("group.min.session.timeout.ms").map_err(words)?;
        let most = setting("group.max.session.timeout.ms").map_err(words)?;
        match least.and_then(|least| Ok((least, most?))) {
            Ok((least, most)) => within(session, &least, &most),
            Err(reason) => Ok(format!("whether the broker takes it is not known ({reason})")),
        }
    }

    /// Where reading begins where nothing is counted yet.
    fn beginnings(&self, told: &trial::Told, states: &trial::States) -> Result<String, String> {
        let (mut anew, start_from) = (0, self.flow.source.start_from);
        let committed = |topic: &Topic, count: i32| {
            let options = trial::options(self.flow, topic);
            let partitions: Vec<i32> = (0..count).collect();
            patiently(|| kafka::committed_offsets(&options, &partitions))
        };
        for (topic, count) in self.flow.tasks_read().iter().zip(&told.partitions) {
            let committed = committed(topic, *count)?;
            let begun = trial::of_beginnings(start_from, &topic.name, states, &committed)?;
            // An internal topic is always read from its beginning.
            anew += if self.is_rekeyed() { 0 } else { begun };
        }
        if self.is_rekeyed() {
            let timeout = self.flow.source.request_timeout;
            for topic in &self.flow.source.topics {
                let read = [(topic.name.as_str(), Access::Read)];
                let (counts, _) =
                    kafka::check_topics(self.source, &read, timeout).map_err(words)?;
                anew += trial::of_lanes(start_from, &topic.name, &committed(topic, counts[0])?)?;
            }
        }
        Ok(match (anew, start_from) {
            (0, _) | (_, None) => "each partition goes on where the group is".to_owned(),
            (anew, Some(StartFrom::Earliest)) => {
                format!("{anew} partitions begin at their first record")
            }
            (anew, Some(StartFrom::Latest)) => {
                format!("{anew} partitions begin behind their last record")
            }
        })
    }

    /// What the states and what they delivered to must agree with.
    fn told(&self, cluster: String) -> Result<trial::Told, kafka::Error> {
        let KafkaFlow { source, sink, rejects_topic, .. } = self.flow;
        let timeout = source.request_timeout;
        let mut partitions = Vec::new();
        for topic in self.flow.tasks_read() {
            let read = [(topic.name.as_str(), Access::Read)];
            partitions.push(match kafka::check_topics(self.source, &read, timeout) {
                Err(kafka::Error::TopicMissing(_)) if self.is_rekeyed() => 0,
                found => found?.0[0],
            });
        }
        let broker = kafka::Destinations::open(self.sink, &sink.topic, rejects_topic)?;
        Ok(trial::Told { cluster, partitions, written: broker.shapes(timeout)? })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn words(error: kafka::Error) -> String {
    error.to_string()
}

fn granted(grant: Grant, may: &str) -> String {
    match grant {
        Grant::Given => may.to_owned(),
        Grant::Unknown => format!("the broker does not tell whether it {may}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rdkafka::error::{KafkaError, RDKafkaErrorCode};

    use super::*;

    #[test]
    fn session_timeout_is_held_against_the_bounds_of_the_broker() {
        assert!(within("6000", "6000", "1800000").is_ok());
        let told = within("500", "6000", "1800000").expect_err("it is too short");
        assert!(told.contains("6000 to 1800000 (group.min.session.timeout.ms"), "{told}");
        assert!(within("1800001", "6000", "1800000").is_err());
    }

    #[test]
    fn coordinator_that_is_not_ready_is_asked_again() {
        let answers = Cell::new(0);
        let ask = |code: RDKafkaErrorCode| {
            answers.set(answers.get() + 1);
            let cause = KafkaError::Global(code);
            if answers.get() > 2 {
                Ok(())
            } else {
                Err(kafka::Error::Request { what: "asking", cause })
            }
        };
        assert_eq!(patiently(|| ask(RDKafkaErrorCode::CoordinatorLoadInProgress)), Ok(()));
        answers.set(0);
        assert!(patiently(|| ask(RDKafkaErrorCode::GroupAuthorizationFailed)).is_err(), "at once");
        assert_eq!(answers.get(), 1);
    }
}
