//! In whose words a request is refused that no handler answers: those of the system whose API its path belongs to.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::access::Denied;
use super::router::{fault, refused};
use super::{Refusal, lago, zenskar};

/// Whose words a refusal has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    Native,
    Lago,
    Zenskar,
}

/// Why no handler answers.
pub(super) enum Unanswered {
    /// Who asks is not let in.
    Denied(Denied),
    /// There is no such path; what is told natively.
    NoSuchPath(String),
    /// The path takes other methods; what is told natively.
    NoSuchMethod(String),
    /// It took longer than an answer may.
    TooLong,
    /// Something is broken.
    Failed(String),
}

impl Words {
    /// The words of what is asked by that path.
    pub(super) fn of(path: &str) -> Self {
        let is_below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is_below("/aggregates") {
            Words::Zenskar
        } else if is_below("/api/v1") {
            Words::Lago
        } else {
            Words::Native
        }
    }

    /// The answer in these words.
    pub(super) fn refuse(self, unanswered: Unanswered) -> Response<Body> {
        if let Unanswered::Failed(text) = &unanswered {
            tracing::error!(reason = %text, "a request failed");
        }
        match self {
            Words::Native => native(unanswered),
            Words::Lago => lago::unanswered(&unanswered),
            Words::Zenskar => zenskar::unanswered(&unanswered),
        }
    }
}

fn native(unanswered: Unanswered) -> Response<Body> {
    match unanswered {
        Unanswered::Denied(denied) => denial(denied),
        Unanswered::NoSuchPath(text) => fault(StatusCode::NOT_FOUND, "not_found", &text, &[]),
        Unanswered::NoSuchMethod(text) => {
            fault(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &text, &[])
        }
        Unanswered::TooLong => {
            let text = "the answer took too long: whether anything was changed is not known";
            fault(StatusCode::GATEWAY_TIMEOUT, "timeout", text, &[])
        }
        Unanswered::Failed(text) => refused(Refusal::Failed(text)),
    }
}

fn denial(denied: Denied) -> Response<Body> {
    match denied {
        Denied::Unauthorized => {
            let text = "give a key that is valid, as Authorization: Bearer KEY";
            fault(StatusCode::UNAUTHORIZED, "unauthorized", text, &[])
        }
        Denied::NotLocal => {
            let text = "no keys are configured, so only this machine is answered: see admin.keys";
            fault(StatusCode::FORBIDDEN, "forbidden", text, &[])
        }
        Denied::Forbidden(role) => {
            let text = format!("the key may not do that: it needs the role {}", role.name());
            fault(StatusCode::FORBIDDEN, "forbidden", &text, &[])
        }
        Denied::TooMany => {
            let text =
                "too many requests without a valid key came from this address: wait a minute";
            fault(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", text, &[])
        }
    }
}
