//! The loop: reads, counts, commits, delivers.

use std::time::Duration;

use super::opening::{Opened, failure};
use super::outlet::Outlet;
use super::quiet::Quiet;
use super::reader::{Read, Reader};
use crate::daemon::CommandError;
use crate::daemon::clock::{self, ClockWatch, Stopwatch};
use crate::daemon::lines::{Decoder, Reading};
use crate::daemon::run::definitions;
use crate::daemon::run::outside::Outside;
use crate::daemon::run::state::State;
use crate::daemon::signals::StopSignal;
use crate::engine::{Cursor, Input};
use crate::format::{Line, LineSplitter, Place, Summary};
use crate::settings::{Files, Settings};
use crate::telemetry::{TaskFigures, TaskLabel, TaskState};

/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 512;
/// Bytes of entries that are written at once.
const PART_BYTES_MAX: usize = 4 << 20;
/// How long to wait at the most where there is nothing to do, before the operator's will is looked at again.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// And at the least, whatever is due.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// The one worker over files.
pub(super) struct Worker<'s> {
    settings: &'s Settings,
    files: &'s Files,
    stop: &'s StopSignal,
    outside: &'s Outside,
    state: State,
    reader: Reader,
    plans: definitions::Reader,
    outlet: Outlet,
    decoder: Decoder<'s>,
    told: Summary,
    since_scan: Option<Stopwatch>,
    since_cut: Stopwatch,
    since_tick: Stopwatch,
    quiet: Quiet,
    clock: ClockWatch,
}

impl<'s> Worker<'s> {
    pub(super) fn new(
        settings: &'s Settings,
        files: &'s Files,
        opened: Opened,
        (plans, edition): (definitions::Reader, u64),
        stop: &'s StopSignal,
        outside: &'s Outside,
    ) -> Result<Self, CommandError> {
        let Opened { state, follower, outlet } = opened;
        let mut worker = Worker {
            settings,
            files,
            stop,
            outside,
            state,
            reader: Reader::new(follower),
            plans,
            outlet,
            decoder: Decoder::new(
                &files.format,
                &files.tenant,
                files.event_type.as_deref(),
                BATCH_RECORDS_MAX,
            ),
            told: Summary::EMPTY,
            since_scan: None,
            since_cut: Stopwatch::start(),
            since_tick: Stopwatch::start(),
            quiet: Quiet::from(clock::now()),
            clock: ClockWatch::start(),
        };
        // What an earlier process stored and did not deliver.
        worker.deliver()?;
        worker.plans.took(edition);
        Ok(worker)
    }

    /// What was done up to the last commit.
    pub(super) fn summary(&self) -> Summary {
        self.state.summary()
    }

    /// Works until it is told to stop; then commits what it has.
    pub(super) fn run(&mut self) -> Result<(), CommandError> {
        self.look();
        // Not before the first look: in between nothing would be lacking.
        self.outside.readiness.clear("start");
        while !self.stop.is_raised() {
            self.step()?;
        }
        self.commit()
    }

    fn step(&mut self) -> Result<(), CommandError> {
        if self.since_scan.is_none_or(|since| since.elapsed() >= self.files.scan_interval) {
            self.look();
        }
        self.follow_definitions()?;
        let state = &self.state;
        let is_idle = self.plans.is_held(|| state.reached()) || !self.read()?;
        let bytes_max = self.settings.state.commit_bytes.bytes_in_memory();
        self.state.go_on_closing(bytes_max).map_err(failure)?;
        let is_due = self.since_cut.elapsed() >= self.settings.state.commit_interval;
        if is_due || self.state.wants_commit(bytes_max) {
            self.commit()?;
        }
        if self.since_tick.elapsed() >= TICK_INTERVAL {
            self.since_tick = Stopwatch::start();
            self.tick()?;
        }
        if is_idle && !self.state.processor.has_more_to_close() {
            self.plans.pause(self.pause());
        }
        Ok(())
    }

