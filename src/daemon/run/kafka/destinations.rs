//! What the topics of totals and of rejects are: kept beside the states before anything is delivered, and held against
//! what they are by now, at the start and before each transaction.
//!
//! ```text
//! sink-topics, a line for each topic that there ever was:  cluster TAB topic TAB id, or "-" TAB partitions
//! ```
//! A topic that was created anew lacks the revisions before, and how many partitions the totals have says where those of a
//! customer stand: after a change of either, nothing is delivered before somebody has looked at it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::keep;
use super::worker::Error;
use crate::daemon::CommandError;
use crate::engine::Halt;
use crate::kafka::{self, TopicShape};

const MEMORY_FILE: &str = "sink-topics";
/// In place of an id, where the broker tells none.
const NO_ID: &str = "-";
/// How long an answer is waited for before a transaction.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// How much of a damaged line is told.
const SHOWN_CHARS: usize = 80;

/// What is delivered to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// Each customer's to one partition.
    Totals,
    /// To any partition.
    Rejects,
}

/// What is remembered of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    id: Option<String>,
    partitions: i32,
}

/// What is remembered, by cluster and topic.
type Memory = BTreeMap<(String, String), Known>;

/// The topics of totals and of rejects, as they were when this process began.
pub(super) struct Destinations {
    broker: kafka::Destinations,
    topics: [(Role, String, Known); 2],
    path: PathBuf,
}

impl Known {
    /// With the id where it is told by now.
    fn renewed(&self, now: &TopicShape) -> Self {
        let told = now.id.as_ref().map(ToString::to_string);
        Known { id: told.or_else(|| self.id.clone()), partitions: now.partitions }
    }

    /// Why nothing may be delivered any more, where it is another topic now.
    fn halt(&self, role: Role, now: &TopicShape, path: &Path) -> Option<Halt> {
        let memory = path.display().to_string();
        let told = now.id.as_ref().map(ToString::to_string);
        match (self.id.clone(), told) {
            (Some(before), Some(now)) if before != now => {
                return Some(Halt::DestinationReplaced { before, now, memory });
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        let (before, now) = (self.partitions, now.partitions);
        match role {
            Role::Totals if before != now => {
                Some(Halt::DestinationPartitionsChanged { before, now, memory })
            }
            Role::Totals | Role::Rejects => None,
        }
    }
}

impl Destinations {
    /// Holds what the broker tells against what is kept in the state directory, and keeps what is new.
    ///
    /// # Errors
    /// A topic that is another one now, or a file that cannot be read or written.
    pub(super) fn known(
        broker: kafka::Destinations,
        directory: &Path,
        cluster: &str,
        [totals, rejects]: [(&str, &TopicShape); 2],
    ) -> Result<Self, CommandError> {
        let path = directory.join(MEMORY_FILE);
        let before = read(&path)?;
        let mut memory = before.clone();
        let mut known = |role, (topic, now): (&str, &TopicShape)| {
            let place = (cluster.to_owned(), topic.to_owned());
            let fresh = Known { id: None, partitions: now.partitions };
            let known = memory.entry(place).or_insert(fresh);
            if let Some(halt) = known.halt(role, now, &path) {
                let error = Error::NothingDelivered(topic.to_owned(), halt);
                return Err(CommandError::failed(error.to_string()));
            }
            *known = known.renewed(now);
            Ok((role, topic.to_owned(), known.clone()))
        };
        let topics = [known(Role::Totals, totals)?, known(Role::Rejects, rejects)?];
        if memory != before {
            let lines: Vec<String> = memory.iter().map(line).collect();
            keep(directory, MEMORY_FILE, &lines).map_err(|error| {
                CommandError::failed_by(format!("state directory {}", directory.display()), error)
            })?;
        }
        Ok(Destinations { broker, topics, path })
    }

    /// That both topics are what they were, as of now.
    ///
    /// # Errors
    /// A topic that is another one now, or a broker that does not answer or does not know it now.
    pub(super) fn same(&self) -> Result<(), Error> {
        let shapes = self.broker.shapes(ANSWER_WAIT)?;
        for ((role, topic, known), now) in self.topics.iter().zip(&shapes) {
            if let Some(halt) = known.halt(*role, now, &self.path) {
                return Err(Error::NothingDelivered(topic.clone(), halt));
            }
        }
        Ok(())
    }
}

fn line(((cluster, topic), known): (&(String, String), &Known)) -> String {
    let id = known.id.as_deref().unwrap_or(NO_ID);
    format!("{cluster}\t{topic}\t{id}\t{}", known.partitions)
}

/// What the file has. Blank lines are passed over.
fn read(path: &Path) -> Result<Memory, CommandError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::new()),
        Err(error) => return Err(CommandError::failed_by(path.display().to_string(), error)),
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
    let path = path.display();
    format!(
        "{path}, line {number}: {shown:?} is not what is remembered of a topic (cluster, topic, id \
         and number of partitions), or one that stands there twice: the file is damaged. Where the \
         topics that sink.topic and rejects.topic name are still those that were delivered to, with \
         as many partitions, remove {path} and start again"
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
        let lines: Vec<String> = kept.iter().map(line).collect();
        keep(directory.path(), MEMORY_FILE, &lines).expect("it can be written");
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
            for words in ["sink-topics, line 2: ", "remove ", "start again"] {
                assert!(told.contains(words), "no {words} in: {told}");
            }
        }
        assert!(memory(&b"x".repeat(40_000)).expect_err("damage").len() < 800);
    }

    #[test]
    fn topic_that_comes_back_under_an_old_name_is_held_against_what_it_was() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let begin = |totals: &str, partitions: i32| {
            let broker = kafka::Destinations::open(&BTreeMap::new(), totals, "rejects");
            let shape = |partitions| TopicShape { id: None, partitions };
            let topics = [(totals, &shape(partitions)), ("rejects", &shape(1))];
            Destinations::known(broker.expect("a client"), directory.path(), "cluster", topics)
                .map(|known| known.topics[0].2.partitions)
                .map_err(|error| error.to_string())
        };
        assert_eq!((begin("old", 3), begin("new", 4), begin("old", 3)), (Ok(3), Ok(4), Ok(3)));
        let told = begin("old", 5).expect_err("it has other partitions");
        assert!(told.contains("nothing is delivered to topic old: it had 3"), "{told}");
        let path = directory.path().join(MEMORY_FILE);
        assert!(told.contains(&format!("remove {} and start again", path.display())), "{told}");
        fs::remove_file(path).expect("it is there");
        assert_eq!(begin("old", 5), Ok(5));
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
        let changed = Halt::DestinationPartitionsChanged { before: 3, now: 4, memory };
        assert_eq!(halt(Role::Totals, topic(None, 3), 4), Some(changed));
    }
}
