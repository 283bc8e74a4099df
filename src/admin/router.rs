//! Paths and what they answer (interfaces, "Admin listener"): one table, in which each route says what it needs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Query, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use serde_json::json;
use tokio::sync::Semaphore;

use super::access::{Access, Caller, Denied};
use super::body::{self, BODY_BYTES_MAX};
use super::openapi::{self as told, Describe, openapi};
use super::words::Words;
use super::{Refusal, Role, Shown, lago, maple, native, operate, zenskar};

pub(super) const JSON: &str = "application/json";
/// Names the request in answers, and in logs of who sent it.
pub(super) const REQUEST_ID: &str = "x-request-id";

const METRICS: &str = "/v1/metrics";
/// A metric; to POST its only code is `validate`.
const METRIC: &str = "/v1/metrics/{code}";
const VERSIONS: &str = "/v1/metrics/{code}/versions";
const LOG_LEVEL: &str = "/v1/log-level";

const LAGO: &str = "/api/v1/billable_metrics";
/// A metric; to POST its only code is `evaluate_expression`.
const LAGO_METRIC: &str = "/api/v1/billable_metrics/{*code}";
const MAPLE: &str = "/api/v1/companies/{company_id}/billable_metrics";
const MAPLE_FIND: &str = "/api/v1/companies/{company_id}/billable_metrics/find";
const MAPLE_METRIC: &str = "/api/v1/companies/{company_id}/billable_metrics/{id}";

const ZENSKAR: &str = "/aggregates";
const ESTIMATES: &str = "/aggregates/estimates";
const AGGREGATE: &str = "/aggregates/{id}";

/// How many requests read states at once; others wait.
const READERS: usize = 2;
/// How many requests ask the other processes at once; others wait.
const GATHERERS: usize = 4;
/// How long an answer may take.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(90);

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) shown: Shown,
    pub(super) readers: Arc<Semaphore>,
    pub(super) gatherers: Arc<Semaphore>,
    access: Arc<Access>,
}

impl Shared {
    /// Whether a request bears a key of all tenants, or needs none.
    pub(super) async fn sees_every_tenant(&self, address: IpAddr, headers: HeaderMap) -> bool {
        let (access, now) = (Arc::clone(&self.access), (self.shown.now)());
        // A hash that is expensive on purpose is worked out elsewhere.
        let admitted = move || access.admit(&headers, address, Role::Read, now);
        let caller = tokio::task::spawn_blocking(admitted).await;
        matches!(caller, Ok(Ok(caller)) if caller.sees_every_tenant())
    }

    /// What stands in place of a reason that is not told to everybody.
    pub(super) fn reason_withheld(&self) -> &'static str {
        if self.shown.keys.is_empty() {
            "this machine alone is told why, for no keys are configured: ask from here, or look into the log"
        } else {
            "ask with a key of all tenants to be told why, or look into the log"
        }
    }
}

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    /// Everybody who reaches the listener: nothing of any tenant is told.
    Nothing,
    /// Who has a key of that role, or of one that may do more.
    Key(Role),
}

/// What stands behind a path's question mark.
pub(super) type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// A call and what it needs.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) need: Need,
    /// What `/openapi.json` tells of it: of a path that stands for several of these, each.
    pub(super) told: Vec<Describe>,
    handler: MethodRouter<Shared>,
}

