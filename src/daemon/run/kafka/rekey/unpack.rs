//! The other end of the stage: what a record of an internal topic is to the task that reads it.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::plan::Origin;
use crate::format::rekeyed::{Envelope, HEADER};

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
