//! Pages of several processes as one: each total once and in order, whoever has which task meanwhile.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A page of a process: its tasks of topic `t`, each with how many events it had read and its totals; where it goes on; and
/// the partitions that it does not have.
fn page(tasks: &[(i32, u64, &[&str])], next: Option<&str>, missing: &Value) -> UsagePage {
    let source = |partition: i32| json!({"topic": "t", "partition": partition});
    let totals = tasks.iter().flat_map(|(partition, _, totals)| {
        totals.iter().map(move |name| json!({"name": name, "source": source(*partition)}))
    });
    let as_of = tasks.iter().map(|(partition, read, _)| {
        json!({"topic": "t", "partition": partition, "commit": "c", "read": read})
    });
    let body = json!({
        "totals": totals.collect::<Vec<_>>(),
        "next": next,
        "complete": false,
        "missing": missing,
        "forgotten": false,
        "unanswered": [],
        "as_of": as_of.collect::<Vec<_>>(),
    });
    UsagePage::read(&body.to_string()).expect("it is a page")
}

fn lacks(partitions: &[i32]) -> Value {
    if partitions.is_empty() {
        json!([])
    } else {
        json!([{"topic": "t", "partitions": partitions}])
    }
}

/// Names of the totals, where the next page begins, and what is missing.
fn told(page: &UsagePage) -> (Vec<String>, String, String) {
    let name = |total: &str| {
        let total: Value = serde_json::from_str(total).expect("JSON");
        total["name"].as_str().expect("a name").to_owned()
    };
    let next = page.next.as_ref().map(ToString::to_string).unwrap_or_default();
    (page.totals().map(name).collect(), next, page.missing.to_string())
}

#[track_caller]
fn check(own: UsagePage, others: Vec<UsagePage>, limit: usize, expected: (&str, &str, &str)) {
    let (totals, next, missing) = told(&own.gathered(others, limit));
    assert_eq!((totals.join(" ").as_str(), next.as_str(), missing.as_str()), expected);
}

#[test]
fn page_that_is_read_says_the_same_again() {
    let page = page(&[(2, 7, &["a", "b"]), (3, 0, &[])], Some("t:3:0a"), &lacks(&[0, 1]));
    let expected = [
        r#"{"totals":[{"name":"a","source":{"topic":"t","partition":2}},"#,
        r#"{"name":"b","source":{"topic":"t","partition":2}}],"next":"t:3:0a","complete":false,"#,
        r#""missing":[{"topic":"t","partitions":[0,1]}],"forgotten":false,"unanswered":[],"#,
        r#""as_of":[{"topic":"t","partition":2,"commit":"c","read":7},"#,
        r#"{"topic":"t","partition":3,"commit":"c","read":0}]}"#,
    ];
    assert_eq!(page.body(), expected.concat());
    assert_eq!(UsagePage::read(&page.body()), Ok(page));
}

