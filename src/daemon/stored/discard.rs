//! `odometer state discard`: puts a task's state out of the way, so that the next start finds none.
//!
//! Nothing is deleted: the folder stays beside its place under another name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::is_task;
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::run::put_aside;

pub(super) const HELP: &str = "\
Renames each folder to NAME.aside-N beside its place: nothing of it is read any more, and nothing of it is
deleted. The next start goes by what the group has committed for that partition: where that names the
beginning of a task, or where there is none and source.start_from says, it begins anew; else it halts,
for what was delivered rests on a state that is not here.

Refused while a daemon has the directory, also where it has halted that task: stop it first.

Example:
  odometer state discard data/state/usage-3

Before a topic is counted anew by a new group, all of them:
  odometer state discard data/state/usage-*";

/// `odometer state discard`
#[derive(Clone, Debug, Args)]
pub struct DiscardArguments {
    /// Directories of tasks in a state.directory of `odometer run`
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Puts the states aside, once that is confirmed.
pub(super) fn discard(arguments: &DiscardArguments) -> Result<(), CommandError> {
    let DiscardArguments { directories, yes } = arguments;
    // Held until all is done.
    let mut locks = BTreeMap::new();
    for directory in directories {
        if !is_task(directory) {
            return Err(CommandError::failed(format!(
                "{} holds no state of a task: name those that `odometer state list` shows",
                directory.display()
            )));
        }
        let parent = directory.parent().map(Path::to_owned);
        if let Entry::Vacant(place) = locks.entry(parent) {
            place.insert(lock_beside(directory)?);
        }
    }
    let names: Vec<String> = directories.iter().map(|one| one.display().to_string()).collect();
    if !yes && !is_confirmed(&format!("Put {} out of the way?", names.join(", ")))? {
        return Err(CommandError::failed("not confirmed: nothing was done"));
    }
    for (directory, name) in directories.iter().zip(names) {
        let place = put_aside(directory)
            .map_err(|error| CommandError::failed_by(format!("setting {name} aside"), error))?;
        print(&format!("{name} is now {}\n", place.display()))?;
    }
    Ok(())
}

/// Takes the state directory that a task's is in, as a daemon does.
fn lock_beside(directory: &Path) -> Result<File, CommandError> {
    let name = directory.display();
    let parent = directory.parent().filter(|path| !path.as_os_str().is_empty());
    let path = parent.unwrap_or(Path::new(".")).join("lock");
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => CommandError::failed(format!(
            "{name} is in no state.directory of `odometer run`: there is no {}",
            path.display()
        )),
        _ => CommandError::failed_by(path.display().to_string(), error),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommandError::failed(format!(
            "{name} is in use by another process: stop that one first"
        ))),
        Err(TryLockError::Error(error)) => {
            Err(CommandError::failed_by(path.display().to_string(), error))
        }
    }
}

/// Asks on the terminal.
///
/// # Errors
/// Nobody is there to be asked.
pub(super) fn is_confirmed(question: &str) -> Result<bool, CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Faults(vec![
            "--yes is missing: nobody is there to be asked".to_owned(),
        ]));
    }
    let failed = |error| CommandError::failed_by("asking on the terminal", error);
    let mut terminal = io::stderr();
    write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
