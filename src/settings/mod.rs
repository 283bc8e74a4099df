//! Layer 7, what the operator wants: file, environment and flags in, [`Settings`] or every fault out.
//!
//! ```text
//! file ─► environment ─► flags ─► layers: one tree with places ─► reader: fields, faults kept ─► sections
//! ```
//! One file for each section of the configuration: `source`, `sink`, `rejects`, `state`, `dedup`, `watermark`,
//! `metrics`, `admin`, `telemetry`; `properties` hands librdkafka's own through. Starts nothing and connects nowhere.

mod admin;
mod checkpoint;
mod dedup;
mod describe;
mod dialects;
mod files;
mod flow;
mod format;
mod later;
mod layers;
mod metrics;
mod properties;
mod reader;
mod rejects;
mod sink;
mod size;
mod source;
mod state;
mod telemetry;
#[cfg(test)]
mod tests;
mod topics;
mod tree;
mod watermark;

use std::path::{Path, PathBuf};

pub use admin::Admin;
pub use checkpoint::Checkpoints;
pub use dedup::Dedup;
pub use files::Files;
pub use flow::{Flow, KafkaFlow};
pub use format::format_of_argument;
pub use layers::environment;
pub use metrics::Metrics;
pub use properties::Properties;
pub use reader::SettingsFault;
pub use rejects::Rejects;
pub use sink::Sink;
pub use size::Size;
pub use source::{Partitioning, Rekeying, Source, Topic, written_to};
pub use state::State;
pub use telemetry::Telemetry;
pub use topics::check_topics;
pub use watermark::{Watermark, WatermarkClock};

use reader::{Faults, Faulty, Field};

/// Everything that is configured. A value in hand is valid.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where events come from, and where totals and refused events go.
    pub flow: Flow,
    /// Which events are told of beside the refused ones.
    pub rejects: Rejects,
    /// Where state is kept and when it is committed.
    pub state: State,
    /// How long events are known again.
    pub dedup: Dedup,
    /// When event time is believed complete.
    pub watermark: Watermark,
    /// Where the definitions of metrics are.
    pub metrics: Metrics,
    /// Where operators look in.
    pub admin: Admin,
    /// What the log says and looks like.
    pub telemetry: Telemetry,
}

/// A section and lists of the keys that it knows: that of Kafka and that of files, where it is of either kind. Keys with keys
/// of their own are sections too.
const SECTIONS: [(&str, [&[&str]; 2]); 17] = [
    ("source", SOURCE_KEYS),
    ("source.kafka", [&source::KAFKA_KEYS, &[]]),
    ("sink", SINK_KEYS),
    ("sink.kafka", [&sink::KAFKA_KEYS, &[]]),
    ("rejects", [&rejects::KEYS, &[]]),
    ("state", [&state::KEYS, &[]]),
    ("state.checkpoint", [&checkpoint::KEYS, &[]]),
    ("dedup", [&dedup::KEYS, &[]]),
    ("watermark", [&watermark::KEYS, &[]]),
    ("metrics", [&metrics::KEYS, &[]]),
    ("admin", [&admin::KEYS, &[]]),
    ("admin.tls", [&admin::TLS_KEYS, &[]]),
    ("admin.dialects", [&dialects::KEYS, &[]]),
    ("admin.dialects.lago", [&dialects::LAGO_KEYS, &[]]),
    ("admin.dialects.maple", [&dialects::MAPLE_KEYS, &[]]),
    ("admin.dialects.zenskar", [&dialects::ZENSKAR_KEYS, &[]]),
    ("telemetry", [&telemetry::KEYS, &[]]),
];

const SOURCE_KEYS: [&[&str]; 2] = [&source::KEYS, &files::SOURCE_KEYS];
const SINK_KEYS: [&[&str]; 2] = [&sink::KEYS, &files::SINK_KEYS];

const ROOT_KEYS: [&str; 9] =
    ["source", "sink", "rejects", "state", "dedup", "watermark", "metrics", "admin", "telemetry"];

/// The path of every key that has an effect, such as `source.workers`. Below `source.topics`, the two
/// `kafka.properties` and `state.checkpoint.properties` nothing is named.
pub fn known_keys() -> Vec<String> {
    let is_section = |path: &str| SECTIONS.iter().any(|(section, _)| *section == path);
    let paths = SECTIONS.iter().flat_map(|(section, lists)| {
        either(*lists).into_iter().map(move |key| format!("{section}.{key}"))
    });
    paths.filter(|path| !is_section(path)).collect()
}

