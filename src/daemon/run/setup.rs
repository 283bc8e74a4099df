//! What every source needs before it begins: the configuration, and the state directory for this process alone.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::certificate;
use super::peers::Peers;
use crate::daemon::{CommandError, definition_files};
use crate::definition::Definitions;
use crate::settings::{self, Settings};
use crate::store;

/// Reads the settings, and the definitions and certificates that they name; every fault of them.
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
            let named = settings::named(file, settings::environment(), overrides);
            let named = named.unwrap_or_default();
            let definitions = definition_files::load(&named.definitions).and_then(|definitions| {
                let checked =
                    named.topics.map(|topics| settings::check_topics(&topics, &definitions));
                checked.unwrap_or(Ok(())).map_err(listed)
            });
            if let Err(CommandError::Faults(more)) = definitions {
                all.extend(more);
            }
            return Err(CommandError::Faults(all));
        }
    };
    let definitions = definition_files::load(&settings.metrics.files).and_then(|definitions| {
        settings::check_topics(&settings.flow.topics(), &definitions).map_err(listed)?;
        Ok(definitions)
    });
    let mut more = Vec::new();
    let tls = settings.admin.tls.as_ref();
    for read in [
        tls.map_or(Ok(()), |files| certificate::load(files).map(drop)),
        Peers::new(&settings.admin).map(drop),
    ] {
        match read {
            Err(CommandError::Faults(faults)) => more.extend(faults),
            other => other?,
        }
    }
    match definitions {
        Err(CommandError::Faults(mut faults)) => {
            faults.append(&mut more);
            Err(CommandError::Faults(faults))
        }
        Ok(_) if !more.is_empty() => Err(CommandError::Faults(more)),
        definitions => Ok((settings, definitions?)),
    }
}

/// Takes the state directory for this process alone, for as long as the file is kept open: two processes of one directory
/// would be one member to the broker, and end each other's transactions.
pub(in crate::daemon) fn lock_directory(settings: &Settings) -> Result<File, CommandError> {
    let directory = &settings.state.directory;
    let name = directory.display();
    let failed = |error| CommandError::failed_by(format!("state directory {name}"), error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    if let Some(other) = foreign(directory).map_err(failed)? {
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

/// What lies in a directory that no process of ours has had, and is not ours.
fn foreign(directory: &Path) -> io::Result<Option<OsString>> {
    let entries = std::fs::read_dir(directory)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    if names.iter().any(|name| name == "lock") {
        return Ok(None);
    }
    // A file system of its own has a folder before anyone wrote to it; and states may have been brought here, without
    // what lay beside them.
    let is_ours = |name: &OsString| name == "lost+found" || store::exists(&directory.join(name));
    Ok(names.into_iter().find(|name| !is_ours(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_were_brought_are_ours_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let found = || foreign(folder.path()).expect("it can be read");
        let write = |name: &str| std::fs::write(folder.path().join(name), "").expect("a file");
        assert_eq!(found(), None);
        for name in ["usage-0", "usage-1.aside-1"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
            assert_eq!(found(), Some(name.into()), "a folder without a state");
            write(&format!("{name}/CURRENT"));
            assert_eq!(found(), None);
        }
        write("notes.txt");
        assert_eq!(found(), Some("notes.txt".into()));
        write("lock");
        assert_eq!(found(), None);
    }
}
