//! `odometer rejects`: refused events by reason, and their way back to the source after a fix.
//!
//! ```text
//! files │ topic ─► entries (read back, chosen) ─┬► groups ─► list
//!                                               └► address, repeats ─► target: topics │ new file ─► replay
//! ```
//! Both only read the rejects: what is sent again stays there.

mod address;
mod arguments;
mod console;
mod entries;
mod groups;
mod list;
mod new_file;
mod repeats;
mod replay;
mod target;

pub use arguments::RejectsCommand;

use super::CommandError;
use crate::settings::{self, Settings};
use arguments::Selection;

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

/// The configuration that the arguments name. Its definitions are not looked at: they may be what is being fixed.
fn configured(selection: &Selection) -> Result<Option<Settings>, CommandError> {
    let Some(file) = &selection.config else { return Ok(None) };
    let loaded = Settings::load(file, settings::environment(), &selection.overrides);
    loaded
        .map(Some)
        .map_err(|faults| CommandError::Faults(faults.iter().map(ToString::to_string).collect()))
}