/// The keys of both lists, each once.
fn either([one, other]: [&[&'static str]; 2]) -> Vec<&'static str> {
    let more = other.iter().filter(|key| !one.contains(key));
    one.iter().chain(more).copied().collect()
}

impl Settings {
    /// Reads the file, lays the environment's `ODOMETER__SECTION__KEY` over it, and `overrides` (path and value of a
    /// key, as `--set` gives them) over both. [`environment`] has the variables of this process.
    ///
    /// # Errors
    /// Every fault of every layer. Of a file that is no TOML only the places where it is none.
    pub fn load(
        file: &Path,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<Self, Vec<SettingsFault>> {
        let faults = Faults::default();
        let read = layers::merged(file, environment, overrides, &faults)
            .and_then(|root| read(&Field::root(root, &faults)));
        let list = faults.into_list();
        match read {
            Ok(settings) if list.is_empty() => Ok(settings),
            Ok(_) => Err(list),
            Err(Faulty) => {
                assert!(!list.is_empty(), "settings that cannot be read have a fault");
                Err(list)
            }
        }
    }
}

/// What settings name, whatever else is wrong with them.
#[derive(Clone, Default, Debug)]
pub struct Named {
    /// Files of definitions.
    pub definitions: Vec<PathBuf>,
    /// Topics that are read; over files there are none. `None`: that cannot be told.
    pub topics: Option<Vec<String>>,
}

/// What settings name that cannot be used; arguments as for [`Settings::load`]. `None`: that cannot be told.
pub fn named(
    file: &Path,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(String, String)],
) -> Option<Named> {
    let faults = Faults::default();
    let root = layers::merged(file, environment, overrides, &faults).ok()?;
    let root = Field::root(root, &faults).table(&ROOT_KEYS).ok()?;
    let metrics = root.section("metrics", &metrics::KEYS).and_then(|table| metrics::read(&table));
    let source = root.section("source", &either(SOURCE_KEYS));
    let topics = source.and_then(|source| flow::topics(&source)).ok();
    metrics.ok().map(|metrics| Named { definitions: metrics.files, topics })
}

fn read(root: &Field<'_>) -> Result<Settings, Faulty> {
    let root = root.table(&ROOT_KEYS)?;
    let source = root.section("source", &either(SOURCE_KEYS));
    let sink = root.section("sink", &either(SINK_KEYS));
    let rejects = root.section("rejects", &rejects::KEYS);
    let watermark = root.section("watermark", &watermark::KEYS);
    let flow = match (&source, &sink, &rejects) {
        (Ok(source), Ok(sink), Ok(rejects)) => {
            flow::read(&root, source, sink, rejects, watermark.as_ref().ok())
        }
        _ => Err(Faulty),
    };
    let rejects = rejects.and_then(|table| rejects::read(&table));
    let state = root.section("state", &state::KEYS).and_then(|table| state::read(&table));
    let dedup_table = root.section("dedup", &dedup::KEYS);
    let dedup = dedup_table.as_ref().map_err(|fault| *fault).and_then(dedup::read);
    let watermark = watermark.and_then(|table| watermark::read(&table));
    let metrics_table = root.section("metrics", &metrics::KEYS);
    let metrics = metrics_table.as_ref().map_err(|fault| *fault).and_then(metrics::read);
    let admin_table = root.section("admin", &admin::KEYS);
    let admin = admin_table.as_ref().map_err(|fault| *fault).and_then(admin::read);
    let telemetry =
        root.section("telemetry", &telemetry::KEYS).and_then(|table| telemetry::read(&table));
    if let (Ok(Flow::Files(_)), Ok(table)) = (&flow, &admin_table) {
        admin::check_of_files(table)?;
    }
    match (&flow, &metrics_table, &metrics) {
        (Ok(Flow::Files(_)), Ok(table), _) => metrics::check_of_files(table)?,
        (Ok(Flow::Kafka(flow)), _, Ok(metrics)) => {
            topics::check_definitions(&root, flow, metrics.topic.as_deref())?;
        }
        _ => {}
    }
    if let (Ok(metrics), Ok(admin)) = (&metrics, &admin)
        && metrics.files.is_empty()
        && admin.address.is_none()
    {
        return Err(root.fault(
            "metrics.files is missing, and admin.address is \"\": no metric could be defined, so name a file such as \
             config/metrics.toml, or open the listener",
        ));
    }
    let (mut flow, dedup, admin) = (flow?, dedup?, admin?);
    topics::check_dialects(&root, &flow, &admin.dialects)?;
    if dedup.is_id_of_source {
        dedup::identify(&dedup_table?, flow.formats_mut().into_iter())?;
    }
    if let (Flow::Kafka(flow), Ok(source), Ok(state)) = (&mut flow, &source, &state) {
        let is_shared = state.checkpoints.is_some();
        flow.source.customers_topic = source::customers_topic(source, &flow.source, is_shared)?;
        let definitions = metrics.as_ref().ok().and_then(|metrics| metrics.topic.as_deref());
        topics::check_customers(&root, flow, definitions)?;
    }
    if let (Flow::Files(files), Ok(state)) = (&flow, &state) {
        if state.checkpoints.is_some() {
            return Err(root.fault(
                "state.checkpoint has no effect over files, whose state stays with them: leave it out",
            ));
        }
        files::check_state(&root, files, &state.directory)?;
    }
    let organizations = admin.tenants.organizations();
    for format in flow.formats_mut() {
        format.call_tenants(&organizations);
    }
    Ok(Settings {
        flow,
        rejects: rejects?,
        state: state?,
        dedup,
        watermark: watermark?,
        metrics: metrics?,
        admin,
        telemetry: telemetry?,
    })
}
