//! One entry of `metrics`: its fields become a [`Metric`].
//!
//! Every field is read, and every combination looked at, before the entry is given up: so all its faults are
//! listed at once. How the versions of one metric fit together is for `versions`.

use super::aggregation::{self, Aggregation};
use super::reader::{Faulty, Field, Table};
use super::versions::Version;
use super::{grammar, grouping, period};
use crate::definition::{DefinitionSource, Expression, LatePolicy, Metric};
use crate::model::Span;

/// The keys of a metric.
pub const KEYS: [&str; 25] = [
    "code",
    "name",
    "description",
    "grammar",
    "tenant",
    "topic",
    "event_type",
    "filter",
    "aggregation",
    "value",
    "operation",
    "percentile",
    "inner",
    "recurring",
    "prorated",
    "result",
    "rounding",
    "group_by",
    "period",
    "timezone",
    "anchor",
    "anchor_month",
    "grace",
    "late",
    "effective_from",
];

const LATE_POLICIES: [(&str, LatePolicy); 3] = [
    (LatePolicy::Correct.name(), LatePolicy::Correct),
    (LatePolicy::Carry.name(), LatePolicy::Carry),
    (LatePolicy::Drop.name(), LatePolicy::Drop),
];

/// Reads an entry; `None` where not even tenant, code and `effective_from` could be read.
pub(super) fn read(entry: &Field<'_>) -> Option<Version> {
    let table = entry.table(&KEYS).ok()?;
    let tenant = tenant(&table);
    let code = table.required("code", "give the metric a name of its own", code);
    let effective_from = table.optional("effective_from", Field::instant);
    let body = body(&table);
    let event_type = event_type(&table);
    let mut version = Version {
        place: table.place().clone(),
        tenant: tenant.ok()?,
        code: code.ok()?,
        effective_from: effective_from.ok()?,
        metric: None,
    };
    version.metric = match (event_type, body) {
        (Ok(event_type), Ok(body)) => Some(metric(&version, event_type, body, entry.source())),
        _ => None,
    };
    Some(version)
}

/// All but what a version is known by.
struct Body {
    name: Option<String>,
    description: Option<String>,
    topic: Option<String>,
    filter: Option<Expression>,
    aggregation: Aggregation,
    group_by: Vec<crate::definition::Dimension>,
    calendar: crate::definition::Calendar,
    grace: Span,
    late: LatePolicy,
}

fn body(table: &Table<'_>) -> Result<Body, Faulty> {
    let name = table.optional("name", Field::text);
    let description = table.optional("description", Field::text);
    let topic = table.optional("topic", topic);
    let grammar = grammar::read(table);
    let filter = table.optional("filter", |field| grammar::filter(field, grammar));
    let unit = period::unit_of(table);
    let aggregation = aggregation::read(table, unit, grammar);
    let group_by = table.optional("group_by", grouping::dimensions);
    let calendar = period::calendar(table, unit);
    let grace = table.optional("grace", Field::duration);
    let late = table.optional("late", |field| field.choice(&LATE_POLICIES));
    Ok(Body {
        name: name?,
        description: description?,
        topic: topic?,
        filter: grammar.and(filter)?,
        aggregation: aggregation?,
        group_by: group_by?.unwrap_or_default(),
        calendar: calendar?,
        grace: grace?.unwrap_or(Span::ZERO),
        late: late?.unwrap_or(LatePolicy::Correct),
    })
}

fn metric(version: &Version, event_type: String, body: Body, source: DefinitionSource) -> Metric {
    let aggregation = body.aggregation;
    Metric {
        tenant: version.tenant.clone(),
        code: version.code.clone(),
        name: body.name,
        description: body.description,
        event_type,
        filter: body.filter,
        aggregation: aggregation.kind,
        value: aggregation.value,
        operation: aggregation.operation,
        percentile: aggregation.percentile,
        is_recurring: aggregation.is_recurring,
        is_prorated: aggregation.is_prorated,
        inner: aggregation.inner,
        result: aggregation.result,
        rounding: aggregation.rounding,
        group_by: body.group_by,
        calendar: body.calendar,
        grace: body.grace,
        late: body.late,
        effective_from: version.effective_from,
        source,
        topic: body.topic,
        is_elsewhere: false,
        generation: 1,
        is_deleted: false,
        deleted_at: None,
    }
}

/// The tenant of an entry of `metrics` or `customers`.
pub(super) fn tenant(table: &Table<'_>) -> Result<String, Faulty> {
    // Rule 1.1: definitions and events that name none mean the same one.
    Ok(table.optional("tenant", Field::identity)?.unwrap_or_else(|| "default".to_owned()))
}

fn code(field: &Field<'_>) -> Result<String, Faulty> {
    let text = field.str()?;
    let length = text.chars().count();
    if length == 0 {
        return Err(field.fault("is empty: expected a text of 1 to 255 characters"));
    }
    if length > 255 {
        return Err(field.fault(format!("has {length} characters: at most 255 are possible")));
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let code = u32::from(control);
        return Err(field.fault(format!("holds the control character U+{code:04X}: leave it out")));
    }
    Ok(text.to_owned())
}

/// Where none is given the code serves, if an event can bear it as its type.
fn event_type(table: &Table<'_>) -> Result<String, Faulty> {
    if let Some(field) = table.field("event_type") {
        return field.identity();
    }
    let code = table.field("code").ok_or(Faulty)?.str_quietly().ok_or(Faulty)?;
    if code.len() > 512 {
        let message = "event_type is missing: the code has over 512 bytes and cannot serve as one";
        return Err(table.fault(message));
    }
    Ok(code.to_owned())
}

fn topic(field: &Field<'_>) -> Result<String, Faulty> {
    let text = field.str()?;
    if text.is_empty() {
        return Err(field.fault("is empty: expected the name of a source topic"));
    }
    Ok(text.to_owned())
}
