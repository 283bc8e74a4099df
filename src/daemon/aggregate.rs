//! `odometer aggregate`: not built yet.

use super::CommandError;
use super::cli::AggregateArguments;

/// Ends at once and says so.
pub(super) fn aggregate(_arguments: &AggregateArguments) -> Result<(), CommandError> {
    Err(CommandError::failed("odometer aggregate is not built yet"))
}
