//! What the workers go by: the plan of each topic, and how far each worker has come with it.
//!
//! ```text
//! publish ─► number goes up ─► a worker sees it between two batches, commits, takes the plan ─► took
//! hold ─► every worker rests: none reads on until it is let go
//! ```
//! A worker looks at two atomic numbers for each batch; locks are taken only where one of them has changed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::daemon::clock::Stopwatch;
use crate::definition::Plan;
use crate::model::EventTime;

/// Plans by topic; over files of no topic.
pub(in crate::daemon::run) type Plans = BTreeMap<String, Arc<Plan>>;

/// The plans that count, and who goes by which.
pub(in crate::daemon::run) struct Editions {
    number: AtomicU64,
    /// Number of the hold that lasts; 0: nobody is held.
    hold: AtomicU64,
    is_stale: AtomicBool,
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    plans: Plans,
    holds: u64,
    /// `None`: they are not known yet.
    workers: Option<BTreeMap<String, Seen>>,
}

/// How far a worker has come.
#[derive(Clone, Copy, Default)]
struct Seen {
    edition: u64,
    /// The hold that it rests for, and the greatest time of its events.
    rest: Option<(u64, Option<EventTime>)>,
}

/// What a worker has of the editions; dropped it is no longer waited for.
pub(in crate::daemon::run) struct Reader {
    editions: Arc<Editions>,
    name: String,
    topic: String,
    taken: u64,
    /// The hold that it told last that it rests for.
    rests: u64,
    /// Whether it was to read nothing when it last asked.
    is_held: bool,
}

/// No worker reads as long as this lives.
pub(super) struct Held<'e> {
    editions: &'e Editions,
    /// The greatest time of all events that were read.
    pub(super) reached: Option<EventTime>,
}

impl Editions {
    pub(in crate::daemon::run) fn new(plans: Plans) -> Self {
        Editions {
            number: AtomicU64::new(1),
            hold: AtomicU64::new(0),
            is_stale: AtomicBool::new(false),
            shared: Mutex::new(Shared { plans, holds: 0, workers: None }),
            changed: Condvar::new(),
        }
    }

    /// The workers that are to go by the plans from now on: name and topic of each.
    pub(in crate::daemon::run) fn begin(
        self: &Arc<Self>,
        workers: &[(String, String)],
    ) -> Vec<Reader> {
        let mut shared = self.lock();
        let seen = workers.iter().map(|(name, _)| (name.clone(), Seen::default()));
        shared.workers = Some(seen.collect());
        let reader = |(name, topic): &(String, String)| Reader {
            editions: Arc::clone(self),
            name: name.clone(),
            topic: topic.clone(),
            taken: 0,
            rests: 0,
            is_held: false,
        };
        workers.iter().map(reader).collect()
    }

    /// Other plans from now on. Returns their number.
    pub(super) fn publish(&self, plans: Plans) -> u64 {
        let mut shared = self.lock();
        shared.plans = plans;
        let number = self.number.fetch_add(1, Ordering::Release).saturating_add(1);
        self.changed.notify_all();
        number
    }

    /// Whether what is defined may be older than it may be.
    pub(super) fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Release);
    }

    /// Waits until every worker goes by that edition or a later one. Returns whether all do.
    pub(super) fn await_taken(&self, number: u64, limit: Duration) -> bool {
        self.wait(limit, |shared| shared.each(|seen| seen.edition >= number)).is_some()
    }

    /// Whether the workers are known: before, none can be held.
    pub(super) fn has_begun(&self) -> bool {
        self.lock().workers.is_some()
    }

    /// Has all workers stop reading. `None`: not all of them did in time.
    pub(super) fn hold(&self, limit: Duration) -> Option<Held<'_>> {
        let number = {
            let mut shared = self.lock();
            shared.holds += 1;
            shared.holds
        };
        self.set_hold(number);
        // Lets go of those that rest already, whatever becomes of the others.
        let mut held = Held { editions: self, reached: None };
        let rests = |seen: &Seen| seen.rest.is_some_and(|(of, _)| of == number);
        let shared = self.wait(limit, |shared| shared.each(rests))?;
        let workers = shared.workers.iter().flat_map(BTreeMap::values);
        held.reached = workers.filter_map(|seen| seen.rest.and_then(|(_, reached)| reached)).max();
        Some(held)
    }

    /// Whoever pauses hears of it.
    fn set_hold(&self, number: u64) {
        self.hold.store(number, Ordering::Release);
        drop(self.lock());
        self.changed.notify_all();
    }

    fn wait(
        &self,
        limit: Duration,
        is_so: impl Fn(&Shared) -> bool,
    ) -> Option<MutexGuard<'_, Shared>> {
        let since = Stopwatch::start();
        let mut shared = self.lock();
        while !is_so(&shared) {
            let left = limit.checked_sub(since.elapsed())?;
            let (guard, _) = self.changed.wait_timeout(shared, left).expect("no holder panics");
            shared = guard;
        }
        Some(shared)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no holder panics")
    }
}

impl Shared {
    fn each(&self, is_so: impl Fn(&Seen) -> bool) -> bool {
        self.workers.as_ref().is_some_and(|workers| workers.values().all(is_so))
    }
}

impl Reader {
    /// The plan to begin with; to be told with [`Reader::took`] once the worker goes by it.
    pub(in crate::daemon::run) fn current(&self) -> (u64, Arc<Plan>) {
        let shared = self.editions.lock();
        let number = self.editions.number.load(Ordering::Acquire);
        let plan = shared.plans.get(&self.topic).expect("each topic has a plan");
        (number, Arc::clone(plan))
    }

