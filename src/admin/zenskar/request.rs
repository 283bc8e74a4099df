//! What the calls are made of: an organisation, an id, parameters and a body. Every fault of them is kept, and told at once.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::answer::Refused;
use crate::admin::access::Caller;
use crate::admin::body::{self, Asked, Unread};
use crate::admin::router::{Parameters, Shared};
use crate::dialect::zenskar::Detail;
use crate::dialect::{Fault, Step};

/// The header that says whose aggregates are meant.
pub(in crate::admin) const ORGANISATION: &str = "organisation";
/// The last step of a path.
const ID: &str = "aggregate_id";

/// What is wrong with a request so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Detail>);

/// The header `organisation`.
pub(in crate::admin) struct Organisation(Result<String, Fault>);

/// The id that a path ends with.
pub(in crate::admin) struct Id(Result<String, Fault>);

/// Parameters that wait to be taken.
pub(super) struct Query {
    waiting: Vec<(String, String)>,
}

impl Faults {
    /// What was read of a part of the request (`path`, `query`, `header`, `body`), unless it has faults.
    pub(super) fn take<T>(&mut self, part: &str, read: Result<T, Vec<Fault>>) -> Option<T> {
        read.map_err(|faults| self.0.extend(faults.iter().map(|fault| Detail::new(part, fault))))
            .ok()
    }

    /// A fault of a parameter.
    pub(super) fn of_query(&mut self, fault: &Fault) {
        self.0.push(Detail::new("query", fault));
    }

    /// What was read, or all faults.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Refused> {
        read.filter(|_| self.0.is_empty()).ok_or(Refused::Faults(self.0))
    }
}

impl Organisation {
    /// The tenant that is meant, where the caller may see it.
    ///
    /// # Errors
    /// Another tenant than the key's, whether or not there is one.
    pub(super) fn tenant(
        self,
        shared: &Shared,
        caller: &Caller,
        faults: &mut Faults,
    ) -> Result<Option<String>, Refused> {
        let Some(organisation) = faults.take("header", self.0.map_err(|fault| vec![fault])) else {
            return Ok(None);
        };
        let tenant = shared.shown.tenants.of_organisation(&organisation);
        if caller.may_see(&tenant) { Ok(Some(tenant)) } else { Err(Refused::Forbidden) }
    }
}

impl FromRequestParts<Shared> for Organisation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Infallible> {
        let header = parts.headers.get(ORGANISATION);
        Ok(Organisation(match header {
            None => Err(missing(ORGANISATION)),
            Some(value) => uuid(ORGANISATION, &String::from_utf8_lossy(value.as_bytes())),
        }))
    }
}

impl Id {
    pub(super) fn take(self, faults: &mut Faults) -> Option<String> {
        faults.take("path", self.0.map_err(|fault| vec![fault]))
    }
}

impl FromRequestParts<Shared> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Infallible> {
        let step = Path::<String>::from_request_parts(parts, shared).await;
        Ok(Id(uuid(ID, step.as_deref().map_or("", String::as_str))))
    }
}

impl Query {
    pub(super) fn of(parameters: Parameters, faults: &mut Faults) -> Self {
        let read = parameters.map_err(|error| {
            vec![Fault { path: Vec::new(), code: "value_error", message: error.body_text() }]
        });
        let waiting = faults.take("query", read).map(|axum::extract::Query(waiting)| waiting);
        Query { waiting: waiting.unwrap_or_default() }
    }

