//! Where checkpoints of states are kept: section `state.checkpoint`.

use std::time::Duration;

use super::properties::{self, Properties};
use super::reader::{Faulty, Table};
use super::size::Size;
use crate::checkpoint;
use crate::model::Span;

pub(super) const KEYS: [&str; 5] = ["store", "interval", "retention", "bandwidth", "properties"];

/// Where checkpoints of states are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoints {
    /// Address of the store: `file:///directory`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub store: String,
    /// Time from one checkpoint to the next, so at most how late a total is seen. Default 30 s.
    pub interval: Duration,
    /// How long one stays after it was replaced. Default 1 h.
    pub retention: Duration,
    /// How many bytes a second are sent and fetched at most; `None`: as many as go.
    pub bandwidth: Option<Size>,
    /// What the store's client is told beside it, such as `aws_region`.
    pub properties: Properties,
}

/// Reads the section; `None`: there is no store.
pub(super) fn read(table: &Table<'_>) -> Result<Option<Checkpoints>, Faulty> {
    let properties = table.value_or("properties", Properties::default(), properties::read_of_store);
    let intervals = Span::from_micros(100_000)..=Span::from_seconds(3_600);
    let interval =
        table.value_or("interval", Duration::from_secs(30), |field| field.duration(intervals));
    let retentions = Span::from_seconds(60)..=Span::from_seconds(366 * 86_400);
    let retention =
        table.value_or("retention", Duration::from_secs(3_600), |field| field.duration(retentions));
    let sizes = Size::of_bytes(64 << 10)..=Size::of_mebibytes(1 << 20);
    let bandwidth = table.optional("bandwidth", |field| field.size(sizes));
    let store = table.optional("store", |field| {
        let store = field.name(1..=4096)?;
        let given = properties.as_ref().map(Properties::expose).unwrap_or_default();
        checkpoint::check_address(&store, &given).map_err(|reason| field.fault(reason))?;
        Ok(store)
    });
    let (store, interval, retention) = (store?, interval?, retention?);
    let (bandwidth, properties) = (bandwidth?, properties?);
    let Some(store) = store else {
        if KEYS.iter().any(|key| table.field(key).is_some()) {
            return Err(table.fault(
                "store is missing: expected file:///directory, s3://bucket/prefix, gs://bucket/prefix or \
                 az://container/prefix",
            ));
        }
        return Ok(None);
    };
    Ok(Some(Checkpoints { store, interval, retention, bandwidth, properties }))
}
