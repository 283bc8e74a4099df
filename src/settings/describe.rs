//! Settings for people: every key with the value in force, as TOML would have it; secrets as `***`.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::format;
use super::properties::Properties;
use super::source::{Partitioning, Rekeying};
use super::watermark::WatermarkClock;
use super::{Files, Flow, KafkaFlow, Rejects, Settings, Topic};
use crate::admin::{IdentityFiles, Key, LagoErrors, Origin, Origins, TenantNames};
use crate::dialect::{Defaults, Native};
use crate::engine::StartFrom;
use crate::file::Pattern;
use crate::model::Span;
use crate::telemetry::LogFormat;

/// One line for each key.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.flow {
            Flow::Kafka(flow) => write_kafka(f, flow)?,
            Flow::Files(flow) => write_files(f, flow)?,
        }
        self.write_rejects(f)?;
        self.write_state(f)?;
        self.write_service(f)
    }
}

impl Settings {
    fn write_rejects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejects { includes_duplicates, includes_unmatched } = self.rejects;
        let included = [("duplicate", includes_duplicates), ("unmatched", includes_unmatched)];
        let names: Vec<&str> = included
            .iter()
            .filter(|(_, is_included)| *is_included)
            .map(|(name, _)| *name)
            .collect();
        writeln!(f, "rejects.include = {names:?}")
    }

    fn write_state(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, watermark) = (&self.state, &self.watermark);
        writeln!(f, "state.directory = {:?}", state.directory.display().to_string())?;
        writeln!(f, "state.commit_interval = {:?}", duration_text(state.commit_interval))?;
        writeln!(f, "state.commit_bytes = \"{}\"", state.commit_bytes)?;
        writeln!(f, "state.memory_limit = \"{}\"", state.memory_limit)?;
        if let Some(checkpoints) = &state.checkpoints {
            writeln!(f, "state.checkpoint.store = {:?}", checkpoints.store)?;
            let [interval, retention] =
                [checkpoints.interval, checkpoints.retention].map(duration_text);
            writeln!(f, "state.checkpoint.interval = {interval:?}")?;
            writeln!(f, "state.checkpoint.retention = {retention:?}")?;
            writeln!(f, "state.standby = {}", state.standby)?;
            if let Some(bandwidth) = checkpoints.bandwidth {
                writeln!(f, "state.checkpoint.bandwidth = \"{bandwidth}\"")?;
            }
            for (name, value) in checkpoints.properties.printable() {
                writeln!(f, "state.checkpoint.properties.{name} = {value:?}")?;
            }
        }
        writeln!(f, "dedup.window = \"{}\"", self.dedup.window)?;
        writeln!(f, "dedup.identity = \"id\"")?;
        writeln!(f, "watermark.delay = \"{}\"", watermark.delay)?;
        writeln!(f, "watermark.idle_timeout = \"{}\"", watermark.idle_timeout)?;
        let clock = match watermark.clock {
            WatermarkClock::Event => "event",
            WatermarkClock::Record => "record",
        };
        writeln!(f, "watermark.clock = \"{clock}\"")?;
        writeln!(f, "watermark.max_future_skew = \"{}\"", watermark.future_skew_max)
    }

    fn write_service(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<String> =
            self.metrics.files.iter().map(|file| file.display().to_string()).collect();
        writeln!(f, "metrics.files = {files:?}")?;
        if let Flow::Kafka(_) = self.flow {
            writeln!(f, "metrics.topic = {:?}", self.metrics.topic.as_deref().unwrap_or_default())?;
        }
        writeln!(f, "metrics.definition_lead = \"{}\"", self.metrics.definition_lead)?;
        let address = self.admin.address.map(|address| address.to_string()).unwrap_or_default();
        writeln!(f, "admin.address = {address:?}")?;
        match &self.admin.tls {
            Some(IdentityFiles { certificate, key }) => {
                writeln!(f, "admin.tls.certificate = {:?}", certificate.display().to_string())?;
                writeln!(f, "admin.tls.key = {:?}", key.display().to_string())?;
            }
            None => writeln!(f, "admin.tls = unset: plain HTTP")?,
        }
        let origins = match &self.admin.origins {
            Origins::None => Vec::new(),
            Origins::Any => vec!["*"],
            Origins::Listed(origins) => origins.iter().map(Origin::text).collect(),
        };
        writeln!(f, "admin.cors_origins = {origins:?}")?;
        writeln!(f, "admin.peers = {:?}", self.admin.peers)?;
        match &self.admin.peers_ca {
            Some(path) => writeln!(f, "admin.peers_ca = {:?}", path.display().to_string())?,
            None => writeln!(f, "admin.peers_ca = unset: those that this machine knows")?,
        }
        let keys: Vec<String> = self.admin.keys.iter().map(key_text).collect();
        writeln!(f, "admin.keys = [{}]", keys.join(", "))?;
        self.write_dialects(f)?;
        writeln!(f, "telemetry.log_level = {:?}", self.telemetry.log_level)?;
        let format = match self.telemetry.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        writeln!(f, "telemetry.log_format = \"{format}\"")
    }
}

