//! One file that is followed.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::listing::Found;
use super::packed::{self, Packed, Unpacked};
use super::plain::{Plain, open_known};
use super::{Error, Fed, print};
use crate::file::error::Step;
use crate::format::state::{Compression, FollowedFile, Print};

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

/// What a look at a file that has a known one's place says.
enum Likeness {
    /// It holds what is counted. `is_read_again`: what was read behind that is to be read anew.
    Same { is_read_again: bool },
    /// It holds something else.
    Other,
    /// Its name leads to another file by now: the next scan will find both.
    Unclear,
}

/// How a file is being read.
enum Reading {
    Plain(Plain),
    Packed(Box<Packed>),
}

/// Why a file cannot be read as it is.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) reason: String,
    /// It is in the content: nothing is tried before that changes.
    is_of_content: bool,
    /// It is being tried again.
    is_tried: bool,
}

/// One file.
pub(super) struct Followed {
    pub(super) known: FollowedFile,
    pub(super) presence: Presence,
    /// Plain bytes given out.
    pub(super) read_to: u64,
    /// Of a file that was put away: up to where the line that it is in the middle of was read.
    half_to: u64,
    /// Why it cannot be read as it is.
    pub(super) fault: Option<Fault>,
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
            listed: Some(found.path.clone()),
            ..FollowedFile::default()
        };
        let mut file = Followed::known(known);
        file.presence = Presence::Listed;
        file.seen = Some((found.bytes, found.modified));
        // Its number is never to be another file's: it is kept in the step that forgets the one before.
        file.is_changed = true;
        file
    }

    /// A file that an earlier process read.
    pub(super) fn known(known: FollowedFile) -> Self {
        Followed {
            read_to: known.offset,
            half_to: 0,
            known,
            presence: Presence::Unseen,
            fault: None,
            reading: None,
            seen: None,
            is_changed: false,
        }
    }

    fn compression(&self) -> Compression {
        let by_name = || Compression::of_name(Path::new(&self.known.path));
        self.known.compression.unwrap_or_else(by_name)
    }

    /// Looks at it where it lies. Returns whether it is still the file that was read.
    pub(super) fn meet(&mut self, found: &Found, presence: Presence) -> Result<bool, Error> {
        self.presence = presence;
        let now = (found.bytes, found.modified);
        let is_changed = self.seen != Some(now);
        if !is_changed && self.fault.as_ref().is_none_or(|fault| fault.is_of_content) {
            return Ok(true);
        }
        match self.compare(found).map_err(Error::at(Step::Read, &found.path))? {
            Likeness::Other => return Ok(false),
            // Nothing of it is read before that is known.
            Likeness::Unclear => self.seen = None,
            Likeness::Same { is_read_again } => {
                self.seen = Some(now);
                if is_read_again {
                    self.close();
                }
                self.try_again(is_changed);
            }
        }
        Ok(true)
    }

    /// What cannot be read stays told until it was read.
    fn try_again(&mut self, is_changed: bool) {
        if let Some(fault) = &mut self.fault {
            fault.is_tried = true;
        }
        if is_changed || self.unread_bytes() == 0 {
            self.fault = None;
        }
    }

    /// Whether nothing of it is read for now.
    fn is_at_fault(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| !fault.is_tried)
    }

    /// Holds what is counted of it against what is there.
    fn compare(&self, found: &Found) -> io::Result<Likeness> {
        let opened;
        let file = match &self.reading {
            Some(Reading::Plain(plain)) => plain.file(),
            _ => match open_known(&found.path, &self.known)? {
                Some(file) => {
                    opened = file;
                    &opened
                }
                None => return Ok(Likeness::Unclear),
            },
        };
        let FollowedFile { offset, head, tail, .. } = &self.known;
        if !print::is_there(file, head, head.bytes)? {
            return Ok(Likeness::Other);
        }
        if self.compression() != Compression::None {
            if !packed::is_same(file, found.bytes, &self.known)? {
                return Ok(Likeness::Other);
            }
            // What is being checked may have been half written.
            return Ok(Likeness::Same { is_read_again: true });
        }
        if found.bytes < *offset || !print::is_there(file, tail, *offset)? {
            return Ok(Likeness::Other);
        }
        let is_read_again = match &self.reading {
            Some(Reading::Plain(plain)) => !plain.has_unfinished(*offset)?,
            // Nothing is in mind of the half line that was read.
            _ => self.half_to > 0,
        };
        Ok(Likeness::Same { is_read_again })
    }

    /// It has that name now, which a pattern finds or none does.
    pub(super) fn rename(&mut self, found: &Found) {
        self.known.path.clone_from(&found.path);
        if self.presence == Presence::Listed {
            self.known.listed = Some(found.path.clone());
        }
        self.is_changed = true;
    }

    /// Whether it may be written to where no pattern finds it: what is compressed is whole.
    pub(super) fn may_grow(&self) -> bool {
        self.compression() == Compression::None
    }

    /// Bytes, as they are stored, that are there and not read.
    pub(super) fn unread_bytes(&self) -> u64 {
        let Some((bytes, _)) = self.seen else { return 0 };
        match self.presence {
            Presence::Unseen | Presence::Gone => 0,
            Presence::Listed | Presence::Unlisted if self.is_at_fault() => 0,
            Presence::Listed | Presence::Unlisted => match self.compression() {
                Compression::None => bytes.saturating_sub(self.read_to.max(self.half_to)),
                _ if self.known.finished_bytes == Some(bytes) => 0,
                _ => bytes,
            },
        }
    }

    /// The same, where it cannot be read too.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self.presence {
            Presence::Listed | Presence::Unlisted if self.is_at_fault() => self.uncounted_bytes(),
            _ => self.unread_bytes(),
        }
    }

    /// Whether it is known that nothing of it is left to be read.
    pub(super) fn is_read(&self) -> bool {
        match self.presence {
            Presence::Unseen | Presence::Gone => true,
            Presence::Listed | Presence::Unlisted => {
                self.seen.is_some() && self.unread_bytes() == 0
            }
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
        let plain = match &self.reading {
            Some(Reading::Plain(plain)) => plain,
            Some(Reading::Packed(packed)) => return !packed.is_in_check(),
            None => return false,
        };
        let Ok(metadata) = plain.file().metadata() else { return false };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        self.seen = Some((metadata.len(), modified));
        metadata.len() > self.read_to
    }

    pub(super) fn is_open(&self) -> bool {
        self.reading.is_some()
    }

    /// Bytes of a line that was read half: with whoever reads it as much as a record may have.
    pub(super) fn half_bytes(&self) -> u64 {
        match &self.reading {
            Some(Reading::Plain(_)) => self.read_to.saturating_sub(self.known.offset),
            Some(Reading::Packed(_)) | None => 0,
        }
    }

    /// Lets go of it; what was read and is not counted is read again.
    pub(super) fn close(&mut self) {
        self.reading = None;
        self.read_to = self.known.offset;
        self.half_to = 0;
    }

    /// Lets go of it until it changes. The line that it is in the middle of is read again then, from its beginning.
    pub(super) fn put_away(&mut self) {
        let half_to = if self.half_bytes() > 0 { self.read_to } else { 0 };
        self.close();
        self.half_to = half_to;
    }

    /// The next bytes.
    pub(super) fn read(&mut self, number: u32, chunk: &mut Vec<u8>) -> Result<Fed, Error> {
        let outcome = match self.reading.take() {
            None => self.open(),
            Some(Reading::Plain(plain)) => self.read_plain(number, plain, chunk),
            Some(Reading::Packed(packed)) => self.read_packed(number, *packed, chunk),
        };
        match &outcome {
            Ok(Fed::Chunk { .. } | Fed::End { .. }) => self.fault = None,
            Ok(Fed::Busy | Fed::Nothing) => {}
            Err(error) => {
                self.close();
                let (reason, is_of_content) = (error.to_string(), error.is_of_content());
                self.fault = Some(Fault { reason, is_of_content, is_tried: false });
            }
        }
        outcome
    }

    fn open(&mut self) -> Result<Fed, Error> {
        self.half_to = 0;
        if self.known.compression.is_none() {
            self.is_changed = true;
            let failed = Error::at(Step::Open, &self.known.path.clone());
            if !packed::decide(&mut self.known).map_err(failed)? {
                // Like half a line: what is there waits for more.
                self.half_to = self.seen.map_or(0, |(bytes, _)| bytes);
                return Ok(Fed::Busy);
            }
        }
        self.reading = match self.compression() {
            Compression::None => {
                let failed = Error::at(Step::Open, &self.known.path);
                Plain::open(&self.known).map_err(failed)?.map(Reading::Plain)
            }
            compression => {
                let packed = Packed::open(&mut self.known, compression)?;
                self.is_changed = true;
                packed.map(|packed| Reading::Packed(Box::new(packed)))
            }
        };
        Ok(self.opened())
    }

    /// Where nothing could be opened something else has the name by now, or stands in it: the next scan will find out.
    fn opened(&mut self) -> Fed {
        if self.reading.is_none() {
            self.seen = None;
        }
        Fed::Busy
    }

    fn read_plain(
        &mut self,
        number: u32,
        mut plain: Plain,
        chunk: &mut Vec<u8>,
    ) -> Result<Fed, Error> {
        let at = self.read_to;
        let room = usize::try_from(self.unread_bytes()).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        chunk.resize(room, 0);
        plain.read(chunk).map_err(Error::at(Step::Read, &self.known.path))?;
        self.reading = Some(Reading::Plain(plain));
        if chunk.is_empty() {
            // It is shorter than it was when it was last looked at: the next scan will find out.
            self.seen = None;
            return Ok(Fed::Busy);
        }
        self.read_to = at + u64::try_from(chunk.len()).unwrap_or(0);
        Ok(Fed::Chunk { file: number, at })
    }

    fn read_packed(
        &mut self,
        number: u32,
        mut packed: Packed,
        chunk: &mut Vec<u8>,
    ) -> Result<Fed, Error> {
        if packed.is_in_check() {
            let packed = packed.check(&mut self.known, chunk)?;
            self.reading = packed.map(|packed| Reading::Packed(Box::new(packed)));
            self.is_changed = true;
            return Ok(self.opened());
        }
        let at = match packed.unpack(self.read_to, chunk)? {
            Unpacked::End => return Ok(Fed::End { file: number }),
            Unpacked::Nothing => None,
            Unpacked::Chunk(at) => Some(at),
        };
        self.reading = Some(Reading::Packed(Box::new(packed)));
        let Some(at) = at else { return Ok(Fed::Busy) };
        self.read_to = at + u64::try_from(chunk.len()).unwrap_or(0);
        Ok(Fed::Chunk { file: number, at })
    }

    /// Its lines are counted so far. From here on it is known again by them.
    pub(super) fn advance(&mut self, offset: u64, line: u64) {
        self.known.offset = offset;
        self.known.line = line;
        self.is_changed = true;
        if let Some(Reading::Plain(plain)) = &mut self.reading {
            (self.known.head, self.known.tail) = plain.count(offset);
        } else if self.compression() == Compression::None {
            // Nothing is in mind of what was counted last.
            self.known.tail = Print::default();
        }
    }

    /// It is compressed, and read to its end.
    pub(super) fn finish(&mut self) {
        self.known.finished_bytes = self.known.whole_bytes;
        self.reading = None;
        self.is_changed = true;
    }

    /// What is to be kept of it, where that changed since it was last asked for.
    pub(super) fn changed(&mut self) -> Option<FollowedFile> {
        std::mem::take(&mut self.is_changed).then(|| self.known.clone())
    }
}
