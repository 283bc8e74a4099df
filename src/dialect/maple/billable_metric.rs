//! A billable metric, read from a body with all faults at once.

use super::findings::{Findings, below};
use super::rule::{self, Filter, is_empty};
use crate::definition::{AggregationKind, GroupPath};
use crate::dialect::comparison::plain;
use crate::dialect::{Fault, Json, Step};

pub(super) const KEYS: [&str; 7] =
    ["name", "metering_rule", "item_id", "is_billable", "external_name", "description", "state"];

const RULE_KEYS: [&str; 4] = ["aggregator", "property", "group_keys", "rule"];

/// Longest type of an event (rule 1.1).
const ITEM_ID_BYTES_MAX: usize = 512;

const GROUP_KEYS_MAX: usize = 16;

/// What `aggregator` stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aggregator {
    /// How the events of a key become a number.
    pub kind: AggregationKind,
    /// Whether all history counts.
    pub is_recurring: bool,
}

impl Aggregator {
    /// The aggregator of that name; case, blanks, `_` and `-` make no difference.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (kind, is_recurring) = match plain(name).as_str() {
            "COUNT" => (AggregationKind::Count, false),
            "SUM" => (AggregationKind::Sum, false),
            "MAX" => (AggregationKind::Max, false),
            "MIN" => (AggregationKind::Min, false),
            "AVG" | "AVERAGE" | "MEAN" => (AggregationKind::Avg, false),
            "UNIQUE" | "UNIQUECOUNT" | "COUNTUNIQUE" | "DISTINCT" | "COUNTDISTINCT" => {
                (AggregationKind::UniqueCount, false)
            }
            "LAST" | "LATEST" | "LASTREPORTEDINPERIOD" | "LASTINPERIOD" => {
                (AggregationKind::Latest, false)
            }
            "LASTREPORTEDINHISTORY" | "LASTINHISTORY" => (AggregationKind::Latest, true),
            "HISTORICALSUM" | "SUMHISTORY" => (AggregationKind::Sum, true),
            _ => return None,
        };
        Some(Aggregator { kind, is_recurring })
    }
}

/// Whether a metric is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is.
    Active,
    /// It was retired.
    Archived,
}

impl State {
    /// As Maple writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            State::Active => "ACTIVE",
            State::Archived => "ARCHIVED",
        }
    }

    /// The state of that name, in any case.
    pub(super) fn named(name: &str, path: &[Step], findings: &mut Findings) -> Option<Self> {
        let states = [State::Active, State::Archived];
        let found = states.into_iter().find(|state| state.name() == plain(name));
        if found.is_none() {
            findings.fault(path, "unknown_value", "is ACTIVE or ARCHIVED");
        }
        found
    }
}

/// A billable metric. Whatever it says can be said natively.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillableMetric {
    /// For people.
    pub name: String,
    /// For people.
    pub external_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The type of its events.
    pub item_id: String,
    /// Kept and told; totals do not depend on it.
    pub is_billable: bool,
    /// Whether it is in use.
    pub state: State,
    /// How its events become a number.
    pub aggregator: Aggregator,
    /// The property that is aggregated, by its keys; `None` for a count alone.
    pub property: Option<Vec<String>>,
    /// The properties that it is grouped by, each once.
    pub group_keys: Vec<GroupPath>,
    /// `metering_rule` as submitted.
    pub metering_rule: Json,
    pub(super) filter: Option<Filter>,
}

/// A metric, and what was ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// The metric.
    pub metric: BillableMetric,
    /// Paths of the keys that nobody knows: the answer names them in a `Warning`.
    pub unknown: Vec<String>,
}

impl BillableMetric {
    /// Reads a body that creates a metric, or stored fields with a partial body [`merged`](super::merged) in.
    ///
    /// # Errors
    /// Every fault, each with its path into the body.
    pub fn read(fields: &Json) -> Result<Read, Vec<Fault>> {
        let mut reader = Reader { fields, findings: Findings::default() };
        if !matches!(fields, Json::Object(_)) {
            reader.wrong_type(&[], fields, "an object");
            return Err(reader.findings.faults);
        }
        reader.findings.look_for_unknown(fields, &[], &KEYS);
        let name = reader.required("name");
        let item_id = reader.item_id();
        let external_name = reader.text("external_name");
        let description = reader.text("description");
        let is_billable = reader.is_billable();
        let state = reader.state();
        let meter = reader.meter();
        let Findings { faults, unknown } = reader.findings;
        match (name, item_id, meter) {
            (Some(name), Some(item_id), Some(meter)) if faults.is_empty() => {
                let metric = BillableMetric {
                    name,
                    external_name,
                    description,
                    item_id,
                    is_billable,
                    state,
                    aggregator: meter.aggregator,
                    property: meter.property,
                    group_keys: meter.group_keys,
                    metering_rule: fields.member("metering_rule").cloned().unwrap_or(Json::Null),
                    filter: meter.filter,
                };
                Ok(Read { metric, unknown })
            }
            _ => Err(faults),
        }
    }
}

/// What `metering_rule` says.
struct Meter {
    aggregator: Aggregator,
    property: Option<Vec<String>>,
    group_keys: Vec<GroupPath>,
    filter: Option<Filter>,
}

struct Reader<'j> {
    fields: &'j Json,
    findings: Findings,
}

