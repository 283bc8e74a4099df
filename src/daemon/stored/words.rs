//! What `odometer state inspect` says of a state.

use std::fmt::Write as _;
use std::path::Path;

use super::mebibytes;
use crate::daemon::aggregate;
use crate::engine::{Binding, CommitRecord, Counters};
use crate::store::Survey;

const SECONDS_PER_DAY: i64 = 86_400;

/// What a state holds, for people.
pub(super) fn words(task: &Path, survey: &Survey) -> String {
    let mut text = format!("{}\n", task.display());
    let mut row = |name: &str, words: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {name:<13}{words}");
    };
    if let Some(identity) = &survey.identity {
        row("belongs to", binding_words(&identity.binding));
    }
    if let Some(last) = survey.commits.last() {
        // A run of `aggregate` leaves it to the next one to forget what it delivered.
        let is_delivered = aggregate::last_commit_delivered(task) == Some(last.number);
        row("commit", commit_words(last, if is_delivered { &[] } else { &survey.commits }));
        row("cursor", cursor_words(last, survey));
        let watermark = last.watermark.map_or("none yet".to_owned(), |time| time.to_string());
        row("watermark", watermark);
        let Counters { read, counted, duplicate, unmatched, late, invalid } = last.counters;
        row(
            "events",
            format!(
                "{read} read: {counted} counted, {duplicate} duplicate, {unmatched} unmatched, {late} late, {invalid} \
                 invalid"
            ),
        );
        let kept = survey.outbox.map_or(0, |(first, last)| last - first + 1);
        let waiting = if is_delivered { 0 } else { kept };
        row("outbox", format!("{waiting} entries wait, of {} ever made", last.outbox_last));
    }
    let days = survey.days.map_or(String::new(), |(first, last)| {
        format!(", of days from {} to {}", day_words(first), day_words(last))
    });
    row("ids", format!("{}{days}", survey.ids));
    row("customers", survey.customers.to_string());
    for metric in survey.metrics.values() {
        let chains = if metric.chains == 0 {
            String::new()
        } else {
            format!(" in {} recurring chains", metric.chains)
        };
        let parts =
            if metric.parts == 0 { String::new() } else { format!(", {} parts", metric.parts) };
        let of = if metric.tenant == "default" {
            String::new()
        } else {
            format!(" of tenant {}", metric.tenant)
        };
        row(
            "metric",
            format!(
                "{}{of}: {} periods of keys{chains}, {} of them open{parts}",
                metric.code, metric.cells, metric.open
            ),
        );
    }
    for file in &survey.followed {
        row("file", format!("{}: read up to byte {}, line {}", file.path, file.offset, file.line));
    }
    row("size", format!("{:.1} MiB in tables", mebibytes(survey.disk_bytes)));
    if !survey.faults.is_empty() {
        row("faults", format!("{}: see odometer state verify", survey.faults.len()));
    }
    text
}

fn binding_words(binding: &Binding) -> String {
    let Binding { cluster, group, topic, partition, partitions } = binding;
    if topic.is_empty() {
        return group.clone();
    }
    format!("topic {topic} partition {partition} of {partitions}, group {group}, cluster {cluster}")
}

fn commit_words(last: &CommitRecord, commits: &[CommitRecord]) -> String {
    let waiting = match commits.len() {
        0 | 1 => "visible".to_owned(),
        count => format!("{} commits are not known to be visible", count - 1),
    };
    format!("number {}, id {} ({waiting})", last.number, last.id)
}

fn cursor_words(last: &CommitRecord, survey: &Survey) -> String {
    let is_topic = survey.identity.as_ref().is_some_and(|one| !one.binding.topic.is_empty());
    let cursor = last.cursor;
    if is_topic {
        format!("offset {}", cursor.offset)
    } else {
        format!("file {}, byte {}, line {}", cursor.file, cursor.offset, cursor.line)
    }
}

fn day_words(day: u32) -> String {
    let text = crate::model::EventTime::from_micros(i64::from(day) * SECONDS_PER_DAY * 1_000_000);
    text.to_string().chars().take(10).collect()
}
