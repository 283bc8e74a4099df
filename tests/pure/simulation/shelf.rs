//! What one task has in the store of checkpoints, without an engine: owners that change, states that are mere chains of
//! commits, and requests that go astray.
//!
//! The keepers are those of the whole simulation. Without the rest there are so many checkpoints in a run that what takes
//! several accidents in a row comes too.

use std::collections::BTreeMap;

use odometer::engine::CommitId;

use super::bucket::{Bucket, Content, Copy, Manifest, Unanswered, digest_of};
use super::chance::{Chance, Fault, Switches, Tally};
use super::keeper::{Base, Order, Premises, Putting, Restoring, Task, newest_of};
use super::mutant::Mutant;
use super::task::commit_id;

const PARTITION: i32 = 0;
const STEPS: usize = 4_000;
/// The name of an empty state.
const GENESIS: CommitId = CommitId([0xff; 16]);

/// What goes wrong beside owners that lose the task.
pub const FAULTS: [Fault; 6] = [
    Fault::RequestUnanswered,
    Fault::RequestLost,
    Fault::RequestDelayed,
    Fault::RequestSlow,
    Fault::LateRequest,
    Fault::ObjectUnread,
];

/// What a state holds.
type Held = [u8; 3];

/// A state with its chain since the last commit that its owner knew to be visible.
#[derive(Clone)]
struct State {
    number: u64,
    commits: Vec<CommitId>,
    held: Held,
    /// Whether another owner may have its last commit too.
    is_shared: bool,
}

/// One who owns the task, or did and does not know better.
struct Owner {
    /// `None`: its checkpoint is still to be brought here.
    state: Option<State>,
    base: Option<Base>,
    order: Option<Order>,
    /// What could not be put, and is to be put again.
    failed: Option<Copy>,
    /// Its newest checkpoint, whose commit is visible.
    visible: Option<Manifest>,
}

struct World {
    bucket: Bucket,
    chance: Chance,
    mutant: Option<Mutant>,
    age: u64,
    /// The last one owns the task.
    owners: Vec<Owner>,
    visible: CommitId,
    /// What a state held after each commit.
    chronicle: BTreeMap<CommitId, Held>,
    next_id: u64,
}

/// Plays a run from a seed.
///
/// # Errors
/// What is visible rests on a checkpoint that is not whole, or on none; what was brought back is not what was put.
pub fn play(seed: u64, mutant: Option<Mutant>) -> Result<Tally, String> {
    let mut chance = Chance::new(seed, Switches::only(&FAULTS));
    let age = *chance.dice.pick(&[0, 5, 30]);
    let mut world = World {
        bucket: Bucket::default(),
        chance,
        mutant,
        age,
        owners: Vec::new(),
        visible: GENESIS,
        chronicle: BTreeMap::from([(GENESIS, Held::default())]),
        next_id: 0,
    };
    world.take_over();
    for _ in 0..STEPS {
        world.step()?;
        if world.visible != GENESIS {
            world.bucket.check(PARTITION, world.visible)?;
        }
    }
    Ok(world.chance.tally)
}

impl World {
    fn step(&mut self) -> Result<(), String> {
        self.bucket.now += 1;
        let place = self.chance.dice.below(self.owners.len());
        match self.chance.dice.below(100) {
            0 => self.take_over(),
            1 if place + 1 < self.owners.len() => drop(self.owners.remove(place)),
            2..4 => {
                if self.bucket.arrive(&mut self.chance) {
                    self.chance.count(Fault::LateRequest);
                }
            }
            4..14 => self.commit(place),
            14..30 => self.publish(place),
            _ => return self.keep(place),
        }
        Ok(())
    }

    fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The group gives the task to another process: one that has a state which may be used, or one that has none.
    fn take_over(&mut self) {
        let states = self.owners.iter().filter_map(|owner| owner.state.as_ref());
        let usable = states.rev().find(|state| state.commits.contains(&self.visible)).cloned();
        let state = usable.filter(|_| self.chance.dice.chance(40));
        let state = state.map(|state| State { is_shared: true, ..state });
        let (base, order, failed, visible) = (None, None, None, None);
        self.owners.push(Owner { state, base, order, failed, visible });
    }

