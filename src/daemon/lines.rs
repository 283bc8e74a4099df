//! Lines of files to events, a batch at a time, in memory that is used again by the next batch.

use crate::engine::Incoming;
use crate::format::{self, EventFormat, Fault, Line};
use crate::model::{Document, EventTime, Reject, SourcePosition};

/// Longest entry on the rejects output. A record is cut at 1 MiB; escaped it may be six times as long.
pub(super) const REJECT_BYTES_MAX: usize = 8 << 20;

/// Past how many bytes of records a batch is full.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Records, decoded.
pub(super) struct Batch<'d> {
    /// One for each record.
    pub(super) events: Vec<Incoming<'d>>,
    /// The line of the last one.
    pub(super) last: Line<'d>,
}

/// Reads records.
pub(super) struct Decoder<'a> {
    format: &'a EventFormat,
    tenant: &'a str,
    /// One for each record of a batch.
    documents: Vec<Document>,
}

/// Which file a batch is of, and what the clock said when it was read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The file's number among those of the task.
    pub(super) file: u32,
    /// `None`: nothing is to be held against a clock (rule 1.6).
    pub(super) at: Option<EventTime>,
}

impl<'a> Decoder<'a> {
    /// Reads events of that format; `tenant`: that of events that name none.
    pub(super) fn new(format: &'a EventFormat, tenant: &'a str, batch_records_max: usize) -> Self {
        Decoder { format, tenant, documents: vec![Document::default(); batch_records_max] }
    }

    /// The next batch; `None` at the end of the lines.
    pub(super) fn batch<'d, 'l: 'd>(
        &'d mut self,
        lines: &mut impl Iterator<Item = Line<'l>>,
        reading: Reading,
    ) -> Option<Batch<'d>> {
        let Decoder { format, tenant, documents } = self;
        let Reading { file, at } = reading;
        let mut events = Vec::with_capacity(documents.len());
        let mut last = None;
        let mut bytes = 0;
        for document in documents {
            let Some(line) = lines.next() else { break };
            let event = decode(&line, document, format, tenant);
            bytes += line.bytes.len();
            events.push(Incoming {
                position: SourcePosition::Line { file, line: line.number, offset: line.offset },
                timestamp: None,
                read_at: at,
                original: line.bytes,
                event: event.map_err(reject),
            });
            last = Some(line);
            if bytes >= BATCH_BYTES_MAX {
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
    tenant: &'d str,
) -> Result<crate::model::Event<'d>, Fault> {
    if line.is_whole() {
        format::decode(line.bytes, document, format, tenant)
    } else {
        Err(Fault::too_large(line.length))
    }
}

fn reject(fault: Fault) -> Reject {
    let Fault { reason, tenant, detail } = fault;
    Reject { reason, tenant, metric: None, detail }
}
