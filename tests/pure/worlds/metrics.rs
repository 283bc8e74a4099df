//! Random definitions: every aggregation, calendar, grouping, version and policy that the rules know.

use odometer::definition::PeriodUnit;
use odometer::model::Span;
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::expressions;
use super::scene::Scene;
use crate::oracle::calendar::OracleCalendar;

/// One definition, key by key.
pub type Entry = Map<String, Value>;

/// Text of a definitions file. The types and calendars that it names are added to the scene.
pub fn definitions(dice: &mut Dice, scene: &mut Scene) -> String {
    let mut entries = Vec::new();
    for place in 0..dice.between(1, 5) {
        let metric = metric(dice, scene, place);
        let versions = if dice.chance(35) { dice.between(1, 3) } else { 0 };
        let mut newer = Vec::new();
        for _ in 0..versions {
            newer.push(version_of(dice, scene, newer.last().unwrap_or(&metric)));
        }
        let mut all = vec![metric];
        all.extend(newer);
        if dice.chance(10) {
            all[0].insert("effective_from".into(), json!(scene.instant(dice).to_string()));
        }
        keep_distinct(&mut all);
        entries.extend(all);
    }
    for at in (1..entries.len()).rev() {
        entries.swap(at, dice.below(at + 1));
    }
    scene.calendars.extend(entries.iter().map(calendar_of));
    let types = entries.iter().filter_map(|entry| entry.get("event_type")?.as_str());
    scene.event_types.extend(types.map(str::to_owned));
    let customers = if dice.chance(50) { customers(dice, scene) } else { Vec::new() };
    let metrics: Vec<String> = entries.iter().map(|entry| json!(entry).to_string()).collect();
    let customers: Vec<String> = customers.iter().map(|entry| json!(entry).to_string()).collect();
    let (metrics, customers) = (metrics.join(",\n "), customers.join(",\n "));
    format!("{{\"metrics\": [\n {metrics}\n],\n\"customers\": [\n {customers}\n]}}\n")
}

/// One metric, of no version in particular.
pub fn metric(dice: &mut Dice, scene: &Scene, place: i64) -> Entry {
    let mut entry = Entry::new();
    let code = format!("{}{place}", dice.text(&["m", "m", "m.x/y:", "é "]));
    entry.insert("code".into(), json!(code));
    entry.insert("event_type".into(), json!(dice.text(&["a", "a", "a", "b", "c"])));
    tenant(dice, scene, &mut entry);
    let is_recurring = shape(dice, &mut entry, scene);
    calendar(dice, scene, &mut entry, is_recurring);
    if dice.chance(35) {
        entry.insert("filter".into(), json!(expressions::filter(dice)));
    }
    if dice.chance(50) {
        entry.insert("group_by".into(), grouping(dice));
    }
    closing(dice, &mut entry);
    finish(dice, &mut entry);
    entry
}

/// The tenant of the scene, or now and then another; `default` may go unnamed.
fn tenant(dice: &mut Dice, scene: &Scene, entry: &mut Entry) {
    let other = dice.pick(&[None, Some("default"), Some("t2"), Some("7")]).to_owned();
    if let Some(tenant) = if dice.chance(80) { scene.tenant } else { other } {
        entry.insert("tenant".into(), json!(tenant));
    }
}

/// Aggregation, value and what goes with them; whether it is recurring.
fn shape(dice: &mut Dice, entry: &mut Entry, scene: &Scene) -> bool {
    const RECURRING: [&str; 4] = ["sum", "unique_count", "weighted_sum", "latest"];
    const PLAIN: [&str; 10] = [
        "count",
        "sum",
        "min",
        "max",
        "avg",
        "latest",
        "first",
        "unique_count",
        "weighted_sum",
        "percentile",
    ];
    const OUTER: [&str; 5] = ["sum", "min", "max", "avg", "percentile"];
    const INNER: [&str; 9] =
        ["count", "sum", "min", "max", "avg", "latest", "first", "percentile", "unique_count"];
    let (form, mut kind) = match dice.below(10) {
        0..=3 => ("recurring", dice.text(&RECURRING)),
        4..=5 => ("inner", dice.text(&OUTER)),
        _ => ("plain", dice.text(&PLAIN)),
    };
    entry.insert("aggregation".into(), json!(kind));
    percentile(dice, entry, &kind);
    if form == "recurring" {
        entry.insert("recurring".into(), json!(true));
        if matches!(kind.as_str(), "sum" | "unique_count") && dice.chance(50) {
            entry.insert("prorated".into(), json!(true));
        }
    }
    if form == "inner" {
        kind = dice.text(&INNER);
        entry.insert("inner".into(), json!(inner(dice, scene, &kind)));
    }
    match kind.as_str() {
        "count" => None,
        "unique_count" => entry.insert("value".into(), json!(expressions::member(dice))),
        _ => entry.insert("value".into(), json!(expressions::value(dice))),
    };
    if kind == "unique_count" && form != "inner" && dice.chance(70) {
        entry.insert("operation".into(), json!(dice.text(&["op", "op", "n.op"])));
    }
    form == "recurring"
}