    /// Takes a parameter; of one that is repeated the last counts. One that is empty is as if it were not there.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        let mut found = None;
        self.waiting.retain(|(key, value)| {
            let is_it = key == name;
            if is_it {
                found = Some(value.clone());
            }
            !is_it
        });
        found.filter(|value| !value.is_empty())
    }

    /// Takes a list with commas between, which may come in pieces, a parameter each.
    pub(super) fn list(&mut self, name: &str) -> Option<String> {
        let is_piece = |(key, value): &mut (String, String)| key == name && !value.is_empty();
        let pieces: Vec<String> =
            self.waiting.extract_if(.., is_piece).map(|(_, value)| value).collect();
        self.waiting.retain(|(key, _)| key != name);
        (!pieces.is_empty()).then(|| pieces.join(","))
    }

    /// Takes a parameter that must be there.
    pub(super) fn required(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let found = self.optional(name);
        if found.is_none() {
            faults.of_query(&missing(name));
        }
        found
    }

    /// Takes a parameter that must be a UUID.
    pub(super) fn required_id(&mut self, name: &str, faults: &mut Faults) -> Option<String> {
        let text = self.required(name, faults)?;
        faults.take("query", uuid(name, &text).map_err(|fault| vec![fault]))
    }

    /// Takes a whole number of that range.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
        faults: &mut Faults,
    ) -> Option<usize> {
        let text = self.optional(name)?;
        let (least, most) = (range.start(), range.end());
        let (code, message) = match text.parse::<usize>() {
            Ok(number) if range.contains(&number) => return Some(number),
            Ok(number) if number < *least => {
                ("greater_than_equal", format!("Input should be greater than or equal to {least}"))
            }
            Ok(_) => ("less_than_equal", format!("Input should be less than or equal to {most}")),
            Err(_) => {
                ("int_parsing", format!("Input should be a whole number from {least} to {most}"))
            }
        };
        faults.of_query(&fault(name, code, message));
        None
    }

    /// Takes every parameter that is left.
    pub(super) fn rest(self) -> Vec<(String, String)> {
        self.waiting
    }
}

/// The text of a body.
///
/// # Errors
/// One that is too large, which is told alone.
pub(super) fn text(asked: Asked) -> Result<Result<String, Vec<Fault>>, Refused> {
    let fault = |code, message: &str| {
        Ok(Err(vec![Fault { path: Vec::new(), code, message: message.to_owned() }]))
    };
    match body::text(asked) {
        Ok(text) if text.is_empty() => fault("missing", "Field required"),
        Ok(text) => Ok(Ok(text)),
        Err(Unread::TooLarge) => Err(Refused::TooLarge),
        Err(Unread::NoText(message)) => {
            fault("json_invalid", &format!("JSON decode error: {message}"))
        }
    }
}

/// The UUID that a text is, in its usual form.
pub(in crate::admin) fn uuid_of(text: &str) -> Option<String> {
    uuid("", text).ok()
}

/// A UUID in its usual form.
///
/// # Errors
/// What no UUID is written as.
pub(super) fn uuid(name: &str, text: &str) -> Result<String, Fault> {
    let bare = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let bare = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(bare);
    let groups: Vec<usize> = bare.split('-').map(str::len).collect();
    let digits = bare.replace('-', "");
    let is_uuid = (groups == [8, 4, 4, 4, 12] || groups == [32])
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_uuid {
        let message = "Input should be a valid UUID, such as 3c90c3cc-0d44-4b50-8888-8dd25736052a";
        return Err(fault(name, "uuid_parsing", message.to_owned()));
    }
    let digits = digits.to_ascii_lowercase();
    Ok([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

pub(super) fn fault(name: &str, code: &'static str, message: String) -> Fault {
    Fault { path: vec![Step::Key(name.to_owned())], code, message }
}

fn missing(name: &str) -> Fault {
    fault(name, "missing", "Field required".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_in_each_of_their_forms() {
        let usual = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
        for text in [
            usual,
            "3C90C3CC-0D44-4B50-8888-8DD25736052A",
            "3c90c3cc0d444b5088888dd25736052a",
            "{3c90c3cc-0d44-4b50-8888-8dd25736052a}",
            "urn:uuid:3c90c3cc-0d44-4b50-8888-8dd25736052a",
        ] {
            assert_eq!(uuid("id", text), Ok(usual.to_owned()), "{text}");
        }
        for text in ["", "x", "3c90c3cc-0d44-4b50-8888-8dd25736052", "-", "é", &"-".repeat(36)] {
            assert!(uuid("id", text).is_err(), "{text}");
        }
        let misplaced = "3c90c3cc0-d44-4b50-8888-8dd25736052a";
        assert!(uuid("id", misplaced).is_err());
        assert!(uuid("id", "3c90c3cc-0d44-4b50-8888-8dd2573605é").is_err());
    }
}
