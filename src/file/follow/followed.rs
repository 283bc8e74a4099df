//! One file that is followed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::SystemTime;

use super::listing::Found;
use super::print::{self, PRINT_BYTES};
use super::{Error, Fed};
use crate::file::error::Step;
use crate::file::input::{Compression, Input, Options, Source};
use crate::format::state::{FollowedFile, Print};

/// How many bytes a chunk has at the most.
const CHUNK_BYTES: usize = 256 << 10;

/// Whether a file is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// Not looked for yet.
    Unseen,
    /// A pattern finds it.
    Listed,
    /// It has a name that no pattern finds.
    Unlisted,
    /// It is not there.
    Gone,
}

/// How a file is being read.
enum Reading {
    Plain(File),
    /// A compressed one, to see whether all of it can be.
    Checking(Box<Input>),
    /// A compressed one that can; so many plain bytes have been passed.
    Packed(Box<Input>, u64),
}

/// One file.
pub(super) struct Followed {
    pub(super) known: FollowedFile,
    pub(super) presence: Presence,
    /// Plain bytes given out.
    pub(super) read_to: u64,
    /// Why it cannot be read as it is.
    pub(super) fault: Option<String>,
    reading: Option<Reading>,
    /// Size and time of change when it was last looked at.
    seen: Option<(u64, SystemTime)>,
    is_changed: bool,
}

impl Followed {
    /// A file of which nothing is known.
    pub(super) fn new(found: &Found) -> Self {
        let known = FollowedFile {
            path: found.path.clone(),
            device: found.device,
            inode: found.inode,
            offset: 0,
            line: 0,
            head: Print::default(),
            tail: Print::default(),
            finished_bytes: None,
        };
        let mut file = Followed::known(known);
        file.presence = Presence::Listed;
        file.seen = Some((found.bytes, found.modified));
        file
    }

    /// A file that an earlier process read.
    pub(super) fn known(known: FollowedFile) -> Self {
        Followed {
            read_to: known.offset,
            known,
            presence: Presence::Unseen,
            fault: None,
            reading: None,
            seen: None,
            is_changed: false,
        }
    }

    fn compression(&self) -> Compression {
        Compression::of_name(&PathBuf::from(&self.known.path))
    }

    /// Looks at it where it lies. Returns whether it is still the file that was read.
    pub(super) fn meet(&mut self, found: &Found, presence: Presence) -> Result<bool, Error> {
        self.presence = presence;
        let now = (found.bytes, found.modified);
        if self.seen == Some(now) {
            return Ok(true);
        }
        let is_same = self.is_same(found).map_err(Error::at(Step::Read, &found.path))?;
        if is_same {
            self.seen = Some(now);
            self.fault = None;
            if self.compression() != Compression::None {
                // What is being checked may have been half written.
                self.reading = None;
                self.read_to = self.known.offset;
            }
        }
        Ok(is_same)
    }

    fn is_same(&self, found: &Found) -> io::Result<bool> {
        if self.known.head.bytes == 0 {
            return Ok(found.bytes >= self.read_to || self.compression() != Compression::None);
        }
        let file = File::open(&found.path)?;
        if self.compression() != Compression::None {
            return print::is_there(&file, &self.known.head, self.known.head.bytes);
        }
        Ok(found.bytes >= self.read_to
            && print::is_there(&file, &self.known.head, self.known.head.bytes)?
            && print::is_there(&file, &self.known.tail, self.known.offset)?)
    }

    /// It has another name now.
    pub(super) fn rename(&mut self, found: &Found) {
        self.known.path.clone_from(&found.path);
        self.is_changed = true;
    }

    /// Bytes, as they are stored, that are there and not read.
    pub(super) fn unread_bytes(&self) -> u64 {
        let Some((bytes, _)) = self.seen else { return 0 };
        match self.presence {
            Presence::Unseen | Presence::Gone => 0,
            Presence::Listed | Presence::Unlisted if self.fault.is_some() => 0,
            Presence::Listed | Presence::Unlisted => match self.compression() {
                Compression::None => bytes.saturating_sub(self.read_to),
                _ if self.known.finished_bytes == Some(bytes) => 0,
                _ => bytes,
            },
        }
    }

    /// Bytes, as they are stored, that are there and belong to no counted line.
    pub(super) fn uncounted_bytes(&self) -> u64 {
        let Some((bytes, _)) = self.seen else { return 0 };
        match self.compression() {
            Compression::None => bytes.saturating_sub(self.known.offset),
            _ => bytes.saturating_sub(self.known.finished_bytes.unwrap_or(0)),
        }
    }

    /// Whether it is open and has bytes that were not read: also where it has no name any more.
    pub(super) fn reads_on(&mut self) -> bool {
        let Some(Reading::Plain(file)) = &self.reading else { return false };
        let Ok(metadata) = file.metadata() else { return false };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        self.seen = Some((metadata.len(), modified));
        metadata.len() > self.read_to
    }

    pub(super) fn is_open(&self) -> bool {
        self.reading.is_some()
    }

    /// Lets go of it; what was read and is not counted is read again.
    pub(super) fn close(&mut self) {
        self.reading = None;
        self.read_to = self.known.offset;
    }

