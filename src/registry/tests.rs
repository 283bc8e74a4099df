//! Changes of definitions: what becomes a version, what is refused, what is stored.

use serde_json::{Value, json};

use super::{
    Author, Change, Deed, Definition, Draft, Horizon, Once, Origin, Outcome, Patch, Record,
    Refusal, Registry,
};
use crate::definition::Plan;
use crate::format::definitions;
use crate::model::{EventTime, Span};

const NOW: &str = "2026-03-10T12:00:00Z";
const LEAD: Span = Span::from_seconds(600);

fn instant(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).expect("an instant")
}

fn author(at: &str) -> Author {
    Author { who: "k1".to_owned(), at: instant(at) }
}

fn horizon() -> Horizon {
    Horizon { lead: LEAD, reached: None }
}

fn definition(value: Value) -> Definition {
    let Value::Object(definition) = value else { panic!("an object") };
    definition
}

fn draft(value: Value) -> Draft {
    Draft {
        tenant: "default".to_owned(),
        id: "m-1".to_owned(),
        origin: Origin::Api,
        definition: definition(value),
        body: None,
        once: None,
    }
}

fn once(key: &str, request: &str) -> Once {
    Once { key: key.to_owned(), request: request.to_owned(), warning: None }
}

fn sum() -> Value {
    json!({"code": "tokens", "aggregation": "sum", "value": "properties.n", "period": "day"})
}

/// A registry with that metric.
fn with(value: Value) -> Registry {
    let mut registry = Registry::default();
    let change = registry.create(draft(value), author(NOW)).expect("it is valid");
    registry.put(change.record).expect("it compiles");
    registry
}

fn patch(keys: Value) -> Patch {
    Patch { keys: definition(keys), ..Patch::default() }
}

fn changed(registry: &mut Registry, keys: Value, at: &str) -> Result<Outcome, Refusal> {
    let change = registry.change("default", "tokens", patch(keys), horizon(), author(at))?;
    let Change { record, outcome } = change;
    if outcome != Outcome::Unchanged {
        assert_eq!(record.revision, registry.revision() + 1);
        let stored = Record::read(record.text().as_bytes()).expect("what was written is read");
        assert_eq!(stored, record);
        registry.put(stored).expect("it compiles");
    }
    Ok(outcome)
}

