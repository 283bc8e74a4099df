//! What the topics of totals and of rejects are: kept beside the states before anything is delivered to them, and held
//! against what they are by now, at the start and before and after each transaction.
//!
//!
//! A topic that was created anew lacks the revisions before, and how many partitions the totals have says where those of a
//! customer stand: after a change of either, nothing is delivered before somebody has looked at it. A topic to which nothing
//! was delivered yet may be made anew.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::memory::{self, Known, Memory, Role};
use super::worker::Error;
use crate::daemon::CommandError;
use crate::format::OutgoingKind;
use crate::kafka::{self, Delivery, TopicShape};

/// How long an answer is waited for before and after a transaction.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// One of the topics.
#[derive(Debug)]
struct Topic {
    role: Role,
    name: String,
    known: Known,
    is_delivered_to: bool,
}

/// The topics of totals and of rejects, as they were when they were first delivered to, or else when this process began.
#[derive(Debug)]
struct Topics {
    both: [Topic; 2],
    cluster: String,
    directory: PathBuf,
    /// What the file has.
    kept: Memory,
}

/// What the couriers ask and keep.
pub(super) struct Destinations {
    broker: kafka::Destinations,
    topics: Mutex<Topics>,
}

impl Destinations {
    /// Holds what the broker tells against what is kept in the state directory.
    ///
    /// # Errors
    /// A topic that is another one now, or a file that cannot be read or written.
    pub(super) fn known(
        broker: kafka::Destinations,
        directory: &Path,
        cluster: &str,
        written: [(&str, &TopicShape); 2],
    ) -> Result<Self, CommandError> {
        let mut topics = Topics::known(directory, cluster, written)?;
        // An id that is told by now; a number of partitions that may change.
        topics.keep().map_err(|error| CommandError::failed(error.to_string()))?;
        Ok(Destinations { broker, topics: Mutex::new(topics) })
    }

    /// Before a transaction: that both topics are what they were, as of now. What is delivered to for the first time is on
    /// disk before anything can be in it.
    ///
    /// # Errors
    /// A topic that is another one now, a broker that does not answer or does not know it now, or a state directory that
    /// cannot be written to.
    pub(super) fn expect(&self, deliveries: &[Delivery]) -> Result<(), Error> {
        let shapes = self.broker.shapes(ANSWER_WAIT)?;
        let mut topics = self.topics();
        topics.compare(&shapes)?;
        topics.note(deliveries)
    }

    /// After a transaction: that both topics still are what they were, as of now, so that what was sent is in them.
    ///
    /// # Errors
    /// A topic that is another one now, or a broker that does not answer or does not know it now.
    pub(super) fn same(&self) -> Result<(), Error> {
        let shapes = self.broker.shapes(ANSWER_WAIT)?;
        self.topics().compare(&shapes)
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().expect("no holder panics")
    }
}

/// Holds what the broker tells against what is kept, and keeps nothing.
///
/// # Errors
/// A topic that is another one now, or a file that cannot be read.
pub(super) fn agree(
    directory: &Path,
    cluster: &str,
    written: [(&str, &TopicShape); 2],
) -> Result<(), CommandError> {
    Topics::known(directory, cluster, written).map(drop)
}

impl Topics {
    fn known(
        directory: &Path,
        cluster: &str,
        [totals, rejects]: [(&str, &TopicShape); 2],
    ) -> Result<Self, CommandError> {
        let path = memory::path(directory);
        let kept = memory::read(&path)?;
        let known = |role, (name, now): (&str, &TopicShape)| {
            let before = kept.get(&(cluster.to_owned(), name.to_owned()));
            if let Some(halt) = before.and_then(|before| before.halt(role, now, &path)) {
                let error = Error::NothingDelivered(name.to_owned(), halt);
                return Err(CommandError::failed(error.to_string()));
            }
            let known = before.map_or_else(|| Known::of(now), |before| before.renewed(now));
            Ok(Topic { role, name: name.to_owned(), known, is_delivered_to: before.is_some() })
        };
        let both = [known(Role::Totals, totals)?, known(Role::Rejects, rejects)?];
        let (cluster, directory) = (cluster.to_owned(), directory.to_owned());
        Ok(Topics { both, cluster, directory, kept })
    }

