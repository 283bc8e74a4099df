//! The body and the key of a total, as the sink's readers get them.
//!
//! Last step of the event path: after the engine's outbox, before the sink. The order of the fields and
//! every byte of the key are promises to downstream systems: the same key and revision give the
//! same id for ever. Knows nothing of the topic's record around them.

mod row;
#[cfg(test)]
mod tests;

pub use row::{TOTAL_COLUMNS, csv_line, total_row};

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::json::{push_optional, push_string};
use crate::model::{EventTime, GroupValue, PeriodTotal, TotalKind};

/// What of a total its metric contributes: made once a plan, used for all of the metric's totals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetricNames<'a> {
    /// Whose metric it is.
    pub tenant: &'a str,
    /// Its name among the tenant's metrics.
    pub code: &'a str,
    /// Number of its version, from 1.
    pub version: u64,
    /// How often the code was created, from 1.
    pub generation: u64,
    /// The properties of `group_by`, as the definition writes them, in its order.
    pub group: Vec<&'a str>,
}

/// Where the events of a total were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TotalSource<'a> {
    /// From one partition of a topic.
    Topic {
        /// Its name.
        topic: &'a str,
        /// The partition's number.
        partition: i32,
    },
    /// From files.
    Files {
        /// The pattern or the name they were asked for by.
        pattern: &'a str,
    },
}

/// A total as the sink takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TotalRecord {
    /// The same for every revision, so that compaction keeps the newest.
    pub key: String,
    /// One line of JSON.
    pub body: String,
}

impl TotalRecord {
    /// Writes a total.
    ///
    /// # Panics
    /// Where the metric's names are not those of the total: the numbers of dimensions differ.
    pub fn new(names: &MetricNames<'_>, total: &PeriodTotal, source: TotalSource<'_>) -> Self {
        assert_eq!(names.group.len(), total.group.len(), "a group value for each dimension");
        let key = key(names, total);
        let body = body(names, total, source, &id(&key, total.revision));
        TotalRecord { key, body }
    }
}

/// The name that outsiders rely on.
pub const fn kind_name(kind: TotalKind) -> &'static str {
    match kind {
        TotalKind::Final => "final",
        TotalKind::Correction => "correction",
        TotalKind::Provisional => "provisional",
    }
}

fn body(names: &MetricNames<'_>, total: &PeriodTotal, source: TotalSource<'_>, id: &str) -> String {
    let mut out = String::with_capacity(512);
    let kind = kind_name(total.kind);
    write(&mut out, format_args!(r#"{{"id":"{id}","kind":"{kind}","tenant":"#));
    push_string(&mut out, names.tenant);
    out.push_str(r#","metric":"#);
    push_string(&mut out, names.code);
    let MetricNames { version, generation, .. } = names;
    write(
        &mut out,
        format_args!(r#","metric_version":{version},"metric_generation":{generation},"customer":"#),
    );
    push_string(&mut out, &total.customer);
    out.push_str(r#","group":"#);
    push_group(&mut out, names, total);
    let (start, end) = (total.period.start, total.period.end);
    write(&mut out, format_args!(r#","period":{{"start":"{start}","end":"{end}","timezone":"#));
    push_string(&mut out, &total.timezone);
    write(&mut out, format_args!(r#"}},"revision":{}"#, total.revision));
    push_text(&mut out, "value", total.value);
    push_text(&mut out, "previous", total.previous);
    push_text(&mut out, "delta", Some(total.delta));
    write(&mut out, format_args!(r#","events":{}"#, total.events));
    push_text(&mut out, "first_event_at", total.event_times.map(|(first, _)| first));
    push_text(&mut out, "last_event_at", total.event_times.map(|(_, last)| last));
    out.push_str(r#","source":"#);
    push_source(&mut out, source);
    out.push('}');
    out
}

/// A member whose value is an exact number or an instant in quotes, or `null`.
fn push_text(out: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    match value {
        Some(value) => write(out, format_args!(r#","{name}":"{value}""#)),
        None => write(out, format_args!(r#","{name}":null"#)),
    }
}

fn push_source(out: &mut String, source: TotalSource<'_>) {
    match source {
        TotalSource::Topic { topic, partition } => {
            out.push_str(r#"{"topic":"#);
            push_string(out, topic);
            write(out, format_args!(r#","partition":{partition}}}"#));
        }
        TotalSource::Files { pattern } => {
            out.push_str(r#"{"files":"#);
            push_string(out, pattern);
            out.push('}');
        }
    }
}

/// The group as a JSON object.
pub(super) fn push_group(out: &mut String, names: &MetricNames<'_>, total: &PeriodTotal) {
    out.push('{');
    for (at, (name, value)) in dimensions(names, total).enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
        push_optional(out, value.as_deref());
    }
    out.push('}');
}

fn dimensions<'a>(
    names: &'a MetricNames<'_>,
    total: &'a PeriodTotal,
) -> impl Iterator<Item = (&'a str, &'a GroupValue)> {
    names.group.iter().copied().zip(&total.group)
}

/// `tenant/metric/customer/group/period start`, where a metric of a later generation is `code~2`.
fn key(names: &MetricNames<'_>, total: &PeriodTotal) -> String {
    let mut out = String::with_capacity(128);
    push_encoded(&mut out, names.tenant);
    out.push('/');
    push_encoded(&mut out, names.code);
    if names.generation > 1 {
        write(&mut out, format_args!("~{}", names.generation));
    }
    out.push('/');
    push_encoded(&mut out, &total.customer);
    out.push('/');
    // Made of encoded pieces: its own `=` and `&` stay as they are.
    for (at, (name, value)) in dimensions(names, total).enumerate() {
        if at > 0 {
            out.push('&');
        }
        push_encoded(&mut out, name);
        if let Some(value) = value {
            out.push('=');
            push_encoded(&mut out, value);
        }
    }
    out.push('/');
    push_encoded(&mut out, &EventTime::to_string(&total.period.start));
    out
}

/// Percent-encodes the UTF-8 of all but `A-Za-z0-9-._~` (RFC 3986, section 2).
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write(out, format_args!("%{byte:02X}"));
        }
    }
}

/// Lower-case hex of the first 16 bytes of SHA-256 over `KEY#REVISION`.
fn id(key: &str, revision: u64) -> String {
    let digest = Sha256::digest(format!("{key}#{revision}"));
    let mut out = String::with_capacity(32);
    for byte in digest.iter().take(16) {
        write(&mut out, format_args!("{byte:02x}"));
    }
    out
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every text");
}
