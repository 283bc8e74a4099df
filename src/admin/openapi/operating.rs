//! What operators ask: health, series, totals so far, the log's level, and the document itself.

use serde_json::{Map, Value, json};

use super::operation::{Operation, family_in_query, in_header, in_query, required_in_query};
use super::schema::{
    Schemas, boolean, instant, list, or_null, reference, such_as, text, whole, whole_object,
};
use super::total;
use crate::admin::FORWARDED;
use crate::admin::operate::PROMETHEUS;
use crate::admin::query::{LIMIT, LIMIT_MAX};
use crate::admin::router::JSON;

fn call(name: &'static str, summary: &'static str) -> Operation {
    Operation::new("operating", name, summary)
}

pub(in crate::admin) fn healthz() -> Operation {
    let example = json!({ "alive": true });
    call("isAlive", "Whether the process lives")
        .note("For a liveness probe: it is answered as long as the process lives, ready or not.")
        .answers(200, "It lives.", "Alive", &example)
}

pub(in crate::admin) fn readyz() -> Operation {
    let ready = json!({ "ready": true, "obstacles": [], "warnings": [] });
    let process =
        json!({ "what": "process", "reason": "is starting", "since": "2026-03-10T12:00:00Z" });
    let unready = json!({ "ready": false, "obstacles": [process], "warnings": [] });
    call("isReady", "Whether the process does its work, and what keeps it from that")
        .note(
            "It is answered to everybody. A `reason` may name a tenant, a metric or a customer: it is told to keys of all \
             tenants, and, where no keys are configured, to this machine; to others stands in its place how to be told.",
        )
        .answers(200, "Nothing is lacking.", "Readiness", &ready)
        .answers(
            503,
            "It is not ready: each obstacle says what, since when, and, to whom that is told, why.",
            "Readiness",
            &unready,
        )
}

pub(in crate::admin) fn metrics() -> Operation {
    let example = "# HELP odometer_ready Whether nothing is lacking\n# TYPE odometer_ready gauge\nodometer_ready 1\n";
    let content = json!({ PROMETHEUS: { "schema": { "type": "string" }, "example": example } });
    call("series", "The series, for Prometheus").answers_with(
        200,
        "Every series in Prometheus' text format.",
        Some(content),
    )
}

pub(in crate::admin) fn openapi() -> Operation {
    let content = json!({ JSON: { "schema": { "type": "object" } } });
    call("openapi", "This document").answers_with(200, "OpenAPI 3.1.", Some(content))
}

pub(in crate::admin) fn log_level() -> Operation {
    call("logLevel", "Which lines the log has").answers(
        200,
        "The level, or levels by module.",
        "LogLevel",
        &json!({ "level": "info" }),
    )
}

pub(in crate::admin) fn change_log_level() -> Operation {
    let example = json!({ "level": "warn,odometer=debug" });
    call("changeLogLevel", "Give the log other lines, as long as the process lives")
        .takes("LogLevel", &example)
        .answers(200, "The level as it is now.", "LogLevel", &example)
}

pub(in crate::admin) fn usage() -> Operation {
    let metric = text("The metric's code.");
    let group = "A property of the metric's `group_by`, with the value that it must have: `group.model=m1`. Several may be \
        given, each once.";
    call("usage", "Totals so far, those of open periods included")
        .note(
            "A period that is still open has a total of the kind `provisional`. Parameters that are not known are faults, and \
             so is one that is given twice.",
        )
        .with(required_in_query("metric", metric, "llm_tokens"))
        .with(generation())
        .with(in_query("customer", text("Whose totals; all customers' where it is absent.")))
        .with(in_query("from", instant("Periods that end after this instant.")))
        .with(in_query("to", instant("Periods that start before this instant, which is after `from`.")))
        .with(family_in_query("group", r"^group\..+$", group, &json!({ "group.model": "m1" })))
        .with(in_query("null_group", text("A property of the group that has no value.")))
        .with(tenant())
        .with(limit())
        .with(cursor())
        .with(in_header(FORWARDED.as_str(), false, text("That another process asks: then nobody else is asked.")))
        .answers(200, "A page of totals.", "Usage", &usage_example())
        .refuses(&[404, 422])
        .refuses_for(421, "Another process of the group was meant, and this one asked itself.")
}

