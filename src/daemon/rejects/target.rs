//! Where events are sent again: topics of the source, a new file, or nowhere in a dry run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::{Destination, Obstacle, address, check_line, whole};
use super::arguments::{PartitionBy, ReplayArguments};
use super::new_file::{self, NewFile};
use super::repeats::Repeats;
use crate::daemon::readback::{PATIENCE, refused};
use crate::daemon::signals::StopSignal;
use crate::daemon::{CommandError, clock};
use crate::format::Refusal;
use crate::kafka::{self, Access, Addressed, Sender};
use crate::settings::{Flow, KafkaFlow, Settings};

/// How long to wait where the client has as many records as it may.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// How often the end of delivery is looked for.
const FLUSH_PAUSE: Duration = Duration::from_millis(200);

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It is sent, or would be.
    Sent,
    /// It was sent before, for another entry.
    Repeated,
    /// It cannot be sent.
    Unsent(Obstacle),
    /// Told to stop before it could be.
    Stopped,
}

/// Takes events.
pub(super) struct Target {
    kind: Kind,
    repeats: Repeats,
}

enum Kind {
    Topics {
        destinations: Vec<Destination>,
        by: PartitionBy,
        sender: Option<Sender>,
    },
    /// `has_ids`: whether events of the format that the files are read in bear ids.
    Lines {
        path: PathBuf,
        file: Option<NewFile>,
        has_ids: bool,
    },
}

impl Target {
    /// Makes ready what the arguments and the configuration name; a dry run asks and checks the same.
    pub(super) fn open(
        arguments: &ReplayArguments,
        settings: Option<&Settings>,
    ) -> Result<Self, CommandError> {
        let kind = match (&arguments.output, settings.map(|settings| &settings.flow)) {
            (None, Some(Flow::Kafka(flow))) => topics(arguments, flow)?,
            (output, flow) => {
                let path = path(output.as_deref(), flow)?;
                if arguments.partition_by.is_some() {
                    return Err(CommandError::Faults(vec![
                        "--partition-by has no effect where events go to a file: leave it out"
                            .to_owned(),
                    ]));
                }
                let file = (!arguments.dry_run).then(|| NewFile::create(&path)).transpose()?;
                let has_ids = match flow {
                    Some(Flow::Files(files)) => files.format.has_ids(),
                    Some(Flow::Kafka(_)) | None => true,
                };
                Kind::Lines { path, file, has_ids }
            }
        };
        Ok(Target { kind, repeats: Repeats::new() })
    }

