//! The standby: the thread that keeps warm copies of partitions that other processes of the group serve.
//!
//! ```text
//! members of the group ─► which partitions are this process's to keep ─► Shelf::follow ─► a directory beside the states
//! ```
//! Nothing is decided by a copy: a restore takes files from it by digest, and fetches what is not there. A broker or store
//! that does not answer is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::setup::Work;
use crate::checkpoint;
use crate::kafka::{self, Member};

/// How long an answer of the broker is waited for: the thread ends no sooner.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// After how many rounds a task is surely started that this process serves.
const SERVED_ROUNDS_MAX: u32 = 20;
/// How the names of copies go on behind the states'.
const ENDING: &str = ".standby";

/// Topic and partition.
type Part = (String, i32);

/// Lets the thread work until it is dropped.
pub(super) struct Standby {
    /// Taken at the end: that ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Standby {
    /// Starts the thread, where copies are wanted.
    pub(super) fn start(copies: usize, work: &[Work]) -> Option<Self> {
        let (job, _) = work.first().filter(|_| copies > 0)?;
        let interval = job.keeper.as_ref()?.interval();
        let (stop, stopped) = bounded(1);
        // One worker of each topic stands for all.
        let topics = work.iter().map(|one| (one.1.topics.source.clone(), one.clone())).collect();
        let served = BTreeMap::new();
        let keeping = Keeping { copies, interval, topics, stopped, served, is_troubled: false };
        let thread = std::thread::Builder::new()
            .name("standby".to_owned())
            .spawn(move || keeping.work())
            .expect("the system starts a thread");
        Some(Standby { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended
            && !std::thread::panicking()
        {
            panic!("a panic of the standby is a broken invariant");
        }
    }
}

/// Where the warm copy of a state lies.
pub(super) fn warm_copy(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(ENDING);
    state.with_file_name(name)
}

/// Removes the warm copy of a state that is here itself.
///
/// # Errors
/// The disk.
pub(super) fn remove_warm_copy(state: &Path) -> Result<(), checkpoint::Error> {
    remove(&warm_copy(state))
}

/// What a process keeps of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    /// It serves it.
    State,
    /// A warm copy.
    Copy,
}

/// The thread's side.
struct Keeping {
    copies: usize,
    interval: Duration,
    topics: BTreeMap<String, Work>,
    stopped: Receiver<()>,
    /// For how many rounds this process has served partitions.
    served: BTreeMap<Part, u32>,
    /// Whether it is told already that something does not answer.
    is_troubled: bool,
}

impl Keeping {
    fn work(mut self) {
        while self.stopped.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            let Some((_, options)) = self.topics.values().next() else { return };
            match kafka::group_members(options, ANSWER_WAIT) {
                Ok(members) => {
                    let own = options.client_id();
                    // While the group moves partitions some are nobody's, and what is kept of them stays.
                    if let Some(kept) = kept(&self.all(), &members, &own, self.copies) {
                        self.keep(&kept);
                    }
                }
                Err(error) => self.trouble(&error),
            }
        }
    }

    /// Every partition of every topic.
    fn all(&self) -> BTreeSet<Part> {
        let all = self.topics.iter().flat_map(|(topic, (job, _))| {
            (0..job.partitions).map(move |partition| (topic.clone(), partition))
        });
        all.collect()
    }

    fn keep(&mut self, kept: &BTreeMap<Part, Keep>) {
        let mut trouble = None;
        for part @ (topic, partition) in &self.all() {
            let Some((job, options)) = self.topics.get(topic) else { continue };
            let place = warm_copy(&job.directory(topic, *partition));
            let rounds = self.served.get(part).copied().unwrap_or(0);
            match kept.get(part) {
                Some(Keep::Copy) => drop(self.served.remove(part)),
                // Whoever starts the task takes from it, and removes it: but for one that this thread was just about.
                Some(Keep::State) if rounds < SERVED_ROUNDS_MAX => {
                    self.served.insert(part.clone(), rounds + 1);
                    continue;
                }
                Some(Keep::State) | None => {
                    if let Err(error) = remove(&place) {
                        trouble.get_or_insert(error);
                    }
                    continue;
                }
            }
            let Some(keeper) = &job.keeper else { continue };
            let goes_on = || self.stopped.try_recv() == Err(TryRecvError::Empty);
            match keeper.follow(&job.binding(options, *partition), &place, &goes_on) {
                Ok(None) => {}
                Ok(Some(followed)) => tracing::debug!(
                    topic,
                    partition,
                    number = followed.number,
                    bytes = followed.bytes,
                    "a warm copy is up to its checkpoint"
                ),
                Err(checkpoint::Error::GivenUp) => return,
                Err(error) => {
                    trouble.get_or_insert(error);
                }
            }
        }
        match trouble {
            Some(error) => self.trouble(&error),
            None => self.is_troubled = false,
        }
    }