fn percentile(dice: &mut Dice, entry: &mut Entry, kind: &str) {
    const SHARES: [&str; 9] =
        ["1", "12.5", "25", "33.3", "50", "95", "99.9", "100", "0.000000000000000001"];
    if kind == "percentile" {
        let share = serde_json::from_str(&dice.text(&SHARES)).expect("a number");
        entry.insert("percentile".into(), share);
    }
}

fn inner(dice: &mut Dice, scene: &Scene, kind: &str) -> Entry {
    let mut entry = Entry::new();
    entry.insert("aggregation".into(), json!(kind));
    percentile(dice, &mut entry, kind);
    // A bucket is not much shorter than the pace of events, so that a year has no millions of them.
    let every = match scene.pace {
        ..100 => dice.text(&["minute", "5m", "7m", "hour", "30s"]),
        100..10_000 => dice.text(&["hour", "30m", "day", "5h", "90m"]),
        _ => dice.text(&["day", "week", "month", "quarter", "100h", "6h", "10d"]),
    };
    entry.insert("every".into(), json!(every));
    if dice.chance(50) {
        entry.insert("fill".into(), json!("zero"));
    }
    entry
}

fn calendar(dice: &mut Dice, scene: &Scene, entry: &mut Entry, is_recurring: bool) {
    const RECURRING: [&str; 7] = ["day", "day", "week", "month", "month", "quarter", "year"];
    let period = match scene.pace {
        // Recurring days over years would be tens of thousands of totals.
        86_400.. if is_recurring => dice.text(&RECURRING[2..]),
        _ if is_recurring => dice.text(&RECURRING),
        ..100 => dice.text(&["minute", "hour", "hour", "day", "15m", "7m", "month", "1s", "90s"]),
        100..10_000 => dice.text(&["hour", "day", "day", "week", "15m", "7h", "1d", "month"]),
        _ => {
            dice.text(&["day", "day", "week", "month", "month", "quarter", "year", "100h", "366d"])
        }
    };
    if period != "month" || dice.chance(50) {
        entry.insert("period".into(), json!(period));
    }
    if dice.chance(80) {
        entry.insert("timezone".into(), json!(scene.any_zone(dice)));
    }
    let has_months = matches!(period.as_str(), "month" | "quarter" | "year");
    if has_months && dice.chance(50) {
        entry.insert("anchor".into(), json!(*dice.pick(&[1, 2, 15, 28, 29, 30, 31, 31])));
    }
    if has_months && period != "month" && dice.chance(50) {
        entry.insert("anchor_month".into(), json!(dice.between(1, 12)));
    }
}

fn grouping(dice: &mut Dice) -> Value {
    const NAMES: [&str; 8] = ["r", "k", "b", "n", "n.w", "\"a.b\"", "x-y", "u"];
    let other = dice.text(&["bucket", "drop"]);
    match dice.below(7) {
        0 => json!([{"property": "r3", "values": ["x", ""], "other": other}]),
        1 => json!([{"property": "r", "values": ["eu", "us", "ap"]}]),
        2 => json!([
            {"property": "r", "values": ["eu", "us"], "other": other},
            {"property": "r2", "within": "r", "other": dice.text(&["bucket", "drop"]),
             "values": {"eu": ["x", "y"], "us": ["x", "1"], "zz": []}},
        ]),
        3 => json!([
            "r",
            {"property": "r2", "within": "r", "values": {"eu": ["x", "y"], "": ["1"]}},
            {"property": "r3", "within": "r2", "values": {"x": ["x"]}, "other": other},
        ]),
        4 => json!([dice.pick(&NAMES[..4]), dice.pick(&NAMES[4..])]),
        _ => json!([dice.pick(&NAMES)]),
    }
}

fn closing(dice: &mut Dice, entry: &mut Entry) {
    if dice.chance(60) {
        let grace = dice.text(&["0s", "0s", "1ms", "10m", "1h", "90m", "24h", "10d"]);
        entry.insert("grace".into(), json!(grace));
    }
    if dice.chance(70) {
        let late = dice.text(&["correct", "correct", "carry", "carry", "drop"]);
        entry.insert("late".into(), json!(late));
    }
}

