//! Whose words an answer has: the native ones, or those of the system whose path was called.
//!
//! Answers that no handler makes are made here: of requests that are not let in, of unknown paths and methods, and of what
//! takes too long.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::access::Denied;
use super::router::{Shared, fault, refused};
use super::{Refusal, lago, maple, zenskar};

/// What the paths of each system begin with; the longer one first.
const FAMILIES: [(&str, Words); 3] = [
    ("/api/v1/companies/", Words::Maple),
    ("/api/v1/", Words::Lago),
    ("/aggregates", Words::Zenskar),
];

/// Whose words a call's refusals have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    Native,
    Lago,
    Maple,
    Zenskar,
}

impl Words {
    /// By what a path begins with.
    pub(super) fn of(path: &str) -> Self {
        let family = FAMILIES.iter().find(|(prefix, _)| path.starts_with(prefix));
        family.map_or(Words::Native, |(_, words)| *words)
    }

    /// Why a request was not let in.
    pub(super) fn denial(self, denied: Denied) -> Response<Body> {
        let mut response = self.denied(denied);
        if let Denied::TooMany(seconds) = denied {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn denied(self, denied: Denied) -> Response<Body> {
        match self {
            Words::Native => {
                let (status, code, text) = told(denied);
                fault(status, code, &text, &[])
            }
            Words::Lago => lago::denial(denied),
            Words::Maple => {
                let (status, code, text) = told(denied);
                maple::refusal(status, code, &text)
            }
            Words::Zenskar if denied == Denied::Unauthorized => {
                let text = "give a key that is valid, as x-api-key";
                zenskar::refused(StatusCode::UNAUTHORIZED, text)
            }
            Words::Zenskar => {
                let (status, _, text) = told(denied);
                zenskar::refused(status, &text)
            }
        }
    }

    /// There is no such path.
    pub(super) fn no_such_path(self, path: &str) -> Response<Body> {
        match self {
            Words::Native => {
                let text = format!(
                    "there is no {path}: try /healthz, /readyz, /metrics, /openapi.json, /v1/usage, /v1/metrics or /v1/log-level"
                );
                fault(StatusCode::NOT_FOUND, "not_found", &text, &[])
            }
            Words::Lago => lago::no_such_path(),
            Words::Maple => {
                let text = format!("there is no {path}");
                maple::refusal(StatusCode::NOT_FOUND, "not_found", &text)
            }
            Words::Zenskar => zenskar::refused(StatusCode::NOT_FOUND, "Not Found"),
        }
    }

    /// The path takes other methods.
    pub(super) fn no_such_method(
        self,
        path: &str,
        method: &Method,
        taken: &[String],
    ) -> Response<Body> {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let text = format!("{path} takes {}, not {method}", taken.join(" and "));
        match self {
            Words::Native => fault(status, "method_not_allowed", &text, &[]),
            // To Lago another method is another path.
            Words::Lago => lago::no_such_path(),
            Words::Maple => maple::refusal(status, "method_not_allowed", &text),
            Words::Zenskar => zenskar::refused(status, "Method Not Allowed"),
        }
    }

    /// Something is broken.
    pub(super) fn failed(self, text: &str) -> Response<Body> {
        match self {
            Words::Native => refused(Refusal::Failed(text.to_owned())),
            Words::Lago => lago::failed(text),
            Words::Maple => maple::failed(text),
            Words::Zenskar => zenskar::failed(text),
        }
    }

    /// The answer took too long.
    pub(super) fn too_late(self) -> Response<Body> {
        let status = StatusCode::GATEWAY_TIMEOUT;
        let text = "the answer took too long: whether anything was changed is not known";
        match self {
            Words::Native => fault(status, "timeout", text, &[]),
            Words::Lago => lago::too_late(),
            Words::Maple => maple::refusal(status, "timeout", text),
            Words::Zenskar => zenskar::refused(status, text),
        }
    }
}

fn told(denied: Denied) -> (StatusCode, &'static str, String) {
    match denied {
        Denied::Unauthorized => {
            let text = "give a key that is valid, as Authorization: Bearer KEY";
            (StatusCode::UNAUTHORIZED, "unauthorized", text.to_owned())
        }
        Denied::NotLocal => {
            let text = "no keys are configured, so only this machine is answered: see admin.keys";
            (StatusCode::FORBIDDEN, "forbidden", text.to_owned())
        }
        Denied::OtherSite => {
            let text = "no keys are configured, so pages of other sites are not answered, nor a Host that is no name or \
                        address of this machine: see admin.keys and admin.cors_origins";
            (StatusCode::FORBIDDEN, "forbidden", text.to_owned())
        }
        Denied::Forbidden(role) => {
            let text = format!("the key may not do that: it needs the role {}", role.name());
            (StatusCode::FORBIDDEN, "forbidden", text)
        }
        Denied::Starting => {
            let text = "the process is starting, and has not read what is defined: try again";
            (StatusCode::SERVICE_UNAVAILABLE, "starting", text.to_owned())
        }
        Denied::TooMany(seconds) => {
            let text = format!(
                "too many requests with a key that is none came from this address: wait {seconds} s"
            );
            (StatusCode::TOO_MANY_REQUESTS, "too_many_failures", text)
        }
    }
}

/// What a path names, decoded. What is no UTF-8 names nothing.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let named = Path::<T>::from_request_parts(parts, shared).await;
        let path = parts.uri.path();
        named.map(|Path(named)| Named(named)).map_err(|_| Words::of(path).no_such_path(path))
    }
}