fn faults(refusal: Result<impl std::fmt::Debug, Refusal>) -> Vec<String> {
    match refusal.expect_err("it has faults") {
        Refusal::Faults(faults) => {
            faults.into_iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn versions(registry: &Registry) -> usize {
    registry.record("default", "tokens").expect("it is there").versions.len()
}

#[test]
fn change_of_meaning_counts_from_the_next_period_that_is_far_enough() {
    let mut registry = with(sum());
    let outcome = changed(&mut registry, json!({"value": "properties.m"}), NOW);
    let counts_from = instant("2026-03-11T00:00:00Z");
    assert_eq!(outcome, Ok(Outcome::Versioned { version: 2, counts_from, continues: None }));
    // Five minutes before midnight the next day is too near.
    let outcome =
        changed(&mut registry, json!({"value": "properties.k"}), "2026-03-11T23:55:00.5Z");
    let counts_from = instant("2026-03-13T00:00:00Z");
    assert_eq!(outcome, Ok(Outcome::Versioned { version: 3, counts_from, continues: None }));
    let last = registry.record("default", "tokens").and_then(|record| record.versions.last());
    let effective_from = last.and_then(|version| version.effective_from);
    assert_eq!(effective_from, Some(instant("2026-03-12T00:05:01Z")), "a full second");
    // The plan has all three.
    let plan = Plan::new(registry.definitions());
    assert_eq!(plan.metrics()[0].versions.len(), 3);
}

#[test]
fn time_that_events_have_reached_counts_as_now() {
    let registry = with(sum());
    let horizon = Horizon { lead: LEAD, reached: Some(instant("2026-05-01T10:00:00Z")) };
    let patch = patch(json!({"value": "properties.m"}));
    let change = registry.change("default", "tokens", patch, horizon, author(NOW));
    let counts_from = instant("2026-05-02T00:00:00Z");
    let wanted = Outcome::Versioned { version: 2, counts_from, continues: None };
    assert_eq!(change.map(|change| change.outcome), Ok(wanted));
}

#[test]
fn wanted_begin_is_taken_where_it_is_far_enough() {
    let mut registry = with(sum());
    let keys = |begin: &str| json!({"value": "properties.m", "effective_from": begin});
    let early = faults(changed(&mut registry, keys("2026-03-10T12:09:59Z"), NOW));
    assert_eq!(
        early,
        [
            "effective_from: 2026-03-10T12:09:59Z is too early, for events of that time may be counted by then: leave it out, \
          or give 2026-03-10T12:10:00Z or a later instant"
        ]
    );
    assert!(!faults(changed(&mut registry, keys("tomorrow"), NOW)).is_empty());
    let outcome = changed(&mut registry, keys("2026-04-01T12:00:00Z"), NOW);
    let counts_from = instant("2026-04-02T00:00:00Z");
    assert_eq!(outcome, Ok(Outcome::Versioned { version: 2, counts_from, continues: None }));
    // One before that would give the later one another number.
    let earlier = json!({"value": "properties.k", "effective_from": "2026-03-20T00:00:00Z"});
    let between = faults(changed(&mut registry, earlier, NOW));
    assert_eq!(
        between,
        [
            "effective_from: the version before it counts from 2026-04-01T12:00:00Z on, and 2026-03-20T00:00:00Z is no later: \
          give a later instant"
        ]
    );
    assert_eq!(versions(&registry), 2);
    // One without a begin comes behind it.
    let outcome = changed(&mut registry, json!({"value": "properties.k"}), NOW);
    assert_eq!(outcome, Ok(Outcome::Versioned { version: 3, counts_from, continues: None }));
}

#[test]
fn changes_of_one_second_count_one_behind_the_other() {
    let mut registry = with(sum());
    let counts_from = instant("2026-03-11T00:00:00Z");
    for (version, value) in [(2, "properties.k"), (3, "properties.l"), (4, "properties.m")] {
        let outcome = changed(&mut registry, json!({"value": value}), NOW);
        assert_eq!(outcome, Ok(Outcome::Versioned { version, counts_from, continues: None }));
    }
    let begun = registry.definitions().metrics.into_iter().map(|metric| metric.effective_from);
    let begun: Vec<_> = begun.flatten().collect();
    assert!(begun.is_sorted_by(|one, other| one < other), "{begun:?}");
}

#[test]
fn words_make_no_version_and_count_for_all() {
    let mut registry = with(sum());
    changed(&mut registry, json!({"value": "properties.m"}), NOW).expect("a version");
    let keys = json!({"name": "Tokens", "grace": "1h", "late": "drop"});
    assert_eq!(changed(&mut registry, keys, NOW), Ok(Outcome::Described));
    let record = registry.record("default", "tokens").expect("it is there");
    for version in &record.versions {
        assert_eq!(version.definition["grace"], "1h");
        assert_eq!(version.definition["name"], "Tokens");
    }
    assert_eq!(record.versions[0].definition["value"], "properties.n");
    let keys = json!({"name": null, "late": null});
    assert_eq!(changed(&mut registry, keys, NOW), Ok(Outcome::Described));
    assert_eq!(changed(&mut registry, json!({}), NOW), Ok(Outcome::Unchanged));
    let spaces = json!({"value": "properties . m"});
    assert_eq!(changed(&mut registry, spaces, NOW), Ok(Outcome::Described), "the same expression");
    assert_eq!(versions(&registry), 2);
    let record = registry.record("default", "tokens").expect("it is there");
    assert!(!record.versions[0].definition.contains_key("name"));
}

#[test]
fn recurring_state_goes_on_where_aggregation_value_and_grouping_stay() {
    let mut definition = sum();
    definition["recurring"] = true.into();
    let mut registry = with(definition);
    let continues = |outcome| match outcome {
        Ok(Outcome::Versioned { continues, .. }) => continues,
        other => panic!("{other:?}"),
    };
    let other_filter = json!({"filter": "properties.n > 0"});
    assert_eq!(continues(changed(&mut registry, other_filter, NOW)), Some(true));
    let other_value = json!({"value": "properties.m"});
    assert_eq!(continues(changed(&mut registry, other_value, "2026-03-11T12:00:00Z")), Some(false));
    let plain = json!({"recurring": false});
    assert_eq!(continues(changed(&mut registry, plain, "2026-03-12T12:00:00Z")), None);
}

#[test]
fn deleted_code_is_free_and_the_next_metric_is_another() {
    let mut registry = with(sum());
    assert_eq!(registry.create(draft(sum()), author(NOW)), Err(Refusal::Exists));
    let deleted =
        registry.delete("default", "tokens", None, horizon(), author(NOW)).expect("it is there");
    registry.put(deleted.record).expect("it compiles");
    assert_eq!(
        registry.delete("default", "tokens", None, horizon(), author(NOW)),
        Err(Refusal::NotFound)
    );
    assert!(registry.entry("default", "tokens").is_none());
    let plan = Plan::new(registry.definitions());
    assert!(plan.wanting("default", "tokens").is_empty(), "it folds nothing");
    assert_eq!(plan.metrics().len(), 1, "and is still closed");
    let again = registry.create(draft(sum()), author(NOW)).expect("the code is free");
    registry.put(again.record).expect("it compiles");
    let plan = Plan::new(registry.definitions());
    let generations: Vec<u64> = plan.metrics().iter().map(|metric| metric.generation).collect();
    assert_eq!(generations, [1, 2]);
    assert_eq!(plan.wanting("default", "tokens"), [1]);
    assert_eq!(registry.entries(None).len(), 1);
}

#[test]
fn caller_who_saw_another_version_is_told() {
    let mut registry = with(sum());
    changed(&mut registry, json!({"value": "properties.m"}), NOW).expect("a version");
    let stale = Patch { seen: Some(1), ..patch(json!({"name": "x"})) };
    let refused = registry.change("default", "tokens", stale, horizon(), author(NOW));
    assert_eq!(refused, Err(Refusal::Stale { version: 2 }));
    let refused = registry.delete("default", "tokens", Some(3), horizon(), author(NOW));
    assert_eq!(refused, Err(Refusal::Stale { version: 2 }));
    assert!(registry.delete("default", "tokens", Some(2), horizon(), author(NOW)).is_ok());
}

#[test]
fn change_that_is_made_of_an_older_record_is_not_made() {
    let mut registry = with(sum());
    let revision =
        |registry: &Registry| registry.record("default", "tokens").map(|record| record.revision);
    let seen = revision(&registry);
    let of_seen = |keys| Patch { of_revision: seen, ..patch(keys) };
    let refuse = |registry: &Registry| {
        registry.change(
            "default",
            "tokens",
            of_seen(json!({"description": "d"})),
            horizon(),
            author(NOW),
        )
    };
    assert!(refuse(&registry).is_ok());
    changed(&mut registry, json!({"name": "other words"}), NOW).expect("a change");
    assert_eq!(refuse(&registry), Err(Refusal::Overtaken));
}

#[test]
fn faults_of_a_body_are_told_by_their_path() {
    let registry = Registry::default();
    let body = json!({"code": "x", "aggregation": "sum", "inner": {"every": "1y"}, "colour": 1});
    let told = faults(registry.create(draft(body), author(NOW)));
    let paths: Vec<&str> = told.iter().map(|text| text.split(": ").next().unwrap_or("")).collect();
    assert!(paths.contains(&"inner.every"), "{told:?}");
    assert!(told.iter().any(|text| text.contains("colour")), "{told:?}");
    for code in ["x~2", "~0", "a~b~12"] {
        let body = json!({"code": code, "aggregation": "count"});
        let told = faults(registry.create(draft(body), author(NOW)));
        assert!(told[0].starts_with("code: ends like"), "{told:?}");
    }
    for code in ["x~", "x~2b", "~", "a.b/c d"] {
        let body = json!({"code": code, "aggregation": "count"});
        assert!(registry.create(draft(body), author(NOW)).is_ok(), "{code}");
    }
    let mut registry = with(sum());
    let told = faults(changed(&mut registry, json!({"code": "y", "topic": "other"}), NOW));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn another_topic_feeds_a_version_and_what_was_carried_stays_behind() {
    let mut value = sum();
    (value["topic"], value["recurring"]) = ("a".into(), true.into());
    let mut registry = with(value);
    let outcome = changed(&mut registry, json!({"topic": "b"}), NOW).expect("a version");
    let Outcome::Versioned { continues, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(continues, Some(false));
    let outcome = changed(&mut registry, json!({"topic": "b", "name": "T"}), NOW);
    assert_eq!(outcome, Ok(Outcome::Described));
    for (topic, folds) in [("a", [true, false]), ("b", [false, true])] {
        let plan = Plan::new(registry.definitions().of_topic(topic));
        let versions = plan.metrics()[0].versions.iter().map(|version| !version.is_elsewhere);
        assert_eq!(versions.collect::<Vec<_>>(), folds, "{topic}");
    }
    let elsewhere = registry.definitions().of_topic("c");
    assert!(elsewhere.metrics.is_empty());
}

fn files(text: &str) -> crate::definition::Definitions {
    definitions::read(&[("metrics.toml", text)]).expect("they are valid")
}

const FILE: &str = "[[metrics]]\ncode = \"calls\"\naggregation = \"count\"\n";

#[test]
fn metrics_of_files_are_read_only() {
    let registry =
        with(sum()).with_files(files(FILE), instant(NOW), None).expect("nothing is in the way");
    let place = "file:metrics.toml".to_owned();
    let read_only = Refusal::ReadOnly { place };
    let body = json!({"code": "calls", "aggregation": "count"});
    assert_eq!(registry.create(draft(body), author(NOW)), Err(read_only.clone()));
    let deleted = registry.delete("default", "calls", None, horizon(), author(NOW));
    assert_eq!(deleted, Err(read_only.clone()));
    let patched =
        registry.change("default", "calls", patch(json!({"name": "x"})), horizon(), author(NOW));
    assert_eq!(patched, Err(read_only));
    let listed: Vec<_> = registry.entries(None).into_iter().map(|entry| entry.code).collect();
    assert_eq!(listed, ["calls", "tokens"]);
    assert_eq!(registry.entries(Some(&("default".into(), "calls".into()))).len(), 1);
}

#[test]
fn files_are_taken_whole_or_not_at_all() {
    let registry =
        with(sum()).with_files(files(FILE), instant(NOW), None).expect("nothing is in the way");
    let refused = |text: &str, told: &str| {
        let faults = registry
            .with_files(files(text), instant(NOW), Some(horizon()))
            .expect_err("it is in the way");
        assert!(faults.iter().any(|fault| fault.contains(told)), "{faults:?}");
    };
    refused(
        &FILE.replace("count", "unique_count\"\nvalue = \"properties.u"),
        "changed its meaning",
    );
    refused(&FILE.replace("calls", "tokens"), "was created over the native API");
    let second =
        "[[metrics]]\ncode = \"calls\"\naggregation = \"count\"\nfilter = \"properties.ok\"\n";
    let begin = |at: &str| format!("{FILE}{second}effective_from = {at}\n");
    refused(&begin("2026-03-10T12:05:00Z"), "too early for a reload");
    let calendar = "[[customers]]\ncustomer = \"acme\"\nanchor = 3\n";
    refused(&format!("{FILE}{calendar}"), "calendar of customer \"acme\"");
    let later = format!(
        "{}{calendar}effective_from = 2026-04-01T00:00:00Z\n",
        begin("2026-04-01T00:00:00Z")
    );
    let taken = registry
        .with_files(files(&later), instant(NOW), Some(horizon()))
        .expect("all of it is far enough");
    assert_eq!(taken.versions("default", "calls", None).map(|versions| versions.len()), Some(2));
    // At a start the states judge.
    assert!(registry.with_files(files(&begin("2026-03-10T12:05:00Z")), instant(NOW), None).is_ok());
}

#[test]
fn metric_that_its_file_no_longer_has_is_closed_and_not_forgotten() {
    let registry = Registry::default()
        .with_files(files(FILE), instant(NOW), None)
        .expect("nothing in the way");
    let empty =
        registry.with_files(files(""), instant(NOW), Some(horizon())).expect("a metric may go");
    let check = |registry: &Registry| {
        let plan = Plan::new(registry.definitions());
        assert_eq!(plan.metrics().len(), 1);
        assert!(plan.wanting("default", "calls").is_empty());
        assert!(registry.entries(None).is_empty());
    };
    check(&empty);
    // Another process goes on with what was kept.
    let kept = registry.kept();
    let next = Registry::default().with_kept(&kept).expect("it compiles");
    check(&next.with_files(files(""), instant(NOW), None).expect("nothing in the way"));
    // Back in the file it goes on, but for another meaning.
    let back =
        empty.with_files(files(FILE), instant(NOW), Some(horizon())).expect("it is the same");
    assert_eq!(Plan::new(back.definitions()).wanting("default", "calls"), [0]);
    let other = FILE.replace("count", "sum\"\nvalue = \"properties.u");
    assert!(empty.with_files(files(&other), instant(NOW), Some(horizon())).is_err());
    // Over the API its code makes another metric.
    let body = json!({"code": "calls", "aggregation": "count"});
    let made = empty.create(draft(body), author(NOW)).expect("the code is free");
    assert_eq!(made.record.generation, 2);
}

#[test]
fn file_that_takes_a_deleted_code_defines_another_metric() {
    let mut registry = with(json!({"code": "calls", "aggregation": "count"}));
    let deleted = registry.delete("default", "calls", None, horizon(), author(NOW));
    let deleted = deleted.expect("it is there").record;
    registry.put(deleted.clone()).expect("it compiles");
    let generations = |registry: &Registry| -> Vec<(u64, bool)> {
        let plan = Plan::new(registry.definitions());
        let metric = |metric: &crate::definition::MetricPlan| {
            (metric.generation, metric.deleted_at.is_some())
        };
        plan.metrics().iter().map(metric).collect()
    };
    let taken =
        registry.with_files(files(FILE), instant(NOW), Some(horizon())).expect("it is free");
    assert_eq!(generations(&taken), [(1, true), (2, false)]);
    assert_eq!(taken.entry("default", "calls").expect("it is there").body["generation"], 2);
    // The same where the records come after the files, and at the next start.
    let mut late = Registry::default().with_files(files(FILE), instant(NOW), None).expect("alone");
    late.put(deleted.clone()).expect("it compiles");
    assert_eq!((generations(&late), late.clash()), (vec![(1, true), (2, false)], None));
    for first_record in [false, true] {
        let mut next = Registry::default();
        if first_record {
            next.put(deleted.clone()).expect("it compiles");
        }
        let next = next.with_kept(&taken.kept()).expect("it compiles");
        let mut next = next.with_files(files(FILE), instant(NOW), None).expect("it is free");
        next.put(deleted.clone()).expect("it compiles");
        assert_eq!(generations(&next), [(1, true), (2, false)]);
    }
    // Gone from the file it closes, and stays what it was whatever is made of its code.
    let mut gone = taken.with_files(files(""), instant(NOW), Some(horizon())).expect("it may go");
    assert_eq!(generations(&gone), [(1, true), (2, true)]);
    let body = json!({"code": "calls", "aggregation": "count"});
    let made = gone.create(draft(body), author(NOW)).expect("the code is free").record;
    assert_eq!(made.generation, 3);
    gone.put(made).expect("it compiles");
    let again = Registry::default().with_kept(&gone.kept()).expect("it compiles");
    let mut again = again.with_files(files(""), instant(NOW), None).expect("nothing in the way");
    gone.records().for_each(|record| again.put(record.clone()).expect("it compiles"));
    assert_eq!(generations(&again), [(1, true), (2, true), (3, false)]);
}

#[test]
fn date_without_a_change_is_refused() {
    let mut registry = with(sum());
    for keys in [json!({}), json!({"value": "properties.n"}), json!({"name": "T"})] {
        let mut keys = keys;
        keys["effective_from"] = json!("2026-04-01T00:00:00Z");
        let found = faults(changed(&mut registry, keys.clone(), NOW));
        assert!(found.concat().contains("there is no version to begin then"), "{keys}: {found:?}");
    }
}

#[test]
fn record_is_read_for_ever() {
    let mut registry = with(sum());
    changed(&mut registry, json!({"value": "properties.m", "name": "T"}), NOW).expect("a version");
    let deleted =
        registry.delete("default", "tokens", None, horizon(), author(NOW)).expect("it is there");
    let golden = include_str!("../../tests/data/formats/definition-1.json");
    assert_eq!(deleted.record.text(), golden.trim_end());
    assert_eq!(Record::read(golden.as_bytes()), Ok(deleted.record));
    for broken in ["", "{}", "[]", &golden.replacen("\"format\":1", "\"format\":2", 1)] {
        assert!(Record::read(broken.as_bytes()).is_err(), "{broken}");
    }
}

/// `filter = "1"` was taken before it was found that no event can fulfil it.
#[test]
fn record_of_what_has_become_a_fault_since_is_still_read() {
    let mut value = sum();
    value["filter"] = json!("properties.a AND properties.n");
    let registry = with(value.clone());
    let record = registry.record("default", "tokens").expect("it is there");
    let text = record.text().replace("properties.a AND properties.n", "1");
    let record = Record::read(text.as_bytes()).expect("a record");
    let mut later = Registry::default();
    later.put(record).expect("it was accepted once");
    let renamed = changed(&mut later, json!({"name": "tokens of all"}), NOW);
    assert_eq!(
        faults(renamed),
        ["filter: no condition, whatever the event holds: it is true or \
        false when compared, as in properties.key > 0 (line 1, column 1)"]
    );
    let outcome = changed(&mut later, json!({"filter": "properties.n > 1"}), NOW);
    assert!(matches!(outcome, Ok(Outcome::Versioned { .. })), "{outcome:?}");
    value["filter"] = json!("1");
    assert!(Registry::default().create(draft(value), author(NOW)).is_err());
}

#[test]
fn history_of_a_metric_says_who_did_what() {
    let mut registry = with(sum());
    for round in 0..150 {
        let name = json!({"name": format!("n{round}")});
        changed(&mut registry, name, NOW).expect("words");
    }
    let record = registry.record("default", "tokens").expect("it is there");
    assert_eq!(record.audit.len(), 100, "the newest");
    let last = record.audit.last().expect("it has lines");
    assert_eq!((last.who.as_str(), last.at), ("k1", instant(NOW)));
    let name = |definition: &Option<Definition>| {
        definition.as_ref().and_then(|definition| definition["name"].as_str().map(str::to_owned))
    };
    assert_eq!(name(&last.before).as_deref(), Some("n148"));
    assert_eq!(name(&last.after).as_deref(), Some("n149"));
}

#[test]
fn history_takes_no_more_than_its_share_and_a_record_no_more_than_may_be_kept() {
    let mut registry = with(sum());
    let long = |letter: &str| json!({"description": letter.repeat(100_000)});
    for letter in ["a", "b", "c", "d", "e"] {
        changed(&mut registry, long(letter), NOW).expect("words");
    }
    let record = registry.record("default", "tokens").expect("it is there");
    assert_eq!(record.audit.len(), 2, "of about 200 kB each");
    assert_eq!(record.audit.last().map(|line| line.what), Some(Deed::Described));
    let values = |first: usize| {
        let values: Vec<String> =
            (first..first + 60_000).map(|value| format!("v{value:06}")).collect();
        json!({"group_by": [{"property": "g", "values": values}]})
    };
    let mut at = instant(NOW);
    let refused = (0..20).find_map(|number| {
        at = at.saturating_add(Span::from_seconds(40 * 86_400));
        let change = registry.change(
            "default",
            "tokens",
            patch(values(number)),
            horizon(),
            author(&at.to_string()),
        );
        match change.and_then(Change::fitting) {
            Ok(change) => registry.put(change.record).map(|()| None).expect("it compiles"),
            refused => Some(refused),
        }
    });
    let told = faults(refused.expect("too many versions"));
    assert!(told[0].contains("at most 4194304 are kept"), "{told:?}");
    let deleted = registry.delete("default", "tokens", None, horizon(), author(&at.to_string()));
    assert!(deleted.and_then(Change::fitting).is_ok(), "it can be deleted all the same");
}

#[test]
fn metric_of_another_system_is_shown_in_the_native_form() {
    let text = r#"{"dialect":"lago","metrics":[{"name":"Seats","code":"seats","aggregation_type":"unique_count_agg","field_name":"user"}]}"#;
    let read = definitions::read(&[("m.json", text)]).expect("it is valid");
    let registry =
        Registry::default().with_files(read, instant(NOW), None).expect("nothing in the way");
    let entry = registry.entry("default", "seats").expect("it is there");
    assert_eq!(entry.body["aggregation"], "unique_count");
    assert_eq!(
        (&entry.body["tenant"], &entry.body["origin"]),
        (&"default".into(), &"file:m.json".into())
    );
    assert_eq!(entry.body.get("aggregation_type"), None);
    // What is kept of it means the same.
    let kept = Registry::default().with_kept(&registry.kept()).expect("it compiles");
    let meaning =
        |registry: &Registry| crate::definition::full_meaning(&registry.definitions().metrics[0]);
    assert_eq!(meaning(&kept), meaning(&registry));
}

#[test]
fn call_with_a_key_is_done_once() {
    let mut registry = Registry::default();
    let draft = Draft { once: Some(once("k", "r")), body: Some("b".to_owned()), ..draft(sum()) };
    let made = registry.create(draft.clone(), author(NOW)).expect("it is valid");
    registry.put(made.record.clone()).expect("it compiles");
    let again = registry.create(draft.clone(), author("2026-03-11T12:00:00Z"));
    let repeated = Change { record: made.record.clone(), outcome: Outcome::Unchanged };
    assert_eq!(again, Ok(repeated));
    let other = Draft { once: Some(once("k", "s")), ..draft.clone() };
    assert_eq!(registry.create(other, author(NOW)), Err(Refusal::KeyReused));
    // Of another tenant it is another key.
    let stranger = Draft { tenant: "t2".to_owned(), ..draft };
    let change = registry.create(stranger, author(NOW)).expect("it is valid");
    assert_eq!(change.outcome, Outcome::Created);
    let change = |registry: &mut Registry, once, keys| {
        let patch = Patch { once, ..patch(keys) };
        let change = registry.change("default", "tokens", patch, horizon(), author(NOW))?;
        registry.put(change.record.clone()).expect("it compiles");
        Ok(change.outcome)
    };
    // One that changes nothing is known again too.
    assert_eq!(change(&mut registry, Some(once("n", "r")), json!({})), Ok(Outcome::Unchanged));
    assert_eq!(
        change(&mut registry, Some(once("n", "s")), json!({"name": "x"})),
        Err(Refusal::KeyReused)
    );
    assert_eq!(change(&mut registry, None, json!({"name": "x"})), Ok(Outcome::Described));
    let (record, receipt) = registry.receipt("default", "n").expect("it is kept");
    assert_eq!((record.code.as_str(), receipt.body.as_deref()), ("tokens", Some("b")));
    assert_eq!(registry.receipt("t2", "k"), None);
}

#[test]
fn what_is_retired_may_be_retired_again_and_no_more() {
    let mut registry = with(sum());
    let retire = |registry: &mut Registry, keys, once| {
        let patch = Patch { retires: true, once, ..patch(keys) };
        let change = registry.change("default", "tokens", patch, horizon(), author(NOW))?;
        registry.put(change.record.clone()).expect("it compiles");
        Ok(change.outcome)
    };
    let keys = json!({"name": "Last", "value": "properties.m"});
    assert_eq!(retire(&mut registry, keys.clone(), Some(once("k", "r"))), Ok(Outcome::Deleted));
    let record = registry.newest("default", "tokens").expect("it is kept");
    assert_eq!(record.newest().definition["name"], "Last");
    assert!(record.receipt("k").is_some_and(|receipt| receipt.is_deleted));
    assert!(registry.definitions().metrics.iter().all(|metric| metric.is_deleted));
    let revision = registry.revision();
    assert_eq!(retire(&mut registry, json!({}), None), Ok(Outcome::Unchanged));
    assert_eq!(registry.revision(), revision, "nothing is to be kept");
    assert_eq!(retire(&mut registry, json!({}), Some(once("l", "r"))), Ok(Outcome::Unchanged));
    assert!(registry.receipt("default", "l").is_some() && registry.revision() > revision);
    assert_eq!(retire(&mut registry, keys, None), Err(Refusal::NotFound));
    assert_eq!(changed(&mut registry, json!({"name": "x"}), NOW), Err(Refusal::NotFound));
    let newest: Vec<&str> =
        registry.newest_of("default").map(|record| record.code.as_str()).collect();
    assert_eq!(newest, ["tokens"]);
    assert_eq!(registry.newest_of("other").count(), 0);
}

#[test]
fn receipts_are_bounded_but_for_the_first_and_the_newest() {
    let mut registry = Registry::default();
    let draft = Draft { once: Some(once("first", "r")), ..draft(sum()) };
    registry.put(registry.create(draft, author(NOW)).expect("it is valid").record).expect("sound");
    let mut change = |key: &str, body: &str| {
        let patch = Patch {
            body: Some(body.to_owned()),
            once: Some(once(key, "r")),
            ..patch(json!({"name": key}))
        };
        let change = registry.change("default", "tokens", patch, horizon(), author(NOW));
        let record = change.expect("words").record;
        registry.put(record.clone()).expect("it compiles");
        record.receipts.iter().map(|receipt| receipt.key.clone()).collect::<Vec<_>>()
    };
    for round in 0..250 {
        change(&format!("k{round}"), "b");
    }
    let kept = change("last", "b");
    assert_eq!((kept.len(), kept[0].as_str()), (200, "first"));
    assert_eq!((kept[1].as_str(), kept[199].as_str()), ("k52", "last"));
    let long = "b".repeat(200 << 10);
    for key in ["l0", "l1", "l2"] {
        change(key, &long);
    }
    let kept = change("l3", &long);
    assert_eq!(kept, ["first", "l2", "l3"]);
}

#[test]
fn receipts_are_read_as_they_were_written() {
    let mut registry = Registry::default();
    let warned = Some(Once { warning: Some("299".to_owned()), ..once("k", "r") });
    let draft = Draft { once: warned, body: Some("{}".to_owned()), ..draft(sum()) };
    let made = registry.create(draft, author(NOW)).expect("it is valid");
    registry.put(made.record).expect("it compiles");
    let patch = Patch { retires: true, once: Some(once("l", "s")), ..Patch::default() };
    let retired = registry.change("default", "tokens", patch, horizon(), author(NOW));
    let record = retired.expect("it is there").record;
    let golden = include_str!("../../tests/data/formats/definition-1-receipts.json");
    assert_eq!(record.text(), golden.trim_end());
    assert_eq!(Record::read(golden.as_bytes()), Ok(record));
}
