//! Sound streams pass, and nothing that is done to them is missed.

use std::mem::size_of;

use proptest::prelude::*;
use proptest::sample::Index;

use super::chain::Link;
use super::*;
use crate::format::total::{MetricNames, TotalRecord, TotalSource};
use crate::model::{Amount, EventTime, Period, PeriodTotal, Provenance, Quantity, TotalKind};

fn names(generation: u64) -> MetricNames<'static> {
    MetricNames { tenant: "t/1", code: "calls", version: 1, generation, group: vec!["m n", "r"] }
}

fn amount(units: i64) -> Amount {
    Quantity::from_units(i128::from(units) * 1_000_000_000_000).expect("a small one").into()
}

/// Revision `number` of that customer, from one value to another.
fn total(customer: u8, number: u64, previous: Option<i64>, value: Option<i64>) -> PeriodTotal {
    let worth = |units: Option<i64>| amount(units.unwrap_or(0));
    let start = EventTime::from_micros(1_772_359_200_000_000);
    PeriodTotal {
        metric: 0,
        version: 0,
        customer: format!("c{customer}").into(),
        group: [None, Some("é=&".into())].into(),
        period: Period { start, end: EventTime::from_micros(1_772_362_800_000_000) },
        timezone: "UTC".into(),
        kind: if number == 1 { TotalKind::Final } else { TotalKind::Correction },
        revision: number,
        value: value.map(amount),
        previous: previous.map(amount),
        delta: Some(worth(value).minus(worth(previous))),
        events: number,
        event_times: None,
        provenance: Provenance::Unasked,
    }
}

fn record(total: &PeriodTotal) -> TotalRecord {
    TotalRecord::new(&names(1), total, TotalSource::Files { pattern: "in/*" })
}

/// The faults of each record: place, kind, and place of the one before.
fn faults(rules: AuditRules, records: &[TotalRecord]) -> Vec<(usize, AuditKind, Option<usize>)> {
    let mut audit = Audit::new(rules);
    let mut found = Vec::new();
    for (place, TotalRecord { key, body }) in records.iter().enumerate() {
        match Revision::read(body.as_bytes()) {
            Ok(revision) => {
                let faults = audit.take(&revision, Some(key.as_bytes()), place);
                found.extend(
                    faults
                        .into_iter()
                        .map(|one| (place, one.kind, one.before.map(|(_, place)| place))),
                );
            }
            Err(_) => found.push((place, AuditKind::Unreadable, None)),
        }
    }
    found
}

/// Revisions of one customer with these values.
fn chain(values: &[Option<i64>]) -> Vec<PeriodTotal> {
    let mut previous = None;
    let mut totals = Vec::new();
    for (number, value) in (1..).zip(values) {
        totals.push(total(0, number, previous, *value));
        previous = *value;
    }
    totals
}

/// A chain of five, what was done to it, and the faults under each of the rules: compacted, cut, whole.
#[track_caller]
fn check(
    change: impl FnOnce(&mut Vec<PeriodTotal>),
    expected: [&[(usize, AuditKind, Option<usize>)]; 3],
) {
    let mut totals = chain(&[Some(5), Some(7), None, Some(-3), Some(-3)]);
    change(&mut totals);
    let records: Vec<TotalRecord> = totals.iter().map(record).collect();
    for (rules, expected) in
        [AuditRules::Compacted, AuditRules::Cut, AuditRules::Whole].into_iter().zip(expected)
    {
        assert_eq!(faults(rules, &records), expected, "{rules:?}");
    }
}

#[test]
fn sound_chain_has_no_faults_and_is_counted() {
    check(|_| {}, [&[]; 3]);
    let mut audit = Audit::new(AuditRules::Whole);
    let mut totals = chain(&[Some(5), None]);
    totals.push(PeriodTotal { kind: TotalKind::Provisional, ..total(0, 0, None, Some(9)) });
    totals.push(total(1, 1, None, None));
    for one in &totals {
        let TotalRecord { key, body } = record(one);
        let revision = Revision::read(body.as_bytes()).expect("a total");
        assert_eq!(revision.key, key);
        assert_eq!(audit.take(&revision, Some(key.as_bytes()), ()), []);
        assert_eq!(audit.take(&revision, None, ()).is_empty(), one.revision == 0, "{body}");
    }
    let counts = AuditCounts { keys: 2, revisions: 6, provisional: 2, gaps: 0 };
    assert_eq!(audit.counts(), counts, "doubled ones too");
}

