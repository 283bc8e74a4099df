//! Files that grow: found by patterns, known again by inode and content, read from where reading stopped.
//!
//! ```text
//! scan (what is there now) ─► read (the next chunk of the file in hand, or of the next one by name) ─► advance (how far
//! its lines are counted) ─► changed (what is to be kept with the next commit)
//! ```
//! `followed` is one file, `plain` what is kept in mind of an open one, `packed` an open compressed one, `pattern` what paths
//! a pattern finds, `listing` what files lie there, `print` how content is known again. A plain file is read as far as it reaches; a compressed one only
//! once all of it can be read, for what is cut or damaged must not be counted. Knows nothing of lines, and holds no thread.

mod followed;
mod listing;
mod packed;
mod pattern;
mod plain;
mod print;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::followed::{Followed, Presence};
use self::listing::Found;
use super::append::is_or_is_part_of;
use super::error::Error;
use super::output::real_place;
use crate::format::state::FollowedFile;

pub use self::pattern::{Pattern, PatternFault};

/// How many files that are gone are known at the most.
const GONE_MAX: usize = 10_000;
/// How many files are held open at the most.
const OPEN_MAX: usize = 128;
/// Bytes of half lines that are kept in mind at the most, of files that are not in hand.
const HALF_BYTES_MAX: u64 = 16 << 20;

/// What a scan found that is worth telling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A file that was not known.
    New(String),
    /// A file under another name than before: from, to.
    Renamed(String, String),
    /// A file that was read holds other content now, and is read from its beginning.
    Rewritten(String),
    /// A file is no longer there; so many of its bytes were not counted.
    Gone(String, u64),
}

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fed {
    /// Bytes of a file, of which the first stands there among the plain ones.
    Chunk {
        /// The file's number.
        file: u32,
        /// Where the first byte stands.
        at: u64,
    },
    /// A compressed file is at its end: what it has of a last line is one.
    End {
        /// The file's number.
        file: u32,
    },
    /// Nothing yet, but work was done.
    Busy,
    /// Nothing to read before the next scan.
    Nothing,
}

/// The files that a source follows.
pub struct Follower {
    patterns: Vec<Pattern>,
    files: BTreeMap<u32, Followed>,
    /// Numbers by device and inode.
    numbers: BTreeMap<(u64, u64), u32>,
    next_number: u32,
    in_hand: Option<u32>,
    /// Numbers of files that are not known any more, since that was last asked for.
    forgotten: Vec<u32>,
    /// Why something cannot be read, by path or pattern.
    troubles: BTreeMap<String, String>,
    own: Own,
}

/// What the follower's own process writes: what a pattern finds of it, over links too, is not read.
#[derive(Clone, Default, Debug)]
pub struct Own {
    /// Outputs, whose parts lie beside them.
    pub outputs: Vec<PathBuf>,
    /// Where state is kept.
    pub directory: Option<PathBuf>,
}

impl Own {
    /// Why what lies at a path is not to be read.
    fn fault(&self, path: &str) -> Option<String> {
        let place = fs::canonicalize(path).ok()?;
        let is_output = |output: &PathBuf| {
            real_place(output).is_some_and(|output| is_or_is_part_of(&place, &output))
        };
        if self.outputs.iter().any(is_output) {
            return Some(
                "it is what this process writes, and would be read as events: have source.paths find it no more"
                    .to_owned(),
            );
        }
        let directory = self.directory.as_deref().and_then(real_place)?;
        place.starts_with(directory).then(|| {
            "it lies in state.directory, and is no file of events: have source.paths find it no more".to_owned()
        })
    }
}

impl Follower {
    /// Follows what the patterns find, after what is known of it.
    pub fn new(patterns: Vec<Pattern>, known: BTreeMap<u32, FollowedFile>) -> Self {
        let next_number = known.last_key_value().map_or(0, |(number, _)| number.saturating_add(1));
        let numbers =
            known.iter().map(|(number, file)| ((file.device, file.inode), *number)).collect();
        let is_found = |name: &String| {
            patterns.iter().any(|one| one.finds(Path::new(name)) || one.leads_to(Path::new(name)))
        };
        let followed = |(number, file): (u32, FollowedFile)| {
            // What was followed by patterns that are no longer given is not, unless one of these finds it.
            let is_dropped = file.listed.as_ref().is_some_and(|name| !is_found(name));
            let mut followed = Followed::known(file);
            if is_dropped {
                followed.presence = Presence::Gone;
            }
            (number, followed)
        };
        let files = known.into_iter().map(followed).collect();
        Follower {
            patterns,
            files,
            numbers,
            next_number,
            in_hand: None,
            forgotten: Vec::new(),
            troubles: BTreeMap::new(),
            own: Own::default(),
        }
    }

