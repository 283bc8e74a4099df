//! `odometer rejects`: refused events by reason, and their way back to the source after a fix.
//!
//! ```text
//! files │ topic ─► entries (read back, chosen) ─┬► groups ─► list
//!                                               └► address, repeats ─► target: topics │ new file ─► replay
//! ```
//! Both only read the rejects: what is sent again stays there.

mod address;
mod arguments;
mod entries;
mod groups;
mod list;
mod new_file;
mod repeats;
mod replay;
mod target;

pub use arguments::RejectsCommand;

use super::CommandError;

/// Does what is asked of the rejects.
///
/// # Errors
/// A configuration with faults, rejects that cannot be read, an output that takes no more.
pub(super) fn rejects(command: &RejectsCommand) -> Result<(), CommandError> {
    match command {
        RejectsCommand::List(arguments) => list::list(arguments),
        RejectsCommand::Replay(arguments) => replay::replay(arguments),
    }
}
