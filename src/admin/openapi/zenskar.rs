//! Aggregates in Zenskar's words: `/aggregates` and what is below it.

use serde_json::{Map, Value, json};

use super::operating::{as_of, lacks};
use super::operation::{
    Operation, family_in_query, in_header, in_path, in_query, required_in_query,
};
use super::schema::{
    Schemas, boolean, formatted, instant, list, open, or_null, properties, reference, text, whole,
    whole_object,
};
use crate::admin::zenskar::{Column, LIMIT, LIMIT_MAX, OPERATORS};

const ORGANISATION: &str = "3c90c3cc-0d44-4b50-8888-8dd25736052a";
const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const WARNINGS: &str = "What is to be known of the definition or the request: one value for each.";

fn call(name: &'static str, summary: &'static str) -> Operation {
    let mut organisation = uuid("Whose aggregates are meant: an organisation, which is a tenant.");
    organisation["examples"] = json!([ORGANISATION]);
    Operation::new("zenskar", name, summary)
        .with(in_header("organisation", true, organisation))
        .refuses(&[422])
}

fn one(name: &'static str, summary: &'static str) -> Operation {
    call(name, summary).with(in_path("id", uuid("The aggregate's id."), ID)).refuses(&[404])
}

pub(in crate::admin) fn list_all() -> Operation {
    let number = |least: usize, default: usize, what: &str| json!({ "type": "integer", "minimum": least, "default": default, "description": what });
    let mut limit = number(1, LIMIT, "How many a page has.");
    limit["maximum"] = LIMIT_MAX.into();
    let columns = Column::ALL.map(Column::name);
    let sort_keys = [&columns[..], &[""]].concat();
    let order = format!(
        "Columns ({}) with commas between; `-` before one: descending.",
        columns.join(", ")
    );
    let direction = json!({ "type": "string", "enum": ["asc", "desc", ""], "default": "desc", "description": "Which way `sort_key` sorts." });
    let filters = format!(
        "Conditions: a column, or a column and an operator with two underscores between ({}). Without one it asks for equality. \
         `in` and `not_in` take values with commas between; `like` and `ilike`, which created_at has not, look for a text \
         anywhere where it has no `%`.",
        OPERATORS.join(", ")
    );
    let pattern = format!("^({})(__({}))?$", columns.join("|"), OPERATORS.join("|"));
    let mut found = aggregate();
    found["created_at"] = "2026-03-10T12:00:00Z".into();
    let page = json!({ "results": [found], "next": null, "previous": null, "total_count": 1 });
    call("zenskarListAggregates", "The aggregates that Zenskar can say, newest first")
        .note("A parameter that means nothing is told of in a Warning; an empty one is as if it were not there.")
        .with(in_query("limit", limit))
        .with(in_query("offset", number(0, 0, "How many stand before the page.")))
        .with(in_query("cursor", text("The `next` or `previous` of an answer.")))
        .with(in_query("order", text(&order)))
        .with(in_query(
            "sort_key",
            json!({ "type": "string", "enum": sort_keys, "description": "One column to sort by." }),
        ))
        .with(in_query("sort_type", direction))
        .with(family_in_query("filter", &pattern, &filters, &json!({ "name__ilike": "sms" })))
        .answers(200, "A page.", "ZenskarAggregates", &page)
        .header("warning", WARNINGS)
}

pub(in crate::admin) fn create() -> Operation {
    let answer = call("zenskarCreateAggregate", "Make an aggregate")
        .note("Counted is what `aggregation_query` says, or `visual_query_builder` where that is empty.")
        .takes("ZenskarInput", &input())
        .answers(200, "The aggregate.", "ZenskarAggregate", &aggregate())
        .header("warning", WARNINGS);
    let same = ("header.organisation", "$request.header.organisation");
    let id = [("path.id", "$response.body#/id"), same];
    let calls = ["zenskarReadAggregate", "zenskarUpdateAggregate", "zenskarDeleteAggregate"];
    let answer = calls.into_iter().fold(answer, |answer, call| answer.leads_to(call, &id));
    answer
        .leads_to("zenskarEstimate", &[("query.aggregate_id", "$response.body#/id"), same])
        .refuses(&[409, 503])
}

pub(in crate::admin) fn read_one() -> Operation {
    one("zenskarReadAggregate", "One aggregate").answers(
        200,
        "The aggregate.",
        "ZenskarAggregate",
        &aggregate(),
    )
}

pub(in crate::admin) fn update() -> Operation {
    let mut changed = aggregate();
    changed["name"] = "SMS of customers".into();
    one("zenskarUpdateAggregate", "Change fields of an aggregate")
        .note("Null leaves a field as it is, but clears the builder.")
        .takes("ZenskarChanges", &json!({ "name": "SMS of customers" }))
        .answers(200, "The aggregate as it is now.", "ZenskarAggregate", &changed)
        .header("warning", WARNINGS)
        .refuses(&[409, 503])
}

pub(in crate::admin) fn delete() -> Operation {
    one("zenskarDeleteAggregate", "Let an aggregate count nothing any more")
        .answers(200, "What it was.", "ZenskarAggregate", &aggregate())
        .refuses(&[409, 503])
}

