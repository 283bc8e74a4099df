//! A metric in the native form: the keys that `format::definitions` reads.

use serde_json::{Map, Value, json};

use super::schema::{
    Schemas, boolean, closed, formatted, instant, list, one_of, or_null, properties, reference,
    such_as, text,
};
use crate::definition::{AggregationKind, Fill, Grammar, LatePolicy, RoundingFunction};
use crate::dialect::Defaults;
use crate::format::definitions::Form;

/// Lengths of time as definitions write them.
const DURATION: &str = "^[0-9]+(ms|s|m|h|d|w)$";
/// Calendar units, or a fixed length.
const PERIOD: &str = "^(minute|hour|day|week|month|quarter|year|[0-9]+(ms|s|m|h|d|w))$";
/// No control character.
const CODE: &str = r"^[^\u0000-\u001F\u007F-\u009F]+$";

/// The keys of a definition.
pub(super) fn keys() -> Map<String, Value> {
    let identity = |what: &str| json!({ "type": "string", "minLength": 1, "maxLength": 512, "description": what });
    let code = json!({
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": CODE,
        "description": "Its name among the tenant's metrics. It may not end like `~2`.",
    });
    let expression = |what, example: &str| such_as(formatted("expression", what), example);
    properties(vec![
        ("code", code),
        ("name", text("For people.")),
        ("description", text("For people.")),
        (
            "grammar",
            one_of(
                Grammar::ALL.map(Grammar::name),
                "What `value` (lago) or `filter` (maple) is written in.",
            ),
        ),
        ("tenant", identity("Whose it is: the query's, where that names one.")),
        (
            "topic",
            json!({ "type": "string", "minLength": 1, "description": "Which source topic feeds it; required where several are configured." }),
        ),
        ("event_type", identity("The type of its events; the code where it is absent.")),
        ("filter", expression("Which events count.", "properties.status < 500")),
        ("aggregation", aggregation("How its events become a number.")),
        (
            "value",
            expression(
                "What is aggregated; required but for count.",
                "properties.input + 3 * properties.output",
            ),
        ),
        (
            "operation",
            text("Of a unique count: the property that says whether a value is added or removed."),
        ),
        ("percentile", percentile()),
        ("inner", reference("Inner")),
        ("recurring", boolean("Whether what was counted carries over from period to period.")),
        ("prorated", boolean("Whether what carries over counts by its share of the period.")),
        ("result", expression("What becomes of the total.", "value * 2")),
        ("rounding", reference("Rounding")),
        ("group_by", group_by()),
        (
            "period",
            json!({ "type": "string", "pattern": PERIOD, "default": "month", "description": "A calendar unit, or a length from 1s to 366d." }),
        ),
        (
            "timezone",
            json!({ "type": "string", "format": "timezone", "default": "UTC", "description": "The IANA zone by which periods are cut." }),
        ),
        (
            "anchor",
            json!({ "type": "integer", "minimum": 1, "maximum": 31, "default": 1, "description": "The day of month on which periods begin." }),
        ),
        (
            "anchor_month",
            json!({ "type": "integer", "minimum": 1, "maximum": 12, "default": 1, "description": "The month in which quarters and years begin." }),
        ),
        (
            "grace",
            json!({ "type": "string", "pattern": DURATION, "default": "0s", "description": "How long a period waits for late events." }),
        ),
        (
            "late",
            json!({ "type": "string", "enum": LATE.map(LatePolicy::name), "default": LatePolicy::Correct.name(), "description": "What becomes of events that come later." }),
        ),
        ("effective_from", instant("From when a version is meant to count (rule 5.6).")),
    ])
}

const LATE: [LatePolicy; 3] = [LatePolicy::Correct, LatePolicy::Carry, LatePolicy::Drop];

fn aggregation(what: &str) -> Value {
    one_of(AggregationKind::ALL.map(AggregationKind::name), what)
}

fn percentile() -> Value {
    json!({
        "type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 100,
        "description": "Over 0 and at most 100, with at most 18 fraction digits; with the aggregation percentile alone.",
    })
}