    fn commit(&mut self, place: usize) {
        let id = commit_id(self.number());
        let Some(state) = &mut self.owners[place].state else { return };
        state.is_shared = false;
        state.number += 1;
        state.commits.push(id);
        // What was held once is held again.
        let hit = self.chance.dice.below(state.held.len());
        state.held[hit] = *self.chance.dice.pick(&[0, 1, 2]);
        self.chronicle.insert(id, state.held);
    }

    /// Has the last commit put, or what could not be; or the checkpoint brought that holds what is visible.
    fn publish(&mut self, place: usize) {
        let session = self.number();
        let owner = &mut self.owners[place];
        if owner.order.is_some() {
            return;
        }
        let World { bucket, chance, mutant, age, .. } = self;
        let mut premises = Premises { bucket, chance, mutant: *mutant, age: *age };
        let Some(state) = &owner.state else {
            match newest_of(PARTITION, self.visible, &mut premises) {
                Ok(Some(checkpoint)) => {
                    let task = Task::Restore(Restoring::new(PARTITION, &checkpoint));
                    owner.order = Some(Order::new(task));
                }
                Ok(None) if self.visible == GENESIS => owner.state = Some(empty()),
                Ok(None) | Err(Unanswered) => {}
            }
            return;
        };
        if state.is_shared && self.mutant != Some(Mutant::PublishShared) {
            return self.commit(place);
        }
        let copy = owner.failed.take().unwrap_or_else(|| copy_of(state));
        let base = owner.base.take().unwrap_or_else(|| Base::new(session, Some(self.visible)));
        let is_time = self.chance.dice.chance(50);
        let visible = if is_time { owner.visible.take() } else { None };
        let putting = Putting::new(PARTITION, copy, base, visible.as_ref());
        owner.order = Some(Order::new(Task::Put(putting)));
    }

    /// An owner's keeper makes a request.
    fn keep(&mut self, place: usize) -> Result<(), String> {
        let Some(order) = &mut self.owners[place].order else { return Ok(()) };
        let World { bucket, chance, mutant, age, .. } = self;
        order.go_on(&mut Premises { bucket, chance, mutant: *mutant, age: *age });
        if !order.is_over() {
            return Ok(());
        }
        match self.owners[place].order.take().map(|order| order.task) {
            Some(Task::Put(putting)) => {
                self.take_put(place, putting);
                Ok(())
            }
            Some(Task::Restore(restoring)) => self.take_restored(place, restoring),
            None => Ok(()),
        }
    }

    /// The commit becomes visible where its owner still has the task: the broker refuses all others.
    fn take_put(&mut self, place: usize, putting: Putting) {
        let Putting { copy, base, outcome, .. } = putting;
        let is_owner = place + 1 == self.owners.len();
        let owner = &mut self.owners[place];
        owner.base = Some(base);
        match outcome.expect("it is over") {
            Err(_) => owner.failed = Some(copy),
            Ok(manifest) if is_owner => {
                self.visible = manifest.last();
                self.chance.tally.note("commit visible");
                if let Some(state) = &mut owner.state {
                    let before = state.commits.iter().take_while(|one| **one != self.visible);
                    state.commits.drain(..before.count());
                }
                owner.visible = Some(manifest);
            }
            Ok(_) => drop(self.owners.remove(place)),
        }
    }

    fn take_restored(&mut self, place: usize, restoring: Restoring) -> Result<(), String> {
        let Restoring { manifest, outcome, .. } = restoring;
        let Some(Ok(disk)) = outcome else { return Ok(()) };
        let held = self.chronicle[&manifest.last()];
        if disk.entries() != files_of(held).concat() {
            return Err(format!("{:?} came back as {disk:?}", manifest.name()));
        }
        self.chance.tally.note("checkpoint restored");
        // It may be elsewhere by now.
        if manifest.commits.contains(&self.visible) {
            let Manifest { number, commits, .. } = manifest;
            self.owners[place].state = Some(State { number, commits, held, is_shared: true });
        }
        Ok(())
    }
}

fn empty() -> State {
    State { number: 0, commits: vec![GENESIS], held: Held::default(), is_shared: true }
}

fn files_of(held: Held) -> [Content; 3] {
    let mut name = b'a'..;
    held.map(|value| vec![(vec![name.next().expect("few files")], vec![value])])
}

fn copy_of(state: &State) -> Copy {
    let files = files_of(state.held).map(|content| (digest_of(&content), content));
    Copy { number: state.number, commits: state.commits.clone(), files: files.into() }
}
