//! Where records go: lines of a file or of stdout, or a Kafka topic.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::super::CommandError;
use super::super::signals::StopSignal;
use super::arguments::GenerateArguments;
use super::topic::Topic;

/// Lines are gathered up to so many bytes before they are written.
const GATHERED_BYTES_MAX: usize = 1 << 18;

/// Takes records.
pub(super) enum Sink {
    /// One record a line.
    Lines(Lines),
    /// One record a message.
    Topic(Topic),
}

/// Lines on their way to a file.
pub(super) struct Lines {
    name: String,
    out: Box<dyn Write>,
    gathered: Vec<u8>,
}

impl Sink {
    /// Opens what the arguments name.
    pub(super) fn open(
        arguments: &GenerateArguments,
        stop: &StopSignal,
    ) -> Result<Self, CommandError> {
        if let (Some(topic), Some(broker)) = (&arguments.topic, &arguments.broker) {
            let topic = Topic::open(broker, topic, &arguments.properties, stop.clone())?;
            return Ok(Sink::Topic(topic));
        }
        Lines::open(arguments.output.as_deref()).map(Sink::Lines)
    }

    /// Takes one record of that customer's.
    pub(super) fn put(&mut self, record: &[u8], customer: u64) -> Result<(), CommandError> {
        match self {
            Sink::Lines(lines) => lines.put(record),
            Sink::Topic(topic) => topic.put(record, customer),
        }
    }

    /// Hands on what was taken so far, before a pause.
    pub(super) fn hand_on(&mut self) -> Result<(), CommandError> {
        match self {
            Sink::Lines(lines) => lines.write_out(),
            // librdkafka sends by itself after its linger time.
            Sink::Topic(_) => Ok(()),
        }
    }

    /// Hands on everything, and waits until it has arrived.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        match self {
            Sink::Lines(lines) => lines.write_out(),
            Sink::Topic(topic) => topic.finish(),
        }
    }
}

impl Lines {
    fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let (name, out): (String, Box<dyn Write>) = match path {
            None => ("stdout".to_owned(), Box::new(io::stdout())),
            Some(path) if path == Path::new("-") => ("stdout".to_owned(), Box::new(io::stdout())),
            Some(path) => {
                let name = path.display().to_string();
                let file = File::create(path)
                    .map_err(|error| CommandError::failed_by(format!("creating {name}"), error))?;
                (name, Box::new(file))
            }
        };
        Ok(Lines { name, out, gathered: Vec::with_capacity(2 * GATHERED_BYTES_MAX) })
    }

    fn put(&mut self, record: &[u8]) -> Result<(), CommandError> {
        self.gathered.extend_from_slice(record);
        self.gathered.push(b'\n');
        if self.gathered.len() >= GATHERED_BYTES_MAX { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), CommandError> {
        let outcome = self.out.write_all(&self.gathered).and_then(|()| self.out.flush());
        self.gathered.clear();
        outcome.map_err(|error| CommandError::of_output(&self.name, error))
    }
}
