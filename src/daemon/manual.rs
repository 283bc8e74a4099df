//! `odometer completions` and `odometer man`: what shells and `man` know of the command line, made from it.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::cli::CommandLine;
use super::outcome::print;
use super::{CommandError, Failure};

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  odometer completions bash > /etc/bash_completion.d/odometer
  odometer completions zsh > ~/.zfunc/_odometer";

pub(super) const MAN_HELP: &str = "\
Without --directory the page of the program itself goes to stdout; with it one page for each command
is written as well: odometer.1, odometer-run.1, and so on.

Examples:
  odometer man | man -l -
  odometer man --directory /usr/local/share/man/man1";

/// `odometer completions`
#[derive(Clone, Debug, Args)]
pub struct CompletionsArguments {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

/// `odometer man`
#[derive(Clone, Debug, Args)]
pub struct ManArguments {
    /// Write a page for each command into this directory [default: one page, to stdout]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Prints what a shell reads to complete commands and flags.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "odometer", &mut script);
    print(&text_of(script))
}

/// Prints the manual page, or writes those of all commands.
pub(super) fn man(arguments: &ManArguments) -> Result<(), CommandError> {
    let command = CommandLine::command();
    if let Some(directory) = &arguments.directory {
        return clap_mangen::generate_to(command, directory).map_err(|error: io::Error| {
            let what = format!("writing manual pages to {}", directory.display());
            CommandError::Failed(Failure::of(what, error))
        });
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).expect("memory takes all that is written");
    print(&text_of(page))
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("help texts are UTF-8")
}
