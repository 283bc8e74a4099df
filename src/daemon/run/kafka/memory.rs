//! What is remembered of the topics that were delivered to, and the file that has it.
//!
//! ```text
//! sink-topics, a line for each topic that was ever delivered to:  cluster TAB topic TAB id, or "-" TAB partitions
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::identity::keep;
use crate::daemon::CommandError;
use crate::engine::{Halt, Replaced};
use crate::kafka::TopicShape;

const MEMORY_FILE: &str = "sink-topics";
/// In place of an id, where the broker tells none.
const NO_ID: &str = "-";
/// How much of a damaged line is told.
const SHOWN_CHARS: usize = 80;

/// What is delivered to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Each customer's to one partition.
    Totals,
    /// To any partition.
    Rejects,
}

/// What is remembered of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) id: Option<String>,
    pub(super) partitions: i32,
}

/// What is remembered, by cluster and topic.
pub(super) type Memory = BTreeMap<(String, String), Known>;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { id, partitions } = self;
        write!(f, "{partitions} partitions")?;
        id.as_ref().map_or(Ok(()), |id| write!(f, " under id {id}"))
    }
}

impl Known {
    pub(super) fn of(now: &TopicShape) -> Self {
        Known { id: now.id.as_ref().map(ToString::to_string), partitions: now.partitions }
    }

    /// With the id where it is told by now.
    pub(super) fn renewed(&self, now: &TopicShape) -> Self {
        let now = Known::of(now);
        Known { id: now.id.or_else(|| self.id.clone()), partitions: now.partitions }
    }

    /// Why nothing may be delivered any more, where it is another topic now.
    pub(super) fn halt(&self, role: Role, now: &TopicShape, path: &Path) -> Option<Halt> {
        let memory = path.display().to_string();
        let now = Known::of(now);
        match (self.id.clone(), now.id, role) {
            (Some(before), Some(now), Role::Totals) if before != now => {
                return Some(Halt::TotalsReplaced(Replaced { before, now, memory }));
            }
            (Some(before), Some(now), Role::Rejects) if before != now => {
                return Some(Halt::RejectsReplaced(Replaced { before, now, memory }));
            }
            (Some(_) | None, Some(_) | None, _) => {}
        }
        let (before, now) = (self.partitions, now.partitions);
        match role {
            Role::Totals if before != now => {
                Some(Halt::TotalsPartitionsChanged { before, now, memory })
            }
            Role::Totals | Role::Rejects => None,
        }
    }
}

/// Where it is kept.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join(MEMORY_FILE)
}

/// Writes it whole, or not at all.
pub(super) fn write(directory: &Path, memory: &Memory) -> io::Result<()> {
    let lines: Vec<String> = memory.iter().map(line).collect();
    keep(directory, MEMORY_FILE, &lines)
}

fn line(((cluster, topic), known): (&(String, String), &Known)) -> String {
    let id = known.id.as_deref().unwrap_or(NO_ID);
    format!("{cluster}\t{topic}\t{id}\t{}", known.partitions)
}

/// What the file has. Blank lines are passed over; a file of nothing else was never written.
pub(super) fn read(path: &Path) -> Result<Memory, CommandError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::new()),
        Err(error) => {
            let what = format!("{} cannot be read ({error})", path.display());
            return Err(CommandError::failed(format!("{what}: {}", mended(path))));
        }
    };
    let mut memory = Memory::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let known = std::str::from_utf8(line).ok().and_then(understood);
        let is_new = known.is_some_and(|(place, known)| memory.insert(place, known).is_none());
        if !is_new {
            return Err(CommandError::failed(damaged(path, number, line)));
        }
    }
    if memory.is_empty() {
        let what = format!("{} is empty, and so damaged", path.display());
        return Err(CommandError::failed(format!("{what}: {}", mended(path))));
    }
    Ok(memory)
}