    /// Goes by other definitions where there are any, from here on.
    fn follow_definitions(&mut self) -> Result<(), CommandError> {
        let Some((edition, plan)) = self.plans.newer() else { return Ok(()) };
        self.commit()?;
        if self.state.take_plan(&plan).map_err(failure)? {
            self.plans.took(edition);
        }
        self.deliver()
    }

    /// Until something is to be done: files change for this process only where it looks at them.
    fn pause(&self) -> Duration {
        let left = |interval: Duration, since: Stopwatch| interval.saturating_sub(since.elapsed());
        let look = self.since_scan.map(|since| left(self.files.scan_interval, since));
        let commit = self.state.has_unstored_events();
        let commit = commit.then(|| left(self.settings.state.commit_interval, self.since_cut));
        let tick = Some(left(TICK_INTERVAL, self.since_tick));
        let next = [look, commit, tick].into_iter().flatten().min().unwrap_or_default();
        next.clamp(PAUSE_MIN, PAUSE_MAX)
    }

    /// Looks at what is there now.
    fn look(&mut self) {
        let at = clock::now();
        self.reader.scan();
        self.since_scan = Some(Stopwatch::start());
        if self.reader.follower.is_all_read() {
            self.quiet.find_all_read(at);
        } else {
            self.quiet.find_more();
        }
        self.show_troubles();
    }

    /// Reads and counts what is next. Returns whether there was anything.
    fn read(&mut self) -> Result<bool, CommandError> {
        let Worker { reader, state, decoder, quiet, .. } = self;
        let (file, place) = match reader.read() {
            Read::Nothing => return Ok(false),
            Read::Busy => return Ok(true),
            Read::Chunk { file, place, splitter, bytes } => {
                let mut lines = splitter.lines(bytes);
                let reading = Reading { file, input: file, at: Some(clock::now()) };
                let from = From { cursor: state.processor.cursor(), place };
                while let Some(batch) = decoder.batch(&mut lines, reading) {
                    quiet.read(clock::now());
                    let cursor = from.cursor_at(lines.position());
                    let events = &batch.events;
                    state.tell(Input::Events { events, cursor }).map_err(failure)?;
                }
                (file, lines.position())
            }
            Read::End { file, place, mut splitter } => {
                let place = finish(state, decoder, file, place, &mut splitter)?;
                reader.advance(file, place.1, place.0 - 1);
                reader.follower.finish(file);
                return Ok(true);
            }
        };
        reader.advance(file, place.1, place.0 - 1);
        Ok(true)
    }

    /// Stores what was counted, and delivers it.
    fn commit(&mut self) -> Result<(), CommandError> {
        self.since_cut = Stopwatch::start();
        let took = Stopwatch::start();
        let changed = self.reader.follower.changed();
        if !changed.is_empty() {
            let names = self.reader.follower.names();
            self.state.place = Place::Files { pattern: self.files.pattern(), names };
        }
        self.state.store.note_followed(changed);
        self.state.cut().map_err(failure)?;
        if self.state.pending.is_some() {
            self.deliver()?;
            self.outside.series.observe_commit(took.elapsed());
            self.outside.series.observe_commit_pause(took.elapsed());
        }
        self.show();
        Ok(())
    }

    /// Makes visible what is stored, and acknowledges it; begins new files where these are full, or were before it.
    fn deliver(&mut self) -> Result<(), CommandError> {
        let Some(pending) = &self.state.pending else { return Ok(()) };
        let (mut next, through) = (pending.next, pending.through);
        if self.outlet.follow_moves()? {
            self.state.store.acknowledge(&self.outlet.written()).map_err(failure)?;
        }
        self.rotate()?;
        while next <= through {
            let (entries, last) = self.state.part(next, PART_BYTES_MAX).map_err(failure)?;
            self.outlet.write(&entries)?;
            next = last + 1;
        }
        let written = self.outlet.settle()?;
        self.state.store.note_written(written);
        self.state.delivered(through).map_err(failure)?;
        self.rotate()
    }

