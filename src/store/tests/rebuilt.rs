//! A state that was made anew goes on from what was billed.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use super::{Task, plan_at};
use crate::definition::Plan;
use crate::engine::{CommitId, CommitRecord, Input, OutboxEntry, Published, Usage};
use crate::format::{Encoder, Place};
use crate::model::Amount;
use crate::store::Options;

/// By the month, with and without what the month before left.
const METRICS: &str = r#"
[[metrics]]
code = "n"
event_type = "t"
aggregation = "sum"
value = "properties.v"
[[metrics]]
code = "level"
event_type = "t"
aggregation = "sum"
recurring = true
value = "properties.v"
"#;
/// 2026-01-01 and 2026-02-05, in seconds since the epoch.
const JANUARY: u64 = 1_767_225_600;
const FEBRUARY: u64 = 1_770_249_600;

fn plan() -> Arc<Plan> {
    plan_at(METRICS, 0)
}

fn opened(directory: &Path) -> Task {
    let mut task = Task::open_by(directory, &Options::new(8 << 20), plan());
    task.made = Some(RefCell::default());
    task
}

/// Commits, and gives what went to the outbox: metric, customer, revision, value, value before.
fn cut(task: &mut Task) -> Vec<(u32, String, u64, String, Option<String>)> {
    task.commits += 1;
    task.tell(Input::Cut { id: CommitId(u128::from(task.commits).to_be_bytes()) });
    let entries = task.made.as_ref().expect("they are kept").take();
    let entries = entries.into_iter().map(|entry| match entry {
        OutboxEntry::Total(total) => {
            let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
            let value = text(total.value).expect("a sum has a value");
            (total.metric, total.customer.into(), total.revision, value, text(total.previous))
        }
        OutboxEntry::Reject { reject, .. } => panic!("{reject:?}"),
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

fn amount(number: i64) -> Option<Amount> {
    Amount::parse(&number.to_string())
}

#[test]
fn totals_go_on_from_the_revisions_that_were_billed() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("state");
    let mut task = opened(&directory);
    for customer in 0..3 {
        task.count_at(customer, JANUARY, 2);
    }
    task.count_at(9, FEBRUARY, 1);
    let first = cut(&mut task);
    let finals = first.iter().map(|(.., revision, value, before)| (*revision, &**value, before));
    assert_eq!(finals.collect::<Vec<_>>(), vec![(1, "2", &None); 6], "three of each metric");

    // Of customer 1 another value was billed in revision 41, of customer 2 the same in revision 5.
    let plan = plan();
    let last = *task.processor.ledger().last();
    let usage = Usage::at(&plan, &last, false);
    let mut asked = Vec::new();
    let billed = &mut |total: &crate::model::PeriodTotal, published: &Published| {
        asked.push((total.metric, total.customer.to_string(), published.revision));
        match &*total.customer {
            "c1" => Some(Published { revision: 41, value: amount(7), events: published.events }),
            "c2" => Some(Published { revision: 5, ..*published }),
            _ => None,
        }
    };
    task.store.republish(&usage, billed).expect("it is written");
    asked.sort();
    let each = (0..2).flat_map(|metric| (0..3).map(move |n| (metric, format!("c{n}"), 1)));
    assert_eq!(asked, each.collect::<Vec<_>>(), "what is published, each once");
    let record = CommitRecord {
        id: CommitId([9; 16]),
        parent: Some(last.id),
        number: last.number + 10,
        outbox_last: last.outbox_last + 2,
        ..last
    };
    let outbox = [b"one".to_vec(), b"two".to_vec()];
    task.store.conclude(&last, &record, outbox.into_iter()).expect("it is written");
    drop(task);

    let mut task = opened(&directory);
    assert_eq!(task.store.commits().expect("they are read"), [record], "the only one");
    let waiting = task.store.outbox(last.outbox_last + 1, record.outbox_last, 1 << 20);
    let waiting = waiting.expect("it is read");
    let bytes: Vec<&[u8]> = waiting.iter().map(|(_, bytes)| &**bytes).collect();
    assert_eq!(bytes, [b"one", b"two"]);
    for customer in 0..3 {
        task.count_at(customer, JANUARY, 3);
    }
    let wanted = |metric: u32| {
        [("c0", 2, "2"), ("c1", 42, "7"), ("c2", 6, "2")].map(|(customer, revision, before)| {
            (metric, customer.to_owned(), revision, "5".to_owned(), Some(before.to_owned()))
        })
    };
    assert_eq!(cut(&mut task), [wanted(0), wanted(1)].concat());
}

/// A total of a replay as the revision behind what was billed, byte for byte.
#[test]
fn total_of_a_replay_is_worded_as_the_revision_behind_what_was_billed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut task = opened(&folder.path().join("state"));
    task.count_at(1, JANUARY, 2);
    task.count_at(9, FEBRUARY, 1);
    task.commits += 1;
    task.tell(Input::Cut { id: CommitId([1; 16]) });
    let entries = task.made.as_ref().expect("they are kept").take();
    let plan = plan();
    let place = Place::Topic { topic: "usage".to_owned(), partition: 3 };
    let encoder = Encoder::new(&plan, &place, 1 << 20);
    let outgoing = encoder.outgoing(entries.first().expect("there are totals"));
    let body = |billed: Option<(u64, Option<Amount>)>| outgoing.clone().after(billed).body;
    assert_eq!(body(None), outgoing.body, "nothing was billed");
    let behind = body(Some((4, amount(7))));
    let changed = [
        ("\"kind\":\"final\"", "\"kind\":\"correction\""),
        ("\"revision\":1", "\"revision\":5"),
        ("\"previous\":null,\"delta\":\"2\"", "\"previous\":\"7\",\"delta\":\"-5\""),
    ];
    let mut wanted = outgoing.body.clone();
    for (before, now) in changed {
        assert!(wanted.contains(before), "no {before} in {wanted}");
        wanted = wanted.replace(before, now);
    }
    let without_id = |body: &str| body.split_once(",\"kind\"").map(|(_, rest)| rest.to_owned());
    assert_eq!(without_id(&behind), without_id(&wanted));
    assert_ne!(behind.split_once(','), outgoing.body.split_once(','), "each revision has an id");
    // Rule 4.6: what was null counts as nothing in a difference.
    assert!(body(Some((4, None))).contains("\"previous\":null,\"delta\":\"2\""));
}
