//! Chaos: some processes of one group on a broker of their own are killed, hung, ended, added and removed, the broker restarts,
//! and definitions change over HTTP, while events flow; in the end every revision is held against the oracle.
//!
//! ```text
//! writer      events of now, late and repeated ones          ─► usage topic ─┐
//! editor      random definitions over a listener by chance   ─► processes ◄──┘ ─► totals, rejects ─► verdict
//! mischief    what befalls processes and broker, one by one  ─► fleet
//! ```
//! One seed decides every choice; the moments are the machine's. Events bear the time at which they are written, as real ones
//! do, for a version of a metric counts from an instant that every process has heard of by then. The event clock leaps a day
//! now and then, so that days close too.
//!
//! `make chaos MINUTES=30 SEED=7` sets the environment variables `ODOMETER_MINUTES` and `ODOMETER_SEED`.

mod clock;
mod editor;
mod fleet;
mod mischief;
mod report;
mod slot;
mod verdict;
mod writer;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use self::clock::EventClock;
use self::editor::Editor;
use self::fleet::Fleet;
use self::mischief::Mischief;
use self::report::Report;
use self::writer::Kinds;
use crate::broker::Broker;
use crate::load::Dice;
use crate::scene::Scene;
use crate::wait::Deadline;

/// Minutes of the run that `make test` makes.
const MINUTES: u64 = 3;
const SEED: u64 = 1;
const PARTITIONS: i32 = 8;
const PROCESSES: u64 = 3;
/// How long before a version counts every process has it: `metrics.definition_lead`.
const LEAD: Duration = Duration::from_secs(40);

/// What all threads of a run share.
struct Stage<'b> {
    scene: Scene<'b>,
    clock: EventClock,
    kinds: Kinds,
    /// Nothing more befalls anybody, and no more definitions change.
    is_calm: AtomicBool,
    /// Nothing more is written.
    is_over: AtomicBool,
}

impl Stage<'_> {
    fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

#[test]
fn faults_without_end_lose_and_double_nothing() {
    let minutes = number_in_environment("ODOMETER_MINUTES").unwrap_or(MINUTES);
    let seed = number_in_environment("ODOMETER_SEED").unwrap_or(SEED);
    let processes = number_in_environment("ODOMETER_PROCESSES").unwrap_or(PROCESSES);
    eprintln!("chaos of {minutes} minutes with {processes} processes, seed {seed}");
    let report = run(minutes, seed, processes);
    eprintln!("{report}");
    assert!(report.violations.is_empty(), "repeat it by make chaos MINUTES={minutes} SEED={seed}");
}

/// One run from its beginning to its verdict.
fn run(minutes: u64, seed: u64, processes: u64) -> Report {
    let broker = Broker::start();
    let mut scene = Scene::new(&broker, PARTITIONS);
    scene.shows_offsets = true;
    let stage = Stage {
        scene,
        clock: EventClock::default(),
        kinds: Kinds::default(),
        is_calm: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
    };
    // Each thread has dice of its own, so that none depends on how fast another one throws.
    let mut dice = Dice(seed);
    let [of_writer, of_editor, of_mischief] = [(); 3].map(|()| dice.below(u64::MAX));
    let fleet = Fleet::new(&stage.scene, processes);
    let roster = fleet.roster();
    let mut mischief = Mischief::new(fleet, &broker, of_mischief);
    let mut report = Report::new(seed, minutes);
    let length = Duration::from_secs(minutes * 60);

    let mut edits = thread::scope(|scope| {
        let stage = &stage;
        let writer = scope.spawn(move || writer::write(stage, of_writer));
        let editor = Editor::new(stage, Arc::clone(&roster), of_editor, length);
        let editor = scope.spawn(move || editor.edit());
        // The other threads must end also where this one fails.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let end = Deadline::after(length);
            while !end.has_passed() && mischief.befall() {}
            stage.is_calm.store(true, Ordering::Relaxed);
            mischief.tend_until(|| editor.is_finished());
        }));
        stage.is_calm.store(true, Ordering::Relaxed);
        stage.is_over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        report.written = writer.join().expect("the writer does its work");
        editor.join().expect("the editor does its work")
    });

    if mischief.fleet.drain() {
        let metrics = edits.metrics(&roster);
        mischief.fleet.end();
        verdict::judge(&stage.scene, &metrics, &mut report);
    }
    report.violations.extend(edits.broken_promises());
    report.edits = edits.counts;
    report.faults = mischief.done.iter().map(|(fault, count)| (fault.name(), *count)).collect();
    report.noted.clone_from(&mischief.fleet.noted);
    report.violations.append(&mut mischief.fleet.violations);
    if !report.violations.is_empty() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{seed}"));
        mischief.fleet.keep_logs(&folder);
        fs::write(folder.join("report"), report.to_string()).expect("the folder can be written");
        broker.stop();
        broker.copy_to(&folder.join("broker"));
        eprintln!("what the processes said and what the broker kept is in {}", folder.display());
    }
    report
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests may say for how long and by which seed"
)]
fn number_in_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is no whole number")))
}
