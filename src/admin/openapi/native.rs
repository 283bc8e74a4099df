//! Definitions in the native form: `/v1/metrics` and what is below it.

use serde_json::{Map, Value, json};

use super::definition;
use super::operating::{cursor, generation, limit, tenant};
use super::operation::{Operation, code_in_path, in_query};
use super::schema::{
    Schemas, boolean, closed, instant, list, one_of, or_null, properties, reference, such_as, text,
    whole, whole_object,
};
use crate::admin::native::SAMPLES_MAX;
use crate::format::definitions::Form;
use crate::registry::Deed;

/// The path that is posted to, which is that of a metric to other methods.
pub(in crate::admin) const VALIDATE: &str = "/v1/metrics/validate";

/// The code and the id that examples have.
const CODE: &str = "llm_tokens";
const ID: &str = "1a901a90-1a90-4a90-9a90-1a901a901a90";

fn call(name: &'static str, summary: &'static str) -> Operation {
    Operation::new("native", name, summary)
}

pub(in crate::admin) fn list_all() -> Operation {
    let what = "Whose; those of every tenant that the key may see where it is absent.";
    let tenant = json!({ "type": "string", "minLength": 1, "description": what });
    call("listMetrics", "What is defined, in order of tenant and code")
        .with(in_query("tenant", tenant))
        .with(limit())
        .with(cursor())
        .answers(200, "A page.", "Metrics", &json!({ "metrics": [metric()], "next": null }))
        .refuses(&[422])
}

pub(in crate::admin) fn create() -> Operation {
    let mut made = metric();
    made["change"] = json!({
        "outcome": "created",
        "note": "it folds events that are read after this answer; earlier ones are not counted, for there is no backfill yet",
    });
    let mut tried = made.clone();
    tried["change"]["dry_run"] = true.into();
    tried["change"]["earliest"] = "2026-03-10T12:10:00Z".into();
    let answer = call("createMetric", "Make a metric")
        .note("It folds every event that is read after the answer. The body is an entry of a definition file.")
        .with(tenant())
        .with(dry_run())
        .takes("Definition", &written())
        .answers(201, "The metric, and what became of it.", "ChangedMetric", &made);
    let name = [("path.code", "$response.body#/code"), ("query.tenant", "$response.body#/tenant")];
    let calls = ["readMetric", "patchMetric", "listVersions", "deleteMetric"];
    let answer = calls.into_iter().fold(answer, |answer, call| answer.leads_to(call, &name));
    let asked =
        [("query.metric", "$response.body#/code"), ("query.tenant", "$response.body#/tenant")];
    answer
        .leads_to("usage", &asked)
        .answers(200, "With `dry_run`: the metric as it would be.", "ChangedMetric", &tried)
        .refuses(&[409, 503])
        .refuses_for(404, "The tenant is none of the key's.")
}

pub(in crate::admin) fn validate() -> Operation {
    let event = json!({
        "id": "e1", "type": CODE, "customer": "acme", "time": "2026-03-02T08:00:00Z",
        "properties": { "input": 100, "output": 20 },
    });
    let mut body = written();
    body["events"] = json!([event]);
    call("validateMetric", "What a definition means and what it makes of sample events; nothing is kept")
        .at(VALIDATE)
        .note("Every period that has an event is closed at the end, and no clock is held against the events.")
        .with(tenant())
        .takes("Validation", &body)
        .answers(200, "The meaning, as `odometer check` prints it, and what became of the events.", "Validated", &validated())
        .refuses_for(404, "The tenant is none of the key's.")
}

pub(in crate::admin) fn read() -> Operation {
    call("readMetric", "A metric in its newest version")
        .with(code_in_path(CODE))
        .with(tenant())
        .answers(200, "The metric.", "Metric", &metric())
        .refuses(&[404, 422])
}

pub(in crate::admin) fn patch() -> Operation {
    let mut changed = metric();
    changed["name"] = "Tokens of models".into();
    changed["change"] = json!({ "outcome": "described" });
    call("patchMetric", "Change a metric")
        .note(
            "A change of `name`, `description`, `grace` or `late` counts at once and for all versions. Any other is a version: \
             the answer's `change.counts_from` says from when. A metric that was made by other calls changes natively only in \
             what these do not say.",
        )
        .with(code_in_path(CODE))
        .with(tenant())
        .with(dry_run())
        .takes("Changes", &json!({ "name": "Tokens of models", "version": 1 }))
        .answers(200, "The metric, and what became of it.", "ChangedMetric", &changed)
        .refuses(&[404, 409, 503])
}

