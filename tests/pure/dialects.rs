//! One metric in the native form and in those of other systems: the totals are the same, whatever the events are.

use odometer::dialect::{Native, Unsayable};
use odometer::format::definitions::{Expressed, Form, express, read};
use serde_json::{Value, json};

use crate::driver::{Driver, Style, seeds};
use crate::oracle::{Options, Record};
use crate::worlds::Dice;

/// Totals by key, and how many events ended in which way.
fn outcome(definitions: &Value, events: &str) -> (Vec<String>, [u64; 6]) {
    let options = Options::default();
    let mut dice = Dice::new(1);
    let text = definitions.to_string();
    let mut driver = Driver::new(&text, &options, Style::plain(Some(20)), &mut dice);
    driver.run(&Record::lines(events.as_bytes()), &mut dice);
    let totals = driver.sight.totals();
    (totals.iter().map(|total| format!("{total:?}")).collect(), driver.counts())
}

/// Panics where the forms of one metric do not agree over events of that seed. Returns how many totals there are.
fn check(forms: &[Value], seed: u64) -> usize {
    let events = events(&mut Dice::new(seed));
    let [first, others @ ..] = forms else { panic!("there are forms") };
    let expected = outcome(first, &events);
    for other in others {
        assert_eq!(outcome(other, &events), expected, "ODOMETER_SEED={seed}\n{first}\n{other}");
    }
    expected.0.len()
}

fn native(metric: &Value) -> Value {
    json!({ "metrics": [metric] })
}

fn lago(body: &Value) -> Value {
    json!({ "dialect": "lago", "metrics": [{ "billable_metric": body }] })
}

fn maple(rule: &Value) -> Value {
    let body = json!({ "id": "m", "name": "M", "item_id": "m", "metering_rule": rule });
    json!({ "dialect": "maple", "metrics": [body] })
}

/// Events from January to April, out of order by hours at most, with values of every kind.
fn events(dice: &mut Dice) -> String {
    let values = ["1", "2.5", "-3", "\"4\"", "\"0.5\"", "\"many\"", "null", "true", "[1]", "0"];
    let texts =
        ["\"red\"", "\"blue\"", "\"50%_off\"", "5", "\"5\"", "5.0", "true", "\"true\"", "null"];
    let mut lines = Vec::new();
    for number in 0..80 {
        let mut properties = Vec::new();
        for (key, some) in [("v", &values[..]), ("w", &values), ("p", &texts), ("q", &texts)] {
            if dice.chance(85) {
                // Most values are numbers, so that most events count.
                let is_usual = matches!(key, "v" | "w") && dice.chance(70);
                let value = if is_usual { dice.pick(&some[..5]) } else { dice.pick(some) };
                properties.push(format!("\"{key}\":{value}"));
            }
        }
        if dice.chance(60) {
            let operation = dice.text(&["add", "remove", "add", "gone"]);
            properties.push(format!("\"operation_type\":\"{operation}\""));
        }
        let hours = number * 35 + dice.below(20);
        let (time, customer) = (1_767_225_600 + hours * 3_600, dice.below(2));
        lines.push(format!(
            r#"{{"id":"e{number}","type":"m","customer":"c{customer}","time":{time},"properties":{{{}}}}}"#,
            properties.join(",")
        ));
    }
    lines.join("\n")
}

#[test]
fn three_forms_of_one_metric_have_the_same_totals() {
    for seed in seeds(10) {
        for (aggregation, of_lago, of_maple, is_recurring) in [
            ("count", "count_agg", "COUNT", false),
            ("sum", "sum_agg", "SUM", false),
            ("max", "max_agg", "MAX", false),
            ("latest", "latest_agg", "LAST_REPORTED_IN_PERIOD", false),
            ("sum", "sum_agg", "HISTORICAL_SUM", true),
        ] {
            let mut metric =
                json!({ "code": "m", "aggregation": aggregation, "recurring": is_recurring });
            if aggregation != "count" {
                metric["value"] = json!("properties.v");
            }
            let body = json!({ "name": "M", "code": "m", "aggregation_type": of_lago, "field_name": "v",
                "recurring": is_recurring });
            let rule = json!({ "aggregator": of_maple, "property": "v" });
            let totals = check(&[native(&metric), lago(&body), maple(&rule)], seed);
            assert!(totals >= 4, "ODOMETER_SEED={seed}: {totals} totals");
        }
    }
}

