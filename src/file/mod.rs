//! Layer 5, the file shell: usage files in, total and reject files out.
//!
//! Reading order: `input` (chunks of an input, decompressed), `output` (what is kept back until a run has
//! ended well). It decides nothing about totals and does not know what a line means; which thread it runs on is
//! the daemon's affair.

mod error;
mod input;
mod output;

pub use error::{Error, Step};
pub use input::{Input, Options, Progress, Source};
pub use output::{Rewind, Spool, Target};
