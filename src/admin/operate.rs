//! What operators ask: health, series, totals so far, and the log's level.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::access::Caller;
use super::native;
use super::readiness::Obstacle;
use super::router::{JSON, Parameters, Shared, answer, fault, refused};
use super::{Live, Refusal, Shown, UsageAsk};
use crate::telemetry::log;

/// Prometheus' text format, version 0.0.4.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process is alive: it answers.
pub(super) async fn healthz() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "alive": true }).to_string())
}

/// `{"ready": true, "obstacles": [], "warnings": []}`, or 503 with what is not ready, why and since when.
pub(super) async fn readyz(State(shared): State<Shared>) -> Response<Body> {
    let obstacles = shared.shown.readiness.obstacles();
    let is_ready = obstacles.is_empty();
    let listed: Vec<serde_json::Value> = obstacles.iter().map(obstacle_body).collect();
    let warnings: Vec<serde_json::Value> =
        shared.shown.readiness.warnings().iter().map(obstacle_body).collect();
    let body = json!({ "ready": is_ready, "obstacles": listed, "warnings": warnings });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, JSON, body.to_string())
}

fn obstacle_body(obstacle: &Obstacle) -> serde_json::Value {
    let Obstacle { what, reason, since } = obstacle;
    json!({ "what": what, "reason": reason, "since": since.to_string() })
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Response<Body> {
    let Shown { series, readiness, .. } = &shared.shown;
    series.set_ready(readiness.is_ready());
    answer(StatusCode::OK, PROMETHEUS, series.text())
}

/// Totals so far.
pub(super) async fn usage(
    State(shared): State<Shared>,
    caller: Caller,
    query: Parameters,
) -> Response<Body> {
    let ask = native::parameters(query)
        .and_then(|parameters| UsageAsk::read(parameters, |named| caller.tenant(named)));
    let ask = match ask {
        Ok(ask) => ask,
        Err(refusal) => return refused(refusal),
    };
    // On a thread of its own: whoever asks for health waits for nobody.
    let _turn = shared.readers.acquire().await;
    let live = Arc::clone(&shared.shown.live);
    let looked = tokio::task::spawn_blocking(move || Live::usage(live.as_ref(), &ask)).await;
    match looked {
        Ok(Ok(page)) => answer(StatusCode::OK, JSON, page.body()),
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(Refusal::Failed(error.to_string())),
    }
}

/// Which lines the log has: a level, or levels by module.
pub(super) async fn log_level() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "level": log::filter() }).to_string())
}

/// Other lines from now on, as long as the process lives: `{"level": "warn,odometer=debug"}`.
pub(super) async fn change_log_level(body: String) -> Response<Body> {
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
