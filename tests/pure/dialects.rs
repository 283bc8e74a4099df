//! One metric in the native form and in those of other systems: the totals are the same, whatever the events are.

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
