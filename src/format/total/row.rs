//! A total as one row of a table or of a CSV file (RFC 4180).

use super::body::push_group;
use super::{MetricNames, kind_name};
use crate::model::PeriodTotal;

/// What the fields of [`total_row`] are.
pub const TOTAL_COLUMNS: [&str; 10] = [
    "tenant", "metric", "customer", "group", "start", "end", "kind", "revision", "value", "events",
];

/// The fields of a total as texts: `group` a JSON object, empty where the metric has no groups;
/// `value` empty where it is null.
pub fn total_row(names: &MetricNames<'_>, total: &PeriodTotal) -> [String; TOTAL_COLUMNS.len()] {
    let mut group = String::new();
    if !names.group.is_empty() {
        push_group(&mut group, names, total);
    }
    [
        names.tenant.to_owned(),
        names.code.to_owned(),
        total.customer.to_string(),
        group,
        total.period.start.to_string(),
        total.period.end.to_string(),
        kind_name(total.kind).to_owned(),
        total.revision.to_string(),
        total.value.map_or_else(String::new, |value| value.to_string()),
        total.events.to_string(),
    ]
}

/// One line of a CSV file, its line break included; fields are quoted where they must be.
pub fn csv_line<F: AsRef<str>>(fields: impl IntoIterator<Item = F>) -> String {
    let mut out = String::new();
    for (at, field) in fields.into_iter().enumerate() {
        let field = field.as_ref();
        if at > 0 {
            out.push(',');
        }
        if field.contains(['"', ',', '\r', '\n']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
    out
}
