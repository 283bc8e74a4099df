//! Totals and refused events, as outputs and answers have them.

use serde_json::{Map, Value, json};

use super::schema::{
    Schemas, boolean, closed, instant, one_of, or_null, properties, text, whole, whole_object,
};
use crate::format::kind_name;
use crate::model::{RejectReason, TotalKind};

/// An exact decimal, which no float holds.
pub(super) fn decimal(what: &str) -> Value {
    json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": what })
}

pub(super) fn schemas() -> Schemas {
    let mut schemas = Map::new();
    schemas.insert("Total".to_owned(), total());
    schemas.insert("Reject".to_owned(), reject());
    schemas
}

fn total() -> Value {
    let kinds = [TotalKind::Final, TotalKind::Correction, TotalKind::Provisional].map(kind_name);
    let period = whole_object(
        "Half-open: its end does not belong to it.",
        vec![
            ("start", instant("Its first instant.")),
            ("end", instant("The first instant behind it.")),
            ("timezone", text("The IANA zone by which it is cut.")),
        ],
    );
    let group = json!({
        "type": "object", "additionalProperties": { "type": ["string", "null"] },
        "description": "Each property of `group_by` with its value; `{}` where there is none.",
    });
    whole_object(
        "What a metric comes to for a customer, group and period.",
        vec![
            (
                "id",
                json!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The same for the same key and revision: an idempotency key." }),
            ),
            ("kind", one_of(kinds, "Revision 1, a later one, or a look at an open period.")),
            ("tenant", text("Whose metric.")),
            ("metric", text("Its code.")),
            ("metric_version", whole("The number of its version.", 1)),
            ("metric_generation", whole("How often the code was created.", 1)),
            ("customer", text("Who is billed.")),
            ("group", group),
            ("period", period),
            ("revision", whole("0 of a period that is open.", 0)),
            ("value", or_null(decimal("The total."))),
            ("previous", or_null(decimal("That of the revision before."))),
            ("delta", or_null(decimal("Their difference."))),
            ("events", whole("Events of the period.", 0)),
            ("first_event_at", or_null(instant("The time of the first one."))),
            ("last_event_at", or_null(instant("The time of the last one."))),
            ("source", source()),
        ],
    )
}

fn source() -> Value {
    let offset = |what| or_null(whole(what, 0));
    let topic = closed(
        "A partition; with `sink.provenance` the range of its events too.",
        &["topic", "partition"],
        properties(vec![
            ("topic", text("Its topic.")),
            ("partition", whole("Its number.", 0)),
            (
                "first_offset",
                offset("That of the period's first event; null where it is not known."),
            ),
            ("last_offset", offset("That of its last one.")),
        ]),
    );
    let files = whole_object("Files.", vec![("files", text("Their pattern."))]);
    json!({ "anyOf": [topic, files] })
}

fn reject() -> Value {
    let reasons = RejectReason::ALL.map(RejectReason::name);
    let topic = whole_object(
        "A record.",
        vec![
            ("topic", text("Its topic.")),
            ("partition", whole("Its partition.", 0)),
            ("offset", whole("Its offset.", 0)),
        ],
    );
    let file = whole_object(
        "A line.",
        vec![
            ("file", text("Its file.")),
            ("line", whole("Counted from 1.", 1)),
            ("offset", whole("The byte at which it begins.", 0)),
        ],
    );
    closed(
        "An event that was refused.",
        &["reason", "tenant", "metric", "detail", "source", "at"],
        properties(vec![
            ("reason", one_of(reasons, "Why.")),
            ("tenant", or_null(text("Its tenant, where it could be read."))),
            ("metric", or_null(text("The code of the metric that refused it."))),
            ("detail", text("For people.")),
            ("source", json!({ "anyOf": [topic, file] })),
            ("event", json!({ "description": "As it was: its JSON, or a text where it is none." })),
            ("event_base64", text("Its bytes, where they are no UTF-8.")),
            ("at", or_null(instant("When it was read."))),
            ("truncated", boolean("That what stands here is its beginning.")),
        ]),
    )
}

/// A total of an open period.
pub(super) fn example() -> Value {
    json!({
        "id": "61dfd2ac30349b60be0fc7b2d4046622", "kind": "provisional", "tenant": "default", "metric": "llm_tokens",
        "metric_version": 1, "metric_generation": 1, "customer": "acme", "group": { "model": "m1" },
        "period": { "start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z", "timezone": "UTC" },
        "revision": 0, "value": "1234.5", "previous": null, "delta": "1234.5", "events": 42,
        "first_event_at": "2026-03-01T08:00:00Z", "last_event_at": "2026-03-31T09:12:13.5Z",
        "source": { "topic": "usage", "partition": 3 },
    })
}