#[test]
fn each_fault_is_told_by_its_kind_with_both_places() {
    use AuditKind::{Delta, Disordered, Doubled, Lost, Previous};
    let doubled: &[_] = &[(2, Doubled, Some(1))];
    check(|totals| totals.insert(2, totals[1].clone()), [doubled; 3]);
    let doubled: &[_] = &[(5, Doubled, Some(4))];
    check(|totals| totals.push(totals[0].clone()), [doubled; 3]);
    let lost: &[_] = &[(2, Lost, Some(1))];
    check(|totals| drop(totals.remove(2)), [&[], lost, lost]);
    check(|totals| drop(totals.remove(0)), [&[], &[], &[(0, Lost, None)]]);
    let previous: &[_] = &[(3, Previous, Some(2))];
    check(|totals| totals[3] = total(0, 4, Some(1), Some(-3)), [previous; 3]);
    check(|totals| totals[0] = total(0, 1, Some(1), Some(5)), [&[(0, Previous, None)]; 3]);
    let both: &[_] = &[(3, Delta, None), (3, Previous, Some(2))];
    check(|totals| totals[3].previous = Some(amount(1)), [both; 3]);
    check(|totals| totals[3].delta = None, [&[(3, Delta, None)]; 3]);
    let disordered: &[_] = &[(2, Lost, Some(1)), (3, Disordered, Some(2)), (4, Lost, Some(2))];
    let compacted: &[_] = &[(3, Disordered, Some(2))];
    check(|totals| totals.swap(2, 3), [compacted, &disordered[..2], &disordered[..2]]);
    // One that says another value the second time.
    check(|totals| totals.insert(2, total(0, 2, Some(5), Some(8))), [&[(2, Doubled, Some(1))]; 3]);
}

#[test]
fn names_are_held_against_the_body() {
    let right = record(&total(0, 2, Some(1), Some(2)));
    let revision = |body: &str| {
        let revision = Revision::read(body.as_bytes()).expect("a total");
        let faults = revision.faults::<()>(Some(right.key.as_bytes()));
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(revision(&right.body), [""; 0]);
    let other = right.body.replace("\"c0\"", "\"c1\"");
    let said = revision(&other);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("misnamed: expected key t%2F1/calls/c1/"), "{said:?}");
    assert!(said[0].contains("found key t%2F1/calls/c0/"), "{said:?}");
    assert!(said[1].starts_with("misnamed: expected id "), "{said:?}");
    let other = right.body.replace("correction", "final");
    assert_eq!(revision(&other), ["misnamed: expected kind correction, found kind final"]);
    // Of a later generation.
    let later =
        TotalRecord::new(&names(2), &total(0, 1, None, None), TotalSource::Files { pattern: "" });
    let read = Revision::read(later.body.as_bytes()).expect("a total");
    assert_eq!(read.key, later.key);
    assert_eq!(read.faults::<()>(Some(later.key.as_bytes())), []);
}

