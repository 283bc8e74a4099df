//! Layer 6, the file shell: usage files in, total and reject files out.
//!
//! Reading order: `input` (chunks of an input, decompressed; `gzip`), `output` (what is kept back until a run has ended
//! well), `handover` (what is left of it after a kill), `claim` (what is gone with its process), `history` (an output read back, all
//! of its parts), `journal` (lines that are on disk before they count), `privacy` (who else may read what is made). It decides nothing about
//! totals and does not know what a line means; which thread it runs on is the daemon's affair.

mod append;
mod claim;
mod error;
mod follow;
mod gzip;
mod handover;
mod history;
mod input;
mod journal;
mod output;
mod privacy;

pub use append::{Appender, Rotation, part_path};
pub use claim::TemporaryFolder;
pub use error::{Error, Step};
pub use follow::{Fed, Follower, Notice, Own, Pattern, PatternFault};
pub use handover::{Handover, Located};
pub use history::History;
pub use input::{Input, Options, Progress, Source};
pub use journal::Journal;
pub use output::{Rewind, Spool, Target, directory_of, real_place};
pub use privacy::keep_private;