/// Every call there is.
pub(super) fn routes() -> Vec<Route> {
    use Method as M;
    use Need::{Key, Nothing};
    use Role::{Define, Operate, Read};
    let route = |method, path, need, handler, told: &[Describe]| Route {
        method,
        path,
        need,
        handler,
        told: told.to_vec(),
    };
    vec![
        route(M::GET, "/healthz", Nothing, get(operate::healthz), &[told::operating::healthz]),
        route(M::GET, "/readyz", Nothing, get(operate::readyz), &[told::operating::readyz]),
        route(M::GET, "/metrics", Nothing, get(operate::metrics), &[told::operating::metrics]),
        route(M::GET, "/openapi.json", Nothing, get(openapi), &[told::operating::openapi]),
        route(M::GET, "/v1/usage", Key(Read), get(operate::usage), &[told::operating::usage]),
        route(M::GET, METRICS, Key(Read), get(native::list), &[told::native::list_all]),
        route(M::POST, METRICS, Key(Define), post(native::create), &[told::native::create]),
        route(M::GET, METRIC, Key(Read), get(native::read), &[told::native::read]),
        route(M::PATCH, METRIC, Key(Define), patch(native::patch), &[told::native::patch]),
        route(M::DELETE, METRIC, Key(Define), delete(native::delete), &[told::native::delete]),
        route(M::POST, METRIC, Key(Read), post(native::validate), &[told::native::validate]),
        route(M::GET, VERSIONS, Key(Read), get(native::versions), &[told::native::versions]),
        route(M::GET, LOG_LEVEL, Key(Read), get(operate::log_level), &[told::operating::log_level]),
        route(
            M::PUT,
            LOG_LEVEL,
            Key(Operate),
            put(operate::change_log_level),
            &[told::operating::change_log_level],
        ),
        route(M::GET, LAGO, Key(Read), get(lago::list), &[told::lago::list_all]),
        route(M::POST, LAGO, Key(Define), post(lago::create), &[told::lago::create]),
        route(M::POST, LAGO_METRIC, Key(Read), post(lago::evaluate), &[told::lago::evaluate]),
        route(
            M::GET,
            LAGO_METRIC,
            Key(Read),
            get(lago::read_one),
            &[told::lago::read_one, told::lago::groups],
        ),
        route(M::PUT, LAGO_METRIC, Key(Define), put(lago::update), &[told::lago::update]),
        route(M::DELETE, LAGO_METRIC, Key(Define), delete(lago::delete), &[told::lago::delete]),
        route(M::POST, MAPLE, Key(Define), post(maple::create), &[told::maple::create]),
        route(M::POST, MAPLE_FIND, Key(Read), post(maple::find), &[told::maple::find]),
        route(M::GET, MAPLE_METRIC, Key(Read), get(maple::read_one), &[told::maple::read_one]),
        route(M::PATCH, MAPLE_METRIC, Key(Define), patch(maple::update), &[told::maple::update]),
        route(M::GET, ZENSKAR, Key(Read), get(zenskar::list), &[told::zenskar::list_all]),
        route(M::POST, ZENSKAR, Key(Define), post(zenskar::create), &[told::zenskar::create]),
        route(M::GET, ESTIMATES, Key(Read), get(zenskar::estimates), &[told::zenskar::estimates]),
        route(M::GET, AGGREGATE, Key(Read), get(zenskar::read_one), &[told::zenskar::read_one]),
        route(M::PATCH, AGGREGATE, Key(Define), patch(zenskar::update), &[told::zenskar::update]),
        route(M::DELETE, AGGREGATE, Key(Define), delete(zenskar::delete), &[told::zenskar::delete]),
    ]
}

/// Every path.
pub(super) fn router(shown: Shown) -> Router {
    let access = Arc::new(Access::new(shown.keys.to_vec(), shown.origins.clone()));
    let [readers, gatherers] = [READERS, GATHERERS].map(|count| Arc::new(Semaphore::new(count)));
    let shared = Shared { shown, readers, gatherers, access };
    let mut router = Router::new();
    for Route { path, need, handler, .. } in routes() {
        let guarded = match need {
            Need::Nothing => handler,
            Need::Key(role) => handler
                .route_layer(from_fn_with_state((shared.clone(), role, Words::of(path)), admitted)),
        };
        router = router.route(path, guarded);
    }
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(numbered))
        .with_state(shared)
}

