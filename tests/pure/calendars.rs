//! The product's calendars and timelines against the oracle's own (rules 4.4, 4.5, 5.6, 6.1 to 6.3).

use odometer::definition::{
    AggregationKind, Calendar, CustomerCalendar, DefinitionSource, LatePolicy, Metric, PeriodUnit,
    Timeline,
};
use odometer::model::{EventTime, Span};

use crate::oracle::calendar::OracleCalendar;
use crate::oracle::timeline::OracleTimeline;
use crate::worlds::{Dice, Scene};

const UNITS: [PeriodUnit; 10] = [
    PeriodUnit::Minute,
    PeriodUnit::Hour,
    PeriodUnit::Day,
    PeriodUnit::Week,
    PeriodUnit::Month,
    PeriodUnit::Quarter,
    PeriodUnit::Year,
    PeriodUnit::Fixed(Span::from_seconds(25_200)),
    PeriodUnit::Fixed(Span::from_seconds(90)),
    PeriodUnit::Fixed(Span::from_seconds(366 * 86_400)),
];

/// A calendar in both forms.
fn calendar(dice: &mut Dice, scene: &Scene) -> (Calendar, OracleCalendar) {
    let unit = *dice.pick(&UNITS);
    let zone = scene.any_zone(dice);
    let anchor = *dice.pick(&[1, 2, 15, 28, 29, 30, 31]);
    let month = *dice.pick(&[1, 2, 3, 7, 10, 12]);
    let calendar = Calendar::new(unit, &zone, anchor, month).expect("a sound calendar");
    (calendar, OracleCalendar::new(unit, &zone, anchor, month))
}

/// An instant of the scene, often on a border or beside one.
fn instant(dice: &mut Dice, scene: &Scene) -> EventTime {
    let near = scene.instant(dice);
    if dice.chance(50) { scene.border(dice, near) } else { near }
}

#[test]
fn calendars_cut_time_as_the_oracle_does() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut scene = Scene::new(&mut dice);
        let (calendar, oracle) = calendar(&mut dice, &scene);
        scene.calendars.push(oracle.clone());
        for _ in 0..10 {
            let time = instant(&mut dice, &scene);
            let period = oracle.period_at(time);
            assert_eq!(calendar.period_at(time), period, "seed {seed}: {oracle:?} at {time}");
            assert!(period.contains(time), "seed {seed}: {period:?} holds {time}");
            assert_eq!(oracle.period_at(period.end).start, period.end, "seed {seed}: no gap");
            let dates = oracle.dates_in(period);
            assert_eq!(calendar.dates_in(period), dates, "seed {seed}: {oracle:?} at {time}");
            let index = oracle.date_index(period, time);
            assert_eq!(
                calendar.date_index(period, time),
                index,
                "seed {seed}: {oracle:?} at {time}"
            );
        }
    }
}

#[test]
fn buckets_are_cut_as_the_oracle_does() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let scene = Scene::new(&mut dice);
        let (calendar, oracle) = calendar(&mut dice, &scene);
        let every = *dice.pick(&UNITS[1..8]);
        let time = instant(&mut dice, &scene);
        let period = oracle.period_at(time);
        let bucket = oracle.bucket_at(period, every, time);
        let seen = calendar.bucket_at(period, every, time);
        assert_eq!(seen, bucket, "seed {seed}: {every:?} in {oracle:?} at {time}");
        let count = oracle.bucket_count(period, every);
        let seen = calendar.bucket_count(period, every);
        assert_eq!(seen, count, "seed {seed}: {every:?} in {oracle:?} at {time}");
    }
}

#[test]
fn timelines_change_where_the_oracle_does() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let scene = Scene::new(&mut dice);
        let mut begins: Vec<Option<EventTime>> = Vec::new();
        for _ in 0..dice.between(1, 4) {
            begins.push(dice.chance(70).then(|| instant(&mut dice, &scene)));
        }
        begins.sort();
        begins.dedup();
        let versions: Vec<(Option<EventTime>, Calendar)> =
            begins.into_iter().map(|begin| (begin, calendar(&mut dice, &scene).0)).collect();
        let metrics: Vec<Metric> = versions.iter().map(metric).collect();
        let customers = customers(&mut dice, &scene);
        let timeline = Timeline::new(&versions, &customers);
        let oracle = OracleTimeline::new(
            &metrics.iter().collect::<Vec<_>>(),
            &customers.iter().collect::<Vec<_>>(),
        );
        for _ in 0..20 {
            let time = instant(&mut dice, &scene);
            let ours = oracle.slot_at(time);
            let theirs = timeline.slot_at(time);
            let place = format!("seed {seed}: {versions:?} {customers:?} at {time}");
            assert_eq!(theirs.map(|slot| slot.period), ours.map(|slot| slot.period), "{place}");
            let version = |version: u32| usize::try_from(version).expect("few versions");
            let seen = theirs.map(|slot| version(slot.version));
            assert_eq!(seen, ours.map(|slot| slot.version), "{place}");
            if let (Some(theirs), Some(ours)) = (theirs, ours) {
                // A period that no event can fall into may end past all zone rules.
                if ours.period.end.is_admissible() {
                    let next = timeline.slot_after(theirs);
                    assert_eq!(next.period, oracle.slot_after(ours).period, "{place}");
                }
                let zone = timeline.calendar(theirs.segment).zone_name();
                assert_eq!(zone, oracle.segment(ours).calendar.zone_name, "{place}");
            }
        }
    }
}

fn customers(dice: &mut Dice, scene: &Scene) -> Vec<CustomerCalendar> {
    let mut customers: Vec<CustomerCalendar> = Vec::new();
    for _ in 0..dice.below(4) {
        customers.push(CustomerCalendar {
            tenant: "t".to_owned(),
            customer: "c".to_owned(),
            period: dice.chance(50).then(|| *dice.pick(&UNITS[3..7])),
            timezone: dice.chance(50).then(|| scene.any_zone(dice)),
            anchor: dice.chance(50).then(|| *dice.pick(&[1, 15, 31])),
            anchor_month: dice.chance(50).then(|| *dice.pick(&[1, 5, 12])),
            effective_from: dice.chance(80).then(|| instant(dice, scene)),
        });
    }
    customers.sort_by_key(|customer| customer.effective_from);
    customers.dedup_by_key(|customer| customer.effective_from);
    customers
}

/// A version of which nothing but its calendar matters.
fn metric((effective_from, calendar): &(Option<EventTime>, Calendar)) -> Metric {
    Metric {
        tenant: "t".to_owned(),
        code: "m".to_owned(),
        name: None,
        description: None,
        event_type: "m".to_owned(),
        filter: None,
        aggregation: AggregationKind::Count,
        value: None,
        operation: None,
        percentile: None,
        is_recurring: false,
        is_prorated: false,
        inner: None,
        result: None,
        rounding: None,
        group_by: Vec::new(),
        calendar: calendar.clone(),
        grace: Span::ZERO,
        late: LatePolicy::Correct,
        effective_from: *effective_from,
        topic: None,
        generation: 1,
        is_elsewhere: false,
        is_deleted: false,
        deleted_at: None,
        source: DefinitionSource::default(),
    }
}