fn group_by() -> Value {
    let mut dimensions = list(json!({ "anyOf": [text("A property."), reference("Dimension")] }));
    dimensions["maxItems"] = 16.into();
    dimensions["description"] = "The properties that totals are told apart by.".into();
    dimensions
}

/// The version that somebody saw.
fn version() -> Value {
    json!({
        "type": ["integer", "null"], "minimum": 0,
        "description": "The version that was seen last: where it is another one by now, the answer is 409.",
    })
}

/// A metric in another system's form, as a definitions file has it, with keys beside it.
pub(super) fn foreign(beside: Vec<(&str, Value)>) -> Value {
    let forms = [Form::Lago, Form::Maple, Form::Zenskar].map(Form::name);
    let mut defaults = keys();
    defaults.retain(|key, _| key == "tenant" || Defaults::KEYS.contains(&key.as_str()));
    let metrics = json!({
        "type": "array", "minItems": 1, "maxItems": 1, "items": { "type": "object" },
        "description": "The body that the system's own call would take.",
    });
    let keys = vec![
        ("dialect", one_of(forms, "Whose form it is.")),
        ("defaults", or_null(closed("What that form does not say.", &[], defaults))),
        ("metrics", metrics),
    ];
    closed(
        "A metric in another system's form: it is made, and changed, as by that system's own call.",
        &["dialect", "metrics"],
        properties([keys, beside].concat()),
    )
}

pub(super) fn schemas() -> Schemas {
    let inner = closed(
        "An aggregation of each bucket, the results of which the outer one aggregates (rule 4.5).",
        &["aggregation", "every"],
        properties(vec![
            ("aggregation", aggregation("That of a bucket; not weighted_sum.")),
            (
                "every",
                json!({ "type": "string", "pattern": PERIOD, "description": "The length of a bucket." }),
            ),
            (
                "fill",
                one_of(
                    [Fill::Skip, Fill::Zero].map(Fill::name),
                    "What a bucket without events is.",
                ),
            ),
            ("percentile", percentile()),
        ]),
    );
    let functions = [RoundingFunction::Round, RoundingFunction::Ceil, RoundingFunction::Floor];
    let precision = json!({ "type": "integer", "minimum": -18, "maximum": 18, "default": 0, "description": "Fraction digits." });
    let rounding = closed(
        "How a total is rounded (rule 3.5).",
        &["function"],
        properties(vec![
            ("function", one_of(functions.map(RoundingFunction::name), "Which way.")),
            ("precision", precision),
        ]),
    );
    let values = list(json!({ "type": "string" }));
    let within = json!({ "type": "object", "minProperties": 1, "additionalProperties": values });
    let dimension = closed(
        "A property with declared values.",
        &["property"],
        properties(vec![
            ("property", text("Its path.")),
            (
                "values",
                json!({
                    "anyOf": [{ "type": "array", "minItems": 1, "items": { "type": "string" } }, within],
                    "description": "Those that are told apart; with `within` a list for each value of the other dimension.",
                }),
            ),
            (
                "other",
                json!({ "type": "string", "enum": ["bucket", "drop"], "default": "bucket", "description": "Other values are one group, or not counted." }),
            ),
            ("within", text("An earlier dimension, by the values of which these differ.")),
        ]),
    );
    let definition = closed("A metric in the native form.", &["code", "aggregation"], keys());
    let nullable = keys().into_iter().map(|(key, schema)| (key, or_null(schema))).collect();
    let mut changes = closed("Keys with their new values; null takes one away.", &[], nullable);
    changes["properties"]["version"] = version();
    let either = |native, foreign| json!({ "anyOf": [native, foreign] });
    let named = [
        ("Inner", inner),
        ("Rounding", rounding),
        ("Dimension", dimension),
        ("Definition", either(definition, foreign(Vec::new()))),
        ("Changes", either(changes, foreign(vec![("version", version())]))),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