impl Settings {
    fn write_dialects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenants: Vec<String> = self.admin.tenants.0.iter().map(tenant_text).collect();
        writeln!(f, "admin.tenants = [{}]", tenants.join(", "))?;
        let dialects = &self.admin.dialects;
        write_defaults(f, "lago", &dialects.lago)?;
        let errors = match dialects.lago_errors {
            LagoErrors::Documented => "documented",
            LagoErrors::Server => "server",
        };
        writeln!(f, "admin.dialects.lago.errors = \"{errors}\"")?;
        write_defaults(f, "maple", &dialects.maple)?;
        write_defaults(f, "zenskar", &dialects.zenskar)?;
        let topics = dialects.zenskar_datasources.iter();
        let topics: Vec<String> =
            topics.map(|(source, topic)| format!("{source:?} = {topic:?}")).collect();
        writeln!(f, "admin.dialects.zenskar.datasources = {{ {} }}", topics.join(", "))
    }
}

/// Every key with its value, or that it is unset: then a definition begins as a native one does.
fn write_defaults(f: &mut fmt::Formatter<'_>, dialect: &str, defaults: &Defaults) -> fmt::Result {
    let mut said = Native::new();
    defaults.fill(&mut said);
    for key in Defaults::KEYS {
        let value = said.get(key).map_or("unset".to_owned(), ToString::to_string);
        writeln!(f, "admin.dialects.{dialect}.{key} = {value}")?;
    }
    Ok(())
}

fn tenant_text(names: &TenantNames) -> String {
    let TenantNames { tenant, lago_organization, maple_company, zenskar_organisation } = names;
    let foreign = [
        ("lago_organization", lago_organization),
        ("maple_company", maple_company),
        ("zenskar_organisation", zenskar_organisation),
    ];
    let foreign: String = foreign
        .into_iter()
        .filter_map(|(key, name)| Some(format!(", {key} = {:?}", name.as_ref()?)))
        .collect();
    format!("{{ tenant = {tenant:?}{foreign} }}")
}