    /// Begins new files where these are full, or their day is over. All of them is acknowledged.
    fn rotate(&mut self) -> Result<(), CommandError> {
        if !self.outlet.is_full() {
            return Ok(());
        }
        self.state.store.sync().map_err(failure)?;
        // One that was moved away is not there to be renamed.
        self.outlet.follow_moves()?;
        self.outlet.rotate()?;
        self.state.store.acknowledge(&self.outlet.written()).map_err(failure)
    }

    /// What goes by the clock: files of a day that is over end, though nothing more comes; where all is read, the watermark follows it (rule 7.1).
    fn tick(&mut self) -> Result<(), CommandError> {
        self.show();
        self.rotate()?;
        if let Some(jump) = self.clock.jump() {
            tracing::error!(
                seconds = jump.as_secs(),
                "the clock jumped: quiet files are not closed until the process is restarted"
            );
            return Ok(());
        }
        let timeout = self.settings.watermark.idle_timeout;
        if let Some(until) = self.quiet.until(timeout) {
            let delay = self.settings.watermark.delay;
            let watermark = until.saturating_sub(timeout).saturating_sub(delay);
            self.state.tell(Input::Idle { watermark }).map_err(failure)?;
        }
        Ok(())
    }

    fn show(&mut self) {
        let now = self.state.summary();
        self.outside.add_counts(&self.told, &now);
        self.told = now;
        let label = TaskLabel { topic: super::TASK.to_owned(), partition: 0 };
        let lag_bytes = Some(self.reader.follower.lag_bytes());
        let figures = TaskFigures { lag_bytes, ..self.state.figures(None) };
        self.outside.series.set_task(&label, TaskState::Serving, &figures);
    }

    fn show_troubles(&self) {
        let troubles = self.reader.follower.troubles();
        match troubles.iter().next() {
            Some((what, reason)) => {
                let more = troubles.len() - 1;
                let more = if more == 0 { String::new() } else { format!("; {more} more") };
                let reason = format!("{what}: {reason}{more}");
                self.outside.readiness.obstruct("source", &reason, clock::now());
            }
            None => self.outside.readiness.clear("source"),
        }
    }
}

/// Counts the last line of a file that ends without a line break. Returns number and first byte of the line after it.
fn finish(
    state: &mut State,
    decoder: &mut Decoder<'_>,
    file: u32,
    place: (u64, u64),
    splitter: &mut LineSplitter,
) -> Result<(u64, u64), CommandError> {
    let from = From { cursor: state.processor.cursor(), place };
    let Some(last) = splitter.finish() else { return Ok(splitter.position()) };
    let Line { number, offset, length, .. } = last;
    let after = (number, offset + length);
    let reading = Reading { file, input: file, at: Some(clock::now()) };
    if let Some(batch) = decoder.batch(&mut std::iter::once(last), reading) {
        let cursor = from.cursor_at(after);
        state.tell(Input::Events { events: &batch.events, cursor }).map_err(failure)?;
    }
    Ok(after)
}

/// Where the task and one of its files stood before a chunk. The task's own cursor counts bytes and lines of all files
/// together: it only ever goes on, whatever file is in hand.
#[derive(Clone, Copy)]
struct From {
    cursor: Cursor,
    /// First byte of the file's next line, and how many lines come before it.
    place: (u64, u64),
}

impl From {
    /// The task's cursor, where the file's next line has that number and first byte.
    fn cursor_at(self, (number, offset): (u64, u64)) -> Cursor {
        let bytes = i64::try_from(offset - self.place.0).expect("no file has 2^63 bytes");
        Cursor {
            file: 0,
            offset: self.cursor.offset + bytes,
            line: self.cursor.line + (number - 1 - self.place.1),
        }
    }
}