impl Reader<'_> {
    fn wrong_type(&mut self, path: &[Step], found: &Json, wanted: &str) {
        self.findings.wrong_type(path, found, wanted);
    }

    /// A text that may be absent.
    fn text(&mut self, key: &str) -> Option<String> {
        self.findings.text(self.fields, &[], key)
    }

    /// A text that may be neither absent nor blank.
    fn required(&mut self, key: &str) -> Option<String> {
        let faults = self.findings.faults.len();
        let text = self.text(key).filter(|text| !text.trim().is_empty());
        if text.is_none() && self.findings.faults.len() == faults {
            self.findings.fault(&below(&[], key), "missing", "is required");
        }
        text
    }

    fn item_id(&mut self) -> Option<String> {
        let item_id = self.required("item_id")?;
        if item_id.len() > ITEM_ID_BYTES_MAX {
            let message = format!("has {} bytes: at most {ITEM_ID_BYTES_MAX}", item_id.len());
            self.findings.fault(&below(&[], "item_id"), "invalid", message);
        }
        Some(item_id)
    }

    fn is_billable(&mut self) -> bool {
        match self.fields.member("is_billable") {
            None => true,
            Some(Json::Boolean(is_billable)) => *is_billable,
            Some(other) => {
                self.wrong_type(&below(&[], "is_billable"), other, "a boolean");
                true
            }
        }
    }

    fn state(&mut self) -> State {
        let name = self.text("state").filter(|name| !name.trim().is_empty());
        let named = name.map(|name| State::named(&name, &below(&[], "state"), &mut self.findings));
        named.flatten().unwrap_or(State::Active)
    }

    fn meter(&mut self) -> Option<Meter> {
        let path = below(&[], "metering_rule");
        let meter = match self.fields.member("metering_rule") {
            Some(meter @ Json::Object(_)) => meter,
            Some(other) => {
                self.wrong_type(&path, other, "an object");
                return None;
            }
            None => {
                self.findings.fault(&path, "missing", "is required");
                return None;
            }
        };
        self.findings.look_for_unknown(meter, &path, &RULE_KEYS);
        let aggregator = self.aggregator(meter, &path);
        let property = self.property(meter, &path, aggregator);
        let group_keys = self.group_keys(meter, &path);
        let filter = meter
            .member("rule")
            .and_then(|rule| rule::filter(rule, &below(&path, "rule"), &mut self.findings));
        Some(Meter { aggregator: aggregator?, property, group_keys, filter })
    }

    fn aggregator(&mut self, meter: &Json, path: &[Step]) -> Option<Aggregator> {
        let path = below(path, "aggregator");
        let name = match meter.member("aggregator") {
            Some(Json::Text(name)) if !name.trim().is_empty() => name,
            Some(Json::Text(_)) | None => {
                self.findings.fault(&path, "missing", "is required");
                return None;
            }
            Some(other) => {
                self.wrong_type(&path, other, "a text");
                return None;
            }
        };
        let aggregator = Aggregator::named(name);
        if aggregator.is_none() {
            let message = format!(
                "no aggregator is known by the name {name:?}: there are COUNT, SUM, MAX, MIN, AVERAGE, UNIQUE_COUNT, \
                 LAST_REPORTED_IN_PERIOD, LAST_REPORTED_IN_HISTORY and HISTORICAL_SUM"
            );
            self.findings.fault(&path, "unknown_value", message);
        }
        aggregator
    }

    fn property(
        &mut self,
        meter: &Json,
        path: &[Step],
        aggregator: Option<Aggregator>,
    ) -> Option<Vec<String>> {
        if aggregator.is_some_and(|aggregator| aggregator.kind == AggregationKind::Count) {
            return None;
        }
        let path = below(path, "property");
        let Some(property) = meter.member("property").filter(|property| !is_empty(property)) else {
            self.findings.fault(&path, "missing", "is required but for COUNT");
            return None;
        };
        self.path_of(property, &path).map(|path| path.keys)
    }

    fn group_keys(&mut self, meter: &Json, path: &[Step]) -> Vec<GroupPath> {
        let path = below(path, "group_keys");
        let listed = match meter.member("group_keys") {
            None => &[],
            Some(Json::List(keys)) => keys.as_slice(),
            Some(other) => {
                self.wrong_type(&path, other, "a list of texts");
                return Vec::new();
            }
        };
        let mut group_keys: Vec<GroupPath> = Vec::new();
        for (place, key) in listed.iter().enumerate() {
            let path = [path.as_slice(), &[Step::Item(place)]].concat();
            let key = self.path_of(key, &path);
            group_keys.extend(key.filter(|key| !group_keys.iter().any(|it| it.keys == key.keys)));
        }
        if group_keys.len() > GROUP_KEYS_MAX {
            let message = format!("has {} keys: at most {GROUP_KEYS_MAX}", group_keys.len());
            self.findings.fault(&path, "invalid", message);
        }
        group_keys
    }

    fn path_of(&mut self, json: &Json, path: &[Step]) -> Option<GroupPath> {
        let Json::Text(text) = json else {
            self.wrong_type(path, json, "a text");
            return None;
        };
        match GroupPath::parse(text) {
            Ok(found) => Some(found),
            Err(message) => {
                self.findings.fault(path, "invalid", message);
                None
            }
        }
    }
}