fn write_kafka(f: &mut fmt::Formatter<'_>, flow: &KafkaFlow) -> fmt::Result {
    let KafkaFlow { source, sink, rejects_topic } = flow;
    writeln!(f, "source.kind = \"kafka\"")?;
    let topics: Vec<String> = source.topics.iter().map(topic_text).collect();
    writeln!(f, "source.topics = [{}]", topics.join(", "))?;
    writeln!(f, "source.group_id = {:?}", source.group_id)?;
    let start_from = match source.start_from {
        Some(StartFrom::Earliest) => "\"earliest\"",
        Some(StartFrom::Latest) => "\"latest\"",
        None => "unset: refuse to guess",
    };
    writeln!(f, "source.start_from = {start_from}")?;
    writeln!(f, "source.workers = {}", source.workers)?;
    match source.partitioning {
        Partitioning::Customer => writeln!(f, "source.partitioning = \"customer\"")?,
        Partitioning::Any(Rekeying { partitions, retention }) => {
            writeln!(f, "source.partitioning = \"any\"")?;
            match partitions {
                Some(count) => writeln!(f, "source.rekeyed_partitions = {count}")?,
                None => writeln!(f, "source.rekeyed_partitions = unset: those of the topic")?,
            }
            writeln!(f, "source.rekeyed_retention = {:?}", retention.to_string())?;
        }
    }
    if source.partitioning == Partitioning::Customer {
        let topic = source.customers_topic.as_deref().unwrap_or_default();
        writeln!(f, "source.customers_topic = {topic:?}")?;
    }
    writeln!(f, "source.instance_id = {:?}", source.instance_id.as_deref().unwrap_or(""))?;
    writeln!(f, "source.request_timeout = {:?}", duration_text(source.request_timeout))?;
    write_properties(f, "source", &source.properties)?;
    writeln!(f, "sink.kind = \"kafka\"")?;
    writeln!(f, "sink.topic = {:?}", sink.topic)?;
    writeln!(f, "sink.provenance = {}", sink.shows_offsets)?;
    writeln!(f, "sink.audit = {}", sink.is_audited)?;
    writeln!(f, "sink.transaction_timeout = {:?}", duration_text(sink.transaction_timeout))?;
    write_properties(f, "sink", &sink.properties)?;
    writeln!(f, "rejects.topic = {rejects_topic:?}")
}

fn write_files(f: &mut fmt::Formatter<'_>, flow: &Files) -> fmt::Result {
    writeln!(f, "source.kind = \"file\"")?;
    let patterns: Vec<&str> = flow.patterns.iter().map(Pattern::text).collect();
    writeln!(f, "source.paths = {patterns:?}")?;
    writeln!(f, "source.format = {}", format::text(&flow.format))?;
    writeln!(f, "source.tenant = {:?}", flow.tenant)?;
    match &flow.event_type {
        Some(event_type) => writeln!(f, "source.event_type = {event_type:?}")?,
        None => writeln!(f, "source.event_type = unset: events name theirs")?,
    }
    writeln!(f, "source.scan_interval = {:?}", duration_text(flow.scan_interval))?;
    writeln!(f, "sink.kind = \"file\"")?;
    writeln!(f, "sink.path = {:?}", output_text(flow.totals.as_deref()))?;
    match flow.rotation.bytes_max {
        Some(bytes) => writeln!(f, "sink.rotate_size = {bytes}")?,
        None => writeln!(f, "sink.rotate_size = unset: never")?,
    }
    writeln!(f, "sink.rotate_daily = {}", flow.rotation.is_daily)?;
    writeln!(f, "rejects.path = {:?}", output_text(flow.rejects.as_deref()))
}

/// Without its hash.
fn key_text(key: &Key) -> String {
    let Key { name, tenant, role, expires_at, .. } = key;
    let tenant = tenant.as_deref().unwrap_or("*");
    let expires = expires_at.map_or(String::new(), |end| format!(", expires = \"{end}\""));
    format!(
        "{{ name = {name:?}, tenant = {tenant:?}, role = \"{}\", hash = \"***\"{expires} }}",
        role.name()
    )
}

fn output_text(path: Option<&Path>) -> String {
    path.map_or_else(|| "-".to_owned(), |path| path.display().to_string())
}

fn topic_text(topic: &Topic) -> String {
    let Topic { name, format, tenant } = topic;
    let format = format::text(format);
    format!("{{ name = {name:?}, format = {format}, tenant = {tenant:?} }}")
}

fn duration_text(duration: Duration) -> String {
    Span::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)).to_string()
}

fn write_properties(
    f: &mut fmt::Formatter<'_>,
    section: &str,
    properties: &Properties,
) -> fmt::Result {
    properties
        .printable()
        .try_for_each(|(name, text)| writeln!(f, "{section}.kafka.properties.{name:?} = {text:?}"))
}
