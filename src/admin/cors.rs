//! What pages of other origins may do in a browser (CORS, by the Fetch standard): nothing, unless their origin is named.
//!
//! A browser asks before it sends a call with a key; that question bears none, and is answered without.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
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

/// Whether a page of another site has a browser send this: by the `Origin` that it adds, or by a `Host` that an attacker's name
/// server leads to this machine (DNS rebinding). Names without a dot are nobody's but the local network's.
pub(super) fn is_of_other_site(headers: &HeaderMap, allowed: &Origins) -> bool {
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    // Browsers send one always.
    let Some(host) = host else { return headers.contains_key(ORIGIN) };
    let authority = std::str::from_utf8(host).ok().and_then(|host| host.parse::<Authority>().ok());
    let is_local = authority.as_ref().is_some_and(|authority| {
        let name = authority.host();
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        address.map_or_else(
            |_| !name.contains('.') || name.ends_with(".localhost"),
            |address| address.to_canonical().is_loopback(),
        )
    });
    let is_allowed = |origin: &HeaderValue| {
        let own = authority
            .as_ref()
            .map(|own| ["http://", "https://"].map(|scheme| format!("{scheme}{own}")));
        let is_own =
            own.is_some_and(|own| own.iter().any(|own| own.as_bytes() == origin.as_bytes()));
        is_own
            || match allowed {
                Origins::None => false,
                Origins::Any => true,
                Origins::Listed(listed) => listed.iter().any(|Origin(one)| one == origin),
            }
    };
    !is_local || headers.get_all(ORIGIN).iter().any(|origin| !is_allowed(origin))
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
    use axum::http::HeaderMap;

    use super::{Origin, Origins, is_of_other_site};

    /// What a browser sends for a page of another site, and for one whose name was made to lead here.
    #[test]
    fn other_sites_are_told_by_what_browsers_send() {
        let listed = ["https://console.example", "http://other.example:81"];
        let listed = Origins::Listed(listed.map(|text| Origin::read(text).expect("one")).into());
        let is_of_other = |sent: &[(&'static str, &str)]| {
            let sent = sent.iter().map(|(name, value)| {
                (name.parse().expect("a name"), value.parse().expect("a value"))
            });
            is_of_other_site(&sent.collect::<HeaderMap>(), &listed)
        };
        assert!(!is_of_other(&[]), "what speaks HTTP/1.0 is no browser");
        assert!(is_of_other(&[("origin", "http://evil.example")]));
        for host in
            ["127.0.0.1:8080", "127.9.9.9", "[::1]:80", "localhost:80", "odometer", "a.localhost"]
        {
            let own = format!("http://{host}");
            assert!(!is_of_other(&[("host", host)]), "{host}");
            assert!(!is_of_other(&[("host", host), ("origin", &own)]), "{host}");
            let allowed = [("host", host), ("origin", "https://console.example")];
            assert!(!is_of_other(&allowed), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "192.0.2.7",
            "[2001:db8::1]",
            "localhost.evil.example",
            "",
            "a b",
        ] {
            assert!(is_of_other(&[("host", host)]), "{host}");
        }
        for origin in ["http://evil.example", "null", "http://localhost:81", "http://other.example"]
        {
            assert!(is_of_other(&[("host", "localhost:80"), ("origin", origin)]), "{origin}");
        }
    }

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