    /// The plan that the worker goes by from its beginning on.
    pub(in crate::daemon::run) fn begin(&mut self) -> Arc<Plan> {
        let (number, plan) = self.current();
        self.took(number);
        plan
    }

    /// A plan that the worker does not go by yet.
    pub(in crate::daemon::run) fn newer(&self) -> Option<(u64, Arc<Plan>)> {
        let number = self.editions.number.load(Ordering::Acquire);
        (number != self.taken).then(|| self.current())
    }

    /// The worker goes by that edition.
    pub(in crate::daemon::run) fn took(&mut self, number: u64) {
        self.taken = number;
        self.tell(|seen| seen.edition = number);
    }

    /// Whether the worker is to read nothing for now.
    pub(in crate::daemon::run) fn is_held(
        &mut self,
        reached: impl Fn() -> Option<EventTime>,
    ) -> bool {
        let hold = self.editions.hold.load(Ordering::Acquire);
        if hold != 0 && hold != self.rests {
            self.rests = hold;
            let rest = Some((hold, reached()));
            self.tell(|seen| seen.rest = rest);
        }
        self.is_held = hold != 0;
        self.is_held
    }

    /// Whether what is defined may be older than it may be: then nothing is folded, for as long as that takes.
    pub(in crate::daemon::run) fn is_stale(&self) -> bool {
        self.editions.is_stale.load(Ordering::Acquire)
    }

    /// Waits so long, or until something is to be done about definitions.
    pub(in crate::daemon::run) fn pause(&self, limit: Duration) {
        let editions = &self.editions;
        let has_news = |_: &Shared| {
            let hold = editions.hold.load(Ordering::Acquire);
            let is_asked = hold != 0 && hold != self.rests;
            let is_let_go = self.is_held && hold == 0;
            is_asked || is_let_go || editions.number.load(Ordering::Acquire) != self.taken
        };
        drop(editions.wait(limit, has_news));
    }

    fn tell(&self, change: impl FnOnce(&mut Seen)) {
        let mut shared = self.editions.lock();
        if let Some(seen) = shared.workers.as_mut().and_then(|all| all.get_mut(&self.name)) {
            change(seen);
        }
        drop(shared);
        self.editions.changed.notify_all();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(workers) = &mut self.editions.lock().workers {
            workers.remove(&self.name);
        }
        self.editions.changed.notify_all();
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.editions.set_hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn plans() -> Plans {
        [(String::new(), Arc::default())].into()
    }

    fn begun(names: &[&str]) -> (Arc<Editions>, Vec<Reader>) {
        let editions = Arc::new(Editions::new(plans()));
        let workers: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        let readers = editions.begin(&workers);
        (editions, readers)
    }

    #[test]
    fn edition_is_taken_once_every_worker_took_it() {
        let (editions, mut readers) = begun(&["a", "b"]);
        assert!(!editions.await_taken(1, Duration::ZERO), "nobody took the first");
        for reader in &mut readers {
            reader.took(reader.current().0);
        }
        assert!(editions.await_taken(1, LONG) && readers[0].newer().is_none());
        let number = editions.publish(plans());
        assert!(!editions.await_taken(number, Duration::ZERO));
        let mut second = readers.pop().expect("two");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| editions.await_taken(number, LONG));
            second.took(second.newer().expect("there is a newer one").0);
            // One that ended is not waited for.
            drop(readers);
            assert!(waiting.join().expect("no panic"));
        });
    }

    #[test]
    fn who_pauses_hears_of_news() {
        let (editions, mut readers) = begun(&["a"]);
        let mut reader = readers.pop().expect("one");
        reader.took(reader.current().0);
        for _ in 0..50 {
            let number = std::thread::scope(|scope| {
                let changing = scope.spawn(|| {
                    drop(editions.hold(LONG).expect("it rests"));
                    editions.publish(plans())
                });
                // Each pause ends long before its time: told to rest, let go, and given another plan.
                while reader.newer().is_none() {
                    reader.is_held(|| None);
                    reader.pause(LONG);
                }
                changing.join().expect("no panic")
            });
            reader.took(number);
        }
    }

    #[test]
    fn nobody_is_held_before_the_workers_are_known() {
        let editions = Editions::new(plans());
        assert!(editions.hold(Duration::ZERO).is_none());
        assert!(!editions.await_taken(1, Duration::ZERO));
    }

    #[test]
    fn held_workers_rest_and_say_how_far_they_have_come() {
        let (editions, mut readers) = begun(&["a", "b"]);
        let at = |micros| Some(EventTime::from_micros(micros));
        assert!(!readers[0].is_held(|| at(1)));
        assert!(editions.hold(Duration::ZERO).is_none(), "they do not rest yet");
        assert!(!readers[0].is_held(|| at(1)), "and are let go");
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let holding = scope.spawn(|| {
                let held = editions.hold(LONG).expect("they rest");
                is_done.into_iter().next();
                held.reached
            });
            while !(readers[0].is_held(|| at(7)) & readers[1].is_held(|| None)) {
                std::thread::yield_now();
            }
            done.send(()).expect("it waits");
            assert_eq!(holding.join().expect("no panic"), at(7));
        });
        assert!(!readers[0].is_held(|| at(9)) && !readers[1].is_held(|| None));
        // Another one is another one, whatever was told before; and who has not seen that the one before is over rests on.
        assert!(editions.hold(Duration::ZERO).is_none());
        readers[0].is_held(|| at(9));
        drop(readers.pop());
        for round in 0..50 {
            std::thread::scope(|scope| {
                let holding = scope.spawn(|| editions.hold(LONG).expect("it rests").reached);
                while !holding.is_finished() {
                    readers[0].is_held(|| at(round));
                    std::thread::yield_now();
                }
                assert_eq!(holding.join().expect("no panic"), at(round));
            });
        }
    }
}
