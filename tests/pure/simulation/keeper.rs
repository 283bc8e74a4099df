//! The keeper of a process: puts checkpoints, collects old ones and brings some back, one request at a time, beside its worker.
//!
//! Mirrors `odometer::checkpoint` and the threads that call it, request by request, so that crashes, sleep and other
//! processes come in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use odometer::engine::CommitId;

use super::bucket::{
    Bucket, Content, Copy, FileName, Manifest, ManifestName, Outcome, Putter, Request, Unanswered,
    digest_of, disk_of,
};
use super::chance::{Chance, Fault};
use super::mutant::Mutant;
use crate::model::Disk;

/// What the keeper works on beside its orders.
pub struct Premises<'s> {
    pub bucket: &'s mut Bucket,
    pub chance: &'s mut Chance,
    pub mutant: Option<Mutant>,
    /// How old what is collected must be.
    pub age: u64,
}

/// What a session knows to be in the store.
pub struct Base {
    by: Putter,
    /// Digests, with who put them.
    files: BTreeMap<u64, Putter>,
    /// What was visible when the task began, until it is known what its checkpoint has.
    begun_at: Option<CommitId>,
}

impl Base {
    /// The task began where that commit was visible.
    pub fn new(session: u64, visible: Option<CommitId>) -> Self {
        Base { by: (session, 0), files: BTreeMap::new(), begun_at: visible }
    }

    fn begin_from(&mut self, manifest: &Manifest) {
        self.files = manifest.files.iter().map(|file| (file.digest, file.by)).collect();
    }

    fn manifest_of(&self, copy: &Copy, mutant: Option<Mutant>) -> Manifest {
        let own = match mutant {
            Some(Mutant::NamesWithoutSession) => (0, 0),
            Some(Mutant::NamesKept) => (self.by.0, 0),
            _ => self.by,
        };
        let name = |digest: &u64| FileName {
            digest: *digest,
            by: self.files.get(digest).copied().unwrap_or(own),
        };
        let files = copy.files.keys().map(name).collect();
        Manifest { number: copy.number, commits: copy.commits.clone(), files }
    }
}

/// A checkpoint that is being put.
pub struct Putting {
    pub partition: i32,
    pub copy: Copy,
    pub base: Base,
    collecting: Option<Collecting>,
    /// What is still to be put.
    left: Option<VecDeque<Request>>,
    has_put_any: bool,
    done: Option<Manifest>,
    /// What became of it.
    pub outcome: Option<Result<Manifest, Unanswered>>,
}

impl Putting {
    /// An order. `visible`: the checkpoint whose commit is visible, where it is time to forget those before it.
    pub fn new(partition: i32, copy: Copy, mut base: Base, visible: Option<&Manifest>) -> Self {
        // What was deleted without an answer may go later.
        base.by.1 += u32::from(visible.is_some());
        let collecting = visible.map(Collecting::new);
        let (left, has_put_any, done, outcome) = (None, false, None, None);
        Putting { partition, copy, base, collecting, left, has_put_any, done, outcome }
    }

    /// Whether files were put whose manifest was not.
    pub fn is_partial(&self) -> bool {
        self.has_put_any && !matches!(self.outcome, Some(Ok(_)))
    }

    /// Makes the next request.
    fn go_on(&mut self, premises: &mut Premises<'_>) {
        if let Some(collecting) = &mut self.collecting {
            let goes_on = collecting.go_on(self.partition, premises);
            // What cannot be removed now is removed another time.
            if goes_on != Ok(true) {
                self.collecting = None;
            }
        } else if self.done.is_none() {
            self.put_next(premises);
        }
        if self.collecting.is_none() {
            self.outcome = self.outcome.take().or_else(|| self.done.take().map(Ok));
        }
    }

    fn put_next(&mut self, premises: &mut Premises<'_>) {
        match self.put(premises) {
            Ok(None) => {}
            Ok(Some(manifest)) => {
                premises.chance.tally.note("checkpoint put");
                self.done = Some(manifest);
            }
            Err(Unanswered) => self.outcome = Some(Err(Unanswered)),
        }
        let is_early = premises.mutant == Some(Mutant::CollectEarly);
        self.collecting = self.done.as_ref().filter(|_| is_early).map(Collecting::new);
    }

