//! What operators ask: health, series, totals so far, and the log's level.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use super::access::Caller;
use super::body::Asked;
use super::gather::{self, Sender};
use super::native;
use super::readiness::Obstacle;
use super::router::{JSON, Parameters, Shared, answer, fault, refused};
use super::{Refusal, Shown, UsageAsk};
use crate::telemetry::log;

/// Prometheus' text format, version 0.0.4.
pub(super) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process is alive: it answers.
pub(super) async fn healthz() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "alive": true }).to_string())
}

/// `{"ready": true, "obstacles": [], "warnings": []}`, or 503 with what is not ready and since when. Why, is told to those
/// who may see every tenant, for a reason may name a tenant, a metric or a customer.
pub(super) async fn readyz(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response<Body> {
    let obstacles = shared.shown.readiness.obstacles();
    let warnings = shared.shown.readiness.warnings();
    let is_ready = obstacles.is_empty();
    let is_all_well = is_ready && warnings.is_empty();
    let is_told_why = is_all_well || shared.sees_every_tenant(peer.ip(), headers).await;
    let withheld = (!is_told_why).then(|| shared.reason_withheld());
    let told = |obstacle: &Obstacle| obstacle_body(obstacle, withheld);
    let listed: Vec<serde_json::Value> = obstacles.iter().map(told).collect();
    let warnings: Vec<serde_json::Value> = warnings.iter().map(told).collect();
    let body = json!({ "ready": is_ready, "obstacles": listed, "warnings": warnings });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, JSON, body.to_string())
}

fn obstacle_body(obstacle: &Obstacle, withheld: Option<&str>) -> serde_json::Value {
    let Obstacle { what, reason, since } = obstacle;
    let reason = withheld.unwrap_or(reason);
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
    sender: Sender,
    query: Parameters,
) -> Response<Body> {
    if sender.is_this(shared.shown.peers.as_ref()) {
        let text = "the process that asks is this one";
        return fault(StatusCode::MISDIRECTED_REQUEST, "own_address", text, &[]);
    }
    let ask = native::parameters(query)
        .and_then(|parameters| UsageAsk::read(parameters, |named| caller.tenant(named)));
    let ask = match ask {
        Ok(ask) => ask,
        Err(refusal) => return refused(refusal),
    };
    match gather::page(&shared, &sender, ask).await {
        Ok(page) => answer(StatusCode::OK, JSON, page.body()),
        Err(refusal) => refused(refusal),
    }
}

/// Which lines the log has: a level, or levels by module.
pub(super) async fn log_level() -> Response<Body> {
    answer(StatusCode::OK, JSON, json!({ "level": log::filter() }).to_string())
}

/// Other lines from now on, as long as the process lives: `{"level": "warn,odometer=debug"}`.
pub(super) async fn change_log_level(body: Asked) -> Response<Body> {
    let wanted = native::object(body).and_then(|body| {
        let fault =
            |path: &str, text: &str| Err(Refusal::Faults(vec![(path.to_owned(), text.to_owned())]));
        if let Some(unknown) = body.keys().find(|key| *key != "level") {
            return fault(unknown, "is no key of this call, which takes level alone");
        }
        match body.get("level").and_then(|level| level.as_str()) {
            Some(level) => Ok(level.to_owned()),
            None => fault("level", "is no text: expected one such as \"warn,odometer=debug\""),
        }
    });
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return refused(refusal),
    };
    match log::change_filter(&wanted) {
        Ok(()) => {
            tracing::info!(filter = wanted, "the log's level was changed");
            log_level().await
        }
        Err(error) => refused(Refusal::Faults(vec![("level".to_owned(), error.to_string())])),
    }
}