    /// The same, which reads nothing of what its own process writes.
    #[must_use]
    pub fn apart_from(self, own: Own) -> Self {
        Follower { own, ..self }
    }

    /// Where the next line of a file begins, and how many lines come before it.
    pub fn place(&self, file: u32) -> Option<(u64, u64)> {
        self.files.get(&file).map(|followed| (followed.known.offset, followed.known.line))
    }

    /// The names of all known files, by number.
    pub fn names(&self) -> BTreeMap<u32, String> {
        self.files.iter().map(|(number, file)| (*number, file.known.path.clone())).collect()
    }

    /// Why something cannot be read, by path or pattern. Empty: all can.
    pub fn troubles(&self) -> &BTreeMap<String, String> {
        &self.troubles
    }

    /// Bytes, as they are stored, that were there at the last scan and are not read yet, of files that cannot be read too.
    pub fn lag_bytes(&self) -> u64 {
        self.files.values().map(Followed::lag_bytes).sum()
    }

    /// Whether everything there is was read to its end, as the last scan found it.
    pub fn is_all_read(&self) -> bool {
        self.troubles.is_empty() && self.files.values().all(Followed::is_read)
    }

    /// Looks at what is there now.
    pub fn scan(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.troubles.clear();
        let found = listing::list(&self.patterns, &mut self.troubles);
        let mut seen = Vec::new();
        for file in found {
            if let Some(number) = self.meet(&file, &mut notices) {
                seen.push(number);
            }
        }
        seen.sort_unstable();
        let missing: Vec<u32> = self
            .files
            .keys()
            .filter(|number| seen.binary_search(number).is_err())
            .copied()
            .collect();
        for number in missing {
            self.miss(number, &mut notices);
        }
        self.forget_gone();
        for file in self.files.values() {
            if let Some(fault) = &file.fault {
                self.troubles.insert(file.known.path.clone(), fault.reason.clone());
            }
        }
        notices
    }

    /// A file is there. Returns its number.
    fn meet(&mut self, found: &Found, notices: &mut Vec<Notice>) -> Option<u32> {
        let place = (found.device, found.inode);
        if let Some(number) = self.numbers.get(&place).copied()
            && let Some(file) = self.files.get_mut(&number)
        {
            let was_gone = file.presence == Presence::Gone;
            match file.meet(found, Presence::Listed) {
                Ok(true) => {
                    if file.known.path != found.path {
                        notices.push(Notice::Renamed(file.known.path.clone(), found.path.clone()));
                    }
                    if file.known.listed.as_ref() != Some(&found.path) {
                        file.rename(found);
                    }
                    return Some(number);
                }
                Ok(false) => {
                    self.forget(number);
                    let path = found.path.clone();
                    notices.push(if was_gone {
                        Notice::New(path)
                    } else {
                        Notice::Rewritten(path)
                    });
                }
                Err(error) => {
                    self.troubles.insert(found.path.clone(), error.to_string());
                    return Some(number);
                }
            }
        } else {
            if let Some(fault) = self.own.fault(&found.path) {
                self.troubles.insert(found.path.clone(), fault);
                return None;
            }
            notices.push(Notice::New(found.path.clone()));
        }
        let number = self.next_number;
        self.next_number = number.checked_add(1)?;
        self.files.insert(number, Followed::new(found));
        self.numbers.insert(place, number);
        Some(number)
    }

    /// A known file is under none of the names that the patterns find: it may have another one beside its last, as one that
    /// is rotated has, and who writes to it may not have noticed yet.
    fn miss(&mut self, number: u32, notices: &mut Vec<Notice>) {
        let Some(file) = self.files.get_mut(&number) else { return };
        if file.presence == Presence::Gone {
            return;
        }
        let found = if file.may_grow() { listing::renamed(&file.known) } else { None };
        match found.map(|found| (file.meet(&found, Presence::Unlisted), found)) {
            Some((Ok(true), found)) => {
                if file.known.path != found.path {
                    notices.push(Notice::Renamed(file.known.path.clone(), found.path.clone()));
                    file.rename(&found);
                }
            }
            // What is still open can be read to its end though it has no name any more.
            Some((Err(_), _)) | None if file.reads_on() => {}
            // What it was is gone too where something else stands in it.
            Some((Ok(false) | Err(_), _)) | None => {
                notices.push(Notice::Gone(file.known.path.clone(), file.uncounted_bytes()));
                file.close();
                file.fault = None;
                file.presence = Presence::Gone;
            }
        }
    }