pub(in crate::admin) fn delete() -> Operation {
    let what = "The version that was seen last: where it is another one by now, the answer is 409.";
    call("deleteMetric", "Let a metric fold nothing any more")
        .note("Open periods still close. The code is free again.")
        .with(code_in_path(CODE))
        .with(tenant())
        .with(in_query("version", whole(what, 0)))
        .answers_with(204, "It folds nothing any more.", None)
        .refuses(&[404, 409, 422, 503])
}

pub(in crate::admin) fn versions() -> Operation {
    let version = json!({
        "version": 1, "effective_from": null, "counts_from": null, "is_empty": false,
        "created_at": "2026-03-10T12:00:00Z", "definition": written(), "dialect": null, "body": null,
    });
    let line = json!({
        "at": "2026-03-10T12:00:00Z", "who": "local", "what": "created", "before": null, "after": written(),
    });
    call("listVersions", "Every version of a metric, and who did what")
        .note("Also of a metric that is deleted. What stands in files has no audit: who changes a file is known where it is kept.")
        .with(code_in_path(CODE))
        .with(tenant())
        .with(generation())
        .answers(
            200,
            "All of them, in order.",
            "Versions",
            &json!({
                "id": ID, "generation": 1, "deleted_at": null, "versions": [version], "next": null, "audit": [line],
            }),
        )
        .refuses(&[404, 422])
}

fn dry_run() -> Value {
    let what = "Whether the call is only worked out: it is answered, or refused, as it would be now, and nothing is kept.";
    in_query("dry_run", boolean(what))
}

/// A definition as somebody wrote it.
fn written() -> Value {
    json!({
        "code": CODE, "name": "LLM tokens", "aggregation": "sum", "value": "properties.input + 3 * properties.output",
        "period": "day",
    })
}

fn metric() -> Value {
    let mut metric = written();
    let own = json!({
        "tenant": "default", "version": 1, "generation": 1, "effective_from": null,
        "created_at": "2026-03-10T12:00:00Z", "updated_at": "2026-03-10T12:00:00Z", "origin": "api",
    });
    let members = metric.as_object_mut().expect("an object");
    members.extend(own.as_object().expect("an object").clone());
    metric
}

fn validated() -> Value {
    let total = json!({
        "id": "a5b52e9eea39211a985d39b41305236f", "kind": "final", "tenant": "default", "metric": CODE, "metric_version": 1,
        "metric_generation": 1, "customer": "acme", "group": {},
        "period": { "start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z", "timezone": "UTC" },
        "revision": 1, "value": "160", "previous": null, "delta": "160", "events": 1,
        "first_event_at": "2026-03-02T08:00:00Z", "last_event_at": "2026-03-02T08:00:00Z",
        "source": { "topic": "", "partition": 0 },
    });
    json!({ "meaning": MEANING, "totals": [total], "rejects": [] })
}

const MEANING: &str = "llm_tokens (LLM tokens)
  tenant        default
  next borders  2026-03-11T00:00:00Z, 2026-03-12T00:00:00Z, 2026-03-13T00:00:00Z
  events        of type \"llm_tokens\"
  total         sum of properties.input + 3 * properties.output
  period        day, UTC
  grace         0s after a period's end
  late events   correct: counted, the total gets a new revision
";

