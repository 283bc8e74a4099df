//! Billable metrics in Lago's words: `/api/v1/billable_metrics` and what is below it.

use serde_json::{Map, Value, json};

use super::operation::{Operation, code_in_path, in_query};
use super::schema::{
    Schemas, boolean, closed, formatted, instant, list, one_of, open, or_null, properties,
    reference, text, whole, whole_object,
};
use crate::admin::page::PER_PAGE;
use crate::definition::RoundingFunction;
use crate::dialect::lago::Aggregation;

/// The code that examples have.
const CODE: &str = "storage";

const METRIC: &str = "/api/v1/billable_metrics/{code}";

fn call(name: &'static str, summary: &'static str) -> Operation {
    Operation::new("lago", name, summary)
}

/// Of a code in a path.
fn named(operation: Operation) -> Operation {
    operation
        .at(METRIC)
        .with(code_in_path(CODE))
        .note("A code may hold slashes, encoded or not: whatever follows the path is one.")
}

fn paged(operation: Operation) -> Operation {
    let least =
        |what: &str| json!({ "type": "integer", "minimum": 1, "default": 1, "description": what });
    let mut per_page =
        least("How many a page has; what is no number, or none that there may be, means as many.");
    per_page["maximum"] = PER_PAGE.into();
    per_page["default"] = PER_PAGE.into();
    operation
        .with(in_query("page", least("Which page; what is no number means the first.")))
        .with(in_query("per_page", per_page))
        .refuses_for(400, "The query cannot be read.")
}

pub(in crate::admin) fn list_all() -> Operation {
    let meta = json!({ "current_page": 1, "next_page": null, "prev_page": null, "total_pages": 1, "total_count": 1 });
    paged(call("lagoListBillableMetrics", "The metrics that Lago can say, newest first")).answers(
        200,
        "A page.",
        "LagoBillableMetrics",
        &json!({ "billable_metrics": [metric()], "meta": meta }),
    )
}

pub(in crate::admin) fn create() -> Operation {
    let answer = call("lagoCreateBillableMetric", "Make a metric")
        .takes("LagoInput", &json!({ "billable_metric": input() }))
        .answers(200, "The metric.", "LagoBillableMetric", &json!({ "billable_metric": metric() }));
    let code = [("path.code", "$response.body#/billable_metric/code")];
    let calls = [
        "lagoReadBillableMetric",
        "lagoUpdateBillableMetric",
        "lagoListGroups",
        "lagoDeleteBillableMetric",
    ];
    let answer = calls.into_iter().fold(answer, |answer, call| answer.leads_to(call, &code));
    answer.refuses_for(403, CUSTOM).refuses(&[503])
}

const READ_ONLY: &str = "The metric stands in a file, which `error_details.file` names: it changes there alone (`read_only`).";

const CUSTOM: &str = "The key may not do that; or `custom_agg`, which runs code, is asked for (`feature_unavailable`); or no keys \
    are configured, and the request comes from another machine.";

pub(in crate::admin) fn read_one() -> Operation {
    named(call("lagoReadBillableMetric", "One metric"))
        .answers(200, "The metric.", "LagoBillableMetric", &json!({ "billable_metric": metric() }))
        .refuses(&[404])
}

pub(in crate::admin) fn groups() -> Operation {
    let meta = json!({ "current_page": 1, "next_page": null, "prev_page": null, "total_pages": 0, "total_count": 0 });
    let groups = call("lagoListGroups", "The groups of a metric of Lago's first generation")
        .at("/api/v1/billable_metrics/{code}/groups")
        .with(code_in_path(CODE))
        .note("Where there is a metric whose own code ends in `/groups`, it is answered instead.");
    paged(groups)
        .answers(
            200,
            "A page; empty where the metric has filters.",
            "LagoGroups",
            &json!({ "groups": [], "meta": meta }),
        )
        .refuses(&[404])
}

pub(in crate::admin) fn update() -> Operation {
    let mut changed = metric();
    changed["name"] = "Storage of all".into();
    named(call("lagoUpdateBillableMetric", "Change fields of a metric"))
        .note("Fields that the body lacks stay as they are. The code cannot change.")
        .takes("LagoChanges", &json!({ "billable_metric": { "name": "Storage of all" } }))
        .answers(
            200,
            "The metric as it is now.",
            "LagoBillableMetric",
            &json!({ "billable_metric": changed }),
        )
        .refuses_for(403, CUSTOM)
        .refuses(&[404, 503])
        .refuses_for(409, READ_ONLY)
        .refuses_for(
            405,
            "The metric was made by other calls, which change it: `code` says by which.",
        )
}

