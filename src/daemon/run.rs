//! `odometer run`: not built yet.

use super::CommandError;
use super::cli::RunArguments;

/// Ends at once and says so.
pub(super) fn run(_arguments: &RunArguments) -> Result<(), CommandError> {
    Err(CommandError::failed("odometer run is not built yet"))
}
