//! `odometer state`: not built yet.

use super::CommandError;
use super::cli::StateCommand;

/// Ends at once and says so.
pub(super) fn state(command: &StateCommand) -> Result<(), CommandError> {
    let name = match command {
        StateCommand::Inspect(_) => "inspect",
        StateCommand::Verify(_) => "verify",
        StateCommand::Export(_) => "export",
    };
    Err(CommandError::failed(format!("odometer state {name} is not built yet")))
}