    fn compare(&mut self, shapes: &[TopicShape; 2]) -> Result<(), Error> {
        let path = memory::path(&self.directory);
        for (topic, now) in self.both.iter_mut().zip(shapes) {
            let before = topic.known.partitions;
            if topic.is_delivered_to {
                if let Some(halt) = topic.known.halt(topic.role, now, &path) {
                    return Err(Error::NothingDelivered(topic.name.clone(), halt));
                }
            } else if topic.role == Role::Totals && before != now.partitions {
                // To which partition a customer's totals go was reckoned with the former number.
                let (topic, now) = (topic.name.clone(), now.partitions);
                return Err(Error::OtherPartitions { topic, before, now });
            } else {
                topic.known = topic.known.renewed(now);
            }
        }
        Ok(())
    }

    fn note(&mut self, deliveries: &[Delivery]) -> Result<(), Error> {
        for entry in deliveries.iter().flat_map(|delivery| &delivery.entries) {
            let role = match entry.kind {
                OutgoingKind::Total(_) => Role::Totals,
                OutgoingKind::Reject => Role::Rejects,
            };
            for topic in self.both.iter_mut().filter(|topic| topic.role == role) {
                topic.is_delivered_to = true;
            }
        }
        self.keep()
    }

    /// Writes what is known of the topics that were delivered to, where that is not in the file.
    fn keep(&mut self) -> Result<(), Error> {
        let mut remembered = self.kept.clone();
        for topic in self.both.iter().filter(|topic| topic.is_delivered_to) {
            remembered.insert((self.cluster.clone(), topic.name.clone()), topic.known.clone());
        }
        if remembered != self.kept {
            memory::write(&self.directory, &remembered).map_err(|error| {
                Error::Memory(memory::path(&self.directory).display().to_string(), error)
            })?;
            self.kept = remembered;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::{CommitId, Visible};
    use crate::format::Outgoing;
    use crate::model::TotalKind;

    fn begun(directory: &Path, totals: &str, partitions: i32) -> Result<Topics, String> {
        let shape = |partitions| TopicShape { id: None, partitions };
        let written = [(totals, &shape(partitions)), ("rejects", &shape(1))];
        Topics::known(directory, "cluster", written).map_err(|error| error.to_string())
    }

    fn delivery(kind: OutgoingKind) -> Delivery {
        let visible = Visible {
            commit: CommitId([0; 16]),
            is_genesis: false,
            sequence: 1,
            watermark: None,
            partitions: 1,
        };
        let text = String::new;
        let entry = Outgoing {
            kind,
            key: text(),
            tenant: text(),
            customer: text(),
            metric: text(),
            body: text(),
        };
        Delivery { partition: 0, offset: 0, visible, entries: vec![entry] }
    }

    #[test]
    fn topic_is_remembered_from_its_first_delivery_on() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let path = memory::path(directory.path());
        let begin = |partitions| begun(directory.path(), "totals", partitions);
        let mut topics = begin(3).expect("nothing was delivered");
        topics.keep().expect("nothing is to be kept");
        topics.note(&[]).expect("nor with an offset alone");
        assert!(!path.exists());
        let mut topics = begin(4).expect("still nothing was delivered");
        topics.note(&[delivery(OutgoingKind::Reject)]).expect("it can be written");
        assert!(begin(5).is_ok(), "a reject is no total");
        topics.note(&[delivery(OutgoingKind::Total(TotalKind::Final))]).expect("it can be written");
        let told = begin(5).expect_err("it was delivered to");
        assert!(told.contains("nothing is delivered to topic totals: it had 4"), "{told}");
        let adopt = format!(
            "`odometer state adopt sink-topics` takes the new number into {}",
            path.display()
        );
        assert!(told.contains(&adopt), "{told}");
    }

    #[test]
    fn topic_that_comes_back_under_an_old_name_is_held_against_what_it_was() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        for (totals, partitions) in [("old", 3), ("new", 4), ("old", 3)] {
            let mut topics = begun(directory.path(), totals, partitions).expect("it is the same");
            let total = delivery(OutgoingKind::Total(TotalKind::Final));
            topics.note(&[total]).expect("it can be written");
        }
        assert!(begun(directory.path(), "old", 5).is_err(), "it has other partitions");
        fs::remove_file(memory::path(directory.path())).expect("it is there");
        assert!(begun(directory.path(), "old", 5).is_ok());
    }

    #[test]
    fn topic_without_a_delivery_may_change_under_the_program() {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let mut topics = begun(directory.path(), "totals", 3).expect("nothing was delivered");
        let shape = |partitions| TopicShape { id: None, partitions };
        assert!(topics.compare(&[shape(3), shape(7)]).is_ok());
        let told = topics.compare(&[shape(4), shape(7)]).expect_err("totals are reckoned with 3");
        assert!(told.to_string().contains("start again"), "{told}");
    }
}
