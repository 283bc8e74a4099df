//! Keys of a builder: where each stands. One that says what is counted and stands where it is not looked at would bill what it
//! leaves out, so it is no unknown key like others.

use super::super::field::{Field, Kind};

/// In which objects a key stands.
const PLACES: [(&str, &str); 12] = [
    ("table_name", "the builder"),
    ("visual_query", "the builder"),
    ("aggregate_operation", "the builder"),
    ("customer_mapping", "the builder"),
    ("start_date_mapping", "the builder"),
    ("end_date_mapping", "the builder"),
    ("groups", "visual_query"),
    ("logic", "visual_query and its groups"),
    ("filters", "a group of visual_query"),
    ("operator", "a filter"),
    ("column", "a filter and aggregate_operation"),
    ("value", "a filter"),
];

/// What other builders call conditions, and how these are joined.
const CONDITIONS: [&str; 13] = [
    "combinator",
    "condition",
    "conditions",
    "conjunction",
    "filter",
    "having",
    "negated",
    "not",
    "predicate",
    "predicates",
    "rule",
    "rules",
    "where",
];

/// What other builders call the columns that totals are split by.
const SPLITS: [&str; 6] = ["dimension", "dimensions", "group", "groupby", "groupkeys", "groupings"];

/// Why a key may not be passed over where no builder has it; `None`: it says nothing about what is counted.
pub(super) fn misplaced(key: &str, value: &Field<'_>) -> Option<String> {
    if says_nothing(value) {
        return None;
    }
    let word = plain(key);
    if let Some((known, place)) = PLACES.iter().find(|(known, _)| plain(known) == word) {
        return Some(format!("`{known}` stands in {place}: here it would not be looked at"));
    }
    if CONDITIONS.contains(&word.as_str()) {
        return Some(
            "conditions stand in `filters` of the groups of visual_query, and are joined by `logic`"
                .to_owned(),
        );
    }
    SPLITS.contains(&word.as_str()).then(|| {
        "a builder splits no totals: write GROUP BY in aggregation_query, or leave it out"
            .to_owned()
    })
}

/// A key in lower case, without `_`, `-` and blanks.
fn plain(key: &str) -> String {
    let letters = key.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
    letters.collect::<String>().to_lowercase()
}

pub(super) fn says_nothing(value: &Field<'_>) -> bool {
    match value.kind() {
        Kind::Null => true,
        Kind::Text => value.text().is_ok_and(|text| text.trim().is_empty()),
        Kind::List => value.elements().is_ok_and(|elements| elements.is_empty()),
        Kind::Object => value.members().is_ok_and(|members| members.is_empty()),
        Kind::Boolean | Kind::Number => false,
    }
}
