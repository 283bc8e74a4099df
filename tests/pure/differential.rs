//! The engine, in memory and without a store, against the oracle: golden and random worlds in batches of any size.
//!
//! Totals, first values, open periods, dispositions and every reject must be the same. Ends of input in the
//! middle of a world are left out here: what comes after one is for a processor that starts from a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use odometer::definition::Plan;
use odometer::engine::{
    CommitId, CommitRecord, Cursor, DigestKey, Effect, Input, OutboxEntry, Processor, Start,
};
use odometer::model::{EventTime, PeriodTotal, Provenance, Reject, RejectReason, SourcePosition};

use crate::golden::World;
use crate::model::with_incoming;
use crate::oracle::{
    DISPOSITIONS, Offsets, Options, Oracle, Outcome, Record, Refusal, Total, TotalKey,
};
use crate::worlds::{self, Dice, RandomWorld};

/// What the engine made of a world.
#[derive(Default)]
struct Seen {
    totals: BTreeMap<TotalKey, Total>,
    first_values: BTreeMap<TotalKey, Total>,
    provisionals: BTreeMap<TotalKey, Total>,
    rejects: Vec<Refusal>,
    /// Read, then the dispositions in the order of [`DISPOSITIONS`].
    counts: [u64; 6],
}

/// A processor at work.
struct Task {
    plan: Arc<Plan>,
    processor: Processor,
    effects: Vec<Effect>,
    seen: Seen,
}

impl Task {
    fn new(definitions: &str, options: &Options, dice: &mut Dice) -> Self {
        let plan = Arc::new(Plan::new(worlds::definitions(definitions)));
        let settings = odometer::engine::Options {
            dedup_window: options.dedup_window,
            watermark_delay: options.watermark_delay,
            future_skew_max: options.max_future_skew,
            keeps_offsets: true,
            slice_totals_max: *dice.pick(&[1, 3, 20_000]),
            ..Default::default()
        };
        let start = Start {
            digest_key: DigestKey([7; 16]),
            last: CommitRecord::genesis(CommitId([0; 16]), Cursor::at_offset(0)),
            delivered: 0,
            is_offset_behind: false,
            stored: None,
        };
        let processor = Processor::new(Arc::clone(&plan), settings, start);
        Task { plan, processor, effects: Vec::new(), seen: Seen::default() }
    }

