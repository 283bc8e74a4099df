//! What a broker says of all that a configuration wants of it: topics, settings, grants.

use std::collections::BTreeMap;

use super::live::Report;
use crate::daemon::CommandError;
use crate::kafka::{self, Access, Grant};
use crate::settings::KafkaFlow;

/// Asks for everything; nothing is read, and nothing written. Only that the transactional id of the check was taken up is
/// kept by the broker, for as long as it keeps ids that nobody uses.
pub(super) fn check(flow: &KafkaFlow, report: &mut Report) -> Result<(), CommandError> {
    let (source, sink) = (flow.source.properties.expose(), flow.sink.properties.expose());
    let asked = Asked { flow, source: &source, sink: &sink };
    let servers = source.get("bootstrap.servers").map_or("", String::as_str);
    let cluster = kafka::check_topics(&source, &[], flow.source.request_timeout);
    let is_there = cluster.is_ok();
    let answer = |(_, cluster): (Vec<i32>, String)| format!("answers for cluster {cluster}");
    report.tell(&format!("broker {servers}"), cluster.map(answer).map_err(words))?;
    if !is_there {
        return report.tell("topics and grants", Err("not asked for: see above".to_owned()));
    }
    for topic in &flow.source.topics {
        let outcome = asked.topic(&source, &topic.name, Access::Read);
        report.tell(&format!("source topic {:?}", topic.name), outcome)?;
    }
    let totals = asked.topic(&sink, &flow.sink.topic, Access::Write);
    report.tell(&format!("sink.topic {:?}", flow.sink.topic), totals)?;
    let rejects = asked.topic(&sink, &flow.rejects_topic, Access::Write);
    report.tell(&format!("rejects.topic {:?}", flow.rejects_topic), rejects)?;
    report.tell(&format!("source.group_id {:?}", flow.source.group_id), asked.group())?;
    let outcome = asked.transactional_id();
    report.tell(&format!("transactional ids {:?}", asked.prefix()), outcome)
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
        let policy = kafka::topic_setting(properties, topic, "cleanup.policy", timeout);
        let policy = match policy.map_err(words)? {
            Ok(policy) => format!("cleanup.policy {policy}"),
            Err(reason) => format!("cleanup.policy not known ({reason})"),
        };
        let may = match access {
            Access::Read => "may be read",
            Access::Write => "may be written to",
        };
        Ok(format!("{count} partitions, {policy}, {}", granted(grant, may)))
    }

    fn group(&self) -> Result<String, String> {
        let (group, timeout) = (&self.flow.source.group_id, self.flow.source.request_timeout);
        let grant = kafka::check_group_grant(self.source, group, timeout).map_err(words)?;
        Ok(granted(grant, "may be read with"))
    }

    /// What the ids of all workers begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.flow.source.group_id)
    }

    fn transactional_id(&self) -> Result<String, String> {
        let times = [self.flow.sink.transaction_timeout, self.flow.source.request_timeout];
        kafka::check_transactional_id(self.sink, &(self.prefix() + "check"), times)
            .map_err(words)?;
        Ok("may be used".to_owned())
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
