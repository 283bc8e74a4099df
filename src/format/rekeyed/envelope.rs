//! The header of a record in an internal topic. Its value is the source record's own, byte for byte.
//!
//! ```text
//! version (1) | kind (1) | stage (8) | partitions of the source topic (4)
//! 'e', a record:  partition (4) | offset (8) | its own timestamp (1, 8) | clock at reading (8) | progress before (1, 8)
//!                 | events in it (4) | how many of them are meant (4) | the place of each (4); none where it is all
//! 'm', marks:     how many (4) | of each: partition (4) | progress (1, 8)
//! ```
//! Numbers are big endian; instants and progress as in `state`.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::engine::{Incoming, Mark, Upstream};
use crate::format::state::Corrupt;
use crate::format::state::bytes::{Reader, Writer};
use crate::format::state::source::{read_progress, write_progress};
use crate::format::{Fault, Found};
use crate::model::{EventTime, SourcePosition};

/// Name of the header.
pub const HEADER: &str = "odometer-rekeyed";

const VERSION: u8 = 1;
const RECORD: u8 = b'e';
const MARKS: u8 = b'm';
const WHAT: &str = "a re-keyed record's header";

/// Which events of a record are meant, by their places in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Every one of so many.
    All(u32),
    /// Some of so many: the places, in order.
    Some {
        /// How many the record has.
        of: u32,
        /// Those that are meant.
        places: Vec<u32>,
    },
}

impl Origins {
    /// How many events the whole record has.
    pub fn in_record(&self) -> u32 {
        match self {
            Origins::All(of) | Origins::Some { of, .. } => *of,
        }
    }

    /// Whether the event at that place is meant.
    pub fn has(&self, place: u32) -> bool {
        match self {
            Origins::All(_) => true,
            Origins::Some { places, .. } => places.binary_search(&place).is_ok(),
        }
    }
}

/// A record that was re-keyed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Its partition, and how far that had come before it.
    pub upstream: Upstream,
    /// Its offset in that partition.
    pub offset: i64,
    /// Its own timestamp, where it has one.
    pub timestamp: Option<EventTime>,
    /// The clock when it was read there.
    pub read_at: EventTime,
    /// Which of its events go to the partition that it stands in.
    pub events: Origins,
}

impl Moved {
    /// The events that are meant for the partition that the record stands in, of all that were `found` in it.
    ///
    /// # Errors
    /// Why the record cannot be read as it was when it was re-keyed.
    pub fn take_own<'d>(
        &self,
        found: &mut Vec<Found<'d>>,
        events: &mut Vec<Incoming<'d>>,
    ) -> Result<(), String> {
        let partition = i32::try_from(self.upstream.mark.partition).expect("numbered by i32");
        let position = SourcePosition::Rekeyed { partition, offset: self.offset };
        let (now, then) = (found.len(), self.events.in_record());
        if u32::try_from(now) != Ok(then) {
            return Err(format!(
                "partition {partition} offset {}: the record holds {now} events, and held {then} when it \
                 was re-keyed: set source.format back until what was re-keyed before is counted",
                self.offset
            ));
        }
        let own = (0..).zip(found.drain(..)).filter(|(place, _)| self.events.has(*place));
        events.extend(own.map(|(_, found)| Incoming {
            position,
            timestamp: self.timestamp,
            read_at: Some(self.read_at),
            original: found.original,
            upstream: Some(self.upstream),
            event: found.event.map_err(Fault::into_reject),
        }));
        Ok(())
    }
}

/// What the header says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Envelope {
    /// What the record is.
    Moved(Box<Moved>),
    /// It is none: it tells how far source partitions have come.
    Marks {
        /// How many partitions the source topic has.
        partitions: u32,
        /// Those of which something is said.
        marks: Vec<Mark>,
    },
}

/// Who re-keys, as every header names it: no two groups or topics may share an internal topic.
pub fn stage_of(group: &str, topic: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(group.as_bytes());
    hasher.write_u8(0xFF);
    hasher.write(topic.as_bytes());
    hasher.finish()
}