#[test]
fn what_is_no_total_is_told_why() {
    let right = record(&total(0, 2, Some(1), Some(2))).body;
    for (wrong, words) in [
        (String::new(), "EOF"),
        ("{".to_owned(), "EOF"),
        (r#"{"reason":"late"}"#.to_owned(), "missing field"),
        (right.replace(r#""delta":"0.000001","#, ""), "missing field `delta`"),
        (right.replace(r#""0.000002""#, r#""2e-6""#), "\"2e-6\" is no exact number"),
        (right.replace(r#""0.000002""#, "0.000002"), "invalid type"),
        (right.replace("correction", "guess"), "the kind \"guess\""),
        (right.replace("2026-03-01", "2026-13-01"), "no instant"),
        (right.replace("\"m n\":null", "\"m n\":3"), "3 in its group"),
    ] {
        assert_ne!(wrong, right);
        let fault = Revision::read(wrong.as_bytes()).expect_err(&wrong);
        assert!(fault.to_string().contains(words), "{fault}: {wrong}");
        assert_eq!(fault.into_fault::<()>().kind, AuditKind::Unreadable);
    }
    assert!(Revision::read(b"\xff").expect_err("no text").to_string().contains("UTF-8"));
}

#[test]
fn key_costs_what_is_said_of_it() {
    assert_eq!(size_of::<(u128, Link<(u32, u64)>)>(), 96);
}

/// What can be done to a stream.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    Doubled,
    Lost,
    Previous,
    Delta,
    Swapped,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop::sample::select(vec![
        Tampering::Doubled,
        Tampering::Lost,
        Tampering::Previous,
        Tampering::Delta,
        Tampering::Swapped,
    ])
}

/// Revisions of some customers, as they might be written: customer, and value.
fn stream() -> impl Strategy<Value = Vec<(u8, Option<i64>)>> {
    prop::collection::vec((0..4_u8, prop::option::weighted(0.9, -1_000_000..1_000_000_i64)), 0..40)
}

fn totals_of(stream: &[(u8, Option<i64>)]) -> Vec<PeriodTotal> {
    let mut last: [(u64, Option<i64>); 4] = [(0, None); 4];
    let mut totals = Vec::new();
    for (customer, value) in stream {
        let (number, previous) = &mut last[usize::from(*customer)];
        *number += 1;
        totals.push(total(*customer, *number, *previous, *value));
        *previous = *value;
    }
    totals
}

proptest! {
    #[test]
    fn sound_stream_passes(stream in stream(), keep in prop::collection::vec(any::<bool>(), 40)) {
        let totals = totals_of(&stream);
        let records: Vec<TotalRecord> = totals.iter().map(record).collect();
        prop_assert_eq!(faults(AuditRules::Whole, &records), []);
        // Compaction leaves the newest of each key, and any of the others.
        let is_newest = |at: usize| !records[at + 1..].iter().any(|one| one.key == records[at].key);
        let compacted: Vec<TotalRecord> = (0..records.len())
            .filter(|at| keep[*at] || is_newest(*at))
            .map(|at| records[at].clone())
            .collect();
        prop_assert_eq!(faults(AuditRules::Compacted, &compacted), []);
        // A cut log has what is behind some place.
        let cut = records.iter().skip(keep.iter().filter(|one| **one).count());
        prop_assert_eq!(faults(AuditRules::Cut, &cut.cloned().collect::<Vec<_>>()), []);
    }

    #[test]
    fn tampering_is_found(
        stream in stream(),
        tampering in tampering(),
        victim in any::<Index>(),
        place in any::<Index>(),
    ) {
        let mut totals = totals_of(&stream);
        prop_assume!(!totals.is_empty());
        let victim = victim.index(totals.len());
        let key = totals[victim].customer.clone();
        let later = (victim + 1..totals.len()).find(|at| totals[*at].customer == key);
        let one = &mut totals[victim];
        let kinds: &[AuditKind] = match tampering {
            Tampering::Doubled => {
                let copy = one.clone();
                let place = victim + 1 + place.index(totals.len() - victim);
                totals.insert(place, copy);
                &[AuditKind::Doubled]
            }
            Tampering::Lost => {
                // The last of a key is not missed by anybody who does not know it.
                prop_assume!(later.is_some());
                totals.remove(victim);
                &[AuditKind::Lost]
            }
            Tampering::Previous => {
                one.previous = Some(amount(2_000_000));
                one.delta = Some(one.value.unwrap_or(Amount::ZERO).minus(amount(2_000_000)));
                &[AuditKind::Previous]
            }
            Tampering::Delta => {
                one.delta = one.delta.map(|delta| delta.plus(amount(1)));
                &[AuditKind::Delta]
            }
            Tampering::Swapped => {
                let Some(later) = later else { return Err(TestCaseError::reject("no later one")) };
                totals.swap(victim, later);
                &[AuditKind::Lost, AuditKind::Disordered]
            }
        };
        let records: Vec<TotalRecord> = totals.iter().map(record).collect();
        let found: Vec<AuditKind> =
            faults(AuditRules::Whole, &records).into_iter().map(|(_, kind, _)| kind).collect();
        prop_assert_eq!(found, kinds);
    }
}
