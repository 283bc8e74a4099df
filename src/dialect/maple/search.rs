//! What `find` asks for: which metrics, in which order, and from where on.
//!
//! ```text
//! {"pagination": {"from_key", "limit"}, "query": {"name", "external_name", "item_id", "state"}, "sort_key": "createdAtDesc"}
//! ```

use std::cmp::Ordering;
use std::fmt;

use super::billable_metric::{BillableMetric, State};
use super::findings::{Findings, below};
use crate::dialect::comparison::plain;
use crate::dialect::{Fault, Json, Step};
use crate::model::EventTime;

const KEYS: [&str; 3] = ["pagination", "query", "sort_key"];
const PAGINATION_KEYS: [&str; 2] = ["from_key", "limit"];
const QUERY_KEYS: [&str; 4] = ["name", "external_name", "item_id", "state"];

/// How many metrics a page has where nothing is said.
pub const LIMIT: usize = 20;
/// How many it has at most.
pub const LIMIT_MAX: usize = 200;

/// In which order metrics are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortKey {
    /// The newest first.
    CreatedAtDesc,
    /// The oldest first.
    CreatedAtAsc,
    /// What changed last first.
    UpdatedAtDesc,
    /// What changed last last.
    UpdatedAtAsc,
}

impl SortKey {
    /// Every order by its name, that which is meant where none is named first.
    pub const ALL: [(&'static str, SortKey); 4] = [
        ("createdAtDesc", SortKey::CreatedAtDesc),
        ("createdAtAsc", SortKey::CreatedAtAsc),
        ("updatedAtDesc", SortKey::UpdatedAtDesc),
        ("updatedAtAsc", SortKey::UpdatedAtAsc),
    ];

    /// Where a metric stands.
    #[must_use]
    pub fn mark(self, id: &str, created_at: EventTime, updated_at: EventTime) -> Mark {
        let time = match self {
            SortKey::CreatedAtDesc | SortKey::CreatedAtAsc => created_at,
            SortKey::UpdatedAtDesc | SortKey::UpdatedAtAsc => updated_at,
        };
        Mark { time, id: id.to_owned() }
    }

    /// Which of two comes first.
    #[must_use]
    pub fn compare(self, one: &Mark, other: &Mark) -> Ordering {
        match self {
            SortKey::CreatedAtAsc | SortKey::UpdatedAtAsc => one.cmp(other),
            SortKey::CreatedAtDesc | SortKey::UpdatedAtDesc => other.cmp(one),
        }
    }
}

/// A place in the order: as a text it is a `from_key`, behind which a page goes on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    time: EventTime,
    id: String,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once('.')?;
        Some(Mark { time: EventTime::from_micros(time.parse().ok()?), id: id.to_owned() })
    }
}

/// `1772352000000000.bm_1`
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.time.micros(), self.id)
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// The order.
    pub sort_key: SortKey,
    /// How many metrics a page has at most.
    pub limit: usize,
    /// Where the page before ended.
    pub from: Option<Mark>,
    name: Option<String>,
    external_name: Option<String>,
    item_id: Option<String>,
    state: Option<State>,
}

impl Search {
    /// Reads a body, and names the paths of the keys that nobody knows.
    ///
    /// # Errors
    /// Every fault, each with its path into the body.
    pub fn read(body: &Json) -> Result<(Self, Vec<String>), Vec<Fault>> {
        let mut findings = Findings::default();
        if !matches!(body, Json::Object(_)) {
            findings.wrong_type(&[], body, "an object");
            return Err(findings.faults);
        }
        findings.look_for_unknown(body, &[], &KEYS);
        let pagination = section(body, "pagination", &PAGINATION_KEYS, &mut findings);
        let path = below(&[], "pagination");
        let from = from_key(&pagination, &path, &mut findings);
        let limit = limit(&pagination, &path, &mut findings);
        let query = section(body, "query", &QUERY_KEYS, &mut findings);
        let path = below(&[], "query");
        let mut text = |key: &str| findings.text(&query, &path, key);
        let (name, external_name) = (text("name"), text("external_name"));
        let (item_id, state) = (text("item_id"), text("state"));
        let state =
            state.and_then(|name| State::named(&name, &below(&path, "state"), &mut findings));
        let sort_key = sort_key(body, &mut findings);
        let Findings { faults, unknown } = findings;
        let search = Search { sort_key, limit, from, name, external_name, item_id, state };
        if faults.is_empty() { Ok((search, unknown)) } else { Err(faults) }
    }

    /// Whether a metric is asked for.
    #[must_use]
    pub fn wants(&self, metric: &BillableMetric) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.name, Some(&metric.name))
            && is(&self.external_name, metric.external_name.as_deref())
            && is(&self.item_id, Some(&metric.item_id))
            && self.state.is_none_or(|state| state == metric.state)
    }
}

/// An object of the body; an empty one where there is none.
fn section(body: &Json, key: &str, known: &[&str], findings: &mut Findings) -> Json {
    let path = below(&[], key);
    match body.member(key) {
        Some(section @ Json::Object(_)) => {
            findings.look_for_unknown(section, &path, known);
            section.clone()
        }
        Some(other) => {
            findings.wrong_type(&path, other, "an object");
            Json::Object(Vec::new())
        }
        None => Json::Object(Vec::new()),
    }
}

fn from_key(pagination: &Json, path: &[Step], findings: &mut Findings) -> Option<Mark> {
    let text = findings.text(pagination, path, "from_key")?;
    let mark = Mark::parse(&text);
    if mark.is_none() {
        let message = "is none that an answer gave: begin without one";
        findings.fault(&below(path, "from_key"), "invalid", message);
    }
    mark
}

fn limit(pagination: &Json, path: &[Step], findings: &mut Findings) -> usize {
    let path = below(path, "limit");
    let read = match pagination.member("limit") {
        None => return LIMIT,
        Some(Json::Number(text)) => text.parse().ok(),
        Some(other) => {
            findings.wrong_type(&path, other, "a number");
            return LIMIT;
        }
    };
    let limit = read.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    if limit.is_none() {
        let message = format!("is a whole number from 1 to {LIMIT_MAX}");
        findings.fault(&path, "invalid", message);
    }
    limit.unwrap_or(LIMIT)
}

fn sort_key(body: &Json, findings: &mut Findings) -> SortKey {
    let Some(text) = findings.text(body, &[], "sort_key") else { return SortKey::CreatedAtDesc };
    let is_it = |(name, _): &&(&str, SortKey)| plain(name) == plain(&text);
    let found = SortKey::ALL.iter().find(is_it).map(|(_, key)| *key);
    if found.is_none() {
        let names = SortKey::ALL.map(|(name, _)| name).join(", ");
        findings.fault(&below(&[], "sort_key"), "unknown_value", format!("is one of {names}"));
    }
    found.unwrap_or(SortKey::CreatedAtDesc)
}
