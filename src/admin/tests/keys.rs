//! Who may call what: every route of the table with every sort of caller.

use std::net::SocketAddr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Given, ready, sent, served_with};
use crate::admin::router::{Need, Route, routes};
use crate::admin::{Hash, Key, Readiness, Role, TenantNames, Tenants};
use crate::model::EventTime;
use crate::telemetry::Series;

pub(super) fn key(name: &str, tenant: Option<&str>, role: Role) -> Key {
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
    let names = |tenant: &str, organisation: &str| TenantNames {
        tenant: tenant.to_owned(),
        lago_organization: None,
        maple_company: None,
        zenskar_organisation: Some(organisation.to_owned()),
    };
    let tenants = Tenants(vec![names("cmp_1", FIRST), names("cmp_2", SECOND)]);
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

const METRIC: &str = r#"{"code":"m","aggregation":"count"}"#;

#[test]
fn every_route_wants_the_key_that_it_says() {
    with(|address| {
        for route in routes() {
            let request = format!("{} {}", route.method, path(&route, "cmp_1", NOTHING));
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
fn calls_without_a_key_say_nothing_of_tenants() {
    let open = routes().into_iter().filter(|route| route.need == Need::Nothing);
    let open: Vec<_> = open.map(|route| route.path).collect();
    assert_eq!(open, ["/healthz", "/readyz", "/metrics", "/openapi.json"]);
}

/// What keeps the process from its work may name a metric and its tenant.
#[test]
fn reasons_are_told_to_keys_of_all_tenants_alone() {
    let keys = vec![key("reads-1", Some("cmp_1"), Role::Read), key("reads", None, Role::Read)];
    let reason = "metric \"tokens\" of tenant \"cmp_2\" changed its meaning";
    let readiness = Readiness::new("usage partition 3", reason, EventTime::EARLIEST);
    readiness.warn("definitions", reason, EventTime::EARLIEST);
    let given = Given { keys, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), readiness, |address| {
        let told = |key: Option<&str>| -> Value {
            let header = key.map(|key| format!("authorization: Bearer {key}\r\n"));
            let (status, body) = sent(address, "GET /readyz", &header.unwrap_or_default(), "");
            assert_eq!(status, 503, "{body}");
            serde_json::from_str(&body).expect("JSON")
        };
        for key in [None, Some("guessed"), Some("reads-1")] {
            let told = told(key);
            for listed in [&told["obstacles"][0], &told["warnings"][0]] {
                assert!(listed["reason"].to_string().contains("a key of all tenants"), "{told}");
                assert!(listed["what"].is_string() && listed["since"].is_string(), "{told}");
            }
            assert!(!told.to_string().contains("cmp_2"), "{told}");
        }
        let told = told(Some("reads"));
        assert_eq!(told["obstacles"][0]["reason"], reason);
        assert_eq!(told["warnings"][0]["reason"], reason);
        for path in ["/healthz", "/metrics", "/openapi.json"] {
            let (_, told) = sent(address, &format!("GET {path}"), "", "");
            assert!(!told.contains("cmp_2"), "{path}");
        }
    });
}

fn path(route: &Route, company: &str, name: &str) -> String {
    let path = ["{code}", "{*code}", "{id}"]
        .iter()
        .fold(route.path.to_owned(), |path, parameter| path.replace(parameter, name));
    let path = path.replace("{company_id}", company);
    match path.as_str() {
        "/v1/usage" => "/v1/usage?metric=none".to_owned(),
        "/aggregates/estimates" => {
            let dates = "start_date=2026-03-01&end_date=2026-04-01";
            format!("{path}?aggregate_id={name}&customer_id=c&{dates}")
        }
        _ => path,
    }
}

/// A way in which a tenant may come to a metric.
struct Way {
    path: &'static str,
    metric: &'static str,
    /// What the metric is named then.
    name_of: fn(&Value) -> Option<&str>,
    /// A name of that form which nothing has.
    absent: &'static str,
}

const WAYS: [Way; 4] = [
    Way {
        path: "/v1/metrics",
        metric: r#"{"code":"code_of_1","aggregation":"count"}"#,
        name_of: |made| made["code"].as_str(),
        absent: "absent",
    },
    Way {
        path: "/api/v1/billable_metrics",
        metric: r#"{"billable_metric":{"name":"M","code":"code_of_1","aggregation_type":"count_agg"}}"#,
        name_of: |made| made["billable_metric"]["code"].as_str(),
        absent: "absent",
    },
    Way {
        path: "/api/v1/companies/cmp_1/billable_metrics",
        metric: r#"{"name":"M","item_id":"i","metering_rule":{"aggregator":"COUNT"}}"#,
        name_of: |made| made["id"].as_str(),
        absent: "bm_absent",
    },
    Way {
        path: "/aggregates",
        metric: AGGREGATE,
        name_of: |made| made["id"].as_str(),
        absent: NOTHING,
    },
];

/// Whatever another tenant has, each call answers as if it had nothing.
#[test]
fn every_call_is_blind_to_other_tenants() {
    let mut guarded = routes();
    guarded.retain(|route| route.need != Need::Nothing && !route.path.contains("log-level"));
    assert!(guarded.len() >= 16);
    for Way { path: way, metric, name_of, absent } in WAYS {
        with(|address| {
            let ask = |route: &Route, company: &str, name: &str| {
                let path = path(route, company, name);
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
            let before = asks(absent);
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
                let request = format!("{} {}", route.method, path(route, "cmp_1", id));
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
