//! `rule`: a tree of comparators, read as a filter.
//!
//! ```text
//! rule       {"comparator": comparator} | comparator | the text of one of these
//! comparator {"type", "left_item", "right_item", "items"}
//! item       {"item_type", "property", "value", "comparator"} | comparator
//! ```
//! Clients send the whole skeleton with empty texts and objects beside what they mean: what is empty is left out. Only
//! the whole rule may be empty, and matches all.

use super::condition::Condition;
use super::findings::{Faulty, Findings, below};
use crate::definition::{Grammar, GroupPath};
use crate::dialect::comparison::{self, Logic, Operand, Operator, plain};
use crate::dialect::spelling::property;
use crate::dialect::{Json, Step};

/// Keys of comparators and items alike.
const KEYS: [&str; 8] =
    ["type", "left_item", "right_item", "items", "item_type", "property", "value", "comparator"];

/// What a comparator has and an item has not.
const COMPARATOR_KEYS: [&str; 4] = ["type", "left_item", "right_item", "items"];

/// A filter in the words of definitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Filter {
    /// The expression.
    pub(super) text: String,
    /// What it is written in.
    pub(super) grammar: Grammar,
}

/// Reads a rule; `None` matches all.
pub(super) fn filter(rule: &Json, path: &[Step], findings: &mut Findings) -> Option<Filter> {
    let condition = match rule {
        Json::Text(text) if !text.trim().is_empty() => match Json::parse(text) {
            Ok(rule @ (Json::Object(_) | Json::Null)) => root(&rule, path, findings),
            Ok(_) | Err(_) => Err(findings.fault(path, "invalid", "is no text of a JSON object")),
        },
        rule => root(rule, path, findings),
    };
    let text = condition.ok().flatten()?.to_text();
    match comparison::filter(&text) {
        Ok(read) => Some(Filter { text, grammar: read.grammar() }),
        Err(error) => {
            findings.fault(path, "invalid", format!("cannot be a filter: {error}"));
            None
        }
    }
}

type Outcome = Result<Option<Condition>, Faulty>;

fn root(rule: &Json, path: &[Step], findings: &mut Findings) -> Outcome {
    if is_empty(rule) {
        return Ok(None);
    }
    if !matches!(rule, Json::Object(_)) {
        let message = format!("expected an object, found {}", rule.kind());
        return Err(findings.fault(path, "wrong_type", message));
    }
    let inner = rule.member("comparator").filter(|inner| !is_empty(inner));
    match (inner, is_comparator(rule)) {
        (Some(inner), false) => {
            findings.look_for_unknown(rule, path, &KEYS);
            comparator(inner, &below(path, "comparator"), findings).map(Some)
        }
        (None, _) => comparator(rule, path, findings).map(Some),
        (Some(_), true) => {
            let message = "holds a comparator beside one of its own: leave one of them out";
            Err(findings.fault(path, "invalid", message))
        }
    }
}

/// Reads a comparator that is not empty.
fn comparator(json: &Json, path: &[Step], findings: &mut Findings) -> Result<Condition, Faulty> {
    findings.look_for_unknown(json, path, &KEYS);
    let name_path = below(path, "type");
    let name = match json.member("type").filter(|name| !is_empty(name)) {
        Some(Json::Text(name)) => name,
        Some(other) => {
            let message = format!("expected a text, found {}", other.kind());
            return Err(findings.fault(&name_path, "wrong_type", message));
        }
        None => {
            let message = "is missing: say how the comparator compares";
            return Err(findings.fault(&name_path, "missing", message));
        }
    };
    let Some(operator) = Operator::named(name) else {
        let message = format!("no comparator is known by the name {name:?}");
        return Err(findings.fault(&name_path, "unknown_value", message));
    };
    let parts = parts(json, path, findings)?;
    match operator {
        Operator::Logic(logic) => joined(logic, &parts, path, findings),
        other => {
            let mut operands = Vec::new();
            for (part, path) in &parts {
                operands.push(operand(part, path, findings));
            }
            let operands = operands.into_iter().collect::<Result<Vec<_>, Faulty>>()?;
            comparison::compare(other, &operands)
                .map(Condition::Comparison)
                .map_err(|message| findings.fault(path, "invalid", message))
        }
    }
}

/// What a comparator compares or joins, but for what is empty: left, right, then `items`.
fn parts<'j>(
    json: &'j Json,
    path: &[Step],
    findings: &mut Findings,
) -> Result<Vec<(&'j Json, Vec<Step>)>, Faulty> {
    let mut parts = Vec::new();
    for key in ["left_item", "right_item"] {
        parts.extend(json.member(key).map(|part| (part, below(path, key))));
    }
    let path = below(path, "items");
    match json.member("items") {
        None => {}
        Some(Json::List(items)) => {
            for (place, item) in items.iter().enumerate() {
                parts.push((item, [path.as_slice(), &[Step::Item(place)]].concat()));
            }
        }
        Some(other) if is_empty(other) => {}
        Some(other) => {
            let message = format!("expected a list, found {}", other.kind());
            return Err(findings.fault(&path, "wrong_type", message));
        }
    }
    parts.retain(|(part, _)| !is_blank(part));
    Ok(parts)
}

