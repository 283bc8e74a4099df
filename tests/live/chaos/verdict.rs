//! What is wrong with what came out of a run, and that nothing wrong would be overlooked.

use odometer::model::Span;

use super::report::Report;
use crate::judgement::Outcome;
use crate::left_open::TRANSACTIONS;
use crate::oracle::Options;
use crate::scene::{Scene, WORK_LIMIT};
use crate::wait;

/// Holds totals and rejects of the scene against what the oracle says of its events by these definitions.
pub(super) fn judge(scene: &Scene<'_>, metrics: &str, report: &mut Report) {
    // What was left open by a kill hides what was committed behind it until its timeout.
    wait::until("no transaction is open", WORK_LIMIT, || {
        let listed = scene.broker.tool(TRANSACTIONS, &["list"]);
        assert!(listed.contains("Complete"), "none is ended in:\n{listed}");
        let is_open = ["Ongoing", "Prepare"].iter().any(|state| listed.contains(state));
        (!is_open).then_some(())
    });
    let totals = scene.broker.read_committed_all(&scene.totals);
    let rejects = scene.broker.read_committed_all(&scene.rejects);
    let found = Outcome::of(&totals, &rejects);
    // The event clock is days ahead of the records' timestamps.
    let options =
        Options { max_future_skew: Span::from_seconds(366 * 86_400), ..Options::default() };
    report.violations.extend(found.violations(&Outcome::expected_by(scene, metrics, &options)));
    (report.revisions, report.totals) = (found.revisions(), found.keys());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::topic::Record;

    const METRICS: &str = r#"{"metrics": [{"code": "m", "event_type": "t", "aggregation": "sum",
        "value": "properties.v", "period": "hour"}]}"#;

    fn record(partition: i32, offset: i64, key: &str, value: &Value) -> Record {
        Record {
            partition,
            offset,
            key: Some(key.into()),
            value: Some(value.to_string().into()),
            headers: Vec::new(),
            timestamp: None,
        }
    }

    /// Events of two customers: one hour of each closes, and that of the first gets two late events, one at a time.
    fn expected() -> Outcome {
        let events = [
            ("a", "00:10", 5),
            ("b", "00:20", 7),
            ("a", "02:00", 1),
            ("a", "00:30", 2),
            ("a", "00:40", -7),
        ];
        let records: Vec<Record> = (0..)
            .zip(events)
            .map(|(offset, (customer, time, v))| {
                let time = format!("2026-03-01T{time}:00Z");
                let id = offset.to_string();
                let event = json!({"id": id, "type": "t", "customer": customer, "time": time, "properties": {"v": v}});
                record(0, offset, customer, &event)
            })
            .collect();
        Outcome::expected_of(&records, METRICS, &Options::default())
    }

    fn total(
        customer: &str,
        revision: u64,
        (value, previous, delta): (&str, Value, &str),
    ) -> Record {
        let key = format!("default/m/{customer}//start");
        let kind = if revision == 1 { "final" } else { "correction" };
        let total = json!({"id": format!("{key}#{revision}"), "kind": kind, "metric": "m", "metric_generation": 1,
            "customer": customer, "group": {}, "revision": revision, "value": value, "previous": previous,
            "delta": delta, "events": revision,
            "period": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T01:00:00Z"}});
        record(0, 0, &key, &total)
    }

    /// What must come out.
    fn right() -> Vec<Record> {
        vec![
            total("a", 1, ("5", Value::Null, "5")),
            total("b", 1, ("7", Value::Null, "7")),
            total("a", 2, ("7", json!("5"), "2")),
            total("a", 3, ("0", json!("7"), "-7")),
        ]
    }

    /// Expects violations that each hold the word, and at least one; without a word none.
    fn check(word: Option<&str>, change: impl Fn(&mut Vec<Record>)) {
        let mut totals = right();
        change(&mut totals);
        let violations = Outcome::of(&totals, &[]).violations(&expected());
        match word {
            None => assert_eq!(violations, Vec::<String>::new()),
            Some(word) => {
                let is_told = violations.iter().any(|violation| violation.contains(word));
                assert!(is_told, "{word}: {violations:#?}");
            }
        }
    }

    #[test]
    fn right_totals_are_no_violation() {
        check(None, |_| {});
        // Several late events may share a revision.
        check(None, |totals| {
            totals.truncate(2);
            let mut both = total("a", 2, ("0", json!("5"), "-5"));
            let text = both.text().replace("\"events\":2", "\"events\":3");
            both.value = Some(text.into());
            totals.push(both);
        });
    }

    #[test]
    fn doubled_total_is_found() {
        check(Some("there twice"), |totals| totals.insert(1, right().swap_remove(0)));
        check(Some("in order, each once"), |totals| totals.push(right().swap_remove(3)));
        // The same number again, as another entry.
        check(Some("in order, each once"), |totals| {
            let mut again = total("a", 3, ("0", json!("0"), "0"));
            again.value = Some(again.text().replace("#3", "#4").into());
            totals.push(again);
        });
    }

    #[test]
    fn lost_total_is_found() {
        // The last of a chain, the only one, and the first.
        check(Some("totals (expected, found)"), |totals| drop(totals.remove(3)));
        check(Some("totals (expected, found)"), |totals| drop(totals.remove(1)));
        check(Some("in order, each once"), |totals| drop(totals.remove(0)));
        check(Some("in order, each once"), |totals| drop(totals.remove(2)));
        check(Some("goes on from the one before"), |totals| drop(totals.remove(2)));
    }

    #[test]
    fn wrong_total_is_found() {
        check(Some("totals (expected, found)"), |totals| {
            totals[3] = total("a", 3, ("1", json!("7"), "-6"));
        });
        check(Some("revisions 1 (expected, found)"), |totals| {
            totals[0] = total("a", 1, ("6", Value::Null, "6"));
            totals[2] = total("a", 2, ("7", json!("6"), "1"));
        });
        check(Some("says by how much"), |totals| {
            totals[2] = total("a", 2, ("7", json!("5"), "3"));
        });
        check(Some("goes on from the one before"), |totals| {
            totals[2] = total("a", 2, ("7", json!("4"), "3"));
        });
    }

    #[test]
    fn disordered_and_scattered_totals_are_found() {
        check(Some("in order, each once"), |totals| totals.swap(0, 2));
        check(Some("all in one partition"), |totals| totals[2].partition = 1);
    }

    #[test]
    fn reject_that_nobody_expects_is_found() {
        let reject =
            json!({"reason": "late", "metric": "m", "source": {"partition": 0, "offset": 3}});
        let rejects = [record(0, 0, "a", &reject), record(0, 1, "a", &reject)];
        let violations = Outcome::of(&right(), &rejects).violations(&expected());
        assert!(violations.iter().any(|one| one.contains("reject there twice")), "{violations:?}");
        assert!(violations.iter().any(|one| one.contains("rejects (expected, found)")));
    }
}