pub(in crate::admin) fn delete() -> Operation {
    named(call("lagoDeleteBillableMetric", "Let a metric fold nothing any more"))
        .answers(200, "What it was.", "LagoBillableMetric", &json!({ "billable_metric": metric() }))
        .refuses(&[404, 422, 503])
        .refuses_for(409, READ_ONLY)
}

pub(in crate::admin) fn evaluate() -> Operation {
    let event = json!({ "code": CODE, "timestamp": 1_772_352_000, "properties": { "n": 10 } });
    let body = json!({ "expression": "event.properties.n * 2 + 1", "event": event });
    call("lagoEvaluateExpression", "What an expression gives for an event; nothing is kept")
        .at("/api/v1/billable_metrics/evaluate_expression")
        .note("Without a body the expression is missing: 422.")
        .takes_optional("LagoEvaluation", &body)
        .answers(
            200,
            "Its value.",
            "LagoEvaluated",
            &json!({ "expression_result": { "value": "21.0" } }),
        )
        .refuses_for(400, "The body is no JSON.")
        .refuses_for(404, "Nothing else is posted to a code.")
}

fn input() -> Value {
    json!({
        "name": "Storage", "code": CODE, "description": "GB kept", "aggregation_type": "sum_agg", "recurring": true,
        "field_name": "gb", "rounding_function": "ceil", "rounding_precision": 2,
        "filters": [{ "key": "region", "values": ["eu", "us"] }],
    })
}

fn metric() -> Value {
    json!({
        "lago_id": "1a901a90-1a90-4a90-9a90-1a901a901a90", "name": "Storage", "code": CODE, "description": "GB kept",
        "aggregation_type": "sum_agg", "weighted_interval": null, "recurring": true, "rounding_function": "ceil",
        "rounding_precision": 2, "created_at": "2026-03-10T12:00:00Z", "field_name": "gb", "expression": null,
        "filters": [{ "key": "region", "values": ["eu", "us"] }], "group": {}, "active_subscriptions_count": 0,
        "draft_invoices_count": 0, "plans_count": 0,
    })
}

