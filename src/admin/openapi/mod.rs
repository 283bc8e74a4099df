//! `GET /openapi.json`: every call of the listener in `OpenAPI` 3.1, made of the table of routes.
//!
//! ```text
//! router::routes ─► Route: method, path, need, told ─► Operation ─► document
//!                                                  schemas ─┘   (refusals by `Words`, keys by `Need`)
//! ```
//! A route without what is told of it does not compile. What is told of bodies stands in a module for each dialect, with
//! names and limits taken from the code that reads them; `tests` holds it to what is answered.

mod definition;
pub(super) mod lago;
pub(super) mod maple;
pub(super) mod native;
pub(super) mod operating;
mod operation;
mod refusal;
mod schema;
#[cfg(test)]
pub(super) mod tests;
mod total;
pub(super) mod zenskar;

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

pub(super) use self::operation::Describe;
use super::router::{JSON, REQUEST_ID, Route, answer, routes};
use super::words::Words;

static TEXT: LazyLock<String> = LazyLock::new(|| document(routes()).to_string());

/// The document.
pub(super) async fn openapi() -> Response<Body> {
    answer(StatusCode::OK, JSON, TEXT.clone())
}

fn document(routes: Vec<Route>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for Route { method, path, need, told, .. } in routes {
        let words = Words::of(path);
        for describe in told {
            let operation = describe();
            let place = paths.entry(operation.path(path)).or_insert_with(|| json!({}));
            place[method.as_str().to_ascii_lowercase()] = operation.told(words, need);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "odometer",
            "summary": "Definitions and totals of a running odometer.",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The listener that tells this." }],
        "tags": tags(),
        "paths": paths,
        "components": components(),
    })
}

const ABOUT: &str = "Every call of the admin listener: its own, and those by which Lago, Maple and Zenskar define metrics, in \
    these systems' words.\n\nA path that is not told of is answered 404. A method that a path does not take is answered \
    405, below /api/v1/billable_metrics 404, as Lago does.\n\nEvery answer has the header `x-request-id`: the request's \
    own, where that has 1 to 128 bytes, else a new one.";

fn tags() -> Value {
    let tags = [
        ("operating", "Health, series, totals so far, the log, and this document."),
        ("native", "Definitions as odometer has them."),
        ("lago", "Billable metrics in Lago's words, of both generations of its API."),
        ("maple", "Billable metrics in Maple's words."),
        ("zenskar", "Aggregates in Zenskar's words."),
    ];
    tags.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect()
}

fn components() -> Value {
    let parts = [
        refusal::schemas(),
        operating::schemas(),
        total::schemas(),
        definition::schemas(),
        native::schemas(),
        lago::schemas(),
        maple::schemas(),
        zenskar::schemas(),
    ];
    let schemas: Map<String, Value> = parts.into_iter().flatten().collect();
    let keys = "A key of `admin.keys`, with a role: `read`, `define` or `operate`, each of which may do what those before it \
        may. Where no keys are configured this machine alone is answered, and needs none.";
    json!({
        "schemas": schemas,
        "parameters": { "RequestId": {
            "name": REQUEST_ID, "in": "header",
            "description": "Names the request; one of 1 to 128 bytes is that of the answer, else this has a new one.",
            "schema": { "type": "string" },
        } },
        "headers": { "RequestId": {
            "description": "Names the request.", "schema": { "type": "string" }, "required": true,
        } },
        "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer", "description": keys },
            "header": {
                "type": "apiKey", "in": "header", "name": "x-api-key",
                "description": "The same key, where Zenskar's clients have it.",
            },
        },
    })
}
