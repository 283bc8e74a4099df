//! The processes of the group: which there are, what each is at, and what it says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::LEAD;
use super::writer::{file_metrics, picked};
use crate::daemon::Daemon;
use crate::load::Dice;
use crate::scene::Scene;
use crate::wait::{self, Deadline};

/// Messages that are counted, by what they are called in the report.
const NOTED: [(&str, &str); 5] = [
    ("a task begins", "tasks begun"),
    ("a task goes on with its state", "tasks taken up by the state at hand"),
    ("a task's checkpoint is brought here", "tasks taken over by a checkpoint"),
    ("a state that may not be used is set aside", "states set aside"),
    ("delivery is in doubt", "deliveries in doubt"),
];
/// Messages that nothing here justifies.
const FATAL: [&str; 3] = ["task halted", "a worker ended", "panicked at"];
/// How long nothing may be done with the topic any more before the run is given up.
const STILL_LIMIT: Duration = Duration::from_secs(240);

/// Where the processes listen that may be called.
#[derive(Default)]
pub(super) struct Roster(Mutex<Vec<String>>);

impl Roster {
    /// One of them; it may be gone by the time of the call.
    pub(super) fn pick(&self, dice: &mut Dice) -> Option<String> {
        picked(dice, &self.0.lock().expect("no holder panics")).cloned()
    }
}

/// The processes.
pub(super) struct Fleet<'s> {
    scene: &'s Scene<'s>,
    seats: Vec<Seat>,
    /// Processes that were removed, for what they said.
    gone: Vec<Seat>,
    roster: Arc<Roster>,
    /// Where checkpoints are kept; one process alone keeps none.
    store: Option<TempDir>,
    pub(super) noted: BTreeMap<&'static str, u64>,
    pub(super) violations: Vec<String>,
}

/// One process with its folder.
struct Seat {
    name: String,
    daemon: Daemon,
    phase: Phase,
    /// How far its log was looked at.
    heard: u64,
    address: Option<String>,
}

enum Phase {
    Up,
    /// Until it is woken.
    Hung(Deadline),
    /// Until it is started.
    Down(Deadline),
}

impl<'s> Fleet<'s> {
    /// So many processes, not started yet.
    pub(super) fn new(scene: &'s Scene<'s>, count: u64) -> Self {
        let mut fleet = Self {
            scene,
            seats: Vec::new(),
            gone: Vec::new(),
            roster: Arc::default(),
            store: (count > 1).then(|| {
                TempDir::with_prefix("odometer-checkpoints-").expect("a temporary folder")
            }),
            noted: BTreeMap::new(),
            violations: Vec::new(),
        };
        for _ in 0..count {
            fleet.add();
        }
        fleet
    }

