//! What people at a terminal see while an output is read back: how far, how fast, and what became of it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Progress;
use crate::daemon::clock::Stopwatch;

/// How often it changes at most.
const PACE: Duration = Duration::from_millis(100);

/// A line on stderr, where that is a terminal.
pub(in crate::daemon) struct Console {
    bar: Option<ProgressBar>,
    since_start: Stopwatch,
    since_shown: Stopwatch,
}

impl Console {
    pub(in crate::daemon) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr();
            ProgressBar::with_draw_target(None, target).with_style(style("{spinner} {msg}"))
        });
        Console { bar, since_start: Stopwatch::start(), since_shown: Stopwatch::start() }
    }

    /// Shows where it stands, unless that was done just now; `done` of `what` are done.
    pub(in crate::daemon) fn show(&mut self, progress: Progress, done: u64, what: &str) {
        let Some(bar) = &self.bar else { return };
        if self.since_shown.elapsed() < PACE {
            return;
        }
        self.since_shown = Stopwatch::start();
        if bar.length().is_none() && progress.length > 0 {
            bar.set_length(progress.length);
            bar.set_style(style("[{bar:30}] {percent}% {msg}"));
        }
        bar.set_position(progress.position);
        let millis = self.since_start.elapsed().as_millis().max(1);
        let pace = u64::try_from(u128::from(done) * 1000 / millis).unwrap_or(u64::MAX);
        bar.set_message(format!("{} {what}, {} a second", HumanCount(done), HumanCount(pace)));
        bar.tick();
    }
}

/// The line goes when the command ends, however it ends.
impl Drop for Console {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("a template of known fields");
    style.progress_chars("=> ")
}
