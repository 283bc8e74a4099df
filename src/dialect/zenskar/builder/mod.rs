//! `visual_query_builder`: a table, groups of filters, and one aggregate, put together by hand.
//!
//! It counts where no query is given. Mappings name the columns that every event has; one that names another column is
//! refused, since events are not read otherwise. Keys that only describe are told of and kept; any other one that is not
//! known and could say what is counted is refused.

mod key;
mod operator;
#[cfg(test)]
mod tests;

use super::Compiled;
use super::compile::{Aggregation, Meaning, event_type, native_name};
use super::field::{Field, Kind, Members};
use crate::definition::GroupPath;
use crate::dialect::Fault;

use super::VALUE_ERROR;

/// Compiles a builder.
///
/// # Errors
/// Every fault in it, each with its path.
pub(super) fn compile(field: &Field<'_>) -> Result<Compiled, Vec<Fault>> {
    let members = field.members().map_err(|fault| vec![fault])?;
    let mut reader = Reader { table: String::new(), faults: Vec::new(), warnings: Vec::new() };
    reader.unknown(
        field,
        &members,
        &[
            "table_name",
            "visual_query",
            "aggregate_operation",
            "customer_mapping",
            "start_date_mapping",
            "end_date_mapping",
        ],
    );
    let event_type = reader.table(field, &members);
    let filter = field.member(&members, "visual_query").and_then(|query| reader.query(&query));
    let measure = reader.measure(field, &members);
    for (key, wanted) in [
        ("customer_mapping", Column::Customer),
        ("start_date_mapping", Column::Time),
        ("end_date_mapping", Column::Time),
    ] {
        if let Some(mapping) = field.member(&members, key) {
            reader.mapping(&mapping, &wanted);
        }
    }
    let (Some(event_type), Some(measure)) = (event_type, measure) else {
        return Err(reader.faults);
    };
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    let meaning = Meaning {
        event_type,
        filters: filter.into_iter().chain(measure.known).collect(),
        aggregation: measure.aggregation,
        value: measure.value,
        percentile: None,
        buckets: None,
        is_recurring: false,
        result: None,
        group_by: Vec::new(),
        warnings: reader.warnings,
    };
    meaning.compile().map_err(|message| vec![field.fault(VALUE_ERROR, message)])
}

/// A column that a builder names.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Column {
    Customer,
    Time,
    Property(Vec<String>),
}

/// What is aggregated.
struct Measure {
    aggregation: Aggregation,
    /// Native text; `None` where events are counted.
    value: Option<String>,
    /// A condition that what is counted must fulfil.
    known: Option<String>,
}

/// Keeps what is found on the way.
struct Reader {
    /// Name of the table, which may stand before a column.
    table: String,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl Reader {
    /// Keeps a fault, and goes on.
    fn keep<T>(&mut self, outcome: Result<T, Fault>) -> Option<T> {
        outcome.map_err(|fault| self.faults.push(fault)).ok()
    }

    fn fault(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.faults.push(field.fault(VALUE_ERROR, message));
    }

    fn unknown(&mut self, field: &Field<'_>, members: &Members, known: &[&str]) {
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let Some(member) = field.member(members, key) else { continue };
            if let Some(message) = key::misplaced(key, &member) {
                self.fault(&member, message);
            } else {
                let path = member.fault(VALUE_ERROR, "").path_text();
                self.warnings.push(format!("unknown key `{path}` is kept, and not looked at"));
            }
        }
    }

    fn missing(&mut self, field: &Field<'_>, key: &str) {
        let mut fault = field.fault("missing", "Field required");
        fault.path.push(crate::dialect::Step::Key(key.to_owned()));
        self.faults.push(fault);
    }

    fn table(&mut self, field: &Field<'_>, members: &Members) -> Option<String> {
        let Some(name) = field.member(members, "table_name") else {
            self.missing(field, "table_name");
            return None;
        };
        let text = name.text();
        let table = self.keep(text)?;
        let event_type = event_type(&table);
        if event_type.is_none() {
            self.fault(&name, "expected a table, such as raw_metric_requests");
        }
        self.table = table;
        event_type
    }

    /// The native text of all filters; `None` where there are none.
    fn query(&mut self, field: &Field<'_>) -> Option<String> {
        if field.kind() == Kind::Null {
            return None;
        }
        let members = self.keep(field.members())?;
        self.unknown(field, &members, &["logic", "groups"]);
        let groups = self.list(field, &members, "groups", Self::group);
        self.joined(field, &members, &groups)
    }

    fn group(&mut self, field: &Field<'_>) -> Option<String> {
        let members = self.keep(field.members())?;
        self.unknown(field, &members, &["logic", "filters"]);
        let filters = self.list(field, &members, "filters", Self::filter);
        self.joined(field, &members, &filters)
    }