pub(super) fn schemas() -> Schemas {
    let events = json!({
        "type": ["array", "null"], "maxItems": SAMPLES_MAX,
        "description": "Events in the native form.",
    });
    let mut validation = definition::keys();
    validation.insert("events".to_owned(), events.clone());
    let validation = closed("A metric and sample events.", &["code", "aggregation"], validation);
    let validation =
        json!({ "anyOf": [validation, definition::foreign(vec![("events", events)])] });
    let validated = whole_object(
        "What a definition comes to.",
        vec![
            ("meaning", text("In words and instants.")),
            ("totals", list(reference("Total"))),
            ("rejects", list(reference("Reject"))),
        ],
    );
    let page = |of: &'static str| {
        whole_object(
            "A page.",
            vec![
                (of, list(reference("Metric"))),
                ("next", or_null(text("The `cursor` of the next page."))),
            ],
        )
    };
    let named = [
        (
            "Metric",
            closed("A metric as it was written, and what became of it.", &OWN, metric_keys()),
        ),
        ("ChangedMetric", changed()),
        ("Metrics", page("metrics")),
        ("Validation", validation),
        ("Validated", validated),
        ("Versions", versions_schema()),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// What every answer says of a metric.
const OWN: [&str; 9] = [
    "tenant",
    "code",
    "aggregation",
    "version",
    "generation",
    "effective_from",
    "created_at",
    "updated_at",
    "origin",
];

fn metric_keys() -> Map<String, Value> {
    let mut keys = definition::keys();
    keys.extend(properties(vec![
        ("version", whole("How many versions it has.", 1)),
        ("generation", whole("How often the code was created.", 1)),
        ("effective_from", or_null(instant("From when its newest version is meant to count."))),
        ("created_at", or_null(instant("When it was made; null of a file's."))),
        ("updated_at", or_null(instant("When it was last changed; null of a file's."))),
        (
            "origin",
            such_as(
                text("By which way it came: api, lago, maple, zenskar, or `file:` and its name."),
                "api",
            ),
        ),
    ]));
    keys
}

fn changed() -> Value {
    let outcomes = ["unchanged", "created", "described", "versioned", "deleted"];
    let change = closed(
        "What a change comes to.",
        &["outcome"],
        properties(vec![
            ("outcome", one_of(outcomes, "One word for it.")),
            ("note", text("What is to be known of it.")),
            ("dry_run", boolean("Whether it was only worked out: then nothing is kept.")),
            (
                "earliest",
                instant("Of a dry run: the first instant from which a version made now may count."),
            ),
            ("version", whole("The new version's number.", 1)),
            ("counts_from", instant("The first start of a period from which it counts.")),
            (
                "carried_state",
                one_of(
                    ["continues", "starts_anew"],
                    "Of a recurring metric: what becomes of what was carried so far.",
                ),
            ),
        ]),
    );
    let mut keys = metric_keys();
    keys.insert("change".to_owned(), change);
    let required = [&OWN[..], &["change"]].concat();
    closed("A metric, and what became of a change.", &required, keys)
}

fn versions_schema() -> Value {
    let definition = || closed("As it was written.", &["code", "aggregation"], definition::keys());
    let forms = [Form::Lago, Form::Maple, Form::Zenskar].map(Form::name);
    let version = whole_object(
        "A version.",
        vec![
            ("version", whole("From 1.", 1)),
            ("effective_from", or_null(instant("From when it is meant to count."))),
            (
                "counts_from",
                or_null(instant("From when it does; null: it always did, or never will.")),
            ),
            ("is_empty", boolean("Whether it never counts, since the next one begins with it.")),
            ("created_at", or_null(instant("When it was made; null of a file's."))),
            ("definition", definition()),
            ("dialect", or_null(one_of(forms, "Whose form it was made in; null: the native one."))),
            (
                "body",
                json!({ "type": ["object", "null"], "description": "As it was submitted in that form." }),
            ),
        ],
    );
    let deeds = [Deed::Created, Deed::Described, Deed::Versioned, Deed::Deleted];
    let deeds: Vec<Value> =
        deeds.iter().filter_map(|deed| serde_json::to_value(deed).ok()).collect();
    let line = whole_object(
        "A change.",
        vec![
            ("at", instant("When.")),
            ("who", text("The name of the key.")),
            ("what", json!({ "type": "string", "enum": deeds, "description": "What was done." })),
            ("before", or_null(definition())),
            ("after", or_null(definition())),
        ],
    );
    whole_object(
        "A metric's history.",
        vec![
            (
                "id",
                or_null(text(
                    "A name that no other metric has: Lago's `lago_id`, Zenskar's `id`; null of a file's.",
                )),
            ),
            ("generation", whole("Which metric of the code's it is, from 1.", 1)),
            ("deleted_at", or_null(instant("Since when it folds nothing; null: it is in use."))),
            ("versions", list(version)),
            ("next", json!({ "type": "null", "description": "There is one page." })),
            ("audit", list(line)),
        ],
    )
}
