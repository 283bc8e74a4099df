//! Records decoded as a batch, as the daemon decodes them.

use odometer::engine::Incoming;
use odometer::format::{EventFormat, event_of, parse};
use odometer::model::{Document, EventTime, Reject, SourcePosition};

use crate::oracle::Record;

/// Decodes records of which the first has the given offset, read at `now` (`None`: without a clock), and hands the batch
/// over.
pub fn with_incoming<T>(
    records: &[Record<'_>],
    first: usize,
    now: Option<EventTime>,
    hand_over: impl FnOnce(&[Incoming<'_>]) -> T,
) -> T {
    let mut documents = vec![Document::default(); records.len()];
    let texts: Vec<_> = documents
        .iter_mut()
        .zip(records)
        .map(|(document, record)| parse(record.bytes, document))
        .collect();
    let format = EventFormat::native();
    let mut events = Vec::new();
    for (place, text) in texts.into_iter().enumerate() {
        let event = text.and_then(|text| event_of(text, &documents[place], &format, "default"));
        let offset = i64::try_from(first + place).expect("few records");
        events.push(Incoming {
            position: SourcePosition::Offset(offset),
            timestamp: records[place].timestamp,
            read_at: now,
            original: records[place].bytes,
            upstream: None,
            event: event.map_err(|fault| Reject {
                reason: fault.reason,
                tenant: fault.tenant,
                metric: None,
                detail: fault.detail,
            }),
        });
    }
    hand_over(&events)
}
