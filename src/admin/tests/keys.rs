//! Who may call what: every route of the table with every sort of caller.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::{Given, ready, sent, served_with};
use crate::admin::router::{Need, routes};
use crate::admin::{Hash, Key, Role};
use crate::model::EventTime;
use crate::telemetry::Series;

fn key(name: &str, tenant: Option<&str>, role: Role) -> Key {
    let hash = Hash::Sha256(Sha256::digest(name.as_bytes()).into());
    let tenant = tenant.map(str::to_owned);
    Key { name: name.to_owned(), tenant, role, expires_at: None, hash }
}

fn with(act: impl FnOnce(SocketAddr)) {
    let keys = vec![
        key("reads-1", Some("t1"), Role::Read),
        key("defines-1", Some("t1"), Role::Define),
        key("defines-2", Some("t2"), Role::Define),
        key("operates", None, Role::Operate),
    ];
    served_with(Given { keys, ..Given::default() }, Series::new(EventTime::EARLIEST), ready(), act);
}

fn call(address: SocketAddr, key: &str, request: &str, body: &str) -> (u16, String) {
    sent(address, request, &format!("authorization: Bearer {key}\r\n"), body)
}

const METRIC: &str = r#"{"code":"m","aggregation":"count"}"#;

#[test]
fn every_route_wants_the_key_that_it_says() {
    with(|address| {
        for route in routes() {
            let path = route.path.replace("{code}", "m").replace("{*code}", "m");
            let request = format!("{} {path}", route.method);
            let without = sent(address, &request, "", "").0;
            let Need::Key(role) = route.need else {
                assert!(without < 400, "{request}");
                continue;
            };
            assert_eq!(without, 401, "{request}");
            let who =
                [("reads-1", Role::Read), ("defines-1", Role::Define), ("operates", Role::Operate)];
            for (key, may) in who {
                let status = call(address, key, &request, "").0;
                assert_eq!(status == 403, may < role, "{key} {request}: {status}");
                assert_ne!(status, 401, "{key} {request}");
            }
        }
    });
}

/// Nothing but the calls that say nothing of a tenant may lack a key.
#[test]
fn calls_without_a_key_are_those_of_health() {
    let open = routes().into_iter().filter(|route| route.need == Need::Nothing);
    let open: Vec<_> = open.map(|route| route.path).collect();
    assert_eq!(open, ["/healthz", "/readyz", "/metrics"]);
}

/// Whatever another tenant has, each call answers as if it had nothing.
#[test]
fn every_call_is_blind_to_other_tenants() {
    with(|address| {
        let guarded: Vec<_> = routes()
            .into_iter()
            .filter(|route| route.need != Need::Nothing && !route.path.contains("log-level"))
            .collect();
        assert!(guarded.len() >= 8);
        let ask = |route: &crate::admin::router::Route| {
            let path = route.path.replace("{code}", "m").replace("{*code}", "m");
            let path = if path == "/v1/usage" { "/v1/usage?metric=none".to_owned() } else { path };
            let request = format!("{} {path}", route.method);
            // What makes a metric of one's own is asked without one.
            let body = if route.method == "POST" { "{}" } else { r#"{"name":"x"}"# };
            (request.clone(), call(address, "defines-2", &request, body))
        };
        let before: Vec<_> = guarded.iter().map(ask).collect();
        assert_eq!(call(address, "defines-1", "POST /v1/metrics", METRIC).0, 201);
        let after: Vec<_> = guarded.iter().map(ask).collect();
        assert_eq!(before, after, "t2 sees that t1 has a metric");
        assert_eq!(call(address, "reads-1", "GET /v1/metrics/m", "").0, 200, "it is still there");
        // Nor by naming the tenant.
        for request in [
            "GET /v1/metrics/m?tenant=t1",
            "DELETE /v1/metrics/m?tenant=t1",
            "GET /v1/usage?metric=m&tenant=t1",
        ] {
            assert_eq!(call(address, "defines-2", request, "").0, 404, "{request}");
        }
        let body = r#"{"code":"n","aggregation":"count","tenant":"t1"}"#;
        assert_eq!(call(address, "defines-2", "POST /v1/metrics", body).0, 404);
        assert_eq!(call(address, "defines-2", "POST /v1/metrics", METRIC).0, 201, "its own");
        let (status, all) = call(address, "operates", "GET /v1/metrics", "");
        assert_eq!((status, all.matches(r#""code":"m""#).count()), (200, 2));
        let (_, own) = call(address, "reads-1", "GET /v1/metrics?tenant=t2", "");
        assert!(own.contains(r#""metrics":[]"#), "{own}");
    });
}

#[test]
fn audit_names_the_key() {
    with(|address| {
        assert_eq!(call(address, "defines-1", "POST /v1/metrics", METRIC).0, 201);
        let (status, versions) = call(address, "reads-1", "GET /v1/metrics/m/versions", "");
        assert_eq!(status, 200);
        assert!(versions.contains(r#""who":"defines-1","what":"created""#), "{versions}");
    });
}