fn understood(line: &str) -> Option<((String, String), Known)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [cluster, topic, id, partitions] = fields[..] else { return None };
    let is_named = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    let partitions: i32 = partitions.parse().ok().filter(|count| *count > 0)?;
    let id = (id != NO_ID).then(|| id.to_owned());
    let is_whole = is_named(cluster) && is_named(topic) && id.as_deref().is_none_or(is_named);
    is_whole.then(|| ((cluster.to_owned(), topic.to_owned()), Known { id, partitions }))
}

fn damaged(path: &Path, number: u32, line: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(line).chars().take(SHOWN_CHARS).collect();
    format!(
        "{}, line {number}: {shown:?} is not what is remembered of a topic (cluster, topic, id and \
         number of partitions), or one that stands there twice, so that the file is damaged: {}",
        path.display(),
        mended(path)
    )
}

/// The step that gets over a file that tells nothing.
fn mended(path: &Path) -> String {
    format!(
        "where the topics that sink.topic and rejects.topic name are still those that were delivered \
         to, with as many partitions, `odometer state adopt sink-topics` writes {} anew",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "state/sink-topics";

    fn memory(bytes: &[u8]) -> Result<Memory, String> {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join(MEMORY_FILE);
        fs::write(&path, bytes).expect("it can be written");
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let known = |id: Option<&str>, partitions| Known { id: id.map(str::to_owned), partitions };
        let place = |topic: &str| ("cluster".to_owned(), topic.to_owned());
        let kept = Memory::from([
            (place("odometer.totals"), known(Some("-0aZ_"), 12)),
            (place("rejects"), known(None, 1)),
        ]);
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join(MEMORY_FILE);
        assert_eq!(read(&path).expect("no file is no memory"), Memory::new());
        write(directory.path(), &kept).expect("it can be written");
        assert_eq!(read(&path).expect("it can be read"), kept);
        assert_eq!(memory(b"\r\n cluster\trejects\t-\t1\r\n").map(|found| found.len()), Ok(1));
    }

    #[test]
    fn damaged_line_is_told_by_its_number() {
        let sound = &b"c\tt\tid\t3\n"[..];
        let faulty: [&[u8]; 7] = [
            b"c\tt\tid\t3",
            b"c\tu\tid",
            b"c\tu\tid\t0",
            b"c\t\tid\t3",
            b"c\tu\tid\t3\t4",
            b"\xff",
            b"{}",
        ];
        for line in faulty {
            let told = memory(&[sound, line].concat()).expect_err("damage");
            for words in ["sink-topics, line 2: ", "`odometer state adopt sink-topics` writes "] {
                assert!(told.contains(words), "no {words} in: {told}");
            }
        }
        assert!(memory(&b"x".repeat(40_000)).expect_err("damage").len() < 800);
    }

    #[test]
    fn file_that_tells_nothing_is_named_with_a_step() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = directory.path().join(MEMORY_FILE);
        fs::create_dir(&path).expect("it can be made");
        let unreadable = read(&path).expect_err("it is no file").to_string();
        for (told, what) in [
            (unreadable, "sink-topics cannot be read (Is a directory"),
            (memory(b"").expect_err("it is empty"), "sink-topics is empty"),
            (memory(b"\n \r\n").expect_err("it is blank"), "sink-topics is empty"),
        ] {
            for words in [what, "where the topics", "sink-topics anew"] {
                assert!(told.contains(words), "no {words} in: {told}");
            }
        }
    }

    #[test]
    fn another_id_halts_and_so_does_another_count_of_totals() {
        let topic = |id: Option<&str>, partitions| Known { id: id.map(str::to_owned), partitions };
        let halt = |role, known: Known, partitions| {
            known.halt(role, &TopicShape { id: None, partitions }, Path::new(PATH))
        };
        assert_eq!(halt(Role::Totals, topic(Some("a"), 3), 3), None);
        assert_eq!(halt(Role::Rejects, topic(Some("a"), 3), 4), None);
        let memory = PATH.to_owned();
        let changed = Halt::TotalsPartitionsChanged { before: 3, now: 4, memory };
        assert_eq!(halt(Role::Totals, topic(None, 3), 4), Some(changed));
    }
}
