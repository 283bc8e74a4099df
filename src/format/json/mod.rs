//! JSON in both directions: read into flat nodes over the text, written by hand where the order and
//! spelling of bytes are fixed.

mod error;
mod scanner;
mod write;

pub use error::{JsonError, JsonFault};
pub use scanner::{LEVELS_MAX, scan};
pub(super) use write::{push, push_content, push_optional, push_string};
