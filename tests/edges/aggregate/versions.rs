//! Definitions that are added to between two runs over one state (rules 5.6, 6.3): what is counted keeps its periods.

use std::path::Path;

use super::{aggregate, expect_failure};
use crate::program::write;

const PLAIN: &str =
    r#"{"code": "m", "event_type": "t", "aggregation": "sum", "value": "properties.v"}"#;
const RECURRING: &str = r#"{"code": "m", "event_type": "t", "aggregation": "sum", "value": "properties.v",
    "recurring": true, "period": "day"}"#;
const NEXT: &str = r#"{"code": "m", "event_type": "t", "aggregation": "sum", "value": "2 * properties.v",
    "effective_from": "FROM"}"#;

/// A state that has counted March 5, of an open month, and definitions of which `added` is news to it.
struct Grown<'f> {
    folder: &'f Path,
    state: String,
    second: String,
}

impl<'f> Grown<'f> {
    fn new(folder: &'f Path, metric: &str) -> Self {
        let state = folder.join("state").to_str().expect("text").to_owned();
        let first = r#"{"id":"1","type":"t","customer":"c","time":"2026-03-05T00:00:00Z","properties":{"v":5}}"#;
        let second = r#"{"id":"2","type":"t","customer":"c","time":"2026-04-20T00:00:00Z","properties":{"v":7}}"#;
        let metrics = write(folder, "first.json", &format!("{{\"metrics\": [{metric}]}}"));
        let input = write(folder, "first.ndjson", first);
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state, "--keep-open"];
        aggregate(folder, &flags);
        Grown { folder, state, second: write(folder, "second.ndjson", second) }
    }

    fn flags<'a>(&'a self, metrics: &'a str) -> [&'a str; 6] {
        ["--metrics", metrics, "--input", &self.second, "--state", &self.state]
    }

    /// What a second run says that is given other definitions, which it must refuse.
    #[track_caller]
    fn refused(&self, definitions: &str) -> String {
        expect_failure(&self.flags(&write(self.folder, "grown.json", definitions)))
    }

    /// Value and version of each total of a second run that is given other definitions.
    #[track_caller]
    fn counted(&self, definitions: &str) -> Vec<(String, u64)> {
        let metrics = write(self.folder, "grown.json", definitions);
        let outcome = aggregate(self.folder, &self.flags(&metrics));
        let totals = outcome.totals.iter().map(|total| {
            let value = total["value"].as_str().expect("a value").to_owned();
            (value, total["metric_version"].as_u64().expect("a number"))
        });
        totals.collect()
    }
}

#[track_caller]
fn assert_names(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word} in: {said}");
    }
}

#[test]
fn version_that_begins_inside_of_what_is_counted_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let grown = Grown::new(folder.path(), PLAIN);
    for from in ["2026-03-01T00:00:00Z", "2026-01-15T00:00:00Z"] {
        let next = NEXT.replace("FROM", from);
        let said = grown.refused(&format!("{{\"metrics\": [{PLAIN}, {next}]}}"));
        let march = "2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z of customer \"c\"";
        assert_names(&said, &["metric \"m\"", march, "effective_from of 2026-04-01T00:00:00Z"]);
    }
    let next = NEXT.replace("FROM", "2026-03-02T00:00:00Z");
    let totals = grown.counted(&format!("{{\"metrics\": [{PLAIN}, {next}]}}"));
    assert_eq!(totals, [("5".to_owned(), 1), ("14".to_owned(), 2)], "it begins on April 1");
}

#[test]
fn version_that_begins_inside_of_what_is_published_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let grown = Grown::new(folder.path(), RECURRING);
    // To March 20, without an event of the metric: all days up to then are published, and the chain may keep no cell of them.
    let quiet = r#"{"id":"3","type":"x","customer":"c","time":"2026-03-20T00:00:00Z"}"#;
    let quiet = write(folder.path(), "quiet.ndjson", quiet);
    let metrics = write(folder.path(), "same.json", &format!("{{\"metrics\": [{RECURRING}]}}"));
    let flags = ["--metrics", &metrics, "--input", &quiet, "--state", &grown.state, "--keep-open"];
    aggregate(folder.path(), &flags);
    let next = NEXT.replace("FROM", "2026-03-10T00:00:00Z");
    let said = grown.refused(&format!("{{\"metrics\": [{RECURRING}, {next}]}}"));
    assert_names(&said, &["metric \"m\"", "effective_from of 2026-03-20T00:00:00Z"]);
}

