//! What pages of other origins may do in a browser (CORS, by the Fetch standard): nothing, unless their origin is named.
//!
//! A browser asks before it sends a call with a key; that question bears none, and is answered without.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::access::API_KEY;
use super::maple::IDEMPOTENCY_KEY;
use super::router::{REQUEST_ID, routes};
use super::zenskar::ORGANISATION;

/// Pages that may read answers.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Origins {
    /// Those of no other origin.
    #[default]
    None,
    /// Every page there is.
    Any,
    /// Those of these origins.
    Listed(Vec<Origin>),
}

/// Where a page comes from, as browsers write it: scheme, host and, where it is not the scheme's own, port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(HeaderValue);

impl Origin {
    /// Reads one.
    ///
    /// # Errors
    /// What it should be.
    pub fn read(text: &str) -> Result<Self, String> {
        let fault = || {
            "is no origin: write scheme://host or scheme://host:port, such as \"https://console.example\", without a path".to_owned()
        };
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(fault());
        };
        let is_bare = uri.path().trim_matches('/').is_empty() && uri.query().is_none();
        if !is_bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(fault());
        }
        let own_port = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let port = authority.port_u16().filter(|port| Some(*port) != own_port);
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let sent = format!("{scheme}://{}{port}", authority.host()).to_ascii_lowercase();
        if text != sent {
            return Err(format!("is never sent by a browser: write {sent:?}"));
        }
        HeaderValue::from_str(text).map(Origin).map_err(|_| fault())
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Lets pages of these origins call everything that is there. Every answer says so, also those that refuse.
pub(super) fn opened(router: Router, origins: &Origins) -> Router {
    let allowed = match origins {
        Origins::None => return router,
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(origins) => {
            AllowOrigin::list(origins.iter().map(|Origin(text)| text.clone()))
        }
    };
    let methods: BTreeSet<String> = routes().iter().map(|route| route.method.to_string()).collect();
    let methods = methods.iter().filter_map(|name| name.parse::<Method>().ok());
    let headers = [API_KEY, IDEMPOTENCY_KEY, ORGANISATION, REQUEST_ID];
    let headers = headers.map(HeaderName::from_static);
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(methods.collect::<Vec<_>>())
        .allow_headers([AUTHORIZATION, CONTENT_TYPE].into_iter().chain(headers).collect::<Vec<_>>())
        .expose_headers([HeaderName::from_static(REQUEST_ID)]);
    router.layer(layer)
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn origin_is_taken_as_browsers_send_it() {
        for right in [
            "https://console.example",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "app://console",
        ] {
            assert_eq!(Origin::read(right).as_ref().map(Origin::text), Ok(right));
        }
        for (wrong, words) in [
            ("console.example", "scheme://host"),
            ("https://", "scheme://host"),
            ("https://console.example/app", "without a path"),
            ("https://console.example?x", "without a path"),
            ("https://me@console.example", "scheme://host"),
            ("https://müller.example", "scheme://host"),
            ("null", "scheme://host"),
            ("", "scheme://host"),
            ("https://console.example/", r#"write "https://console.example""#),
            ("https://console.example:443", r#"write "https://console.example""#),
            ("HTTPS://Console.example", r#"write "https://console.example""#),
        ] {
            let fault = Origin::read(wrong).expect_err(wrong);
            assert!(fault.contains(words), "{wrong}: {fault}");
        }
    }
}
