//! `odometer check --config FILE --live`: tries what the configuration names, from here and as this user, before a daemon
//! does: directories, files, addresses, and (in `broker`) Kafka. Leaves nothing behind.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::iter::successors;
use std::path::{Path, PathBuf};

use super::broker;
use crate::admin;
use crate::checkpoint::{self, Bucket};
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::run::{lock_directory, look_at_files, own_files};
use crate::definition::Definitions;
use crate::file::{Appender, Follower, Notice, Rotation, directory_of};
use crate::format::state::WrittenFile;
use crate::settings::{Checkpoints, Files, Flow, Settings};

/// Name of the file that a directory is tried with.
const PROBE: &str = ".odometer-check";

/// What was tried, told as it is found out.
#[derive(Default)]
pub(super) struct Report {
    tried: usize,
    failed: usize,
}

impl Report {
    /// Tells how a trial ended.
    pub(super) fn tell(
        &mut self,
        what: &str,
        outcome: Result<String, String>,
    ) -> Result<(), CommandError> {
        self.tried += 1;
        self.failed += usize::from(outcome.is_err());
        let line = match outcome {
            Ok(words) => format!("ok      {what}: {words}\n"),
            Err(reason) => format!("FAILED  {what}: {reason}\n"),
        };
        print(&line)
    }

    fn end(&self) -> Result<(), CommandError> {
        let Report { tried, failed } = self;
        if *failed > 0 {
            return Err(CommandError::failed(format!("{failed} of {tried} trials failed")));
        }
        print(&format!("{tried} trials, no failure\n"))
    }
}

/// Tries everything, one line each.
///
/// # Errors
/// That something failed, once all is tried.
pub(super) fn check(settings: &Settings, definitions: &Definitions) -> Result<(), CommandError> {
    let mut report = Report::default();
    print("\n")?;
    let directory = &settings.state.directory;
    let what = format!("state.directory {}", directory.display());
    report.tell(&what, state_directory(settings))?;
    if let Some(address) = settings.admin.address {
        let bound = admin::Listener::bind(&admin::Options { address });
        let outcome = bound.map(|_| "it can be listened at".to_owned());
        report.tell(&format!("admin.address {address}"), outcome.map_err(|e| e.to_string()))?;
    }
    if let Some(kept) = &settings.state.checkpoints {
        report.tell(&format!("state.checkpoint.store {:?}", kept.store), checkpoint_store(kept))?;
    }
    match &settings.flow {
        Flow::Kafka(flow) => broker::check(settings, flow, definitions, &mut report)?,
        Flow::Files(files) => check_files(settings, files, definitions, &mut report)?,
    }
    report.end()
}

/// Whether it is a state directory, or can be one, that nobody uses and that takes files.
fn state_directory(settings: &Settings) -> Result<String, String> {
    let directory = &settings.state.directory;
    let was_there = directory.join("lock").exists();
    let made = Made::directories(directory).map_err(|error| error.to_string())?;
    let locked = lock_directory(settings).map_err(|error| said(&error));
    let outcome = locked.and_then(|lock| {
        let outcome = take_a_file(directory);
        if !was_there {
            drop(fs::remove_file(directory.join("lock")));
        }
        drop(lock);
        outcome
    });
    drop(made);
    outcome.map(|()| {
        let words = if was_there { "a state is there" } else { "no state is there yet" };
        format!("it takes files; {words}, and nobody uses it")
    })
}

/// Whether the store of checkpoints answers who lists it, or is a directory, or can be one, that takes files. Whether a server
/// takes any is seen at the first checkpoint: nothing is put there.
fn checkpoint_store(kept: &Checkpoints) -> Result<String, String> {
    let properties = kept.properties.expose();
    if let Some(directory) = checkpoint::directory(&kept.store) {
        let made = Made::directories(&directory).map_err(|error| error.to_string())?;
        let outcome = take_a_file(&directory);
        drop(made);
        outcome?;
        return Ok("it takes files".to_owned());
    }
    let bucket = Bucket::open(&kept.store, &properties, None).map_err(|error| error.to_string())?;
    let is_used = bucket.is_used().map_err(|error| error.to_string())?;
    let words = if is_used { "something is in it" } else { "nothing is in it yet" };
    Ok(format!("it may be listed; {words}"))
}

