//! Files to lines: keeps for each file the line that it is in the middle of.

use std::collections::BTreeMap;

use crate::file::{Fed, Follower, Notice};
use crate::format::{LineSplitter, RECORD_BYTES_MAX};

/// The files that are followed, with their unfinished lines.
pub(super) struct Reader {
    pub(super) follower: Follower,
    /// By file, and at which plain byte its next chunk begins.
    splitters: BTreeMap<u32, (LineSplitter, u64)>,
    chunk: Vec<u8>,
    /// What the log says cannot be read, and why.
    told: BTreeMap<String, String>,
}

/// What a look at the files brought.
pub(super) enum Read<'r> {
    /// Bytes of that file, and what cuts them into lines. `place`: first byte of the next line that is not counted, and how
    /// many lines come before it.
    Chunk { file: u32, place: (u64, u64), splitter: &'r mut LineSplitter, bytes: &'r [u8] },
    /// The file, a compressed one, is at its end.
    End { file: u32, place: (u64, u64), splitter: LineSplitter },
    /// Work was done, and nothing came of it yet.
    Busy,
    /// There is nothing to read before the next scan.
    Nothing,
}

impl Reader {
    pub(super) fn new(follower: Follower) -> Self {
        Reader { follower, splitters: BTreeMap::new(), chunk: Vec::new(), told: BTreeMap::new() }
    }

    /// Looks at what is there now, and says what changed.
    pub(super) fn scan(&mut self) {
        for notice in self.follower.scan() {
            match notice {
                Notice::New(path) => tracing::info!(path, "a file is followed"),
                Notice::Renamed(from, to) => tracing::info!(from, to, "a file was renamed"),
                Notice::Rewritten(path) => {
                    tracing::warn!(
                        path,
                        "a file holds other content now: it is read from its beginning"
                    );
                }
                Notice::Gone(path, 0) => {
                    tracing::info!(path, "a file is gone; all of it is counted");
                }
                Notice::Gone(path, uncounted_bytes) => {
                    tracing::warn!(
                        path,
                        uncounted_bytes,
                        "a file is gone before all of it was counted"
                    );
                }
            }
        }
        self.tell_troubles();
    }

    /// Says once what cannot be read, and again where the reason changed or it came back.
    fn tell_troubles(&mut self) {
        let troubles = self.follower.troubles();
        if self.told == *troubles {
            return;
        }
        for (path, reason) in
            troubles.iter().filter(|(path, reason)| self.told.get(*path) != Some(reason))
        {
            tracing::warn!(
                path,
                reason,
                "what is to be followed cannot be read; it is tried again"
            );
        }
        self.told.clone_from(troubles);
    }

    /// The next bytes of a file.
    pub(super) fn read(&mut self) -> Read<'_> {
        // A file that was put away is read again from the beginning of the line that it is in the middle of.
        self.splitters.retain(|number, _| self.follower.is_open(*number));
        let fed = match self.follower.read(&mut self.chunk) {
            Ok(fed) => fed,
            Err(error) => {
                let reason = error.to_string();
                if self.told.get(&error.name) == Some(&reason) {
                    // It was tried again.
                } else if error.is_half_written() {
                    tracing::warn!(%error, "a compressed file is not whole; it is read once it is");
                } else {
                    tracing::error!(%error, "a file cannot be read; it is looked at again");
                }
                self.told.insert(error.name, reason);
                return Read::Busy;
            }
        };
        match fed {
            Fed::Chunk { file, at } => {
                let place = self.follower.place(file).unwrap_or((0, 0));
                let (splitter, next) =
                    self.splitters.entry(file).or_insert_with(|| (resumed(place), place.0));
                if *next != at {
                    // It was closed meanwhile, and is read again from its last line.
                    (*splitter, *next) = (resumed(place), at);
                }
                *next += u64::try_from(self.chunk.len()).unwrap_or(0);
                Read::Chunk { file, place, splitter, bytes: &self.chunk }
            }
            Fed::End { file } => {
                let place = self.follower.place(file).unwrap_or((0, 0));
                let known = self.splitters.remove(&file).map(|(splitter, _)| splitter);
                let splitter = known.unwrap_or_else(|| resumed(place));
                Read::End { file, place, splitter }
            }
            Fed::Busy => Read::Busy,
            Fed::Nothing => Read::Nothing,
        }
    }

    /// Notes how far the lines of a file are counted.
    pub(super) fn advance(&mut self, file: u32, offset: u64, line: u64) {
        self.follower.advance(file, offset, line);
        // Nothing is unfinished: the next chunk begins a line.
        self.splitters.retain(|number, (_, next)| *number != file || *next != offset);
    }
}

fn resumed((offset, line): (u64, u64)) -> LineSplitter {
    LineSplitter::resume(RECORD_BYTES_MAX, line + 1, offset)
}