    fn put(&mut self, premises: &mut Premises<'_>) -> Result<Option<Manifest>, Unanswered> {
        if let Some(visible) = self.base.begun_at {
            let found = newest_of(self.partition, visible, premises)?;
            if let Some(found) = &found {
                self.base.begin_from(found);
            }
            self.base.begun_at = None;
            return Ok(None);
        }
        let manifest = self.base.manifest_of(&self.copy, premises.mutant);
        if self.left.is_none() {
            self.left = Some(self.requests(&manifest, premises.mutant));
        }
        let left = self.left.as_mut().expect("it was made");
        let request = left.pop_front().expect("the last one ends it");
        let is_of_file = matches!(request, Request::PutFile(..));
        let outcome = premises.bucket.ask(self.partition, request, premises.chance)?;
        self.has_put_any |= is_of_file;
        if outcome == Outcome::WasThere {
            premises.chance.tally.note("checkpoint was there already");
            let there =
                premises.bucket.manifest(self.partition, &manifest.name(), premises.chance)?;
            let there = there.ok_or(Unanswered)?;
            self.base.begin_from(&there);
            return Ok(Some(there));
        }
        if !self.left.as_ref().is_some_and(VecDeque::is_empty) {
            return Ok(None);
        }
        self.base.begin_from(&manifest);
        Ok(Some(manifest))
    }

    fn requests(&self, manifest: &Manifest, mutant: Option<Mutant>) -> VecDeque<Request> {
        let is_new = |name: &&FileName| !self.base.files.contains_key(&name.digest);
        let put = |name: &FileName| Request::PutFile(*name, self.copy.files[&name.digest].clone());
        let mut requests: VecDeque<Request> =
            manifest.files.iter().filter(is_new).map(put).collect();
        let last = manifest.clone();
        match mutant {
            Some(Mutant::OverwriteManifest) => requests.push_back(Request::OverwriteManifest(last)),
            Some(Mutant::ManifestFirst) => requests.push_front(Request::PutManifest(last)),
            _ => requests.push_back(Request::PutManifest(last)),
        }
        requests
    }
}

/// The checkpoint with the highest number of those that are whole and whose chain has that commit.
pub fn newest_of(
    partition: i32,
    visible: CommitId,
    premises: &mut Premises<'_>,
) -> Result<Option<Manifest>, Unanswered> {
    let Premises { bucket, chance, .. } = premises;
    let listed = bucket.manifests(partition, chance)?;
    let listed: Vec<ManifestName> = listed.into_iter().map(|(name, _)| name).collect();
    let found = bucket.until(partition, (&listed, Some(visible)), chance)?;
    Ok(found.into_iter().next_back().filter(|found| found.commits.contains(&visible)))
}

/// Old checkpoints that are being removed, and files that no manifest names.
struct Collecting {
    own: ManifestName,
    phase: Phase,
}

enum Phase {
    Begun,
    /// Manifests that are still to be looked at, and what those name that stay.
    Manifests {
        now: u64,
        left: VecDeque<(ManifestName, u64)>,
        named: BTreeSet<FileName>,
    },
    /// Files that are still to be deleted.
    Files(VecDeque<FileName>),
}

impl Collecting {
    fn new(visible: &Manifest) -> Self {
        Collecting { own: visible.name(), phase: Phase::Begun }
    }

