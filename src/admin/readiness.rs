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
pub struct Readiness {
    obstacles: Mutex<Noted>,
    warnings: Mutex<Noted>,
}

/// Reasons and since when, by what they are of.
type Noted = BTreeMap<String, (String, EventTime)>;

impl Readiness {
    /// Of a process that lacks something from the beginning: one that nobody has spoken for is not ready.
    pub fn new(what: &str, reason: &str, since: EventTime) -> Self {
        let first = (what.to_owned(), (reason.to_owned(), since));
        Readiness { obstacles: Mutex::new(BTreeMap::from([first])), warnings: Mutex::default() }
    }

    /// It is not ready, for that reason, as of `at`; where it was not ready before, for any reason, since then.
    pub fn obstruct(&self, what: &str, reason: &str, at: EventTime) {
        note(&self.obstacles, what, reason, at);
    }

    /// Somebody should look at it, though it is ready.
    pub fn warn(&self, what: &str, reason: &str, at: EventTime) {
        note(&self.warnings, what, reason, at);
    }

    /// Nobody need look at it any more.
    pub fn unwarn(&self, what: &str) {
        self.warnings.lock().expect("no holder panics").remove(what);
    }

    /// It is ready, or of no account any more.
    pub fn clear(&self, what: &str) {
        self.obstacles.lock().expect("no holder panics").remove(what);
    }

    /// Whether nothing is lacking.
    pub fn is_ready(&self) -> bool {
        self.obstacles.lock().expect("no holder panics").is_empty()
    }

    /// All that is lacking, in order of name.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        listed(&self.obstacles)
    }

    /// All that somebody should look at, in order of name.
    pub fn warnings(&self) -> Vec<Obstacle> {
        listed(&self.warnings)
    }
}

fn note(noted: &Mutex<Noted>, what: &str, reason: &str, at: EventTime) {
    let mut noted = noted.lock().expect("no holder panics");
    match noted.get_mut(what) {
        Some((present, _)) if present == reason => {}
        Some((present, _)) => reason.clone_into(present),
        None => {
            noted.insert(what.to_owned(), (reason.to_owned(), at));
        }
    }
}

fn listed(noted: &Mutex<Noted>) -> Vec<Obstacle> {
    let noted = noted.lock().expect("no holder panics");
    let obstacle = |(what, (reason, since)): (&String, &(String, EventTime))| Obstacle {
        what: what.clone(),
        reason: reason.clone(),
        since: *since,
    };
    noted.iter().map(obstacle).collect()
}
