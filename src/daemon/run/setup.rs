//! What every source needs before it begins: the configuration, and the state directory for this process alone.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::daemon::{CommandError, definition_files};
use crate::definition::Definitions;
use crate::settings::{self, Settings};

/// Reads the settings and the definitions that they name; every fault of both.
pub(in crate::daemon) fn configured(
    file: &Path,
    overrides: &[(String, String)],
) -> Result<(Settings, Definitions), CommandError> {
    let words = |faults: Vec<settings::SettingsFault>| -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    };
    let listed = |faults| CommandError::Faults(words(faults));
    let settings = match Settings::load(file, settings::environment(), overrides) {
        Ok(settings) => settings,
        Err(faults) => {
            let mut all = words(faults);
            let files = settings::definition_files(file, settings::environment(), overrides);
            let definitions =
                files.map_or(Ok(Definitions::default()), |files| definition_files::load(&files));
            if let Err(CommandError::Faults(more)) = definitions {
                all.extend(more);
            }
            return Err(CommandError::Faults(all));
        }
    };
    let definitions = definition_files::load(&settings.metrics.files)?;
    settings::check_topics(&settings, &definitions).map_err(listed)?;
    Ok((settings, definitions))
}

/// Takes the state directory for this process alone, for as long as the file is kept open: two processes of one directory
/// would be one member to the broker, and end each other's transactions.
pub(in crate::daemon) fn lock_directory(settings: &Settings) -> Result<File, CommandError> {
    let directory = &settings.state.directory;
    let name = directory.display();
    let failed = |error| CommandError::failed_by(format!("state directory {name}"), error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let names: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    // A file system of its own has a folder before anyone wrote to it.
    let other = names.iter().find(|name| *name != "lost+found");
    if let (Some(other), false) = (other, names.iter().any(|name| name == "lock")) {
        return Err(CommandError::failed(format!(
            "state directory {name} holds no state of `odometer run`, but {:?}: name another \
             directory, or an empty one",
            other.to_string_lossy()
        )));
    }
    let file = File::create(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CommandError::failed(format!(
            "state directory {name} is in use by another process: stop that one first, or name \
             another directory"
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