#[test]
fn calendar_that_cuts_what_is_counted_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let grown = Grown::new(folder.path(), PLAIN);
    let customer = |more: &str| {
        let zone = r#""customer": "c", "timezone": "America/New_York""#;
        format!("{{\"metrics\": [{PLAIN}], \"customers\": [{{{zone}{more}}}]}}")
    };
    let said = grown.refused(&customer(""));
    assert_names(&said, &["[[customers]]", "effective_from of 2026-04-01T00:00:00Z"]);
    let totals = grown.counted(&customer(r#", "effective_from": "2026-03-02T00:00:00Z""#));
    assert_eq!(totals, [("5".to_owned(), 1), ("7".to_owned(), 1)]);
}

/// A state that has forgotten January and February of customer `c`: `first` are its times, and it was read up to `until`.
fn forgetful(folder: &Path, metric: &str, until: &str) -> String {
    let state = folder.join("state").to_str().expect("text").to_owned();
    let metrics = write(folder, "first.json", &format!("{{\"metrics\": [{metric}]}}"));
    for (number, time) in ["2026-01-10T00:00:00Z", until, until].iter().enumerate() {
        // The later ones only move the watermark.
        let kind = if number == 0 { "t" } else { "x" };
        let text = format!(
            r#"{{"id":"f{number}","type":"{kind}","customer":"c","time":"{time}","properties":{{"v":0}}}}"#
        );
        let input = write(folder, "first.ndjson", &text);
        let flags = ["--metrics", &metrics, "--input", &input, "--state", &state, "--keep-open"];
        aggregate(folder, &flags);
    }
    state
}

#[track_caller]
fn refused(flags: &[String]) -> String {
    expect_failure(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn calendar_or_version_that_reaches_into_what_is_forgotten_is_refused() {
    let recurring = r#"{"code": "m", "event_type": "t", "aggregation": "sum", "value": "properties.v", "recurring": true}"#;
    for metric in [PLAIN, recurring] {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let state = forgetful(folder, metric, "2026-04-15T00:00:00Z");
        let event = r#"{"id":"3","type":"t","customer":"c","time":"2026-04-20T00:00:00Z","properties":{"v":9}}"#;
        let input = write(folder, "second.ndjson", event);
        let grown = |definitions: &str| {
            let metrics = write(folder, "grown.json", definitions);
            ["--metrics", &metrics, "--input", &input, "--state", &state].map(str::to_owned)
        };
        let of_customer =
            |more: &str| format!(r#"{{"metrics": [{metric}], "customers": [{{{more}}}]}}"#);
        // 35 days before what was read last.
        let free = "effective_from of 2026-03-11T00:00:00Z";
        let said = refused(&grown(&of_customer(r#""customer": "c", "period": "quarter""#)));
        assert_names(&said, &["metric \"m\"", "customer \"c\"", "is forgotten", free]);
        let next = NEXT.replace("FROM", "2026-02-01T00:00:00Z");
        let said = refused(&grown(&format!(r#"{{"metrics": [{metric}, {next}]}}"#)));
        assert_names(&said, &["metric \"m\"", "new version", "is forgotten", free]);

        // Of a customer that was never seen nothing is forgotten, and later is free.
        for more in [
            r#""customer": "new", "period": "quarter""#,
            r#""customer": "c", "period": "week", "effective_from": "2026-05-01T00:00:00Z""#,
        ] {
            let flags = grown(&of_customer(more));
            aggregate(folder, &flags.each_ref().map(String::as_str));
        }
        // What stands may stay, may be taken back where nothing is forgotten, and changed for later.
        let flags = grown(&of_customer(
            r#""customer": "c", "anchor": 5, "effective_from": "2026-06-01T00:00:00Z""#,
        ));
        aggregate(folder, &flags.each_ref().map(String::as_str));
    }
}
