//! One scenario: topics and a group of its own, the configuration of the program, and waiting for its work.

use std::time::Duration;

use crate::broker::Broker;
use crate::daemon::{Daemon, free_address};
use crate::judgement::Outcome;
use crate::load::DEFINITIONS;
use crate::topic::{Outgoing, unique};
use crate::wait;

/// Limit for the program to be done with what a topic holds.
pub(crate) const WORK_LIMIT: Duration = Duration::from_secs(120);

/// Names and settings of one scenario.
pub(crate) struct Scene<'b> {
    pub(crate) broker: &'b Broker,
    pub(crate) usage: String,
    pub(crate) totals: String,
    pub(crate) rejects: String,
    pub(crate) group: String,
    pub(crate) admin: String,
    pub(crate) partitions: i32,
    /// Whether totals are to say at which offsets their events stood.
    pub(crate) shows_offsets: bool,
}

impl<'b> Scene<'b> {
    /// Names of its own, and the topics to them.
    pub(crate) fn new(broker: &'b Broker, partitions: i32) -> Self {
        let scene = Self {
            broker,
            usage: unique("usage"),
            totals: unique("totals"),
            rejects: unique("rejects"),
            group: unique("group"),
            admin: free_address(),
            partitions,
            shows_offsets: false,
        };
        // Larger records than the rules allow must reach the program.
        broker.create_topic_with(&scene.usage, partitions, &[("max.message.bytes", "4194304")]);
        broker.create_topic(&scene.totals, 3);
        broker.create_topic(&scene.rejects, 2);
        scene
    }

    /// The program on the metrics of [`DEFINITIONS`], reading from the earliest record, not started.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::new(&self.configuration(Some("earliest"), "1h"), DEFINITIONS)
    }

    /// The configuration; an idle timeout longer than any test leaves closing to the events alone.
    pub(crate) fn configuration(&self, start_from: Option<&str>, idle_timeout: &str) -> String {
        let start_from =
            start_from.map_or_else(String::new, |start| format!("start_from = \"{start}\""));
        let Self { usage, totals, rejects, group, admin, shows_offsets, .. } = self;
        let address = self.broker.address();
        format!(
            r#"
[source]
kind = "kafka"
topics = ["{usage}"]
group_id = "{group}"
workers = 2
{start_from}
[source.kafka.properties]
"bootstrap.servers" = "{address}"
"session.timeout.ms" = "3000"
"heartbeat.interval.ms" = "500"
[sink]
topic = "{totals}"
provenance = {shows_offsets}
[rejects]
topic = "{rejects}"
[state]
directory = "state"
commit_interval = "300ms"
[watermark]
idle_timeout = "{idle_timeout}"
[metrics]
files = ["metrics.json"]
topic = "{totals}-definitions"
[admin]
address = "{admin}"
"#
        )
    }

    /// Writes records to the usage topic.
    pub(crate) fn produce(&self, records: impl IntoIterator<Item = Outgoing>) {
        self.broker.produce(&self.usage, records);
    }

    /// Records that the group has committed as done.
    pub(crate) fn done(&self) -> i64 {
        self.broker.committed_records(&self.group, &self.usage)
    }

    /// Waits until the group has committed the end of every partition.
    pub(crate) fn await_done(&self, daemon: &mut Daemon) {
        let end = self.broker.end_of(&self.usage);
        wait::until("the program is done with the topic", WORK_LIMIT, || {
            daemon.assert_running();
            (self.done() == end).then_some(())
        });
    }

    /// The same, and then ends the program in order.
    pub(crate) fn finish(&self, daemon: &mut Daemon) {
        self.await_done(daemon);
        let status = daemon.terminate();
        assert!(status.success(), "{status}");
    }

    /// A whole run of the program over what the topic holds.
    pub(crate) fn work_through(&self, daemon: &mut Daemon) {
        daemon.start();
        self.finish(daemon);
    }

    /// Panics where what came out differs from what the rules say of the records of the usage topic.
    pub(crate) fn assert_exact(&self, metrics: &str) {
        Outcome::found(self).assert_is(&Outcome::expected(self, metrics));
    }

    /// The task of a partition, as the program names it.
    pub(crate) fn task(&self, partition: i32) -> String {
        format!("{} partition {partition}", self.usage)
    }

    /// How many records are visible on the totals topic.
    pub(crate) fn revisions(&self) -> usize {
        self.broker.read_committed_all(&self.totals).len()
    }
}
