//! Who this process is to Kafka from start to start: its name, and every transactional id that it has had. Both are kept
//! beside the states.
//!
//! A killed process may leave a transaction open under any of its ids, those too that no worker has any more: with fewer
//! workers, or fewer topics. Until it ends, it hides later totals from readers of what is committed, and keeps offsets
//! back. So all ids are taken up before any partition is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::asking::Asking;
use super::setup::Work;
use crate::daemon::CommandError;
use crate::daemon::run::state::random_id;
use crate::kafka;
use crate::settings::{KafkaFlow, Settings};

/// The process's random name.
const NAME_FILE: &str = "instance";
/// A transactional id a line.
const IDS_FILE: &str = "transactional-ids";

/// The name under which this process comes back: the operator's, or a random one kept beside the state.
pub(super) fn instance(settings: &Settings, flow: &KafkaFlow) -> Result<String, CommandError> {
    if let Some(name) = &flow.source.instance_id {
        return Ok(name.clone());
    }
    let directory = &settings.state.directory;
    match fs::read_to_string(directory.join(NAME_FILE)) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Ok(_) | Err(_) => {
            let name = random_id().to_string();
            keep(directory, NAME_FILE, [&name]).map_err(failed(directory))?;
            Ok(name)
        }
    }
}

/// Takes up every transactional id that the process has had or is to have, which ends what was left open. Whether it did:
/// else it was told to stop before the broker answered.
///
/// # Errors
/// A state directory that cannot be written to, or a broker that refuses.
pub(super) fn take_up(
    directory: &Path,
    work: &[Work],
    asking: &Asking<'_>,
) -> Result<bool, CommandError> {
    let Some((_, options)) = work.first() else { return Ok(true) };
    let present: BTreeSet<String> =
        work.iter().map(|(_, options)| options.transactional_id()).collect();
    let known = known_ids(directory).map_err(failed(directory))?;
    let all: BTreeSet<String> = known.union(&present).cloned().collect();
    if all != known {
        // On disk before there is a producer of that id.
        keep(directory, IDS_FILE, &all).map_err(failed(directory))?;
    }
    let former: Vec<_> = all.difference(&present).collect();
    if !former.is_empty() {
        tracing::info!(?former, "taking up the transactional ids of former workers");
    }
    if asking.until_answered(|| end_what_is_open(options, &all))?.is_none() {
        return Ok(false);
    }
    if all != present {
        keep(directory, IDS_FILE, &present).map_err(failed(directory))?;
    }
    Ok(true)
}

/// All at once: each takes its time, and the workers' producers are as many.
fn end_what_is_open(options: &kafka::Options, ids: &BTreeSet<String>) -> Result<(), kafka::Error> {
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for id in ids {
            let thread = std::thread::Builder::new().name("taking-up".to_owned());
            let thread = thread.spawn_scoped(scope, || kafka::take_up(options, id));
            threads.push(thread.expect("the system starts a thread"));
        }
        let mut outcomes = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        outcomes.try_for_each(|outcome| outcome.expect("a panic is a broken invariant"))
    })
}

fn known_ids(directory: &Path) -> io::Result<BTreeSet<String>> {
    match fs::read_to_string(directory.join(IDS_FILE)) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Writes a file of lines whole, or not at all, so that it outlasts a power cut.
fn keep<'a>(
    directory: &Path,
    name: &str,
    lines: impl IntoIterator<Item = &'a String>,
) -> io::Result<()> {
    let part = directory.join(format!("{name}.part"));
    let mut file = File::create(&part)?;
    for line in lines {
        writeln!(file, "{line}")?;
    }
    file.sync_all()?;
    fs::rename(part, directory.join(name))?;
    File::open(directory)?.sync_all()
}

fn failed(directory: &Path) -> impl FnOnce(io::Error) -> CommandError + use<'_> {
    move |error| CommandError::failed_by(format!("state directory {}", directory.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_until_others_take_their_place() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let known = || known_ids(directory.path()).expect("it can be read");
        assert_eq!(known(), BTreeSet::new());
        for ids in [&["a-0", "a-1"][..], &["a-0"], &[]] {
            let ids: BTreeSet<String> = ids.iter().map(|&id| id.to_owned()).collect();
            keep(directory.path(), IDS_FILE, &ids).expect("it can be written");
            assert_eq!(known(), ids);
        }
    }
}
