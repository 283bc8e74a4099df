//! The document held to the table of routes, to what is answered, and to the code that reads what is asked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{definition, document};
use crate::admin::router::{Route, routes};
use crate::admin::tests::{ready, sent, served};
use crate::format::definitions::{METRIC_KEYS, read_body};
use crate::model::EventTime;
use crate::telemetry::Series;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(routes()));

/// Every call that is told of: path, method, and what is told.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("an object");
    let of_path = |(path, calls): (&'static String, &'static Value)| {
        let calls = calls.as_object().expect("an object").iter();
        calls.map(move |(method, told)| (path.as_str(), method.as_str(), told))
    };
    paths.iter().flat_map(of_path).collect()
}

fn operation(name: &str) -> (&'static str, &'static str, &'static Value) {
    let mut operations = operations().into_iter();
    let found = operations.find(|(_, _, told)| told["operationId"] == name);
    found.unwrap_or_else(|| panic!("nothing is told of {name}"))
}

/// Whether a path, without its query, is one of a form. Lago's codes may hold slashes.
fn is_of(path: &str, form: &str) -> bool {
    let lago = "/api/v1/billable_metrics/{code}";
    if let Some(end) = form.strip_prefix(lago) {
        let code = path.strip_prefix("/api/v1/billable_metrics/");
        return code.is_some_and(|code| !code.is_empty() && code.ends_with(end));
    }
    let (steps, forms) = (path.split('/'), form.split('/'));
    steps.clone().count() == forms.clone().count()
        && steps.zip(forms).all(|(step, form)| form.starts_with('{') || step == form)
}

/// What is told of a call, by the path that it has.
fn told_of(call: &str) -> Vec<&'static Value> {
    let (method, target) = call.split_once(' ').expect("a method and a path");
    let path = target.split('?').next().unwrap_or_default();
    let is_it =
        |(form, by, _): &(&str, &str, &Value)| by.eq_ignore_ascii_case(method) && is_of(path, form);
    let mut found: Vec<_> = operations().into_iter().filter(is_it).collect();
    // One that names itself is none that a parameter stands for.
    if found.iter().any(|(form, ..)| *form == path) {
        found.retain(|(form, ..)| *form == path);
    }
    found.into_iter().map(|(_, _, told)| told).collect()
}

/// Holds an answer against what is told of its call: all tests of the listener's answers do.
#[track_caller]
pub(in crate::admin) fn expect_told(call: &str, status: u16, head: &str, body: &str) {
    let header = |wanted: &str| {
        let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    assert!(header("x-request-id").is_some(), "{call}: no x-request-id: {head}");
    let told = told_of(call);
    if told.is_empty() {
        assert!([401, 403, 404, 405].contains(&status), "{call} is not told of: {status} {body}");
        return;
    }
    let fits = |told: &&Value| {
        let answer = &told["responses"][status.to_string()];
        let Some(content) = answer.get("content") else {
            return !answer.is_null() && header("content-type").is_none() && body.is_empty();
        };
        header("content-type").is_some_and(|kind| content.get(kind).is_some())
    };
    assert!(told.iter().any(fits), "{call}: of this answer is not told: {status} {head}\n{body}");
}

/// A path of the table as the document has it.
fn forms(route: &Route) -> Vec<&'static str> {
    route.told.iter().map(|describe| describe().path(route.path)).collect()
}

#[test]
fn every_route_is_told_of_and_no_other_call() {
    let mut expected: BTreeSet<(String, &str)> = BTreeSet::new();
    for route in routes() {
        let forms = forms(&route);
        assert!(!forms.is_empty(), "{} {}: nothing is told", route.method, route.path);
        for form in forms {
            let prefix = route.path.split('{').next().unwrap_or_default();
            assert!(form.starts_with(prefix), "{form} is no path of {}", route.path);
            assert!(!form.contains("{*"), "{form}: OpenAPI knows no such parameter");
            let is_new = expected.insert((route.method.as_str().to_ascii_lowercase(), form));
            assert!(is_new, "{} {form} is told of twice", route.method);
        }
    }
    let found: BTreeSet<(String, &str)> =
        operations().into_iter().map(|(path, method, _)| (method.to_owned(), path)).collect();
    assert_eq!(found, expected);
}

#[test]
fn calls_are_told_of_in_full() {
    let mut names = BTreeSet::new();
    for (path, method, told) in operations() {
        let name = told["operationId"].as_str().expect("a name");
        assert!(names.insert(name), "{name} stands twice");
        assert!(!told["summary"].as_str().unwrap_or_default().is_empty(), "{name}");
        let parameters = told["parameters"].as_array().expect("a list");
        let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        let of_path: BTreeSet<_> = of_path.filter_map(|one| one["name"].as_str()).collect();
        let steps = path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(of_path, steps.collect(), "{method} {path}");
        let answers = told["responses"].as_object().expect("an object");
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name}");
        assert!(answers.contains_key("504"), "{name}");
        let is_guarded = told["security"].as_array().is_some_and(|keys| !keys.is_empty());
        for status in ["401", "403", "429", "503"] {
            assert!(!is_guarded || answers.contains_key(status), "{name} lacks {status}");
        }
        let has_body = told.get("requestBody").is_some();
        assert_eq!(answers.contains_key("413"), has_body, "{name}");
    }
    for link in found(&DOCUMENT, "operationId") {
        assert!(names.contains(link), "{link} is linked to, and nothing is told of it");
    }
}