pub(super) fn schemas() -> Schemas {
    let types = Aggregation::ALL.map(Aggregation::name);
    let page = |of: &'static str, schema| {
        whole_object("A page.", vec![(of, schema), ("meta", reference("LagoMeta"))])
    };
    let root = |of: &str| whole_object("One metric.", vec![("billable_metric", reference(of))]);
    let asked = |of: Value| {
        open("One metric.", &["billable_metric"], properties(vec![("billable_metric", of)]))
    };
    let mut changes = open("Fields of a metric.", &[], fields());
    changes["minProperties"] = 1.into();
    let value = json!({ "type": "string", "description": "A text as it is, or a number with a fraction: 21.0." });
    let group = whole_object(
        "What is billed apart.",
        vec![
            ("lago_id", uuid()),
            ("key", or_null(text("The outer value that it stands within."))),
            ("value", text("The value.")),
        ],
    );
    let evaluated = whole_object("A value.", vec![("value", value)]);
    let event = open(
        "An event.",
        &[],
        properties(vec![
            ("code", text("Its type.")),
            (
                "timestamp",
                json!({ "type": ["number", "string"], "description": "Seconds, or an instant by RFC 3339." }),
            ),
            ("properties", json!({ "type": ["object", "null"] })),
        ]),
    );
    let evaluation = open(
        "What is worked out.",
        &["expression", "event"],
        properties(vec![
            ("expression", formatted("lago-expression", "In Lago's grammar.")),
            ("event", event),
        ]),
    );
    let named = [
        ("LagoFilter", filter()),
        ("LagoGroup", group_schema()),
        (
            "LagoMetric",
            whole_object("A billable metric, with every field that Lago has.", answered(&types)),
        ),
        (
            "LagoInput",
            asked(open(
                "Its fields; others are ignored. Values are cast as Lago's columns cast them.",
                &["name", "code", "aggregation_type"],
                fields(),
            )),
        ),
        ("LagoChanges", asked(changes)),
        ("LagoBillableMetric", root("LagoMetric")),
        ("LagoBillableMetrics", page("billable_metrics", list(reference("LagoMetric")))),
        ("LagoGroups", page("groups", list(group))),
        ("LagoMeta", meta()),
        ("LagoEvaluation", evaluation),
        ("LagoEvaluated", whole_object("What came of it.", vec![("expression_result", evaluated)])),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

fn rounding() -> Value {
    let functions = [RoundingFunction::Round, RoundingFunction::Ceil, RoundingFunction::Floor];
    or_null(one_of(functions.map(RoundingFunction::name), "How totals are rounded."))
}

fn precision() -> Value {
    json!({ "type": ["integer", "null"], "minimum": -18, "maximum": 18, "description": "Fraction digits." })
}

fn interval() -> Value {
    or_null(one_of(["seconds"], "Of weighted_sum_agg alone."))
}

/// The fields that a body may have.
fn fields() -> Map<String, Value> {
    let types = Aggregation::ALL.map(Aggregation::name);
    let types = types.into_iter().chain(["custom_agg"]);
    properties(vec![
        ("name", text("For people.")),
        (
            "code",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": "Its name, and the type of its events." }),
        ),
        ("description", or_null(text("For people."))),
        (
            "aggregation_type",
            one_of(types, "How events become a number; custom_agg is refused with 403."),
        ),
        ("weighted_interval", interval()),
        ("recurring", or_null(boolean("Whether what was counted carries over."))),
        (
            "field_name",
            or_null(text("The property that is aggregated; required but for count_agg.")),
        ),
        ("rounding_function", rounding()),
        ("rounding_precision", precision()),
        (
            "expression",
            or_null(formatted(
                "lago-expression",
                "What is aggregated instead of the property as it is.",
            )),
        ),
        ("filters", or_null(list(reference("LagoFilter")))),
        ("group", or_null(reference("LagoGroup"))),
    ])
}

fn answered(types: &[&'static str]) -> Vec<(&'static str, Value)> {
    let none = |what: &str| json!({ "type": "integer", "const": 0, "description": what });
    vec![
        ("lago_id", uuid()),
        ("name", text("For people.")),
        ("code", text("Its name, and the type of its events.")),
        ("description", or_null(text("For people."))),
        ("aggregation_type", one_of(types.iter().copied(), "How events become a number.")),
        ("weighted_interval", interval()),
        ("recurring", boolean("Whether what was counted carries over.")),
        ("rounding_function", rounding()),
        ("rounding_precision", precision()),
        ("created_at", instant("In whole seconds.")),
        ("field_name", or_null(text("The property that is aggregated."))),
        ("expression", or_null(text("What is aggregated instead of the property as it is."))),
        ("filters", list(reference("LagoFilter"))),
        (
            "group",
            json!({ "anyOf": [reference("LagoGroup"), { "type": "object", "maxProperties": 0 }] }),
        ),
        ("active_subscriptions_count", none("Odometer has no subscriptions.")),
        ("draft_invoices_count", none("Odometer has no invoices.")),
        ("plans_count", none("Odometer has no plans.")),
    ]
}

fn filter() -> Value {
    let values = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    closed(
        "A property and its values.",
        &["key", "values"],
        properties(vec![("key", text("The property.")), ("values", values)]),
    )
}

fn group_schema() -> Value {
    let values = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    let branch = whole_object(
        "A value of the outer property, and what divides it further.",
        vec![
            ("name", text("The value.")),
            ("key", text("The inner property.")),
            ("values", values.clone()),
        ],
    );
    let values = json!({ "anyOf": [values, { "type": "array", "minItems": 1, "items": branch }] });
    whole_object(
        "One dimension or two, of Lago's first generation; not together with filters but those that say the same.",
        vec![("key", text("The property.")), ("values", values)],
    )
}

fn meta() -> Value {
    whole_object(
        "Which page it is.",
        vec![
            ("current_page", whole("From 1.", 1)),
            ("next_page", or_null(whole("The next one.", 1))),
            ("prev_page", or_null(whole("The one before.", 1))),
            ("total_pages", whole("How many there are.", 0)),
            ("total_count", whole("How many things there are.", 0)),
        ],
    )
}