#[test]
fn what_is_no_page_is_refused() {
    let lacking = |from: &str, to: &str| {
        let body = page(&[(2, 7, &["a"])], Some("t:2:0a"), &lacks(&[0])).body();
        assert!(body.contains(from), "{body}");
        UsagePage::read(&body.replacen(from, to, 1)).expect_err("it is none")
    };
    assert!(lacking(r#""forgotten":false,"#, "").contains("forgotten"));
    assert!(lacking(r#""partition":2}}"#, r#""partition":5}}"#).contains("does not name"));
    assert!(lacking("t:2:0a", "t:9:0a").contains("where it has not been"));
    assert!(lacking("t:2:0a", "nowhere").contains("where it has not been"));
    assert!(UsagePage::read("[]").is_err());
}

#[test]
fn cursors_are_read_as_they_are_written() {
    for text in ["usage:0:4b00", "a.b:12:-", ":0:0a"] {
        let read = UsageCursor::read(text).expect(text);
        assert_eq!(read.to_string(), text);
    }
    for wrong in
        ["", "usage", "usage:0", "usage:0:", "usage:0:4", "usage:0:zz", "usage:x:-", ":1:0a"]
    {
        assert_eq!(UsageCursor::read(wrong), None, "{wrong}");
    }
}

#[test]
fn parts_of_all_processes_stand_in_order() {
    let own = || page(&[(0, 1, &["a"]), (2, 1, &["c"])], None, &lacks(&[1, 3]));
    let other = || page(&[(1, 1, &["b"]), (3, 1, &["d"])], None, &lacks(&[0, 2]));
    check(own(), Vec::new(), 9, ("a c", "", "partitions 1, 3 of t"));
    check(own(), vec![other()], 9, ("a b c d", "", ""));
    check(other(), vec![own()], 9, ("a b c d", "", ""));
    let third = page(&[(1, 1, &["b"])], None, &lacks(&[0, 2, 3]));
    check(own(), vec![third], 9, ("a b c", "", "partition 3 of t"));
    assert!(own().gathered(vec![other()], 9).is_complete());
    assert!(!own().is_complete());
}

#[test]
fn page_ends_where_the_first_of_them_does() {
    let own = || page(&[(0, 1, &["a1", "a2"])], Some("t:0:02"), &lacks(&[1]));
    let other = || page(&[(1, 1, &["b"])], None, &lacks(&[0]));
    check(own(), vec![other()], 2, ("a1 a2", "t:0:02", ""));
    check(other(), vec![own()], 2, ("a1 a2", "t:0:02", ""));
    let other = page(&[(1, 1, &["b1", "b2"])], Some("t:1:02"), &lacks(&[0]));
    let own = page(&[(0, 1, &["a"]), (2, 1, &["c"])], None, &lacks(&[1]));
    check(own, vec![other], 9, ("a b1 b2", "t:1:02", ""));
}

#[test]
fn full_page_ends_between_two_tasks() {
    let own = page(&[(0, 1, &["a"]), (2, 1, &["c"]), (4, 1, &[])], None, &lacks(&[1, 3]));
    let other = page(&[(1, 1, &["b1", "b2"]), (3, 1, &[])], None, &lacks(&[0, 2, 4]));
    check(own.clone(), vec![other.clone()], 1, ("a", "t:1:-", ""));
    check(own.clone(), vec![other.clone()], 2, ("a b1 b2", "t:2:-", ""));
    check(own, vec![other], 4, ("a b1 b2 c", "", ""));
}

#[test]
fn task_of_two_processes_is_told_by_who_knows_more() {
    let own = page(&[(0, 5, &["old"]), (1, 1, &["b"])], None, &lacks(&[]));
    let other = page(&[(0, 6, &["new"])], None, &lacks(&[1]));
    check(own, vec![other], 9, ("new b", "", ""));
    // Who knows less ended in it: the other one told all of it.
    let own = page(&[(0, 5, &["old"])], Some("t:0:01"), &lacks(&[]));
    let other = page(&[(0, 6, &["new", "newer"])], None, &lacks(&[1]));
    check(own, vec![other], 9, ("new newer", "t:1:-", ""));
}

#[test]
fn topic_of_unknown_size_is_missing_as_far_as_another_one_knows() {
    let unknown = || page(&[], None, &json!([{"topic": "t", "partitions": null}]));
    check(unknown(), vec![unknown()], 9, ("", "", "every partition of t"));
    let other = page(&[(0, 1, &["a"])], None, &lacks(&[1]));
    check(unknown(), vec![other.clone()], 9, ("a", "", "partition 1 of t"));
    check(other, vec![unknown()], 9, ("a", "", "partition 1 of t"));
}

#[test]
fn forgotten_periods_and_silent_processes_are_told() {
    let mut own = page(&[(0, 1, &["a"])], None, &lacks(&[]));
    own.unanswered
        .push(Unanswered { peer: "http://b".to_owned(), reason: "it is away".to_owned() });
    assert!(own.is_complete(), "who is away has nothing");
    let other = UsagePage { has_forgotten: true, ..page(&[], None, &lacks(&[0])) };
    let gathered = own.gathered(vec![other], 9);
    assert!(!gathered.is_complete() && gathered.missing.is_empty());
    let body = gathered.body();
    let words =
        r#""missing":[],"forgotten":true,"unanswered":[{"peer":"http://b","reason":"it is away"}]"#;
    assert!(body.contains(words), "{body}");
}

/// What a process would answer that has those tasks, of which each has totals `partition.number`.
fn answer_of(
    owned: &[bool],
    totals: &[u8],
    cursor: Option<&UsageCursor>,
    limit: usize,
) -> UsagePage {
    let (mut tasks, mut next, mut room) = (Vec::new(), None, limit);
    for (partition, count) in (0_i32..).zip(totals) {
        let place = usize::try_from(partition).expect("small");
        let task = UsageTask { topic: "t".to_owned(), partition };
        if !owned[place] || cursor.is_some_and(|cursor| task < cursor.task) {
            continue;
        }
        let key = cursor.filter(|cursor| cursor.task == task).and_then(|cursor| cursor.key.clone());
        let first = key.map_or(0, |key| key[0]);
        let last = (first..*count).take(room).count();
        let names: Vec<String> =
            (first..*count).take(last).map(|number| format!("{partition}.{number}")).collect();
        room -= last;
        tasks.push((partition, names));
        if room == 0 {
            next = Some(format!("t:{partition}:{:02x}", usize::from(first) + last));
            break;
        }
    }
    let names: Vec<Vec<&str>> =
        tasks.iter().map(|(_, names)| names.iter().map(String::as_str).collect()).collect();
    let tasks: Vec<_> = tasks
        .iter()
        .zip(&names)
        .map(|((partition, _), names)| (*partition, 1, &names[..]))
        .collect();
    page(&tasks, next.as_deref(), &lacks(&[]))
}

proptest! {
    /// Tasks may move between pages, and be at two processes at once.
    #[test]
    fn every_total_comes_once_and_in_order(
        totals in prop::collection::vec(0_u8..6, 1..6),
        owners in prop::collection::vec(prop::collection::vec(1_u8..8, 5), 60),
        limits in prop::collection::vec(1_usize..5, 4),
    ) {
        let (mut found, mut cursor) = (Vec::new(), None);
        for (round, owners) in owners.iter().enumerate() {
            let mut pages = (0..3).map(|process| {
                let owned: Vec<bool> = owners.iter().map(|bits| bits & (1 << process) != 0).collect();
                answer_of(&owned, &totals, cursor.as_ref(), limits[process])
            });
            let own = pages.next().expect("three");
            let page = own.gathered(pages.collect(), limits[3]);
            let (names, _, _) = told(&page);
            found.extend(names);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            prop_assert!(round < 59, "it ends");
        }
        let expected = (0_i32..).zip(&totals).flat_map(|(partition, count)| {
            (0..*count).map(move |number| format!("{partition}.{number}"))
        });
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
    }
}
