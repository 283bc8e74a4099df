//! Pages of other origins: what browsers are told of them.

use std::io::{Read, Write};
use std::net::SocketAddr;

use super::super::{Origin, Origins, Role};
use super::keys::key;
use super::{Given, connected, ready, served_with};
use crate::model::EventTime;
use crate::telemetry::Series;

const CONSOLE: &str = "https://console.example";

fn listed() -> Origins {
    let origins = [CONSOLE, "http://127.0.0.1:3000"].map(|text| Origin::read(text).expect("one"));
    Origins::Listed(origins.to_vec())
}

/// Status and headers of an answer, their names in small letters, in order.
fn asked(address: SocketAddr, line: &str, headers: &str) -> (u16, Vec<(String, String)>) {
    let mut stream = connected(address);
    let head = format!("{line} HTTP/1.1\r\nhost: odometer\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    (status.expect("a status"), headers.collect())
}

/// The value of a header, its parts in order.
fn value(headers: &[(String, String)], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(found, _)| found == name)?;
    let mut parts: Vec<String> = value.split(',').map(|part| part.trim().to_owned()).collect();
    parts.sort();
    Some(parts.join(" "))
}

fn with(origins: Origins, act: impl FnOnce(SocketAddr)) {
    let given = Given { origins, keys: vec![key("reader", None, Role::Read)], ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), act);
}

fn of(origin: &str) -> String {
    format!("origin: {origin}\r\n")
}

#[test]
fn every_answer_to_a_page_that_is_named_says_so() {
    with(listed(), |address| {
        let bearer = "authorization: Bearer reader\r\n";
        for (line, more, expected) in [
            ("GET /healthz", "", 200),
            ("GET /v1/usage?metric=m", bearer, 200),
            ("GET /v1/usage?metric=m", "", 401),
            ("GET /v1/usage", bearer, 422),
            ("GET /v1/usage?metric=none", bearer, 404),
            ("POST /v1/metrics", bearer, 403),
            ("GET /nothing", "", 404),
            ("GET /api/v1/billable_metrics", "", 401),
            ("GET /aggregates", "", 401),
            ("POST /metrics", "", 405),
        ] {
            let (status, headers) = asked(address, line, &format!("{}{more}", of(CONSOLE)));
            assert_eq!(status, expected, "{line}");
            let allowed = value(&headers, "access-control-allow-origin");
            assert_eq!(allowed.as_deref(), Some(CONSOLE), "{line}");
            let exposed = value(&headers, "access-control-expose-headers");
            assert_eq!(exposed.as_deref(), Some("x-request-id"), "{line}");
            assert!(value(&headers, "x-request-id").is_some(), "{line}");
            assert!(value(&headers, "vary").is_some_and(|vary| vary.contains("origin")), "{line}");
            assert_eq!(value(&headers, "access-control-allow-credentials"), None, "{line}");
        }
    });
}

#[test]
fn question_beforehand_needs_no_key() {
    with(listed(), |address| {
        let asks = "access-control-request-method: PATCH\r\naccess-control-request-headers: authorization\r\n";
        let (status, headers) =
            asked(address, "OPTIONS /v1/metrics/a", &format!("{}{asks}", of(CONSOLE)));
        assert_eq!(status, 200);
        let found = |name| value(&headers, name);
        assert_eq!(found("access-control-allow-origin").as_deref(), Some(CONSOLE));
        assert_eq!(
            found("access-control-allow-methods").as_deref(),
            Some("DELETE GET PATCH POST PUT")
        );
        let allowed =
            "authorization content-type idempotency-key organisation x-api-key x-request-id";
        assert_eq!(found("access-control-allow-headers").as_deref(), Some(allowed));
        assert!(found("vary").is_some_and(|vary| vary.contains("origin")));
    });
}

#[test]
fn other_pages_are_told_nothing() {
    for foreign in [
        "https://console.example.evil",
        "http://console.example",
        "null",
        "https://CONSOLE.example",
    ] {
        with(listed(), |address| {
            for line in ["GET /healthz", "OPTIONS /v1/metrics"] {
                let asks = format!("{}access-control-request-method: POST\r\n", of(foreign));
                let (_, headers) = asked(address, line, &asks);
                assert_eq!(
                    value(&headers, "access-control-allow-origin"),
                    None,
                    "{line} {foreign}"
                );
                // A store between must not give this answer to a page that is named.
                assert!(value(&headers, "vary").is_some_and(|vary| vary.contains("origin")));
            }
        });
    }
}

#[test]
fn without_origins_no_answer_speaks_of_them() {
    with(Origins::None, |address| {
        let (status, headers) = asked(address, "GET /healthz", &of(CONSOLE));
        assert_eq!(status, 200);
        let is_of_cors =
            |(name, _): &(String, String)| name.starts_with("access-control") || name == "vary";
        assert!(!headers.iter().any(is_of_cors), "{headers:?}");
        let asks = format!("{}access-control-request-method: GET\r\n", of(CONSOLE));
        assert_eq!(asked(address, "OPTIONS /healthz", &asks).0, 405);
    });
}

#[test]
fn every_page_is_let_in_only_where_that_is_said() {
    with(Origins::Any, |address| {
        for origin in [CONSOLE, "https://anybody.example"] {
            let (status, headers) = asked(address, "GET /healthz", &of(origin));
            assert_eq!(status, 200);
            assert_eq!(value(&headers, "access-control-allow-origin").as_deref(), Some("*"));
        }
        assert_eq!(asked(address, "GET /v1/metrics", &of(CONSOLE)).0, 401, "a key it needs");
    });
}