/// Whose definitions or totals are meant.
pub(super) fn tenant() -> Value {
    let what = "Whose; the key's own tenant where it is absent, `default` where the key is of all of them.";
    in_query("tenant", json!({ "type": "string", "minLength": 1, "description": what }))
}

/// Which of a code's metrics is meant.
pub(super) fn generation() -> Value {
    let what = "Which one of the metrics that the code has named, from 1: the newest where it is absent, also one that is deleted.";
    in_query("generation", whole(what, 0))
}

/// How many things a page has.
pub(super) fn limit() -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT });
    in_query("limit", schema)
}

/// Where a page goes on.
pub(super) fn cursor() -> Value {
    in_query("cursor", text("The `next` of the page before."))
}

fn usage_example() -> Value {
    let as_of = json!({
        "topic": "usage", "partition": 3, "commit": "5d0c8a2e6f3b4c1d9e7a0b1c2d3e4f50", "read": 1042,
        "watermark": "2026-03-31T09:12:13.5Z", "kept_after": null,
    });
    json!({
        "totals": [total::example()], "next": null, "complete": true, "missing": [], "forgotten": false,
        "unanswered": [], "as_of": [as_of],
    })
}

pub(super) fn schemas() -> Schemas {
    let obstacle = whole_object(
        "Something that is lacking.",
        vec![
            ("what", such_as(text("What it is of."), "usage partition 3")),
            ("reason", text("Why, for people.")),
            ("since", instant("Since when.")),
        ],
    );
    let readiness = whole_object(
        "What is lacking, and what somebody should look at.",
        vec![
            ("ready", boolean("Whether nothing is lacking.")),
            ("obstacles", list(obstacle.clone())),
            ("warnings", list(obstacle)),
        ],
    );
    let alive = json!({ "type": "boolean", "const": true });
    let level = text("A level, or levels by module, with commas between.");
    let usage = whole_object(
        "A page of totals.",
        [
            vec![
                ("totals", list(reference("Total"))),
                ("next", or_null(text("The `cursor` of the next page; null: this is the last."))),
            ],
            lacks(),
            vec![("as_of", as_of())],
        ]
        .concat(),
    );
    let mut schemas = Map::new();
    let named = [
        ("Alive", whole_object("That it lives.", vec![("alive", alive)])),
        ("Readiness", readiness),
        ("LogLevel", whole_object("What the log has.", vec![("level", level)])),
        ("Usage", usage),
    ];
    schemas.extend(named.map(|(name, schema)| (name.to_owned(), schema)));
    schemas
}

/// What a page is without.
pub(super) fn lacks() -> Vec<(&'static str, Value)> {
    let topic = or_null(text("The metric's topic; null: the files."));
    let partitions = or_null(list(whole("One of its partitions.", 0)));
    let missing = vec![("topic", topic), ("partitions", partitions)];
    let missing = whole_object("Partitions; null: all of them, however many they are.", missing);
    let peer = text("Its address, as `admin.peers` names it.");
    let unanswered = vec![("peer", peer), ("reason", text("Why not, for people."))];
    vec![
        (
            "complete",
            boolean("Whether nothing is missing, and no period that was asked for is forgotten."),
        ),
        ("missing", list(missing)),
        ("forgotten", boolean("Whether periods that were asked for may be forgotten.")),
        (
            "unanswered",
            list(whole_object("A process of the group that did not answer.", unanswered)),
        ),
    ]
}

/// The tasks that were looked at.
pub(super) fn as_of() -> Value {
    let common = || {
        vec![
            ("commit", text("The task's commit that the totals are of.")),
            ("read", whole("How many events had been read by then.", 0)),
            ("watermark", or_null(instant("How far event time had come."))),
            (
                "kept_after",
                or_null(instant("Periods that end by then may be forgotten; null: none is.")),
            ),
        ]
    };
    let of =
        |place: Vec<(&'static str, Value)>| whole_object("A task.", [place, common()].concat());
    let topic = of(vec![("topic", text("Its topic.")), ("partition", whole("Its partition.", 0))]);
    let files = of(vec![("files", text("The pattern of its files."))]);
    list(json!({ "anyOf": [topic, files] }))
}