/// Every text that stands under a key, on any level.
fn found<'v>(value: &'v Value, wanted: &str) -> Vec<&'v str> {
    match value {
        Value::Object(members) => {
            let below = members.iter().flat_map(|(key, value)| {
                let own = value.as_str().filter(|_| key == wanted);
                own.into_iter().chain(found(value, wanted))
            });
            below.collect()
        }
        Value::Array(elements) => elements.iter().flat_map(|one| found(one, wanted)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let references: BTreeSet<&str> = found(&DOCUMENT, "$ref").into_iter().collect();
    for reference in &references {
        let place = reference.strip_prefix('#').expect("a place in the document");
        assert!(DOCUMENT.pointer(place).is_some(), "{reference} is nowhere");
    }
    for name in DOCUMENT["components"]["schemas"].as_object().expect("an object").keys() {
        let reference = format!("#/components/schemas/{name}");
        assert!(references.contains(reference.as_str()), "nothing refers to {name}");
    }
}

fn schema(name: &str) -> &'static Map<String, Value> {
    let schema = &DOCUMENT["components"]["schemas"][name]["properties"];
    schema.as_object().unwrap_or_else(|| panic!("{name} is no object"))
}

fn names(of: &Map<String, Value>) -> BTreeSet<&str> {
    of.keys().map(String::as_str).collect()
}

#[test]
fn keys_of_a_definition_are_those_that_are_read() {
    assert_eq!(names(&definition::keys()), METRIC_KEYS.into_iter().collect());
    // What a fault names as known of a table below.
    let faults = |key: &str, value: &Value| {
        let mut body = json!({ "code": "m", "aggregation": "sum", "value": "properties.n" });
        body[key] = value.clone();
        let faults = read_body(&body.to_string()).expect_err("it has a fault");
        faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>().join("\n")
    };
    let unknown = json!({ "nonsense": 1 });
    for (key, value, name) in [
        ("inner", unknown.clone(), "Inner"),
        ("rounding", unknown.clone(), "Rounding"),
        ("group_by", json!([unknown]), "Dimension"),
    ] {
        let told = faults(key, &value);
        for property in names(schema(name)) {
            assert!(told.contains(property), "{key} knows no {property}: {told}");
        }
    }
    // Words that are one of some.
    let inner = |key: &str| schema("Inner")[key].clone();
    for (key, wrapped, words) in [
        ("late", json!("?"), definition::keys()["late"].clone()),
        ("aggregation", json!("?"), definition::keys()["aggregation"].clone()),
        ("grammar", json!("?"), definition::keys()["grammar"].clone()),
        ("rounding", json!({ "function": "?" }), schema("Rounding")["function"].clone()),
        ("inner", json!({ "aggregation": "sum", "every": "1h", "fill": "?" }), inner("fill")),
        (
            "group_by",
            json!([{ "property": "a", "values": ["b"], "other": "?" }]),
            schema("Dimension")["other"].clone(),
        ),
    ] {
        let told = faults(key, &wrapped);
        let expected = told.split("expected ").nth(1).and_then(|rest| rest.split(", found").next());
        let expected = expected.unwrap_or_else(|| panic!("{key}: {told}"));
        let expected: BTreeSet<&str> =
            expected.split([',', ' ']).filter(|word| !word.is_empty() && *word != "or").collect();
        let words = words["enum"].as_array().expect("a list");
        assert_eq!(words.iter().filter_map(Value::as_str).collect::<BTreeSet<_>>(), expected);
    }
}

fn with(act: impl FnOnce(SocketAddr)) {
    served(Series::new(EventTime::EARLIEST), ready(), act);
}

#[test]
fn parameters_of_native_calls_are_those_that_are_read() {
    with(|address| {
        for (path, method, told) in operations() {
            let tag = told["tags"][0].as_str().expect("a tag");
            let parameters = told["parameters"].as_array().expect("a list");
            let of_query = parameters.iter().filter(|one| one["in"] == "query");
            let of_query: BTreeSet<String> = of_query
                .filter_map(|one| one["name"].as_str())
                .map(|name| if name == "group" { "group.<property>" } else { name }.to_owned())
                .collect();
            if !["native", "operating"].contains(&tag) || of_query.is_empty() {
                continue;
            }
            let call = format!("{} {path}?nonsense=1", method.to_uppercase());
            let (status, answer) = sent(address, &call.replace("{code}", "m"), "", "{}");
            assert_eq!(status, 422, "{call}: {answer}");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let message = answer["error"]["faults"][0]["message"].as_str().expect("a text");
            let known = message.split("known are ").nth(1).expect("it lists them");
            assert_eq!(known.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), of_query);
        }
    });
}

