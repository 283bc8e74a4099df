//! What the commands that change a task's state have in common.

use std::path::PathBuf;

use clap::Args;

use super::discard::is_confirmed;
use crate::daemon::CommandError;
use crate::daemon::cli::setting;

/// Which task, by which configuration, and whether to ask.
#[derive(Clone, Debug, Args)]
pub(super) struct TaskArguments {
    /// The task, as its folder in state.directory is called: topic, hyphen, partition; adopt also takes sink-topics
    #[arg(value_name = "TASK")]
    pub(super) task: String,
    /// The configuration that the daemon runs with
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Override one key of it, such as source.group_id=odometer-2
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub(super) overrides: Vec<(String, String)>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl TaskArguments {
    /// Asks on the terminal, unless it is said not to.
    ///
    /// # Errors
    /// No terminal, or another answer than yes.
    pub(super) fn confirm(&self, question: &str) -> Result<(), CommandError> {
        if self.yes || is_confirmed(question)? {
            return Ok(());
        }
        Err(CommandError::failed("not confirmed: nothing was done"))
    }
}