    /// What it is, for people.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Topics { destinations, .. } => {
                let names: Vec<&str> =
                    destinations.iter().map(|one| one.topic.name.as_str()).collect();
                format!("topic {}", names.join(", "))
            }
            Kind::Lines { file: Some(file), .. } => file.name().to_owned(),
            Kind::Lines { path, .. } => path.display().to_string(),
        }
    }

    /// Whether standard output has the events.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(&self.kind, Kind::Lines { path, .. } if path == Path::new("-"))
    }

    /// Sends the event of an entry.
    pub(super) fn put(
        &mut self,
        refusal: &Refusal<'_>,
        stop: &StopSignal,
    ) -> Result<Fate, CommandError> {
        match self.try_put(refusal, stop)? {
            Ok(fate) => Ok(fate),
            Err(obstacle) => Ok(Fate::Unsent(obstacle)),
        }
    }

    fn try_put(
        &mut self,
        refusal: &Refusal<'_>,
        stop: &StopSignal,
    ) -> Result<Result<Fate, Obstacle>, CommandError> {
        let event = match whole(refusal) {
            Ok(event) => event,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        match &mut self.kind {
            Kind::Topics { destinations, by, sender } => {
                let address = match address(destinations, *by, refusal, event) {
                    Ok(address) => address,
                    Err(obstacle) => return Ok(Err(obstacle)),
                };
                let partition =
                    address.partition.map_or(String::new(), |number| number.to_string());
                if !self.repeats.is_new(&format!("{}/{partition}", address.topic), event) {
                    return Ok(Ok(Fate::Repeated));
                }
                let Some(sender) = sender else { return Ok(Ok(Fate::Sent)) };
                let record = Addressed {
                    topic: address.topic,
                    partition: address.partition,
                    key: address.key.as_deref(),
                    value: event,
                };
                send(sender, record, stop).map(Ok)
            }
            Kind::Lines { has_ids: false, .. } => Ok(Err(Obstacle::NoId)),
            Kind::Lines { file, .. } => {
                if let Err(obstacle) = check_line(event) {
                    return Ok(Err(obstacle));
                }
                if !self.repeats.is_new("", event) {
                    return Ok(Ok(Fate::Repeated));
                }
                file.as_mut().map_or(Ok(()), |file| file.put(event))?;
                Ok(Ok(Fate::Sent))
            }
        }
    }

    /// Hands on what was taken so far, before a pause.
    pub(super) fn hand_on(&mut self) -> Result<(), CommandError> {
        match &mut self.kind {
            // The client sends by itself.
            Kind::Topics { .. } => Ok(()),
            Kind::Lines { file, .. } => file.as_mut().map_or(Ok(()), NewFile::hand_on),
        }
    }

    /// Waits until all that was taken has arrived; no longer than the client tries.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        match &mut self.kind {
            Kind::Topics { sender: Some(sender), .. } => {
                while !sender.flush(FLUSH_PAUSE).map_err(|error| refused(&error))? {}
                Ok(())
            }
            Kind::Topics { sender: None, .. } => Ok(()),
            Kind::Lines { file, .. } => file.as_mut().map_or(Ok(()), NewFile::finish),
        }
    }

    /// How many of those that were taken are known to have arrived; `None`: all that were written.
    pub(super) fn arrived(&self) -> Option<u64> {
        match &self.kind {
            Kind::Topics { sender, .. } => sender.as_ref().map(Sender::arrived),
            Kind::Lines { .. } => None,
        }
    }
}

/// The topics that are read, asked for by the user who is to write there.
fn topics(arguments: &ReplayArguments, flow: &KafkaFlow) -> Result<Kind, CommandError> {
    let properties = flow.source.properties.expose();
    let timeout = flow.source.request_timeout;
    let topics = &flow.source.topics;
    let named: Vec<_> = topics.iter().map(|topic| (topic.name.as_str(), Access::Write)).collect();
    let (counts, _) =
        kafka::check_topics(&properties, &named, timeout).map_err(|error| refused(&error))?;
    let destinations = topics.iter().zip(counts);
    let destinations = destinations
        .map(|(topic, partitions)| Destination { topic: topic.clone(), partitions })
        .collect();
    let sender = (!arguments.dry_run)
        .then(|| Sender::open(&properties, timeout * PATIENCE))
        .transpose()
        .map_err(|error| refused(&error))?;
    let by = arguments.partition_by.unwrap_or(PartitionBy::Original);
    Ok(Kind::Topics { destinations, by, sender })
}

/// The file that events go to.
fn path(output: Option<&Path>, flow: Option<&Flow>) -> Result<PathBuf, CommandError> {
    let wrong = |words: &str| Err(CommandError::Faults(vec![words.to_owned()]));
    match (output, flow) {
        (Some(path), _) if path == Path::new("-") => Ok(path.to_owned()),
        (Some(path), Some(Flow::Files(files))) => match new_file::fault(&files.patterns, path) {
            Some(fault) => wrong(&fault),
            None => Ok(path.to_owned()),
        },
        (Some(path), _) => Ok(path.to_owned()),
        (None, Some(Flow::Files(files))) => {
            match new_file::derived(&files.patterns, clock::now()) {
                Some(path) => Ok(path),
                None => wrong(&format!(
                    "--output is missing: no name of a new, uncompressed file follows from source.paths ({}); give one that \
                 they find",
                    files.pattern()
                )),
            }
        }
        (None, _) => wrong(
            "--output is missing: without --config it is not known where events are read; give a file, or - for \
             standard output",
        ),
    }
}

fn send(sender: &Sender, record: Addressed<'_>, stop: &StopSignal) -> Result<Fate, CommandError> {
    while !sender.send(record).map_err(|error| refused(&error))? {
        if stop.is_raised() {
            return Ok(Fate::Stopped);
        }
        clock::pause(QUEUE_PAUSE);
    }
    Ok(Fate::Sent)
}
