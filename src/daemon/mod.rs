//! Layer 8, the program: reads the command line, owns threads and signals, and joins the layers below to commands.
//!
//! In reading order: `cli` (what may be asked), `usage` (what of it is wrong), `outcome` (how a command can end), `clock` and `signals` (the doors to
//! the world's time and the operator's will), then one module for each command. Nothing here decides anything
//! about totals.

mod aggregate;
mod ask;
mod audit;
mod check;
pub mod cli;
mod client;
pub mod clock;
mod definition_files;
mod definitions;
mod generate;
mod key;
mod lines;
mod manual;
mod outcome;
mod pace;
mod readback;
mod rejects;
mod run;
pub mod signals;
mod stored;
mod table;
mod trust;
mod unbound;
mod usage;

pub use cli::CommandLine;
pub use outcome::{CommandError, Failure, report};

use crate::file::keep_private;
use cli::Command;

/// Does what the command line asks.
///
/// # Errors
/// Whatever ended the command early; [`CommandError::exit_status`] has the status that scripts see.
pub fn execute(line: &CommandLine) -> Result<(), CommandError> {
    keep_private();
    // The daemon's log waits for the configuration, which has a say in it.
    if !matches!(line.command, Command::Run(_)) {
        line.log.set_up(None);
    }
    match &line.command {
        Command::Run(arguments) => run::run(arguments, &line.log),
        Command::Aggregate(arguments) => aggregate::aggregate(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Generate(arguments) => generate::generate(arguments),
        Command::Usage(arguments) => ask::usage(arguments),
        Command::Definitions(command) => definitions::definitions(command),
        Command::State(command) => stored::state(command),
        Command::Rejects(command) => rejects::rejects(command),
        Command::Audit(arguments) => audit::audit(arguments),
        Command::Key(command) => key::key(command),
        Command::Completions(arguments) => manual::completions(arguments),
        Command::Man(arguments) => manual::man(arguments),
    }
}
