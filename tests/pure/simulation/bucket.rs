//! An object store: files that are put under their content's digest, manifests that are put only where there is none.
//!
//! As with the broker, what a request does and what its sender hears of it are two things here: answers and requests are
//! lost, and some requests arrive when nobody waits for them any more. When each object was put is said by the store's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use odometer::engine::{Checkpoint, CommitId};

use super::chance::{Chance, Fault};
use crate::model::{Disk, Store};

/// What a file holds.
pub type Content = Vec<(Vec<u8>, Vec<u8>)>;

/// Who puts files: a session, and how often it has collected.
pub type Putter = (u64, u32);

/// What a file is called: the digest of its content, and who put it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileName {
    pub digest: u64,
    pub by: Putter,
}

/// What a manifest is called: number and name of the commit.
pub type ManifestName = (u64, CommitId);

/// What makes files a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Number of the last commit.
    pub number: u64,
    /// The chain of the state, oldest first.
    pub commits: Vec<CommitId>,
    pub files: BTreeSet<FileName>,
}

impl Manifest {
    /// The commit whose state it is.
    pub fn last(&self) -> CommitId {
        *self.commits.last().expect("a state has its genesis")
    }

    pub fn name(&self) -> ManifestName {
        (self.number, self.last())
    }

    /// As the decision wants to know it.
    pub fn fact(&self) -> Checkpoint {
        Checkpoint { chain: self.commits.clone(), number: self.number }
    }
}

/// A copy of a state as of a commit, on the machine's disk.
pub struct Copy {
    pub number: u64,
    pub commits: Vec<CommitId>,
    pub files: BTreeMap<u64, Content>,
}

impl Copy {
    /// What a store holds by now.
    pub fn of(store: &Store) -> Self {
        let commits = store.commits();
        let number = commits.last().expect("a state has its genesis").number;
        let commits = commits.into_iter().map(|commit| commit.id).collect();
        Copy { number, commits, files: files_of(&store.disk, number) }
    }
}

/// The files of a state by digest: one for each kind of entries, and one that is no table. As with the small files of
/// RocksDB, what that one was it is again some time, byte for byte.
fn files_of(disk: &Disk, number: u64) -> BTreeMap<u64, Content> {
    let mut kinds: BTreeMap<u8, Content> = BTreeMap::new();
    for (key, value) in disk.entries() {
        kinds.entry(key[0]).or_default().push((key, value));
    }
    let no_table = vec![(Vec::new(), vec![u8::from(number.is_multiple_of(2))])];
    let files = kinds.into_values().chain([no_table]);
    files.map(|content| (digest_of(&content), content)).collect()
}

/// The disk that files make.
pub fn disk_of(files: Content) -> Disk {
    Disk::of(files.into_iter().filter(|(key, _)| !key.is_empty()).collect())
}

pub fn digest_of(content: &Content) -> u64 {
    let mut digest = DefaultHasher::new();
    content.hash(&mut digest);
    digest.finish()
}

/// What is asked to be changed.
#[derive(Clone, Debug)]
pub enum Request {
    PutFile(FileName, Content),
    /// Only where there is none of that name.
    PutManifest(Manifest),
    /// Whether or not there is one. The product never asks for that.
    OverwriteManifest(Manifest),
    DeleteFile(FileName),
    DeleteManifest(ManifestName),
}

/// Whether a request changed anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// It had been done before, or there is another one.
    WasThere,
}

/// Nothing is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unanswered;

/// What one partition has in the store; everything with the time at which it was put.
#[derive(Default)]
struct Shelf {
    files: BTreeMap<FileName, (Content, u64)>,
    manifests: BTreeMap<ManifestName, (Manifest, u64)>,
}

impl Shelf {
    /// A file of a manifest that is not there.
    fn lacked_by<'m>(&self, manifest: &'m Manifest) -> Option<&'m FileName> {
        manifest.files.iter().find(|name| !self.files.contains_key(*name))
    }
}

/// The store.
#[derive(Default)]
pub struct Bucket {
    /// Its clock.
    pub now: u64,
    /// Nobody reaches it.
    pub is_away: bool,
    /// How many requests were carried out.
    pub changes: u64,
    shelves: BTreeMap<i32, Shelf>,
    under_way: Vec<(i32, Request)>,
}

impl Bucket {
    /// Asks for a change.
    pub fn ask(
        &mut self,
        partition: i32,
        request: Request,
        chance: &mut Chance,
    ) -> Result<Outcome, Unanswered> {
        if self.is_away {
            return Err(Unanswered);
        }
        let faults = [Fault::RequestUnanswered, Fault::RequestLost, Fault::RequestDelayed];
        let fault = *chance.dice.pick(&faults);
        // Each kind of request is hit, though most of them are for files.
        let percent = if matches!(request, Request::PutFile(..)) { 5 } else { 25 };
        if !chance.strikes(fault, percent) {
            return Ok(self.shelf(partition).take(request));
        }
        match fault {
            Fault::RequestUnanswered => drop(self.shelf(partition).take(request)),
            Fault::RequestDelayed => self.under_way.push((partition, request)),
            _ => {}
        }
        Err(Unanswered)
    }

