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
use crate::daemon::CommandError;
use crate::daemon::run::state::random_id;
use crate::kafka;
use crate::settings::{KafkaFlow, Settings};

/// The process's random name.
const NAME_FILE: &str = "instance";
/// A transactional id a line.
const IDS_FILE: &str = "transactional-ids";
/// Longer than any id that is made: a group, an instance and a topic of 255 bytes each, and numbers.
const ID_BYTES_MAX: usize = 1000;
/// How much of a damaged line is told.
const SHOWN_CHARS: usize = 80;

/// The name under which this process comes back: the operator's, or a random one kept beside the state.
pub(super) fn instance(settings: &Settings, flow: &KafkaFlow) -> Result<String, CommandError> {
    if let Some(name) = &flow.source.instance_id {
        return Ok(name.clone());
    }
    let directory = &settings.state.directory;
    match fs::read_to_string(directory.join(NAME_FILE)) {
        // What no id could be made of is damage.
        Ok(name) if is_line(name.trim()) => Ok(name.trim().to_owned()),
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
    workers: &[&kafka::Options],
    asking: &Asking<'_>,
) -> Result<bool, CommandError> {
    let Some(options) = workers.first() else { return Ok(true) };
    let present: BTreeSet<String> =
        workers.iter().map(|options| options.transactional_id()).collect();
    let known = known_ids(directory, &options.group)?;
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

/// The ids that the file has. Blank lines are passed over; any other line is an id of that group.
pub(super) fn known_ids(directory: &Path, group: &str) -> Result<BTreeSet<String>, CommandError> {
    let path = directory.join(IDS_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(CommandError::failed_by(path.display().to_string(), error)),
    };
    let mut ids = BTreeSet::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        let id = std::str::from_utf8(line).ok().filter(|text| is_id_of(group, text));
        match id {
            Some(id) => drop(ids.insert(id.to_owned())),
            None if line.is_empty() => {}
            None => return Err(CommandError::failed(damaged(&path, number, line, group))),
        }
    }
    Ok(ids)
}

/// All ids that were ever made begin so.
fn is_id_of(group: &str, text: &str) -> bool {
    is_line(text) && text.strip_prefix(group).is_some_and(|rest| rest.starts_with('-'))
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.chars().any(char::is_control)
}

fn damaged(path: &Path, number: u32, line: &[u8], group: &str) -> String {
    let shown: String = String::from_utf8_lossy(line).chars().take(SHOWN_CHARS).collect();
    format!(
        "{}, line {number}: {shown:?} is no transactional id of group {group:?}, which begin with \
         {group}-: the file is damaged, or the state directory is another group's. Point \
         state.directory to this group's own, or take that line out: a transaction that was left \
         open under the id that stood there ends by its timeout then, and hides later totals until it does",
        path.display()
    )
}

/// Writes a file of lines whole, or not at all, so that it outlasts a power cut.
pub(super) fn keep<'a>(
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
        let known = || known_ids(directory.path(), "a").expect("it can be read");
        assert_eq!(known(), BTreeSet::new());
        for ids in [&["a-0", "a-1"][..], &["a-0"], &[]] {
            let ids: BTreeSet<String> = ids.iter().map(|&id| id.to_owned()).collect();
            keep(directory.path(), IDS_FILE, &ids).expect("it can be written");
            assert_eq!(known(), ids);
        }
    }

    #[test]
    fn line_that_is_no_id_of_the_group_is_told_by_its_number() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let read = |bytes: &[u8]| {
            fs::write(directory.path().join(IDS_FILE), bytes).expect("it can be written");
            known_ids(directory.path(), "eu").map_err(|error| error.to_string())
        };
        let ids = ["eu-a-usage-0", "eu-a-usage-1"].map(str::to_owned);
        for whole in ["eu-a-usage-0\n\neu-a-usage-1", "   \r\neu-a-usage-0\r\neu-a-usage-1\r\n"] {
            assert_eq!(read(whole.as_bytes()), Ok(BTreeSet::from(ids.clone())), "{whole:?}");
        }
        let long = format!("eu-{}", "x".repeat(40_000));
        for line in [&b"other-0"[..], b"eux-0", b"eu-a\0b", b"\xff\xfe", long.as_bytes()] {
            let told = read(&[b"eu-a-usage-0\n", line, b"\n"].concat()).expect_err("damage");
            for words in ["transactional-ids, line 2: ", "group \"eu\"", "take that line out"] {
                assert!(told.contains(words), "no {words} in: {told}");
            }
            assert!(told.len() < 800, "{} bytes", told.len());
        }
    }
}
