//! Keys of a builder: where each stands. One that may say what is counted and stands where it is not looked at would bill what it
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
const CONDITIONS: [&str; 28] = [
    "all",
    "and",
    "any",
    "combinator",
    "condition",
    "conditions",
    "conjunction",
    "exclude",
    "excluded",
    "excludes",
    "excluding",
    "filter",
    "filtergroup",
    "filtergroups",
    "having",
    "invert",
    "inverted",
    "negate",
    "negated",
    "negation",
    "none",
    "not",
    "or",
    "predicate",
    "predicates",
    "rule",
    "rules",
    "where",
];

/// What other builders call the columns that totals are split by.
const SPLITS: [&str; 15] = [
    "breakdown",
    "breakdowns",
    "dimension",
    "dimensions",
    "group",
    "groupby",
    "groupkeys",
    "groupings",
    "partitionby",
    "segment",
    "segmentby",
    "segments",
    "split",
    "splitby",
    "splits",
];

/// What else would change totals.
const CHANGES: [&str; 32] = [
    "aggregation",
    "bottom",
    "dedupe",
    "deduplicate",
    "distinct",
    "enddate",
    "endtime",
    "expression",
    "factor",
    "formula",
    "interval",
    "limit",
    "lookback",
    "max",
    "maximum",
    "min",
    "minimum",
    "multiplier",
    "offset",
    "percentile",
    "quantile",
    "rounding",
    "sample",
    "scale",
    "sql",
    "startdate",
    "starttime",
    "timewindow",
    "top",
    "unique",
    "weight",
    "window",
];

/// What is so already where it is true, and would change what is counted where it is false.
const HOLDING: [&str; 5] = ["active", "casesensitive", "enabled", "isactive", "isenabled"];

/// What describes a builder or how it is shown, whatever it holds.
const DESCRIPTIVE: [&str; 29] = [
    "collapsed",
    "color",
    "colour",
    "comment",
    "description",
    "displayname",
    "editable",
    "expanded",
    "focused",
    "icon",
    "id",
    "isopen",
    "key",
    "label",
    "layout",
    "locked",
    "meta",
    "metadata",
    "name",
    "notes",
    "open",
    "position",
    "readonly",
    "selected",
    "style",
    "tags",
    "theme",
    "title",
    "ui",
];

const WHERE_CONDITIONS: &str =
    "conditions stand in `filters` of the groups of visual_query, and are joined by `logic`";

/// Why a key may not be passed over where no builder has it; `None`: it says nothing about what is counted.
///
/// Whatever has parts, or is switched on, could: only what describes is let pass.
pub(super) fn misplaced(key: &str, value: &Field<'_>) -> Option<String> {
    if says_nothing(value) {
        return None;
    }
    let word = plain(key);
    let is_among = |words: &[&str]| words.contains(&word.as_str());
    let truth = (value.kind() == Kind::Boolean).then(|| value.raw.get().trim() == "true");
    if is_among(&HOLDING) {
        let message = "what it switches off would be counted or left out all the same: take it out";
        return (truth != Some(true)).then(|| message.to_owned());
    }
    if truth == Some(false) {
        return None;
    }
    if let Some((known, place)) = PLACES.iter().find(|(known, _)| plain(known) == word) {
        return Some(format!("`{known}` stands in {place}: here it would not be looked at"));
    }
    if is_among(&CONDITIONS) {
        return Some(format!(
            "{WHERE_CONDITIONS}; a filter is turned by its operator, as in NOT_EQUALS"
        ));
    }
    if is_among(&SPLITS) {
        return Some(
            "a builder splits no totals: write GROUP BY in aggregation_query, or leave it out"
                .to_owned(),
        );
    }
    if is_among(&CHANGES) {
        return Some(
            "a builder has a type and a column of aggregate_operation, such as COUNT_DISTINCT of \
             data.user: write aggregation_query, or leave it out"
                .to_owned(),
        );
    }
    if is_among(&DESCRIPTIVE) {
        return inner(value);
    }
    let has_parts = matches!(value.kind(), Kind::List | Kind::Object);
    (has_parts || truth == Some(true)).then(|| {
        format!("no key of a builder, and it may say what is counted: {WHERE_CONDITIONS}; else leave it out")
    })
}

/// What is wrong with the parts of what describes.
fn inner(value: &Field<'_>) -> Option<String> {
    match value.kind() {
        Kind::Object => {
            let members = value.members().ok()?;
            members.keys().find_map(|key| {
                let message = misplaced(key, &value.member(&members, key)?)?;
                Some(format!("its `{key}`: {message}"))
            })
        }
        Kind::List => {
            let elements = value.elements().ok()?;
            let mut elements = elements.iter().enumerate();
            elements.find_map(|(index, raw)| inner(&value.element(index, raw)))
        }
        Kind::Null | Kind::Boolean | Kind::Number | Kind::Text => None,
    }
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