    fn trouble(&mut self, error: &dyn std::fmt::Display) {
        if std::mem::replace(&mut self.is_troubled, true) {
            tracing::debug!(%error, "warm copies are still behind");
        } else {
            tracing::warn!(%error, "warm copies are behind; it is tried again");
        }
    }
}

fn remove(place: &Path) -> Result<(), checkpoint::Error> {
    match std::fs::remove_dir_all(place) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(checkpoint::Error::File { what: "remove", path: place.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

/// What the process of that name keeps. Copies have of each partition the processes that follow its owner's in the ring of
/// names, begun anew with each partition, so that what one process loses is spread over all others. `None`: some partition is
/// nobody's now.
fn kept(
    all: &BTreeSet<Part>,
    members: &[Member],
    own: &str,
    copies: usize,
) -> Option<BTreeMap<Part, Keep>> {
    let processes: BTreeSet<&str> = members.iter().map(|member| member.client.as_str()).collect();
    let owners: BTreeMap<&Part, &str> = members
        .iter()
        .flat_map(|member| member.partitions.iter().map(|part| (part, member.client.as_str())))
        .collect();
    let mut kept = BTreeMap::new();
    for (number, part) in all.iter().enumerate() {
        let owner = *owners.get(part)?;
        let others: Vec<&str> = processes.iter().copied().filter(|name| *name != owner).collect();
        let ring = others.iter().cycle().skip(number % others.len().max(1));
        if owner == own {
            kept.insert(part.clone(), Keep::State);
        } else if ring.take(copies.min(others.len())).any(|name| *name == own) {
            kept.insert(part.clone(), Keep::Copy);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(partition: i32) -> Part {
        ("usage".to_owned(), partition)
    }

    fn member(client: &str, partitions: &[i32]) -> Member {
        let partitions = partitions.iter().copied().map(part).collect();
        Member { client: client.to_owned(), partitions }
    }

    #[test]
    fn every_partition_has_as_many_copies_as_are_wanted_and_none_with_its_owner() {
        let all: BTreeSet<Part> = (0..6).map(part).collect();
        // Two workers of one process.
        let members =
            [member("a", &[0]), member("a", &[1]), member("b", &[2, 3]), member("c", &[4, 5])];
        for copies in 0..4 {
            let of = ["a", "b", "c"].map(|own| kept(&all, &members, own, copies).expect("settled"));
            for (own, member) in of.iter().zip([vec![0, 1], vec![2, 3], vec![4, 5]]) {
                let served = member.into_iter().map(part);
                assert!(served.into_iter().all(|part| own[&part] == Keep::State));
            }
            for part in &all {
                let keeps = |own: &&BTreeMap<Part, Keep>| own.get(part) == Some(&Keep::Copy);
                let count = of.iter().filter(keeps).count();
                assert_eq!(count, copies.min(2), "{part:?}");
            }
            let counts = of.map(|own| own.len());
            assert!(counts.iter().max() <= counts.iter().min().map(|min| min + 2).as_ref());
        }
        assert_eq!(kept(&all, &members[1..], "b", 1), None, "0 is nobody's");
        let alone = [member("a", &[0, 1, 2, 3, 4, 5])];
        let own = kept(&all, &alone, "a", 1).expect("settled");
        assert!(own.len() == 6 && own.values().all(|keep| *keep == Keep::State));
    }
}
