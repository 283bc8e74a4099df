//! Billable metrics in Maple's words: `/api/v1/companies/{company_id}/billable_metrics` and what is below it.

use serde_json::{Map, Value, json};

use super::operation::{Operation, in_header, in_path};
use super::schema::{
    Schemas, boolean, instant, list, one_of, open, or_null, properties, reference, such_as, text,
    whole_object,
};
use crate::admin::maple::KEY_BYTES_MAX;
use crate::dialect::maple::{LIMIT, LIMIT_MAX, SortKey, State};

const COMPANY: &str = "cmp_1";
const ID: &str = "bm_0f8fad5bd9cb469fa16570867728950e";
const IGNORED: &str = "The keys of the body that nothing is known of, and that were ignored.";

fn call(name: &'static str, summary: &'static str) -> Operation {
    let company = json!({ "type": "string", "pattern": "^cmp_.+$", "description": "A company, which is a tenant." });
    Operation::new("maple", name, summary)
        .with(in_path("company_id", company, COMPANY))
        .refuses(&[404])
}

fn one(name: &'static str, summary: &'static str) -> Operation {
    call(name, summary).with(in_path("id", text("The metric's id, which is its code."), ID))
}

/// A call that may be repeated.
fn done_once(operation: Operation) -> Operation {
    let what = "By which the call is known again: repeated, it is answered as the first time and does nothing. With another body it \
        is refused with 409.";
    let key = json!({ "type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX, "pattern": "^[ -~]+$", "description": what });
    operation.with(in_header("Idempotency-Key", false, key)).refuses(&[409, 503])
}

pub(in crate::admin) fn create() -> Operation {
    let call = done_once(call("mapleCreateBillableMetric", "Make a metric"));
    let answer = call
        .takes("MapleInput", &input())
        .answers(200, "The metric.", "MapleBillableMetric", &metric())
        .header("warning", IGNORED);
    let place =
        [("path.company_id", "$response.body#/company_id"), ("path.id", "$response.body#/id")];
    answer.leads_to("mapleReadBillableMetric", &place).leads_to("mapleUpdateBillableMetric", &place)
}

pub(in crate::admin) fn find() -> Operation {
    let asked = json!({ "pagination": { "limit": 20 }, "query": { "state": "ACTIVE" }, "sort_key": "createdAtDesc" });
    let page = json!({ "pagination": { "from_key": null, "limit": 20 }, "results": [metric()] });
    call("mapleFindBillableMetrics", "The metrics that Maple can say, archived ones too, by pages")
        .takes("MapleSearch", &asked)
        .answers(200, "A page.", "MapleFound", &page)
        .header("warning", IGNORED)
}

pub(in crate::admin) fn read_one() -> Operation {
    one("mapleReadBillableMetric", "One metric").answers(
        200,
        "The metric.",
        "MapleBillableMetric",
        &metric(),
    )
}

pub(in crate::admin) fn update() -> Operation {
    let mut changed = metric();
    changed["description"] = "above a second".into();
    done_once(one("mapleUpdateBillableMetric", "Change fields of a metric, or archive it"))
        .note("Fields that the body lacks stay as they are. What is archived folds nothing any more, and changes no more.")
        .takes("MapleChanges", &json!({ "description": "above a second" }))
        .answers(200, "The metric as it is now.", "MapleBillableMetric", &changed)
        .header("warning", IGNORED)
}

fn rule() -> Value {
    let property = json!({ "item_type": "PROPERTY", "property": "usage.ms" });
    let value = json!({ "item_type": "VALUE", "value": "500" });
    let comparator =
        json!({ "type": "GREATER_THAN_OR_EQUAL", "left_item": property, "right_item": value });
    json!({
        "aggregator": "SUM", "property": "usage.ms", "group_keys": ["region"],
        "rule": { "comparator": { "type": "AND", "items": [{ "item_type": "COMPARATOR", "comparator": comparator }] } },
    })
}

fn input() -> Value {
    json!({
        "name": "Slow calls", "item_id": "item_call", "external_name": "Slow", "description": "above half a second",
        "is_billable": true, "metering_rule": rule(),
    })
}

fn metric() -> Value {
    json!({
        "company_id": COMPANY, "created_at": "2026-03-10T12:00:00Z", "description": "above half a second", "editable": true,
        "external_name": "Slow", "id": ID, "is_billable": true, "item_id": "item_call", "metering_rule": rule(),
        "name": "Slow calls", "standard": false, "state": "ACTIVE", "type": "CUSTOM_METRIC",
        "updated_at": "2026-03-10T12:00:00Z",
    })
}

pub(super) fn schemas() -> Schemas {
    let found = whole_object(
        "A page.",
        vec![
            (
                "pagination",
                whole_object(
                    "Where it ends.",
                    vec![
                        (
                            "from_key",
                            or_null(text(
                                "The `from_key` of the next page; null: this is the last.",
                            )),
                        ),
                        ("limit", limit()),
                    ],
                ),
            ),
            ("results", list(reference("MapleBillableMetric"))),
        ],
    );
    let input = open(
        "A metric; what is not known is ignored, and told of in a Warning.",
        &["name", "item_id", "metering_rule"],
        fields(),
    );
    let named = [
        ("MapleInput", input),
        ("MapleChanges", open("Fields of a metric.", &[], fields())),
        ("MapleMeteringRule", metering_rule()),
        ("MapleComparator", comparator()),
        ("MapleItem", item()),
        (
            "MapleBillableMetric",
            whole_object("A billable metric, with every field that Maple has.", answered()),
        ),
        ("MapleSearch", search()),
        ("MapleFound", found),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn state() -> Value {
    one_of([State::Active, State::Archived].map(State::name), "Whether it is in use.")
}

fn limit() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT, "description": "How many a page has." })
}

/// The fields that a body may have; null is as if a field were absent.
fn fields() -> Map<String, Value> {
    properties(vec![
        ("name", text("For people.")),
        ("metering_rule", reference("MapleMeteringRule")),
        (
            "item_id",
            json!({ "type": "string", "minLength": 1, "maxLength": 512, "description": "The type of its events." }),
        ),
        (
            "is_billable",
            or_null(json!({ "type": "boolean", "default": true, "description": "Kept and told." })),
        ),
        ("external_name", or_null(text("For people."))),
        ("description", or_null(text("For people."))),
        ("state", or_null(state())),
    ])
}

const AGGREGATORS: &str = "COUNT, SUM, MAX, MIN, AVERAGE, UNIQUE_COUNT, LAST_REPORTED_IN_PERIOD, LAST_REPORTED_IN_HISTORY or \
    HISTORICAL_SUM; case, blanks, `_` and `-` make no difference.";

fn metering_rule() -> Value {
    let rule = json!({
        "anyOf": [reference("MapleComparator"), reference("MapleItem"), { "type": ["string", "null"] }],
        "description": "Which events count: a comparator, or an object or a text that holds one. What is empty matches all.",
    });
    let keys = json!({ "type": ["array", "null"], "maxItems": 16, "items": { "type": "string" }, "description": "What it is grouped by." });
    open(
        "How its events become a number.",
        &["aggregator"],
        properties(vec![
            ("aggregator", such_as(text(AGGREGATORS), "SUM")),
            ("property", or_null(text("What is aggregated; required but for COUNT."))),
            ("group_keys", keys),
            ("rule", rule),
        ]),
    )
}

fn comparator() -> Value {
    let what = "AND, OR or NOT, which take comparators; EQUALS, NOT_EQUALS, GREATER_THAN, GREATER_THAN_OR_EQUAL, LESS_THAN, \
        LESS_THAN_OR_EQUAL, IN, NOT_IN, CONTAINS, NOT_CONTAINS, STARTS_WITH, ENDS_WITH, EXISTS or NOT_EXISTS, which take \
        properties and values.";
    let item = || or_null(reference("MapleItem"));
    open(
        "A comparison, or several joined.",
        &[],
        properties(vec![
            ("type", text(what)),
            ("left_item", item()),
            ("right_item", item()),
            ("items", or_null(list(reference("MapleItem")))),
        ]),
    )
}

fn item() -> Value {
    open(
        "A property, a value or a comparator; what is empty beside it is left out.",
        &[],
        properties(vec![
            ("item_type", or_null(text("PROPERTY, VALUE or COMPARATOR."))),
            ("property", or_null(text("A property's path."))),
            ("value", json!({ "description": "A text, a number, a boolean, or a list of these." })),
            (
                "comparator",
                json!({ "anyOf": [reference("MapleComparator"), { "type": ["string", "null"] }] }),
            ),
        ]),
    )
}

fn answered() -> Vec<(&'static str, Value)> {
    let rule = open(
        "As it was submitted.",
        &["aggregator"],
        properties(vec![("aggregator", text(AGGREGATORS))]),
    );
    vec![
        ("company_id", text("The company.")),
        ("created_at", instant("When it was made.")),
        ("description", or_null(text("For people."))),
        ("editable", json!({ "type": "boolean", "const": true })),
        ("external_name", or_null(text("For people."))),
        ("id", such_as(text("Its id, which is its code."), ID)),
        ("is_billable", boolean("As it was submitted.")),
        ("item_id", text("The type of its events.")),
        ("metering_rule", rule),
        ("name", text("For people.")),
        ("standard", json!({ "type": "boolean", "const": false })),
        ("state", state()),
        ("type", json!({ "type": "string", "const": "CUSTOM_METRIC" })),
        ("updated_at", instant("When it was last changed.")),
    ]
}

fn search() -> Value {
    let wanted = |what: &str| or_null(text(what));
    let pagination = open(
        "Where a page begins.",
        &[],
        properties(vec![
            ("from_key", wanted("That of the page before.")),
            ("limit", or_null(limit())),
        ]),
    );
    let query = open(
        "What each must have.",
        &[],
        properties(vec![
            ("name", wanted("The whole name.")),
            ("external_name", wanted("The whole one.")),
            ("item_id", wanted("The whole one.")),
            ("state", or_null(state())),
        ]),
    );
    let orders = SortKey::ALL.map(|(name, _)| name);
    let order = json!({ "type": ["string", "null"], "enum": orders, "default": orders[0], "description": "In which order." });
    let mut order = order;
    order["enum"].as_array_mut().expect("a list").push(Value::Null);
    open(
        "Which metrics are asked for.",
        &[],
        properties(vec![
            ("pagination", or_null(pagination)),
            ("query", or_null(query)),
            ("sort_key", order),
        ]),
    )
}