impl Envelope {
    /// The header's value.
    pub fn encode(&self, stage: u64) -> Vec<u8> {
        let mut writer = Writer(Vec::with_capacity(64));
        match self {
            Envelope::Moved(moved) => {
                let Moved { upstream, offset, timestamp, read_at, events } = &**moved;
                let Upstream { partitions, mark } = upstream;
                writer.u8(VERSION).u8(RECORD).u64(stage).u32(*partitions);
                writer.u32(mark.partition).bytes(&offset.to_be_bytes());
                writer.option(*timestamp, |writer, timestamp| {
                    writer.time(timestamp);
                });
                writer.time(*read_at);
                write_progress(&mut writer, mark.progress);
                writer.u32(events.in_record());
                match events {
                    Origins::All(_) => writer.u32(0),
                    Origins::Some { places, .. } => {
                        writer.u32(count(places));
                        places.iter().fold(&mut writer, |writer, place| writer.u32(*place))
                    }
                };
            }
            Envelope::Marks { partitions, marks } => {
                writer.u8(VERSION).u8(MARKS).u64(stage).u32(*partitions).u32(count(marks));
                for mark in marks {
                    writer.u32(mark.partition);
                    write_progress(&mut writer, mark.progress);
                }
            }
        }
        writer.0
    }

    /// Inverse of [`Envelope::encode`].
    ///
    /// # Errors
    /// A header of another stage, or bytes that are none.
    pub fn decode(bytes: &[u8], stage: u64) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes, WHAT);
        if reader.u8()? != VERSION {
            return reader.corrupt("of a version that this program does not know");
        }
        let kind = reader.u8()?;
        if reader.u64()? != stage {
            return reader.corrupt("that another group wrote, or one that reads another topic");
        }
        let partitions = reader.u32()?;
        let envelope = match kind {
            RECORD => Envelope::Moved(Box::new(read_moved(&mut reader, partitions)?)),
            MARKS => {
                let mut marks = Vec::new();
                for _ in 0..reader.u32()? {
                    marks.push(read_mark(&mut reader, partitions)?);
                }
                Envelope::Marks { partitions, marks }
            }
            _ => return reader.corrupt("of a kind that this program does not know"),
        };
        reader.end()?;
        Ok(envelope)
    }
}

fn read_partition(reader: &mut Reader<'_>, partitions: u32) -> Result<u32, Corrupt> {
    let partition = reader.u32()?;
    if partition < partitions && i32::try_from(partitions).is_ok() {
        return Ok(partition);
    }
    reader.corrupt("with a partition that its topic does not have")
}

fn read_mark(reader: &mut Reader<'_>, partitions: u32) -> Result<Mark, Corrupt> {
    let partition = read_partition(reader, partitions)?;
    Ok(Mark { partition, progress: read_progress(reader)? })
}

fn read_moved(reader: &mut Reader<'_>, partitions: u32) -> Result<Moved, Corrupt> {
    let partition = read_partition(reader, partitions)?;
    let offset = reader.array().map(i64::from_be_bytes)?;
    let timestamp = reader.option(Reader::time)?;
    let read_at = reader.time()?;
    let mark = Mark { partition, progress: read_progress(reader)? };
    let of = reader.u32()?;
    let mut places = Vec::new();
    for _ in 0..reader.u32()? {
        let place = reader.u32()?;
        if place >= of || places.last().is_some_and(|last| *last >= place) {
            return reader.corrupt("with events out of order, or more than there are");
        }
        places.push(place);
    }
    let events = if places.is_empty() { Origins::All(of) } else { Origins::Some { of, places } };
    let upstream = Upstream { partitions, mark };
    Ok(Moved { upstream, offset, timestamp, read_at, events })
}

fn count<T>(of: &[T]) -> u32 {
    u32::try_from(of.len()).expect("a record holds fewer, and a topic has fewer partitions")
}
