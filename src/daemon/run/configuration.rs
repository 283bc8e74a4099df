//! TEMPORARY
use serde::Deserialize;
use std::collections::BTreeMap;
#[derive(Deserialize)]
pub(super) struct Raw {
    pub source: Source,
    #[serde(default)]
    pub sink: Topic,
    #[serde(default)]
    pub rejects: Topic,
    pub state: State,
    #[serde(default)]
    pub watermark: Watermark,
    pub metrics: Metrics,
}
#[derive(Deserialize)]
pub(super) struct Source {
    pub topics: Vec<String>,
    pub group_id: String,
    pub start_from: Option<String>,
    pub workers: Option<usize>,
    pub kafka: Kafka,
}
#[derive(Deserialize)]
pub(super) struct Kafka {
    pub properties: BTreeMap<String, String>,
}
#[derive(Deserialize, Default)]
pub(super) struct Topic {
    pub topic: Option<String>,
}
#[derive(Deserialize)]
pub(super) struct State {
    pub directory: String,
    pub commit_interval: Option<String>,
}
#[derive(Deserialize, Default)]
pub(super) struct Watermark {
    pub idle_timeout: Option<String>,
}
#[derive(Deserialize)]
pub(super) struct Metrics {
    pub files: Vec<String>,
}