    fn shelf(&mut self, partition: i32) -> OnShelf<'_> {
        self.changes += 1;
        OnShelf { now: self.now, shelf: self.shelves.entry(partition).or_default() }
    }

    /// A request arrives that was under way. Returns whether there was one.
    pub fn arrive(&mut self, chance: &mut Chance) -> bool {
        let is_under_way = !self.under_way.is_empty() && !self.is_away;
        if is_under_way {
            let (partition, request) =
                self.under_way.remove(chance.dice.below(self.under_way.len()));
            if let Request::PutManifest(manifest) = &request
                && self.shelves.get(&partition).is_none_or(|one| one.lacked_by(manifest).is_some())
            {
                chance.tally.note("manifest came when files of it were gone");
            }
            self.shelf(partition).take(request);
        }
        is_under_way
    }

    fn look(&self, partition: i32, chance: &mut Chance) -> Result<Option<&Shelf>, Unanswered> {
        if self.is_away || chance.strikes(Fault::ObjectUnread, 2) {
            return Err(Unanswered);
        }
        Ok(self.shelves.get(&partition))
    }

    /// The names of all manifests with the times, the one with the highest number first.
    pub fn manifests(
        &self,
        partition: i32,
        chance: &mut Chance,
    ) -> Result<Vec<(ManifestName, u64)>, Unanswered> {
        let found = self.look(partition, chance)?;
        let all = found.into_iter().flat_map(|shelf| shelf.manifests.iter().rev());
        Ok(all.map(|(name, (_, time))| (*name, *time)).collect())
    }

    /// A manifest, if it is still there.
    pub fn manifest(
        &self,
        partition: i32,
        name: &ManifestName,
        chance: &mut Chance,
    ) -> Result<Option<Manifest>, Unanswered> {
        let found = self.look(partition, chance)?.and_then(|shelf| shelf.manifests.get(name));
        Ok(found.map(|(manifest, _)| manifest.clone()))
    }

    /// Of those manifests what is still there, up to the first one that has a commit in its chain, or any, and all its files.
    pub fn until(
        &self,
        partition: i32,
        (listed, commit): (&[ManifestName], Option<CommitId>),
        chance: &mut Chance,
    ) -> Result<Vec<Manifest>, Unanswered> {
        let mut found = Vec::new();
        let mut files = None;
        for name in listed {
            let Some(manifest) = self.manifest(partition, name, chance)? else { continue };
            if commit.is_some_and(|commit| !manifest.commits.contains(&commit)) {
                found.push(manifest);
                continue;
            }
            let files = match &mut files {
                Some(files) => files,
                None => files.insert(self.files(partition, chance)?),
            };
            let is_there = |name| files.iter().any(|(one, _)| one == name);
            if manifest.files.iter().all(is_there) {
                found.push(manifest);
                break;
            }
            chance.tally.note("checkpoint passed over that lacks files");
        }
        Ok(found)
    }

    /// The names of all files with the times.
    pub fn files(
        &self,
        partition: i32,
        chance: &mut Chance,
    ) -> Result<Vec<(FileName, u64)>, Unanswered> {
        let found = self.look(partition, chance)?;
        let all = found.into_iter().flat_map(|shelf| &shelf.files);
        Ok(all.map(|(name, (_, time))| (*name, *time)).collect())
    }

    /// A file, if it is still there.
    pub fn file(
        &self,
        partition: i32,
        name: &FileName,
        chance: &mut Chance,
    ) -> Result<Option<Content>, Unanswered> {
        let found = self.look(partition, chance)?.and_then(|shelf| shelf.files.get(name));
        Ok(found.map(|(content, _)| content.clone()))
    }

    /// Every whole checkpoint of a partition, the one with the highest number first, for whoever sees all.
    pub fn checkpoints(&self, partition: i32) -> Vec<Manifest> {
        let Some(own) = self.shelves.get(&partition) else { return Vec::new() };
        let all = own.manifests.values().rev().map(|(manifest, _)| manifest);
        all.filter(|manifest| own.lacked_by(manifest).is_none()).cloned().collect()
    }

    /// That the checkpoint which a machine without a state takes is there, and whole.
    ///
    /// # Errors
    /// There is none with that commit in its chain, or it lacks files.
    pub fn check(&self, partition: i32, commit: CommitId) -> Result<(), String> {
        let shelves = self.shelves.get(&partition).into_iter();
        let usable = shelves.flat_map(|shelf| {
            let all = shelf.manifests.values().rev().map(|(manifest, _)| manifest);
            let usable = all.filter(|one| one.commits.contains(&commit));
            usable.map(|manifest| (manifest, shelf.lacked_by(manifest)))
        });
        let usable: Vec<_> = usable.collect();
        let taken = usable.iter().find(|(_, lacked)| lacked.is_none());
        if taken.is_some() {
            return Ok(());
        }
        let lacked = usable.iter().map(|(manifest, lacked)| (manifest.name(), lacked));
        let lacked: Vec<_> = lacked.collect();
        Err(format!(
            "what is visible of {partition} rests on {commit}, which no checkpoint has: {lacked:?}"
        ))
    }
}

struct OnShelf<'s> {
    now: u64,
    shelf: &'s mut Shelf,
}

impl OnShelf<'_> {
    fn take(self, request: Request) -> Outcome {
        let OnShelf { now, shelf } = self;
        let was_there = match request {
            Request::PutFile(name, content) => {
                shelf.files.insert(name, (content, now));
                false
            }
            Request::PutManifest(manifest) => {
                let was_there = shelf.manifests.contains_key(&manifest.name());
                shelf.manifests.entry(manifest.name()).or_insert((manifest, now));
                was_there
            }
            Request::OverwriteManifest(manifest) => {
                shelf.manifests.insert(manifest.name(), (manifest, now));
                false
            }
            Request::DeleteFile(name) => shelf.files.remove(&name).is_none(),
            Request::DeleteManifest(name) => shelf.manifests.remove(&name).is_none(),
        };
        if was_there { Outcome::WasThere } else { Outcome::Done }
    }
}
