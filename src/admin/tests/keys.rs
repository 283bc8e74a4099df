//! Who may call what: every route of the table with every sort of caller.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::{Given, ready, sent, served_with};
use crate::admin::router::{Need, Route, routes};
use crate::admin::{Hash, Key, Role, TenantNames, Tenants};
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
    let names = |tenant: &str, organisation: &str| TenantNames {
        tenant: tenant.to_owned(),
        lago_organization: None,
        maple_company: None,
        zenskar_organisation: Some(organisation.to_owned()),
    };
    let tenants = Tenants(vec![names("t1", FIRST), names("t2", SECOND)]);
    let given = Given { keys, tenants, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), act);
}

/// Zenskar's names of the tenants.
const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";
/// An id that nothing has.
const NOTHING: &str = "00000000-0000-4000-8000-000000000000";

fn call(address: SocketAddr, key: &str, request: &str, body: &str) -> (u16, String) {
    let organisation = if key.ends_with('2') { SECOND } else { FIRST };
    call_for(address, (key, organisation), request, body)
}

/// In the name of one of Zenskar's organisations, which other calls do not look at.
fn call_for(
    address: SocketAddr,
    (key, organisation): (&str, &str),
    request: &str,
    body: &str,
) -> (u16, String) {
    let headers = format!("authorization: Bearer {key}\r\norganisation: {organisation}\r\n");
    sent(address, request, &headers, body)
}

/// A path of the table with something in place of its names.
fn filled(route: &Route, id: &str) -> String {
    let path = route.path.replace("{code}", "m").replace("{*code}", "m").replace("{id}", id);
    match path.as_str() {
        "/v1/usage" => format!("{} {path}?metric=none", route.method),
        "/aggregates/estimates" => {
            let dates = "start_date=2026-03-01&end_date=2026-04-01";
            format!("{} {path}?aggregate_id={id}&customer_id=c&{dates}", route.method)
        }
        _ => format!("{} {path}", route.method),
    }
}

const METRIC: &str = r#"{"code":"m","aggregation":"count"}"#;

#[test]
fn every_route_wants_the_key_that_it_says() {
    with(|address| {
        for route in routes() {
            let request = filled(&route, NOTHING);
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
            let request = filled(route, NOTHING);
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

const AGGREGATE: &str = r#"{"name":"sms","dataschema":"","cust_agg_query":"","visual_query_builder":{},"datasource":"",
    "aggregation_query":"SELECT COUNT(*) FROM raw_metric_sms"}"#;

/// Each of Zenskar's calls in the name of another organisation is refused, whether or not there is what it names; in
/// one's own name another tenant's aggregate is answered as one that never was.
#[test]
fn zenskars_calls_are_blind_to_other_organisations() {
    with(|address| {
        let (status, made) = call(address, "defines-1", "POST /aggregates", AGGREGATE);
        assert_eq!(status, 200, "{made}");
        let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
        let id = made["id"].as_str().expect("an id");
        let of_zenskar: Vec<_> =
            routes().into_iter().filter(|route| route.path.starts_with("/aggregates")).collect();
        assert_eq!(of_zenskar.len(), 6);
        for route in &of_zenskar {
            let body = if route.method == "POST" { AGGREGATE } else { r#"{"name":"x"}"# };
            let asked = |organisation, id| {
                let request = filled(route, id);
                call_for(address, ("defines-2", organisation), &request, body)
            };
            let (status, told) = asked(FIRST, id);
            assert_eq!(status, 403, "{} {}: {told}", route.method, route.path);
            assert_eq!((status, told.clone()), asked(FIRST, NOTHING), "{}", route.path);
            // Nor one that nobody has told of.
            assert_eq!((status, told), asked(NOTHING, id), "{}", route.path);
            if route.method != "POST" {
                assert_eq!(asked(SECOND, id), asked(SECOND, NOTHING), "{}", route.path);
            }
            if route.path.contains("{id}") || route.path.ends_with("estimates") {
                assert_eq!(asked(SECOND, id).0, 404, "{} {}", route.method, route.path);
            }
        }
        let own = format!("GET /aggregates/{id}");
        assert_eq!(call(address, "reads-1", &own, "").0, 200, "it is still there");
        assert_eq!(call(address, "operates", &own, "").0, 200, "a key of all tenants sees it");
        // The key may stand where Zenskar has it.
        let headers = format!("x-api-key: reads-1\r\norganisation: {}\r\n", FIRST.to_uppercase());
        assert_eq!(sent(address, &own, &headers, "").0, 200);
        let (status, told) = sent(address, &own, "", "");
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((status, told["detail"].is_string()), (401, true), "{told}");
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