    fn forget_gone(&mut self) {
        let gone: Vec<u32> = self
            .files
            .iter()
            .filter(|(_, file)| file.presence == Presence::Gone)
            .map(|(number, _)| *number)
            .collect();
        let excess = gone.len().saturating_sub(GONE_MAX);
        for number in gone.into_iter().take(excess) {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: u32) {
        if let Some(file) = self.files.remove(&number) {
            self.numbers.remove(&(file.known.device, file.known.inode));
        }
        self.forgotten.push(number);
        self.in_hand = self.in_hand.filter(|in_hand| *in_hand != number);
    }

    /// Replaces what is in `chunk` by the next bytes of the file in hand, or of the next one by name that has some.
    ///
    /// # Errors
    /// Where reading fails; the file is left alone until the next scan, and where its content is at fault until that changes.
    pub fn read(&mut self, chunk: &mut Vec<u8>) -> Result<Fed, Error> {
        chunk.clear();
        let Some(number) = self.choose() else { return Ok(Fed::Nothing) };
        self.in_hand = Some(number);
        self.put_some_away(number);
        let Some(file) = self.files.get_mut(&number) else { return Ok(Fed::Nothing) };
        let fed = file.read(number, chunk);
        if let Err(error) = &fed {
            self.troubles.insert(file.known.path.clone(), error.to_string());
        }
        fed
    }

    /// The file in hand while it has something, else the next one by name, from the first again after the last.
    fn choose(&self) -> Option<u32> {
        let has_unread =
            |number: &u32| self.files.get(number).is_some_and(|file| file.unread_bytes() > 0);
        if let Some(number) = self.in_hand.filter(has_unread) {
            return Some(number);
        }
        let after = self.in_hand.and_then(|number| self.files.get(&number));
        let after = after.map(|file| file.known.path.as_str());
        let unread = self.files.iter().filter(|(_, file)| file.unread_bytes() > 0);
        // `false` sorts first: names that come after the one in hand.
        let key = |file: &Followed| after.is_some_and(|after| file.known.path.as_str() <= after);
        unread
            .min_by(|(_, one), (_, other)| {
                (key(one), &one.known.path).cmp(&(key(other), &other.known.path))
            })
            .map(|(number, _)| *number)
    }

    /// Lets go of files where more are open, or more of half lines is in mind, than may be.
    fn put_some_away(&mut self, keep: u32) {
        let is_other = |(number, file): &(&u32, &mut Followed)| **number != keep && file.is_open();
        let mut open: Vec<&mut Followed> =
            self.files.iter_mut().filter(is_other).map(|(_, file)| file).collect();
        let mut excess = open.len().saturating_sub(OPEN_MAX);
        let mut half_bytes: u64 = open.iter().map(|file| file.half_bytes()).sum();
        for file in &mut open {
            let own = file.half_bytes();
            if excess > 0 || (half_bytes > HALF_BYTES_MAX && own > 0) {
                file.put_away();
                excess = excess.saturating_sub(1);
                half_bytes -= own;
            }
        }
    }

    /// Whether a file is open: then its next chunk goes on behind the last one.
    pub fn is_open(&self, file: u32) -> bool {
        self.files.get(&file).is_some_and(Followed::is_open)
    }

    /// Notes how far the lines of a file are counted: where the next one begins, and how many come before it.
    pub fn advance(&mut self, file: u32, offset: u64, line: u64) {
        if let Some(file) = self.files.get_mut(&file) {
            file.advance(offset, line);
        }
    }

    /// A compressed file has been read to its end.
    pub fn finish(&mut self, file: u32) {
        if let Some(file) = self.files.get_mut(&file) {
            file.finish();
        }
    }

    /// What is to be kept with the next commit: each file whose place or name changed, and `None` for one that is not
    /// known any more.
    pub fn changed(&mut self) -> Vec<(u32, Option<FollowedFile>)> {
        let mut changed: Vec<_> =
            std::mem::take(&mut self.forgotten).into_iter().map(|number| (number, None)).collect();
        for (number, file) in &mut self.files {
            if let Some(known) = file.changed() {
                changed.push((*number, Some(known)));
            }
        }
        changed
    }
}