/// An aggregation with all that Lago can say of it, in both forms.
fn lago_metric(dice: &mut Dice) -> [Value; 2] {
    let (kind, aggregation, can_recur) = *dice.pick(&[
        ("count_agg", "count", false),
        ("sum_agg", "sum", true),
        ("max_agg", "max", false),
        ("latest_agg", "latest", false),
        ("unique_count_agg", "unique_count", true),
        ("weighted_sum_agg", "weighted_sum", true),
        ("recurring_count_agg", "unique_count", true),
    ]);
    let mut metric = json!({ "code": "m", "aggregation": aggregation });
    let mut body = json!({ "name": "M", "code": "m", "aggregation_type": kind, "field_name": "v" });
    if kind != "count_agg" {
        metric["value"] = json!("properties.v");
    }
    if aggregation == "unique_count" {
        metric["operation"] = json!("operation_type");
    }
    if kind == "recurring_count_agg" {
        (metric["recurring"], metric["prorated"]) = (json!(true), json!(true));
    } else if can_recur && dice.chance(50) {
        (metric["recurring"], body["recurring"]) = (json!(true), json!(true));
    }
    if kind != "count_agg" && dice.chance(40) {
        let (of_lago, native) = *dice.pick(&[
            ("event.properties.v * 2 - event.properties.w", "properties.v * 2 - properties.w"),
            ("round(event.properties.v / 3, 1)", "ROUND(properties.v / 3, 1)"),
            ("event.timestamp / 86400", "time / 86400"),
        ]);
        (metric["value"], body["expression"]) = (json!(native), json!(of_lago));
    }
    if dice.chance(40) {
        let (function, precision) = (dice.text(&["round", "ceil", "floor"]), dice.between(-1, 2));
        metric["rounding"] = json!({ "function": function, "precision": precision });
        (body["rounding_function"], body["rounding_precision"]) =
            (json!(function), json!(precision));
    }
    match dice.below(4) {
        0 => {
            body["filters"] =
                json!([{ "key": "q", "values": ["5"] }, { "key": "p", "values": ["red", "5"] }]);
            metric["group_by"] = json!([{ "property": "p", "values": ["5", "red"] },
                { "property": "q", "values": ["5"] }]);
        }
        1 => {
            body["group"] = json!({ "key": "p", "values": ["red", "true"] });
            metric["group_by"] =
                json!([{ "property": "p", "values": ["red", "true"], "other": "drop" }]);
        }
        2 => {
            body["group"] = json!({ "key": "p", "values": [{ "name": "red", "key": "q", "values": ["5", "blue"] },
                { "name": "5", "key": "w", "values": ["1", "2.5"] }] });
            metric["group_by"] = json!([{ "property": "p", "values": ["red", "5"], "other": "drop" },
                { "property": "q", "within": "p", "values": { "red": ["5", "blue"] }, "other": "drop" },
                { "property": "w", "within": "p", "values": { "5": ["1", "2.5"] }, "other": "drop" }]);
        }
        _ => {}
    }
    [native(&metric), lago(&body)]
}

#[test]
fn what_lago_says_has_the_same_totals_natively() {
    let mut totals = 0;
    for seed in seeds(120) {
        let mut dice = Dice::new(seed);
        totals += check(&lago_metric(&mut dice), seed);
    }
    assert!(totals > 500 || seeds(120) != (0..120), "{totals} totals");
}

/// A comparator, and the condition that it stands for.
fn comparator(dice: &mut Dice, levels: usize) -> (Value, String) {
    if levels > 0 && dice.chance(60) {
        let parts: Vec<(Value, String)> =
            (0..=dice.below(3)).map(|_| comparator(dice, levels - 1)).collect();
        let items: Vec<Value> = parts
            .iter()
            .map(|(part, _)| match dice.below(2) {
                0 => part.clone(),
                _ => json!({ "item_type": "COMPARATOR", "comparator": part, "property": "", "value": "" }),
            })
            .collect();
        let texts: Vec<String> = parts.iter().map(|(_, text)| format!("({text})")).collect();
        return match dice.below(3) {
            0 => (json!({ "type": "AND", "items": items }), texts.join(" AND ")),
            1 => (json!({ "type": "any", "items": items }), texts.join(" OR ")),
            _ => {
                (json!({ "type": "NONE", "items": items }), format!("NOT ({})", texts.join(" OR ")))
            }
        };
    }
    let key = dice.text(&["p", "q", "v"]);
    let (name, value, text) = *dice.pick(&[
        ("EQUALS", "red", "= 'red'"),
        ("EQ", "5", "= '5'"),
        ("NOT_EQUALS", "5", "<> '5'"),
        ("EQUAL", "true", "IN (TRUE, 'true')"),
        ("GREATER_THAN", "2", "> 2"),
        ("GTE", "2.50", ">= 2.5"),
        ("LESS_THAN", "2", "< 2"),
        ("LTE", "2.5", "<= 2.5"),
        ("IN", "red,5", "IN ('red', '5')"),
        ("NOT_IN", "red,5", "NOT IN ('red', '5')"),
        ("STARTS_WITH", "r", "LIKE 'r%'"),
        ("ENDS_WITH", "e", "LIKE '%e'"),
        ("CONTAINS", "0%_o", ""),
        ("EXISTS", "", "IS NOT NULL"),
        ("IS_NOT_SET", "", "IS NULL"),
    ]);
    // What LIKE cannot say is said of the one text that has it; other texts of the events have it nowhere.
    let text = match name {
        "CONTAINS" => format!("properties.{key} || '' = '50%_off'"),
        _ => format!("properties.{key} {text}"),
    };
    let comparator = json!({ "type": name, "left_item": { "item_type": "PROPERTY", "property": key },
        "right_item": { "value": value } });
    (comparator, text)
}

