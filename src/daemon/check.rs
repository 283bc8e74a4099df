//! `odometer check`: not built yet.

use super::CommandError;
use super::cli::CheckArguments;

/// Ends at once and says so.
pub(super) fn check(_arguments: &CheckArguments) -> Result<(), CommandError> {
    Err(CommandError::failed("odometer check is not built yet"))
}
