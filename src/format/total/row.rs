//! A total as one row of a table or of a CSV file (RFC 4180), made of its body.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What the fields of [`total_row`] are.
pub const TOTAL_COLUMNS: [&str; 10] = [
    "tenant", "metric", "customer", "group", "start", "end", "kind", "revision", "value", "events",
];

/// What of a body stands in a row.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    kind: Cow<'b, str>,
    #[serde(borrow)]
    tenant: Cow<'b, str>,
    #[serde(borrow)]
    metric: Cow<'b, str>,
    #[serde(borrow)]
    customer: Cow<'b, str>,
    #[serde(borrow)]
    group: &'b RawValue,
    #[serde(borrow)]
    period: Span<'b>,
    revision: u64,
    #[serde(borrow)]
    value: Option<Cow<'b, str>>,
    events: u64,
}

#[derive(Deserialize)]
struct Span<'b> {
    #[serde(borrow)]
    start: Cow<'b, str>,
    #[serde(borrow)]
    end: Cow<'b, str>,
}

/// The fields of a total as texts: `group` a JSON object, empty where the metric has no groups;
/// `value` empty where it is null. `None` where `body` is no total's.
pub fn total_row(body: &str) -> Option<[String; TOTAL_COLUMNS.len()]> {
    let body: Body<'_> = serde_json::from_str(body).ok()?;
    let group = body.group.get();
    Some([
        body.tenant.into_owned(),
        body.metric.into_owned(),
        body.customer.into_owned(),
        if group == "{}" { String::new() } else { group.to_owned() },
        body.period.start.into_owned(),
        body.period.end.into_owned(),
        body.kind.into_owned(),
        body.revision.to_string(),
        body.value.map_or_else(String::new, Cow::into_owned),
        body.events.to_string(),
    ])
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
