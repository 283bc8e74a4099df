//! `odometer state adopt sink-topics`: has the process go on with topics of totals and rejects that are not those it delivered to.
//!
//! Who reads them has what was in the former ones, or does not need it: that is for people to say. What is remembered of them
//! becomes what they are by now.

use std::fs::File;
use std::path::PathBuf;

use super::by_hand::words;
use super::memory::{self, Known, Memory};
use crate::daemon::CommandError;
use crate::daemon::run::setup::lock_directory;
use crate::kafka::{self, Access};
use crate::settings::{KafkaFlow, Settings};

/// What is to be remembered.
pub(in crate::daemon) struct Acceptance {
    directory: PathBuf,
    memory: Memory,
    /// Topics that are not what they were, in words.
    changes: Vec<String>,
    /// No daemon has the directory meanwhile.
    _lock: File,
}

/// What of the topics is not as it is remembered; `None`: nothing.
///
/// # Errors
/// A directory in use, or a broker that does not answer or does not know a topic.
pub(in crate::daemon) fn find(
    settings: &Settings,
    flow: &KafkaFlow,
) -> Result<Option<Acceptance>, CommandError> {
    let directory = settings.state.directory.clone();
    let lock = lock_directory(settings)?;
    let properties = flow.sink.properties.expose();
    let timeout = flow.source.request_timeout;
    let names = [flow.sink.topic.as_str(), flow.rejects_topic.as_str()];
    let written = names.map(|name| (name, Access::Write));
    let (_, cluster) = kafka::check_topics(&properties, &written, timeout).map_err(words)?;
    let broker = kafka::Destinations::open(&properties, names[0], names[1]).map_err(words)?;
    let shapes = broker.shapes(timeout).map_err(words)?;
    let path = memory::path(&directory);
    let (mut memory, is_damaged) = match memory::read(&path) {
        Ok(memory) => (memory, false),
        Err(_) => (Memory::new(), true),
    };
    let mut changes = Vec::new();
    for (name, now) in names.into_iter().zip(&shapes) {
        let place = (cluster.clone(), name.to_owned());
        let before = memory.get(&place);
        let now = before.map_or_else(|| Known::of(now), |before| before.renewed(now));
        match before {
            Some(before) if *before == now => continue,
            Some(before) => changes.push(format!("topic {name}: {before} before, {now} now")),
            None if is_damaged => {
                changes.push(format!("topic {name}: not known before, {now} now"));
            }
            // Nothing was delivered to it: whatever it is by now is taken.
            None => continue,
        }
        memory.insert(place, now);
    }
    let acceptance = Acceptance { directory, memory, changes, _lock: lock };
    Ok((!acceptance.changes.is_empty()).then_some(acceptance))
}

impl Acceptance {
    /// What it would do, in words.
    pub(in crate::daemon) fn words(&self) -> String {
        format!("{}; totals and rejects go there from the next start on", self.changes.join("; "))
    }

    /// Remembers it.
    ///
    /// # Errors
    /// The disk.
    pub(in crate::daemon) fn carry_out(self) -> Result<(), CommandError> {
        let path = memory::path(&self.directory);
        memory::write(&self.directory, &self.memory)
            .map_err(|error| CommandError::failed_by(path.display().to_string(), error))
    }
}