#[test]
fn document_is_answered_to_whoever_asks() {
    with(|address| {
        let (status, answer) = sent(address, "GET /openapi.json", "", "");
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer, *DOCUMENT);
        assert_eq!(answer["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(answer["paths"]["/openapi.json"]["get"]["security"] == json!([]));
    });
}

/// Calls of each dialect in an order in which their examples come true.
const IN_ORDER: [&[&str]; 5] = [
    &["isAlive", "isReady"],
    &[
        "createMetric",
        "listMetrics",
        "readMetric",
        "listVersions",
        "patchMetric",
        "deleteMetric",
        "validateMetric",
    ],
    &[
        "lagoCreateBillableMetric",
        "lagoListBillableMetrics",
        "lagoReadBillableMetric",
        "lagoListGroups",
        "lagoUpdateBillableMetric",
        "lagoEvaluateExpression",
    ],
    &[
        "mapleCreateBillableMetric",
        "mapleReadBillableMetric",
        "mapleFindBillableMetrics",
        "mapleUpdateBillableMetric",
    ],
    &[
        "zenskarCreateAggregate",
        "zenskarReadAggregate",
        "zenskarListAggregates",
        "zenskarUpdateAggregate",
    ],
];

/// Calls whose examples are of another state of things, or of none: what they answer is looked at elsewhere.
const ELSEWHERE: [&str; 8] = [
    "series",
    "openapi",
    "usage",
    "logLevel",
    "changeLogLevel",
    "lagoDeleteBillableMetric",
    "zenskarDeleteAggregate",
    "zenskarEstimate",
];

#[test]
fn examples_are_what_is_answered() {
    for calls in IN_ORDER {
        with(|address| {
            let mut id = None;
            for name in calls {
                let (call, body, expected) = example(name, id.as_deref());
                let organisation = "organisation: 3c90c3cc-0d44-4b50-8888-8dd25736052a\r\n";
                let (status, answer) = sent(address, &call, organisation, &body);
                let (wanted, told) = expected;
                assert_eq!(status, wanted, "{name}: {call}\n{body}\n{answer}");
                let mut answer: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
                let own = answer.get("id").and_then(Value::as_str).map(str::to_owned);
                id = id.or(own);
                let mut told = told.clone();
                without_ids(&mut answer);
                without_ids(&mut told);
                assert_eq!(answer, told, "{name}: {answer}");
            }
        });
    }
    let told: BTreeSet<&str> = IN_ORDER.concat().into_iter().chain(ELSEWHERE).collect();
    let all = operations().into_iter().filter_map(|(_, _, told)| told["operationId"].as_str());
    assert_eq!(told, all.collect());
}

#[test]
fn examples_of_refusals_are_what_is_answered() {
    let organisation = "organisation: 3c90c3cc-0d44-4b50-8888-8dd25736052a\r\n";
    with(|address| {
        for (name, call, body) in [
            ("Refusal", "GET /v1/metrics?limit=0", ""),
            ("LagoRefusal", "POST /api/v1/billable_metrics", r#"{"billable_metric":{"name":"M"}}"#),
            ("MapleRefusal", "GET /api/v1/companies/cmp_1/billable_metrics/bm_1", ""),
            ("ZenskarRefusal", "GET /aggregates?limit=0", ""),
        ] {
            let (_, answer) = sent(address, call, organisation, body);
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let told = &DOCUMENT["components"]["schemas"][name]["examples"][0];
            assert_eq!(answer, *told, "{name}: {answer}");
        }
    });
}

/// A call as its example has it, of what was made with that id; and what is answered by its example.
fn example(name: &str, id: Option<&str>) -> (String, String, (u16, Value)) {
    let (path, method, told) = operation(name);
    let mut path = path.to_owned();
    for parameter in told["parameters"].as_array().expect("a list") {
        let (Some(name), Some(example)) =
            (parameter["name"].as_str(), parameter["example"].as_str())
        else {
            continue;
        };
        let value = if name == "id" { id.unwrap_or(example) } else { example };
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let json = "application/json";
    let body = told["requestBody"]["content"][json].get("example");
    let answers = told["responses"].as_object().expect("an object");
    let (status, answer) =
        answers.iter().find(|(status, _)| status.starts_with('2')).expect("a success");
    let answer = answer["content"][json].get("example").cloned().unwrap_or(Value::Null);
    let call = format!("{} {path}", method.to_uppercase());
    let status = status.parse().expect("a status");
    (call, body.map(Value::to_string).unwrap_or_default(), (status, answer))
}

/// Names that are new each time are all the same.
fn without_ids(value: &mut Value) {
    match value {
        // Those of totals are made of what they are of.
        Value::Object(members) if members.contains_key("revision") => {}
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                if ["id", "lago_id"].contains(&key.as_str()) && value.as_str().is_some_and(is_id) {
                    *value = "ID".into();
                }
                without_ids(value);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_id(text: &str) -> bool {
    let bare = text.strip_prefix("bm_").unwrap_or(text).replace('-', "");
    bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit())
}