    /// Makes the next request; returns whether there are more.
    fn go_on(&mut self, partition: i32, premises: &mut Premises<'_>) -> Result<bool, Unanswered> {
        let Premises { bucket, chance, mutant, age } = premises;
        match &mut self.phase {
            Phase::Begun => {
                let left: VecDeque<_> = bucket.manifests(partition, chance)?.into();
                let Some((_, put)) = left.iter().find(|(name, _)| *name == self.own) else {
                    return Ok(false);
                };
                // By the time of the own one whatever a younger one names first is young.
                let is_mutant = *mutant == Some(Mutant::CollectNamed);
                let now = if is_mutant { bucket.now } else { *put };
                self.phase = Phase::Manifests { now, left, named: BTreeSet::new() };
            }
            Phase::Manifests { now, left, named } => {
                let is_old = |time: u64| now.checked_sub(time).is_some_and(|since| since >= *age);
                let Some((name, time)) = left.pop_front() else {
                    let files = bucket.files(partition, chance)?;
                    let is_left =
                        |(name, time): &(FileName, u64)| !named.contains(name) && is_old(*time);
                    let files = files.into_iter().filter(is_left).map(|(name, _)| name).collect();
                    self.phase = Phase::Files(files);
                    return Ok(true);
                };
                if name < self.own && is_old(time) {
                    bucket.ask(partition, Request::DeleteManifest(name), chance)?;
                    chance.tally.note("checkpoint collected");
                } else if name <= self.own || *mutant != Some(Mutant::CollectNamed) {
                    let manifest = bucket.manifest(partition, &name, chance)?;
                    if manifest.is_none() && *mutant != Some(Mutant::CollectUnread) {
                        chance.tally.note("collecting stopped behind somebody else's");
                        return Ok(false);
                    }
                    named.extend(manifest.into_iter().flat_map(|manifest| manifest.files));
                }
            }
            Phase::Files(left) => {
                let Some(name) = left.pop_front() else { return Ok(false) };
                bucket.ask(partition, Request::DeleteFile(name), chance)?;
                chance.tally.note("file collected");
            }
        }
        Ok(true)
    }
}

/// A checkpoint that is being brought back.
pub struct Restoring {
    pub partition: i32,
    pub manifest: Manifest,
    left: VecDeque<FileName>,
    entries: Content,
    /// Nobody waits for it any more.
    pub is_given_up: bool,
    /// Past the last look whether anybody does.
    is_ending: bool,
    /// What became of it: a whole disk, until it is taken.
    pub outcome: Option<Result<Disk, Unanswered>>,
}

impl Restoring {
    /// An order.
    pub fn new(partition: i32, manifest: &Manifest) -> Self {
        let left = manifest.files.iter().copied().collect();
        let (is_given_up, is_ending, outcome) = (false, false, None);
        let (manifest, entries) = (manifest.clone(), Vec::new());
        Restoring { partition, manifest, left, entries, is_given_up, is_ending, outcome }
    }

    /// What is here of it so far.
    pub fn unfinished(&self) -> Option<Disk> {
        (!self.entries.is_empty()).then(|| disk_of(self.entries.clone()))
    }

    /// Makes the next request.
    fn go_on(&mut self, premises: &mut Premises<'_>) {
        if self.is_ending {
            self.outcome = Some(Ok(disk_of(std::mem::take(&mut self.entries))));
        } else if self.is_given_up {
            self.outcome = Some(Err(Unanswered));
        } else if let Some(name) = self.left.pop_front() {
            let file = premises.bucket.file(self.partition, &name, premises.chance);
            if file == Ok(None) {
                premises.chance.tally.note("checkpoint gone while it was brought back");
            }
            match file {
                Ok(Some(content)) => {
                    assert_eq!(digest_of(&content), name.digest, "a file is what its name says");
                    self.entries.extend(content);
                }
                Ok(None) | Err(Unanswered) => self.outcome = Some(Err(Unanswered)),
            }
        } else {
            self.is_ending = true;
        }
    }
}

/// What a keeper is told to do.
pub enum Task {
    Put(Putting),
    Restore(Restoring),
}

/// Something to do, one request after the other.
pub struct Order {
    pub task: Task,
    asleep_until: u64,
}

impl Order {
    pub fn new(task: Task) -> Self {
        Order { task, asleep_until: 0 }
    }

    /// Makes the next request, if none takes long.
    pub fn go_on(&mut self, premises: &mut Premises<'_>) {
        if self.asleep_until > premises.bucket.now {
            return;
        }
        if premises.chance.strikes(Fault::RequestSlow, 4) {
            let steps = 10 * (1 + premises.chance.dice.below(15));
            self.asleep_until = premises.bucket.now + u64::try_from(steps).expect("few");
            return;
        }
        match &mut self.task {
            Task::Put(putting) => putting.go_on(premises),
            Task::Restore(restoring) => restoring.go_on(premises),
        }
    }

    /// Whether it is known what became of it.
    pub fn is_over(&self) -> bool {
        match &self.task {
            Task::Put(putting) => putting.outcome.is_some(),
            Task::Restore(restoring) => restoring.outcome.is_some(),
        }
    }
}
