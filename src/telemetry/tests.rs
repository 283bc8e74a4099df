//! Series by example, as Prometheus reads them.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::catalogue::names;
use super::{LogFormat, Series, TaskFigures, TaskLabel, TaskState, TransactionOutcome, log};
use crate::model::{Disposition, EventTime, RejectReason, TotalKind};

/// The lines of some series, without help and type.
fn lines(series: &Series, name: &str) -> String {
    let text = series.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(name)).collect();
    lines.join("\n")
}

fn task(partition: i32) -> TaskLabel {
    TaskLabel { topic: "usage".to_owned(), partition }
}

#[test]
fn every_label_known_beforehand_begins_at_zero() {
    let series = Series::new(EventTime::EARLIEST);
    assert_eq!(
        lines(&series, "odometer_records_total"),
        r#"odometer_records_total{disposition="counted"} 0
odometer_records_total{disposition="duplicate"} 0
odometer_records_total{disposition="invalid"} 0
odometer_records_total{disposition="late"} 0
odometer_records_total{disposition="unmatched"} 0"#
    );
    assert_eq!(lines(&series, "odometer_rejects_total").lines().count(), RejectReason::ALL.len());
    assert_eq!(
        lines(&series, "odometer_accounting_imbalance_records"),
        "odometer_accounting_imbalance_records 0"
    );
    assert_eq!(lines(&series, "odometer_lag_records"), "");
}

