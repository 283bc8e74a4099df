//! What a call of Maple's names: a company, which is a tenant, perhaps one of its metrics, and the key by which the call is
//! known again.

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::Response;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::refused::Refused;
use crate::admin::access::Caller;
use crate::admin::making;
use crate::admin::router::Shared;
use crate::admin::words::Words;
use crate::dialect::maple::Identity;
use crate::format::definitions::Form;
use crate::model::EventTime;
use crate::registry::{Once, Origin, Record, Registry};

const COMPANY_PREFIX: &str = "cmp_";
pub(in crate::admin) const IDEMPOTENCY_KEY: &str = "idempotency-key";
pub(in crate::admin) const KEY_BYTES_MAX: usize = 255;

/// What a path names: a company, which is a tenant, and perhaps one of its metrics.
pub(in crate::admin) struct Place {
    company_id: String,
    pub(super) tenant: String,
    id: String,
}

/// How a call is known again.
pub(in crate::admin) struct Call {
    key: Option<String>,
    line: String,
}

impl Place {
    pub(super) fn record<'r>(&self, registry: &'r Registry) -> Option<&'r Record> {
        registry.newest(&self.tenant, &self.id).filter(|record| is_shown(record))
    }

    pub(super) fn identity(&self, record: &Record, updated_at: EventTime) -> Identity {
        Identity {
            company_id: self.company_id.clone(),
            id: record.code.clone(),
            created_at: record.created_at,
            updated_at,
        }
    }
}

impl FromRequestParts<Shared> for Place {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, shared).await?;
        let path = parts.uri.path().to_owned();
        let missing = move || Words::Maple.no_such_path(&path);
        let named = RawPathParams::from_request_parts(parts, shared).await;
        let named = named.map_err(|_| missing())?;
        let of = |wanted: &str| {
            let value = named.iter().find(|(name, _)| *name == wanted);
            value.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let (company_id, id) = (of("company_id"), of("id"));
        let is_company =
            company_id.strip_prefix(COMPANY_PREFIX).is_some_and(|name| !name.is_empty());
        match caller.tenant(Some(shared.shown.tenants.of_company(&company_id))) {
            Ok(tenant) if is_company => Ok(Place { company_id, tenant, id }),
            Ok(_) | Err(_) => Err(missing()),
        }
    }
}

impl Call {
    /// How it is known again, with what it sent; `None`: it has no key.
    pub(super) fn once(&self, body: &str) -> Option<Once> {
        let key = self.key.clone()?;
        let digest = Sha256::digest(format!("{}\n{body}", self.line));
        let hex = |byte: &u8| format!("{byte:02x}");
        Some(Once { key, request: digest.iter().map(hex).collect(), warning: None })
    }
}

impl FromRequestParts<Shared> for Call {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        _shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let line = format!("{} {}", parts.method, parts.uri.path());
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Call { key: None, line });
        };
        let key = value.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
        if let Some(key) = key {
            return Ok(Call { key: Some(key.to_owned()), line });
        }
        let text = format!("is a text of 1 to {KEY_BYTES_MAX} ASCII characters");
        Err(Refused::at("Idempotency-Key", "invalid", &text).response())
    }
}

/// One that was made otherwise is among them while it is in use, where Maple can say it.
pub(super) fn is_shown(record: &Record) -> bool {
    record.origin == Origin::Maple
        || (record.deleted_at.is_none() && making::expressed(record, Form::Maple).is_some())
}
