//! Paths and what they answer (interfaces, "Admin listener").

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::readiness::Obstacle;
use super::{Live, MetricsAsk, Refusal, Shown, UsageAsk};
use crate::telemetry::log;

const JSON: &str = "application/json";
/// Prometheus' text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many requests read states at once; others wait.
const READERS: usize = 2;

/// Shared by all requests.
#[derive(Clone)]
struct Shared {
    shown: Shown,
    readers: Arc<Semaphore>,
}

/// Every path.
pub(super) fn router(shown: Shown) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/usage", get(usage))
        .route("/v1/metrics", get(definitions))
        .route("/v1/log-level", get(log_level).put(change_log_level))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(Shared { shown, readers: Arc::new(Semaphore::new(READERS)) })
}

/// The process is alive: it answers.
async fn healthz() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "alive": true }).to_string())
}

/// `{"ready": true, "obstacles": []}`, or 503 with what is not ready, why and since when.
async fn readyz(State(shared): State<Shared>) -> Response<Body> {
    let obstacles = shared.shown.readiness.obstacles();
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
    let Shown { series, readiness, .. } = &shared.shown;
    series.set_ready(readiness.is_ready());
    answer(StatusCode::OK, PROMETHEUS, series.text())
}

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Totals so far.
async fn usage(State(shared): State<Shared>, query: Parameters) -> Response<Body> {
    let answer = |live: &dyn Live, ask| live.usage(&ask).map(|page| page.body());
    look(&shared, query, UsageAsk::read, answer).await
}

/// What is defined.
async fn definitions(State(shared): State<Shared>, query: Parameters) -> Response<Body> {
    let answer = |live: &dyn Live, ask| live.metrics(&ask);
    look(&shared, query, MetricsAsk::read, answer).await
}

/// Reads what is asked, and answers it on a thread of its own: whoever asks for health waits for nobody.
async fn look<A: Send + 'static>(
    shared: &Shared,
    query: Parameters,
    read: impl Fn(Vec<(String, String)>) -> Result<A, Refusal>,
    answer_of: impl Fn(&dyn Live, A) -> Result<String, Refusal> + Send + 'static,
) -> Response<Body> {
    let ask = match query.map(|Query(parameters)| read(parameters)) {
        Ok(Ok(ask)) => ask,
        Ok(Err(refusal)) => return refused(refusal),
        Err(error) => return fault(StatusCode::BAD_REQUEST, "bad_query", &error.body_text(), &[]),
    };
    let _turn = shared.readers.acquire().await;
    let live = Arc::clone(&shared.shown.live);
    match tokio::task::spawn_blocking(move || answer_of(live.as_ref(), ask)).await {
        Ok(Ok(body)) => answer(StatusCode::OK, JSON, body),
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(Refusal::Failed(error.to_string())),
    }
}

/// Which lines the log has: a level, or levels by module.
async fn log_level() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "level": log::filter() }).to_string())
}

/// Other lines from now on, as long as the process lives: `{"level": "warn,odometer=debug"}`.
async fn change_log_level(body: String) -> Response<Body> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        level: String,
    }
    let wanted: Wanted = match serde_json::from_str(&body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let text = format!("expected {{\"level\": \"debug\"}}, found none: {error}");
            return fault(StatusCode::BAD_REQUEST, "bad_body", &text, &[]);
        }
    };
    match log::change_filter(&wanted.level) {
        Ok(()) => {
            tracing::info!(level = wanted.level, "the log's level was changed");
            log_level().await
        }
        Err(error) => refused(Refusal::Faults(vec![("level".to_owned(), error.to_string())])),
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::NotFound(text) => fault(StatusCode::NOT_FOUND, "not_found", &text, &[]),
        Refusal::Faults(faults) => {
            let text = "what was asked has faults: see each";
            fault(StatusCode::UNPROCESSABLE_ENTITY, "invalid", text, &faults)
        }
        Refusal::Failed(text) => {
            tracing::error!(reason = %text, "usage cannot be read");
            fault(StatusCode::INTERNAL_SERVER_ERROR, "failed", &text, &[])
        }
    }
}

async fn no_such_path(uri: Uri) -> Response<Body> {
    let message = format!(
        "there is no {}: try /healthz, /readyz, /metrics, /v1/usage, /v1/metrics or /v1/log-level",
        uri.path()
    );
    fault(StatusCode::NOT_FOUND, "not_found", &message, &[])
}

async fn no_such_method(method: Method, uri: Uri) -> Response<Body> {
    let taken = if uri.path() == "/v1/log-level" { "GET and PUT" } else { "GET" };
    let message = format!("{} takes {taken}, not {method}", uri.path());
    fault(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message, &[])
}

fn fault(
    status: StatusCode,
    code: &str,
    message: &str,
    faults: &[(String, String)],
) -> Response<Body> {
    let listed: Vec<_> =
        faults.iter().map(|(path, text)| json!({ "path": path, "message": text })).collect();
    let body = json!({ "error": { "code": code, "message": message, "faults": listed } });
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
