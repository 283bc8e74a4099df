//! The other end of the stage: what a record of an internal topic is to the task that reads it.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::plan::Origin;
use crate::engine::Incoming;
use crate::format::rekeyed::{Envelope, HEADER, Moved};
use crate::format::{Fault, Found};
use crate::model::SourcePosition;

/// What the header of a record says.
///
/// # Errors
/// Why it can be no copy that this group's stage made.
pub(in crate::daemon::run::kafka) fn unpack(
    message: &BorrowedMessage<'_>,
    origin: &Origin,
) -> Result<Envelope, String> {
    let mut headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let header = headers.find(|header| header.key == HEADER).and_then(|header| header.value);
    let fault = match header.map(|header| Envelope::decode(header, origin.stage)) {
        Some(Ok(envelope)) => return Ok(envelope),
        Some(Err(corrupt)) => corrupt.to_string(),
        None => format!("it has no header {HEADER}"),
    };
    Err(format!(
        "the record at offset {} of the internal topic was not re-keyed by this group from topic {:?} \
         ({fault}): nobody else may write to that topic. Nothing of it is counted; count under another \
         source.group_id from here on, with other topics of totals and rejects",
        message.offset(),
        origin.topic
    ))
}

/// Takes the events of a record that are meant for the partition it stands in.
///
/// # Errors
/// Why the record cannot be read as it was when it was re-keyed.
pub(in crate::daemon::run::kafka) fn take_own<'d>(
    moved: &Moved,
    found: &mut Vec<Found<'d>>,
    events: &mut Vec<Incoming<'d>>,
) -> Result<(), String> {
    let partition = i32::try_from(moved.upstream.mark.partition).expect("numbered by i32");
    let position = SourcePosition::Rekeyed { partition, offset: moved.offset };
    let (now, then) = (found.len(), moved.events.in_record());
    if u32::try_from(now) != Ok(then) {
        return Err(format!(
            "partition {partition} offset {}: the record holds {now} events, and held {then} when it was \
             re-keyed: set source.format back until what was re-keyed before is counted",
            moved.offset
        ));
    }
    let own = (0..).zip(found.drain(..)).filter(|(place, _)| moved.events.has(*place));
    events.extend(own.map(|(_, found)| Incoming {
        position,
        timestamp: moved.timestamp,
        read_at: Some(moved.read_at),
        original: found.original,
        upstream: Some(moved.upstream),
        event: found.event.map_err(Fault::into_reject),
    }));
    Ok(())
}