#[test]
fn counters_add_up() {
    let series = Series::new(EventTime::EARLIEST);
    series.add_records(Disposition::Counted, 3);
    series.add_records(Disposition::Counted, 4);
    series.add_rejects(RejectReason::TooOld, 1);
    series.add_totals(TotalKind::Correction, 2);
    series.add_transaction(TransactionOutcome::InDoubt);
    series.add_kafka_error();
    series.observe_commit(Duration::from_millis(30));
    series.observe_commit_pause(Duration::from_micros(900));
    series.observe_checkpoint(Duration::from_millis(3));
    series.set_ready(true);
    let text = series.text();
    for line in [
        r#"odometer_records_total{disposition="counted"} 7"#,
        r#"odometer_rejects_total{reason="too_old"} 1"#,
        r#"odometer_totals_total{kind="correction"} 2"#,
        r#"odometer_transactions_total{outcome="in_doubt"} 1"#,
        "odometer_kafka_errors_total 1",
        "odometer_commit_duration_seconds_sum 0.03",
        r#"odometer_commit_duration_seconds_bucket{le="0.025"} 0"#,
        r#"odometer_commit_duration_seconds_bucket{le="0.05"} 1"#,
        r#"odometer_commit_pause_seconds_bucket{le="0.001"} 1"#,
        r#"odometer_checkpoint_duration_seconds_bucket{le="0.005"} 1"#,
        "odometer_ready 1",
        concat!("odometer_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn figures_of_tasks_are_summed_and_forgotten() {
    let series = Series::new(EventTime::EARLIEST);
    let figures = TaskFigures {
        lag_records: Some(5),
        lag_bytes: Some(7),
        watermark: Some(EventTime::from_micros(1_500_000)),
        outbox_entries: 1,
        dedup_ids: 10,
        state_bytes: 100,
        checkpoint_age: Duration::from_millis(1_500),
        imbalance_records: 2,
    };
    series.set_task(&task(0), TaskState::Serving, &figures);
    let checkpoint_age = Duration::from_millis(700);
    let other = TaskFigures { imbalance_records: -2, lag_records: None, checkpoint_age, ..figures };
    series.set_task(&task(1), TaskState::Halted, &other);
    assert_eq!(
        lines(&series, "odometer_lag_records"),
        r#"odometer_lag_records{partition="0",topic="usage"} 5"#
    );
    assert_eq!(
        lines(&series, "odometer_watermark_timestamp_seconds"),
        r#"odometer_watermark_timestamp_seconds{partition="0",topic="usage"} 1.5
odometer_watermark_timestamp_seconds{partition="1",topic="usage"} 1.5"#
    );
    assert_eq!(lines(&series, "odometer_dedup_ids"), "odometer_dedup_ids 20");
    assert_eq!(lines(&series, "odometer_lag_bytes"), "odometer_lag_bytes 14");
    assert_eq!(
        lines(&series, "odometer_checkpoint_age_seconds"),
        "odometer_checkpoint_age_seconds 1.5"
    );
    assert_eq!(
        lines(&series, "odometer_accounting_imbalance_records"),
        "odometer_accounting_imbalance_records 4"
    );
    assert_eq!(
        lines(&series, "odometer_tasks"),
        r#"odometer_tasks{state="halted"} 1
odometer_tasks{state="serving"} 1
odometer_tasks{state="stalled"} 0
odometer_tasks{state="starting"} 0"#
    );
    series.remove_task(&task(0));
    series.remove_task(&task(7));
    assert_eq!(lines(&series, "odometer_lag_records"), "");
    assert_eq!(lines(&series, "odometer_outbox_entries"), "odometer_outbox_entries 1");
    assert_eq!(
        lines(&series, "odometer_checkpoint_age_seconds"),
        "odometer_checkpoint_age_seconds 0.7"
    );
}

#[test]
fn catalogue_is_what_is_served() {
    let series = Series::new(EventTime::EARLIEST);
    series.set_task(
        &task(0),
        TaskState::Serving,
        &TaskFigures {
            lag_records: Some(0),
            watermark: Some(EventTime::EARLIEST),
            ..TaskFigures::default()
        },
    );
    let text = series.text();
    let mut served: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    served.sort_unstable();
    let mut known: Vec<&str> = names().collect();
    known.sort_unstable();
    assert_eq!(served, known);
    assert!(known.iter().all(|name| name.starts_with("odometer_")), "{known:?}");
}

#[test]
fn a_log_filter_that_cannot_be_read_is_refused() {
    assert!(log::check_filter("warn,odometer=debug").is_ok());
    for wrong in ["loud", "info,loud", ""] {
        let error = log::check_filter(wrong).expect_err("no such level").to_string();
        assert!(error.contains("is none of off, error, warn"), "{error}");
    }
    let error = log::check_filter("loud=very").expect_err("no such level").to_string();
    assert!(error.contains("\"loud=very\""), "{error}");
}

/// A writer whose text can be looked at.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no holder panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: LogFormat, write: impl FnOnce()) -> String {
    let page = Page::default();
    let writer = page.clone();
    let levels = log::levels_of("info").expect("a level");
    let (dispatch, _) = log::writing(format, levels, move || writer.clone(), false);
    tracing::dispatcher::with_default(&dispatch, write);
    let bytes = page.0.lock().expect("no holder panics").clone();
    String::from_utf8(bytes).expect("a log is text")
}

fn take_over() {
    tracing::info!(partition = 3, topic = "usage", "took a task over");
    tracing::debug!("not of interest");
}

fn end() {
    tracing::info!(summary = %r#"{"read":2,"rejects":{"late":1}}"#, "odometer ended");
}

#[test]
fn a_summary_is_an_object_in_either_format() {
    let text = logged(LogFormat::Json, end);
    let line: serde_json::Value = serde_json::from_str(&text).expect("a line is one JSON object");
    assert_eq!((&line["message"], &line["read"]), (&"odometer ended".into(), &2.into()));
    assert_eq!(line["rejects"]["late"], 1);
    assert_eq!(text.lines().count(), 1, "{text}");
    let text = logged(LogFormat::Text, end);
    let ending = "INFO odometer ended summary={\"read\":2,\"rejects\":{\"late\":1}}\n";
    assert!(text.ends_with(ending), "{text:?}");
}

#[test]
fn a_line_in_json_has_stable_keys() {
    let text = logged(LogFormat::Json, take_over);
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).expect("a line is one JSON object");
    let object = line.as_object().expect("a line is one JSON object");
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(keys, ["timestamp", "level", "message", "partition", "topic", "target"]);
    assert_eq!((&line["level"], &line["partition"]), (&"INFO".into(), &3.into()));
    assert_eq!(line["message"], "took a task over");
    let at = line["timestamp"].as_str().and_then(EventTime::parse_rfc3339);
    assert!(at.is_some(), "{text}");
}

#[test]
fn a_line_for_people_has_no_colours_outside_of_a_terminal() {
    let text = logged(LogFormat::Text, take_over);
    assert!(text.ends_with("INFO took a task over partition=3 topic=\"usage\"\n"), "{text:?}");
}
