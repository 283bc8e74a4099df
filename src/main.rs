//! The program `odometer`: reads the command line, runs one command, and ends with its exit status.

use std::process::ExitCode;

use anyhow::Error;
use odometer::daemon::{self, CommandLine};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line = CommandLine::read();
    match daemon::execute(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let status = error.exit_status();
            daemon::report(error, |failure| format!("{:#}", Error::new(failure)));
            ExitCode::from(status)
        }
    }
}
