//! Lines of files to events, a batch at a time, in memory that is used again by the next batch.

use crate::engine::Incoming;
use crate::format::{self, EventFormat, Fault, Found, Line, Origin};
use crate::model::{Document, EventTime, SourcePosition};

/// Longest entry on the rejects output. A record is cut at 1 MiB; escaped it may be six times as long.
pub(super) const REJECT_BYTES_MAX: usize = 8 << 20;

/// Past how many bytes of records a batch is full.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Past how many events a batch is full: a record may hold many.
const BATCH_EVENTS_MAX: usize = 1 << 14;

/// Records, decoded.
pub(super) struct Batch<'d> {
    /// Those of each record, at least one.
    pub(super) events: Vec<Incoming<'d>>,
    /// The line of the last one.
    pub(super) last: Line<'d>,
}

/// Reads records.
pub(super) struct Decoder<'a> {
    format: &'a EventFormat,
    tenant: &'a str,
    event_type: Option<&'a str>,
    /// One for each record of a batch.
    documents: Vec<Document>,
}

/// Which file a batch is of, and what the clock said when it was read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The file's number among those of the task.
    pub(super) file: u32,
    /// What tells it from all that the state has ever read.
    pub(super) input: u32,
    /// `None`: nothing is to be held against a clock (rule 1.6).
    pub(super) at: Option<EventTime>,
}

impl<'a> Decoder<'a> {
    /// Reads events of that format; `tenant`, `event_type`: those of events that name none.
    pub(super) fn new(
        format: &'a EventFormat,
        tenant: &'a str,
        event_type: Option<&'a str>,
        batch_records_max: usize,
    ) -> Self {
        let documents = vec![Document::default(); batch_records_max];
        Decoder { format, tenant, event_type, documents }
    }

    /// The next batch; `None` at the end of the lines.
    pub(super) fn batch<'d, 'l: 'd>(
        &'d mut self,
        lines: &mut impl Iterator<Item = Line<'l>>,
        reading: Reading,
    ) -> Option<Batch<'d>> {
        let Decoder { format, tenant, event_type, documents } = self;
        let Reading { file, input, at } = reading;
        let mut events = Vec::with_capacity(documents.len());
        let mut found = Vec::new();
        let mut last = None;
        let mut bytes = 0;
        for document in documents {
            let Some(line) = lines.next() else { break };
            let offset = i64::try_from(line.offset).expect("no file has 2^63 bytes");
            let origin = Origin { tenant, event_type: *event_type, position: (input, offset) };
            decode(&line, document, format, &origin, &mut found);
            bytes += line.bytes.len();
            events.extend(found.drain(..).map(|found| Incoming {
                position: SourcePosition::Line { file, line: line.number, offset: line.offset },
                timestamp: None,
                read_at: at,
                original: found.original,
                upstream: None,
                event: found.event.map_err(Fault::into_reject),
            }));
            last = Some(line);
            if bytes >= BATCH_BYTES_MAX || events.len() >= BATCH_EVENTS_MAX {
                break;
            }
        }
        last.map(|last| Batch { events, last })
    }
}

fn decode<'d>(
    line: &Line<'d>,
    document: &'d mut Document,
    format: &EventFormat,
    origin: &Origin<'d>,
    found: &mut Vec<Found<'d>>,
) {
    let whole = if line.is_whole() { Ok(line.bytes) } else { Err(Fault::too_large(line.length)) };
    match whole.and_then(|bytes| format::parse(bytes, document)) {
        Ok(text) => format::events_of(text, document, format, origin, found),
        Err(fault) => found.push(Found { original: line.bytes, event: Err(fault) }),
    }
}