/// Lets a request in whose key may do what the route needs.
async fn admitted(
    State((shared, role, words)): State<(Shared, Role, Words)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let now = (shared.shown.now)();
    let access = Arc::clone(&shared.access);
    let headers = request.headers().clone();
    // A hash that is expensive on purpose is worked out elsewhere.
    let admitted =
        tokio::task::spawn_blocking(move || access.admit(&headers, peer.ip(), role, now)).await;
    let is_known = role == Role::Operate || shared.shown.catalogue.is_known();
    let admitted = admitted.map(|admitted| match admitted {
        Ok(_) if !is_known => Err(Denied::Starting),
        admitted => admitted,
    });
    match admitted {
        Ok(Ok(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(Err(denied)) => words.denial(denied),
        Err(error) => words.failed(&error.to_string()),
    }
}

/// Who a guarded route is called by.
impl FromRequestParts<Shared> for Caller {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        _shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| Words::of(parts.uri.path()).denial(Denied::Unauthorized))
    }
}

/// Gives each answer the name of its request, and takes no longer than it may.
async fn numbered(request: Request, next: Next) -> Response<Body> {
    let own = request.headers().get(REQUEST_ID).filter(|id| !id.is_empty() && id.len() <= 128);
    let id = own.cloned().or_else(|| HeaderValue::from_str(&native::new_id()).ok());
    let words = Words::of(request.uri().path());
    let answer = tokio::time::timeout(ANSWER_MAX, next.run(request)).await;
    let mut answer = answer.unwrap_or_else(|_| words.too_late());
    if let Some(id) = id {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

pub(super) fn refused(refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::NotFound(text) => fault(StatusCode::NOT_FOUND, "not_found", &text, &[]),
        Refusal::Faults(faults) => {
            let text = "what was asked has faults: see each";
            fault(StatusCode::UNPROCESSABLE_ENTITY, "invalid", text, &faults)
        }
        Refusal::NoJson(text) => fault(StatusCode::BAD_REQUEST, "bad_body", &text, &[]),
        Refusal::TooLarge => {
            fault(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &body::too_large(), &[])
        }
        Refusal::Failed(text) => {
            tracing::error!(reason = %text, "a request failed");
            fault(StatusCode::INTERNAL_SERVER_ERROR, "failed", &text, &[])
        }
    }
}

async fn no_such_path(uri: Uri) -> Response<Body> {
    Words::of(uri.path()).no_such_path(uri.path())
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Response<Body> {
    let mut routes = routes();
    // No metric but the validation is posted to; what else may be done to a metric of that code is not told.
    let is_validation = uri.path() == told::native::VALIDATE;
    let is_meant =
        |route: &Route| route.path != METRIC || (route.method == Method::POST) == is_validation;
    routes.retain(|route| is_of(uri.path(), route.path) && is_meant(route));
    // A path that names itself is none that a parameter stands for.
    let parameters = |route: &Route| route.path.matches('{').count();
    let least = routes.iter().map(parameters).min();
    let taken = routes.iter().filter(|route| Some(parameters(route)) == least);
    let taken: Vec<String> = taken.map(|route| route.method.to_string()).collect();
    let mut answer = Words::of(uri.path()).no_such_method(uri.path(), &method, &taken);
    // RFC 9110, 15.5.6. What axum would say of a path takes each code for `validate`.
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Ok(taken) = HeaderValue::from_str(&taken.join(", "))
    {
        answer.headers_mut().insert(ALLOW, taken);
    }
    answer
}

/// Whether a path is one of that form, in which `{code}` stands for any segment.
fn is_of(path: &str, form: &str) -> bool {
    if let Some((prefix, _)) = form.split_once("{*") {
        return path.starts_with(prefix);
    }
    let (segments, forms) = (path.split('/'), form.split('/'));
    segments.clone().count() == forms.clone().count()
        && segments.zip(forms).all(|(segment, form)| form.starts_with('{') || form == segment)
}

pub(super) fn fault(
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

/// An answer without a body, of which there is no type then.
pub(super) fn no_content() -> Response<Body> {
    let mut response = answer(StatusCode::NO_CONTENT, JSON, String::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

pub(super) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: String,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