#[test]
fn what_maple_says_has_the_same_totals_natively() {
    let mut totals = 0;
    for seed in seeds(120) {
        let mut dice = Dice::new(seed);
        let (name, aggregation) = *dice.pick(&[
            ("COUNT", "count"),
            ("MIN", "min"),
            ("AVERAGE", "avg"),
            ("UNIQUE_COUNT", "unique_count"),
            ("SUM", "sum"),
        ]);
        let (tree, filter) = comparator(&mut dice, 3);
        let mut metric = json!({ "code": "m", "aggregation": aggregation, "filter": filter });
        if aggregation != "count" {
            metric["value"] = json!("properties.v");
        }
        let mut rule =
            json!({ "aggregator": name, "property": "v", "rule": { "comparator": tree } });
        if dice.chance(50) {
            (metric["group_by"], rule["group_keys"]) = (json!(["p", "q"]), json!(["p", "q"]));
        }
        totals += check(&[native(&metric), maple(&rule)], seed);
    }
    assert!(totals > 500 || seeds(120) != (0..120), "{totals} totals");
}

/// A file of the one metric in another system's form, where that can say it.
fn expressed(definitions: &Value, form: Form) -> Result<Value, Vec<Unsayable>> {
    let text = definitions.to_string();
    let read = read(&[("metrics.json", &text)]).unwrap_or_else(|faults| panic!("{faults:?}"));
    let Expressed { body, unsaid, .. } = express(&read.metrics[0], form)?;
    let mut defaults = Native::new();
    unsaid.fill(&mut defaults);
    let body: Value = serde_json::from_str(&body.to_string()).expect("a body is JSON");
    Ok(json!({ "dialect": form.name(), "defaults": defaults, "metrics": [body] }))
}

#[test]
fn what_a_system_says_is_said_again_in_its_own_form() {
    let mut totals = 0;
    for seed in seeds(80) {
        let mut dice = Dice::new(seed);
        let [_, of_lago] = lago_metric(&mut dice);
        let (tree, _) = comparator(&mut dice, 3);
        let of_maple = maple(&json!({ "aggregator": "SUM", "property": "v", "group_keys": ["p"],
            "rule": { "comparator": tree } }));
        for (form, definitions) in [(Form::Lago, of_lago), (Form::Maple, of_maple)] {
            let again = expressed(&definitions, form);
            let again = again
                .unwrap_or_else(|keys| panic!("ODOMETER_SEED={seed}: {definitions}: {keys:?}"));
            totals += check(&[definitions, again], seed);
        }
    }
    assert!(totals > 500 || seeds(80) != (0..80), "{totals} totals");
}