fn joined(
    logic: Logic,
    parts: &[(&Json, Vec<Step>)],
    path: &[Step],
    findings: &mut Findings,
) -> Result<Condition, Faulty> {
    let mut conditions = Vec::new();
    for (part, path) in parts {
        conditions.push(inner_condition(part, path, findings));
    }
    if conditions.is_empty() {
        let message = "joins nothing: give it comparators, or leave it out";
        return Err(findings.fault(path, "missing", message));
    }
    let conditions = conditions.into_iter().collect::<Result<Vec<_>, Faulty>>()?;
    Ok(Condition::Joined(logic, conditions))
}

/// An item that holds a comparator, or a bare one.
fn inner_condition(
    json: &Json,
    path: &[Step],
    findings: &mut Findings,
) -> Result<Condition, Faulty> {
    let inner = json.member("comparator").filter(|inner| !is_empty(inner));
    let kind = item_type(json, path, findings)?;
    match (inner, kind, is_comparator(json)) {
        (Some(inner), None | Some(Kind::Comparator), false) => {
            findings.look_for_unknown(json, path, &KEYS);
            comparator(inner, &below(path, "comparator"), findings)
        }
        (None, None | Some(Kind::Comparator), true) => comparator(json, path, findings),
        _ => Err(findings.fault(path, "invalid", "expected an item that holds one comparator")),
    }
}

/// The kinds of items.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Property,
    Value,
    Comparator,
}

/// The kind that an item names; `None` where it names none.
fn item_type(json: &Json, path: &[Step], findings: &mut Findings) -> Result<Option<Kind>, Faulty> {
    let named = json.member("item_type").filter(|named| !is_empty(named));
    let Some(named) = named else { return Ok(None) };
    match plain(named.scalar_text().unwrap_or_default()).as_str() {
        "PROPERTY" => Ok(Some(Kind::Property)),
        "VALUE" => Ok(Some(Kind::Value)),
        "COMPARATOR" => Ok(Some(Kind::Comparator)),
        _ => {
            let message = "is PROPERTY, VALUE or COMPARATOR";
            Err(findings.fault(&below(path, "item_type"), "unknown_value", message))
        }
    }
}

/// An item that is a property or a value.
fn operand(json: &Json, path: &[Step], findings: &mut Findings) -> Result<Operand, Faulty> {
    findings.look_for_unknown(json, path, &KEYS);
    let filled = |key: &str| json.member(key).filter(|value| !is_empty(value));
    let kind = match (item_type(json, path, findings)?, filled("property"), filled("value")) {
        (Some(kind), ..) => kind,
        (None, Some(_), None) => Kind::Property,
        (None, None, Some(_)) => Kind::Value,
        (None, Some(_), Some(_)) => {
            let message = "has a property and a value: say which is meant by item_type";
            return Err(findings.fault(path, "invalid", message));
        }
        (None, None, None) => Kind::Comparator,
    };
    match kind {
        Kind::Property => {
            let path = below(path, "property");
            let Some(Json::Text(name)) = filled("property") else {
                return Err(findings.fault(&path, "missing", "expected the name of a property"));
            };
            let name = GroupPath::parse(name)
                .map_err(|message| findings.fault(&path, "invalid", message))?;
            Ok(Operand::Property(property(&name.keys)))
        }
        Kind::Value => match json.member("value") {
            None | Some(Json::Object(_)) => {
                let message = "expected a text, a number, a boolean or a list of these";
                Err(findings.fault(&below(path, "value"), "missing", message))
            }
            Some(value) => Ok(Operand::Value(value.clone())),
        },
        Kind::Comparator => {
            let message = "expected a property or a value: only AND, OR and NOT take comparators";
            Err(findings.fault(path, "invalid", message))
        }
    }
}

/// Whether an object has what only comparators have.
fn is_comparator(json: &Json) -> bool {
    COMPARATOR_KEYS.iter().any(|key| json.member(key).is_some_and(|value| !is_empty(value)))
}

/// Whether an item is empty, also where it says what it would hold. An empty text is a value that events may have.
fn is_blank(item: &Json) -> bool {
    let Json::Object(members) = item else { return is_empty(item) };
    let kind = item.member("item_type").and_then(Json::scalar_text).map(plain);
    let names_kind = matches!(kind.as_deref(), Some("PROPERTY" | "COMPARATOR"));
    members.iter().all(|(key, value)| (names_kind && key == "item_type") || is_empty(value))
}

/// Whether there is nothing in it but empty texts, lists and objects.
pub(super) fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::List(elements) => elements.iter().all(is_empty),
        Json::Object(members) => members.iter().all(|(_, value)| is_empty(value)),
        Json::Boolean(_) | Json::Number(_) => false,
    }
}
