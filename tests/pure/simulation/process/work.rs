//! What a process does with nothing begun: reads, hears the clock, commits, takes definitions.

use odometer::engine::{Effect, Input};
use odometer::model::EventTime;

use super::{Process, Surroundings};
use crate::simulation::mutant::Mutant;
use crate::simulation::task::{Task, commit_id};

impl Process {
    /// A task that has nothing to be stored goes by the newest definitions that its process knows.
    pub(super) fn take_plan(&mut self, around: &mut Surroundings<'_, '_>) -> Option<i32> {
        let (setting, known) = (around.setting, self.revision);
        let may = |(partition, task): (&i32, &mut Task)| {
            let is_taken = task.revision < known && task.take_plan(setting, *partition, known);
            is_taken.then_some(*partition)
        };
        let partition = self.tasks.iter_mut().find_map(may)?;
        around.chance.tally.note("definitions taken at work");
        Some(partition)
    }

    /// With nothing begun: reads, hears the clock, commits, or asks the group.
    pub(super) fn choose(&mut self, around: &mut Surroundings<'_, '_>) -> String {
        let partitions: Vec<i32> = self.tasks.keys().copied().collect();
        if partitions.is_empty() || around.chance.dice.chance(20) {
            self.poll(around);
            return format!("{} polls", self.number);
        }
        let partition = *around.chance.dice.pick(&partitions);
        let task = self.tasks.get_mut(&partition).expect("picked from what is there");
        let part = usize::try_from(partition).expect("not negative");
        let (start, end) = (around.broker.starts[part], around.broker.ends[part]);
        let mut text = "waits";
        let mut effects = Vec::new();
        let keeps = around.setting.options.keeps_checkpoints;
        if keeps && !task.processor.ledger().is_publishing() && around.chance.dice.chance(40) {
            text = "publishes";
            effects = task.handle(Input::Publish);
        } else if task.processor.may_cut() && around.chance.dice.chance(30) {
            text = "cuts";
            effects = self.cut(around, partition);
        } else if task.at < end && task.at < start {
            text = "is past what the log has of";
            if around.setting.mutant == Some(Mutant::ReadPastRetention) {
                task.at = start;
            } else {
                self.drop_task(partition);
                self.start(around, partition);
            }
        } else if task.at < end {
            let to = (task.at + 1 + around.chance.dice.below(8)).min(end);
            let to = around.setting.readable(partition, (task.at, to), task.revision);
            if to > task.at {
                text = "reads";
                effects = task.read(around.setting, partition, to);
            } else {
                text = "hears of definitions for";
                effects = self.learn(around, partition);
            }
        } else if task.processor.has_more_to_close() {
            text = "closes";
            effects = task.handle(Input::Idle { watermark: EventTime::from_micros(i64::MIN) });
        } else if around.may_tick && around.chance.dice.chance(10) {
            text = "ticks for";
            effects = self.tick(around, partition);
        }
        self.push_effects(partition, effects);
        format!("{} {text} {partition}", self.number)
    }

    fn cut(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) -> Vec<Effect> {
        let Some(task) = self.tasks.get_mut(&partition) else { return Vec::new() };
        *around.next_id += 1;
        let mut number = *around.next_id;
        if around.setting.mutant == Some(Mutant::ReuseCommitId) {
            let part = u64::try_from(partition).expect("not negative");
            number = (1 << 40) + (part << 32) + task.processor.ledger().last().number + 1;
        }
        task.handle(Input::Cut { id: commit_id(number) })
    }

    /// Without the newest definitions the task gets no further.
    fn learn(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) -> Vec<Effect> {
        self.revision = around.setting.editions.newest();
        let Some(task) = self.tasks.get_mut(&partition) else { return Vec::new() };
        let is_taken = task.take_plan(around.setting, partition, self.revision);
        if is_taken || !task.processor.may_cut() {
            return Vec::new();
        }
        self.cut(around, partition)
    }

    /// The clock in a test stands a little past the watermark: sometimes it closes what is open.
    fn tick(&mut self, around: &mut Surroundings<'_, '_>, partition: i32) -> Vec<Effect> {
        let ahead = around.chance.dice.between(0, 40_000_000_000) + self.clock_ahead;
        let Some(task) = self.tasks.get_mut(&partition) else { return Vec::new() };
        let Some(mark) = task.processor.watermark() else { return Vec::new() };
        let latest = EventTime::parse_rfc3339("9999-01-01T00:00:00Z").expect("an instant");
        let watermark = EventTime::from_micros(mark.micros().saturating_add(ahead)).min(latest);
        if around.setting.editions.horizon(task.revision).is_some_and(|at| watermark > at) {
            return self.learn(around, partition);
        }
        let minute = odometer::model::Span::from_seconds(60);
        let delay = around.setting.options.watermark_delay;
        let clock = watermark.saturating_add(delay).saturating_add(minute);
        *around.reached = (*around.reached).max(Some(watermark));
        task.tick(clock, watermark)
    }
}