fn finish(dice: &mut Dice, entry: &mut Entry) {
    if dice.chance(30) {
        let function = dice.text(&["round", "ceil", "floor"]);
        let precision = *dice.pick(&[0, 0, 1, 3, 17, -1, -2, 18, -18]);
        entry.insert("rounding".into(), json!({"function": function, "precision": precision}));
    }
    if dice.chance(20) {
        entry.insert("result".into(), json!(expressions::result(dice)));
    }
}

/// A later version: the one before it with something changed.
pub fn version_of(dice: &mut Dice, scene: &Scene, before: &Entry) -> Entry {
    let mut entry = before.clone();
    let is_recurring = entry.contains_key("recurring");
    entry.insert("effective_from".into(), json!(scene.instant(dice).to_string()));
    match dice.below(10) {
        8..=9 => {
            for key in ["aggregation", "value", "operation", "percentile", "recurring", "prorated"]
            {
                entry.remove(key);
            }
            for key in ["inner", "period", "timezone", "anchor", "anchor_month"] {
                entry.remove(key);
            }
            let is_recurring = shape(dice, &mut entry, scene);
            calendar(dice, scene, &mut entry, is_recurring);
        }
        0..=2 => {
            for key in ["period", "timezone", "anchor", "anchor_month"] {
                entry.remove(key);
            }
            calendar(dice, scene, &mut entry, is_recurring);
        }
        3 => drop(entry.insert("group_by".into(), grouping(dice))),
        4 => drop(entry.insert("filter".into(), json!(expressions::filter(dice)))),
        5 => drop(entry.insert("event_type".into(), json!(dice.text(&["a", "b", "c"])))),
        6 => {
            for key in ["rounding", "result", "grace", "late"] {
                entry.remove(key);
            }
            closing(dice, &mut entry);
            finish(dice, &mut entry);
        }
        _ => {
            if let Some(Value::String(value)) = entry.get("value") {
                let value = format!("COALESCE({value}, '1')");
                entry.insert("value".into(), json!(value));
            }
        }
    }
    entry
}

/// Versions of one metric begin at different instants: of those that do not, the first stays.
fn keep_distinct(versions: &mut Vec<Entry>) {
    let mut seen = Vec::new();
    versions.retain(|version| {
        let from = version.get("effective_from").cloned();
        let is_new = !seen.contains(&from);
        seen.push(from);
        is_new
    });
}

fn customers(dice: &mut Dice, scene: &mut Scene) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..dice.between(1, 4) {
        let mut entry = Entry::new();
        entry.insert("customer".into(), json!(dice.text(&["c0", "c1", "c2"])));
        tenant(dice, scene, &mut entry);
        if dice.chance(50) {
            let period = dice.text(&["week", "month", "month", "quarter", "year"]);
            entry.insert("period".into(), json!(period));
        }
        if dice.chance(50) {
            entry.insert("timezone".into(), json!(scene.any_zone(dice)));
        }
        if dice.chance(50) {
            entry.insert("anchor".into(), json!(*dice.pick(&[1, 15, 29, 31])));
        }
        if dice.chance(30) {
            entry.insert("anchor_month".into(), json!(dice.between(1, 12)));
        }
        scene.calendars.push(calendar_of(&entry));
        if dice.chance(60) {
            entry.insert("effective_from".into(), json!(scene.instant(dice).to_string()));
        }
        let key = |entry: &Entry| {
            let tenant = entry.get("tenant").cloned().unwrap_or(json!("default"));
            (entry.get("customer").cloned(), tenant, entry.get("effective_from").cloned())
        };
        if entries.iter().all(|other| key(other) != key(&entry)) {
            entries.push(entry);
        }
    }
    entries
}

fn calendar_of(entry: &Entry) -> OracleCalendar {
    let text = |key: &str, default: &'static str| {
        entry.get(key).and_then(Value::as_str).unwrap_or(default).to_owned()
    };
    let number = |key: &str| {
        let number = entry.get(key).and_then(Value::as_u64).unwrap_or(1);
        u8::try_from(number).expect("an anchor")
    };
    let unit = match text("period", "month").as_str() {
        "minute" => PeriodUnit::Minute,
        "hour" => PeriodUnit::Hour,
        "day" => PeriodUnit::Day,
        "week" => PeriodUnit::Week,
        "month" => PeriodUnit::Month,
        "quarter" => PeriodUnit::Quarter,
        "year" => PeriodUnit::Year,
        fixed => PeriodUnit::Fixed(Span::parse(fixed).expect("a duration")),
    };
    OracleCalendar::new(unit, &text("timezone", "UTC"), number("anchor"), number("anchor_month"))
}
