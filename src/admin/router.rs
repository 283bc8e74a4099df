//! Paths and what they answer (interfaces, "Admin listener").

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri};
use axum::routing::get;
use serde_json::json;

use super::readiness::{Obstacle, Readiness};
use crate::telemetry::Series;

const JSON: &str = "application/json";
/// Prometheus' text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the answers are made of.
#[derive(Clone)]
struct Shared {
    series: Arc<Series>,
    readiness: Arc<Readiness>,
}

/// Every path.
pub(super) fn router(series: Arc<Series>, readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Shared { series, readiness })
}

/// The process is alive: it answers.
async fn healthz() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "alive": true }).to_string())
}

/// `{"ready": true, "obstacles": []}`, or 503 with what is not ready, why and since when.
async fn readyz(State(shared): State<Shared>) -> Response<Body> {
    let obstacles = shared.readiness.obstacles();
    let is_ready = obstacles.is_empty();
    let listed: Vec<serde_json::Value> = obstacles.iter().map(obstacle_body).collect();
    let body = json!({ "ready": is_ready, "obstacles": listed });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, JSON, body.to_string())
}

fn obstacle_body(obstacle: &Obstacle) -> serde_json::Value {
    let Obstacle { what, reason, since } = obstacle;
    json!({ "what": what, "reason": reason, "since": since.to_string() })
}

async fn metrics(State(shared): State<Shared>) -> Response<Body> {
    answer(StatusCode::OK, PROMETHEUS, shared.series.text())
}

async fn no_such_path(uri: Uri) -> Response<Body> {
    let message = format!("there is no {}: try /healthz, /readyz or /metrics", uri.path());
    fault(StatusCode::NOT_FOUND, "not_found", &message)
}

async fn no_such_method(method: Method, uri: Uri) -> Response<Body> {
    let message = format!("{} takes GET, not {method}", uri.path());
    fault(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message)
}

fn fault(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({ "error": { "code": code, "message": message, "faults": [] } });
    answer(status, JSON, body.to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
