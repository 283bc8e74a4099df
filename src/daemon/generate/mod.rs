//! `odometer generate`: not built yet.

use super::CommandError;

/// What events to make.
#[derive(Clone, Debug, clap::Args)]
pub struct GenerateArguments {}

/// Ends at once and says so.
pub(super) fn generate(_arguments: &GenerateArguments) -> Result<(), CommandError> {
    Err(CommandError::failed("odometer generate is not built yet"))
}
