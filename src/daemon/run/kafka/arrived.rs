//! Which entries of a state's outbox the topics of totals and rejects have: else that is known from the offset alone.

use std::collections::HashMap;

use serde::Deserialize;

use crate::daemon::CommandError;
use crate::daemon::readback::{Console, Records, Value};
use crate::engine::Binding;
use crate::format::{Outgoing, OutgoingKind};
use crate::settings::KafkaFlow;
use crate::store::{self, Store};

/// Bytes of outbox entries that are read at once.
const PART_BYTES: usize = 4 << 20;

/// What is read of the topics of totals and rejects.
pub(super) struct Reading<'a> {
    /// Sequence of the last entry that is known to be visible.
    pub(super) known: u64,
    /// Sequence of the last one that was made.
    pub(super) made: u64,
    /// Whose.
    pub(super) of: &'a Binding,
}

/// What of a task's outbox is visible.
pub(super) struct Visibility {
    /// All up to that sequence.
    pub(super) through: u64,
    /// So many records of the task are in the topics; older ones may be gone.
    pub(super) records: u64,
}

/// Where a total or a reject says that it comes from.
#[derive(Deserialize)]
struct Sourced {
    source: PlaceOfRecord,
}

#[derive(Deserialize)]
struct PlaceOfRecord {
    topic: Option<String>,
    partition: Option<i32>,
}

impl Reading<'_> {
    /// Entries become visible in their order: all up to the last one that is found.
    pub(super) fn visibility(
        &self,
        store: &Store,
        flow: &KafkaFlow,
    ) -> Result<Visibility, CommandError> {
        let waiting = self.waiting(store)?;
        let mut found = Visibility { through: self.known, records: 0 };
        for (topic, is_total) in [(&flow.sink.topic, true), (&flow.rejects_topic, false)] {
            let (mut console, mut count) = (Console::new(), 0);
            Records::of_topic(flow, topic)?.each(&mut |record| {
                count += 1;
                console.show(record.progress, count, "records");
                let Value::Whole(body) = record.value else { return Ok(true) };
                found.records += u64::from(self.is_own(body));
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let name = (is_total, text(record.key.unwrap_or_default()), text(body));
                if let Some(sequence) = waiting.get(&name) {
                    found.through = found.through.max(*sequence);
                }
                Ok(true)
            })?;
        }
        Ok(found)
    }

    /// Entries that may be visible or not, by whether they are totals, key and body: their sequence.
    fn waiting(&self, store: &Store) -> Result<HashMap<(bool, String, String), u64>, CommandError> {
        let mut waiting = HashMap::new();
        let mut next = self.known + 1;
        while next <= self.made {
            for (sequence, bytes) in store.outbox(next, self.made, PART_BYTES).map_err(failed)? {
                let entry = Outgoing::decode(&bytes);
                let entry = entry.ok_or_else(|| failed(store.corrupt_outbox(sequence)))?;
                let is_total = matches!(entry.kind, OutgoingKind::Total(_));
                waiting.entry((is_total, entry.key, entry.body)).or_insert(sequence);
                next = sequence + 1;
            }
        }
        Ok(waiting)
    }

    fn is_own(&self, body: &[u8]) -> bool {
        serde_json::from_slice(body).is_ok_and(|Sourced { source }: Sourced| {
            source.topic.as_ref() == Some(&self.of.topic)
                && source.partition == Some(self.of.partition)
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed(error: store::Error) -> CommandError {
    CommandError::failed(error.to_string())
}
