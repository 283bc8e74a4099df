//! The body of a request, as a text.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;

/// Longest body of a request.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// A body as it came.
pub(super) type Asked = Result<Bytes, BytesRejection>;

/// Why a body is no text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// It has over [`BODY_BYTES_MAX`] bytes.
    TooLarge,
    /// It was cut off, or is no UTF-8.
    NoText(String),
}

/// The body's text.
pub(super) fn text(body: Asked) -> Result<String, Unread> {
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Unread::TooLarge
        } else {
            Unread::NoText(rejection.body_text())
        }
    })?;
    String::from_utf8(body.into()).map_err(|error| Unread::NoText(error.to_string()))
}

/// What is told of a body that is too large.
pub(super) fn too_large() -> String {
    format!("the body has over {BODY_BYTES_MAX} bytes")
}
