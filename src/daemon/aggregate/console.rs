//! What people at a terminal see: how far the input is read, how fast, how many rejects; then how many totals there are.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::daemon::clock::Stopwatch;
use crate::engine::Processor;
use crate::file::Progress;
use crate::format::Summary;

/// How often it changes at most.
const PACE: Duration = Duration::from_millis(100);

/// A line on stderr, where that is a terminal.
pub(super) struct Console {
    bar: Option<ProgressBar>,
    since_start: Stopwatch,
    since_shown: Stopwatch,
}

impl Console {
    pub(super) fn new(since_start: Stopwatch) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(None, target).with_style(spinner());
            bar.set_message("0 events, 0 events/s, 0 rejects");
            bar.tick();
            bar
        });
        Console { bar, since_start, since_shown: Stopwatch::start() }
    }

    /// Shows where the run stands, unless that was done just now.
    pub(super) fn show(&mut self, progress: Option<&Progress>, processor: &Processor) {
        let Some(bar) = &self.bar else { return };
        if self.since_shown.elapsed() < PACE {
            return;
        }
        self.since_shown = Stopwatch::start();
        if let Some(progress) = progress {
            if bar.length().is_none() && progress.length_bytes().is_some() {
                bar.set_length(progress.length_bytes().unwrap_or_default());
                bar.set_style(filling());
            }
            bar.set_position(progress.read_bytes());
        }
        let read = processor.counters().read;
        let millis = self.since_start.elapsed().as_millis().max(1);
        let pace = u128::from(read) * 1000 / millis;
        let rejects: u64 = processor.tally().rejects.values().sum();
        bar.set_message(format!(
            "{} events, {} events/s, {} rejects",
            HumanCount(read),
            HumanCount(u64::try_from(pace).unwrap_or(u64::MAX)),
            HumanCount(rejects)
        ));
    }

    /// Shows that what was read is being closed, and how much of it is.
    pub(super) fn show_closing(&mut self, processor: &Processor) {
        let Some(bar) = &self.bar else { return };
        let tally = processor.tally();
        bar.set_style(style("{spinner} {msg}"));
        bar.set_message(format!(
            "closing: {} totals",
            HumanCount(tally.finals + tally.corrections)
        ));
        bar.tick();
    }
}

/// The line goes when the run ends, however it ends.
impl Drop for Console {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Says on stderr what became of the run.
pub(super) fn tell(summary: &Summary, keeps_rejects: bool) {
    let rejects: u64 = summary.rejects.iter().map(|(_, count)| count).sum();
    if rejects > 0 && !keeps_rejects {
        let reasons: Vec<String> = summary
            .rejects
            .iter()
            .map(|(reason, count)| format!("{} {count}", reason.name()))
            .collect();
        let reasons = reasons.join(", ");
        tracing::warn!(
            rejects,
            reasons,
            "events were refused: name a file with --rejects to see them"
        );
    }
    tracing::info!(
        read = summary.read,
        counted = summary.counted,
        duplicate = summary.duplicate,
        unmatched = summary.unmatched,
        late = summary.late,
        invalid = summary.invalid,
        totals = summary.finals + summary.corrections + summary.provisionals,
        "done"
    );
}

fn spinner() -> ProgressStyle {
    style("{spinner} {binary_bytes} {msg}")
}

fn filling() -> ProgressStyle {
    style("[{bar:30}] {percent}% {msg}")
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("a template of known fields");
    style.progress_chars("=> ")
}
