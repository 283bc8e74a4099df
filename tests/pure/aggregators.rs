//! Every aggregation as an algebra: merging agrees with folding, order and split do not matter, and parts that were
//! stored by difference make the same aggregate again.

use std::collections::BTreeMap;

use odometer::definition::{AggregationKind, Plan};
use odometer::engine::{Aggregate, Fold, FoldValue, Frame, Member, Operation, Part, PartValue};
use odometer::model::{Amount, EventTime, Quantity};

use crate::worlds::{self, Dice};

/// What makes a metric an aggregation of its own kind.
const KINDS: [&str; 18] = [
    r#""aggregation":"count""#,
    r#""aggregation":"sum","value":"properties.v""#,
    r#""aggregation":"min","value":"properties.v""#,
    r#""aggregation":"max","value":"properties.v""#,
    r#""aggregation":"avg","value":"properties.v""#,
    r#""aggregation":"latest","value":"properties.v""#,
    r#""aggregation":"first","value":"properties.v""#,
    r#""aggregation":"unique_count","value":"properties.v""#,
    r#""aggregation":"unique_count","value":"properties.v","operation":"op""#,
    r#""aggregation":"unique_count","value":"properties.v","operation":"op","recurring":true,"prorated":true"#,
    r#""aggregation":"sum","value":"properties.v","recurring":true,"prorated":true"#,
    r#""aggregation":"weighted_sum","value":"properties.v""#,
    r#""aggregation":"percentile","percentile":90,"value":"properties.v""#,
    r#""aggregation":"sum","value":"properties.v","inner":{"aggregation":"max","every":"day"}"#,
    r#""aggregation":"avg","value":"properties.v","inner":{"aggregation":"unique_count","every":"6h"}"#,
    r#""aggregation":"max","value":"properties.v","inner":{"aggregation":"percentile","percentile":50,"every":"day"}"#,
    r#""aggregation":"percentile","percentile":95,"value":"properties.v","inner":{"aggregation":"sum","every":"1h","fill":"zero"}"#,
    r#""aggregation":"min","value":"properties.v","inner":{"aggregation":"latest","every":"day"}"#,
];

fn fold(dice: &mut Dice, frame: &Frame<'_>, order: u64) -> Fold {
    let (start, end) = (frame.slot.period.start, frame.slot.period.end);
    let time = EventTime::from_micros(dice.between(start.micros(), end.micros() - 1));
    let inner = frame.metric.inner.as_ref();
    let kind = inner.map_or(frame.metric.aggregation, |inner| inner.aggregation);
    let value = match kind {
        AggregationKind::Count => FoldValue::Nothing,
        AggregationKind::UniqueCount => {
            let is_add = frame.metric.operation.is_none() || dice.chance(60);
            let operation = if is_add { Operation::Add } else { Operation::Remove };
            let long = "x".repeat(dice.below(80));
            FoldValue::Member(Member::of(&format!("{}{long}", dice.below(5))), operation)
        }
        _ => {
            let units = i128::from(dice.between(-30, 30)) * 100_000_000_000_000_000;
            FoldValue::Quantity(Quantity::from_units(units).expect("a small number"))
        }
    };
    Fold { time, order, value }
}

fn shuffle<T>(items: &mut [T], dice: &mut Dice) {
    for place in (1..items.len()).rev() {
        items.swap(place, dice.below(place + 1));
    }
}

fn folded(frame: &Frame<'_>, folds: &[Fold]) -> Aggregate {
    let mut aggregate = Aggregate::new(frame.metric);
    for fold in folds {
        aggregate.fold(frame, fold);
    }
    aggregate
}

fn value(frame: &Frame<'_>, aggregate: &Aggregate) -> Amount {
    aggregate.finish(frame, None).to_amount()
}

/// Folds one by one with a store beside: what changed is written now and then.
fn stored(
    frame: &Frame<'_>,
    folds: &[Fold],
    dice: &mut Dice,
) -> (Aggregate, BTreeMap<Part, PartValue>) {
    let mut aggregate = Aggregate::new(frame.metric);
    let mut store = BTreeMap::new();
    let mut changes = Vec::new();
    for (place, fold) in folds.iter().enumerate() {
        aggregate.fold(frame, fold);
        if dice.chance(20) || place + 1 == folds.len() {
            aggregate.take_changes(&mut changes);
            for (part, value) in changes.drain(..) {
                match value {
                    PartValue::Absent => drop(store.remove(&part)),
                    value => drop(store.insert(part, value)),
                }
            }
        }
    }
    (aggregate, store)
}

fn check(definition: &str, seed: u64) {
    let text = format!(
        r#"{{"metrics":[{{"code":"m","period":"month","timezone":"Europe/Berlin",{definition}}}]}}"#
    );
    let plan = Plan::new(worlds::definitions(&text));
    let family = plan.metric(0);
    let timeline = family.timeline("c");
    let at = EventTime::parse_rfc3339("2026-03-15T00:00:00Z").expect("an instant");
    let slot = timeline.slot_at(at).expect("every instant has its period");
    let frame =
        Frame { metric: family.version(slot), calendar: timeline.calendar(slot.segment), slot };
    let dice = &mut Dice::new(seed);
    let count = dice.below(60);
    let mut folds: Vec<Fold> =
        (0..count).zip(1..).map(|(_, order)| fold(dice, &frame, order)).collect();
    let whole = folded(&frame, &folds);
    let wanted = value(&frame, &whole);

    let (kept, store) = stored(&frame, &folds, dice);
    assert_eq!(value(&frame, &kept), wanted, "{definition}, seed {seed}: storing changes nothing");
    if kept.has_parts() {
        let inner = frame.metric.inner.as_ref().map(|inner| inner.aggregation);
        let mut again = Aggregate::new(frame.metric);
        for (part, value) in &store {
            again.restore(part.clone(), value.clone(), inner);
        }
        assert_eq!(value(&frame, &again), wanted, "{definition}, seed {seed}: from its parts");
        let (mut parts, mut restored) = (Vec::new(), Vec::new());
        kept.parts(&mut parts);
        again.parts(&mut restored);
        let sorted = |parts: Vec<(Part, PartValue)>| parts.into_iter().collect::<Vec<_>>();
        let (parts, restored) = (sorted(parts), sorted(restored));
        let by_name = |mut parts: Vec<(Part, PartValue)>| {
            parts.sort_by(|one, other| one.0.cmp(&other.0));
            parts
        };
        let stored: Vec<(Part, PartValue)> = store.into_iter().collect();
        assert_eq!(by_name(parts), stored, "{definition}, seed {seed}: all parts are stored");
        assert_eq!(by_name(restored), stored, "{definition}, seed {seed}: and restored");
    }

    shuffle(&mut folds, dice);
    assert_eq!(value(&frame, &folded(&frame, &folds)), wanted, "{definition}, seed {seed}: order");
    let mut pieces: Vec<Aggregate> =
        folds.chunks(1 + dice.below(9)).map(|chunk| folded(&frame, chunk)).collect();
    shuffle(&mut pieces, dice);
    let mut merged = Aggregate::new(frame.metric);
    for piece in &pieces {
        merged.merge(piece);
    }
    assert_eq!(value(&frame, &merged), wanted, "{definition}, seed {seed}: merge is fold");
}

#[test]
fn merging_folding_and_storing_agree_for_every_aggregation() {
    for kind in KINDS {
        for seed in 0..60 {
            check(kind, seed);
        }
    }
}
