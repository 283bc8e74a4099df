//! Zenskar's calls, in its words.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Given, ready, sent, served_with};
use crate::admin::Dialects;
use crate::dialect::Defaults;
use crate::model::EventTime;
use crate::telemetry::Series;

const ORGANISATION: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
/// An id that nothing has.
const NOTHING: &str = "00000000-0000-4000-8000-000000000000";

fn with(act: impl FnOnce(SocketAddr)) {
    with_dialects(Dialects::default(), act);
}

fn with_dialects(dialects: Dialects, act: impl FnOnce(SocketAddr)) {
    let given = Given { dialects, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), act);
}

/// Status and JSON of an answer.
fn call(address: SocketAddr, request: &str, body: &Value) -> (u16, Value) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    said(address, request, &text)
}

fn said(address: SocketAddr, request: &str, text: &str) -> (u16, Value) {
    let headers = format!("organisation: {ORGANISATION}\r\n");
    let (status, answer) = sent(address, request, &headers, text);
    (status, serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{answer}: {error}")))
}

fn aggregate(name: &str, query: &str) -> Value {
    json!({"name": name, "dataschema": "", "aggregation_query": query, "cust_agg_query": "",
        "visual_query_builder": {}, "datasource": "warehouse"})
}

/// `loc` and `type` of each fault.
fn faults((status, told): (u16, Value)) -> Vec<(Value, Value)> {
    assert_eq!(status, 422, "{told}");
    let details = told["detail"].as_array().expect("a list").iter();
    details.map(|detail| (detail["loc"].clone(), detail["type"].clone())).collect()
}

fn made(address: SocketAddr, name: &str, query: &str) -> String {
    let (status, made) = call(address, "POST /aggregates", &aggregate(name, query));
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().expect("an id").to_owned()
}

const COUNT: &str = "SELECT COUNT(*) FROM raw_metric_sms";
const SUM: &str = "SELECT SUM(data.n) FROM raw_metric_sms";

#[test]
fn aggregate_is_made_found_changed_and_deleted() {
    with(|address| {
        let (status, made) = call(address, "POST /aggregates", &aggregate("sms", COUNT));
        assert_eq!(status, 200, "{made}");
        let id = made["id"].as_str().expect("an id").to_owned();
        let mut expected = aggregate("sms", COUNT);
        expected["id"] = id.as_str().into();
        expected["version"] = 1.into();
        assert_eq!(made, expected);
        let path = format!("/aggregates/{id}");
        let get = || call(address, &format!("GET {path}"), &Value::Null);
        assert_eq!(get(), (200, expected.clone()));
        let change = |body: &Value| call(address, &format!("PATCH {path}"), body);
        // Nothing, null and words make no version.
        for body in
            [json!({}), json!({"name": null, "aggregation_query": null}), json!({"name": "sms"})]
        {
            assert_eq!(change(&body), (200, expected.clone()), "{body}");
        }
        expected["name"] = "messages".into();
        assert_eq!(change(&json!({"name": "messages"})), (200, expected.clone()));
        // The same meaning in other words makes none either.
        expected["aggregation_query"] = "select count(*) from sms".into();
        assert_eq!(
            change(&json!({"aggregation_query": "select count(*) from sms"})),
            (200, expected.clone())
        );
        expected["aggregation_query"] = SUM.into();
        expected["version"] = 2.into();
        assert_eq!(change(&json!({"aggregation_query": SUM})), (200, expected.clone()));
        assert_eq!(get(), (200, expected.clone()));
        let (_, native) =
            call(address, &format!("GET /v1/metrics/{id}?tenant={ORGANISATION}"), &Value::Null);
        assert_eq!((&native["version"], &native["origin"]), (&2.into(), &"zenskar".into()));
        assert_eq!(
            (&native["value"], &native["name"]),
            (&"properties.n".into(), &"messages".into())
        );
        assert_eq!(call(address, &format!("DELETE {path}"), &Value::Null), (200, expected));
        let gone = (404, json!({"detail": "Aggregate not found"}));
        assert_eq!(get(), gone);
        assert_eq!(change(&json!({"name": "x"})), gone);
        assert_eq!(change(&json!({})), gone);
        assert_eq!(call(address, &format!("DELETE {path}"), &Value::Null), gone);
    });
}

#[test]
fn builder_counts_where_there_is_no_query_and_is_cleared_by_null() {
    with(|address| {
        let builder = json!({"table_name": "raw_metric_sms", "aggregate_operation": {"type": "SUM", "column": "data.n"},
            "colour": "red"});
        let mut body = aggregate("sms", "");
        body["visual_query_builder"] = builder.clone();
        let (status, made) = call(address, "POST /aggregates", &body);
        assert_eq!((status, &made["visual_query_builder"]), (200, &builder), "{made}");
        let path = format!("PATCH /aggregates/{}", made["id"].as_str().expect("an id"));
        // Without it nothing would say what is billed.
        let cleared = json!({"visual_query_builder": null});
        let told = faults(call(address, &path, &cleared));
        assert_eq!(told, [(json!(["body", "aggregation_query"]), "value_error".into())]);
        let both = json!({"visual_query_builder": null, "aggregation_query": COUNT});
        let (status, changed) = call(address, &path, &both);
        assert_eq!((status, &changed["version"]), (200, &2.into()), "{changed}");
        assert_eq!(changed["visual_query_builder"], Value::Null);
    });
}

#[test]
fn every_fault_of_a_request_is_told_at_once() {
    with(|address| {
        let missing = |field: &str| (json!(["body", field]), Value::from("missing"));
        let all = [
            "name",
            "dataschema",
            "aggregation_query",
            "cust_agg_query",
            "visual_query_builder",
            "datasource",
        ];
        assert_eq!(faults(said(address, "POST /aggregates", "{}")), all.map(missing));
        let (status, told) =
            sent(address, "PATCH /aggregates/x", "organisation: acme\r\n", "{\"name\":1}");
        let told = faults((status, serde_json::from_str(&told).expect("JSON")));
        let expected = [
            (json!(["header", "organisation"]), "uuid_parsing".into()),
            (json!(["path", "aggregate_id"]), "uuid_parsing".into()),
            (json!(["body", "name"]), Value::from("string_type")),
        ];
        assert_eq!(told, expected);
        let (status, told) =
            sent(address, "GET /aggregates?limit=0&order=colour&created_at__gt=x", "", "");
        let told = faults((status, serde_json::from_str(&told).expect("JSON")));
        let expected = [
            (json!(["header", "organisation"]), Value::from("missing")),
            (json!(["query", "limit"]), "greater_than_equal".into()),
            (json!(["query", "order"]), "value_error".into()),
            (json!(["query", "created_at__gt"]), "datetime_parsing".into()),
        ];
        assert_eq!(told, expected);
        let told = faults(call(address, "GET /aggregates/estimates?aggregate_id=x", &Value::Null));
        let expected = [
            (json!(["query", "aggregate_id"]), Value::from("uuid_parsing")),
            (json!(["query", "customer_id"]), "missing".into()),
            (json!(["query", "start_date"]), "missing".into()),
            (json!(["query", "end_date"]), "missing".into()),
        ];
        assert_eq!(told, expected);
        let told = faults(said(address, "POST /aggregates", ""));
        assert_eq!(told, [(json!(["body"]), Value::from("missing"))]);
        let told = faults(said(address, "POST /aggregates", "{\"name\":"));
        assert_eq!(told[0].1, "json_invalid");
        let told = faults(said(address, "POST /aggregates", "[]"));
        assert_eq!(told, [(json!(["body"]), Value::from("model_attributes_type"))]);
    });
}

#[test]
fn queries_are_refused_with_line_and_column() {
    with(|address| {
        let query = "SELECT SUM(data.n)\nFROM sms JOIN calls ON true";
        let (status, told) = call(address, "POST /aggregates", &aggregate("x", query));
        assert_eq!(
            (status, &told["detail"][0]["loc"]),
            (422, &json!(["body", "aggregation_query"]))
        );
        let message = told["detail"][0]["msg"].as_str().expect("a text");
        assert!(message.contains("line 2, column 10"), "{message}");
    });
}

/// None of these takes long, or more of the stack than there is.
#[test]
fn hostile_queries_and_bodies_are_refused() {
    with(|address| {
        let chain = format!("SELECT SUM(data.n{}) FROM sms", " + 1".repeat(100_000));
        let nested =
            format!("SELECT SUM({}data.n{}) FROM sms", "(".repeat(10_000), ")".repeat(10_000));
        let long =
            format!("SELECT SUM(data.n) FROM sms WHERE data.x = '{}'", "x".repeat(16 * 1024));
        let queries = [
            chain.as_str(),
            &nested,
            &long,
            "SELECT SUM(n) FROM (SELECT n FROM (SELECT data.n AS n FROM sms))",
            "SELECT COUNT(*) FROM sms a JOIN calls b ON a.customer_id = b.customer_id",
            "SELECT COUNT(*) FROM sms, calls",
            "SELECT SUM(data.n) OVER (PARTITION BY data.x) FROM sms",
            "SELECT COUNT(*) FROM sms; SELECT 1",
            "SELECT COUNT(*) FROM sms; DROP TABLE sms",
            "DELETE FROM sms",
            "SELECT COUNT(*) FROM sms UNION SELECT 1",
            "SELECT (SELECT COUNT(*) FROM sms) FROM sms",
            "SELECT COUNT(*) FROM sms WHERE customer_id IN (SELECT 1)",
            "SELECT COUNT(*) /* never closed",
            "SELECT pg_sleep(10) FROM sms",
            "\u{0}",
            "{{",
        ];
        for query in queries {
            let told = faults(call(address, "POST /aggregates", &aggregate("x", query)));
            assert_eq!(told[0].0, json!(["body", "aggregation_query"]), "{query:.60}");
        }
        let comments = "SELECT /* all */ COUNT(*) -- of them\nFROM sms";
        let id = made(address, "x", comments);
        for query in queries {
            let body = json!({"aggregation_query": query});
            let told = faults(call(address, &format!("PATCH /aggregates/{id}"), &body));
            assert_eq!(told[0].0, json!(["body", "aggregation_query"]), "{query:.60}");
        }
        let deep = format!("{{\"name\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(faults(said(address, "POST /aggregates", &deep))[0].1, "json_invalid");
        let deeper = "[".repeat(500_000);
        assert_eq!(faults(said(address, "POST /aggregates", &deeper))[0].1, "json_invalid");
        let mut builder = json!({"logic": "AND", "filters": []});
        for _ in 0..50 {
            builder = json!({"logic": "AND", "groups": [builder]});
        }
        let mut body = aggregate("x", "");
        body["visual_query_builder"] = json!({"table_name": "sms", "visual_query": builder,
            "aggregate_operation": {"type": "COUNT"}});
        assert_eq!(call(address, "POST /aggregates", &body).0, 422);
        let large = aggregate(&"x".repeat(1 << 20), COUNT);
        assert_eq!(call(address, "POST /aggregates", &large).0, 413);
        let bytes = "POST /aggregates";
        let half = "{\"name\":\"\\ud800\"}";
        assert!(
            faults(said(address, bytes, half))
                .contains(&(json!(["body", "name"]), "string_unicode".into()))
        );
        let (_, page) = call(address, "GET /aggregates", &Value::Null);
        assert_eq!(page["total_count"], 1, "nothing of it was kept: {page}");
    });
}

#[test]
fn other_paths_and_methods_are_answered_in_zenskars_words() {
    with(|address| {
        let told = |request: &str| call(address, request, &Value::Null);
        assert_eq!(told("GET /aggregates/a/b"), (404, json!({"detail": "Not Found"})));
        let not_allowed = (405, json!({"detail": "Method Not Allowed"}));
        assert_eq!(told("PUT /aggregates"), not_allowed);
        assert_eq!(told(&format!("POST /aggregates/{NOTHING}")), not_allowed);
        assert_eq!(told(&format!("GET /aggregates/{NOTHING}")).0, 404);
        assert_eq!(sent(address, "GET /aggregatesx", "", "").0, 404);
    });
}

#[test]
fn lists_are_narrowed_down_sorted_and_cut_into_pages() {
    with(|address| {
        let names = ["a 1", "A 2", "b 1", "b_2", "c"];
        let ids: Vec<String> = names.iter().map(|name| made(address, name, COUNT)).collect();
        let own = json!({"code": "n", "aggregation": "count"});
        assert_eq!(call(address, "POST /v1/metrics", &own).0, 201);
        let page = |query: &str| {
            let (status, page) = call(address, &format!("GET /aggregates?{query}"), &Value::Null);
            assert_eq!(status, 200, "{query}: {page}");
            page
        };
        let shown = |page: &Value| -> Vec<String> {
            let results = page["results"].as_array().expect("a list").iter();
            results.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
        };
        let found = |query: &str| shown(&page(&format!("order=name&{query}")));
        assert_eq!(found(""), ["A 2", "a 1", "b 1", "b_2", "c"]);
        assert_eq!(shown(&page("order=-name")), ["c", "b_2", "b 1", "a 1", "A 2"]);
        assert_eq!(
            shown(&page("order=-name&order=&order=datasource")),
            shown(&page("order=-name"))
        );
        assert_eq!(shown(&page("sort_key=name&sort_type=ASC")), found(""));
        assert_eq!(found("name=c"), ["c"]);
        assert_eq!(found("name__ilike=a"), ["A 2", "a 1"]);
        assert_eq!(found("name__like=a%25"), ["a 1"]);
        assert_eq!(found("name__in=c,b%201,none"), ["b 1", "c"]);
        assert_eq!(found(&format!("id={}", ids[2].to_uppercase())), ["b 1"]);
        assert_eq!(found(&format!("id__in={},{}", ids[0], ids[4])), ["a 1", "c"]);
        assert_eq!(found(&format!("id__in={}&name__ilike=a&id__in={}", ids[0], ids[4])).len(), 1);
        assert_eq!(found(&format!("id__in={}&id__in={}", ids[0], ids[4])), ["a 1", "c"]);
        assert_eq!(found("datasource=warehouse&name=c"), ["c"]);
        assert_eq!(found("datasource=other"), Vec::<String>::new());
        assert_eq!(found("datasource__isnull=true"), Vec::<String>::new());
        let made_at = "2026-03-10T12:00:00Z";
        assert_eq!(found(&format!("created_at__gte={made_at}")).len(), 5);
        assert_eq!(found(&format!("created_at__gt={made_at}")).len(), 0);
        assert_eq!(found("created_at__gte=2026-03-10&created_at__lt=2026-03-11").len(), 5);
        assert_eq!(found(&format!("created_at__lt={made_at}")).len(), 0);
        assert_eq!(found("created_at=2026-03-10T12:00:00").len(), 5);
        // Pages to the end and back.
        let first = page("order=name&limit=2");
        assert_eq!(
            (shown(&first), &first["previous"]),
            (vec!["A 2".into(), "a 1".into()], &Value::Null)
        );
        assert_eq!(first["total_count"], 5);
        assert_eq!(first["results"][0]["created_at"], made_at);
        let behind = |page: &Value, way: &str| page[way].as_str().expect("a cursor").to_owned();
        let second = page(&format!("order=name&limit=2&cursor={}", behind(&first, "next")));
        assert_eq!(shown(&second), ["b 1", "b_2"]);
        // What is deleted meanwhile moves nothing.
        let request = format!("DELETE /aggregates/{}", ids[3]);
        assert_eq!(call(address, &request, &Value::Null).0, 200);
        let third = page(&format!("order=name&limit=2&cursor={}", behind(&second, "next")));
        assert_eq!((shown(&third), &third["next"]), (vec!["c".into()], &Value::Null));
        let back = page(&format!("order=name&limit=2&cursor={}", behind(&third, "previous")));
        assert_eq!(shown(&back), ["a 1", "b 1"]);
        assert_eq!(shown(&page("order=name&limit=2&offset=3")), ["c"]);
        assert_eq!(shown(&page("order=name&limit=2&offset=9")), Vec::<String>::new());
        let told =
            |query: &str| faults(call(address, &format!("GET /aggregates?{query}"), &Value::Null));
        for query in [
            "limit=x",
            "limit=1001",
            "cursor=x",
            "id=x",
            "id__in=x",
            "sort_type=up",
            "name__isnull=x",
        ] {
            assert_eq!(told(query).len(), 1, "{query}");
        }
    });
}

#[test]
fn a_page_has_ten_where_nothing_is_asked() {
    with(|address| {
        for number in 0..11 {
            made(address, &format!("{number:02}"), COUNT);
        }
        let (_, page) = call(address, "GET /aggregates", &Value::Null);
        assert_eq!(page["results"].as_array().map(Vec::len), Some(10));
        let next = page["next"].as_str().expect("a cursor");
        let (_, rest) = call(address, &format!("GET /aggregates?cursor={next}"), &Value::Null);
        assert_eq!(rest["results"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn what_no_body_says_comes_from_configuration_and_stays() {
    let zenskar = Defaults {
        period: Some("week".to_owned()),
        topic: Some("usage".to_owned()),
        ..Defaults::default()
    };
    let zenskar_datasources =
        [("warehouse", "metered"), ("lake", "raw")].map(|(of, topic)| (of.into(), topic.into()));
    let dialects = Dialects {
        zenskar,
        zenskar_datasources: zenskar_datasources.into(),
        ..Dialects::default()
    };
    with_dialects(dialects, |address| {
        let id = made(address, "x", COUNT);
        let native = || {
            call(address, &format!("GET /v1/metrics/{id}?tenant={ORGANISATION}"), &Value::Null).1
        };
        assert_eq!((&native()["period"], &native()["topic"]), (&"week".into(), &"metered".into()));
        let request = format!("PATCH /v1/metrics/{id}?tenant={ORGANISATION}");
        assert_eq!(call(address, &request, &json!({"grace": "1h"})).0, 200);
        let path = format!("PATCH /aggregates/{id}");
        assert_eq!(call(address, &path, &json!({"aggregation_query": SUM})).0, 200);
        assert_eq!((&native()["grace"], &native()["aggregation"]), (&"1h".into(), &"sum".into()));
        assert_eq!((&native()["period"], &native()["topic"]), (&"week".into(), &"metered".into()));
        // Its next version is fed by another topic.
        for (datasource, topic) in
            [("lake", "raw"), ("elsewhere", "usage"), ("warehouse", "metered")]
        {
            let (status, told) = call(address, &path, &json!({"datasource": datasource}));
            assert_eq!((status, &told["datasource"]), (200, &datasource.into()), "{told}");
            assert_eq!(native()["topic"], topic);
        }
        let mut other = aggregate("y", COUNT);
        other["datasource"] = "elsewhere".into();
        let (_, made) = call(address, "POST /aggregates", &other);
        let id = made["id"].as_str().expect("an id");
        let request = format!("GET /v1/metrics/{id}?tenant={ORGANISATION}");
        assert_eq!(call(address, &request, &Value::Null).1["topic"], "usage");
    });
}

#[test]
fn code_of_what_was_made_otherwise_is_no_id() {
    with(|address| {
        let own = json!({"code": NOTHING, "aggregation": "count", "tenant": ORGANISATION});
        assert_eq!(call(address, "POST /v1/metrics", &own).0, 201);
        for request in ["GET", "DELETE", "PATCH"] {
            let request = format!("{request} /aggregates/{NOTHING}");
            assert_eq!(call(address, &request, &json!({"name": "x"})).0, 404, "{request}");
        }
        let (_, page) = call(address, "GET /aggregates", &Value::Null);
        assert_eq!(page["total_count"], 1);
        assert_ne!(page["results"][0]["id"], NOTHING);
    });
}

#[test]
fn what_was_made_otherwise_is_listed_where_zenskar_can_say_it() {
    with(|address| {
        for body in [
            json!({"code": "p95", "tenant": ORGANISATION, "aggregation": "percentile", "percentile": 95,
                "value": "properties.ms"}),
            json!({"code": "level", "tenant": ORGANISATION, "aggregation": "weighted_sum", "value": "properties.v"}),
        ] {
            assert_eq!(call(address, "POST /v1/metrics", &body).0, 201);
        }
        let (status, page) = call(address, "GET /aggregates", &Value::Null);
        assert_eq!((status, &page["total_count"]), (200, &1.into()), "{page}");
        let (id, query) = (&page["results"][0]["id"], &page["results"][0]["aggregation_query"]);
        assert!(query.as_str().expect("a text").contains("percentile_disc(0.95)"), "{query}");
        let path = format!("/aggregates/{}", id.as_str().expect("an id"));
        let (status, one) = call(address, &format!("GET {path}"), &Value::Null);
        assert_eq!((status, &one["name"], &one["aggregation_query"]), (200, &"p95".into(), query));
        let (status, told) =
            call(address, &format!("PATCH {path}"), &json!({"aggregation_query": COUNT}));
        assert_eq!(status, 409, "{told}");
        assert_eq!(call(address, &format!("DELETE {path}"), &Value::Null).0, 200);
        assert_eq!(call(address, &format!("GET {path}"), &Value::Null).0, 404);
    });
}
