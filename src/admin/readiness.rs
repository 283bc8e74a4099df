//! Whether the process is ready, and what it lacks: told by who knows, asked by `/readyz`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::model::EventTime;

/// Something that keeps the process from being ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    /// What is not ready: `process`, `kafka`, `usage partition 3`.
    pub what: String,
    /// Why, for people.
    pub reason: String,
    /// Since when, by the wall clock.
    pub since: EventTime,
}

/// What keeps the process from being ready; nothing: it is. Shared by all threads.
#[derive(Debug)]
pub struct Readiness(Mutex<BTreeMap<String, (String, EventTime)>>);

impl Readiness {
    /// Of a process that lacks something from the beginning: one that nobody has spoken for is not ready.
    pub fn new(what: &str, reason: &str, since: EventTime) -> Self {
        let first = (what.to_owned(), (reason.to_owned(), since));
        Readiness(Mutex::new(BTreeMap::from([first])))
    }

    /// It is not ready, for that reason, as of `at`; where it was not ready before, for any reason, since then.
    pub fn obstruct(&self, what: &str, reason: &str, at: EventTime) {
        let mut obstacles = self.0.lock().expect("no holder panics");
        match obstacles.get_mut(what) {
            Some((present, _)) if present == reason => {}
            Some((present, _)) => reason.clone_into(present),
            None => {
                obstacles.insert(what.to_owned(), (reason.to_owned(), at));
            }
        }
    }

    /// It is ready, or of no account any more.
    pub fn clear(&self, what: &str) {
        self.0.lock().expect("no holder panics").remove(what);
    }

    /// Whether nothing is lacking.
    pub fn is_ready(&self) -> bool {
        self.0.lock().expect("no holder panics").is_empty()
    }

    /// All that is lacking, in order of name.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let obstacles = self.0.lock().expect("no holder panics");
        let obstacle = |(what, (reason, since)): (&String, &(String, EventTime))| Obstacle {
            what: what.clone(),
            reason: reason.clone(),
            since: *since,
        };
        obstacles.iter().map(obstacle).collect()
    }
}