    /// Where its processes listen.
    pub(super) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster)
    }

    /// One more process, which starts at the next look. Every other one is a static member.
    pub(super) fn add(&mut self) {
        let number = self.seats.len() + self.gone.len();
        let name = format!("process-{number}");
        let configuration = self.configuration(number.is_multiple_of(2).then_some(&name));
        self.seats.push(Seat {
            name,
            daemon: Daemon::new(&configuration, &file_metrics()),
            phase: Phase::Down(Deadline::after(Duration::ZERO)),
            heard: 0,
            address: None,
        });
    }

    /// What a process is told; a static member has a name.
    fn configuration(&self, name: Option<&String>) -> String {
        let instance = name.map_or_else(String::new, |name| format!("instance_id = \"{name}\"\n"));
        let checkpoint = self.store.as_ref().map_or_else(String::new, |store| {
            let store = store.path().display();
            format!("checkpoint = {{ store = \"file://{store}\", interval = \"500ms\", retention = \"60s\" }}\n")
        });
        let lead = LEAD.as_secs();
        let changes = [
            ("[source.kafka.properties]", format!("{instance}[source.kafka.properties]")),
            ("\"session.timeout.ms\" = \"3000\"", "\"session.timeout.ms\" = \"6000\"".to_owned()),
            ("[rejects]", "transaction_timeout = \"10s\"\n[rejects]".to_owned()),
            ("[watermark]", format!("{checkpoint}[watermark]\nmax_future_skew = \"366d\"")),
            ("[metrics]", format!("[metrics]\ndefinition_lead = \"{lead}s\"")),
            // A port that was free once may be taken when the process starts again.
            (&*self.scene.admin, "127.0.0.1:0".to_owned()),
        ];
        let text = self.scene.configuration(Some("earliest"), "1h");
        changes.into_iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, &to)
        })
    }

    /// Starts and wakes whom it is time for, and listens to all. False: one did what it must not.
    pub(super) fn tend(&mut self) -> bool {
        for seat in &mut self.seats {
            match &seat.phase {
                Phase::Down(until) if until.has_passed() => seat.start(),
                Phase::Hung(until) if until.has_passed() => seat.wake(),
                Phase::Up | Phase::Down(_) | Phase::Hung(_) => {}
            }
            seat.listen(&mut self.noted, &mut self.violations);
            if matches!(seat.phase, Phase::Up) && !seat.daemon.is_running() {
                let status = seat.daemon.await_end();
                seat.phase = Phase::Down(Deadline::after(LEAD));
                seat.listen(&mut self.noted, &mut self.violations);
                self.violations.push(format!("{} ended by itself: {status}", seat.name));
            }
        }
        let addresses = self.seats.iter().filter_map(|seat| seat.address.clone());
        *self.roster.0.lock().expect("no holder panics") = addresses.collect();
        self.violations.is_empty()
    }

    /// The places of those that run.
    pub(super) fn up(&self) -> Vec<usize> {
        let is_up = |place: &usize| matches!(self.seats[*place].phase, Phase::Up);
        (0..self.seats.len()).filter(is_up).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether somebody hangs.
    pub(super) fn has_hung(&self) -> bool {
        self.seats.iter().any(|seat| matches!(seat.phase, Phase::Hung(_)))
    }

    /// Kills one as a power cut would, to be started after a while.
    pub(super) fn kill(&mut self, place: usize, after: Duration) {
        let seat = &mut self.seats[place];
        seat.daemon.kill();
        seat.rest(after);
    }

    /// Stops one without its knowledge, to be woken after a while.
    pub(super) fn hang(&mut self, place: usize, time: Duration) {
        let seat = &mut self.seats[place];
        seat.daemon.signal("STOP");
        seat.phase = Phase::Hung(Deadline::after(time));
    }

    /// Ends one in order, to be started after a while.
    pub(super) fn terminate(&mut self, place: usize, after: Duration) {
        let seat = &mut self.seats[place];
        // A process that has only just been started does not answer signals yet: it ends as any would.
        let answers = seat.address.is_some();
        let status = seat.daemon.terminate();
        seat.rest(after);
        seat.listen(&mut self.noted, &mut self.violations);
        if answers && !status.success() {
            self.violations.push(format!("{} did not end in order: {status}", seat.name));
        }
    }

    /// Ends one in order for good.
    pub(super) fn remove(&mut self, place: usize) {
        self.terminate(place, Duration::ZERO);
        let seat = self.seats.remove(place);
        seat.lose_state();
        self.gone.push(seat);
    }

    /// Kills one, and its disk is gone too.
    pub(super) fn lose(&mut self, place: usize, after: Duration) {
        self.kill(place, after);
        self.seats[place].lose_state();
    }

    /// Starts and wakes all, and waits until the group is done with the topic. False: it is not, or one did what it must not.
    pub(super) fn drain(&mut self) -> bool {
        let end = self.scene.broker.end_of(&self.scene.usage);
        for seat in &mut self.seats {
            match &seat.phase {
                Phase::Down(_) => seat.phase = Phase::Down(Deadline::after(Duration::ZERO)),
                Phase::Hung(_) => seat.wake(),
                Phase::Up => {}
            }
        }
        let (mut most, mut still) = (-1, Deadline::after(STILL_LIMIT));
        while self.tend() {
            let done = self.scene.done();
            if done == end {
                return true;
            }
            if done > most {
                (most, still) = (done, Deadline::after(STILL_LIMIT));
            }
            if still.has_passed() {
                self.violations.push(format!("no end: {done} of {end} records are done"));
                return false;
            }
            wait::pass(Duration::from_millis(100));
        }
        false
    }

    /// Ends all in order.
    pub(super) fn end(&mut self) {
        for place in self.up() {
            self.terminate(place, LEAD);
        }
    }

    /// Writes down what every process said.
    pub(super) fn keep_logs(&self, folder: &Path) {
        drop(fs::remove_dir_all(folder));
        fs::create_dir_all(folder).expect("the folder of the tests can be written");
        for seat in self.seats.iter().chain(&self.gone) {
            let file = folder.join(format!("{}.log", seat.name));
            fs::write(file, seat.daemon.said()).expect("the folder of the tests can be written");
        }
    }
}

impl Seat {
    fn start(&mut self) {
        self.daemon.start();
        self.phase = Phase::Up;
    }

    fn wake(&mut self) {
        self.daemon.signal("CONT");
        self.phase = Phase::Up;
    }

    fn rest(&mut self, time: Duration) {
        self.phase = Phase::Down(Deadline::after(time));
        self.address = None;
    }

    fn lose_state(&self) {
        let state = self.daemon.directory().join("state");
        if state.exists() {
            fs::remove_dir_all(state).expect("a folder of the tests can be removed");
        }
    }

    /// Takes in what it has said since.
    fn listen(&mut self, noted: &mut BTreeMap<&'static str, u64>, violations: &mut Vec<String>) {
        let (said, heard) = self.daemon.said_since(self.heard);
        self.heard = heard;
        for line in said.lines() {
            for (message, name) in NOTED {
                if line.contains(message) {
                    *noted.entry(name).or_default() += 1;
                }
            }
            if FATAL.iter().any(|message| line.contains(message)) {
                violations.push(format!("{}: {line}", self.name));
            }
            if line.contains("admin listener answers") && !matches!(self.phase, Phase::Down(_)) {
                let address =
                    line.split_whitespace().find_map(|word| word.strip_prefix("address="));
                self.address = address.map(str::to_owned);
            }
        }
    }
}