    /// What each element of a list comes to; one that comes to nothing is left out.
    fn list(
        &mut self,
        field: &Field<'_>,
        members: &Members,
        key: &str,
        read: fn(&mut Self, &Field<'_>) -> Option<String>,
    ) -> Vec<String> {
        let Some(list) = field.member(members, key).filter(|list| list.kind() != Kind::Null) else {
            return Vec::new();
        };
        let elements = self.keep(list.elements()).unwrap_or_default();
        let elements = elements.iter().enumerate();
        elements.filter_map(|(index, raw)| read(self, &list.element(index, raw))).collect()
    }

    /// Conditions with the object's `logic` between.
    fn joined(&mut self, field: &Field<'_>, members: &Members, parts: &[String]) -> Option<String> {
        let logic = field.member(members, "logic").filter(|logic| logic.kind() != Kind::Null);
        let between = match &logic {
            None => " AND ",
            Some(logic) => match self.keep(logic.text())?.trim().to_ascii_uppercase().as_str() {
                "AND" | "ALL" | "" => " AND ",
                "OR" | "ANY" => " OR ",
                other => {
                    let message = format!("unknown logic `{other}`: write AND or OR");
                    self.fault(logic, message);
                    return None;
                }
            },
        };
        (!parts.is_empty()).then(|| format!("({})", parts.join(between)))
    }

    fn filter(&mut self, field: &Field<'_>) -> Option<String> {
        let members = self.keep(field.members())?;
        self.unknown(field, &members, &["column", "operator", "value"]);
        let column = field.member(&members, "column");
        if column.is_none() {
            self.missing(field, "column");
        }
        let column = column.and_then(|column| self.column(&column));
        let Some(name) = field.member(&members, "operator") else {
            self.missing(field, "operator");
            return None;
        };
        let operator = operator::read(&name);
        let operator = self.keep(operator)?;
        let operand = match column? {
            Column::Customer => "customer".to_owned(),
            Column::Property(keys) => native_name(&keys),
            Column::Time => {
                self.fault(field, "timestamp is bounded by the period, and no filter is over it");
                return None;
            }
        };
        let value = field.member(&members, "value");
        let condition = operator::condition(operator, operand, field, value);
        self.keep(condition)
    }

    /// The column that a text names.
    fn column(&mut self, field: &Field<'_>) -> Option<Column> {
        let name = self.keep(field.text())?;
        let name = name.trim();
        let before = format!("{}.", self.table);
        let name = name.strip_prefix(&before).unwrap_or(name);
        let path = name.strip_prefix("data.").map(GroupPath::parse);
        match (name, path) {
            ("customer_id", _) => Some(Column::Customer),
            ("timestamp", _) => Some(Column::Time),
            (_, Some(Ok(path))) => Some(Column::Property(path.keys)),
            _ => {
                let message = format!(
                    "unknown column `{name}`: columns are customer_id, timestamp and data.key"
                );
                self.fault(field, message);
                None
            }
        }
    }

    fn measure(&mut self, field: &Field<'_>, members: &Members) -> Option<Measure> {
        let Some(operation) = field.member(members, "aggregate_operation") else {
            self.missing(field, "aggregate_operation");
            return None;
        };
        let members = self.keep(operation.members())?;
        self.unknown(&operation, &members, &["type", "column"]);
        let Some(kind) = operation.member(&members, "type") else {
            self.missing(&operation, "type");
            return None;
        };
        let aggregation = operator::aggregation(&kind);
        let aggregation = self.keep(aggregation)?;
        let is_given = |column: &Field<'_>| {
            column.kind() != Kind::Null
                && !matches!(column.text().as_deref().map(str::trim), Ok("" | "*"))
        };
        let Some(column) = operation.member(&members, "column").filter(is_given) else {
            if aggregation == Aggregation::Count {
                return Some(Measure { aggregation, value: None, known: None });
            }
            self.missing(&operation, "column");
            return None;
        };
        let operand = match self.column(&column)? {
            Column::Property(keys) => native_name(&keys),
            Column::Customer if aggregation == Aggregation::UniqueCount => "customer".to_owned(),
            Column::Customer | Column::Time if aggregation == Aggregation::Count => {
                return Some(Measure { aggregation, value: None, known: None });
            }
            Column::Customer | Column::Time => {
                self.fault(&column, "no number: name one of data's keys, as in data.units");
                return None;
            }
        };
        // As in a query: what is counted is there.
        let is_counted = matches!(aggregation, Aggregation::Count | Aggregation::UniqueCount);
        let known = is_counted.then(|| format!("{operand} IS NOT NULL"));
        let value = (aggregation != Aggregation::Count).then_some(operand);
        Some(Measure { aggregation, value, known })
    }

    /// A mapping names the column that events have, or nothing.
    fn mapping(&mut self, field: &Field<'_>, wanted: &Column) {
        match field.kind() {
            Kind::Null => {}
            Kind::Object => {
                for (key, raw) in self.keep(field.members()).unwrap_or_default() {
                    let mut path = field.path.clone();
                    path.push(crate::dialect::Step::Key(key));
                    self.mapping(&Field { path, raw: &raw }, wanted);
                }
            }
            Kind::Text | Kind::Boolean | Kind::Number | Kind::List => {
                let Some(name) = self.keep(field.text()) else { return };
                let name = name.trim();
                let is_theirs = *wanted == Column::Customer
                    && matches!(name, "external_id" | "customer.external_id");
                if name.is_empty() || is_theirs || name == self.table {
                    return;
                }
                if self.column(field).is_some_and(|column| column != *wanted) {
                    let wanted = match wanted {
                        Column::Customer => "the customer is the event's customer_id",
                        Column::Time | Column::Property(_) => "the time is the event's timestamp",
                    };
                    self.fault(field, format!("{wanted}, and no other column is taken for it"));
                }
            }
        }
    }
}