    /// The next bytes.
    pub(super) fn read(&mut self, number: u32, chunk: &mut Vec<u8>) -> Result<Fed, Error> {
        let outcome = match self.reading.take() {
            None => self.open(),
            Some(Reading::Plain(file)) => self.read_plain(number, file, chunk),
            Some(Reading::Checking(input)) => self.check(input, chunk),
            Some(Reading::Packed(input, passed)) => self.unpack(number, input, passed, chunk),
        };
        outcome.inspect_err(|error| {
            self.reading = None;
            self.read_to = self.known.offset;
            self.fault = Some(error.to_string());
        })
    }

    fn open(&mut self) -> Result<Fed, Error> {
        let path = self.known.path.clone();
        if self.compression() == Compression::None {
            let file = File::open(&path).map_err(Error::at(Step::Open, &path))?;
            let metadata = file.metadata().map_err(Error::at(Step::Open, &path))?;
            if (metadata.dev(), metadata.ino()) != (self.known.device, self.known.inode) {
                // Another file has the name by now: the next scan will find both.
                self.seen = None;
                return Ok(Fed::Busy);
            }
            self.reading = Some(Reading::Plain(file));
        } else {
            self.reading = Some(Reading::Checking(Box::new(self.input()?)));
        }
        Ok(Fed::Busy)
    }

    fn input(&self) -> Result<Input, Error> {
        let source = Source::File(PathBuf::from(&self.known.path));
        Input::open(&source, Options { chunk_bytes: CHUNK_BYTES })
    }

    fn read_plain(&mut self, number: u32, file: File, chunk: &mut Vec<u8>) -> Result<Fed, Error> {
        let at = self.read_to;
        let room = usize::try_from(self.unread_bytes()).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        chunk.resize(room, 0);
        let count = loop {
            match file.read_at(chunk, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome.map_err(Error::at(Step::Read, &self.known.path))?,
            }
        };
        chunk.truncate(count);
        self.reading = Some(Reading::Plain(file));
        if count == 0 {
            // It is shorter than it was when it was last looked at: the next scan will find out.
            self.seen = None;
            return Ok(Fed::Busy);
        }
        self.read_to = at + u64::try_from(count).unwrap_or(0);
        Ok(Fed::Chunk { file: number, at })
    }

    fn check(&mut self, mut input: Box<Input>, chunk: &mut Vec<u8>) -> Result<Fed, Error> {
        input.read_chunk(chunk)?;
        self.reading = if chunk.is_empty() {
            Some(Reading::Packed(Box::new(self.input()?), 0))
        } else {
            Some(Reading::Checking(input))
        };
        chunk.clear();
        Ok(Fed::Busy)
    }

    fn unpack(
        &mut self,
        number: u32,
        mut input: Box<Input>,
        passed: u64,
        chunk: &mut Vec<u8>,
    ) -> Result<Fed, Error> {
        input.read_chunk(chunk)?;
        if chunk.is_empty() {
            return Ok(Fed::End { file: number });
        }
        let after = passed + u64::try_from(chunk.len()).unwrap_or(0);
        self.reading = Some(Reading::Packed(input, after));
        if after <= self.read_to {
            chunk.clear();
            return Ok(Fed::Busy);
        }
        let at = passed.max(self.read_to);
        chunk.drain(..usize::try_from(at - passed).unwrap_or(0));
        self.read_to = after;
        Ok(Fed::Chunk { file: number, at })
    }

    /// Its lines are counted so far.
    pub(super) fn advance(&mut self, offset: u64, line: u64) {
        self.known.offset = offset;
        self.known.line = line;
        self.is_changed = true;
    }

    /// It is compressed, and read to its end.
    pub(super) fn finish(&mut self) {
        self.known.finished_bytes = self.seen.map(|(bytes, _)| bytes);
        self.reading = None;
        self.is_changed = true;
    }

    /// What is to be kept of it, where that changed since it was last asked for.
    pub(super) fn changed(&mut self) -> Option<FollowedFile> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        if self.take_prints().is_err() {
            // It cannot be read any more: what was read last is then not compared with what may come back.
            self.known.tail = Print::default();
        }
        Some(self.known.clone())
    }

    fn take_prints(&mut self) -> io::Result<()> {
        let opened;
        let file = match &self.reading {
            Some(Reading::Plain(file)) => file,
            _ if self.presence == Presence::Gone => return Ok(()),
            _ => {
                opened = File::open(&self.known.path)?;
                &opened
            }
        };
        let compression = self.compression();
        let FollowedFile { offset, head, tail, .. } = &mut self.known;
        if compression == Compression::None {
            if head.bytes < PRINT_BYTES {
                *head = print::print(file, 0, PRINT_BYTES.min(*offset))?;
            }
            *tail = print::print(file, offset.saturating_sub(PRINT_BYTES), *offset)?;
        } else if head.bytes < PRINT_BYTES {
            let bytes = file.metadata()?.len();
            *head = print::print(file, 0, PRINT_BYTES.min(bytes))?;
        }
        Ok(())
    }
}