/// Native metrics, most of which some other system can say.
fn native_metric(dice: &mut Dice) -> Value {
    let aggregation = *dice.pick(&[
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "latest",
        "first",
        "unique_count",
        "percentile",
        "weighted_sum",
    ]);
    let mut metric = json!({ "code": "m", "name": "M", "aggregation": aggregation,
        "period": dice.text(&["day", "month", "week", "quarter"]), "grace": "2h" });
    if aggregation != "count" {
        metric["value"] = json!(dice.text(&[
            "properties.v",
            "properties.v",
            "properties.w * 2 - 1",
            "COALESCE(properties.v, time / 86400)",
            "CASE WHEN properties.p = 'red' THEN 1 ELSE properties.v END",
        ]));
    }
    if aggregation == "percentile" {
        metric["percentile"] = json!(dice.text(&["50", "99.9", "12.5"]));
    }
    if matches!(aggregation, "sum" | "latest" | "weighted_sum") && dice.chance(20) {
        metric["recurring"] = json!(true);
    }
    if dice.chance(50) {
        metric["filter"] = match dice.below(3) {
            0 => json!(comparator(dice, 2).1),
            1 => json!("properties.v IS NOT NULL"),
            _ => json!("properties.q IN ('true', TRUE) AND properties.v IS NOT NULL"),
        };
    }
    if dice.chance(30) {
        metric["group_by"] = json!(["p", "q"]);
    }
    if dice.chance(20) && metric.get("recurring").is_none() {
        metric["result"] =
            json!(dice.text(&["value * 2", "ROUND(value / 7, 2)", "value / events"]));
    }
    let is_simple = matches!(aggregation, "sum" | "min" | "max" | "avg");
    if is_simple && dice.chance(30) && metric.get("recurring").is_none() {
        let every = dice.text(&["hour", "day", "15m", "4h"]);
        metric["inner"] =
            json!({ "aggregation": dice.text(&["sum", "max", "count"]), "every": every });
        if metric["inner"]["aggregation"] == "count" {
            metric.as_object_mut().expect("an object").shift_remove("value");
        }
        metric["period"] = json!("month");
    }
    native(&metric)
}

#[test]
fn a_native_metric_that_a_system_can_say_has_the_same_totals_there() {
    let mut said = [0; 3];
    let mut totals = 0;
    for seed in seeds(300) {
        let metric = native_metric(&mut Dice::new(seed));
        for (place, form) in [Form::Lago, Form::Maple, Form::Zenskar].into_iter().enumerate() {
            match expressed(&metric, form) {
                Ok(other) => {
                    said[place] += 1;
                    totals += check(&[metric.clone(), other], seed);
                }
                Err(keys) => assert!(!keys.is_empty(), "ODOMETER_SEED={seed}: {metric}"),
            }
        }
    }
    let is_usual = seeds(300) == (0..300);
    let enough = said.iter().zip([10, 40, 80]).all(|(said, least)| *said > least);
    assert!(!is_usual || (enough && totals > 500), "{said:?}, {totals} totals");
}

#[test]
fn what_a_system_cannot_say_is_named() {
    for (metric, form, keys) in [
        (json!({ "aggregation": "avg", "value": "properties.v" }), Form::Lago, "aggregation"),
        (json!({ "aggregation": "sum", "value": "properties.v * 2" }), Form::Lago, "value"),
        (
            json!({ "aggregation": "unique_count", "value": "properties.v" }),
            Form::Lago,
            "operation",
        ),
        (
            json!({ "aggregation": "count", "filter": "properties.p = 'x'", "event_type": "o",
                "group_by": ["p"], "result": "value + 1" }),
            Form::Lago,
            "filter event_type result group_by",
        ),
        (
            json!({ "aggregation": "sum", "value": "properties.v", "period": "year", "anchor_month": 4 }),
            Form::Lago,
            "anchor_month",
        ),
        (
            json!({ "aggregation": "count", "filter": "LOWER(properties.p) = 'x'",
                "rounding": { "function": "round", "precision": 1 } }),
            Form::Maple,
            "rounding filter",
        ),
        (
            json!({ "aggregation": "count", "filter": "properties.p = 'true'" }),
            Form::Maple,
            "filter",
        ),
        (
            json!({ "aggregation": "sum", "value": "properties.v",
                "group_by": [{ "property": "p", "values": ["x"] }] }),
            Form::Maple,
            "group_by",
        ),
        (
            json!({ "aggregation": "unique_count", "value": "properties.v" }),
            Form::Zenskar,
            "filter",
        ),
        (json!({ "aggregation": "count", "filter": "id = 'x'" }), Form::Zenskar, "filter"),
        (
            json!({ "aggregation": "weighted_sum", "value": "properties.v" }),
            Form::Zenskar,
            "aggregation",
        ),
    ] {
        let mut definition = json!({ "code": "m" });
        definition
            .as_object_mut()
            .expect("an object")
            .extend(metric.as_object().expect("an object").clone());
        let found = expressed(&native(&definition), form).expect_err("it cannot be said");
        let found: Vec<&str> = found.iter().map(|one| one.key).collect();
        assert_eq!(found.join(" "), keys, "{definition}");
    }
}