    /// Works a whole world out.
    fn run(mut self, records: &[Record<'_>], options: &Options, dice: &mut Dice) -> Seen {
        let mut at = 0;
        loop {
            for (_, clock) in options.idle_ticks.iter().filter(|(place, _)| *place == at) {
                let quiet_since = clock.saturating_sub(options.idle_timeout);
                let watermark = quiet_since.saturating_sub(options.watermark_delay);
                self.close(Input::Idle { watermark });
            }
            if at == records.len() {
                break;
            }
            let batch = at + 1 + dice.below(60);
            let ticks = options.idle_ticks.iter().map(|(place, _)| *place);
            let next = ticks.filter(|tick| *tick > at).fold(batch.min(records.len()), usize::min);
            self.read(at, &records[at..next], options);
            if dice.chance(30) {
                self.take_outbox();
            }
            at = next;
        }
        if !options.keep_open {
            self.close(Input::EndOfInput);
        }
        self.close(Input::Idle { watermark: EventTime::EARLIEST });
        assert_eq!(self.effects, [], "without a store there is nothing to do");
        self.processor.handle(Input::Cut { id: CommitId([1; 16]) }, &mut self.effects);
        self.take_outbox();
        self.finish()
    }

    fn read(&mut self, first: usize, records: &[Record<'_>], options: &Options) {
        let cursor = Cursor::at_offset(offset(first + records.len()));
        with_incoming(records, first, options.now, |events| {
            self.processor.handle(Input::Events { events, cursor }, &mut self.effects);
        });
    }

    /// Gives an input, and goes on until all is closed that it closes.
    fn close(&mut self, input: Input<'_, '_>) {
        self.processor.handle(input, &mut self.effects);
        while self.processor.has_more_to_close() {
            let watermark = EventTime::EARLIEST;
            self.processor.handle(Input::Idle { watermark }, &mut self.effects);
        }
    }

    fn take_outbox(&mut self) {
        for entry in self.processor.take_outbox() {
            match entry {
                OutboxEntry::Total(total) => self.take_total(&total),
                OutboxEntry::Reject { reject, position, .. } => {
                    let SourcePosition::Offset(record) = position else {
                        panic!("records bear offsets, not {position:?}");
                    };
                    let record = usize::try_from(record).expect("few records");
                    let Reject { reason, metric, .. } = reject;
                    self.seen.rejects.push(Refusal { record, reason, metric });
                }
            }
        }
    }

    fn take_total(&mut self, revision: &PeriodTotal) {
        let (key, total) = entry_of(&self.plan, revision);
        let before = self.seen.totals.insert(key.clone(), total.clone());
        assert_eq!(before.is_none(), revision.revision == 1, "{key:?} begins with revision 1");
        if before.is_none() {
            self.seen.first_values.insert(key, total);
        }
    }

    fn finish(mut self) -> Seen {
        let (plan, open) = (&self.plan, &mut self.seen.provisionals);
        self.processor.preview(&mut |total| open.extend([entry_of(plan, &total)]));
        let counters = self.processor.counters();
        self.seen.counts = [
            counters.read,
            counters.counted,
            counters.duplicate,
            counters.unmatched,
            counters.late,
            counters.invalid,
        ];
        self.seen.rejects.sort();
        self.seen
    }
}

fn offset(place: usize) -> i64 {
    i64::try_from(place).expect("few records")
}

fn entry_of(plan: &Plan, total: &PeriodTotal) -> (TotalKey, Total) {
    let metric = plan.metric(total.metric);
    let version = usize::try_from(total.version).expect("few versions");
    let names = metric.versions[version].group_by.iter().map(|one| one.path.text.clone());
    let texts = total.group.iter().map(|text| text.as_deref().map(str::to_owned));
    let key = TotalKey {
        tenant: metric.tenant.to_string(),
        metric: metric.code.to_string(),
        customer: total.customer.to_string(),
        group: names.zip(texts).collect(),
        start: total.period.start,
        end: total.period.end,
    };
    let total = Total {
        value: total.value.map(|value| value.to_string()),
        events: total.events,
        event_times: total.event_times,
        offsets: match total.provenance {
            Provenance::Unasked => Offsets::Unsaid,
            Provenance::Offsets(range) => Offsets::Said(range),
        },
        version: version + 1,
        timezone: total.timezone.to_string(),
    };
    (key, total)
}

/// Panics with what differs.
fn check(name: &str, definitions: &str, events: &[u8], options: &Options, dice: &mut Dice) {
    let options = Options {
        input_ends: Vec::new(),
        keeps_offsets: true,
        offset_switches: Vec::new(),
        window_switches: Vec::new(),
        ..options.clone()
    };
    let records = Record::lines(events);
    let read = worlds::definitions(definitions);
    let outcome = Oracle::run(&read, &records, options.clone());
    let seen = Task::new(definitions, &options, dice).run(&records, &options, dice);

    assert_same(&format!("{name}: totals"), &seen.totals, &outcome.totals);
    if options.keep_open {
        assert_same(&format!("{name}: open"), &seen.provisionals, &outcome.provisionals);
    }
    for (key, total) in &outcome.first_values {
        assert_eq!(seen.first_values.get(key), Some(total), "{name}: revision 1 of {key:?}");
    }
    assert_eq!(seen.counts, counts(&outcome), "{name}: read {DISPOSITIONS:?}");
    let mut rejects = outcome.rejects;
    rejects.sort();
    let named: fn(&Refusal) -> (usize, RejectReason, Option<&str>) =
        |refusal| (refusal.record, refusal.reason, refusal.metric.as_deref());
    assert!(seen.rejects.iter().map(named).eq(rejects.iter().map(named)), "{name}: rejects");
}

fn counts(outcome: &Outcome) -> [u64; 6] {
    let mut counts = [u64::try_from(outcome.dispositions.len()).expect("few"); 6];
    for (count, (_, disposition)) in counts[1..].iter_mut().zip(DISPOSITIONS) {
        *count = outcome.count(disposition);
    }
    counts
}

fn assert_same(name: &str, seen: &BTreeMap<TotalKey, Total>, right: &BTreeMap<TotalKey, Total>) {
    let keys = seen.keys().chain(right.keys());
    for key in keys {
        assert_eq!(seen.get(key), right.get(key), "{name} of {key:?}: engine, then oracle");
    }
}

#[test]
fn engine_agrees_with_the_oracle_on_golden_worlds() {
    for world in World::all() {
        for seed in 0..3 {
            let name = format!("{}, batches of seed {seed}", world.name);
            let dice = &mut Dice::new(seed);
            check(&name, &world.definitions, &world.events, &world.options, dice);
        }
    }
}

#[test]
fn engine_agrees_with_the_oracle_on_random_worlds() {
    for seed in 0..60 {
        let world = RandomWorld::new(seed);
        let dice = &mut Dice::new(seed);
        check(&format!("seed {seed}"), &world.definitions, &world.events, &world.options, dice);
    }
}
