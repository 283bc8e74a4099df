//! Why calls are refused: a body of one form for each dialect, and a reason for each status.

use serde_json::{Map, Value, json};

use super::operation::request_id;
use super::schema::{
    Schemas, closed, list, one_of, or_null, properties, reference, such_as, text, whole_object,
};
use crate::admin::router::JSON;
use crate::admin::words::Words;

/// What `error.code` of native refusals may be.
const NATIVE_CODES: [&str; 13] = [
    "bad_body",
    "unauthorized",
    "forbidden",
    "not_found",
    "method_not_allowed",
    "conflict",
    "too_large",
    "invalid",
    "too_many_failures",
    "failed",
    "unavailable",
    "starting",
    "timeout",
];

impl Words {
    fn schema(self) -> &'static str {
        match self {
            Words::Native => "Refusal",
            Words::Lago => "LagoRefusal",
            Words::Maple => "MapleRefusal",
            Words::Zenskar => "ZenskarRefusal",
        }
    }
}

/// An answer that tells why there is no other one.
pub(super) fn response(words: Words, status: u16, why: Option<&str>) -> Value {
    let content = json!({ JSON: { "schema": reference(words.schema()) } });
    let description = why.map_or_else(|| reason(words, status).to_owned(), str::to_owned);
    let mut headers = request_id();
    if status == 429 {
        let seconds = json!({ "type": "integer", "minimum": 1 });
        let header = json!({ "description": "For how many seconds to wait.", "schema": seconds });
        headers.insert("retry-after".to_owned(), header);
    }
    json!({ "description": description, "headers": headers, "content": content })
}

/// What a status means wherever nothing else is told of it.
fn reason(words: Words, status: u16) -> &'static str {
    match (status, words) {
        (400, Words::Lago) => "The body is no JSON, or lacks its root.",
        (400, _) => "The body is no JSON object.",
        (401, _) => "The request bears no key, or none that is valid.",
        (403, Words::Zenskar) => {
            "The key may not do that, or is of another organisation; or no keys are configured, and the request comes \
             from another machine."
        }
        (403, _) => {
            "The key may not do that; or no keys are configured, and the request comes from another machine."
        }
        (404, Words::Native) => "There is no such metric, or the tenant is none of the key's.",
        (404, Words::Maple) => "There is no such metric, or the company is none of the key's.",
        (404, _) => "There is no such metric.",
        (409, _) => {
            "It does not go with what there is: the code is taken, the metric stands in a file, or was changed meanwhile."
        }
        (413, _) => "The body is too large.",
        (422, _) => "What is asked has faults: all of them.",
        (429, _) => {
            "Too many requests with a key that is none came from this address within a minute: until it ends, only keys that \
             are known by now are let in from there."
        }
        (500, _) => "Something is broken: the log says what.",
        (503, _) => {
            "It cannot be done now: the process starts and has not read what is defined, or what keeps it is away. The \
             text says whether a change is stored."
        }
        (504, _) => "The answer took too long: whether anything was changed is not known.",
        _ => "It is refused.",
    }
}

/// The bodies of refusals.
pub(super) fn schemas() -> Schemas {
    let fault = whole_object(
        "One thing that is wrong.",
        vec![
            ("path", text("Where: keys and indices inside the body, or a parameter's name.")),
            ("message", text("What is wrong, and what would be right.")),
        ],
    );
    let native = whole_object(
        "Why not.",
        vec![
            ("code", one_of(NATIVE_CODES, "For programs.")),
            ("message", text("For people.")),
            ("faults", list(fault)),
        ],
    );
    let mut schemas = Map::new();
    let native = whole_object("A refusal of the native calls.", vec![("error", native)]);
    schemas.insert("Refusal".to_owned(), such_as(native, native_example()));
    schemas.insert("LagoRefusal".to_owned(), such_as(lago(), lago_example()));
    let maple = whole_object(
        "Why not.",
        vec![
            ("code", text("For programs.")),
            ("message", text("For people; of a body with several faults all of them.")),
            ("path", or_null(text("Where in the body, or which header."))),
        ],
    );
    let maple = whole_object("A refusal in Maple's form.", vec![("error", maple)]);
    schemas.insert("MapleRefusal".to_owned(), such_as(maple, maple_example()));
    schemas.insert("ZenskarRefusal".to_owned(), such_as(zenskar(), zenskar_example()));
    schemas
}

/// Of `GET /v1/metrics?limit=0`.
fn native_example() -> Value {
    let fault = json!({ "path": "limit", "message": "\"0\" is no whole number from 1 to 1000" });
    let message = "what was asked has faults: see each";
    json!({ "error": { "code": "invalid", "message": message, "faults": [fault] } })
}

/// Of a new metric that has a name alone.
fn lago_example() -> Value {
    let details = json!({
        "code": ["value_is_mandatory"], "aggregation_type": ["value_is_invalid"], "field_name": ["value_is_mandatory"],
    });
    json!({
        "status": 422, "error": "Unprocessable entity", "code": "validation_errors", "error_details": details,
    })
}

/// Of a metric that there is not.
fn maple_example() -> Value {
    let message = "the company has no such billable metric";
    json!({ "error": { "code": "not_found", "message": message, "path": null } })
}

/// Of `GET /aggregates?limit=0`.
fn zenskar_example() -> Value {
    let fault = json!({
        "loc": ["query", "limit"], "msg": "Input should be greater than or equal to 1", "type": "greater_than_equal",
    });
    json!({ "detail": [fault] })
}

fn lago() -> Value {
    let codes = list(text("A code of Lago's, such as value_is_mandatory, or a file's name."));
    let details = json!({
        "type": "object", "additionalProperties": codes,
        "description": "Each field that has faults, with their codes; of a metric in a file the file's name under `file`; of what cannot be done now why under `reason`.",
    });
    closed(
        "A refusal in Lago's form.",
        &["status", "error"],
        properties(vec![
            ("status", json!({ "type": "integer", "description": "The status." })),
            ("error", text("Its words.")),
            ("code", text("For programs: validation_errors, billable_metric_not_found.")),
            ("error_details", details),
        ]),
    )
}

fn zenskar() -> Value {
    let step = json!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }] });
    let mut place = list(step);
    place["description"] = "Where: body, path, query or header, and the way in it.".into();
    let fault = whole_object(
        "One thing that is wrong.",
        vec![
            ("loc", place),
            ("msg", text("What is wrong, and what would be right.")),
            ("type", text("For programs: missing, value_error, uuid_parsing.")),
        ],
    );
    let detail = json!({ "anyOf": [list(fault), text("Why not.")] });
    whole_object("A refusal in Zenskar's form.", vec![("detail", detail)])
}
