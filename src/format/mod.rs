//! Layer 3, every byte that enters, leaves or outlives the process.
//!
//! In the order in which an event meets them: [`lines`](Lines) cuts a file into records, `json` reads a
//! record's text, `event` finds the event in it; `total`, `reject` and `summary` write what leaves.
//! `definitions` reads definition files. All of it is pure: bytes in, values out, or the other way round.

pub mod definitions;
mod event;
mod instant;
mod json;

pub use event::{EventFormat, Fault, FieldPath, RECORD_BYTES_MAX, decode, event_of, parse};
pub use instant::TimeUnit;
pub use json::{JsonError, JsonFault, LEVELS_MAX, scan};