/// The words of a failure and of all that it came from.
fn said(error: &CommandError) -> String {
    let first: &dyn Error = error;
    let chain = successors(Some(first), |error| Error::source(*error));
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn check_files(
    settings: &Settings,
    files: &Files,
    definitions: &Definitions,
    report: &mut Report,
) -> Result<(), CommandError> {
    let looked = look_at_files(settings, definitions);
    let outcome = match &looked {
        Ok(Some(_)) => Ok("a start goes on from it".to_owned()),
        Ok(None) => Ok("there is none yet: a start begins it".to_owned()),
        Err(error) => Err(said(error)),
    };
    report.tell(&format!("state in {}", settings.state.directory.display()), outcome)?;
    for pattern in &files.patterns {
        let mut follower = Follower::new(vec![pattern.clone()], BTreeMap::new())
            .apart_from(own_files(settings, files));
        let found = follower.scan();
        let found = found.iter().filter_map(|notice| match notice {
            Notice::New(path) => Some(path),
            Notice::Renamed(..) | Notice::Rewritten(_) | Notice::Gone(..) => None,
        });
        let mut faults: Vec<String> =
            follower.troubles().iter().map(|(what, reason)| format!("{what}: {reason}")).collect();
        let mut count = 0_usize;
        for path in found {
            count += 1;
            if let Err(error) = File::open(path) {
                faults.push(format!("{path}: {error}"));
            }
        }
        let outcome = match faults.as_slice() {
            [] if count == 0 => Ok("finds no file yet".to_owned()),
            [] => Ok(format!("finds {count} files, and all can be read")),
            [only] => Err(only.clone()),
            [first, more @ ..] => Err(format!("{first}; {} more", more.len())),
        };
        report.tell(&format!("source.paths {:?}", pattern.text()), outcome)?;
    }
    let Ok(written) = looked.map(Option::unwrap_or_default) else {
        return report.tell("sink.path, rejects.path", Err("not tried: see state".to_owned()));
    };
    let outputs = [
        ("sink.path", &files.totals, &written.totals),
        ("rejects.path", &files.rejects, &written.rejects),
    ];
    for (key, path, written) in outputs {
        let Some(path) = path else {
            report.tell(key, Ok("standard output: at least once".to_owned()))?;
            continue;
        };
        let outcome =
            output(path, files.rotation, written.as_ref()).map_err(|error| error.to_string());
        report.tell(&format!("{key} {}", path.display()), outcome)?;
    }
    Ok(())
}

/// Whether a daemon could append to it, and would: of what is `written` nothing is missing, and nothing is somebody else's.
fn output(path: &Path, rotation: Rotation, written: Option<&WrittenFile>) -> io::Result<String> {
    let directory = directory_of(path);
    let _made = Made::directories(directory)?;
    take_a_file(directory).map_err(io::Error::other)?;
    let is_there = Appender::would_open(path, rotation, written)?;
    Ok(if is_there { "it can be added to" } else { "it can be made" }.to_owned())
}

/// Whether a directory takes a file and its bytes.
fn take_a_file(directory: &Path) -> Result<(), String> {
    let path = directory.join(format!("{PROBE}-{}", std::process::id()));
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(PROBE.as_bytes())?;
        file.sync_all()
    });
    let removed = if path.exists() { fs::remove_file(&path) } else { Ok(()) };
    written.and(removed).map_err(|error| format!("it takes no files: {error}"))
}

/// Directories that were made for a trial; they go with it.
struct Made(Vec<PathBuf>);

impl Made {
    fn directories(path: &Path) -> io::Result<Self> {
        let missing =
            path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let missing = missing.map(Path::to_owned).collect();
        fs::create_dir_all(path)?;
        Ok(Made(missing))
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for directory in &self.0 {
            // One that somebody uses by now stays.
            drop(fs::remove_dir(directory));
        }
    }
}