pub(in crate::admin) fn estimates() -> Operation {
    let date = |what: &str| {
        text(&format!("{what}: a date of the metric's zone, or an instant by RFC 3339."))
    };
    call("zenskarEstimate", "What an aggregate comes to for a customer, by the totals so far")
        .note("Totals are added up over whole periods, and only where that is exact. A parameter that means nothing is told of in a Warning.")
        .with(required_in_query("aggregate_id", uuid("The aggregate's id."), ID))
        .with(required_in_query("customer_id", text("Who is billed."), "acme"))
        .with(required_in_query("start_date", date("Where a period begins"), "2026-03-01"))
        .with(required_in_query("end_date", date("Where one ends"), "2026-04-01"))
        .with(in_query("get_single", boolean("There is a single one in any case.")))
        .answers(200, "The estimate.", "ZenskarEstimate", &estimate())
        .header("warning", WARNINGS)
        .refuses(&[404])
}

fn input() -> Value {
    json!({
        "name": "SMS", "dataschema": "", "aggregation_query": QUERY, "cust_agg_query": "", "visual_query_builder": {},
        "datasource": "0b2c7a52-6a43-4f2e-9b0a-1f5f2f6f7c11",
    })
}

const QUERY: &str = "SELECT SUM(data.sms) AS quantity FROM raw_metric_telephone_usage WHERE customer_id = \
    '{{customer.external_id}}' AND timestamp >= '{{start_date}}' AND timestamp < '{{end_date}}'";

fn aggregate() -> Value {
    let mut aggregate = json!({ "id": ID });
    let members = aggregate.as_object_mut().expect("an object");
    members.extend(input().as_object().expect("an object").clone());
    members.insert("version".to_owned(), 1.into());
    aggregate
}

fn estimate() -> Value {
    json!({
        "id": "2b1d5f0a-7c3e-8a4f-9d6b-0e1f2a3b4c5d", "organisation_id": ORGANISATION, "aggregate_id": ID,
        "customer_id": "acme", "start_date": "2026-03-01", "end_date": "2026-04-01",
        "value": { "fields": [{ "quantity": 42 }] }, "complete": true, "missing": [], "forgotten": false,
        "unanswered": [], "as_of": [],
        "created_at": "2026-03-10T12:00:00Z", "updated_at": null, "deleted_at": null,
    })
}

/// In each of the forms that Python reads one in.
fn uuid(what: &str) -> Value {
    json!({ "type": "string", "format": "uuid", "description": what })
}

pub(super) fn schemas() -> Schemas {
    let required = [
        "name",
        "dataschema",
        "aggregation_query",
        "cust_agg_query",
        "visual_query_builder",
        "datasource",
    ];
    let input = open("An aggregate; other fields are told of in a Warning.", &required, fields());
    let nullable: Map<String, Value> =
        fields().into_iter().map(|(name, schema)| (name, or_null(schema))).collect();
    let page = whole_object(
        "A page.",
        vec![
            ("results", list(reference("ZenskarListed"))),
            ("next", or_null(text("The `cursor` of the next page."))),
            ("previous", or_null(text("The `cursor` of the one before."))),
            ("total_count", whole("How many there are by these conditions.", 0)),
        ],
    );
    let mut listed = answered();
    listed.push(("created_at", instant("When it was made.")));
    let named = [
        ("ZenskarInput", input),
        ("ZenskarChanges", open("Fields of an aggregate.", &[], nullable)),
        (
            "ZenskarAggregate",
            whole_object("An aggregate: its fields as they were sent.", answered()),
        ),
        ("ZenskarListed", whole_object("An aggregate in a list.", listed)),
        ("ZenskarAggregates", page),
        ("ZenskarEstimate", estimate_schema()),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// The fields that a body has.
fn fields() -> Map<String, Value> {
    properties(vec![
        ("name", text("For people.")),
        ("dataschema", text("Kept and told.")),
        (
            "aggregation_query",
            formatted("sql", "SQL. Empty where the builder says what is counted."),
        ),
        (
            "cust_agg_query",
            formatted("sql", "Kept and told; a Warning says where it means something else."),
        ),
        (
            "visual_query_builder",
            json!({ "type": "object", "description": "What Zenskar's builder has put together." }),
        ),
        ("datasource", text("Kept and told; it may stand for a topic.")),
    ])
}

fn answered() -> Vec<(&'static str, Value)> {
    let builder = json!({ "type": ["object", "null"], "description": "As it was sent." });
    let sent = |name| (name, text("As it was sent."));
    vec![
        ("id", uuid("Its id.")),
        sent("name"),
        sent("dataschema"),
        sent("aggregation_query"),
        sent("cust_agg_query"),
        ("visual_query_builder", builder),
        sent("datasource"),
        ("version", whole("How many versions it has.", 1)),
    ]
}

fn estimate_schema() -> Value {
    let dimension = json!({
        "anyOf": [
            { "type": ["string", "null"] },
            { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
        ],
        "description": "The group's value, or each column's by its name; absent where there are no groups.",
    });
    let quantity =
        or_null(json!({ "type": "number", "description": "An exact decimal of up to 38 digits." }));
    let mut field = open(
        "What a group comes to.",
        &["quantity"],
        properties(vec![("quantity", quantity), ("dimension", dimension)]),
    );
    field["additionalProperties"] = false.into();
    whole_object(
        "What an aggregate comes to.",
        [
            vec![
                ("id", uuid("The same for the same question.")),
                ("organisation_id", text("Whose.")),
                ("aggregate_id", uuid("Of which aggregate.")),
                ("customer_id", text("For whom.")),
                ("start_date", text("As it was asked.")),
                ("end_date", text("As it was asked.")),
                ("value", whole_object("By groups.", vec![("fields", list(field))])),
            ],
            lacks(),
            vec![
                ("as_of", as_of()),
                ("created_at", instant("Now.")),
                ("updated_at", json!({ "type": "null" })),
                ("deleted_at", json!({ "type": "null" })),
            ],
        ]
        .concat(),
    )
}
