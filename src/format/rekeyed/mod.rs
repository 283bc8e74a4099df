//! What carries events from a topic that is keyed by anything into one that is keyed by customer.
//!
//! ```text
//! source partition ─► Lane: where each event goes ─► records of the internal topic: header `envelope`, value as it was
//! internal partition ─► envelope ─► the events of the record that are this partition's ─► engine
//! ```
//! In reading order: `lane` (one source partition), `envelope` (the header of an internal record), `note` (the metadata of
//! the stage's committed offsets), `start` (where a lane goes on). Pure; both ends use it, so that they agree.

mod envelope;
mod lane;
mod note;
mod start;
#[cfg(test)]
mod tests;

pub use envelope::{Envelope, HEADER, Moved, Origins, stage_of};
pub use lane::{Destination, Lane, Rules};
pub use note::{LaneNote, decode_note, encode_note};
pub use start::{LaneFacts, LaneFault, LaneStart, begin};
