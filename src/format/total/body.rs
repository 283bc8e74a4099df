//! The body of a total: one line of JSON, its fields in the order of the interface.

use std::fmt::Display;

use super::{MetricNames, TotalSource, dimensions, kind_name};
use crate::format::json::{push, push_optional, push_string};
use crate::model::{PeriodTotal, Provenance};

pub(super) fn body_of(
    names: &MetricNames<'_>,
    total: &PeriodTotal,
    source: TotalSource<'_>,
    id: &str,
) -> String {
    let mut out = String::with_capacity(512);
    let kind = kind_name(total.kind);
    push(&mut out, format_args!(r#"{{"id":"{id}","kind":"{kind}","tenant":"#));
    push_string(&mut out, names.tenant);
    out.push_str(r#","metric":"#);
    push_string(&mut out, names.code);
    let MetricNames { version, generation, .. } = names;
    push(
        &mut out,
        format_args!(r#","metric_version":{version},"metric_generation":{generation},"customer":"#),
    );
    push_string(&mut out, &total.customer);
    out.push_str(r#","group":"#);
    push_group(&mut out, names, total);
    let (start, end) = (total.period.start, total.period.end);
    push(&mut out, format_args!(r#","period":{{"start":"{start}","end":"{end}","timezone":"#));
    push_string(&mut out, &total.timezone);
    push(&mut out, format_args!(r#"}},"revision":{}"#, total.revision));
    push_text(&mut out, "value", total.value);
    push_text(&mut out, "previous", total.previous);
    push_text(&mut out, "delta", total.delta);
    push(&mut out, format_args!(r#","events":{}"#, total.events));
    push_text(&mut out, "first_event_at", total.event_times.map(|(first, _)| first));
    push_text(&mut out, "last_event_at", total.event_times.map(|(_, last)| last));
    out.push_str(r#","source":"#);
    push_source(&mut out, source, total.provenance);
    out.push('}');
    out
}

/// A member whose value is an exact number or an instant in quotes, or `null`.
fn push_text(out: &mut String, name: &str, value: Option<impl Display>) {
    match value {
        Some(value) => push(out, format_args!(r#","{name}":"{value}""#)),
        None => push(out, format_args!(r#","{name}":null"#)),
    }
}

/// A member whose value is a whole number, or `null`.
fn push_offset(out: &mut String, name: &str, value: Option<i64>) {
    match value {
        Some(value) => push(out, format_args!(r#","{name}":{value}"#)),
        None => push(out, format_args!(r#","{name}":null"#)),
    }
}

fn push_source(out: &mut String, source: TotalSource<'_>, provenance: Provenance) {
    match source {
        TotalSource::Topic { topic, partition } => {
            out.push_str(r#"{"topic":"#);
            push_string(out, topic);
            push(out, format_args!(r#","partition":{partition}"#));
            if let Provenance::Offsets(offsets) = provenance {
                push_offset(out, "first_offset", offsets.map(|(first, _)| first));
                push_offset(out, "last_offset", offsets.map(|(_, last)| last));
            }
            out.push('}');
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
