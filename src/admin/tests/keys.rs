//! Who may call what: every route of the table with every sort of caller.

use std::net::SocketAddr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Given, ready, sent, served_with};
use crate::admin::router::{Need, Route, routes};
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
        key("reads-1", Some("cmp_1"), Role::Read),
        key("defines-1", Some("cmp_1"), Role::Define),
        key("defines-2", Some("cmp_2"), Role::Define),
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
            let request = format!("{} {}", route.method, path(&route, "cmp_1", "m"));
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

fn path(route: &Route, company: &str, name: &str) -> String {
    let path = ["{code}", "{*code}", "{id}"]
        .iter()
        .fold(route.path.to_owned(), |path, parameter| path.replace(parameter, name));
    path.replace("{company_id}", company)
}

/// Path, body, and what the answer names the metric.
type Way = (&'static str, &'static str, fn(&Value) -> Option<&str>);

/// Every way in which a tenant may come to a metric.
const WAYS: [Way; 3] = [
    ("/v1/metrics", r#"{"code":"code_of_1","aggregation":"count"}"#, |made| made["code"].as_str()),
    (
        "/api/v1/billable_metrics",
        r#"{"billable_metric":{"name":"M","code":"code_of_1","aggregation_type":"count_agg"}}"#,
        |made| made["billable_metric"]["code"].as_str(),
    ),
    (
        "/api/v1/companies/cmp_1/billable_metrics",
        r#"{"name":"M","item_id":"i","metering_rule":{"aggregator":"COUNT"}}"#,
        |made| made["id"].as_str(),
    ),
];

/// Whatever another tenant has, each call answers as if it had nothing.
#[test]
fn every_call_is_blind_to_other_tenants() {
    let mut guarded = routes();
    guarded.retain(|route| route.need != Need::Nothing && !route.path.contains("log-level"));
    assert!(guarded.len() >= 16);
    for (way, metric, name_of) in WAYS {
        with(|address| {
            let ask = |route: &Route, company: &str, name: &str| {
                let path = path(route, company, name);
                let path =
                    if path == "/v1/usage" { "/v1/usage?metric=none".to_owned() } else { path };
                let request = format!("{} {path}", route.method);
                // What makes a metric of one's own is asked without one.
                let body = if route.method == "POST" { "{}" } else { r#"{"name":"x"}"# };
                let (status, answer) = call(address, "defines-2", &request, body);
                (request.replace(name, "NAME"), status, answer.replace(name, "NAME"))
            };
            let asks = |name: &str| -> Vec<_> {
                let both = guarded
                    .iter()
                    .flat_map(|route| ["cmp_1", "cmp_2"].map(|company| ask(route, company, name)));
                both.collect()
            };
            let before = asks("bm_absent");
            let (status, made) = call(address, "defines-1", &format!("POST {way}"), metric);
            assert!(status < 300, "{way}: {made}");
            let made = serde_json::from_str(&made).expect("JSON");
            let name = name_of(&made).expect("it has a name");
            for (before, after) in before.into_iter().zip(asks(name)) {
                assert_eq!(before, after, "cmp_2 sees that cmp_1 has a metric");
            }
            let one = format!("GET {way}/{name}");
            assert_eq!(call(address, "reads-1", &one, "").0, 200, "{one}: it is still there");
        });
    }
}

/// A tenant cannot be named by those who have another one's key.
#[test]
fn tenants_are_named_by_their_own_keys() {
    with(|address| {
        assert_eq!(call(address, "defines-1", "POST /v1/metrics", METRIC).0, 201);
        for request in [
            "GET /v1/metrics/m?tenant=cmp_1",
            "DELETE /v1/metrics/m?tenant=cmp_1",
            "GET /v1/usage?metric=m&tenant=cmp_1",
        ] {
            assert_eq!(call(address, "defines-2", request, "").0, 404, "{request}");
        }
        let body = r#"{"code":"n","aggregation":"count","tenant":"cmp_1"}"#;
        assert_eq!(call(address, "defines-2", "POST /v1/metrics", body).0, 404);
        assert_eq!(call(address, "defines-2", "POST /v1/metrics", METRIC).0, 201, "its own");
        let (status, all) = call(address, "operates", "GET /v1/metrics", "");
        assert_eq!((status, all.matches(r#""code":"m""#).count()), (200, 2));
        let (_, own) = call(address, "reads-1", "GET /v1/metrics?tenant=cmp_2", "");
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
